"""The findings that no file has to write. The law: they only ever tighten.

Stops, the agent's own state and tools, the autonomy ladder, obligations a runtime does not know, and
actions that nothing governs. A service fact that is missing counts as its strictest value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from governance.engine.model import (
    SERVICE,
    ApprovalClause,
    Effect,
    Finding,
    Mode,
    Risk,
    Seat,
)
from governance.engine.vocabulary import Fields

LIVE_STATES: Final = frozenset({"active", "on_trial"})
_DENY: Final = Effect.DENY


def _deny(rule: str, title: str, because: str, field: str, unknown: bool) -> Finding:
    return Finding(
        policy=SERVICE,
        rule=rule,
        title=title,
        effect=_DENY,
        because=because,
        severity=Risk.CRITICAL,
        certain=not unknown,
        unknown=(field,) if unknown else (),
        fields=(field,) if field else (),
    )


GOVERNED: Final = _deny(
    "governed",
    "No policy in force governs this action",
    "What nobody wrote a policy for is denied.",
    "",
    False,
)
STOPPED: Final = _deny(
    "stop", "A stop is in force", "A person stopped this; two people lift it.", "session.stops",
    False,
)  # fmt: skip
STOP_UNKNOWN: Final = _deny(
    "stop", "It cannot be told whether a stop is in force", "A stop must never be missed.",
    "session.stops", True,
)  # fmt: skip
NOT_LIVE: Final = _deny(
    "agent", "The agent is not active", "Only active agents act.", "agent.state", False
)
AGENT_UNKNOWN: Final = _deny(
    "agent", "The agent is not known", "Only known agents act.", "agent.state", True
)
NOT_ITS_TOOL: Final = _deny(
    "agent", "The agent was not given this tool", "Agents use the tools they were onboarded with.",
    "agent.tools", False,
)  # fmt: skip
TOOLS_UNKNOWN: Final = _deny(
    "agent", "The agent's tools are not known", "Agents use the tools they were onboarded with.",
    "agent.tools", True,
)  # fmt: skip


def stands(action: str, fields: Fields) -> bool:
    """True when `standing` has nothing to say; the quick answer for almost every request."""
    tools = fields.get("agent.tools")
    return (
        fields.get("session.stops") == ()
        and fields.get("agent.state") in LIVE_STATES
        and isinstance(tools, tuple)
        and (action in tools or tools == ("*",))
    )


def standing(action: str, fields: Fields) -> Iterable[Finding]:
    """Findings about stops, and about the agent itself."""
    stops = fields.get("session.stops")
    if not isinstance(stops, tuple):
        yield STOP_UNKNOWN
    elif stops:
        yield STOPPED
    state = fields.get("agent.state")
    if state not in LIVE_STATES:
        yield NOT_LIVE if isinstance(state, str) else AGENT_UNKNOWN
    tools = fields.get("agent.tools")
    if not isinstance(tools, tuple):
        yield TOOLS_UNKNOWN
    elif action not in tools and tools != ("*",):
        yield NOT_ITS_TOOL


_CLAUSE: Final = ApprovalClause(
    rule=f"{SERVICE}/autonomy",
    needs=(Seat("agent_manager", 1),),
    answer_within=timedelta(hours=4),
    not_by=("requester",),
)


def _ladder(effect: Effect, title: str, because: str, unknown: bool = False) -> Finding:
    return Finding(
        policy=SERVICE,
        rule="autonomy",
        title=title,
        effect=effect,
        because=because,
        severity=Risk.LOW,
        certain=not unknown,
        unknown=("agent.autonomy",) if unknown else (),
        fields=("agent.autonomy", "tool.risk"),
        clause=_CLAUSE if effect is Effect.REQUIRE_APPROVAL else None,
    )


_ASK: Final = Effect.REQUIRE_APPROVAL
WATCHED: Final = _ladder(_DENY, "At L0 an agent is only watched", "It has no autonomy yet.")
LEVEL_UNKNOWN: Final = _ladder(
    _DENY, "The agent's autonomy is not known", "Autonomy that is not known is none.", True
)
_CAPS: Final = {
    "L1": (Risk.LOW, _ladder(_ASK, "At L1 a person approves everything", "It acts on approval.")),
    "L2": (
        Risk.MEDIUM,
        _ladder(_ASK, "At L2 only low risk is done alone", "The risk is above low."),
    ),
    "L3": (
        Risk.HIGH,
        _ladder(_ASK, "At L3 high risk needs a person", "The risk is high or critical."),
    ),
}


def ladder(level: object) -> tuple[str, str]:
    """Title and reason of the cap at `level`, as `autonomy` gives them."""
    cap = _CAPS.get(level) if isinstance(level, str) else None
    finding = cap[1] if cap else WATCHED if level == "L0" else LEVEL_UNKNOWN
    return finding.title, finding.because


def autonomy(level: object, risk: Risk, said: Effect) -> Finding | None:
    """The cap of the ladder L0-L5 on what the policies `said` with certainty, before anything was
    lifted.

    L0 denies. L1 asks for everything, L2 for more than low risk, L3 for high and critical risk;
    but what a rule already brings before people is not asked for twice. L4 and L5 add nothing.
    """
    if level in ("L4", "L5"):
        return None
    cap = _CAPS.get(level) if isinstance(level, str) else None
    if cap is None:
        return WATCHED if level == "L0" else LEVEL_UNKNOWN
    least, finding = cap
    return finding if said is Effect.ALLOW and risk >= least else None


def obligation(unknown: str) -> Finding:
    """The runtime did not say that it can carry out the obligation of this id."""
    return Finding(
        policy=SERVICE,
        rule="obligation",
        title=f"The runtime cannot carry out the obligation `{unknown}`",
        effect=_DENY,
        because="An obligation that would not be carried out is a condition that does not hold.",
        severity=Risk.HIGH,
        fields=("context.obligations_supported",),
    )


def observed(policy: str) -> Finding:
    """The allow of a file that only watches."""
    return Finding(
        policy=policy,
        rule="observe",
        title="Only watched, not governed",
        effect=Effect.ALLOW,
        because="The policy of this action is in observe mode: it is reported, not enforced.",
        severity=Risk.LOW,
        mode=Mode.OBSERVE,
    )


def undeclared(default: Finding, names: tuple[str, ...]) -> Finding:
    """Arguments that the catalogue does not know silence every allow of the file whose `default`
    speaks instead; people must lift both."""
    listed = ", ".join(f"`{name}`" for name in names)
    clause = default.clause
    return Finding(
        policy=default.policy,
        rule="undeclared",
        title="An argument is not in the catalogue",
        effect=default.effect,
        because=f"{listed}: what it does is not known, so no rule can allow it.",
        severity=Risk.MEDIUM,
        certain=False,
        unknown=names,
        fields=names,
        clause=clause and replace(clause, rule=f"{default.policy}/undeclared"),
    )
