"""What rules do to each other. The law: a remark is proved, and doubt is no remark.

Because a comparison looks at one field and at constants, it can be decided exactly whether one
condition implies another: their difference is written as alternatives of comparisons, and one
alternative is possible only if every field in it has a value that fits. Histories and comparisons of
two fields are free: nothing is concluded from them but that they contradict their own negation. Where
the alternatives become too many nothing is said.

`remarks` finds rules that never decide anything; `diff` names requests that two releases answer
differently, each with a witness that both have decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

from governance.engine.catalogue import ActionType
from governance.engine.classes import classes, constants_of, samples
from governance.engine.compile import Release
from governance.engine.model import ABSENT, Effect, Mode, Value
from governance.engine.reach import conjuncts, specialise
from governance.engine.rules import (
    ActionIs,
    All,
    Any,
    Condition,
    History,
    ListUse,
    Not,
    PolicyFile,
    Rule,
    Test,
)
from governance.engine.vocabulary import Reading, check

ALTERNATIVES: Final = 400
"""More alternatives than this are not looked through."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing a person should know about a rule. `code` is `no-effect` (an allow that is always
    denied), `shadowed` (a stricter rule always speaks, too) or `redundant` (another rule of the
    same effect covers it). `by` names the other rule."""

    policy: str
    rule: str
    code: str
    by: str
    message: str
    path: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A comparison or history, or its negation, with the lists of its file and the way its rule is
    read. `doubt` = *cannot tell* satisfies it, too."""

    test: Test | History
    holds: bool
    lists: Mapping[str, ListUse]
    reading: Reading
    doubt: bool = False

    def fits(self, value: Value) -> bool:
        """Tell whether one value of the field satisfies this; a history is never contradicted."""
        if isinstance(self.test, History) or self.test.other is not None:
            return True
        run = check(self.test, constants_of(self.test, self.lists), self.reading)
        answer = run({self.test.field: value})
        return answer is self.holds or (self.doubt and answer is None)


Term = tuple[Literal, ...]


class TooMany(Exception):
    """The alternatives are too many to look through."""


def remarks(release: Release) -> tuple[Remark, ...]:
    """Every rule that never decides anything, in file order."""
    files = [file for file in release.bundle.files if file.mode is not Mode.DRAFT]
    every = [(file, rule) for file in files for rule in file.rules]
    found = []
    for file, rule in every:
        others = [(f, r) for f, r in every if r is not rule and _stands_above(file, rule, f, r)]
        for other_file, other in others:
            if _covers(release, file, rule, other_file, other):
                found.append(_remark(file, rule, other_file, other))
                break
    return tuple(found)


def _stands_above(file: PolicyFile, rule: Rule, other_file: PolicyFile, other: Rule) -> bool:
    """True when `other`, if it always matched with `rule`, would leave `rule` nothing to decide."""
    if other_file.mode is not Mode.ENFORCE or other.attested_only or rule.obligations:
        return False
    if other.effect is Effect.DENY:
        stricter = rule.effect is not Effect.DENY or set(other.waivable_by) <= set(rule.waivable_by)
        if rule.effect is not Effect.DENY:
            # A deny that people may lift leaves the other rule something to say.
            return not other.waivable_by
        return stricter and not _twin(file, rule, other_file, other)
    if rule.effect is Effect.ALLOW and other.effect is Effect.ALLOW:
        return (
            file is other_file
            and rule.severity >= other.severity
            and not _twin(file, rule, other_file, other)
        )
    return False


def _twin(file: PolicyFile, rule: Rule, other_file: PolicyFile, other: Rule) -> bool:
    """True when the other rule comes later and says the same: then only the later is remarked."""
    same = rule.when == other.when and rule.waivable_by == other.waivable_by
    return same and (file.policy, rule.line) < (other_file.policy, other.line)


def _remark(file: PolicyFile, rule: Rule, other_file: PolicyFile, other: Rule) -> Remark:
    by = f"{other_file.policy}/{other.id}"
    if rule.effect is other.effect:
        code, message = "redundant", f"`{rule.id}` adds nothing: `{by}` covers all of it"
    elif rule.effect is Effect.ALLOW:
        code, message = "no-effect", f"`{rule.id}` never allows anything: `{by}` always refuses it"
    else:
        code, message = "shadowed", f"`{rule.id}` never decides: `{by}` always refuses it"
    return Remark(file.policy, rule.id, code, by, message, file.path, rule.line, rule.column)


def _covers(
    release: Release, file: PolicyFile, rule: Rule, other_file: PolicyFile, other: Rule
) -> bool:
    whole = All((*conjuncts(file.applies_to), *conjuncts(rule.when)))
    cover = All((*conjuncts(other_file.applies_to), *conjuncts(other.when)))
    governed = file.governs if rule.effect is Effect.ALLOW else tuple(release.catalogue.actions)
    reached = False
    for name in governed:
        action = release.catalogue.actions[name]
        left = specialise(whole, action)
        if left is False:
            continue
        reached = True
        one = _Side(left, file.lists, rule.effect is Effect.ALLOW)
        two = _Side(cover, other_file.lists, other.effect is Effect.ALLOW)
        if not implies(one, two, action):
            return False
    return reached


@dataclass(frozen=True, slots=True)
class _Side:
    """A condition with the lists of its file; `allow` = it is read as in an allow."""

    condition: Condition | bool
    lists: Mapping[str, ListUse]
    allow: bool

    def left(self, action: ActionType) -> Condition | bool:
        found = self.condition
        return found if isinstance(found, bool) else specialise(found, action)


