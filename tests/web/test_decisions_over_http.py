"""The decision routes against a real workspace: AuthZEN in, an entry before each answer."""

from __future__ import annotations

from typing import Any

import pytest
from web_world import URL, World, payment

from audit.keys import Verifier
from audit.proof import TlogProof

EVALUATION = "/access/v1/evaluation"
EVALUATIONS = "/access/v1/evaluations"


@pytest.mark.parametrize(
    ("amount", "decision", "effect"),
    [("120", True, "allow"), ("900", False, "require_approval"), ("90000", False, "deny")],
)
def test_every_effect_is_a_200_with_its_reasons_and_receipt(
    shared: World, amount: str, decision: bool, effect: str
) -> None:
    """A runtime could not tell a policy's no from a broken service."""
    status, _, answer = shared.call("POST", EVALUATION, payment(amount))
    assert status == 200
    context = answer["context"]
    assert answer["decision"] is decision
    assert context["effect"] == effect
    assert context["reasons"]
    assert context["receipt"]["index"] == int(context["evaluation_id"])
    assert context["receipt"]["tree_size"] > context["receipt"]["index"]
    assert ("permit" in context) is decision
    entry = shared.desk.reader.entry(int(context["evaluation_id"]))
    assert entry.data["effect"] == effect


def test_the_request_id_comes_back(shared: World) -> None:
    """An operator could not find the request that an agent's log names."""
    for path, body in ((EVALUATION, payment()), (EVALUATION, {}), ("/v1/nothing", None)):
        _, headers, _ = shared.call(
            "POST",
            path,
            body,
            headers={"X-Request-ID": "r-1 é".encode("latin-1").decode("latin-1")},
        )
        assert headers["x-request-id"] == "r-1 é"


def test_an_advisory_question_leaves_nothing_behind(shared: World) -> None:
    """Every button that a user interface draws would fill the log and use up limits."""
    before = shared.desk.state.size
    status, _, answer = shared.call("POST", EVALUATION, payment(intent="ask"))
    assert (status, answer["decision"]) == (200, True)
    assert "permit" not in answer["context"]
    assert "receipt" not in answer["context"]
    assert shared.desk.state.size == before


def test_unknown_members_are_ignored_and_a_text_time_is_a_claim(shared: World) -> None:
    """A client that follows the standard's own examples would be refused."""
    body = {**payment(time="2025-06-27T18:03-07:00"), "foo": "bar"}
    status, _, answer = shared.call("POST", EVALUATION, body)
    assert (status, answer["decision"]) == (200, True)


def test_a_batch_answers_in_order_and_a_bad_item_is_a_no_of_its_own(shared: World) -> None:
    """One broken item would fail the others, or answers would be taken for another action's."""
    whole = payment()
    body = {
        "subject": whole["subject"],
        "resource": whole["resource"],
        "evaluations": [
            {"action": payment("120")["action"]},
            {},
            {"action": payment("900")["action"]},
            {"action": payment("100")["action"], "subject": {"type": "agent", "id": "payer-2"}},
        ],
    }
    status, _, answer = shared.call("POST", EVALUATIONS, body)
    assert status == 200
    assert "decision" not in answer
    found = answer["evaluations"]
    assert [each["decision"] for each in found] == [True, False, False, False]
    assert found[1]["context"]["error"]["status"] == 400
    assert found[1]["context"]["error"]["field"] == "evaluations[1].action"
    assert found[3]["context"]["error"]["status"] == 403
    assert found[2]["context"]["access_request"]["endpoint"].startswith(URL)


@pytest.mark.parametrize(
    ("semantics", "amounts", "expected"),
    [
        ("execute_all", ["900", "120"], [False, True]),
        ("deny_on_first_deny", ["120", "900", "120"], [True, False]),
        ("permit_on_first_permit", ["900", "120", "120"], [False, True]),
    ],
)
def test_the_three_semantics(
    shared: World, semantics: str, amounts: list[str], expected: list[bool]
) -> None:
    """Actions that nobody needs any more would be decided, recorded and reserved."""
    before = shared.decisions()
    body: dict[str, Any] = {
        **payment(),
        "options": {"evaluations_semantic": semantics},
        "evaluations": [{"action": payment(amount)["action"]} for amount in amounts],
    }
    _, _, answer = shared.call("POST", EVALUATIONS, body)
    assert [each["decision"] for each in answer["evaluations"]] == expected
    assert shared.decisions() == before + len(expected)


