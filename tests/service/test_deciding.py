"""Decisions: what is asked, what is answered, what is recorded."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import pytest
from service_world import DE, FILES, GB, NL, POLICY, World, payment, request

from audit.canonical import canonical
from audit.commit import opens
from audit.encoding import b64url
from governance.oversight import entries
from governance.service import deciding, onboarding, outcomes, releasing, sessions, stopping
from governance.service.problem import Problem
from governance.service.reading import opened


def rules(answer: dict) -> list[str]:
    """The rules that an answer names."""
    return [reason["rule"] for reason in answer["context"]["reasons"]]


def test_an_allowed_action_comes_with_receipt_and_permit(world: World) -> None:
    """If an allow came without its receipt and permit, nobody could hold us to it."""
    context = world.pay()["context"]
    index = int(context["evaluation_id"])
    assert context["effect"] == "allow"
    assert context["receipt"]["index"] == index
    assert context["receipt"]["tree_size"] > index
    assert context["permit"]["id"] == str(index)
    recorded = world.desk.reader.entry(index)
    assert recorded.data["digest"] == context["permit"]["action_digest"]
    assert recorded.data["valid_until"] == context["permit"]["valid_until"]


def test_the_recorded_form_holds_no_personal_value(world: World) -> None:
    """If an IBAN or a note stood in a leaf, it could never be erased."""
    answer = world.pay(arguments={"note": "for Mrs Miller"})
    index = int(answer["context"]["evaluation_id"])
    raw = world.desk.reader.entry_bytes(index)
    for value in (DE, "Miller", hashlib.sha256(DE.encode()).hexdigest()):
        assert value.encode() not in raw
    data = world.desk.reader.entry(index).data
    assert data["args"]["iban"].startswith("s-")
    assert data["args"]["amount"] == "100.00 EUR"
    assert opened(world.desk, index, "args.iban") == DE
    for name, committed in data["commitments"].items():
        kept = world.desk.vault.value(index, name)
        assert kept is not None
        opens(committed, b64url(kept.salt), name, opened(world.desk, index, name))


def test_the_digest_is_of_the_recorded_action(world: World) -> None:
    """If the digest were of something else, approvals would be bound to something else."""
    answer = world.pay(arguments={"note": "x"})
    data = world.desk.reader.entry(int(answer["context"]["evaluation_id"])).data
    body = {name: data[name] for name in ("action", "agent", "args", "commitments", "resource")}
    assert hashlib.sha256(canonical(body)).hexdigest() == data["digest"]


def test_every_entry_of_the_world_fits_its_shape(world: World) -> None:
    """If the service wrote entries that its own list refuses, replay would refuse its log."""
    world.pay(amount="600 EUR", ask=True, confidence=Decimal("0.75"), cost="0.02 EUR")
    for raw in range(world.desk.state.size):
        entry = world.desk.reader.entry(raw)
        entries.check(entry.kind, dict(entry.by), dict(entry.data))


def test_advice_records_nothing(world: World) -> None:
    """If asking for advice left entries or permits, drawing a button would be acting."""
    size = world.desk.state.size
    answer = world.pay(intent="ask")
    assert answer["decision"]
    assert "permit" not in answer["context"]
    assert "receipt" not in answer["context"]
    assert world.desk.state.size == size


def test_a_limit_counts_every_allowed_action_and_no_other(world: World) -> None:
    """If a refused payment used up the limit, or an allowed one did not, the cap would be wrong."""
    assert not world.pay(amount="400 EUR", iban="FR1420041010050500013M02606")["decision"]
    assert world.pay(amount="500 EUR")["decision"]
    assert world.pay(amount="500 EUR")["decision"]
    assert "payments/LIM-1" in rules(world.pay(amount="0.01 EUR"))
    assert world.pay(amount="500 EUR", iban=NL)["decision"], "the limit is per payee"
    world.clock.advance(24 * 3600 + 1)
    assert world.pay(amount="500 EUR")["decision"], "the window has moved on"


def test_a_batch_sees_its_own_charges(world: World) -> None:
    """If the items of a batch did not see each other, a batch would be a way round every limit."""
    answers = deciding.decide_many(
        world.desk, world.agent_key, [payment(amount="400 EUR") for _ in range(4)]
    )["evaluations"]
    assert [answer["decision"] for answer in answers] == [True, True, False, False]
    assert all("receipt" in answer["context"] for answer in answers)


def test_a_batch_sees_its_own_labels(world: World) -> None:
    """If labels attached only after the batch, one batch could read and send."""
    answers = deciding.decide_many(
        world.desk, world.agent_key, [request("mail.read"), request("web.post")]
    )["evaluations"]
    assert [answer["decision"] for answer in answers] == [True, False]


@pytest.mark.parametrize(
    ("semantics", "expected"),
    [
        ("execute_all", [True, False, True]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
def test_a_batch_stops_where_its_semantics_say(
    world: World, semantics: str, expected: list[bool]
) -> None:
    """If short-circuit semantics went on, actions would be recorded that nobody will take."""
    size = world.desk.state.size
    wanted = [payment(), payment(iban=GB), payment()]
    answers = deciding.decide_many(world.desk, world.agent_key, wanted, semantics=semantics)
    assert [answer["decision"] for answer in answers["evaluations"]] == expected
    assert world.desk.state.size == size + 1 + len(expected)  # and the standing session


def test_one_bad_item_spoils_only_itself(world: World) -> None:
    """If one malformed item failed a batch, a typing error would stop ninety-nine others."""
    bad = payment()
    bad["subject"]["id"] = "payments-2"
    answers = deciding.decide_many(world.desk, world.agent_key, [payment(), bad, payment()])
    assert [answer["decision"] for answer in answers["evaluations"]] == [True, False, True]
    assert answers["evaluations"][1]["context"]["error"]["status"] == 403


def test_an_idempotency_key_answers_once(world: World) -> None:
    """If a retried request were decided twice, a limit would be charged twice for one payment."""
    first = world.pay(idempotency_key="k1")
    again = world.pay(idempotency_key="k1")
    assert again == first
    with pytest.raises(Problem) as caught:
        world.pay(amount="2 EUR", idempotency_key="k1")
    assert caught.value.status == 422
    world.clock.advance(61)
    later = world.pay(idempotency_key="k1")
    assert later["context"]["evaluation_id"] != first["context"]["evaluation_id"]


def test_an_idempotent_answer_ends_with_the_permit(world: World) -> None:
    """If a redeemed allow were answered again, one permit would carry two actions."""
    first = world.pay(idempotency_key="k1")
    outcomes.redeem(world.desk, world.agent_key, int(first["context"]["evaluation_id"]))
    again = world.pay(idempotency_key="k1")
    assert again["context"]["evaluation_id"] != first["context"]["evaluation_id"]


def test_a_permit_is_redeemed_once_and_in_time(world: World) -> None:
    """If a permit could be redeemed twice or late, one yes would be many."""
    one, two = world.pay(), world.pay(amount="2 EUR")
    number = int(one["context"]["evaluation_id"])
    assert outcomes.redeem(world.desk, world.agent_key, number)["permit"] == str(number)
    with pytest.raises(Problem) as caught:
        outcomes.redeem(world.desk, world.agent_key, number)
    assert caught.value.type == "used"
    world.clock.advance(60)
    with pytest.raises(Problem) as caught:
        outcomes.redeem(world.desk, world.agent_key, int(two["context"]["evaluation_id"]))
    assert caught.value.type == "expired"


def test_a_suspended_agent_is_denied_and_says_why(world: World) -> None:
    """If a suspended agent still got allows, suspending would be a note in a file."""
    onboarding.suspend(world.desk, world.owen, "payments-1", why="strange payments")
    assert "service/agent" in rules(world.pay())
    onboarding.resume(world.desk, world.tom, "payments-1", why="explained")
    assert world.pay()["decision"]


def test_a_tool_that_was_not_given_is_denied(world: World) -> None:
    """If an agent could use tools it was not onboarded with, onboarding would decide nothing."""
    reader = world.agent("reader-1", tools=["mail.read"])
    answer = deciding.decide(world.desk, reader, payment(agent="reader-1"))
    assert "service/agent" in rules(answer)
    assert deciding.decide(world.desk, reader, request("mail.read", agent="reader-1"))["decision"]


def test_a_budget_brings_an_agent_manager(world: World) -> None:
    """If a spent budget changed nothing, it would be a wish."""
    budget = {"amount": "1.00", "currency": "EUR", "period": "day"}
    spender = world.agent("spender-1", budget=budget)

    def ask(cost: str | None) -> dict:
        more = {} if cost is None else {"cost": cost}
        return deciding.decide(world.desk, spender, request("web.post", agent="spender-1", **more))

    assert ask("0.60 EUR")["decision"]
    over = ask("0.60 EUR")
    assert over["context"]["effect"] == "require_approval"
    assert "service/budget" in rules(over)
    assert ask(None)["decision"], "what is left of the budget is not used up"
    assert ask("0.40 EUR")["decision"]
    assert not ask(None)["decision"]
    world.clock.advance(24 * 3600)
    assert ask("0.60 EUR")["decision"]


def test_a_delegate_inherits_labels_and_its_parent(world: World) -> None:
    """If a delegate started clean, delegating would be the way to wash labels off."""
    session = world.session(world.tom)
    told = world.act("mail.read", session=session)
    made = sessions.open_session(
        world.desk, world.gateway, agent="payments-1",
        parent=int(told["context"]["evaluation_id"]),
    )  # fmt: skip
    assert made["labels"] == ["private"]
    child = world.desk.state.sessions[made["session"]]
    assert child.depth == 1
    assert child.ancestors == (session,)
    stopping.raise_stop(
        world.desk, world.tom, scope="session", scope_id=str(session), reason="parent went wrong"
    )
    answer = deciding.decide(
        world.desk, world.gateway, request("web.post", session=made["session"])
    )
    assert "service/stop" in rules(answer), "a stop of a session must reach what it delegated"


def test_a_new_release_decides_what_was_prepared_under_the_old_one(world: World) -> None:
    """If a waiting request were judged by yesterday's rules, a release would not be in force."""
    command = deciding.prepare(world.desk, world.agent_key, payment(amount="100 EUR"))
    strict = POLICY.replace(b"args.amount: {at_most: 500 EUR}", b"args.amount: {at_most: 50 EUR}")
    proposal = releasing.propose(
        world.desk, world.maria, {**FILES, "policies/payments.yaml": strict}
    )
    assert proposal["findings"] == []
    releasing.sign(world.desk, world.tom, proposal["proposal"], proposal["evidence"])
    answer = deciding.finish(world.desk, world.desk.ledger.submit(command).result())
    assert not answer["decision"]
    assert answer["context"]["policy_release"] == proposal["release"]


