"""An agent that was talked over, with its own key in hand, against the real ledger.

Each test is one thing that the agent must not achieve.
"""

from __future__ import annotations

import pytest
from service_world import DE, GB, NL, ORIGIN, World, payment, request

from audit.checkpoint import parse
from audit.note import split
from governance.service import asking, deciding, keys, onboarding, outcomes, sessions, stopping
from governance.service.desk import Caller
from governance.service.problem import Problem
from governance.store.errors import Busy
from governance.store.lanes import limits
from governance.store.workspace import Workspace


def rules(answer: dict) -> list[str]:
    """The rules that an answer names."""
    return [reason["rule"] for reason in answer["context"]["reasons"]]


def granted(world: World, **more: object) -> dict:
    """A payment of 600 EUR, asked for and granted by Anna; the answer of the asking."""
    answer = world.pay(amount="600 EUR", ask=True, **more)
    approval = answer["context"]["access_request"]["approval"]
    shown = asking.show(world.desk, world.anna, approval)
    asking.grant(
        world.desk, world.anna, approval,
        digest=shown["digest"], evidence=shown["evidence"], reason="known supplier",
    )  # fmt: skip
    return answer


def test_it_cannot_clear_its_sessions_labels(world: World) -> None:
    """If a new session washed the labels off, what was read in private could be sent out."""
    assert world.act("mail.read")["decision"]
    assert "payments/WEB-3" in rules(world.act("web.post"))
    fresh = sessions.open_session(world.desk, world.agent_key)["session"]
    again = world.act("web.post", session=fresh)
    assert not again["decision"]
    assert "payments/WEB-3" in rules(again)
    with pytest.raises(Problem, match="for people"):
        sessions.clear_labels(world.desk, world.agent_key, "payments-1", reason="please")
    sessions.close(world.desk, world.agent_key, fresh)
    assert not world.act("web.post")["decision"]


def test_it_cannot_carry_labels_into_another_session_a_person_opened(world: World) -> None:
    """If a second clean session of a person stayed clean, the agent would act from that one."""
    one, two = world.session(world.tom), world.session(world.tom)
    world.act("mail.read", session=one)
    labels = world.desk.state.sessions[two].labels
    assert "private" in labels


def test_it_cannot_choose_anothers_session(world: World) -> None:
    """If a session of another agent or of the gateway were usable, its clean labels would be."""
    other = world.session(world.agent_2, "payments-2")
    gateways = world.session(world.gateway)
    for session in (other, gateways):
        with pytest.raises(Problem) as caught:
            world.pay(session=session)
        assert caught.value.status == 403
        assert caught.value.field == "context.session"


def test_it_cannot_choose_another_subject(world: World) -> None:
    """If a key spoke for others, one stolen key would be all agents."""
    size = world.desk.state.size
    with pytest.raises(Problem) as caught:
        world.pay(agent="payments-2")
    assert caught.value.status == 403
    assert world.desk.state.size == size, "a request under a wrong subject was recorded"


def test_it_cannot_report_itself_a_limit_back(world: World) -> None:
    """If its own report released a reservation, a limit would be no limit."""
    first = world.pay(amount="500 EUR")
    world.pay(amount="500 EUR")
    over = world.pay(amount="1 EUR")
    assert rules(over) == ["payments/LIM-1"]
    number = first["context"]["evaluation_id"]
    own = outcomes.report(
        world.desk, world.agent_key, {"decision": number, "status": "not_executed"}
    )["outcomes"][0]
    assert own["attested"] is False
    assert own["released"] is False
    assert not world.pay(amount="1 EUR")["decision"]
    bank = outcomes.report(
        world.desk, world.gateway, {"decision": number, "status": "not_executed"}
    )["outcomes"][0]
    assert bank["released"] is True
    assert world.pay(amount="1 EUR")["decision"], "the gateway's report must release"


