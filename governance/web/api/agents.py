"""Routes of agents, their briefs, autonomy and sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from governance.service import onboarding, sessions
from governance.service.problem import Problem
from governance.web.api.call import Call, Handler


def list_agents(call: Call) -> Mapping[str, Any]:
    """Every agent with its state."""
    return onboarding.listed(call.desk)


def read_agent(call: Call) -> Mapping[str, Any]:
    """One agent."""
    return onboarding.agent(call.desk, call.given["id"])


def propose_agent(call: Call) -> Mapping[str, Any]:
    """Propose an agent; a second person confirms it."""
    body = call.body
    return onboarding.propose(
        call.desk,
        call.who,
        agent=body["agent"],
        team=body["team"],
        owner=body["owner"],
        deputy=body.get("deputy"),
        purpose=body["purpose"],
        agent_class=body.get("class", "not_classified"),
        annex=body.get("annex"),
        reasoning=body.get("reasoning"),
        tools=tuple(body.get("tools", ())),
        labels=tuple(body.get("labels", ())),
        model=body.get("model"),
        autonomy=body.get("autonomy", "L1"),
        autonomy_until=body.get("autonomy_until"),
        budget=_plain(body.get("budget")),
        workspace=body.get("workspace"),
    )


def confirm_agent(call: Call) -> Mapping[str, Any]:
    """The second person's signature."""
    return onboarding.confirm(call.desk, call.who, call.given["id"], entry=call.body["entry"])


def change_agent(call: Call) -> Mapping[str, Any]:
    """Change fields; what loosens waits for a second person."""
    fields = {
        "agent_class" if name == "class" else name: _plain(value)
        for name, value in call.body.items()
    }
    if not fields:
        raise Problem("bad-request", "the body names no field to change; give at least one")
    return onboarding.change(call.desk, call.who, call.given["id"], **fields)


def _with_why(verb: Callable[..., dict[str, Any]]) -> Handler:
    def handler(call: Call) -> Mapping[str, Any]:
        return verb(call.desk, call.who, call.given["id"], why=call.body["why"])

    return handler


def set_autonomy(call: Call) -> Mapping[str, Any]:
    """Raise or lower the level."""
    body = call.body
    return onboarding.set_autonomy(
        call.desk,
        call.who,
        call.given["id"],
        level=body["level"],
        until=body.get("until"),
        why=body["why"],
        evidence=_plain(body.get("evidence", {})),
    )


def brief_agent(call: Call) -> Mapping[str, Any]:
    """Give the agent its brief."""
    body = call.body
    return onboarding.set_brief(
        call.desk,
        call.who,
        call.given["id"],
        text=body["text"],
        as_of=body["as_of"],
        valid_until=body.get("valid_until"),
        sources=tuple(body.get("sources", ())),
    )


def open_session(call: Call) -> Mapping[str, Any]:
    """Mint a session for the agent of the path.

    An agent's key opens its own, or hands on work that one of its own decisions delegated.
    """
    return sessions.open_session(
        call.desk,
        call.who,
        agent=call.given["id"],
        parent=call.body.get("parent"),
        workspace=call.body.get("workspace"),
    )


def close_session(call: Call) -> Mapping[str, Any]:
    """End a session."""
    return sessions.close(call.desk, call.who, call.given["id"])


def clear_labels(call: Call) -> Mapping[str, Any]:
    """Forget what the agent's own sessions left on it."""
    return sessions.clear_labels(call.desk, call.who, call.given["id"], reason=call.body["reason"])


def _plain(value: Any) -> Any:
    """Numbers as the log takes them: whole ones stay, others become decimal text."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return tuple(_plain(part) for part in value)
    return value


HANDLERS: Mapping[str, Handler] = {
    "listAgents": list_agents,
    "readAgent": read_agent,
    "proposeAgent": propose_agent,
    "confirmAgent": confirm_agent,
    "changeAgent": change_agent,
    "suspendAgent": _with_why(onboarding.suspend),
    "resumeAgent": _with_why(onboarding.resume),
    "retireAgent": _with_why(onboarding.retire),
    "setAutonomy": set_autonomy,
    "briefAgent": brief_agent,
    "openSession": open_session,
    "closeSession": close_session,
    "clearLabels": clear_labels,
}
