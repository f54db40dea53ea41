"""Approvals: a human yes to one exact action, by people with the right, once, before it is late.

Law: a grant counts only for the action digest, in the session, and by the person who was shown
exactly what the digest `evidence` names; people are different within one clause; who requested,
owns or answers for the agent is out where the rule says so; no answer in time is a no.  Whether
the people who granted are enough is asked again at the moment of use, against the clauses and the
roles of that moment.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from governance.oversight import agents, people
from governance.oversight.errors import Refused
from governance.oversight.model import Agent, Approval, Clause, Grant, Seat, State
from governance.oversight.times import MICROSECOND, parse

MOST_OPEN: Final = 20  # requests of one agent that wait at the same time
USE_WITHIN: Final = timedelta(hours=1)  # a granted action is carried out soon, or asked again
COOL_DOWN: Final = timedelta(minutes=10)  # times the number of refusals
REFUSALS_KEPT: Final = 64


def clause_of(recorded: Any) -> Clause:
    """A clause from its recorded form in an entry."""
    return Clause(
        rule=recorded["rule"],
        needs=tuple(Seat(seat["role"], seat["count"]) for seat in recorded["needs"]),
        answer_within=recorded["answer_within"],
        not_by=tuple(recorded["not_by"]),
        reason_required=recorded["reason_required"],
        checklist=tuple(recorded["checklist"]),
        review_time=recorded["review_time"],
    )


def get(state: State, index: int, at: datetime) -> Approval:
    """The approval `index` if it is still open or granted, unused and in time."""
    found = state.approvals.get(index)
    if found is None:
        raise Refused(
            "unknown", f"approval `{index}` is not open; it was answered, used or expired"
        )
    if at >= found.until:
        raise Refused("expired", f"approval `{index}` expired; no answer in time is a no")
    return found


def excluded(clause: Clause, agent: Agent, requester: str | None) -> frozenset[str]:
    """The people whom `not_by` of one clause keeps from answering."""
    out: set[str | None] = set()
    for who in clause.not_by:
        if who == "requester":
            out.add(requester)
        elif who == "agent.owner":
            out.add(agent.owner)
        elif who == "agent.deputy":
            out.add(agent.deputy)
        else:
            raise ValueError(f"a clause excludes {who!r}, which this version cannot tell")
    return frozenset(person for person in out if person is not None)


def seats_filled(needs: Sequence[Seat], people: Sequence[frozenset[str]]) -> bool:
    """Whether different people, each given as the set of roles they hold, can take every seat.

    A bipartite matching (augmenting paths); seats and people are few.
    """
    seats = [seat.role for seat in needs for _ in range(seat.count)]
    if len(people) < len(seats):
        return False
    taken: dict[int, int] = {}  # person -> seat

    def place(seat: int, seen: set[int]) -> bool:
        for number, roles in enumerate(people):
            if seats[seat] in roles and number not in seen:
                seen.add(number)
                if number not in taken or place(taken[number], seen):
                    taken[number] = seat
                    return True
        return False

    return all(place(seat, set()) for seat in range(len(seats)))


def satisfied(
    state: State,
    clauses: Iterable[Clause],
    people: Iterable[str],
    agent: Agent,
    requester: str | None,
) -> bool:
    """Whether `people` (who said yes) meet every clause, with the roles they hold now."""
    active = [state.people[person] for person in dict.fromkeys(people) if person in state.people]
    for clause in clauses:
        out = excluded(clause, agent, requester)
        if not seats_filled(clause.needs, [p.roles for p in active if p.id not in out]):
            return False
    return True


def missing(state: State, approval: Approval) -> tuple[Seat, ...]:
    """Seats still to be taken, the most demanding clause per role; for people who wait."""
    agent = state.agents[approval.agent]
    wanted: dict[str, int] = {}
    for clause in approval.clauses:
        out = excluded(clause, agent, approval.requester)
        held = [
            state.people[g.person].roles
            for g in approval.grants
            if g.person in state.people and g.person not in out
        ]
        if seats_filled(clause.needs, held):
            continue
        for seat in clause.needs:
            have = sum(seat.role in roles for roles in held)
            if have < seat.count:
                wanted[seat.role] = max(wanted.get(seat.role, 0), seat.count - have)
    return tuple(Seat(role, count) for role, count in sorted(wanted.items()))


def role_for(state: State, approval: Approval, person: str, wanted: str | None) -> str:
    """In which role `person` answers: the one they name, or the first that a clause needs.

    Refuses people whom every clause excludes or none needs.
    """
    agent = state.agents[approval.agent]
    held = state.people[person].roles
    useful: list[str] = []
    barred = False
    for clause in approval.clauses:
        roles = [seat.role for seat in clause.needs if seat.role in held]
        if roles and person in excluded(clause, agent, approval.requester):
            barred = True
        else:
            useful += roles
    if wanted is not None and wanted in useful:
        return wanted
    if wanted is None and useful:
        return useful[0]
    needed = sorted({seat.role for clause in approval.clauses for seat in clause.needs})
    if barred:
        raise Refused(
            "needs-another",
            "the rule keeps you from answering this request, because you asked for it or answer "
            "for the agent; another person must",
        )
    lacking = "which you do not have" if wanted is None else f"and you cannot answer as {wanted}"
    raise Refused(
        "not-allowed",
        f"this request takes the role {' or '.join(needed)}, {lacking}".replace("_", " "),
        field="role" if wanted is not None else None,
    )


def require_answer(
    state: State, approval: Approval, person: str, digest: str, evidence: str, at: datetime
) -> None:
    """Refuse an answer that is not bound to what this person was shown, or that comes twice."""
    if approval.granted:
        raise Refused("conflict", f"approval `{approval.index}` is complete; it waits for its use")
    if digest != approval.digest:
        raise Refused(
            "conflict",
            "this is the digest of another action; open the request again",
            field="digest",
        )
    shown = approval.shown.get(person)
    if shown is None or shown != evidence:
        raise Refused(
            "not-shown",
            "the answer names other evidence than what you were last shown; open the request again",
            field="evidence",
        )
    require_another(approval, person)


def require_another(approval: Approval, person: str) -> None:
    """Refuse if `person` has granted this approval before: further grants take further people."""
    people.require_another(person, (grant.person for grant in approval.grants), "granted this")


def require_confirmed(approval: Approval, confirmed: Iterable[str]) -> int:
    """How many points of the clauses' checklists there are; refuses unless each is `confirmed`."""
    points = dict.fromkeys(point for clause in approval.clauses for point in clause.checklist)
    said = set(confirmed)
    for point in points:
        if point not in said:
            raise Refused(
                "bad-request", f"confirm each point of the checklist: `{point}`", field="checklist"
            )
    return len(points)


