"""Autonomy: how far an agent may go alone, L0 (watched only) to L5 (within policy).

Law: a level is raised only by a named person, for a stated period, on evidence shown at that
moment, and by a second one where that lets the agent do more under the rules in force, or none are;
it is lowered at once, and lasts no longer for it; and when the period is over it falls to L1, where
everything is approved, without anybody having to act.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from governance.oversight.model import Agent

LEVELS: Final = ("L0", "L1", "L2", "L3", "L4", "L5")
LAPSED: Final = "L1"


def level(agent: Agent, at: datetime) -> str:
    """The level in force at `at`: the granted one, or at most `LAPSED` after its period."""
    if agent.autonomy_until is not None and at >= agent.autonomy_until:
        return min(agent.autonomy, LAPSED)
    return agent.autonomy


def steps(
    agent: Agent, wanted: str, until: datetime | None, at: datetime
) -> tuple[tuple[str, str], ...]:
    """The level in force, and what `wanted` until `until` makes of it: at `at`, and as either ends."""
    later = replace(agent, autonomy=wanted, autonomy_until=until)
    ends = (end for end in (agent.autonomy_until, until) if end is not None and end > at)
    return tuple((level(agent, moment), level(later, moment)) for moment in (at, *ends))


def raises(agent: Agent, wanted: str, until: datetime | None, at: datetime) -> bool:
    """Whether `wanted` until `until` is ever more than what is in force then, from `at` on."""
    return any(new > old for old, new in steps(agent, wanted, until, at))
