"""The fold: what entries add up to, and that it stays small and comes back from bytes."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from immutables import Map

from audit.entry import Entry
from governance.oversight import agents, approvals, sessions, snapshot
from governance.oversight.model import LATER
from governance.oversight.state import State, apply, genesis

START = datetime(2026, 11, 20, 8, tzinfo=UTC)
MARIA, TOM, ANNA = "p-maria22222", "p-tom3333333", "p-anna444444"
COMMITTED = {"reason": "A" * 43}
DIGEST, VARIANT = "ab" * 32, "cd" * 32


class Log:
    """Entries one after the other, a second apart."""

    def __init__(self) -> None:
        self.state = genesis()
        self.entries: list[Entry] = []
        self.at = START

    def add(self, kind: str, data: dict[str, Any], by: tuple[str, str] = ("person", MARIA)) -> int:
        """Append an entry; its index."""
        self.at += timedelta(seconds=1)
        entry = Entry(kind, self.at, {"type": by[0], "id": by[1]}, data)
        index = self.state.size
        self.state = apply(self.state, index, entry)
        self.entries.append(entry)
        return index

    def people(self) -> None:
        """Maria, Tom and Anna."""
        for who, roles in ((MARIA, ["administrator"]), (TOM, ["agent_manager"]),
                           (ANNA, ["treasurer"])):  # fmt: skip
            self.add("person.added", {"person": who, "roles": roles})

    def agent(self, name: str = "pay-1") -> None:
        """An active agent of Tom's."""
        index = self.add(
            "agent.proposed",
            {
                "agent": name, "team": "t", "owner": TOM, "deputy": None, "class": "high",
                "annex": None, "tools": ["*"], "labels": [], "model": None, "budget": None,
                "workspace": None, "commitments": {"purpose": "A" * 43}, "autonomy": "L4",
                "autonomy_until": None,
            },
        )  # fmt: skip
        data = {"refs": {"agent": index}, "agent": name, "alone": False}
        self.add("agent.onboarded", data, ("person", TOM))

    def session(self, opened_by: str = "agent", name: str = "pay-1", standing: bool = False) -> int:
        """A session."""
        agent = self.state.agents[name]
        labels = sorted(sessions.first_labels(agent, opened_by, None))
        data = {
            "agent": name, "opened_by": opened_by, "labels": labels, "refs": {}, "depth": 0,
            "standing": standing,
        }  # fmt: skip
        who = name if opened_by == "agent" else "gateway-1" if opened_by == "gateway" else MARIA
        return self.add("session.opened", data, (opened_by, who))

    def decide(self, session: int, effect: str = "allow", by: str = "agent", **more: Any) -> int:
        """A decision, as far as the fold reads it."""
        refs = {"session": session, **more.pop("refs", {})}
        return self.add(
            "decision", {"refs": refs, "agent": "pay-1", "effect": effect, **more}, (by, "pay-1")
        )

    def ask(self, session: int, digest: str = DIGEST) -> int:
        """An open approval."""
        decision = self.decide(session, "require_approval")
        clause = {
            "rule": "p/R", "needs": [{"role": "treasurer", "count": 1}],
            "answer_within": 3_600_000_000, "not_by": [], "reason_required": False,
            "checklist": [], "review_time": 0,
        }  # fmt: skip
        return self.add(
            "approval.asked",
            {
                "refs": {"decision": decision}, "agent": "pay-1", "session": session,
                "digest": digest, "variant": VARIANT, "refused_before": 0, "clauses": [clause],
                "answer_by": "2026-11-20T12:00:00.000000Z",
            },
            ("agent", "pay-1"),
        )  # fmt: skip


@pytest.fixture
def log() -> Log:
    """People, one agent."""
    made = Log()
    made.people()
    made.agent()
    return made


def test_entries_come_in_order(log: Log) -> None:
    """If an entry could be folded twice or skipped, the state would be of another log."""
    with pytest.raises(ValueError, match="cannot follow"):
        apply(log.state, log.state.size + 1, log.entries[0])


def test_labels_attach_to_what_the_own_key_may_use_and_to_the_agent(log: Log) -> None:
    """If labels stayed in one session, the agent would go on in another."""
    own, persons, gateways = log.session(), log.session("person"), log.session("gateway")
    log.decide(own, labels=["private"])
    labels = {number: log.state.sessions[number].labels for number in (own, persons, gateways)}
    assert labels == {own: {"untrusted", "private"}, persons: {"private"}, gateways: frozenset()}
    later = log.session()
    assert log.state.sessions[later].labels == {"untrusted", "private"}


