"""What a larger amount does. The law: a remark names two requests that were decided, or one that
nothing counts.

A larger amount should never do better than a smaller one, everything else being equal: be allowed
where the smaller is not, or be asked about where a rule denies the smaller. (That a default denies
what no rule speaks of is no remark.) And a threshold is only as good as a limit behind it, because
ten payments below it make one above. Looked at are amounts of money and counts that rules or limits
name; where the search is not complete nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from governance.engine.analyse import EVER, Place, Remark, places
from governance.engine.atoms import MAY, Scalars
from governance.engine.catalogue import ActionType
from governance.engine.compile import Cap, Plan, Release
from governance.engine.decide import decide
from governance.engine.model import Effect, Money, Value
from governance.engine.reach import conjuncts, specialise
from governance.engine.rules import All, Condition, Not, Test
from governance.engine.rules import Any as AnyOf
from governance.engine.situations import Situations
from governance.engine.space import Budget, Choice, Exhausted, TooMany, each_bit
from governance.engine.standing import (
    Item,
    Side,
    gather,
    merged,
    sides,
    standing_without,
)
from governance.engine.witness import Witness, told, witness

_GROWING: Final = ("money", "count")
_TRIES: Final = 6
_STEPS: Final = 1_000
"""Steps for one question: there are as many as thresholds."""


def remarks(release: Release) -> tuple[Remark, ...]:
    """Amounts that do better when they are larger, and thresholds that parts evade."""
    named = {place.name: place for place in places(release)}
    found: dict[tuple[str, str], Remark] = {}
    for action, plan in release.plans.items():
        fields = [f for f in _growing(plan) if _tested(release, action, f)]
        if not fields:
            continue
        space = Situations([plan.action], EVER, free=False)
        gather(release, action, space)
        space.close()
        try:
            side = sides([release], action, space)[0]
        except TooMany:
            continue
        looked = _Looked(release, action, plan, space, side)
        for name in fields:
            if isinstance(space.models.get(name), Scalars):
                for remark in (*looked.larger(name, named), *looked.parts(name, named)):
                    found.setdefault((f"{remark.policy}/{remark.rule}", remark.code), remark)
    order = {name: number for number, name in enumerate(named)}
    return tuple(
        remark for _, remark in sorted(found.items(), key=lambda each: order.get(each[0][0], 0))
    )


def _growing(plan: Plan) -> Iterator[str]:
    for name, arg in plan.action.args.items():
        if arg.cls == "quantity" and arg.type.name in _GROWING and not arg.type.many:
            yield f"args.{name}"


def _tested(release: Release, action: str, name: str) -> bool:
    return any(name in candidate.node.fields for candidate in release.candidates(action))


class _Looked:
    """One action, looked at for what grows."""

    def __init__(
        self, release: Release, action: str, plan: Plan, space: Situations, side: Side
    ) -> None:
        self.release, self.action, self.plan = release, action, plan
        self.space, self.side = space, side
        self.at: dict[str, Mapping[Value, int]] = {}

    def positions(self, model: Scalars) -> Mapping[Value, int]:
        """The option of each value."""
        if model.name not in self.at:
            self.at[model.name] = {value: i for i, value in enumerate(model.values)}
        return self.at[model.name]

    # ---- larger is looser ----

    def larger(self, name: str, named: Mapping[str, Place]) -> Iterator[Remark]:
        """Rules that a larger amount escapes."""
        model, told_of = self.space.models[name], set[str]()
        assert isinstance(model, Scalars)
        for smaller, larger in _neighbours(model.values):
            for item in self._released(model, smaller, larger):
                if item.name in told_of or (
                    item.name not in named and not item.name.endswith("/default")
                ):
                    continue
                seen = self._escapes(item, model, smaller, larger)
                place = seen and (named.get(item.name) or self._loosening(seen, named))
                if seen is not None and place:
                    told_of.add(item.name)
                    message = (
                        f"a larger amount does better: with `{name}` {told(larger)} the answer is "
                        f"{seen.verdicts[1].effect.word}, with {told(smaller)} it is "
                        f"{seen.verdicts[0].effect.word}"
                    )
                    yield place.remark("larger-is-looser", name, message, seen.cells)

    def _released(self, model: Scalars, smaller: Value, larger: Value) -> Iterator[Item]:
        """What may stand with the smaller amount and not with the larger one, as it stands with the
        smaller one: its cubes without the field."""
        space, at = self.space.space, self.positions(model)
        here, there = (space.holding(model.number, at[v]) for v in (smaller, larger))
        gone, come = here & ~there, there & ~here
        for item in self.side.items:
            if item.when & gone or item.unless & come:
                yield replace(item, when=self._without(item.when & here, model),
                              unless=self._without(item.unless & here, model))  # fmt: skip

    def _without(self, mask: int, model: Scalars) -> int:
        """The same cubes, whatever the field is."""
        space, out = self.space.space, 0
        for bit in each_bit(mask):
            cube = space.cubes[bit]
            if model.number in cube:
                out |= space.bits(({n: m for n, m in cube.items() if n != model.number},))
            else:
                out |= 1 << bit
        return out

    def _escapes(self, item: Item, model: Scalars, smaller: Value, larger: Value) -> Witness | None:
        """Two verdicts on one request, with the smaller and with the larger amount."""
        default = item.name.endswith("/default")
        least = Effect.REQUIRE_APPROVAL if default else item.effect
        space = self.space.space
        others = [each for each in self.side.items if each.effect >= least]
        others.append(Item("", Effect.DENY, space.bits(space.options(self.space.undeclared, bool))))
        only = 1 << self.positions(model)[larger]
        grown = Item("", Effect.ALLOW, space.bits(space.masked(model.number, only)))
        try:
            tried = standing_without(self.space, item, others, Budget(_STEPS), grown)
            for choice, _ in zip(tried, range(_TRIES), strict=False):
                seen = self._both(choice, model, smaller, larger)
                before, after = seen.verdicts
                wanted = Effect.ALLOW if default else before.effect - 1
                if after.effect < before.effect and after.effect <= wanted:
                    return seen
        except Exhausted:
            return None
        return None

    def _both(self, choice: Choice, model: Scalars, smaller: Value, larger: Value) -> Witness:
        fixed = {**choice, model.number: model.values.index(smaller)}
        seen = witness(self.space, fixed, [self.release], self.action)
        grown = replace(seen.request, fields={**seen.request.fields, model.name: larger})
        after = decide(self.release, grown, seen.facts, seen.at)
        return replace(seen, verdicts=(seen.verdicts[0], after))

    def _loosening(self, seen: Witness, named: Mapping[str, Place]) -> Place | None:
        """The rule that lets the larger amount through, where a default held the smaller one."""
        for finding in seen.verdicts[1].findings:
            if finding.name in named and finding.effect < seen.verdicts[0].effect:
                return named[finding.name]
        return None

    # ---- split evades ----

    def parts(self, name: str, named: Mapping[str, Place]) -> Iterator[Remark]:
        """Thresholds that several smaller requests pass, because nothing counts them together."""
        model = self.space.models[name]
        assert isinstance(model, Scalars)
        counting = merged(
            self.space.space.bits(self._counted(cap))
            for cap in self.plan.caps
            if _adds_up(cap, name, self.plan.action)
        )
        for candidate in self.release.candidates(self.action):
            rule = candidate.rule
            if rule.effect is Effect.ALLOW or isinstance(candidate.condition, bool):
                continue
            for bound in _bounds(candidate.condition, name):
                place = named[f"{candidate.policy}/{rule.id}"]
                made = self._passes(place, model, name, bound, counting)
                if made is not None:
                    yield made

    def _counted(self, cap: Cap) -> Any:
        file = self.release.governors[cap.policy].file
        whole = specialise(
            All((*conjuncts(file.applies_to), *conjuncts(cap.limit.of))), self.plan.action
        )
        return self.space.where(whole, MAY, file.lists, allow=False,
                                attested_only=cap.limit.attested_only)  # fmt: skip

    def _passes(
        self, place: Place, model: Scalars, name: str, bound: Money | Decimal, counting: int
    ) -> Remark | None:
        """A request just below a bound that is simply allowed, and that no limit counts."""
        below = [v for v in model.values if _less(v, bound)]
        if not below:
            return None
        top = max(below, key=_size)
        if not _size(top):
            return None
        space = self.space.space
        only = 1 << self.positions(model)[top]
        item = Item("", Effect.ALLOW, space.bits(space.masked(model.number, only)))
        strict = [*self.side.items, Item("", Effect.DENY, counting)]
        try:
            found = standing_without(self.space, item, strict, Budget(_STEPS))
            for choice, _ in zip(found, range(_TRIES), strict=False):
                seen = witness(self.space, choice, [self.release], self.action)
                if seen.verdicts[0].effect is Effect.ALLOW:
                    message = (
                        f"`{place.rule.id}` can be evaded in parts: {told(top)} is allowed, as often "
                        f"as wanted, because no limit adds up `{name}`"
                    )
                    return place.remark("split-evades", name, message, seen.cells)
        except Exhausted:
            return None
        return None


def _neighbours(values: Iterable[Value]) -> Iterator[tuple[Value, Value]]:
    """Each class of amounts with the next larger one, currency by currency."""
    by_unit: dict[str, list[Value]] = {}
    for value in values:
        if isinstance(value, Money):
            by_unit.setdefault(value.currency, []).append(value)
        elif isinstance(value, int | Decimal) and not isinstance(value, bool):
            by_unit.setdefault("", []).append(value)
    for known in by_unit.values():
        yield from pairwise(sorted(known, key=_size))


def _size(value: Value) -> Decimal:
    return value.amount if isinstance(value, Money) else Decimal(str(value))


def _less(value: Value, bound: Money | Decimal) -> bool:
    if isinstance(bound, Money):
        unit = isinstance(value, Money) and value.currency == bound.currency
        return unit and _size(value) <= bound.amount
    number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return number and _size(value) <= bound


def _bounds(condition: Condition, name: str) -> Iterator[Money | Decimal]:
    """The amounts above which a condition begins to hold."""
    if isinstance(condition, Test):
        if condition.field == name and condition.op in ("above", "at_least"):
            (constant,) = condition.constants
            if isinstance(constant, Money):
                yield constant
            elif isinstance(constant, int | Decimal) and not isinstance(constant, bool):
                yield Decimal(constant)
    elif isinstance(condition, All | AnyOf):
        for part in condition.parts:
            yield from _bounds(part, name)
    elif isinstance(condition, Not):
        return


def _adds_up(cap: Cap, name: str, action: ActionType) -> bool:
    """True for a limit that parts run into: it adds up the field, or counts the requests, and a new
    session or another free text is no way around it."""
    if cap.limit.measure not in (None, name):
        return False
    for per in cap.limit.per:
        arg = action.declared(per)
        if per.startswith("session.") or (arg is not None and arg.cls != "identity"):
            return False
    return True
