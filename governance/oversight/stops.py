"""Stops: after one, nothing in its scope is allowed, redeemed or answered again.

Law: any manager raises a stop at once and alone; it is lifted by two different people, neither of
them enough; it is an entry, so it holds at every later index, after restarts and restores.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from governance.oversight.entries import SCOPES
from governance.oversight.errors import Refused
from governance.oversight.model import Agent, Session, State, Stop

HALTS_KEPT: Final = 64


def matching(
    state: State, agent: Agent | None, session: Session | None, action: str
) -> Stop | None:
    """The first stop in force whose scope covers this agent, session or action."""
    if not state.stops:
        return None
    for number in sorted(state.stops):
        stop = state.stops[number]
        if covers(stop, agent, session, action):
            return stop
    return None


def since(
    state: State, index: int, agent: Agent | None, session: Session | None, action: str
) -> Stop | None:
    """A stop in force, or one raised (or a suspension) after entry `index`, that covers this.

    What was allowed at `index` is not carried out any more, even if the stop was lifted since.
    """
    for stop in reversed(state.halts):
        if stop.index > index and covers(stop, agent, session, action):
            return stop
    if index < state.halted_before:
        return state.halts[0]
    return matching(state, agent, session, action)


def halted(state: State, stop: Stop) -> State:
    """`state` with one more halt; the oldest beyond `HALTS_KEPT` count for every scope."""
    halts = (*state.halts, stop)
    before = state.halted_before
    if len(halts) > HALTS_KEPT:
        before, halts = halts[0].index, halts[1:]
    return replace(state, halts=halts, halted_before=before)


def covers(stop: Stop, agent: Agent | None, session: Session | None, action: str) -> bool:
    """Whether the scope of `stop` covers this; a session's stop covers what it delegated to, an
    action's stop covers its family (`mcp` covers `mcp.server.tool`)."""
    scope, name = stop.scope, stop.scope_id
    if scope == "everything":
        return True
    if scope == "agent":
        return agent is not None and agent.id == name
    if scope == "team":
        return agent is not None and agent.team == name
    if scope == "session":
        return session is not None and (
            name in [str(number) for number in (session.index, *session.ancestors)]
        )
    family = (name or "").removesuffix(".*")
    return action == family or action.startswith(family + ".")


def get(state: State, index: int) -> Stop:
    """The stop `index`, if it is in force."""
    found = state.stops.get(index)
    if found is None:
        raise Refused("unknown", f"stop `{index}` is not in force")
    return found


def require_scope(state: State, scope: str, name: str | None) -> None:
    """Refuse a scope that names nothing: a stop with a typing error would stop nobody."""
    if scope not in SCOPES:
        raise Refused(
            "bad-field",
            f"`{scope}` is no scope; expected {', '.join(SCOPES)}",
            field="scope",
        )
    if scope == "everything":
        if name is not None:
            raise Refused("bad-field", "a stop of everything takes no id", field="scope_id")
        return
    if name is None:
        raise Refused("bad-field", f"say which {scope} to stop", field="scope_id")
    known = True
    if scope == "team":
        known = any(agent.team == name for agent in state.agents.values())
    elif scope == "agent":
        known = name in state.agents
    elif scope == "session":
        known = name.isdecimal() and int(name) in state.sessions
    if not known:
        raise Refused("unknown", f"there is no {scope} `{name}` to stop", field="scope_id")


# the fold


def raised(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """stop.raised"""
    scope = data["scope"]
    stop = Stop(index, scope["type"], scope.get("id"), data["person"], at, data["drill"])
    return halted(replace(state, stops=state.stops.set(index, stop)), stop)


def _number(data: Any) -> int:
    refs = data["refs"]
    return int(refs["stop"] if "stop" in refs else refs["service"])


def lift_asked(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """stop.lift_asked"""
    number = _number(data)
    stop = replace(state.stops[number], asked_by=data["person"], asked_index=index)
    return replace(state, stops=state.stops.set(number, stop))


def lifted(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """stop.lifted: with the stop of a restore, windows can be told again."""
    number = _number(data)
    restore = state.stops[number].person is None
    return replace(
        state,
        stops=state.stops.delete(number),
        restored=state.restored and not restore,
    )
