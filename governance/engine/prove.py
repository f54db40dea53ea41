"""Proves what must never be allowed. The law: *proved* means that the whole space was searched, and
*refuted* that a request was decided which shows it; everything else is *not proved*.

An invariant is broken where its condition holds, or cannot be told, and nothing that stands is
strict enough: no deny that others cannot lift and, where an approval would do, no approval by
enough people. So what people may grant or waive afterwards is part of the proof, as are time, limits,
history, session labels, autonomy, stale lists, files that only watch and shares.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from governance.engine import builtin
from governance.engine.atoms import MAY
from governance.engine.compile import Release
from governance.engine.model import ApprovalClause, Effect, Finding, Mode, Risk, Verdict
from governance.engine.reach import specialise
from governance.engine.rules import Condition, Invariant, Invariants
from governance.engine.situations import Situations
from governance.engine.space import Budget, Exhausted, TooMany
from governance.engine.standing import (
    LADDER,
    Item,
    Side,
    gather,
    sides,
    standing_without,
)
from governance.engine.witness import Witness, witness

BUDGET: Final = 200_000
"""Steps of the search for each invariant, over all actions."""
_TRIES: Final = 12
_ASKED: Final = builtin.autonomy("L1", Risk.LOW, Effect.ALLOW)

Result = Literal["proved", "refuted", "not proved"]


@dataclass(frozen=True, slots=True)
class Proof:
    """What came out for one invariant. `name` is `file/id`. Refuted: `action`, the `effect` it has,
    what decides (`by`), and the `witness` by field in words; `situation` is the same, to be decided
    again. Not proved: `why`. `steps` of the budget were used."""

    name: str
    title: str
    result: Result
    steps: int
    why: str = ""
    action: str = ""
    effect: str = ""
    by: str = ""
    witness: Mapping[str, str] = field(default_factory=dict)
    situation: Witness | None = field(default=None, compare=False, repr=False)


def prove(
    release: Release,
    invariants: Iterable[Invariants] | None,
    at: datetime,
    budget: int = BUDGET,
) -> tuple[Proof, ...]:
    """Each invariant, for every request from `at` on. None: those of the release itself. Those of
    another release are read against its own catalogue, so both must have the same actions."""
    files = release.bundle.invariants if invariants is None else tuple(invariants)
    every = [(file, one) for file in files for one in file.never]
    spaces: dict[tuple[str, bool], _Space | str] = {}
    return tuple(_prove(release, file, one, at, budget, every, spaces) for file, one in every)


class _Space:
    """One action of the release, with the conditions of all invariants gathered."""

    def __init__(
        self,
        release: Release,
        action: str,
        at: datetime,
        every: Iterable[tuple[Invariants, Invariant]],
        free: bool,
    ) -> None:
        kind = release.plans[action].action
        self.space = Situations([kind], at, free=free)
        gather(release, action, self.space)
        self.conditions: dict[tuple[str, str], Condition] = {}
        for file, one in every:
            left = specialise(one.when, kind)
            if left is not False:
                self.conditions[file.name, one.id] = one.when
                self.space.gather(left, file.lists)
        self.space.close()
        self.side: Side = sides([release], action, self.space)[0]


def _prove(
    release: Release,
    file: Invariants,
    one: Invariant,
    at: datetime,
    budget: int,
    every: list[tuple[Invariants, Invariant]],
    spaces: dict[tuple[str, bool], _Space | str],
) -> Proof:
    name, spent, why = f"{file.name}/{one.id}", Budget(budget), ""
    for action, plan in release.plans.items():
        if specialise(one.when, plan.action) is False:
            continue
        told = ""
        # With every answer free first: where nothing is found, nothing is there. What was found and
        # is not real is looked for among examples.
        for free in (True, False):
            found = _space(release, action, at, every, free, spaces)
            if isinstance(found, str):
                told = told or found
                break
            seen, said = _broken(release, action, file, one, found, spent)
            if seen is not None:
                verdict = seen.verdicts[0]
                return Proof(name, one.title, "refuted", spent.used, "", action,
                             verdict.effect.word, _decides(verdict), seen.cells, seen)  # fmt: skip
            told = told or said
            if not said or found.space.exact or "budget" in said:
                break
        if told:
            why = why or f"`{action}`: {told}"
    steps = min(spent.used, budget)
    return Proof(name, one.title, "not proved" if why else "proved", steps, why)


def _space(
    release: Release,
    action: str,
    at: datetime,
    every: list[tuple[Invariants, Invariant]],
    free: bool,
    spaces: dict[tuple[str, bool], _Space | str],
) -> _Space | str:
    if (action, free) not in spaces:
        try:
            spaces[action, free] = _Space(release, action, at, every, free)
        except TooMany:
            spaces[action, free] = "there are too many alternatives"
    return spaces[action, free]


def _broken(
    release: Release,
    action: str,
    file: Invariants,
    one: Invariant,
    found: _Space,
    budget: Budget,
) -> tuple[Witness | None, str]:
    """A request that breaks the invariant; or why it cannot be said that there is none."""
    kind = release.plans[action].action
    tried = 0
    try:
        when = found.space.where(specialise(one.when, kind), MAY, file.lists, allow=False)
        item = Item(one.id, Effect.ALLOW, found.space.space.bits(when))
        strict = [each for each in found.side.items if _enough(one, each)]
        if _strong(one, _ASKED.clause if _ASKED else None):
            strict.append(_ladder(found.side))
        for choice in standing_without(found.space, item, strict, budget):
            seen = witness(found.space, choice, [release], action)
            if not holds(one, seen.verdicts[0]):
                return seen, ""
            tried += 1
            if tried >= _TRIES:
                break
    except Exhausted:
        return None, f"the budget of {budget.steps} steps was used"
    except TooMany:
        return None, "there are too many alternatives"
    return None, "some fields can only be searched by examples" if tried else ""


def _ladder(side: Side) -> Item:
    """The ladder's approval, where surely nothing else is asked or denied in its place."""
    ladder = next(item for item in side.items if item.name == LADDER)
    other = ladder.unless
    for item in side.items:
        if item.name != LADDER:
            # `governed` holds everywhere but for what governs: then it denies by itself.
            other |= 0 if item.when == side.always else item.when
    return Item(LADDER, ladder.effect, ladder.when, other, ladder.clause)


