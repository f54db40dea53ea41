"""Risk points: how much oversight an action needs at least. The law: they only ever tighten.

The points of every factor that holds, or of which that cannot be told, are added; the sum gives a
level, the level and the agent's autonomy the least oversight. Factors that the catalogue decides are
added once, when a release is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.engine.catalogue import ActionType
from governance.engine.keys import Past, pasts_of
from governance.engine.model import Effect, Finding, Risk
from governance.engine.nodes import Node, doubts
from governance.engine.reach import specialise
from governance.engine.rules import Condition, Factor, RiskTable

if TYPE_CHECKING:
    from governance.engine.keys import Context
    from governance.engine.vocabulary import Fields

RULE = "risk"
"""What the finding of a table is called: `company-risk/risk`."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One factor that the request decides."""

    factor: Factor
    node: Node
    pasts: tuple[Past, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RiskPlan:
    """The table as one action meets it. `base` are the points that the action has by itself, from
    the factors `present`; `matters` = some sum can raise the risk or ask for oversight."""

    table: RiskTable
    base: int
    present: tuple[Factor, ...]
    parts: tuple[Part, ...]

    @property
    def matters(self) -> bool:
        most = self.table.level(self.base + sum(part.factor.points for part in self.parts))
        asked = self.table.oversight(None, most) is not Effect.ALLOW
        return asked or most > Risk.LOW

    @property
    def fields(self) -> tuple[str, ...]:
        names = [name for part in self.parts for name in part.node.fields]
        return tuple(sorted({*names, "agent.autonomy"}))


def plan(
    table: RiskTable, action: ActionType, build: Callable[[Condition, Factor], Node]
) -> RiskPlan:
    """The table for one action; `build` compiles a condition of a factor."""
    present, parts = [], []
    for factor in sorted(table.factors, key=lambda each: each.id):
        left = specialise(factor.when, action)
        if left is True:
            present.append(factor)
        elif left is not False:
            parts.append(Part(factor, build(left, factor), pasts_of(left, action)))
    return RiskPlan(table, sum(factor.points for factor in present), tuple(present), tuple(parts))


@dataclass(frozen=True, slots=True)
class Count:
    """The points of one request: those that are there for certain, those that may be, and why."""

    sure: int
    unsure: int
    unknown: frozenset[str]

    @property
    def points(self) -> int:
        return self.sure + self.unsure


def count(risk: RiskPlan, fields: Fields, context: Context) -> Count:
    """Add the points up; a factor that cannot be told counts as present."""
    sure, unsure, unknown = risk.base, 0, set[str]()
    for part in risk.parts:
        answer = part.node.test(fields, context)
        if answer:
            sure += part.factor.points
        elif answer is None:
            unsure += part.factor.points
            unknown.update(doubts(part.node, fields, context))
    return Count(sure, unsure, frozenset(unknown))


def oversight(risk: RiskPlan, counted: Count, autonomy: object) -> tuple[Risk, Finding | None]:
    """The level that the points reach, and the finding they bring, if any."""
    table = risk.table
    level = table.level(counted.points)
    effect = table.oversight(autonomy, level)
    if effect is Effect.ALLOW:
        return level, None
    unknown = set(counted.unknown)
    if not isinstance(autonomy, str):
        unknown.add("agent.autonomy")
    certain = isinstance(autonomy, str) and (
        not counted.unsure or table.oversight(autonomy, table.level(counted.sure)) is effect
    )
    asks = effect is Effect.REQUIRE_APPROVAL
    return level, Finding(
        policy=table.risk,
        rule=RULE,
        title=table.title,
        effect=effect,
        because=f"The risk points of this action make it {level.word}, and its agent's autonomy "
        "does not carry that alone.",
        severity=level,
        certain=certain,
        unknown=() if certain else tuple(sorted(unknown)),
        fields=risk.fields,
        clause=table.clauses.get(level) if asks else None,
    )