def require_reviewed(approval: Approval, person: str, at: datetime) -> None:
    """Refuse an answer that comes sooner after the showing than a clause's review time."""
    shown_at = approval.shown_at.get(person)
    longest = max((clause.review_time for clause in approval.clauses), default=0)
    if longest and (shown_at is None or at - shown_at < longest * MICROSECOND):
        seconds = -(-longest // 1_000_000)
        raise Refused(
            "conflict",
            f"the rule asks for at least {seconds} s between seeing this and answering",
            retry_after=seconds,
        )


def with_grant(approval: Approval, person: str, role: str, index: int, at: datetime) -> Approval:
    """`approval` with one more yes."""
    return replace(approval, grants=(*approval.grants, Grant(index, person, role, at)))


def require_may_ask(state: State, agent: Agent, variant: str, at: datetime) -> int:
    """How often people refused this action or a variant before; refuses while it cools down,
    and beyond the cap of open requests."""
    refusal = agent.refusals.get(variant)
    if refusal is not None and at < refusal.until:
        seconds = int((refusal.until - at).total_seconds()) + 1
        raise Refused(
            "cooling-down",
            f"people refused this action or a variant of it; ask again in {seconds} s at the earliest",
            retry_after=seconds,
        )
    waiting = sum(a.agent == agent.id for a in state.approvals.values())
    if waiting >= MOST_OPEN:
        raise Refused(
            "too-many",
            f"agent `{agent.id}` has {waiting} requests waiting for people; at most {MOST_OPEN} may",
            retry_after=60,
        )
    return refusal.count if refusal is not None else 0


def requester_of(state: State, session: int) -> str | None:
    """The person on whose behalf a session runs, if a person opened it (or its first ancestor)."""
    found = state.sessions.get(session)
    if found is None:
        return None
    for number in (*found.ancestors, found.index):
        each = state.sessions.get(number)
        if each is not None and each.opened_by == "person":
            return each.opener
    return None


def overdue(state: State, at: datetime) -> tuple[Approval, ...]:
    """Approvals whose time is over and whose end is not in the log yet."""
    return tuple(
        state.approvals[number]
        for number in sorted(state.approvals)
        if at >= state.approvals[number].until
    )


# the fold


def asked(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """approval.asked"""
    new = Approval(
        index=index,
        decision=data["refs"]["decision"],
        agent=data["agent"],
        session=data["session"],
        digest=data["digest"],
        variant=data["variant"],
        asked_at=at,
        until=parse(data["answer_by"]),
        clauses=tuple(clause_of(clause) for clause in data["clauses"]),
        refused_before=data["refused_before"],
        requester=requester_of(state, data["session"]),
        release=state.release,
    )
    return replace(
        state,
        approvals=state.approvals.set(index, new),
        open_actions=state.open_actions.set((new.session, new.digest), index),
    )


def shown(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """approval.shown: the last thing shown is what an answer is bound to."""
    number = data["refs"]["approval"]
    old = state.approvals.get(number)
    if old is None:
        return state
    new = replace(
        old,
        shown=old.shown.set(data["person"], data["evidence"]),
        shown_at=old.shown_at.set(data["person"], at),
    )
    return replace(state, approvals=state.approvals.set(number, new))


def granted(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """approval.granted: complete when every clause is met; then it waits for its one use."""
    number = data["refs"]["approval"]
    old = state.approvals[number]
    new = with_grant(old, data["person"], data["role"], index, at)
    if data["complete"]:
        new = replace(new, granted=True, until=at + USE_WITHIN)
    return replace(state, approvals=state.approvals.set(number, new))


def refused(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """approval.refused: the action and its variants cool down."""
    old = state.approvals[data["refs"]["approval"]]
    agent = state.agents[old.agent]
    before = agent.refusals.get(old.variant)
    until = at + COOL_DOWN * ((before.count if before else 0) + 1)
    agent = agents.cooled(agent, old.variant, until, at, REFUSALS_KEPT)
    return replace(ended(state, old.index), agents=state.agents.set(agent.id, agent))


def expired(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """approval.expired, approval.cancelled"""
    return ended(state, data["refs"]["approval"])


def ended(state: State, number: int) -> State:
    """`state` without approval `number`: used, refused, expired or cancelled."""
    old = state.approvals.get(number)
    if old is None:
        return state
    open_actions = state.open_actions
    key = (old.session, old.digest)
    if open_actions.get(key) == number:
        open_actions = open_actions.delete(key)
    return replace(state, approvals=state.approvals.delete(number), open_actions=open_actions)


def answer_by(clauses: Iterable[Clause], at: datetime) -> datetime:
    """When the shortest of the clauses' times is over."""
    return at + min(clause.answer_within for clause in clauses) * MICROSECOND
