"""Frame, head, stops and agents, read from the desk.

Law: what is shown here is the state after the last committed entry; names come from the vault and
are pseudonyms where they were erased; who may do what is asked of the same rules as the verbs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from governance.oversight import autonomy, people, reviews
from governance.oversight.agents import text_entry
from governance.oversight.errors import Refused
from governance.service import anchors, log_keys, proposals
from governance.service.people import name_of
from governance.service.reading import opened
from governance.service.reviews import open_to
from governance.web.console.outside import Outside
from governance.web.console.present import Clockface
from governance.web.console.saying import sentence
from governance.web.console.views import (
    AgentRow,
    Frame,
    HeadView,
    LogKeyView,
    May,
    PersonView,
    StopChoices,
    StopView,
    Verdict,
)
from governance.web.health import ANCHORS, failing

if TYPE_CHECKING:
    from governance.oversight.model import Agent, State, Stop
    from governance.service.desk import Desk

LEVELS = {
    "L0": "watched only",
    "L1": "everything approved",
    "L2": "low risk alone",
    "L3": "within limits alone",
    "L4": "high risk sampled afterwards",
    "L5": "full within policy",
}
STATES = {
    "draft": Verdict("plain", "Draft"),
    "active": Verdict("allow", "Active"),
    "suspended": Verdict("plain", "Suspended"),
    "retired": Verdict("plain", "Retired"),
}
YES = May(True)


def role_words(roles: frozenset[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Roles as people say them."""
    return tuple(role.replace("_", " ") for role in sorted(roles))


def allowed(state: State, person: str, right: str) -> May:
    """Whether a person's roles carry this right, and the sentence why not."""
    try:
        people.require(state, person, right)
    except Refused:
        held = ", ".join(role_words(state.people[person].roles)) or "none"
        wanted = " or ".join(role_words(people.RIGHTS[right]))
        return May(False, f"To {right} takes the role {wanted}. Your roles: {held}.")
    return YES


def own_agents(state: State, person: str) -> tuple[str, ...]:
    """Agents this person answers for as owner or deputy."""
    return tuple(sorted(a.id for a in state.agents.values() if people.answers_for(a, person)))


def may_stop(state: State, person: str) -> May:
    """Managers stop anything; an owner or deputy stops what they answer for."""
    if own_agents(state, person):
        return YES
    may = allowed(state, person, "stop")
    return may if may.yes else May(False, may.why_not + " Owner and deputy may stop their agent.")


def frame(desk: Desk, workspace: str, outside: Outside, person: str, waiting: int) -> Frame | None:
    """What stands around every page; None when the person is not active any more."""
    state = desk.state
    found = state.people.get(person)
    if found is None:
        return None
    return Frame(
        workspace=workspace,
        person=PersonView(person, name_of(desk, person), role_words(found.roles)),
        waiting=waiting,
        stops=len(state.stops),
        log_size=state.size,
        is_anchored=outside.is_fresh,
        release=(state.release or "")[:12],
        may_stop=may_stop(state, person),
        trouble=" ".join(
            sentence(complaint) for name, complaint in failing(desk).items() if name != ANCHORS
        ),
        kept=outside.kept,
        warning=_warning(desk),
        contradicted_by=anchors.contradictors(desk),
        proposals=len(to_sign(state, person)),
        to_review=_to_review(desk, person),
    )


def _to_review(desk: Desk, person: str) -> int:
    """How many decisions of the sample nobody has reviewed and this person may review."""
    state = desk.state
    if state.sample is None or not allowed(state, person, reviews.RIGHT).yes:
        return 0
    kept = desk.reader.minimum
    return open_to(desk, person, [each for each in state.sample.waiting if each >= kept])


def to_sign(state: State, person: str) -> tuple[int, ...]:
    """The proposals of releases that this person may sign, oldest first."""
    if not allowed(state, person, "sign policies").yes:
        return ()
    waiting = proposals.waiting(state)
    return tuple(each.index for each in waiting if each.person != person or state.single_person)


def _warning(desk: Desk) -> str:
    """An anchor that contradicts the log, or anchors that all fall behind. That there is none stands
    at the top and the bottom of every page."""
    found = [anchors.contradicted(desk)]
    if desk.state.unanchored is not None:
        found.append(anchors.degraded(desk))
    return " ".join(sentence(complaint) for complaint in found if complaint is not None)


def head(desk: Desk, outside: Outside) -> HeadView:
    """The log's head as last signed."""
    reader = desk.workspace.reader
    note = reader.checkpoint()
    keys = log_keys.listed(desk)
    origin, size, root = note.split("\n")[:3]
    entries = int(size)
    return HeadView(
        origin=origin,
        size=entries,
        root=root,
        at=reader.entry(entries - 1).at if entries else None,
        checkpoint=note,
        keys=tuple(_key_view(told) for told in keys["keys"]),
        anchored=outside.said,
        is_anchored=outside.is_fresh,
        kept=outside.kept,
        anchors=outside.anchors,
        quorum=outside.quorum,
        keys_wait=_keys_wait(keys["waiting"]),
    )


_ALGORITHMS = {"ed25519": "Ed25519", "ecdsa-p256": "ECDSA P-256", "ml-dsa-44": "ML-DSA-44"}
_WHY = {"replaced": "it was replaced", "lost": "it was lost", "compromised": "others may have it"}


