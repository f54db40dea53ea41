"""Asking people: from *require approval* to a yes or a no that counts once.

Law: a person answers what they were shown, and the answer names its digest; whoever may not answer
is told so before they decide; a request that nobody answers in time is a no; a no cools down.
Source: AuthZEN Access Request and Approval profile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from audit.canonical import canonical
from audit.entry import Entry, decode
from governance.oversight import approvals, people, stops
from governance.oversight.commands import Facts, Needs, Proposal
from governance.oversight.errors import Refused
from governance.oversight.model import Approval, Seat, State
from governance.oversight.times import parse, write
from governance.service import describing
from governance.service.acting import (
    Act,
    Texts,
    as_problem,
    do,
    entry,
    lane_of,
    one,
    perform,
    person,
)
from governance.service.answering import ASK_WITHIN
from governance.service.desk import SERVICE, Caller, Desk
from governance.service.judging import clause_json
from governance.service.reading import entry as read_entry
from governance.service.reading import entry_of, opened
from governance.service.recording import variant_of
from governance.service.sessions import require_speaks_for

MOST_EXPIRED: int = 256


def ask(desk: Desk, caller: Caller, *, decision: int, note: str | None = None) -> dict[str, Any]:
    """Open a request for approval of what `decision` held back.

    One request per session and action digest: asking again gives the same one.  Returns
    `{approval, state, answer_by, needs, refused_before}`.
    """
    return do(desk, prepare_ask(desk, caller, decision=decision, note=note))


def prepare_ask(desk: Desk, caller: Caller, *, decision: int, note: str | None = None) -> Act:
    """The command of `ask`."""
    texts = Texts.of(note=note)

    def wants(state: State, at: datetime) -> Needs:
        return Needs(decisions=(decision,), entries=(decision,))

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        data = _decision_data(facts, decision)
        require_speaks_for(state, caller, data["agent"])
        if at >= facts.decisions[decision].at + ASK_WITHIN:
            raise Refused("expired", f"decision `{decision}` is too old; ask for a new one")
        if data["effect"] != "require_approval":
            raise Refused(
                "conflict", f"decision `{decision}` is {data['effect']}; nothing can be asked for"
            )
        waiting = pending(state, data["refs"]["session"], data["digest"], at)
        if waiting is not None:
            return Proposal((), waiting)
        declared = None
        if data["release"] is not None:
            catalogue = desk.releases.get(data["release"]).release.bundle.catalogue
            declared = catalogue.actions.get(data["action"])
        variant = variant_of(
            data["action"], data["agent"], declared, data["args"], data["resource"]
        )
        asking = asked_entry(state, caller, data, decision, variant, texts, at)
        approval = Approval(
            index=index,
            decision=decision,
            agent=data["agent"],
            session=data["refs"]["session"],
            digest=data["digest"],
            variant=variant,
            asked_at=at,
            until=at,
            clauses=tuple(map(approvals.clause_of, asking.data["clauses"])),
            refused_before=asking.data["refused_before"],
            requester=None,
            release=None,
        )
        answer = _waiting(state, approval) | {"answer_by": asking.data["answer_by"]}
        return Proposal((asking,), answer, values=texts.rows(index))

    return Act(lane_of(caller)[0], run, "agent", wants)


def _decision_data(facts: Facts, decision: int) -> Mapping[str, Any]:
    recorded = facts.entries.get(decision)
    found = None if recorded is None else decode(recorded)
    if found is None or found.kind != "decision":
        raise Refused("unknown", f"there is no decision `{decision}`", field="decision")
    return found.data


def asked_entry(
    state: State,
    caller: Caller,
    data: Mapping[str, Any],
    decision: int,
    variant: str,
    texts: Texts,
    at: datetime,
) -> Entry:
    """The entry that asks people about decision `decision` with the entry data `data`."""
    agent = state.agents[data["agent"]]
    session = state.sessions.get(data["refs"]["session"])
    if agent.state != "active" or session is None:
        raise Refused("conflict", "the agent or its session has ended; nothing can be asked for")
    if stops.matching(state, agent, session, data["action"]) is not None:
        raise Refused("stopped", "a stop is in force; nothing can be asked for until it is lifted")
    before = approvals.require_may_ask(state, agent, variant, at)
    clauses = [approvals.clause_of(clause) for clause in data["clauses"]]
    body = {
        "refs": {"decision": decision},
        "agent": agent.id,
        "session": session.index,
        "digest": data["digest"],
        "variant": variant,
        "refused_before": before,
        "clauses": list(data["clauses"]),
        "answer_by": write(approvals.answer_by(clauses, at)),
    }
    return Entry("approval.asked", at, caller.by(agent.id), texts.into(body))


def pending(state: State, session: int, digest: str, at: datetime) -> dict[str, Any] | None:
    """The approval that waits (for people, or for its use) for this action in this session."""
    number = state.open_actions.get((session, digest))
    approval = None if number is None else state.approvals.get(number)
    if approval is None or at >= approval.until:
        return None
    return _waiting(state, approval)


def _waiting(state: State, approval: Approval) -> dict[str, Any]:
    return {
        "approval": approval.index,
        "status": "granted" if approval.granted else "pending",
        "state": "granted" if approval.granted else "open",
        "decision": approval.decision,
        "action_digest": approval.digest,
        "answer_by": write(approval.until),
        "missing": [] if approval.granted else _seats(approvals.missing(state, approval)),
        "refused_before": approval.refused_before,
    }


def _seats(seats: tuple[Seat, ...]) -> list[dict[str, Any]]:
    return [{"role": seat.role, "count": seat.count} for seat in seats]


def status(desk: Desk, caller: Caller, approval: int) -> dict[str, Any]:
    """How a request stands, for whoever asked: open, granted, used, refused, expired, cancelled."""
    state, now = desk.state, desk.now()
    found = state.approvals.get(approval)
    asked = entry_of(desk, approval, "approval.asked")
    if caller.type != "person":
        as_problem(require_speaks_for, state, caller, asked.data["agent"])
    if found is not None and now < found.until:
        return _waiting(state, found)
    answer = {
        "approval": approval,
        "decision": asked.data["refs"]["decision"],
        "action_digest": asked.data["digest"],
        "answer_by": asked.data["answer_by"],
        "missing": [],
        "refused_before": asked.data["refused_before"],
    }
    return answer | _ended(desk, approval, asked)


_ENDINGS = {
    "approval.refused": "refused",
    "approval.expired": "expired",
    "approval.cancelled": "cancelled",
    "decision": "used",
}


def _ended(desk: Desk, approval: int, asked: Entry) -> dict[str, Any]:
    """How an approval ended, by the entries that refer to it.

    The read model follows the log a moment later; until it does, the request is told as open,
    which makes whoever waits ask again.
    """
    desk.workspace.views.wait_for(desk.state.size, 2.0)
    for index, _ in desk.workspace.views.referring_to(approval):
        each = read_entry(desk, index)
        word = _ENDINGS.get(each.kind)
        if word is None or (each.kind == "decision" and each.data["effect"] != "allow"):
            continue
        return {"state": word, "status": word, "ended_by": index}
    if desk.now() >= parse(asked.data["answer_by"]):
        return {"state": "expired", "status": "expired"}
    if asked.data["session"] not in desk.state.sessions:
        return {"state": "cancelled", "status": "cancelled"}
    return {"state": "open", "status": "pending"}


def listed(desk: Desk, caller: Caller) -> dict[str, Any]:
    """Requests that wait for people, oldest first; `yours` = you may answer it now."""
    state, now = desk.state, desk.now()
    out = []
    for number in sorted(state.approvals):
        approval = state.approvals[number]
        if now >= approval.until or approval.granted:
            continue
        decided = read_entry(desk, approval.decision)
        out.append(
            _waiting(state, approval)
            | {
                "agent": approval.agent,
                "action": decided.data["action"],
                "risk": decided.data["risk"],
                "asked_at": write(approval.asked_at),
                "needs": _needed(approval),
                "yours": caller.type == "person" and may_answer(state, approval, caller.id) is None,
            }
        )
    return {"approvals": out}


def found(
    desk: Desk, caller: Caller, *, state: str | None = None, limit: int = 100
) -> dict[str, Any]:
    """Requests in another state than open, newest first, from the read model."""
    if state == "open":
        return listed(desk, caller)
    return {
        "approvals": [
            status(desk, caller, line.index) | {"agent": line.agent}
            for line in desk.workspace.views.approvals(state=state, limit=limit)
        ]
    }


def _needed(approval: Approval) -> list[str]:
    """One person's yes counts for every clause that needs their role, so the largest number counts."""
    wanted: dict[str, int] = {}
    for clause in approval.clauses:
        for seat in clause.needs:
            wanted[seat.role] = max(wanted.get(seat.role, 0), seat.count)
    return [f"{count} {role}" for role, count in sorted(wanted.items())]