def test_a_batch_without_evaluations_is_a_single_evaluation(shared: World) -> None:
    """A client of the older form would get no decision."""
    for body in (payment(), {**payment(), "evaluations": []}):
        status, _, answer = shared.call("POST", EVALUATIONS, body)
        assert (status, answer["decision"]) == (200, True)


def test_discovery_tells_where_everything_is(shared: World) -> None:
    """A runtime would have to guess addresses."""
    status, headers, answer = shared.call("GET", "/.well-known/authzen-configuration", key=None)
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert answer["policy_decision_point"] == URL


def test_an_idempotency_key_gives_the_same_decision_again_and_refuses_another_body(
    shared: World,
) -> None:
    """A retry after a lost answer would reserve the budget twice."""
    headers = {"Idempotency-Key": "once-1"}
    _, _, first = shared.call("POST", EVALUATION, payment("111"), headers=headers)
    _, _, again = shared.call("POST", EVALUATION, payment("111"), headers=headers)
    assert first["context"]["evaluation_id"] == again["context"]["evaluation_id"]
    status, _, problem = shared.call("POST", EVALUATION, payment("112"), headers=headers)
    assert status == 422
    assert "decision" not in problem


def test_a_permit_is_used_once_and_its_outcome_reported(shared: World) -> None:
    """One allow would be executed twice, or nobody would know what became of it."""
    _, _, answer = shared.call("POST", EVALUATION, payment("130"))
    number = answer["context"]["evaluation_id"]
    status, _, redeemed = shared.call("POST", f"/v1/permits/{number}/redeem")
    assert (status, "receipt" in redeemed) == (200, True)
    assert shared.call("POST", f"/v1/permits/{number}/redeem", {})[0] in (409, 410)
    outcome = {"decision": int(number), "status": "executed"}
    assert shared.call("POST", "/v1/outcomes", outcome)[0] == 200
    status, _, _ = shared.call("POST", "/v1/outcomes", {"outcomes": [outcome]}, key="other")
    assert status in (403, 404)


def test_a_receipt_can_be_fetched_with_its_proof(shared: World) -> None:
    """An agent that lost its answer could not prove what it was told."""
    _, _, answer = shared.call("POST", EVALUATION, payment())
    receipt = answer["context"]["receipt"]
    status, _, found = shared.call("GET", f"/v1/receipts/{receipt['index']}?proof=1")
    assert status == 200
    assert found["leaf_hash"] == receipt["leaf_hash"]
    assert TlogProof.parse(found["proof"]).index == receipt["index"]
    status, _, problem = shared.call("GET", "/v1/receipts/99999999")
    assert (status, problem["field"]) == (404, "index")


def test_a_long_batch_keeps_its_order_over_slices(shared: World) -> None:
    """The answers of a batch longer than a slice would be mixed up, or cut short."""
    amounts = ["120" if number % 7 else "900" for number in range(230)]
    body: dict[str, Any] = {
        **payment(),
        "evaluations": [{"action": payment(amount)["action"]} for amount in amounts],
    }
    _, _, answer = shared.call("POST", EVALUATIONS, body)
    assert [each["decision"] for each in answer["evaluations"]] == [a == "120" for a in amounts]
    body["options"] = {"evaluations_semantic": "permit_on_first_permit"}
    body["evaluations"] = [{"action": payment("900")["action"]}] * 101 + body["evaluations"][1:9]
    _, _, answer = shared.call("POST", EVALUATIONS, body)
    assert [each["decision"] for each in answer["evaluations"]] == [False] * 101 + [True]


def proven(world: World, receipt: dict[str, Any]) -> None:
    """Hold a receipt's proof against the log's own key, as whoever keeps it will."""
    proof = TlogProof.parse(receipt["proof"])
    key = Verifier.from_vkey(world.desk.workspace.vkeys[0])
    tree = proof.verify(bytes.fromhex(receipt["leaf_hash"]), [key], world.desk.workspace.origin)
    assert (proof.index, tree.size) == (receipt["index"], receipt["tree_size"])
    assert proof.checkpoint == receipt["checkpoint"]


