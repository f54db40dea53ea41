"""Stopping: one person is enough to stop, two different ones are needed to go on.

Law: a stop waits behind nothing but another stop; after its entry nothing in its scope is allowed,
redeemed or answered again.
"""

from __future__ import annotations

import difflib
import re
from datetime import datetime
from typing import Any

from audit.entry import decode
from governance.oversight import people, stops
from governance.oversight.commands import Facts, Proposal
from governance.oversight.model import State, Stop
from governance.oversight.times import MICROSECOND, write
from governance.service.acting import Act, Texts, do, entry, one, person, stated
from governance.service.desk import Caller, Desk
from governance.service.problem import Problem

_WORD = re.compile(r"[^\x00-\x20\x7f]+").fullmatch


def raise_stop(
    desk: Desk,
    caller: Caller,
    *,
    scope: str,
    scope_id: str | None = None,
    reason: str,
    drill: bool = False,
) -> dict[str, Any]:
    """Stop everything, a team, an agent, a session or a family of actions, at once.

    Any administrator, agent manager or compliance officer may, and an agent's owner and deputy may
    stop that agent and its sessions.  Returns `{stop, scope, receipt}`.
    """
    if scope == "action" and scope_id is not None:
        _require_action(desk, str(scope_id))
    return do(desk, prepare_stop(caller, scope, scope_id, reason, drill))


def _require_action(desk: Desk, name: str) -> None:
    """Refuse the name of an action that nobody could take: a typing error would stop nothing."""
    state = desk.state
    known: set[str] = set()
    if state.release is not None:
        known |= desk.releases.get(state.release).release.bundle.catalogue.actions.keys()
    for agent in state.agents.values():
        known |= {tool.removesuffix(".*") for tool in agent.tools} - {"*"}
    family = name.removesuffix(".*")
    families = {each[:dot] for each in known for dot in _dots(each)}
    if family in known or family in families or any(family.startswith(k + ".") for k in known):
        return
    near = difflib.get_close_matches(family, sorted(known | families), 1)
    hint = f"; did you mean `{near[0]}`?" if near else "; see the actions of the release in force"
    raise Problem("unknown", f"there is no action `{name}` to stop{hint}", field="scope_id")


def _dots(name: str) -> list[int]:
    return [place for place, letter in enumerate(name) if letter == "."]


def prepare_stop(
    caller: Caller, scope: str, scope_id: str | None, why: str, drill: bool = False
) -> Act:
    """The command of `raise_stop`."""
    who = person(caller)
    texts = Texts.of(reason=stated(why))
    if scope_id is not None and (len(str(scope_id)) > 200 or not _WORD(str(scope_id))):
        raise Problem(
            "bad-field", "a scope's id has 1 to 200 characters without spaces", field="scope_id"
        )
    named = {"type": scope} if scope_id is None else {"type": scope, "id": str(scope_id)}

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        stops.require_scope(state, scope, named.get("id"))
        if not _answers_for(state, who, scope, named.get("id")):
            people.require(state, who, "stop")
        data = {"scope": named, "person": who, "drill": drill}
        return one("stop.raised", at, caller, index, data, {"stop": index, "scope": named}, texts)

    return Act(who, run, lane="stop", while_paused=True)


def _answers_for(state: State, who: str, scope: str, name: str | None) -> bool:
    people.person(state, who)
    if scope == "session" and name is not None:
        name = state.sessions[int(name)].agent
    elif scope != "agent":
        return False
    agent = None if name is None else state.agents.get(name)
    return agent is not None and people.answers_for(agent, who)


def lift(desk: Desk, caller: Caller, stop: int, *, reason: str) -> dict[str, Any]:
    """Ask to lift a stop, or, as the second person, lift it.

    Returns `{stop, state: lift_asked | lifted}`.  The only person of a workspace lifts alone.
    """
    return do(desk, prepare_lift(caller, stop, reason))


def prepare_lift(caller: Caller, stop: int, why: str) -> Act:
    """The command of `lift`."""
    who = person(caller)
    texts = Texts.of(reason=stated(why))

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, who, "lift a stop")
        found = stops.get(state, stop)
        refs = {"service" if found.person is None else "stop": stop}
        data: dict[str, Any] = {"refs": refs, "person": who}
        if people.second(state, who, found.asked_by, "lift this stop"):
            data["alone"] = state.single_person
            answer = {"stop": stop, "state": "lifted"}
            return one("stop.lifted", at, caller, index, data, answer, texts)
        answer = {"stop": stop, "state": "lift_asked"}
        return one("stop.lift_asked", at, caller, index, data, answer, texts)

    return Act(who, run, lane="stop")


def drill(
    desk: Desk, caller: Caller, *, scope: str, scope_id: str | None = None, reason: str
) -> dict[str, Any]:
    """Raise a real stop as an exercise and measure how long its scope still got an allow.

    Measured is the time from the moment the person's command reached the service to the last
    decision in the scope that was allowed after it.  The stop stays until two people lift it.
    Returns `{stop, raised_at, last_allowed, seconds}`.
    """
    pressed, size = desk.now(), desk.state.size
    raised = raise_stop(desk, caller, scope=scope, scope_id=scope_id, reason=reason, drill=True)
    number = raised["stop"]
    stop = desk.state.stops.get(number)
    if stop is None:
        raise Problem("conflict", f"stop `{number}` was lifted before the drill could be measured")
    last, seconds = _last_allowed(desk, stop, size, pressed)
    data = {
        "refs": {"stop": number},
        "raised_at": write(pressed),
        "last_allowed": last,
        "seconds": seconds,
    }

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        return Proposal((entry("stop.drilled", at, caller, data),), {**data, "stop": number})

    return do(desk, Act(person(caller), run))


def _last_allowed(desk: Desk, stop: Stop, since: int, pressed: datetime) -> tuple[int | None, str]:
    """Index and delay (seconds, as text) of the last allow in scope after `pressed`."""
    last, delay = None, 0
    state = desk.state
    for index, raw in enumerate(desk.reader.entries(since, state.size), since):
        recorded = decode(raw)
        data = recorded.data
        if recorded.kind != "decision" or data["effect"] != "allow":
            continue
        session = state.sessions.get(data["refs"].get("session", -1))
        if stops.covers(stop, state.agents.get(data["agent"]), session, data["action"]):
            last = index
            delay = max(0, (recorded.at - pressed) // MICROSECOND)
    return last, f"{delay // 1_000_000}.{delay % 1_000_000:06d}"


def listed(desk: Desk) -> dict[str, Any]:
    """The stops in force: `{stops: [{stop, scope, raised_by, at, drill, lift_asked_by}]}`."""
    return {
        "stops": [
            {
                "stop": stop.index,
                "scope": {"type": stop.scope, "id": stop.scope_id},
                "raised_by": stop.person,
                "at": write(stop.at),
                "drill": stop.drill,
                "lift_asked_by": stop.asked_by,
                "lift_asked": stop.asked_index,
                "restored": stop.person is None,
            }
            for _, stop in sorted(desk.state.stops.items())
        ]
    }