def may_answer(state: State, approval: Approval, who: str) -> str | None:
    """Why `who` may not answer this request, as a sentence; None if they may."""
    if who not in state.people:
        return "only active people of this workspace answer requests"
    try:
        approvals.require_another(approval, who)
        approvals.role_for(state, approval, who, None)
    except Refused as refused:
        return refused.detail
    return None


def show(desk: Desk, caller: Caller, approval: int) -> dict[str, Any]:
    """Everything a person needs in order to decide, and the digest that an answer must name.

    That the person saw exactly this is recorded while the request is open; any active person may
    look.  What the agent says comes last (`note`, `confidence`).
    """
    who = person(caller)
    evidence = evidence_of(desk, approval)
    digest = hashlib.sha256(canonical(evidence)).hexdigest()
    shown = {**evidence, "evidence": digest}
    if approval not in desk.state.approvals:
        return shown | _grants(desk, None) | status(desk, caller, approval)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.person(state, who)
        found = approvals.get(state, approval, at)
        answer = {**shown, **_waiting(state, found), **_grants(desk, found)}
        answer["may_not"] = may_answer(state, found, who)
        if found.shown.get(who) == digest:
            return Proposal((), answer)
        data = {"refs": {"approval": approval}, "person": who, "evidence": digest}
        return Proposal((entry("approval.shown", at, caller, data),), answer)

    return do(desk, Act(who, run))