def _enough(one: Invariant, item: Item) -> bool:
    """True where an item that stands keeps the invariant."""
    if item.effect is Effect.DENY:
        return item.waivable_by <= set(one.waivable_by)
    return item.name != LADDER and _strong(one, item.clause)


def _strong(one: Invariant, clause: ApprovalClause | None) -> bool:
    """True for an approval by enough people. Within one clause they are always different ones."""
    if clause is None or not (one.people or one.needs):
        return False
    seats = {seat.role: seat.count for seat in clause.needs}
    return sum(seats.values()) >= one.people and all(
        seats.get(seat.role, 0) >= seat.count for seat in one.needs
    )


def holds(one: Invariant, verdict: Verdict) -> bool:
    """True when a verdict keeps an invariant, whatever people may grant or waive afterwards."""
    return any(_keeps(one, f) for f in verdict.findings)


def _keeps(one: Invariant, finding: Finding) -> bool:
    if finding.lifted or finding.mode is not Mode.ENFORCE:
        return False
    if finding.effect is Effect.DENY:
        return set(finding.waivable_by) <= set(one.waivable_by)
    return finding.effect is Effect.REQUIRE_APPROVAL and _strong(one, finding.clause)


def _decides(verdict: Verdict) -> str:
    stands = (f for f in verdict.findings if f.effect is verdict.effect and not f.lifted)
    return next((f.name for f in stands), "")
