"""Sessions: minted by the service, for agents, people and gateways.

Law: nobody chooses the labels a session starts with; see `governance.oversight.sessions`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from governance.oversight import agents, keys, people, sessions
from governance.oversight.commands import NO_NEEDS, DecisionFact, Facts, Lane, Needs, Proposal
from governance.oversight.errors import Refused
from governance.oversight.model import State
from governance.service.acting import Act, Run, Texts, do, entry, lane_of, one, person, stated
from governance.service.desk import Caller, Desk
from governance.service.problem import Problem


def open_session(
    desk: Desk,
    caller: Caller,
    *,
    agent: str | None = None,
    parent: int | None = None,
    workspace: str | None = None,
) -> dict[str, Any]:
    """Open a session for an agent.  `parent` is the decision that delegated the work, if any.

    An agent opens its own, starting `untrusted`, or, naming a decision of its own as `parent`, one
    for the agent it hands work to; gateways and people open clean ones, delegates inherit.
    `workspace` (absolute folder that paths are judged against) is taken from people and gateways
    only.  Returns `{session, agent, labels, opened_by}`.
    """
    return do(desk, prepare_open(desk, caller, agent=agent, parent=parent, workspace=workspace))


def prepare_open(
    desk: Desk,
    caller: Caller,
    *,
    agent: str | None = None,
    parent: int | None = None,
    workspace: str | None = None,
) -> Act:
    """The command of `open_session`."""
    name = caller.id if agent is None and caller.type == "agent" else agent
    if name is None:
        raise Problem("bad-field", "say for which agent the session is", field="agent")
    if workspace is not None:
        _require_workspace(caller, workspace)

    def wants(state: State, at: datetime) -> Needs:
        return NO_NEEDS if parent is None else Needs(decisions=(parent,))

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        delegated = caller.type == "agent" and parent is not None
        require_speaks_for(state, caller, caller.id if delegated else name)
        found = agents.agent(state, name)
        if found.state not in ("active", "suspended"):
            raise Refused("conflict", f"agent `{name}` is {found.state}; it opens no sessions")
        origin, refs = None, {}
        if parent is not None:
            decision = facts.decisions.get(parent)
            if decision is None or decision.effect != "allow":
                raise Refused(
                    "unknown", f"`{parent}` is no decision that allowed anything", field="parent"
                )
            require_parent(state, caller, decision)
            origin = sessions.parent_session(state, decision.session, at)
            refs = {"session": origin.index, "decision": parent}
        labels = sorted(sessions.first_labels(found, caller.type, origin))
        data: dict[str, Any] = {
            "agent": name,
            "opened_by": caller.type,
            "labels": labels,
            "refs": refs,
            "depth": 0 if origin is None else origin.depth + 1,
            "standing": False,
        }
        if workspace is not None:
            data["workspace"] = workspace
        answer = {"session": index, "agent": name, "labels": labels, "opened_by": caller.type}
        return Proposal((entry("session.opened", at, caller, data),), answer)

    return Act(*_waits(caller, run), wants=wants)


def _require_workspace(caller: Caller, folder: str) -> None:
    if caller.type == "agent":
        raise Problem("service-fact", "an agent does not choose its workspace", field="workspace")
    if not folder.startswith("/") or len(folder) > 400:
        raise Problem("bad-field", f"`{folder}` is no absolute path", field="workspace")


def require_parent(state: State, caller: Caller, decision: DecisionFact) -> None:
    """Refuse a parent decision of an agent for which the caller does not speak.

    Otherwise an agent could charge its work to another's limits, and the log would tell of a
    delegation that never was.
    """
    try:
        require_speaks_for(state, caller, decision.agent)
    except Refused as refused:
        raise Refused(
            refused.type,
            f"decision `{decision.index}` is another agent's; who delegates opens the session",
            field="parent",
        ) from None


def require_speaks_for(state: State, caller: Caller, agent: str) -> None:
    """Refuse a caller who may not act for `agent`, or whose key was revoked meanwhile."""
    if caller.type == "person":
        who = people.person(state, caller.id)
        known = state.agents.get(agent)
        if known is None or not people.answers_for(known, caller.id):
            people.require(state, who.id, "manage agents")
        return
    key = None if caller.digest is None else keys.find(state, caller.digest)
    if key is None:
        raise Refused("unauthenticated", "the key is unknown or was revoked")
    if not keys.speaks_for(key, agent):
        raise Refused("wrong-subject", f"this key does not speak for agent `{agent}`")


def close(desk: Desk, caller: Caller, session: int) -> dict[str, Any]:
    """End a session; nothing can be done in it afterwards, and its open approvals end."""

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        found = state.sessions.get(session)
        if found is None:
            raise Refused(
                "unknown", f"session `{session}` has ended or never was", field="context.session"
            )
        require_speaks_for(state, caller, found.agent)
        if caller.type != "person" and not sessions.usable(
            found, found.agent, caller.type, caller.id
        ):
            raise Refused("wrong-subject", f"session `{session}` belongs to another gateway")
        data = {"refs": {"session": session}}
        return Proposal((entry("session.closed", at, caller, data),), {"session": session})

    return do(desk, Act(*_waits(caller, run)))


def _waits(caller: Caller, run: Run) -> tuple[str, Run, Lane]:
    bucket, lane = lane_of(caller)
    return bucket, run, lane


def clear_labels(desk: Desk, caller: Caller, agent: str, *, reason: str) -> dict[str, Any]:
    """A person vouches for an agent: what its own sessions left on it is forgotten, they end.

    Agent managers only: this loosens.  Returns `{agent, cleared}`.
    """
    who, texts = person(caller), Texts.of(reason=stated(reason))

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, who, "manage agents")
        residue = sorted(agents.agent(state, agent).residue)
        data = {"agent": agent, "labels": residue}
        answer = {"agent": agent, "cleared": residue}
        return one("session.cleared", at, caller, index, data, answer, texts)

    return do(desk, Act(who, run))