def test_it_cannot_satisfy_a_history_rule_with_its_own_report(world: World) -> None:
    """If it could say itself that the payee was called back, nobody would have to call."""
    called = world.act("payee.verify", arguments={"iban": DE})
    number = called["context"]["evaluation_id"]
    outcomes.report(world.desk, world.agent_key, {"decision": number, "status": "executed"})
    assert "payments/VER-2" in rules(world.pay(amount="6000 EUR"))
    outcomes.report(world.desk, world.gateway, {"decision": number, "status": "executed"})
    after = world.pay(amount="6000 EUR")
    assert "payments/VER-2" not in rules(after)
    assert after["context"]["effect"] == "require_approval"


def test_it_cannot_use_an_approval_for_other_arguments(world: World) -> None:
    """If a grant covered anything but the exact action, people would sign blank cheques."""
    granted(world, arguments={"note": "invoice 7"})
    assert not world.pay(amount="601 EUR", arguments={"note": "invoice 7"})["decision"]
    assert not world.pay(amount="600 EUR", iban=NL, arguments={"note": "invoice 7"})["decision"]
    assert not world.pay(amount="600 EUR", arguments={"note": "invoice 8"})["decision"]
    assert not world.pay(amount="600 EUR")["decision"]
    fresh = sessions.open_session(world.desk, world.agent_key)["session"]
    other = world.pay(amount="600 EUR", arguments={"note": "invoice 7"}, session=fresh)
    assert not other["decision"]
    elsewhere = payment(amount="600 EUR", arguments={"note": "invoice 7"})
    elsewhere["resource"] = {"type": "account", "id": "another"}
    assert not deciding.decide(world.desk, world.agent_key, elsewhere)["decision"]
    assert world.pay(amount="600 EUR", arguments={"note": "invoice 7"})["decision"]


def test_it_cannot_use_an_approval_twice(world: World) -> None:
    """If a grant could be used twice, one yes would pay two times."""
    granted(world)
    assert world.pay(amount="600 EUR")["decision"]
    assert not world.pay(amount="600 EUR")["decision"]


def test_it_cannot_use_a_grant_late(world: World) -> None:
    """If a grant never ran out, a yes of today would be a yes of next year."""
    granted(world)
    world.clock.advance(3601)
    assert not world.pay(amount="600 EUR")["decision"]


def test_it_cannot_use_an_old_permit_after_a_stop(world: World) -> None:
    """If a permit outlived a stop, stopping would stop only the questions."""
    allowed = world.pay()
    number = int(allowed["context"]["evaluation_id"])
    stopping.raise_stop(
        world.desk, world.tom, scope="agent", scope_id="payments-1", reason="odd payments"
    )
    with pytest.raises(Problem) as caught:
        outcomes.redeem(world.desk, world.agent_key, number)
    assert caught.value.type == "stopped"


def test_it_cannot_replay_an_idempotency_key_after_a_stop(world: World) -> None:
    """If an old allow were answered again after a stop, the stop would have a hole."""
    first = world.pay(idempotency_key="pay-7")
    again = world.pay(idempotency_key="pay-7")
    assert again["decision"]
    assert again["context"]["evaluation_id"] == first["context"]["evaluation_id"]
    assert again["context"]["reasons"] == first["context"]["reasons"]
    stopping.raise_stop(world.desk, world.tom, scope="everything", reason="drill of the heart")
    after = world.pay(idempotency_key="pay-7")
    assert not after["decision"]
    assert after["context"]["effect"] == "deny"
    assert "service/stop" in rules(after)


