"""What a change of one agent's record changes in the answers it gets. The law: as `difference`, with
the same rules on both sides and another record of the agent.

What the record says is known and fixed on either side; everything else may be anything, as between
two releases. An agent that was not given a tool is denied it; those it delegates to may have it.
Totals that are kept by something that changes (a limit per team) are others afterwards: nothing is
claimed about what looks at them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from governance.engine.compile import Release
from governance.engine.difference import BUDGET, Difference, Differences, Search, in_order
from governance.engine.fields import CHAINS
from governance.engine.model import Value
from governance.engine.sameness import texts_of_plan
from governance.engine.space import Budget

TOOLS: Final = "agent.tools"


@dataclass(frozen=True, slots=True)
class Record:
    """What rules see of an agent: `fields` (`agent.*`) but its tools, which are `tools`: actions."""

    fields: Mapping[str, Value]
    tools: frozenset[str]

    def facts(self, action: str) -> dict[str, Value]:
        """What is known about the agent in a request for an action."""
        return {**self.fields, TOOLS: (action,) if action in self.tools else ()}


def diff(
    release: Release,
    pairs: Iterable[tuple[Record, Record]],
    at: datetime,
    budget: int = BUDGET,
) -> Differences:
    """The requests that a release answers differently for an agent whose record changes, from `at`
    on. Several pairs are the record as it is and as it would be at several times.

    Never raises for what the files or the records hold.
    """
    spent = Budget(budget)
    found: list[Difference] = []
    unfinished: dict[str, str] = {}
    for before, after in pairs:
        changed = {
            name
            for name in {*before.fields, *after.fields}
            if before.fields.get(name) != after.fields.get(name)
        }
        handed_on = changed & CHAINS.keys()
        for action in sorted(release.plans):
            given = (before.facts(action), after.facts(action))
            open_ = ""
            if action in before.tools | after.tools and given[0] != given[1]:
                search = Search(release, release, action, at, spent, given)
                found += search.run()
                open_ = search.open or _kept_by(release, action, changed)
            elif handed_on:  # those it delegates to may use what it may not
                open_ = _kept_by(release, action, handed_on)
            if open_:
                unfinished[action] = open_
    return Differences(in_order(found), unfinished, min(spent.used, budget))


def _kept_by(release: Release, action: str, changed: set[str]) -> str:
    """Why totals that an action's rules look at are others for the changed agent, or nothing."""
    plan = release.plans[action]
    keys = {name for cap in plan.caps for name in cap.limit.per}
    keys |= {
        name
        for candidate in release.candidates(action)
        for past in candidate.pasts
        for name in past.history.same
    }
    if plan.extras is not None and plan.extras.risk is not None:
        keys |= {n for part in plan.extras.risk.parts for p in part.pasts for n in p.history.same}
    said = texts_of_plan(release, action)
    for name in sorted(changed):
        if name in keys:
            return f"totals are kept by `{name}`, and begin anew"
        if CHAINS.get(name) in said:
            return f"rules look at the `{name}` of whoever delegated"
    return ""