def _grants(desk: Desk, found: Approval | None) -> dict[str, Any]:
    return {
        "grants": [
            {
                "index": grant.index,
                "person": grant.person,
                "role": grant.role,
                "at": write(grant.at),
                "reason": opened(desk, grant.index, "reason"),
            }
            for grant in (() if found is None else found.grants)
        ]
    }


def evidence_of(desk: Desk, approval: int) -> dict[str, Any]:
    """What is shown for an approval, all of it; its digest is what an answer is bound to."""
    asked = entry_of(desk, approval, "approval.asked")
    number = asked.data["refs"]["decision"]
    data = entry_of(desk, number, "decision").data
    state = desk.state
    return {
        "approval": approval,
        "decision": number,
        "digest": data["digest"],
        "asked_at": write(asked.at),
        "answer_by": asked.data["answer_by"],
        "agent": describing.agent_of(
            desk, data["agent"], state.agents.get(data["agent"]), data["autonomy"]
        ),
        "session": describing.session_of(
            asked.data["session"], state.sessions.get(asked.data["session"])
        ),
        "requester": approvals.requester_of(state, asked.data["session"]),
        "action": data["action"],
        "facts": describing.facts_of(desk, number, data),
        "effect": data["effect"],
        "risk": data["risk"],
        "release": data["release"],
        "findings": describing.findings_of(desk, data),
        "clauses": [clause_json(approvals.clause_of(each)) for each in asked.data["clauses"]],
        "totals": data.get("facts", []),
        "refused_before": asked.data["refused_before"],
        "if_granted": "the agent may carry out exactly this action once, within an hour",
        "if_refused": "the agent may not, and may not ask for it or a variant for some time",
        "confidence": data.get("intent_confidence"),
        "note": opened(desk, approval, "note"),
    }


