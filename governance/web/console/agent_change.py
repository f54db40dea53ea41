"""What waits about an agent for a second person: the agent itself, or a change of its record.

Law: the page shows all that a confirmation makes true, what it replaces and what it opens; the
confirmation names the entry that was shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from governance.oversight import agents
from governance.oversight.errors import Refused
from governance.oversight.model import Agent, Budget
from governance.service import registering
from governance.service.people import name_of
from governance.service.problem import Problem
from governance.service.reading import opened
from governance.web.console.framing import LEVELS, YES, allowed
from governance.web.console.present import Clockface
from governance.web.console.saying import sentence
from governance.web.console.views import AgentChangeView, May

if TYPE_CHECKING:
    from governance.service.desk import Desk

RIGHT: Final = "manage agents"
_LABELS: Final[Mapping[str, str]] = {
    "team": "Team",
    "owner": "Owner",
    "deputy": "Deputy",
    "agent_class": "Class under the EU AI Act",
    "annex": "Point of Annex III",
    "tools": "Tools",
    "labels": "Labels",
    "model": "Model",
    "autonomy": "Autonomy",
    "autonomy_until": "Autonomy until",
    "budget": "Budget",
    "workspace": "Works in",
}
_TEXTS: Final = {"purpose": "Purpose", "reasoning": "Why it is classed so"}


def view(desk: Desk, clock: Clockface, person: str, name: str) -> AgentChangeView:
    """What waits about one agent.  Raises `Problem` where nothing does."""
    agent = desk.state.agents.get(name)
    waits = None if agent is None else agents.waiting(agent)
    if agent is None or waits is None:
        raise Problem("unknown", f"nothing about an agent `{name[:60]}` waits for a second person")
    index, proposer, after = waits
    before = None if agent.state == "draft" else agent
    return AgentChangeView(
        name=agent.id,
        index=index,
        who=name_of(desk, proposer),
        new=before is None,
        rows=(*_rows(desk, clock, before, after), *_evidence(desk, before)),
        opens=tuple(registering.waiting(desk, agent)) if before is not None else (),
        may=_may(desk, person, agent, proposer),
    )


def _rows(
    desk: Desk, clock: Clockface, before: Agent | None, after: Agent
) -> Iterator[tuple[str, str, str]]:
    for name, label in _TEXTS.items():
        told, new = (_text(desk, each, name) for each in (before, after))
        if told != new:
            yield label, told, new
    for name, label in _LABELS.items():
        was, now = (None if each is None else getattr(each, name) for each in (before, after))
        if was != now:
            said = "" if before is None else _said(desk, clock, name, was)
            yield label, said, _said(desk, clock, name, now)


def _evidence(desk: Desk, before: Agent | None) -> Iterator[tuple[str, str, str]]:
    """What was said and shown for a raise of autonomy."""
    if before is not None and before.pending is not None:
        if why := opened(desk, before.pending.index, "why"):
            yield "Why", "", str(why)
        for name, value in registering.evidence(desk, before.pending).items():
            said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"Evidence: {name}", "", said


def _text(desk: Desk, agent: Agent | None, name: str) -> str:
    text = None if agent is None else opened(desk, agents.text_entry(agent, name), name)
    return "" if text is None else str(text)


def _said(desk: Desk, clock: Clockface, name: str, value: Any) -> str:
    if not value:
        return "none"
    if name in ("owner", "deputy"):
        return name_of(desk, value)
    if name == "autonomy":
        return f"{value}, {LEVELS[value]}" if value in LEVELS else str(value)
    if name == "autonomy_until":
        return clock.plain(value)
    if isinstance(value, Budget):
        return f"{value.amount} {value.currency} a {value.period}"
    if isinstance(value, frozenset):
        return ", ".join(sorted(value))
    return str(value).replace("_", " ") if name == "agent_class" else str(value)


def _may(desk: Desk, person: str, agent: Agent, proposer: str) -> May:
    may = allowed(desk.state, person, RIGHT)
    if not may.yes:
        return may
    if person == proposer and not desk.state.single_person:
        return May(False, "You proposed this yourself; another agent manager confirms it.")
    if agent.state != "draft" and agent.pending is not None:
        try:
            registering.require_of_now(desk.state, agent.pending)
        except Refused as refused:
            return May(False, sentence(str(refused)))
    return YES