@pytest.mark.parametrize(
    ("prefer", "given"),
    [
        ("receipt=proof", True),
        ('Receipt = "proof"; wait=3', True),
        ("respond-async, receipt=proof", True),
        ("receipt=minimal, receipt=proof", False),
        ("receipt", False),
        ("return=minimal", False),
        (";;,=,\u00e9", False),
        (None, False),
    ],
)
def test_a_receipt_comes_with_its_proof_if_that_is_preferred(
    shared: World, prefer: str | None, given: bool
) -> None:
    """An agent would have to trust that the log still shows its decision to others."""
    headers = {} if prefer is None else {"Prefer": prefer}
    status, got, answer = shared.call("POST", EVALUATION, payment(), headers=headers)
    assert status == 200
    receipt = answer["context"]["receipt"]
    assert ("proof" in receipt) is given
    assert got.get("preference-applied") == ("receipt=proof" if given else None)
    if given:
        proven(shared, receipt)


def test_every_recorded_answer_can_bring_its_proof(shared: World) -> None:
    """A batch, an outcome or a redeemed permit would be provable only by asking again."""
    prefer = {"Prefer": "receipt=proof"}
    body = {**payment(), "evaluations": [{}, {}, {}]}
    _, got, answer = shared.call("POST", EVALUATIONS, body, headers=prefer)
    assert got["preference-applied"] == "receipt=proof"
    for each in answer["evaluations"]:
        proven(shared, each["context"]["receipt"])
    number = answer["evaluations"][0]["context"]["evaluation_id"]
    _, got, used = shared.call("POST", f"/v1/permits/{number}/redeem", {}, headers=prefer)
    assert got["preference-applied"] == "receipt=proof"
    proven(shared, used["receipt"])
    told = {"decision": int(number), "status": "executed"}
    _, _, done = shared.call("POST", "/v1/outcomes", told, headers=prefer)
    proven(shared, done["outcomes"][0]["receipt"])
    _, got, advice = shared.call("POST", EVALUATION, payment(intent="ask"), headers=prefer)
    assert "receipt" not in advice["context"]
    assert "preference-applied" not in got


def test_an_answer_given_again_has_a_proof_too(shared: World) -> None:
    """A retry after a lost answer would leave the agent without what it asked for."""
    headers = {"Idempotency-Key": "proof-again", "Prefer": "receipt=proof"}
    first = shared.call("POST", EVALUATION, payment(), headers=headers)[2]["context"]["receipt"]
    again = shared.call("POST", EVALUATION, payment(), headers=headers)[2]["context"]["receipt"]
    assert again == first
    proven(shared, again)


def test_the_proof_of_a_decision_is_a_file_to_keep(shared: World) -> None:
    """Whoever is asked years later what was decided could show an answer, and no proof of it."""
    _, _, answer = shared.call("POST", EVALUATION, payment())
    receipt = answer["context"]["receipt"]
    number, leaf = receipt["index"], bytes.fromhex(receipt["leaf_hash"])
    shared.call("POST", EVALUATION, payment())
    key = Verifier.from_vkey(shared.desk.workspace.vkeys[0])
    for caller in ("agent", "bob", "gateway"):
        status, headers, text = shared.call("GET", f"/v1/decisions/{number}/proof", key=caller)
        assert (status, headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert f'filename="decision-{number}.tlog-proof"' in headers["content-disposition"]
        proof = TlogProof.parse(text.decode())
        assert proof.checkpoint == shared.desk.reader.checkpoint()
        assert proof.verify(leaf, [key]).size > receipt["tree_size"]
    size = receipt["tree_size"]
    older = shared.call("GET", f"/v1/decisions/{number}/proof?size={size}")[2].decode()
    assert TlogProof.parse(older).checkpoint == receipt["checkpoint"]


def test_a_proof_that_cannot_be_made_is_told_why(shared: World) -> None:
    """Somebody could read another agent's decisions, or would not know what to ask for instead."""
    _, _, answer = shared.call("POST", EVALUATION, payment())
    number = answer["context"]["receipt"]["index"]
    path = f"/v1/decisions/{number}/proof"
    assert shared.call("GET", path, key="other")[0] == 403
    for wrong, status, said in (
        ("/v1/decisions/999999/proof", 404, "no entry"),
        ("/v1/decisions/0/proof", 404, "no decision"),
        (f"{path}?size=9999999", 404, "so far"),
        (f"{path}?size={number}", 400, "does not hold entry"),
        (f"{path}?size=abc", 400, "size"),
    ):
        got, _, problem = shared.call("GET", wrong)
        assert (got, said in problem["detail"]) == (status, True), problem
    body = {**payment(), "evaluations": [{}] * 3}
    shared.call("POST", EVALUATIONS, body)
    newest = shared.desk.state.size
    status, _, problem = shared.call("GET", f"{path}?size={newest - 1}")
    assert (status, str(newest) in problem["detail"]) == (404, True)