def test_a_gateway_labels_only_its_own_session(log: Log) -> None:
    """If one customer's session tainted all of a gateway's, it could serve nobody."""
    one, two = log.session("gateway"), log.session("gateway")
    log.decide(one, by="gateway", labels=["private"])
    assert log.state.sessions[one].labels == {"private"}
    assert log.state.sessions[two].labels == frozenset()


def test_denied_actions_attach_nothing(log: Log) -> None:
    """If a denied read tainted a session, a denial would have consequences it did not earn."""
    session = log.session()
    log.decide(session, "deny", labels=["private"])
    assert log.state.sessions[session].labels == {"untrusted"}


def test_a_person_clears_what_own_sessions_left(log: Log) -> None:
    """If residue could never be cleared, an agent would be unusable for ever after."""
    session = log.session()
    log.decide(session, labels=["private"])
    log.add("session.cleared", {"agent": "pay-1", "labels": ["private"], "commitments": COMMITTED})
    assert session not in log.state.sessions
    later = log.session()
    assert log.state.sessions[later].labels == {"untrusted"}


def test_sessions_are_bounded(log: Log) -> None:
    """If sessions piled up, an agent could fill the memory by opening them."""
    for _ in range(sessions.MOST_OF_AGENT * 3):
        log.session()
    for _ in range(sessions.MOST_OF_OTHERS + 50):
        log.session("gateway")
    assert len(log.state.sessions) == sessions.MOST_OF_AGENT + sessions.MOST_OF_OTHERS
    assert set(log.state.agents["pay-1"].sessions) == set(log.state.sessions)


def test_ended_sessions_make_room_and_take_their_approvals_along(log: Log) -> None:
    """If an approval outlived its session, it could never be used and never end."""
    session = log.session()
    approval = log.ask(session)
    log.at += sessions.LIFETIME
    log.session()
    assert session not in log.state.sessions
    assert approval not in log.state.approvals
    assert not log.state.open_actions


def test_two_approvals_of_one_action_end_with_their_session(log: Log) -> None:
    """If an overdue request and a new one for the same action broke the fold, the log would stop."""
    closed, retired = log.session("person"), log.session("person")
    for session in (closed, closed, retired, retired):
        log.ask(session)
    log.add("session.closed", {"refs": {"session": closed}})
    assert {each.session for each in log.state.approvals.values()} == {retired}
    log.add("agent.retired", {"agent": "pay-1", "commitments": COMMITTED})
    assert not log.state.approvals
    assert not log.state.open_actions


def test_used_refused_expired_approvals_leave_the_state(log: Log) -> None:
    """If answered approvals stayed, the state would grow with the log."""
    session = log.session()
    used, refused, expired = (log.ask(session, digest * 32) for digest in ("01", "02", "03"))
    log.add("approval.granted", answer(used, complete=True))
    assert log.state.approvals[used].granted
    log.decide(session, refs={"approval": used})
    log.add("approval.refused", answer(refused))
    log.add("approval.expired", {"refs": {"approval": expired}}, ("service", "governance"))
    assert not log.state.approvals
    assert not log.state.open_actions
    assert log.state.agents["pay-1"].refusals[VARIANT].count == 1


def answer(approval: int, **more: Any) -> dict[str, Any]:
    """A person's answer."""
    return {
        "refs": {"approval": approval}, "person": ANNA, "role": "treasurer", "digest": DIGEST,
        "evidence": DIGEST, **more,
    }  # fmt: skip


def test_refusals_are_bounded(log: Log) -> None:
    """If every refused variant were remembered for ever, refusing would fill the memory."""
    agent = log.state.agents["pay-1"]
    for number in range(200):
        until = START + timedelta(seconds=number)
        agent = agents.cooled(agent, f"{number:064d}", until, START, approvals.REFUSALS_KEPT)
    assert len(agent.refusals) == approvals.REFUSALS_KEPT
    assert f"{199:064d}" in agent.refusals


def test_retiring_takes_keys_sessions_and_approvals(log: Log) -> None:
    """If a retired agent's key worked, retiring would be a label."""
    holder = {"type": "agent", "id": "pay-1"}
    log.add("key.issued", {"key": "k-12345678", "digest": DIGEST, "holder": holder})
    log.ask(log.session())
    log.add("agent.retired", {"agent": "pay-1", "commitments": {"why": "A" * 43}})
    state = log.state
    assert (len(state.keys), len(state.sessions), len(state.approvals)) == (0, 0, 0)
    assert state.agents["pay-1"].state == "retired"


