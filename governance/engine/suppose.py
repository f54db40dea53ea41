"""Finds the smallest change of a request that would have lowered its verdict. The law: it was tried.

A change is a new value for one field, or for the few fields that one allow rule lacks. Each is put
into the request and decided again; only what really lowers the verdict is reported. Constants of
rules are shown, members of lists are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Final

from governance.engine import words
from governance.engine.classes import samples
from governance.engine.compile import Candidate, Cap, Plan, Release
from governance.engine.decide import decide
from governance.engine.model import (
    NOTHING,
    CannotTell,
    Effect,
    FactQuery,
    Money,
    Request,
    Scalar,
    Total,
    Value,
    Verdict,
)
from governance.engine.nodes import Context, Node, queries
from governance.engine.rules import All, Any, History, Not, Test
from governance.engine.totals import amount_of, cap_queries

TRIED: Final = 60
"""At most so many changes are tried for one request."""
SHOWN: Final = 5

Facts = Mapping[FactQuery, Total]
_NEVER: Final = ("agent.id", "session.id", "session.stops", "agent.owner")
_OPPOSITE: Final = {
    "is": "is_not", "one_of": "none_of", "above": "at_most", "at_least": "below",
    "contains_any": "contains_none", "under": "not_under", "in_domain": "not_in_domain",
    "same_as_field": "not_same_as_field", "count_at_most": "count_above",
}  # fmt: skip
OPPOSITES: Final = {**_OPPOSITE, **{no: yes for yes, no in _OPPOSITE.items()}}


@dataclass(frozen=True, slots=True)
class Change:
    """What would be different (`says`, clauses that follow `if`; `fields`), what the verdict would
    be, by which rule, and what was not looked at."""

    says: tuple[str, ...]
    effect: Effect
    by: str = ""
    note: str = ""
    fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Step:
    """One supposed difference: new field values, or new facts."""

    says: str
    fields: Mapping[str, Value]
    facts: Mapping[FactQuery, Total]
    note: str = ""


def enough(
    release: Release,
    request: Request,
    facts: Facts,
    at: datetime,
    lifted: frozenset[str],
    verdict: Verdict,
) -> tuple[Change, ...]:
    """The smallest changes that lower the verdict, best first: fewest differences, then loosest.
    Empty when it is an allow, or when no small change would do."""
    plan = release.plans.get(request.action)
    if verdict.effect is Effect.ALLOW or plan is None:
        return ()
    context = Context(request, facts, at)
    seeker = _Seeker(plan, request, context)
    found: dict[tuple[str, ...], Change] = {}
    for steps in islice(seeker.ideas(release, verdict), TRIED):
        says = tuple(dict.fromkeys(step.says for step in steps))
        if says in found:
            continue
        changed = _merged(steps)
        fields = {**request.fields, **changed}
        supposed = replace(request, fields=fields)
        known = {**facts, **{q: t for step in steps for q, t in step.facts.items()}}
        result = decide(release, supposed, known, at, lifted)
        if result.effect < verdict.effect:
            by = next((f.name for f in result.findings if f.effect is result.effect), "")
            notes = "; ".join(dict.fromkeys(step.note for step in steps if step.note))
            found[says] = Change(says, result.effect, by, notes, frozenset(changed))
    ordered = sorted(found.values(), key=lambda c: (c.effect, len(c.says), c.says))
    return tuple(_smallest(ordered))[:SHOWN]


def _smallest(changes: Iterable[Change]) -> Iterator[Change]:
    """Leave out a change that only adds to a smaller one, or says it again about the same fields."""
    kept: list[Change] = []
    for change in changes:
        mine = set(change.says)
        again = any(k.fields and k.fields == change.fields and k.by == change.by for k in kept)
        if not again and not any(set(k.says) <= mine and k.effect <= change.effect for k in kept):
            kept.append(change)
            yield change


def _merged(steps: Iterable[_Step]) -> dict[str, Value]:
    return {name: value for step in steps for name, value in step.fields.items()}


@dataclass(frozen=True, slots=True)
class _Seeker:
    plan: Plan
    request: Request
    context: Context

    def ideas(self, release: Release, verdict: Verdict) -> Iterator[tuple[_Step, ...]]:
        """Changes worth trying: undo what forbids, give what an allow lacks, and both together."""
        forbids = [
            (candidate, undo)
            for candidate in release.candidates(self.request.action)
            if not candidate.allow
            and any(f.name == candidate.finding.name and not f.lifted for f in verdict.findings)
            for undo in islice(self.change(candidate.node, False, candidate), 3)
        ]
        allows = [
            steps
            for candidate in release.candidates(self.request.action)
            if candidate.allow
            for steps in islice(self.change(candidate.node, True, candidate), 2)
        ]
        caps = [step for cap in self.plan.caps for step in self._less(cap, verdict)]
        yield from ((step,) for step in caps)
        yield from (undo for _, undo in forbids)
        yield from allows
        names = {candidate.finding.name for candidate, _ in forbids}
        firsts = [next(u for c, u in forbids if c.finding.name == name) for name in sorted(names)]
        together = tuple(step for undo in firsts for step in undo)
        if len(firsts) > 1:
            yield together
        for steps in allows:
            for _, undo in forbids:
                if not _clash(steps, undo):
                    yield (*steps, *undo)
            if together and not _clash(steps, together):
                yield (*steps, *together)

    def change(self, node: Node, wanted: bool, candidate: Candidate) -> Iterator[tuple[_Step, ...]]:
        """The ways to make a condition hold (or not), each a set of differences."""
        if node.test(self.request.fields, self.context) is wanted:
            yield ()
            return
        condition = node.condition
        if isinstance(condition, Not):
            yield from self.change(node.parts[0], not wanted, candidate)
        elif isinstance(condition, Test):
            step = self._value(condition, node, wanted, candidate)
            if step is not None:
                yield (step,)
        elif isinstance(condition, History):
            yield from self._past(condition, wanted)
        elif isinstance(condition, All | Any):
            if isinstance(condition, All) is wanted:
                yield from self._every(node.parts, wanted, candidate)
            else:
                for part in node.parts:
                    yield from self.change(part, wanted, candidate)

    def _every(
        self, parts: tuple[Node, ...], wanted: bool, candidate: Candidate
    ) -> Iterator[tuple[_Step, ...]]:
        steps: list[_Step] = []
        for part in parts:
            found = next(self.change(part, wanted, candidate), None)
            if found is None:
                return
            steps += found
        yield tuple(steps)

    def _value(self, test: Test, node: Node, wanted: bool, candidate: Candidate) -> _Step | None:
        name = test.field
        if name in _NEVER or name.startswith(("tool.", "time.")) or test.other is not None:
            return None
        kind = self.plan.action.type_of(name)
        if kind is None:
            return None
        declared = self.plan.action.declared(name)
        optional = declared is not None and not declared.required
        lost = isinstance(self.request.fields.get(name, CannotTell("missing")), CannotTell)
        for value in samples(test, kind, candidate.lists, optional):
            fields = {**self.request.fields, name: value}
            if node.test(fields, self.context) is wanted:
                says = _says(test, wanted, candidate, lost and not wanted)
                note = ""
                if declared is not None and declared.cls == "identity":
                    note = f"limits and history of another {declared.about} are not looked at"
                return _Step(says, {name: value}, {}, note)
        return None

    def _past(self, history: History, wanted: bool) -> Iterator[tuple[_Step, ...]]:
        asked = queries(history, self.plan.action, self.request.fields, self.context)
        if not asked:
            return
        happened = wanted is not history.negative
        total = Total(Decimal(1), 1) if happened else NOTHING
        supposed = {asked[0]: total, asked[1]: total, asked[2]: NOTHING}
        clause = words.history(history, {self.plan.action.name: self.plan.action})
        says = clause if wanted else f"it were not so that {clause}"
        yield (_Step(says, {}, supposed),)

    def _less(self, cap: Cap, verdict: Verdict) -> Iterator[_Step]:
        """Less of what a limit counts, as far as something is left."""
        if not any(f.name == cap.finding.name and not f.lifted for f in verdict.findings):
            return
        limit, amount = cap.limit, amount_of(cap, self.request.fields)
        asked = list(cap_queries(cap, self.request.fields, self.context))
        totals = [self.context.facts.get(query) for query in asked]
        known = [total for total in totals if total is not None and not total.mixed]
        if limit.measure is None or amount is None or len(known) != len(totals) or not known:
            if limit.measure is None and known:
                when = words.window(limit.window) if limit.window else "the day"
                cleared = dict.fromkeys(asked, NOTHING)
                yield _Step(f"{when} held fewer of these actions", {}, cleared)
            return
        most = limit.at_most.amount if isinstance(limit.at_most, Money) else limit.at_most
        left = most - max(total.sum for total in known)
        if left <= 0:
            return
        value: Scalar = Money(left, limit.unit) if isinstance(limit.at_most, Money) else int(left)
        says = f"{words.field(limit.measure)} were at most {words.value(value)}, which is left"
        yield _Step(says, {limit.measure: value}, {})


def _clash(one: Iterable[_Step], other: Iterable[_Step]) -> bool:
    mine, theirs = _merged(one), _merged(other)
    return any(name in theirs and theirs[name] != value for name, value in mine.items())


def _says(test: Test, wanted: bool, candidate: Candidate, lost: bool) -> str:
    if wanted:
        return words.comparison(test, candidate.lists, words.SHOWN)
    opposite = OPPOSITES.get(test.op)
    if opposite is not None:
        clause = words.comparison(replace(test, op=opposite), candidate.lists, words.SHOWN)
    else:
        clause = f"it were not so that {words.comparison(test, candidate.lists, words.SHOWN)}"
    return f"it could be told that {clause}" if lost else clause
