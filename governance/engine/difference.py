"""What one release answers differently from another. The law: every difference has a witness.

For each action the values of all tested fields are cut into classes that no rule of either release
can tell apart; one request for every combination is decided by both. Within the budget that is all
requests there are, with nothing in the past; beyond it the combinations are those that single rules
ask for, and `complete` is False. What is compared is allow, approval or deny: a changed limit or a
changed seat of an approval is told by `words`, not here. An action that only one release knows is a difference by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from math import prod
from typing import Final

from governance.engine import words
from governance.engine.analyse import Term, TooMany, field_classes, terms
from governance.engine.cases import AGENT
from governance.engine.compile import Candidate, Release
from governance.engine.decide import decide, needs
from governance.engine.model import ABSENT, NOTHING, Effect, Request, Value, Verdict
from governance.engine.rules import Test
from governance.engine.vocabulary import Reading

BUDGET: Final = 4_000
"""At most so many requests are decided for one action."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Requests for one action whose answer changes in one way. `witness` is one of them, by field
    in words; `before` and `after` are effects; `was` and `by` name what decided and what decides
    now; `count` counts the combinations found."""

    action: str
    before: str
    after: str
    looser: bool
    was: str
    by: str
    witness: Mapping[str, str]
    count: int


@dataclass(frozen=True, slots=True)
class Differences:
    """All differences, looser ones first. `complete` = every combination was decided."""

    found: tuple[Difference, ...]
    complete: bool


def diff(old: Release, new: Release, at: datetime, budget: int = BUDGET) -> Differences:
    """The requests that the new release answers differently from the old one."""
    found: dict[tuple[str, Effect, Effect, str, str], tuple[Request, int]] = {}
    complete = True
    actions = sorted({*old.plans, *new.plans})
    tables = {action: field_classes((old, new), action) for action in actions}
    for action, tested in tables.items():
        whole = prod(len(values) for values in tested.values()) <= budget
        complete = complete and whole
        if whole:
            combinations = _all(tested)
        else:
            combinations = _around_rules((old, new), action, tested, budget)
        for chosen in combinations:
            before, after, request = _both(old, new, action, chosen, at)
            if before.effect is after.effect:
                continue
            key = (action, before.effect, after.effect, _decides(before), _decides(after))
            first, count = found.get(key, (request, 0))
            found[key] = (first, count + 1)
    made = [
        Difference(
            action=action,
            before=before.word,
            after=after.word,
            looser=after < before,
            was=was,
            by=by,
            witness=_witness(request, tables[action], _hidden((old, new), action)),
            count=count,
        )
        for (action, before, after, was, by), (request, count) in found.items()
    ]
    made.sort(
        key=lambda each: (not each.looser, each.action, each.before, each.after, each.was, each.by)
    )
    return Differences(tuple(made), complete)


def _decides(verdict: Verdict) -> str:
    return next((f.name for f in verdict.findings if f.effect is verdict.effect), "")


def _all(tested: Mapping[str, tuple[Value, ...]]) -> Iterator[dict[str, Value]]:
    for values in product(*tested.values()):
        yield dict(zip(tested, values, strict=True))


def _around_rules(
    releases: tuple[Release, ...],
    action: str,
    tested: Mapping[str, tuple[Value, ...]],
    budget: int,
) -> Iterator[dict[str, Value]]:
    """For every way a rule can match: a request that does, and its neighbours in two fields."""
    quiet = {name: _quietest(releases, action, name, values) for name, values in tested.items()}
    left = budget
    for release in releases:
        for candidate in release.candidates(action) if action in release.plans else ():
            for term in _terms(candidate):
                base = {**quiet, **_fitting(term, tested)}
                for chosen in _neighbours(base, tested):
                    if left <= 0:
                        return
                    left -= 1
                    yield chosen


def _neighbours(
    base: Mapping[str, Value], tested: Mapping[str, tuple[Value, ...]]
) -> Iterator[dict[str, Value]]:
    yield dict(base)
    for name, values in tested.items():
        yield from ({**base, name: value} for value in values)


def _fitting(term: Term, tested: Mapping[str, tuple[Value, ...]]) -> dict[str, Value]:
    """Values under which every comparison of a term holds, where there are such."""
    chosen: dict[str, Value] = {}
    for name, values in tested.items():
        about = [x for x in term if isinstance(x.test, Test) and x.test.field == name]
        for value in values if about else ():
            if all(literal.fits(value) for literal in about):
                chosen[name] = value
                break
    return chosen


def _terms(candidate: Candidate) -> tuple[Term, ...]:
    try:
        return terms(candidate.condition, True, candidate.lists, Reading(candidate.allow))
    except TooMany:
        return ()


def _quietest(
    releases: tuple[Release, ...], action: str, name: str, values: tuple[Value, ...]
) -> Value:
    """The value under which the fewest denies and approvals hold."""
    literals = [
        literal
        for release in releases
        for candidate in (release.candidates(action) if action in release.plans else ())
        if not candidate.allow
        for term in _terms(candidate)
        for literal in term
        if isinstance(literal.test, Test) and literal.test.field == name
    ]
    return min(values, key=lambda value: sum(literal.fits(value) for literal in literals))


def _both(
    old: Release, new: Release, action: str, chosen: Mapping[str, Value], at: datetime
) -> tuple[Verdict, Verdict, Request]:
    plan = new.plans.get(action) or old.plans[action]
    fields: dict[str, Value] = {
        **AGENT,
        "context.obligations_supported": ("redact", "notify", "log", "tell_user"),
    }
    fields["tool.labels"] = plan.action.labels
    fields["tool.risk"] = plan.action.risk.word
    for name, arg in plan.action.args.items():
        fields[f"args.{name}"] = ABSENT if not arg.required else _ordinary(arg.type.name)
    fields.update(chosen)
    names = {
        f"args.{name}": "s-witness"
        for name, arg in plan.action.args.items()
        if arg.cls == "identity"
    }
    request = Request(action, fields, (), True, names)
    verdicts = []
    for release in (old, new):
        facts = dict.fromkeys(needs(release, request, at), NOTHING)
        verdicts.append(decide(release, request, facts, at))
    return verdicts[0], verdicts[1], request


def _ordinary(kind: str) -> Value:
    return () if kind.startswith("list of ") else "something"


def _hidden(releases: tuple[Release, ...], action: str) -> frozenset[str]:
    """Identity arguments: their values may be members of a list."""
    plans = [release.plans[action] for release in releases if action in release.plans]
    return frozenset(
        f"args.{name}"
        for plan in plans
        for name, arg in plan.action.args.items()
        if arg.cls == "identity"
    )


def _witness(
    request: Request, tested: Mapping[str, tuple[Value, ...]], hidden: frozenset[str]
) -> dict[str, str]:
    out = {}
    for name in tested:
        value = request.fields.get(name)
        if name in hidden:
            out[name] = "not shown (an identity)"
        elif value is ABSENT:
            out[name] = "not given"
        elif isinstance(value, tuple):
            out[name] = words.joined([words.value(item) for item in value]) or "nothing"
        elif value is not None:
            out[name] = words.value(value)  # type: ignore[arg-type]
    return out