def _key_view(told: Mapping[str, Any]) -> LogKeyView:
    """A key as `log_keys.listed` tells of it, in words."""
    does = {
        "signing": "signs",
        "retired": "retired",
        "prepared": "prepared, signs nothing",
        "missing": "should sign, and is missing",
    }[told["state"]]
    if told.get("retired") is not None:
        does = f"retired with entry {told['retired']}: {_WHY[told['why']]}"
    elif told["state"] == "signing" and told.get("announced") is not None:
        does = f"signs since entry {told['announced']}"
    algorithm = _ALGORITHMS[told["algorithm"]]
    return LogKeyView(told["key"], told["vkey"], algorithm, does, told["state"] == "signing")


def _keys_wait(waiting: Mapping[str, Any] | None) -> str:
    if waiting is None:
        return ""
    word = "is to sign, too" if waiting["change"] == "add" else "is to be retired"
    return (
        f"The key {waiting['key']} {word}. Another administrator than the one who proposed it "
        f"confirms: governance log-key confirm {waiting['entry']}"
    )


# -- stops -----------------------------------------------------------------------------------------


def scope_words(stop: Stop) -> str:
    """What a stop covers, in words."""
    if stop.scope == "everything":
        return "Everything"
    return f"{stop.scope.capitalize()} {stop.scope_id}"


def stop_view(desk: Desk, person: str, stop: Stop) -> StopView:
    """One stop in force, and how far lifting has come."""
    state = desk.state
    may_ask, may_lift = _lifting(state, person, stop)
    asked = stop.asked_by if stop.asked_by in state.people else None
    return StopView(
        index=stop.index,
        scope=scope_words(stop),
        reason=_reason(desk, stop),
        raised_at=stop.at,
        raised_by=name_of(desk, stop.person),
        drill=stop.drill,
        last_allowed="",
        lift_asked=f"{name_of(desk, asked)} asked to lift it; one more person must agree."
        if asked
        else "",
        lift_reason=_asked_why(desk, stop) if asked else "",
        may_ask=may_ask,
        may_lift=may_lift,
    )


def _reason(desk: Desk, stop: Stop) -> str:
    if stop.person is None:
        return "The workspace was restored from a backup; two people look at it before it goes on."
    said = opened(desk, stop.index, "reason")
    return said if isinstance(said, str) else "The reason was erased."


def _asked_why(desk: Desk, stop: Stop) -> str:
    said = None if stop.asked_index is None else opened(desk, stop.asked_index, "reason")
    return said if isinstance(said, str) else "The reason was erased."


def _lifting(state: State, person: str, stop: Stop) -> tuple[May, May]:
    may = allowed(state, person, "lift a stop")
    if not may.yes:
        return may, may
    asked = stop.asked_by if stop.asked_by in state.people else None
    if state.single_person:
        return May(False), YES
    if asked == person:
        waits = May(False, "You asked to lift this stop; another person must agree.")
        return waits, waits
    return (May(False), YES) if asked else (YES, May(False))


def choices(state: State, person: str) -> StopChoices:
    """What this person can choose in the stop form."""
    if not allowed(state, person, "stop").yes:
        return StopChoices(own_agents(state, person), (), (), wide=False)
    living = [agent for agent in state.agents.values() if agent.state != "retired"]
    return StopChoices(
        agents=tuple(sorted(agent.id for agent in living)),
        teams=tuple(sorted({agent.team for agent in living})),
        actions=tuple(sorted({tool for agent in living for tool in agent.tools} - {"*"})),
        wide=True,
    )


# -- agents ----------------------------------------------------------------------------------------


def agent_row(desk: Desk, clock: Clockface, person: str, agent: Agent, at: datetime) -> AgentRow:
    """One agent in the list."""
    state = desk.state
    level = autonomy.level(agent, at)
    note = LEVELS.get(level, "")
    if agent.autonomy_until is not None:
        over = "ran out" if at >= agent.autonomy_until else "until"
        note += f", {over} {clock.plain(agent.autonomy_until)}"
    waits = "waits for a second person" if agent.state == "draft" else ""
    if agent.pending is not None:
        waits = "a change waits for a second person"
    stopped = next((n for n, s in sorted(state.stops.items()) if _covers(s, agent)), None)
    purpose = opened(desk, text_entry(agent, "purpose"), "purpose")
    can = allowed(state, person, "stop").yes or people.answers_for(agent, person)
    return AgentRow(
        id=agent.id,
        purpose=purpose[:200] if isinstance(purpose, str) else "",
        team=agent.team,
        owner=name_of(desk, agent.owner),
        autonomy=level,
        autonomy_note=note,
        state=Verdict("stopped", "Stopped") if stopped is not None else STATES[agent.state],
        waits=waits,
        risk_class=_class_words(agent),
        stopped_by=stopped,
        can_be_stopped=agent.state not in ("draft", "retired") and can,
    )


def _covers(stop: Stop, agent: Agent) -> bool:
    """Whether a stop covers all that an agent does; one action or session is not all."""
    return stop.scope == "everything" or (
        (stop.scope == "agent" and stop.scope_id == agent.id)
        or (stop.scope == "team" and stop.scope_id == agent.team)
    )


def _class_words(agent: Agent) -> str:
    if agent.agent_class == "high":
        point = f", {agent.annex}" if agent.annex else ""
        return f"High risk under the EU AI Act{point}"
    return "Not classified under the EU AI Act" if agent.agent_class == "not_classified" else ""
