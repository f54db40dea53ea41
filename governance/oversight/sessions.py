"""Sessions: what an agent has touched so far in one stretch of work, as labels.

Law: the service mints sessions and nobody washes one.  Labels only grow; they attach when an
action is allowed; a session opened by the agent's own key starts `untrusted` and with everything
the agent took on before under its own key; a delegate starts with what its parent has.  An agent
cannot choose a cleaner session: its own key may use only sessions of its own that no gateway
opened, and all of those take on what it takes on anywhere.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from governance.oversight.errors import Refused
from governance.oversight.model import Agent, Session, State

UNTRUSTED: Final = "untrusted"
LIFETIME: Final = timedelta(hours=24)
MOST_OF_AGENT: Final = 32  # live sessions opened by the agent's own key
MOST_DELEGATED: Final = 64  # live sessions that other agents opened for it, to hand over work
MOST_OF_OTHERS: Final = 512  # live sessions that people and gateways opened for one agent
DEEPEST: Final = 16  # delegations in a chain


def live(state: State, index: int, at: datetime) -> Session | None:
    """The session `index` if it is neither closed nor past its lifetime."""
    found = state.sessions.get(index)
    if found is None or at - found.opened_at >= LIFETIME:
        return None
    return found


def usable(session: Session, agent: str, by_type: str, by_id: str) -> bool:
    """Whether this caller may act for `agent` in `session`.

    The agent's own key: sessions of its own that it or a person opened.  A gateway: those that it
    or a person opened, and the agent's standing one.
    """
    if session.agent != agent:
        return False
    if session.opened_by == "gateway":
        return by_type == "gateway" and session.opener == by_id
    return True


def parent_session(state: State, session: int | None, at: datetime) -> Session:
    """The live session of a delegating decision; refuses when it has ended or is too deep."""
    found = None if session is None else live(state, session, at)
    if found is None:
        raise Refused(
            "conflict",
            "the session of the parent decision has ended; open a new one without a parent",
            field="parent",
        )
    if found.depth >= DEEPEST:
        raise Refused("conflict", f"a chain of delegations may be {DEEPEST} long", field="parent")
    return found


def first_labels(agent: Agent, opened_by: str, parent: Session | None) -> frozenset[str]:
    """The labels with which a session starts."""
    labels = parent.labels if parent is not None else frozenset()
    if opened_by == "agent":
        return labels | agent.residue | {UNTRUSTED}
    return labels


# the fold


def opened(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """session.opened: the oldest sessions of the same sort make room."""
    agent = state.agents[data["agent"]]
    refs = data["refs"]  # of a delegation: the parent's session and its decision
    parent = state.sessions.get(refs.get("session", -1))
    ancestors = () if parent is None else (*parent.ancestors, parent.index)
    new = Session(
        index=index,
        agent=agent.id,
        opened_by=data["opened_by"],
        opener=by["id"],
        opened_at=at,
        labels=frozenset(data["labels"]),
        depth=data["depth"],
        parent=refs.get("decision"),
        ancestors=ancestors,
        workspace=data.get("workspace"),
    )
    kept, state = _make_room(state, agent, new, at)
    agent = replace(
        agent,
        sessions=(*kept, index),
        standing=index if data["standing"] else agent.standing if agent.standing in kept else None,
    )
    return replace(
        state,
        sessions=state.sessions.set(index, new),
        agents=state.agents.set(agent.id, agent),
    )


def _most(session: Session) -> int:
    """How many sessions of this sort an agent may have; no sort crowds out another."""
    if session.opened_by != "agent":
        return MOST_OF_OTHERS
    return MOST_OF_AGENT if session.opener == session.agent else MOST_DELEGATED


def _make_room(
    state: State, agent: Agent, new: Session, at: datetime
) -> tuple[tuple[int, ...], State]:
    """Drop what has ended, and the oldest of the same sort beyond its cap."""
    most = _most(new)
    alive: list[int] = []
    same: list[int] = []
    gone: list[int] = []
    for number in agent.sessions:
        session = state.sessions[number]
        if at - session.opened_at >= LIFETIME:
            gone.append(number)
            continue
        alive.append(number)
        if _most(session) == most:
            same.append(number)
    gone += same[: max(0, len(same) + 1 - most)]
    if not gone:
        return agent.sessions, state
    for number in gone:
        state = without(state, number)
    return tuple(n for n in alive if n not in gone), state


def without(state: State, number: int) -> State:
    """`state` without session `number` and the approvals that waited for it."""
    approvals, open_actions = state.approvals, state.open_actions
    for index, approval in state.approvals.items():
        if approval.session == number:
            approvals = approvals.delete(index)
            key = (number, approval.digest)
            if key in open_actions:  # two may wait for one action: an overdue one, and a new one
                open_actions = open_actions.delete(key)
    return replace(
        state,
        sessions=state.sessions.delete(number),
        approvals=approvals,
        open_actions=open_actions,
    )


def closed(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """session.closed"""
    number = data["refs"]["session"]
    agent = state.agents[state.sessions[number].agent]
    agent = replace(
        agent,
        sessions=tuple(n for n in agent.sessions if n != number),
        standing=None if agent.standing == number else agent.standing,
    )
    state = without(state, number)
    return replace(state, agents=state.agents.set(agent.id, agent))


def cleared(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """session.cleared: a person vouches for the agent; its own sessions end, its residue goes."""
    agent = state.agents[data["agent"]]
    for number in agent.sessions:
        if state.sessions[number].opened_by == "agent":
            state = without(state, number)
    agent = replace(
        agent,
        residue=frozenset(),
        standing=None,
        sessions=tuple(n for n in agent.sessions if n in state.sessions),
    )
    return replace(state, agents=state.agents.set(agent.id, agent))


def attach(state: State, number: int, labels: frozenset[str]) -> State:
    """`state` after an action with `labels` was allowed in session `number`.

    What the agent has seen it knows: the session takes the labels on, so does the agent, and so
    does every session that its own key may use.  Only other sessions of gateways stay as they are.
    """
    session = state.sessions.get(number)
    if session is None:
        return state
    agent = state.agents[session.agent]
    sessions = state.sessions
    for each in agent.sessions:
        other = sessions[each]
        if (each == number or other.opened_by != "gateway") and not labels <= other.labels:
            sessions = sessions.set(each, replace(other, labels=other.labels | labels))
    agents = state.agents
    if not labels <= agent.residue:
        agents = agents.set(agent.id, replace(agent, residue=agent.residue | labels))
    if sessions is state.sessions and agents is state.agents:
        return state
    return replace(state, sessions=sessions, agents=agents)