def test_a_new_release_answers_again_what_was_answered_under_the_old_one(world: World) -> None:
    """If a repeated request got yesterday's allow, a stricter rule could be waited out by its key."""
    assert world.pay(amount="100 EUR", idempotency_key="k1")["decision"]
    strict = POLICY.replace(b"args.amount: {at_most: 500 EUR}", b"args.amount: {at_most: 50 EUR}")
    files = {**FILES, "policies/payments.yaml": strict}
    proposal = releasing.propose(world.desk, world.maria, files)
    releasing.sign(world.desk, world.tom, proposal["proposal"], proposal["evidence"])
    again = world.pay(amount="100 EUR", idempotency_key="k1")
    assert not again["decision"]
    assert again["context"]["policy_release"] == proposal["release"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subject": None}, "subject"),
        ({"subject": {"type": "agent"}}, "subject"),
        ({"subject": {"type": "robot", "id": "x"}}, "subject.type"),
        ({"action": {"name": ""}}, "action.name"),
        ({"action": {"name": "a", "properties": {"arguments": []}}}, "action.properties.arguments"),
        ({"context": {"session": "abc"}}, "context.session"),
        ({"context": {"session": True}}, "context.session"),
        ({"context": {"intent": "maybe"}}, "context.intent"),
        ({"context": {"parent": 1.5}}, "context.parent"),
        ({"resource": {"type": 3}}, "resource.type"),
    ],
)
def test_what_does_not_fit_is_refused_by_path(world: World, change: dict, field: str) -> None:
    """If a malformed request were guessed at, the guess would decide."""
    size = world.desk.state.size
    with pytest.raises(Problem) as caught:
        deciding.decide(world.desk, world.agent_key, {**payment(), **change})
    assert caught.value.status == 400
    assert caught.value.field == field
    assert world.desk.state.size == size


