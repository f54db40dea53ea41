"""Autonomy: how far an agent may go alone, L0 (watched only) to L5 (within policy).

Law: a level is raised only by a named person, for a stated period, on evidence shown at that
moment, and by a second one where that lets the agent do more under the rules in force; it is lowered at once; and when the period is over it falls to L1, where everything is
approved, without anybody having to act.
"""

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


def raises(agent: Agent, wanted: str, at: datetime) -> bool:
    """Whether `wanted` is more than what is in force at `at`."""
    return wanted > level(agent, at)
