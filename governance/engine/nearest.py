"""The nearest change that turns a verdict. The law: the fewest facts, then the smallest step; and tried.

A value that could not be told and is told is no other fact: whoever asked for `400,00 EUR` is told to
write the amount so that it can be read, before anything else.

Every comparison that can matter for the action divides the values of its field into finitely many
classes; of each class the value nearest to what was seen is taken. Then one fact is changed, then two,
then three, each time every combination, and each is decided again; the first that lowers the verdict
is the nearest. A search that had to stop before says so and claims nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import combinations, product
from typing import Final

from governance.engine import words
from governance.engine.classes import samples
from governance.engine.compile import Cap, Plan, Release
from governance.engine.decide import decide
from governance.engine.model import (
    ABSENT,
    NOTHING,
    CannotTell,
    Effect,
    FactQuery,
    Money,
    Request,
    Total,
    Value,
    Verdict,
)
from governance.engine.nodes import Context, Node, leaves, queries
from governance.engine.rules import History, ListUse, Test
from governance.engine.suppose import OPPOSITES
from governance.engine.totals import amount_of, cap_queries
from governance.engine.vocabulary import Answer

BUDGET: Final = 4_000
"""At most so many combinations are decided."""
MOST: Final = 3
"""At most so many facts are changed together."""
_CLASSES: Final = 10
_REQUEST: Final = ("args.", "resource.", "subject.", "context.", "command.")
_NEVER: Final = frozenset({"agent.id", "session.id", "session.stops", "agent.owner"})
_FAR: Final = Decimal(1)

Facts = Mapping[FactQuery, Total]
Known = tuple[Test, Node, Mapping[str, ListUse]]


@dataclass(frozen=True, slots=True)
class Different:
    """One fact that would be different: what it is called, a clause that follows `if`, how far it is
    from what was seen (0 to 1 for what the request says, more for what others decide)."""

    fact: str
    says: str
    step: Decimal
    fields: Mapping[str, Value]
    facts: Facts
    note: str = ""
    repair: bool = False
    """Whether it only says what could not be told."""

    @property
    def of_request(self) -> bool:
        """Whether whoever asks could have asked otherwise."""
        return self.fact.startswith(_REQUEST)


@dataclass(frozen=True, slots=True)
class Near:
    """A change that turns the verdict: what would be different, the effect, and by which rule."""

    different: tuple[Different, ...]
    effect: Effect
    by: str

    @property
    def of_request(self) -> bool:
        return all(each.of_request for each in self.different)


@dataclass(frozen=True, slots=True)
class Search:
    """What was found: the nearest change of any kind, the nearest that allows, and the nearest of the
    request alone (each once). `tried` combinations; `complete` = none of up to three was left out."""

    found: tuple[Near, ...]
    tried: int
    complete: bool


def search(
    release: Release,
    request: Request,
    facts: Facts,
    at: datetime,
    lifted: frozenset[str],
    verdict: Verdict,
) -> Search:
    """Look for the nearest changes. Nothing to find for an allow, or for an unknown action."""
    plan = release.plans.get(request.action)
    if verdict.effect is Effect.ALLOW or plan is None:
        return Search((), 0, True)
    facets = list(_Options(release, plan, request, Context(request, facts, at)).all(verdict))
    found: list[Near] = []
    tried = 0
    for count, among in _rounds(facets):
        for chosen in among:
            for different in product(*chosen):
                tried += 1
                if tried > BUDGET:
                    return Search(_nearest(found), tried, False)
                near = _try(release, request, facts, at, lifted, verdict.effect, different)
                if near is not None:
                    found.append(near)
        if count and any(n.effect is Effect.ALLOW for n in found) and (
            any(n.of_request for n in found)
        ):  # fmt: skip
            break
    return Search(_nearest(found), tried, True)


def _rounds(
    facets: list[list[Different]],
) -> Iterator[tuple[int, Iterable[tuple[list[Different], ...]]]]:
    """What is tried, round by round: several repairs together (0), one fact, two, three."""
    repairs = [only for facet in facets if (only := [each for each in facet if each.repair])]
    together = range(2, min(MOST, len(repairs)) + 1)
    yield 0, (chosen for count in together for chosen in combinations(repairs, count))
    for count in range(1, MOST + 1):
        yield count, combinations(facets, count)


def _try(
    release: Release,
    request: Request,
    facts: Facts,
    at: datetime,
    lifted: frozenset[str],
    effect: Effect,
    different: tuple[Different, ...],
) -> Near | None:
    fields = dict(request.fields)
    known = dict(facts)
    for each in different:
        fields |= each.fields
        known |= each.facts
    result = decide(release, replace(request, fields=fields), known, at, lifted)
    if result.effect >= effect:
        return None
    by = next((f.name for f in result.findings if f.effect is result.effect and not f.lifted), "")
    return Near(different, result.effect, by)


def _nearest(found: list[Near]) -> tuple[Near, ...]:
    """The nearest of all, the nearest that allows, the nearest of the request alone."""
    ordered = sorted(found, key=_distance)
    out = [
        *ordered[:1],
        *[near for near in ordered if near.effect is Effect.ALLOW][:1],
        *[near for near in ordered if near.of_request][:1],
    ]
    return tuple(_once(out))


def _once(found: Iterable[Near]) -> Iterator[Near]:
    kept: list[tuple[str, ...]] = []
    for near in found:
        said = tuple(each.says for each in near.different)
        if said not in kept:
            kept.append(said)
            yield near


def _distance(near: Near) -> tuple[int, int, Decimal, int, tuple[str, ...]]:
    steps = sum((each.step for each in near.different), Decimal(0))
    others = sum(not each.repair for each in near.different)
    return (
        others,
        len(near.different),
        steps,
        near.effect,
        tuple(each.says for each in near.different),
    )


@dataclass(frozen=True, slots=True)
class _Options:
    """Everything that could be different, fact by fact."""

    release: Release
    plan: Plan
    request: Request
    context: Context

    def all(self, verdict: Verdict) -> Iterator[list[Different]]:
        """The options of each fact, nearest first."""
        tests, pasts = self._leaves()
        for name, known in tests.items():
            if name not in _NEVER and not name.startswith("tool."):
                yield from _some(sorted(self._values(name, known), key=lambda d: (d.step, d.says)))
        for history in pasts:
            yield from _some(self._past(history))
        for cap in self.plan.caps:
            if any(f.name == cap.finding.name and not f.lifted for f in verdict.findings):
                yield from _some(self._emptier(cap))

    def _leaves(self) -> tuple[dict[str, list[Known]], list[History]]:
        """Every comparison by field, and every history that is another one."""
        tests: dict[str, list[Known]] = {}
        pasts: dict[tuple[str, timedelta | None], History] = {}
        for node, lists in self._nodes():
            for leaf in leaves(node):
                said = leaf.condition
                if isinstance(said, Test):
                    tests.setdefault(said.field, []).append((said, leaf, lists))
                elif isinstance(said, History):
                    pasts.setdefault((said.series, said.in_last), said)
        for cap in self.plan.caps:
            if cap.limit.measure is not None:
                tests.setdefault(cap.limit.measure, [])
        return tests, list(pasts.values())

    def _nodes(self) -> Iterator[tuple[Node, Mapping[str, ListUse]]]:
        for candidate in self.release.candidates(self.request.action):
            yield candidate.node, candidate.lists
        for cap in self.plan.caps:
            yield cap.node, self._lists(cap.policy)
        extras = self.plan.extras
        for lifter in extras.lifters if extras is not None else ():
            yield lifter.node, self._lists(lifter.policy)
        if self.plan.risk is not None:
            for part in self.plan.risk.parts:
                yield part.node, self.plan.risk.table.lists

    def _lists(self, policy: str) -> Mapping[str, ListUse]:
        governor = self.release.governors.get(policy)
        return {} if governor is None else governor.file.lists

    def _values(self, name: str, known: list[Known]) -> Iterator[Different]:
        """The nearest value of every class but the one that was seen."""
        kind = self.plan.action.type_of(name)
        if kind is None:
            return
        declared = self.plan.action.declared(name)
        optional = declared is not None and not declared.required
        seen = self.request.fields.get(name, CannotTell("missing"))
        own = self._answers(name, seen, known)
        nearest: dict[tuple[Answer, ...], tuple[Decimal, Value]] = {}
        tried = [v for test, _, lists in known if test.other is None
                 for v in samples(test, kind, lists, optional)]  # fmt: skip
        for value in (*tried, *self._left(name)):
            answers = self._answers(name, value, known)
            step = _step(seen, value)
            if answers != own and (answers not in nearest or step < nearest[answers][0]):
                nearest[answers] = step, value
        hidden = declared is not None and declared.cls in ("identity", "private")
        note = ""
        if declared is not None and declared.cls == "identity":
            note = f"limits and history of another {declared.about} are not looked at"
        for answers, (step, value) in nearest.items():
            says = self._says(name, seen, value, known, own, answers, hidden)
            further = Decimal(0) if name.startswith(_REQUEST) else _FAR * 2
            repair = isinstance(seen, CannotTell) and value is not ABSENT
            if repair:
                says = _repaired(name, seen, value, says, hidden)
            yield Different(name, says, step + further, {name: value}, {}, note, repair)

    def _answers(self, name: str, value: Value, known: list[Known]) -> tuple[Answer, ...]:
        fields = {**self.request.fields, name: value}
        tested = [node.test(fields, self.context) for _, node, _ in known]
        fits: list[Answer] = []
        for cap in self.plan.caps:
            if cap.limit.measure == name:
                amount = amount_of(cap, fields)
                room = self._room(cap)
                fits.append(None if amount is None or room is None else amount[0] <= room)
        return (*tested, *fits)

    def _room(self, cap: Cap) -> Decimal | None:
        """What a limit still leaves."""
        totals = [
            self.context.facts.get(query)
            for query in cap_queries(cap, self.request.fields, self.context)
        ]
        if not totals or any(total is None or total.mixed for total in totals):
            return None
        most = cap.limit.at_most
        whole = most.amount if isinstance(most, Money) else most
        return whole - max(total.sum for total in totals if total is not None)

    def _left(self, name: str) -> Iterator[Value]:
        """Exactly what each limit on a field still leaves."""
        for cap in self.plan.caps:
            if cap.limit.measure == name:
                room = self._room(cap)
                if room is not None and room > 0:
                    money = isinstance(cap.limit.at_most, Money)
                    yield Money(room, cap.limit.unit) if money else room

    def _says(
        self,
        name: str,
        seen: Value,
        value: Value,
        known: list[Known],
        own: tuple[Answer, ...],
        answers: tuple[Answer, ...],
        hidden: bool,
    ) -> str:
        noun = words.field(name)
        if value is ABSENT:
            return f"{noun} were not given"
        if not hidden and isinstance(value, Money | int | Decimal | timedelta | date):
            was = "" if isinstance(seen, CannotTell | tuple) or seen is ABSENT else _instead(seen)
            return f"{noun} were {words.value(value)}{was}"
        for (test, _, lists), before, after in zip(known, own, answers, strict=False):
            if before is after or after is None or test.other is not None:
                continue
            if after:
                return words.comparison(test, lists, words.SHOWN)
            opposite = OPPOSITES.get(test.op)
            if opposite is not None:
                return words.comparison(replace(test, op=opposite), lists, words.SHOWN)
            return f"it were not so that {words.comparison(test, lists, words.SHOWN)}"
        return f"{noun} were another one"

    def _past(self, history: History) -> Iterator[Different]:
        asked = queries(history, self.plan.action, self.request.fields, self.context)
        if not asked:
            return
        totals = [self.context.facts.get(query) for query in asked]
        happened = any(total is not None and total.count for total in totals)
        told = totals[0] is not None and bool(totals[0].count)
        catalogue = {self.plan.action.name: self.plan.action}
        plain = replace(history, negative=False)
        if not told:
            once = Total(Decimal(1), 1)
            supposed = {asked[0]: once, asked[1]: once}
            yield Different("history", words.history(plain, catalogue), _FAR, {}, supposed)
        if happened:
            says = words.history(replace(history, negative=True), catalogue)
            yield Different("history", says, _FAR, {}, dict.fromkeys(asked, NOTHING))

    def _emptier(self, cap: Cap) -> Iterator[Different]:
        asked = tuple(cap_queries(cap, self.request.fields, self.context))
        if asked:
            when = words.window(cap.limit.window) if cap.limit.window else "the day"
            counted = (
                "fewer of these actions" if cap.limit.measure is None else "none of these actions"
            )
            says = f"{when} held {counted}"
            yield Different(f"limits.{cap.limit.id}", says, _FAR, {}, dict.fromkeys(asked, NOTHING))


def _some(options: Iterable[Different]) -> Iterator[list[Different]]:
    found = list(options)[:_CLASSES]
    if found:
        yield found


def _instead(seen: Value) -> str:
    assert not isinstance(seen, CannotTell | tuple)
    assert seen is not ABSENT
    return f" instead of {words.value(seen)}"


def _repaired(name: str, seen: Value, value: Value, says: str, hidden: bool) -> str:
    """A clause for a value that can be told, with one that would do."""
    told = "were given" if seen == CannotTell("missing") else "could be read"
    if hidden or isinstance(value, tuple | CannotTell | bool) or value is ABSENT:
        return f"{words.field(name)} {told} and {says}"
    return f"{words.field(name)} {told} (such as {words.value(value)})"


def _step(seen: Value, value: Value) -> Decimal:
    """How far a value is from what was seen, from 0 to 1; a set by its members."""
    if isinstance(seen, Money) and isinstance(value, Money):
        return _ratio(seen.amount, value.amount) if seen.currency == value.currency else _FAR
    if isinstance(seen, timedelta) and isinstance(value, timedelta):
        return _ratio(Decimal(seen.total_seconds()), Decimal(value.total_seconds()))
    if isinstance(seen, date) and isinstance(value, date):
        days = abs((value - seen).days) if type(seen) is type(value) is date else 36_500
        return min(_FAR, Decimal(days) / 36_500)
    if isinstance(seen, bool) or isinstance(value, bool):
        return _FAR
    if isinstance(seen, int | Decimal) and isinstance(value, int | Decimal):
        return _ratio(Decimal(seen), Decimal(value))
    if isinstance(seen, tuple) and isinstance(value, tuple):
        return Decimal(len(set(seen) ^ set(value)))
    return _FAR


def _ratio(seen: Decimal, value: Decimal) -> Decimal:
    """The difference as a share of what was seen, below 1 however large it is."""
    share = abs(value - seen) / (abs(seen) or Decimal(1))
    return share / (1 + share)