def implies(one: _Side, other: _Side, action: ActionType) -> bool:
    """True when it is proved that for this action the first rule never matches without the second.

    *Cannot tell* matches in a deny or an approval and not in an allow. False when the first may
    match alone, and when there are too many alternatives.
    """
    first, second = one.left(action), other.left(action)
    if first is False or second is True:
        return True
    try:
        holding = terms(first, True, one.lists, Reading(one.allow), doubt=not one.allow)
        failing = terms(second, False, other.lists, Reading(other.allow), doubt=other.allow)
        if len(holding) * len(failing) > ALTERNATIVES * 10:
            return False
        return not any(
            possible((*term, *against), action) for term, against in product(holding, failing)
        )
    except TooMany:
        return False


def terms(
    condition: Condition | bool,
    wanted: bool,
    lists: Mapping[str, ListUse],
    reading: Reading,
    *,
    doubt: bool = False,
) -> tuple[Term, ...]:
    """The alternatives under which a condition holds (or not), each a set of literals.

    `doubt` = *cannot tell* is as good. Raises TooMany.
    """
    if isinstance(condition, bool):
        return ((),) if condition is wanted else ()
    if isinstance(condition, Test | History):
        return ((Literal(condition, wanted, lists, reading, doubt),),)
    if isinstance(condition, ActionIs):
        raise TooMany
    if isinstance(condition, Not):
        return terms(condition.part, not wanted, lists, reading.flipped(), doubt=doubt)
    parts = [terms(part, wanted, lists, reading, doubt=doubt) for part in condition.parts]
    if isinstance(condition, Any) is wanted:
        return tuple(term for part in parts for term in part)
    made: tuple[Term, ...] = ((),)
    for part in parts:
        made = tuple((*term, *more) for term in made for more in part)
        if len(made) > ALTERNATIVES:
            raise TooMany
    return made


def possible(term: Term, action: ActionType) -> bool:
    """True unless it is proved that the literals cannot hold together."""
    fields: dict[str, list[Literal]] = {}
    atoms: dict[Test | History, bool] = {}
    for literal in term:
        test = literal.test
        if isinstance(test, History) or test.other is not None:
            if atoms.setdefault(test, literal.holds) is not literal.holds:
                return False
        else:
            fields.setdefault(test.field, []).append(literal)
    return all(_fits(name, literals, action) for name, literals in fields.items())


def _fits(name: str, literals: list[Literal], action: ActionType) -> bool:
    kind = action.type_of(name)
    if kind is None or not _complete(literals):
        return True
    declared = action.declared(name)
    optional = declared is not None and not declared.required
    tried: Iterable[Value] = (
        value
        for each in literals
        if isinstance(each.test, Test)
        for value in samples(each.test, kind, each.lists, optional)
    )
    return any(all(each.fits(value) for each in literals) for value in tried)


_EXACT: Final = frozenset(
    [
        "is",
        "is_not",
        "one_of",
        "none_of",
        "above",
        "at_least",
        "below",
        "at_most",
        "between",
        "is_set",
        "in_domain",
        "not_in_domain",
        "under",
        "not_under",
    ]
)


def _complete(literals: list[Literal]) -> bool:
    """True when the sampled values stand for all: one value against constants. Lists of values and
    patterns of names are not, except where one literal is the exact negation of another."""
    tests = [each.test for each in literals if isinstance(each.test, Test)]
    if all(t.op in _EXACT and not t.kind.startswith("list of ") for t in tests):
        return True
    said: dict[Test, bool] = {}
    return any(
        said.setdefault(each.test, each.holds) is not each.holds
        for each in literals
        if isinstance(each.test, Test)
    )


def field_classes(releases: Iterable[Release], action: str) -> dict[str, tuple[Value, ...]]:
    """For one action: each tested field with one value for each way its comparisons come out."""
    tests: dict[str, list[tuple[Test, Mapping[str, ListUse]]]] = {}
    declared: ActionType | None = None
    for release in releases:
        plan = release.plans.get(action)
        if plan is None:
            continue
        declared = plan.action
        for test, lists in _tests_about(release, action):
            tests.setdefault(test.field, []).append((test, lists))
    if declared is None:
        return {}
    out = {}
    for name, found in tests.items():
        kind = declared.type_of(name)
        if kind is not None:
            arg = declared.declared(name)
            optional = arg is not None and not arg.required
            values = classes(found, kind, optional)
            out[name] = values or (ABSENT,)
    return out


def _tests_about(release: Release, action: str) -> Iterator[tuple[Test, Mapping[str, ListUse]]]:
    plan = release.plans[action]
    for candidate in release.candidates(action):
        yield from ((test, candidate.lists) for test in _leaves(candidate.condition))
    for governor in plan.governors:
        left = specialise(governor.file.applies_to, plan.action)
        yield from ((test, governor.file.lists) for test in _leaves(left))
    by_name = {file.policy: file for file in release.bundle.files}
    for cap in plan.caps:
        file = by_name[cap.policy]
        for part in (cap.limit.of, file.applies_to):
            left = specialise(part, plan.action)
            yield from ((test, file.lists) for test in _leaves(left))


def _leaves(condition: Condition | bool) -> Iterator[Test]:
    if isinstance(condition, Test):
        yield condition
    elif isinstance(condition, Not):
        yield from _leaves(condition.part)
    elif isinstance(condition, All | Any):
        for part in condition.parts:
            yield from _leaves(part)
