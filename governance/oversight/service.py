"""What the log says about the service itself: starts, the clock, a restore.

Law: a restored workspace starts stopped, and a clock that jumped answers nothing, until people looked.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from immutables import Map

from governance.oversight import retention
from governance.oversight.model import ClockPause, State, Stop

OLD_LOG: Final = 1 << 40
"""By how much the numbers of an old log are lowered when a new one goes on from it."""


def started(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """service.started"""
    return replace(state, origin=data["origin"], semantics=data["semantics"])


def clock(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """service.clock: a jump pauses answers until two people (or the only one) confirm."""
    if data["event"] == "jumped":
        return replace(state, clock=ClockPause(index))
    if data["event"] == "looked" and state.clock is not None:
        return replace(state, clock=replace(state.clock, confirmed_by=by["id"]))
    return replace(state, clock=None)


def restored(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """service.restored: a new log goes on with the people, agents, keys and release of the old.

    Everything whose id was an index of the old log and that waits for something ends: sessions,
    approvals, overrides, proposals, drafts, changes, roles to be confirmed, earlier stops, what anchors
    said, what was drawn for review.  What lives on is known by numbers below zero, which no entry of the
    new log has; retention rules and legal holds do.  One stop on everything replaces earlier ones, and
    no window can be told until two people lift it.
    """
    agents = Map(
        {
            agent.id: replace(
                agent,
                index=agent.index - OLD_LOG,
                texts=Map({name: each - OLD_LOG for name, each in agent.texts.items()}),
                brief=None
                if agent.brief is None
                else replace(agent.brief, index=agent.brief.index - OLD_LOG),
                standing=None,
                sessions=(),
                pending=None,
            )
            for agent in state.agents.values()
            if agent.state != "draft"
        }
    )
    people = Map(
        {
            who: replace(each, index=each.index - OLD_LOG, waiting=None)
            for who, each in state.people.items()
        }
    )
    return replace(
        state,
        origin=data["origin"],
        release_index=None,
        rules_since=None,
        agents=agents,
        people=people,
        sessions=Map(),
        approvals=Map(),
        open_actions=Map(),
        overrides=Map(),
        lifted_actions=Map(),
        proposals=Map(),
        clock=None,
        stops=Map({index: Stop(index, "everything", None, None, at)}),
        halts=(),
        halted_before=-1,
        restored=True,
        retention=retention.restored(state.retention, OLD_LOG),
        log_keys=Map(),  # a new log has a new name, and keys of that name
        log_key_wish=None,
        anchors=Map(),
        unanchored=None,
        sample=None,
    )