def test_a_user_may_be_the_subject_when_the_agent_acts_for_one(world: World) -> None:
    """If a subject of type user were refused, AuthZEN clients could not say for whom they act."""
    asked = payment()
    asked["subject"] = {"type": "user", "id": "alice"}
    answer = deciding.decide(world.desk, world.agent_key, asked)
    assert answer["decision"]
    asked["subject"]["properties"] = {"act": {"type": "agent", "id": "payments-2"}}
    with pytest.raises(Problem) as caught:
        deciding.decide(world.desk, world.agent_key, asked)
    assert caught.value.status == 403


def test_people_do_not_ask_for_evaluations(world: World) -> None:
    """If people's keys could decide, an agent with a stolen console key would be a person."""
    with pytest.raises(Problem) as caught:
        deciding.decide(world.desk, world.maria, payment())
    assert caught.value.status == 403


def test_matching_tells_the_same_action_from_another(world: World) -> None:
    """If another action matched, an access request would be bound to the wrong decision."""
    number = int(world.pay(amount="600 EUR")["context"]["evaluation_id"])
    assert deciding.matches(world.desk, world.agent_key, payment(amount="600 EUR"), number)
    assert not deciding.matches(world.desk, world.agent_key, payment(amount="601 EUR"), number)


def test_the_same_answer_says_why_in_the_same_words(world: World):
    """A repeated request would be refused for a reason that reads like another one."""
    first = world.act("payment.creat", idempotency_key="k9")
    again = world.act("payment.creat", idempotency_key="k9")
    said = first["context"]["reasons"]
    assert said == again["context"]["reasons"]
    assert "did you mean `payment.create`?" in said[0]["title"]