def test_it_cannot_approve_itself(world: World) -> None:
    """If an agent's key could answer requests, asking people would be theatre."""
    answer = world.pay(amount="600 EUR", ask=True)
    request_ = answer["context"]["access_request"]
    for caller in (world.agent_key, world.gateway):
        with pytest.raises(Problem) as caught:
            asking.grant(
                world.desk, caller, request_["approval"],
                digest=request_["action_digest"], evidence="ab" * 32, reason="I am sure",
            )  # fmt: skip
        assert caught.value.status == 403
    forged = Caller("person", world.anna.id, world.agent_key.key, world.agent_key.digest)
    with pytest.raises(Problem) as caught:
        asking.grant(
            world.desk, forged, request_["approval"],
            digest=request_["action_digest"], evidence="ab" * 32, reason="I am sure",
        )  # fmt: skip
    assert caught.value.type == "not-shown"


def test_it_cannot_flood_people_with_requests(world: World) -> None:
    """If an agent could open any number of requests, somebody would click yes in the end."""
    for number in range(20):
        assert (
            "approval"
            in world.pay(amount=f"{600 + number} EUR", ask=True)["context"]["access_request"]
        )
    over = world.pay(amount="700 EUR", ask=True)["context"]["access_request"]
    assert over["status"] == "refused"
    assert "approval" not in over


def test_it_cannot_ask_again_with_one_cent_less(world: World) -> None:
    """If a refusal covered only one amount, the next click would be a yes by exhaustion."""
    answer = world.pay(amount="600 EUR", ask=True)
    approval = answer["context"]["access_request"]["approval"]
    shown = asking.show(world.desk, world.anna, approval)
    asking.refuse(
        world.desk, world.anna, approval,
        digest=shown["digest"], evidence=shown["evidence"], reason="not ours",
    )  # fmt: skip
    variant = world.pay(amount="599.99 EUR", ask=True)["context"]["access_request"]
    assert variant["status"] == "refused"
    assert variant["retry_after"] > 0
    world.clock.advance(601)
    later = world.pay(amount="599.99 EUR", ask=True)["context"]["access_request"]
    assert later["refused_before"] == 1, "people must see that it was refused before"


def test_it_cannot_state_the_services_facts(world: World) -> None:
    """If it could say what its labels, limits or autonomy are, the rules would read its lies."""
    for fact in ("agent", "tool", "limits", "labels", "autonomy"):
        asked = payment()
        asked["context"] = {fact: {"autonomy": "L5"}}
        with pytest.raises(Problem) as caught:
            deciding.decide(world.desk, world.agent_key, asked)
        assert caught.value.type == "service-fact"


def test_it_cannot_delay_a_stop(world: World) -> None:
    """If a stop waited behind an agent's requests, a busy agent could not be stopped."""
    desk = world.desk
    world.pay()
    commands = [
        deciding.prepare(desk, world.agent_key, payment(amount="1 EUR")) for _ in range(1500)
    ]
    waiting = [desk.ledger.submit(command) for command in commands]
    size = desk.state.size
    stop = stopping.raise_stop(desk, world.tom, scope="everything", reason="now")["stop"]
    done = [answer.result() for answer in waiting]
    after = [a for a in done if int(a.value["context"]["evaluation_id"]) > stop]
    assert stop - size <= 3 * 256, "the stop waited for more than the batches being written"
    assert not any(answer.value["decision"] for answer in after)


def test_it_cannot_fill_the_disk(world: World) -> None:
    """If one key had no quota, a hijacked agent could end the service by asking."""
    world.close()
    world.workspace = Workspace.open(
        world.root,
        world.workspace.fold,
        clock=world.clock,
        limits=limits(agent_per_second=20),
    )
    world.desk = type(world.desk).over(world.workspace, clock=world.clock)
    size = world.desk.state.size
    turned_away = 0
    for number in range(200):
        try:
            world.pay(iban=DE, amount=f"{number + 1} EUR")
        except (Problem, Busy):
            turned_away += 1
    assert turned_away > 100
    assert world.desk.state.size - size < 100
    stopping.raise_stop(world.desk, world.tom, scope="everything", reason="people still get in")