def test_a_restore_stops_everything_and_keeps_who_is_there(log: Log) -> None:
    """If a restored copy went on where it was, it would spend limits and approvals twice."""
    log.ask(log.session())
    log.add("stop.raised", {"scope": {"type": "agent", "id": "pay-1"}, "person": MARIA,
                            "commitments": COMMITTED, "drill": False})  # fmt: skip
    data = {"origin": "new", "size": log.state.size, "root": DIGEST, "backup": DIGEST,
            "state": DIGEST}  # fmt: skip
    by = {"type": "service", "id": "governance"}
    state = apply(log.state, 0, Entry("service.restored", log.at, by, data))
    assert state.size == 1
    assert state.restored
    assert {who: each.roles for who, each in state.people.items()} == {
        who: each.roles for who, each in log.state.people.items()
    }
    assert all(each.index < 0 for each in state.people.values()), "numbers of the old log"
    assert state.agents["pay-1"].state == "active"
    assert not state.sessions
    assert not state.approvals
    assert [stop.scope for stop in state.stops.values()] == ["everything"]
    lifted = {"refs": {"service": 0}, "person": TOM, "commitments": COMMITTED, "alone": False}
    after = apply(state, 1, Entry("stop.lifted", log.at, {"type": "person", "id": TOM}, lifted))
    assert not after.stops
    assert not after.restored


def test_fields_that_came_later_leave_old_bytes_alone() -> None:
    """If a new field of the model were written into old states, the digest that an old log's
    entry names would no longer be that of the state, and nobody could re-perform it."""

    @dataclass(frozen=True)
    class Thing:
        old: int
        new: Map[str, int] = field(default_factory=Map, metadata=LATER)

    write, read = snapshot._of_class(Thing)
    assert write(Thing(1)) == {"old": 1}
    assert read({"old": 1}) == Thing(1)
    full = Thing(1, Map({"a": 2}))
    assert read(write(full)) == full != Thing(1)
    for wrong in ({"new": []}, {"old": 1, "other": 2}, []):
        with pytest.raises(ValueError, match="other fields"):
            read(wrong)


def test_a_snapshot_is_the_state(log: Log) -> None:
    """If a snapshot lost anything, a restart would start from a state that never was."""
    rng = random.Random(7)
    for number in range(60):
        session = log.session(rng.choice(["agent", "person", "gateway"]))
        if number % 3 == 0:
            log.ask(session, f"{number:064x}")
        if number % 5 == 0:
            log.decide(session, labels=[rng.choice(["private", "external"])])
    bytes_ = snapshot.dump(log.state)
    assert snapshot.load(bytes_) == log.state
    assert snapshot.dump(snapshot.load(bytes_)) == bytes_


def test_equal_states_have_equal_digests_whatever_the_way(log: Log) -> None:
    """If the order of arrival showed in the digest, a sealed snapshot could not be checked."""
    one, two = log.state, log.state
    keys = [Entry("key.issued", START, {"type": "person", "id": MARIA}, {
        "key": f"k-0000000{n}", "digest": f"{n}" * 64, "holder": {"type": "person", "id": MARIA},
    }) for n in range(4)]  # fmt: skip
    for entry in keys:
        one = apply(one, one.size, entry)
    gone = Entry("key.revoked", START, {"type": "person", "id": MARIA}, {"key": "k-00000009"})
    assert snapshot.digest(one) != snapshot.digest(apply(one, one.size, gone))
    for entry in keys:
        two = apply(two, two.size, entry)
    assert snapshot.digest(one) == snapshot.digest(two)


def test_the_state_does_not_grow_with_the_log(log: Log) -> None:
    """If used things stayed, a million entries would not fit the memory."""
    session = log.session("gateway")
    for number in range(3000):
        approval = log.ask(session, f"{number:064x}") if number % 3 == 0 else None
        if approval is not None:
            log.add("approval.granted", answer(approval, complete=True))
            log.decide(session, refs={"approval": approval}, by="gateway")
        else:
            log.decide(session, by="gateway")
    assert len(snapshot.dump(log.state)) < 5_000


def test_a_single_person_is_a_fact_of_the_log() -> None:
    """If being alone were a setting, two people could work as if there were one."""
    log = Log()
    log.add("person.added", {"person": MARIA, "roles": ["administrator"]})
    assert log.state.single_person
    log.add("person.added", {"person": TOM, "roles": ["agent_manager"]})
    assert not log.state.single_person
    assert isinstance(log.state, State)
