"""What may stand in a verdict, as sets of situations. The law: the strictest finding that stands
decides, so two releases differ exactly where one has a finding that the other has nothing as strict
as.

An item is a finding that may be made: it stands where one of its cubes (`when`) holds and none of
those that take it away (`unless`). Rules, limits, defaults, *no file governs* and the autonomy
ladder are items; what a file allows is no item but what takes its default away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Final

from governance.engine.atoms import Want
from governance.engine.compile import Candidate, Cap, Extras, Release
from governance.engine.lifting import Lifter, period
from governance.engine.model import SERVICE, ApprovalClause, Effect, Obligation, Risk
from governance.engine.points import RULE as RISK_RULE
from governance.engine.points import RiskPlan
from governance.engine.reach import conjuncts, specialise
from governance.engine.rules import All, Condition, Limit, PolicyFile, Rule
from governance.engine.sides import Rollout
from governance.engine.situations import MAY, YES, Situations
from governance.engine.space import (
    ALWAYS,
    NEVER,
    Budget,
    Choice,
    Dnf,
    TooMany,
    both,
    each_bit,
    every,
    some,
)

_ASK, _DENY = Effect.REQUIRE_APPROVAL, Effect.DENY
LADDER: Final = f"{SERVICE}/autonomy"
GOVERNED: Final = f"{SERVICE}/governed"
BARRED: Final = f"{SERVICE}/agent"
_MOST_SETS: Final = 256


@dataclass(frozen=True, slots=True)
class Item:
    """One finding that may stand: its name (`policy/rule`), its effect, who may lift it and how."""

    name: str
    effect: Effect
    when: int
    unless: int = 0
    clause: ApprovalClause | None = None
    waivable_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Duty:
    """One obligation that may be owed."""

    name: str
    obligation: Obligation
    when: int


@dataclass(frozen=True, slots=True)
class Side:
    """All that one release may say about one action. `always` is the cube that holds everywhere.

    By name of the rule or limit: `matches`, its cubes (perhaps, and with certainty); `voices`, those
    in which it decides for its file; `alarms`, those in which its severity makes the ladder ask (the
    action's own risk is under `""`). `lifters` are rules that lift or are lifted.
    """

    items: tuple[Item, ...]
    duties: tuple[Duty, ...]
    matches: dict[str, tuple[int, int]]
    voices: dict[str, int] = field(default_factory=dict)
    alarms: dict[str, int] = field(default_factory=dict)
    lifters: frozenset[str] = frozenset()
    always: int = 0


def gather(release: Release, action: str, into: Situations) -> None:
    """Take note of everything that a release looks at for an action."""
    plan = release.plans.get(action)
    if plan is None:
        return
    for candidate in release.candidates(action):
        into.gather(candidate.condition, candidate.lists)
    for governor in plan.governors:
        into.gather(_applies(governor.file, release, action), governor.file.lists)
    for cap in plan.caps:
        file = release.governors[cap.policy].file
        into.gather(_counted(cap, file), file.lists)
        into.gather_cap(cap)
    for governor in release.governors.values():
        watching = governor.file.observing
        if watching is not None:
            into.cuts.update(period(watching.since, watching.until))
    if plan.extras is not None:
        _gather_extras(release, plan.extras, into)


def _gather_extras(release: Release, extras: Extras, into: Situations) -> None:
    for lifter in extras.lifters:
        into.gather(lifter.node.condition, release.governors[lifter.policy].file.lists)
        into.cuts.update(lifter.when or ())
    for part in extras.risk.parts if extras.risk is not None else ():
        into.gather(part.node.condition, extras.risk.table.lists if extras.risk else {})
    for rollout in extras.rollouts:
        into.cuts.update(rollout.when)


def _applies(file: PolicyFile, release: Release, action: str) -> Condition | bool:
    return specialise(All(conjuncts(file.applies_to)), release.plans[action].action)


def _counted(cap: Cap, file: PolicyFile) -> Condition | bool:
    whole = All((*conjuncts(file.applies_to), *conjuncts(cap.limit.of)))
    return specialise(whole, cap.action)


class _Maker:
    """Makes the items of one release and action."""

    def __init__(self, release: Release, action: str, space: Situations) -> None:
        self.release, self.action, self.at = release, action, space
        self.items: list[Item] = []
        self.duties: list[Duty] = []
        self.voices: dict[str, int] = {}
        self.risky: list[tuple[str, Risk, Dnf]] = []
        self.lifters: set[str] = set()
        self.matches: dict[str, tuple[int, int]] = {}
        self.sure: dict[str, Dnf] = {}
        self.rollouts: tuple[Rollout, ...] = ()

    def make(self) -> Side:
        plan = self.release.plans.get(self.action)
        if plan is None:
            self._item(GOVERNED, _DENY, ALWAYS)
            return Side(tuple(self.items), (), {})
        if self.at.fixed.get("agent.tools") == () or self.at.fixed.get("agent.autonomy") == "L0":
            self._item(BARRED, _DENY, ALWAYS)
            return Side(tuple(self.items), (), {}, always=self.at.space.bits(ALWAYS))
        extras = plan.extras or Extras()
        self.rollouts = extras.rollouts
        for candidate in self.release.candidates(self.action):
            self._rule(candidate)
        for cap in plan.caps:
            self._limit(cap)
        for lifter in extras.lifters:
            self._lifter(lifter)
        if extras.risk is not None:
            self._points(extras.risk)
        self._defaults([governor.file for governor in plan.governors])
        alarms = self._alarms(plan.action.risk)
        self.items.append(Item(LADDER, _ASK, merged(alarms.values())))
        return Side(tuple(self.items), tuple(self.duties), self.matches, self.voices, alarms,
                    frozenset(self.lifters), self.at.space.bits(ALWAYS))  # fmt: skip

    def _defaults(self, files: Iterable[PolicyFile]) -> None:
        governing, bits = 0, self.at.space.bits
        for file in files:
            condition = _applies(file, self.release, self.action)
            sure = self.at.where(condition, YES, file.lists, allow=False)
            governing |= bits(both(sure, self._speaking(file.policy)))
            applies = both(self.at.where(condition, MAY, file.lists, allow=False), self._live(file))
            self._item(f"{file.policy}/default", file.default, applies,
                       unless=spoken(self.voices, file.policy), clause=file.default_clause)  # fmt: skip
        self._item(GOVERNED, _DENY, ALWAYS, unless=governing)

    def _item(
        self,
        name: str,
        effect: Effect,
        when: Dnf,
        unless: int = 0,
        clause: ApprovalClause | None = None,
        waivable_by: Iterable[str] = (),
    ) -> None:
        bits = self.at.space.bits(when)
        if bits:
            made = Item(name, effect, bits, unless, clause, frozenset(waivable_by))
            self.items.append(made)

    def _live(self, file: PolicyFile) -> Dnf:
        """Where a file counts: while it speaks, and does not only watch."""
        watching = file.observing
        if watching is None:
            return self._speaking(file.policy)
        first, last = watching.since, watching.until
        counts = self.at.space.options(self.at.time, lambda t: not first <= t.date() <= last)
        return both(counts, self._speaking(file.policy))

    def _speaking(self, policy: str) -> Dnf:
        """Where a file is not silent because another one speaks in its place, for a share."""
        space, where = self.at.space, ALWAYS
        for rollout in self.rollouts:
            if policy not in rollout.pair:
                continue
            mine = "new" if policy == rollout.policy else "old"
            start, end = rollout.when
            if rollout.excludes(self.at.fixed):
                if mine == "new":
                    return NEVER
                continue
            if rollout.gradual.forced:
                return ALWAYS if rollout.gradual.forced in (mine, "both") else NEVER
            number = space.coordinate(("side", rollout.gradual.series), ("old", "new", "both"))
            inside = space.options(self.at.time, lambda t, a=start, b=end: a <= t < b)  # type: ignore[misc]
            outside = space.options(self.at.time, lambda t, a=start, b=end: not a <= t < b)  # type: ignore[misc]
            side = both(inside, space.options(number, lambda s, m=mine: s in (m, "both")))  # type: ignore[misc]
            where = both(where, some([side, outside if mine == "old" else NEVER]))
        return where

    def _lifter(self, lifter: Lifter) -> None:
        """What an exception or a child's rule takes away, and what the exception says instead."""
        file = self.release.governors[lifter.policy].file
        named: tuple[Rule | Limit, ...] = (*file.rules, *file.limits)
        attested = any(
            rule.attested_only for rule in named if f"{file.policy}/{rule.id}" == lifter.name
        )
        holds = self.at.where(lifter.node.condition, YES, file.lists, allow=True,
                              attested_only=attested)  # fmt: skip
        declared = self.at.space.options(self.at.undeclared, lambda strange: not strange)
        holds = every([holds, declared, self._live(file)])
        if lifter.when is not None:
            start, end = lifter.when
            holds = both(holds, self.at.space.options(self.at.time, lambda t: start <= t < end))
        if lifter.finds:
            holds = both(holds, self.sure.get(lifter.name, NEVER))
        lifted = {
            name: both(self.sure[name], holds) for name in lifter.targets if name in self.sure
        }
        bits = self.at.space.bits
        self.items = [
            replace(item, unless=item.unless | bits(lifted[item.name]))
            if item.name in lifted else item for item in self.items
        ]  # fmt: skip
        instead = lifter.finding
        if instead is not None:
            where = some(lifted.values())
            self.voices[lifter.name] = bits(where)
            if instead.effect is not Effect.ALLOW:
                self._item(lifter.name, instead.effect, where, clause=instead.clause)

    def _points(self, risk: RiskPlan) -> None:
        """What the risk points ask for, level by level."""
        table, bits = risk.table, self.at.space.bits
        reached = {level: self._reach(risk, level) for level in table.levels}
        levels = sorted(reached)
        for level in levels:
            self.risky.append((f"{table.risk}/{RISK_RULE}", level, reached[level]))
            above = [reached[other] for other in levels if other > level]
            unless = 0
            for where in above:
                unless |= bits(where)
            for effect in (_ASK, _DENY):
                rows = self.at.level(
                    lambda v, e=effect, at=level: table.oversight(v, at) is e  # type: ignore[misc]
                )
                clause = table.clauses.get(level) if effect is _ASK else None
                self._item(f"{table.risk}/{RISK_RULE}", effect, both(rows, reached[level]),
                           unless=unless, clause=clause)  # fmt: skip

    def _reach(self, risk: RiskPlan, level: Risk) -> Dnf:
        """Where the points of the factors that hold, or may, reach a level: each smallest set of
        factors that does."""
        table = risk.table
        missing = table.levels[level] - risk.base
        parts = [
            (part.factor.points,
             self.at.where(part.node.condition, MAY, table.lists, allow=False,
                           attested_only=part.factor.attested_only))
            for part in risk.parts
        ]  # fmt: skip
        if missing <= 0:
            return ALWAYS
        found: list[frozenset[int]] = []
        out: list[Dnf] = []
        try:
            for size in range(1, len(parts) + 1):
                for chosen in combinations(range(len(parts)), size):
                    if sum(parts[i][0] for i in chosen) < missing or any(
                        each <= frozenset(chosen) for each in found
                    ):
                        continue
                    if len(found) >= _MOST_SETS:
                        raise TooMany
                    found.append(frozenset(chosen))
                    out.append(every(parts[i][1] for i in chosen))
            return some(out)
        except TooMany:
            name = ("points", repr((risk.base, level, [(p, repr(d)) for p, d in parts])))
            number = self.at.space.coordinate(name, (False, True))
            return self.at.space.options(number, bool)

    def _rule(self, candidate: Candidate) -> None:
        rule, file = candidate.rule, self.release.governors[candidate.policy].file
        name = f"{candidate.policy}/{rule.id}"

        def where(want: Want) -> Dnf:
            return self.at.where(candidate.condition, want, candidate.lists,
                                 allow=candidate.allow, attested_only=rule.attested_only)  # fmt: skip

        may, sure, bits = where(MAY), where(YES), self.at.space.bits
        if candidate.allow:
            declared = self.at.space.options(self.at.undeclared, lambda strange: not strange)
            sure = both(sure, declared)
        counts = both(may, self._live(file))
        self.sure[name] = both(sure, self._live(file))
        self.matches[name] = (bits(counts), bits(self.sure[name]))
        if rule.effect is not _DENY:
            self.voices[name] = bits(both(sure, self._speaking(file.policy)))
        if not candidate.allow:
            self._item(name, rule.effect, counts, clause=rule.clause, waivable_by=rule.waivable_by)
        self.risky.append((name, rule.severity, counts))
        self.duties += [Duty(name, each, bits(counts)) for each in rule.obligations if counts]

    def _limit(self, cap: Cap) -> None:
        file, limit = self.release.governors[cap.policy].file, cap.limit
        counted = _counted(cap, file)

        def where(want: Want) -> Dnf:
            return both(
                self.at.where(counted, want, file.lists, allow=False,
                              attested_only=limit.attested_only),
                self.at.passed(cap, want),
            )  # fmt: skip

        name = f"{cap.policy}/{limit.id}"
        may, sure = both(where(MAY), self._live(file)), both(where(YES), self._live(file))
        self.sure[name] = sure
        self.matches[name] = (self.at.space.bits(may), self.at.space.bits(sure))
        self._item(name, limit.otherwise, may, clause=limit.clause, waivable_by=limit.waivable_by)
        self.risky.append((name, limit.severity, may))

    def _alarms(self, base: Risk) -> dict[str, int]:
        """Where the ladder asks if nothing else does: for the action's own risk (`""`), and for each
        rule or limit whose severity is higher."""
        level = self.at.level

        def asks(risk: Risk) -> set[str]:
            return {"L1"} | ({"L2"} if risk >= Risk.MEDIUM else set()) | (
                {"L3"} if risk >= Risk.HIGH else set()
            )  # fmt: skip

        out = {"": self.at.space.bits(level(lambda v: v in asks(base)))}
        for name, risk, where in self.risky:
            more = asks(risk) - asks(base)
            if more:
                levels = level(lambda v, more=more: v in more)  # type: ignore[misc]
                out[name] = out.get(name, 0) | self.at.space.bits(both(levels, where))
        return out


def merged(masks: Iterable[int]) -> int:
    """All bits of several masks."""
    out = 0
    for mask in masks:
        out |= mask
    return out


def spoken(voices: Mapping[str, int], policy: str, without: str = "") -> int:
    """Where something decides for a file, so that its default does not; perhaps without one rule."""
    start = f"{policy}/"
    return merged(m for name, m in voices.items() if name.startswith(start) and name != without)


def sides(releases: Sequence[Release], action: str, space: Situations) -> list[Side]:
    """The items of several releases in one space; `gather` must have seen all of them."""
    made = []
    for number, release in enumerate(releases):
        space.take(number)
        made.append(_Maker(release, action, space).make())
    return made


def as_strict(one: Item, other: Item) -> bool:
    """True when the first finding leaves nothing open that the second closes."""
    if one.effect is not other.effect:
        return one.effect > other.effect
    if one.effect is _DENY:
        return one.waivable_by <= other.waivable_by
    if other.name == LADDER:  # the ladder asks only where nobody else does
        return True
    return one.name != LADDER and asks_as_much(one.clause, other.clause)


def firm(items: Iterable[Item], duties: Iterable[Duty], duty: Duty) -> list[Item]:
    """What refuses for good beside a duty that a runtime cannot carry out: denies that nobody may
    lift, and duties of the same obligation. A runtime may know it by its id or by its type."""
    denies = [each for each in items if each.effect is _DENY and not each.waivable_by]
    one = duty.obligation
    return denies + [
        Item(each.name, _DENY, each.when) for each in duties
        if (each.obligation.id, each.obligation.type) == (one.id, one.type)
    ]  # fmt: skip


def asks_as_much(one: ApprovalClause | None, other: ApprovalClause | None) -> bool:
    """True when whoever meets the first clause has met the second."""
    if other is None or one is None:
        return other is None
    seats = {seat.role: seat.count for seat in one.needs}
    return (
        all(seats.get(seat.role, 0) >= seat.count for seat in other.needs)
        and one.answer_within <= other.answer_within
        and set(one.not_by) >= set(other.not_by)
        and one.reason_required >= other.reason_required
        and set(one.checklist) >= set(other.checklist)
        and one.review_time >= other.review_time
    )


def standing_without(
    space: Situations,
    item: Item,
    others: Iterable[Item],
    budget: Budget,
    beside: Item | None = None,
) -> Iterator[Choice]:
    """Situations in which an item stands, none of the others does, and `beside` stands, too, if it
    is given. None only if there is none.

    Raises Exhausted.
    """
    forbid = item.unless | (beside.unless if beside else 0)
    groups = [beside.when] if beside else []
    spared: list[tuple[int, int]] = []
    for other in others:
        if other.unless:
            spared.append((other.when, other.unless))
        else:
            forbid |= other.when
    for bit in each_bit(item.when & ~forbid):
        yield from space.space.find(1 << bit, forbid, groups, budget, spared)
