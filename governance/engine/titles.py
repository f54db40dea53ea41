"""What a title says that its rule does not. The law: a title is a promise, and doubt is no finding.

People who sign read titles. A title that names an amount, a length of time, a country, a role, two
people, or the opposite of the effect is held against the rule below it. Only what can be read in one
way is compared: numbers that stand for something else (`Art. 14`, `L3`) and words that could mean two
things are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from governance.engine.codes import COUNTRY_NAMES
from governance.engine.load import Bundle
from governance.engine.model import ApprovalClause, Effect, LoadFinding, Money, Scalar
from governance.engine.reach import histories_of, tests_of
from governance.engine.rules import All, Any, Condition, Limit, ListUse, Not, PolicyFile, Rule, Test

_GAP: Final = "[ \u00a0\u2009\u202f,.']"
_NUMBER: Final = re.compile(
    rf"(?<![\w.,/§-])([0-9]{{1,3}}(?:{_GAP}[0-9]{{3}})+(?![0-9])|[0-9]+)([.,][0-9]{{1,2}})?"
    r"(?: ?(million|thousand|k|m)\b)?(?![\w/-]|[.,][0-9])(?: ?(%|percent\b))?",
    re.I,
)
_ABOUT_TEXTS: Final = re.compile(
    r"(?:\b(?:art|article|articles|annex|section|sec|chapter|point|paragraph|para|no|nr|number|iso|"
    r"rule|version|form|level|stage|phase|tier|class|soc|pci|step|recital|title|port)\.?|§)\s*$",
    re.I,
)
_TIMES: Final = {"million": 10**6, "m": 10**6, "thousand": 1000, "k": 1000}
_UNITS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_LASTING: Final = re.compile(r"\s*(second|minute|hour|day|week)s?\b", re.I)
_EACH: Final = re.compile(r"\b(?:a|an|per|each|every|one) (minute|hour|day|week)\b", re.I)
_COUNTS: Final = {"two": 2, "both": 2, "three": 3, "four": 4, "five": 5}
_PEOPLE: Final = re.compile(
    r"\b(two|three|four|five) (?:different )?(?:people|persons|humans|approvers|signatures|"
    r"approvals)\b",
    re.I,
)
_FOUR_EYES: Final = re.compile(
    r"\b(?:four[ -]eyes|dual control|second (?:person|signature))\b", re.I
)
_INSTEAD: Final = re.compile(r"\b(?:not|no|instead|rather|without|never)\b[^,;:.]*$", re.I)
_NEVER: Final = re.compile(
    r"^(?:never|no agent|nobody)\b|\b(?:is|are) (?:refused|denied|forbidden|blocked|not allowed)\b|"
    r"\b(?:must|may|can) (?:not|never)\b",
    re.I,
)
_FREE: Final = re.compile(r"\bgo(?:es)? through\b|\b(?:is|are) (?:free|allowed)\b", re.I)
_HEDGED: Final = re.compile(
    r"\b(?:without|unless|before|until|only|alone|if|when|once|with|after|itself|except|but)\b",
    re.I,
)
_UPWARD: Final = re.compile(r"\b(?:above|over|more than|beyond)\s*$", re.I)
_DOWNWARD: Final = re.compile(r"\b(?:up to|at most|below|no more than|less than)\s*$", re.I)
_UP: Final = frozenset({"above", "at_least"})
_DOWN: Final = frozenset({"below", "at_most"})

_COUNTRY: Final = re.compile(
    r"\b(" + "|".join(sorted(COUNTRY_NAMES, key=len, reverse=True)) + r")\b", re.I
)


def titles(bundle: Bundle) -> Iterator[LoadFinding]:
    """Every rule and limit whose title says what it does not do, one finding each."""
    known = _roles(bundle)
    for file in bundle.files:
        for each in file.speakers:
            said = next(_said(file, each, known), None)
            if said is not None:
                yield LoadFinding(file.path, each.line, each.column, "title-says-more",
                                  f"the title of `{each.id}` says {said}",
                                  "change the rule or its title: people sign what they read",
                                  "warning")  # fmt: skip


def _said(file: PolicyFile, each: Rule | Limit, roles: frozenset[str]) -> Iterator[str]:
    condition = each.when if isinstance(each, Rule) else each.of
    effect = each.effect if isinstance(each, Rule) else each.otherwise
    if isinstance(each, Rule):
        yield from _effect(each.title, effect)
    values = list(_values(file, each, condition))
    yield from _numbers(each, values)
    if isinstance(each, Rule) and effect is not Effect.DENY and not _negated(condition):
        yield from _direction(each.title, condition)
    yield from _countries(each.title, values, condition)
    if each.clause is not None:
        yield from _people(each.title, each.clause, roles)


def _effect(title: str, effect: Effect) -> Iterator[str]:
    """The opposite of the effect, said without an if."""
    if _HEDGED.search(title):
        return
    if effect is Effect.ALLOW and (found := _NEVER.search(title)):
        yield f"`{found[0]}`, and the effect is allow"
    if effect is not Effect.ALLOW and (found := _FREE.search(title)):
        yield f"`{found[0]}`, and the effect is {effect.word}"


def _numbers(each: Rule | Limit, values: list[Scalar]) -> Iterator[str]:
    """Numbers and lengths of time that are nowhere in the rule."""
    amounts = {number for value in values for number in _as_numbers(value)}
    lengths = {value for value in values if isinstance(value, timedelta)}
    if isinstance(each, Limit) and each.calendar_day:
        lengths.add(timedelta(days=1))
    for found in _NUMBER.finditer(each.title):
        if _ABOUT_TEXTS.search(each.title[: found.start()]):
            continue
        lasting = _LASTING.match(each.title, found.end())
        read = _readings(found)
        if lasting and not found[3] and not found[4]:
            second = _UNITS[lasting[1].lower()]
            meant = {timedelta(seconds=float(number * second)) for number in read}
            if not meant & lengths:
                yield f"`{found[0].strip()}{lasting[0].lower()}`, which is not in the rule"
        elif not read & amounts:
            yield f"`{found[0].strip()}`, which is not in the rule"
    if isinstance(each, Limit):
        for every in _EACH.finditer(each.title):
            if timedelta(seconds=_UNITS[every[1].lower()]) not in lengths:
                yield f"`{every[0]}`, and the limit counts another time"


def _readings(found: re.Match[str]) -> set[Decimal]:
    """What a number may mean: `1.500` is one and a half, or fifteen hundred."""
    digits, tail = found[1], found[2] or ""
    times = _TIMES.get((found[3] or "").lower(), 1)
    whole = re.sub(_GAP, "", digits)
    out = {Decimal(whole + tail.replace(",", "."))}
    if not tail and re.fullmatch(r"[0-9]{1,3}[.,][0-9]{3}", digits):
        out.add(Decimal(digits.replace(",", ".")))
    return {number * times for number in out}


def _as_numbers(value: Scalar) -> Iterator[Decimal]:
    if isinstance(value, Money):
        yield value.amount
    elif isinstance(value, timedelta):
        seconds = Decimal(value.total_seconds()).quantize(Decimal(1))
        yield from (seconds / unit for unit in _UNITS.values())
    elif isinstance(value, date | datetime):
        yield from map(Decimal, (value.year, value.month, value.day))
    elif isinstance(value, str):
        yield from (Decimal(digits) for digits in re.findall(r"[0-9]{1,18}", value))
    elif not isinstance(value, bool):
        yield Decimal(value)


def _values(file: PolicyFile, each: Rule | Limit, condition: Condition) -> Iterator[Scalar]:
    """Every constant of a rule: of its comparisons, lists, histories, approval and limit."""
    for test in tests_of(condition):
        yield from _constants(test, file)
    for history in histories_of(condition):
        if history.in_last is not None:
            yield history.in_last
    if isinstance(each, Limit):
        yield each.at_most
        if each.window is not None:
            yield each.window
    clause = each.clause
    if clause is not None:
        yield clause.answer_within
        yield clause.review_time
        yield from (seat.count for seat in clause.needs)
        yield sum(seat.count for seat in clause.needs)
        yield from clause.checklist
    for part in tests_of(file.applies_to):
        yield from _constants(part, file)


def _constants(test: Test, file: PolicyFile) -> Iterator[Scalar]:
    yield from test.constants
    for name in test.lists:
        use: ListUse | None = file.lists.get(name)
        yield from use.members if use is not None else ()
        yield name


def _negated(condition: Condition) -> bool:
    if isinstance(condition, Not):
        return True
    return isinstance(condition, All | Any) and any(map(_negated, condition.parts))


def _direction(title: str, condition: Condition) -> Iterator[str]:
    """`above` in the title where the rule says `at_most` of that number, and the other way round."""
    for found in _NUMBER.finditer(title):
        before, read = title[: found.start()], _readings(found)
        ops = {
            test.op
            for test in tests_of(condition)
            for value in test.constants
            if isinstance(value, Money | Decimal | int) and not isinstance(value, bool)
            and read & set(_as_numbers(value))
        }  # fmt: skip
        if ops and ops <= _DOWN and _UPWARD.search(before):
            yield f"above {found[0].strip()}, and the rule says {' and '.join(sorted(ops))}"
        if ops and ops <= _UP and _DOWNWARD.search(before):
            yield f"at most {found[0].strip()}, and the rule says {' and '.join(sorted(ops))}"


def _countries(title: str, values: list[Scalar], condition: Condition) -> Iterator[str]:
    """A country that a rule about countries does not name."""
    if not any("country" in test.kind for test in tests_of(condition)):
        return
    for found in _COUNTRY.finditer(title):
        if COUNTRY_NAMES[found[1].lower()] not in values:
            yield f"`{found[1]}`, and `{COUNTRY_NAMES[found[1].lower()]}` is not in the rule"


def _people(title: str, clause: ApprovalClause, roles: frozenset[str]) -> Iterator[str]:
    """More people than are asked for, or a role that is not."""
    seats = sum(seat.count for seat in clause.needs)
    asked = {seat.role for seat in clause.needs}
    wanted = [(found[0], _COUNTS[found[1].lower()]) for found in _PEOPLE.finditer(title)]
    wanted += [(found[0], 2) for found in _FOUR_EYES.finditer(title)]
    for words, count in wanted:
        if seats < count:
            yield f"`{words}`, and the rule asks for {seats}"
    for role in sorted(roles - asked):
        named = re.search(rf"\b{re.escape(role).replace('_', '[ _-]')}\b", title, re.I)
        if named and not _INSTEAD.search(title[: named.start()]):
            yield f"`{role}`, and the rule asks for {', '.join(sorted(asked))}"


def _roles(bundle: Bundle) -> frozenset[str]:
    """The roles that files of the release ask for; words such as `agent` say too much."""
    clauses: Iterable[ApprovalClause | None] = (
        each.clause for file in bundle.files for each in file.speakers
    )
    return frozenset(
        seat.role for clause in clauses if clause is not None for seat in clause.needs
    ) - {"agent", "user", "owner", "person", "team"}
