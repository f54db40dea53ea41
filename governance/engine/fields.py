"""The fields that rules may test besides an action's own arguments, and who says them.

Law: every field has one speaker. `args.*` are bound (executed as stated); `agent.*`, `session.*`,
`tool.*`, `time.*` are the service's own, and a request that sends them is refused; `command.*` is
derived by us from a command line; `resource.*`, `subject.*`, `context.*` are claims unless the
caller is a gateway or connector.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from governance.engine import command
from governance.engine.values import Type

AUTONOMY: Final = ("L0", "L1", "L2", "L3", "L4", "L5")
RISKS: Final = ("low", "medium", "high", "critical")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CLASSES: Final = ("minimal", "limited", "high", "prohibited", "not_classified")
"""EU AI Act classes of an agent's purpose (Regulation (EU) 2024/1689, Art. 5, 6, 50)."""

_NAME = Type("name")
_NAMES = Type("name", many=True)

SERVICE_FIELDS: Final[Mapping[str, Type]] = {
    "agent.id": _NAME,
    "agent.team": _NAME,
    "agent.labels": _NAMES,
    "agent.class": Type("choice", members=CLASSES),
    "agent.autonomy": Type("level", members=AUTONOMY),
    "agent.state": _NAME,
    "agent.owner": _NAME,
    "agent.model": _NAME,
    "agent.tools": _NAMES,
    "agent.brief_age": Type("duration"),
    "agent.evaluation_age": Type("duration"),
    "agent.certified": Type("boolean"),
    "session.id": _NAME,
    "session.labels": _NAMES,
    "session.depth": Type("count", minimum=Decimal(0)),
    "session.opened_by": Type("choice", members=("agent", "person", "gateway")),
    "session.acting": Type("choice", members=("agent", "person")),
    "session.age": Type("duration"),
    "session.workspace": Type("text"),
    "session.home": Type("text"),
    "session.stops": _NAMES,
    "session.chain_agents": _NAMES,
    "session.chain_teams": _NAMES,
    "session.chain_sessions": _NAMES,
    "tool.labels": _NAMES,
    "tool.risk": Type("level", members=RISKS),
    "time.hour": Type("count", minimum=Decimal(0), maximum=Decimal(23)),
    "time.weekday": Type("choice", members=WEEKDAYS),
    "time.date": Type("date"),
}


def _type(words: str) -> Type:
    return Type(words.removeprefix("list of "), many=words.startswith("list of "))


COMMAND_FIELDS: Final[Mapping[str, Type]] = {
    **{f"command.{name}": _type(words) for name, words in command.FIELDS.items()},
    "command.hosts": Type("host", many=True),
}

COMMON_CLAIMS: Final[Mapping[str, Type]] = {
    "context.confidence": Type("number", minimum=Decimal(0), maximum=Decimal(1)),
    "context.cost": Type("money"),
}
"""Claims that every request may carry; a catalogue declares others for each action."""

CLAIM_SPEAKERS: Final = ("resource", "subject", "context")

CHAINS: Final[Mapping[str, str]] = {
    "agent.id": "session.chain_agents",
    "agent.team": "session.chain_teams",
    "session.id": "session.chain_sessions",
}
"""Where the ids above a delegate stand: a limit counted per the first is also charged to these."""


def is_claim(name: str) -> bool:
    """True when an agent could state this field itself."""
    return name.partition(".")[0] in CLAIM_SPEAKERS