def test_a_revoked_key_does_nothing_with_what_it_has_waiting(world: World) -> None:
    """If a request under a revoked key were still decided, revoking would not be at once."""
    command = deciding.prepare(world.desk, world.agent_key, payment())
    keys.revoke(world.desk, world.maria, world.agent_key.key)
    with pytest.raises(Exception, match="revoked"):
        world.desk.ledger.submit(command).result()
    assert parse(split(world.desk.reader.checkpoint())[0]).origin == ORIGIN


def test_it_cannot_pay_a_stranger_by_inventing_arguments(world: World) -> None:
    """If an undeclared argument were ignored, a hidden `bcc` would ride on an allowed action."""
    answer = world.pay(arguments={"bcc": GB})
    assert not answer["decision"]
    assert "payments/undeclared" in rules(answer)
    asked = deciding.decide(world.desk, world.agent_key, request("no.such.action"))
    assert rules(asked) == ["service/governed"]


def test_it_cannot_name_anothers_decision_as_its_parent(world: World) -> None:
    """If any decision could be a parent, an agent would spend another's limits in its name."""
    others = deciding.decide(world.desk, world.agent_2, payment(agent="payments-2"))
    number = int(others["context"]["evaluation_id"])
    with pytest.raises(Problem) as caught:
        sessions.open_session(world.desk, world.agent_key, parent=number)
    assert (caught.value.status, caught.value.field) == (403, "parent")
    with pytest.raises(Problem) as caught:
        world.pay(parent=number)
    assert caught.value.status == 403
    own = int(world.pay()["context"]["evaluation_id"])
    with pytest.raises(Problem):
        sessions.open_session(world.desk, world.agent_key, agent="payments-2")
    handed = sessions.open_session(
        world.desk, world.agent_key, agent="payments-2", parent=own
    )  # the delegating side opens the session of the delegate
    assert "untrusted" in handed["labels"]
    answer = deciding.decide(
        world.desk, world.agent_2, payment(agent="payments-2", session=handed["session"])
    )
    assert answer["decision"]


@pytest.mark.parametrize("how", ["stop", "suspension"])
def test_it_cannot_use_a_permit_from_before_a_stop_that_was_lifted(world: World, how: str) -> None:
    """If lifting a stop revived old permits, what was stopped would still be carried out."""
    desk = world.desk
    number = int(world.pay(idempotency_key="a")["context"]["evaluation_id"])
    if how == "stop":
        stop = stopping.raise_stop(
            desk, world.tom, scope="team", scope_id="treasury", reason="x"
        )["stop"]  # fmt: skip
        stopping.lift(desk, world.tom, stop, reason="x")
        stopping.lift(desk, world.maria, stop, reason="x")
    else:
        onboarding.suspend(desk, world.tom, "payments-1", why="x")
        onboarding.resume(desk, world.tom, "payments-1", why="x")
    with pytest.raises(Problem) as caught:
        outcomes.redeem(desk, world.agent_key, number)
    assert caught.value.type == "stopped"
    again = world.pay(idempotency_key="a")
    assert again["decision"]
    assert again["context"]["evaluation_id"] != str(number), "the old allow was answered again"


def test_it_cannot_wash_labels_by_changing_the_key(world: World) -> None:
    """If what was read through a gateway were forgotten under its own key, it would send it there."""
    session = world.session(world.gateway)
    deciding.decide(world.desk, world.gateway, request("mail.read", session=session))
    answer = world.act("web.post")
    assert not answer["decision"]
    assert "payments/WEB-3" in rules(answer)


def test_it_cannot_put_more_into_one_command_than_a_stop_may_wait_for(world: World) -> None:
    """If a batch had no bound, a stop would wait behind one request of a million items."""
    many = [payment(amount="1 EUR")] * (deciding.MOST_IN_BATCH + 1)
    with pytest.raises(Problem) as caught:
        deciding.prepare_many(world.desk, world.agent_key, many)
    assert caught.value.status == 413
    command = deciding.prepare_many(world.desk, world.agent_key, many[1:])
    assert command.weight == deciding.MOST_IN_BATCH