def grant(
    desk: Desk,
    caller: Caller,
    approval: int,
    *,
    digest: str,
    evidence: str,
    reason: str | None = None,
    role: str | None = None,
    checklist: Sequence[str] = (),
) -> dict[str, Any]:
    """Say yes to exactly the action of `digest`, having seen exactly what `evidence` names.

    `checklist` repeats every point of the clauses' checklists that the person confirmed.  Returns
    `{approval, state: open | granted, missing}`: with several clauses or seats it takes several
    people.
    """
    said = tuple(checklist)
    return _answer(desk, caller, approval, digest, evidence, reason, role, yes=True, said=said)


def refuse(
    desk: Desk,
    caller: Caller,
    approval: int,
    *,
    digest: str,
    evidence: str,
    reason: str | None = None,
    role: str | None = None,
) -> dict[str, Any]:
    """Say no; one no is enough.  The action and its variants cool down."""
    return _answer(desk, caller, approval, digest, evidence, reason, role, yes=False)


def _answer(
    desk: Desk,
    caller: Caller,
    approval: int,
    digest: str,
    evidence: str,
    reason: str | None,
    role: str | None,
    *,
    yes: bool,
    said: tuple[str, ...] = (),
) -> dict[str, Any]:
    who = person(caller)
    texts = Texts.of(reason=(reason or "").strip() or None)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.person(state, who)
        found = approvals.get(state, approval, at)
        seat = approvals.role_for(state, found, who, role)
        approvals.require_answer(state, found, who, digest, evidence, at)
        if not texts.items and any(clause.reason_required for clause in found.clauses):
            raise Refused("bad-field", "the rule asks for a reason; say why", field="reason")
        data: dict[str, Any] = {
            "refs": {"approval": approval},
            "person": who,
            "role": seat,
            "digest": digest,
            "evidence": evidence,
        }
        if not yes:
            answer = {"approval": approval, "state": "refused"}
            return one("approval.refused", at, caller, index, data, answer, texts)
        approvals.require_reviewed(found, who, at)
        data["confirmed"] = approvals.require_confirmed(found, said)
        signed = [*(each.person for each in found.grants), who]
        agent = state.agents[found.agent]
        data["complete"] = approvals.satisfied(state, found.clauses, signed, agent, found.requester)
        grown = approvals.with_grant(found, who, seat, index, at)
        answer = {
            "approval": approval,
            "state": "granted" if data["complete"] else "open",
            "missing": _seats(approvals.missing(state, grown)),
        }
        return one("approval.granted", at, caller, index, data, answer, texts)

    return do(desk, Act(who, run))


def cancel(desk: Desk, caller: Caller, approval: int) -> dict[str, Any]:
    """Withdraw a request: whoever may act for the agent, or an agent manager."""

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        found = approvals.get(state, approval, at)
        require_speaks_for(state, caller, found.agent)
        why = "agent_manager" if caller.type == "person" else "requester"
        data = {"refs": {"approval": approval}, "why": why}
        answer = {"approval": approval, "state": "cancelled"}
        return one("approval.cancelled", at, caller, index, data, answer)

    bucket, lane = lane_of(caller)
    return do(desk, Act(bucket, run, lane))


def expire(desk: Desk) -> int:
    """Make entries of requests whose time is over; how many.  For the jobs of the owner process."""
    if not approvals.overdue(desk.state, desk.now()):
        return 0

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        late = approvals.overdue(state, at)[:MOST_EXPIRED]
        return Proposal(
            tuple(
                entry("approval.expired", at, SERVICE, {"refs": {"approval": each.index}})
                for each in late
            ),
            len(late),
        )

    return int(perform(desk, Act("service", run)).value)
