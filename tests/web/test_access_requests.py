"""The AuthZEN Access Request & Approval profile, from a denial to the re-evaluation."""

from __future__ import annotations

import time
from typing import Any

from web_world import URL, World, payment

EVALUATION = "/access/v1/evaluation"
REQUESTS = "/access/v1/access-requests"
URN = "urn:openid:authzen:access-request:error:"


def _denied(world: World, amount: str) -> dict[str, Any]:
    _, _, answer = world.call("POST", EVALUATION, payment(amount))
    context: dict[str, Any] = answer["context"]
    assert context["effect"] == "require_approval"
    return context


def _request(context: dict[str, Any], amount: str, **changes: Any) -> dict[str, Any]:
    return {
        **payment(amount),
        "denial": {
            "evaluation_id": context["evaluation_id"],
            "expires_at": context["access_request"]["expires_at"],
        },
        **changes,
    }


def test_from_denial_to_use(world: World) -> None:
    """What needs a human yes could never be done, or be done without it."""
    context = _denied(world, "900")
    assert context["access_request"]["endpoint"] == URL + REQUESTS
    status, _, created = world.call("POST", REQUESTS, _request(context, "900"))
    assert status == 201
    task = created["task"]
    assert task["status"] == "pending"
    assert task["status_endpoint"] == f"{URL}{REQUESTS}/{task['id']}"
    assert world.call("GET", f"{REQUESTS}/{task['id']}")[2]["task"]["status"] == "pending"
    shown = world.call("GET", f"/v1/approvals/{task['id']}", key="bob")[2]
    granted = world.call(
        "POST",
        f"/v1/approvals/{task['id']}/grant",
        {"digest": shown["digest"], "evidence": shown["evidence"], "reason": "checked"},
        key="bob",
    )
    assert granted[0] == 200, granted
    done = world.call("GET", f"{REQUESTS}/{task['id']}")[2]
    assert done["task"]["status"] == "approved"
    assert done["result"]["mode"] == "reevaluate"
    approval = done["result"]["approval"]
    assert approval["approved_until"]
    body = payment("900", approval=approval)
    other = world.call("POST", EVALUATION, payment("901", approval=approval))[2]
    assert other["decision"] is False
    assert world.call("POST", EVALUATION, body)[2]["decision"] is True
    assert world.call("POST", EVALUATION, body)[2]["decision"] is False


def test_a_refusal_is_told(world: World) -> None:
    """An agent would wait for a yes that was already a no."""
    context = _denied(world, "901")
    task = world.call("POST", REQUESTS, _request(context, "901"))[2]["task"]
    shown = world.call("GET", f"/v1/approvals/{task['id']}", key="bob")[2]
    answer = {"digest": shown["digest"], "evidence": shown["evidence"], "reason": "no"}
    assert world.call("POST", f"/v1/approvals/{task['id']}/refuse", answer, key="bob")[0] == 200
    end = time.monotonic() + 5
    while (found := world.call("GET", f"{REQUESTS}/{task['id']}")[2]["task"])["status"] != "denied":
        assert found["status"] == "pending"  # until the read model has followed
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_request_must_belong_to_its_denial(shared: World) -> None:
    """An approval for one amount would be asked for, and used, for another."""
    context = _denied(shared, "902")
    status, headers, problem = shared.call("POST", REQUESTS, _request(context, "9000"))
    assert (status, problem["type"]) == (400, URN + "invalid_denial_binding")
    assert headers["content-type"] == "application/problem+json"
    allowed = shared.call("POST", EVALUATION, payment("10"))[2]["context"]
    body = _request(context, "10", denial={"evaluation_id": allowed["evaluation_id"]})
    status, _, problem = shared.call("POST", REQUESTS, body)
    assert (status, problem["type"]) == (400, URN + "not_requestable")
    body = _request(context, "902", denial={"evaluation_id": "999999999"})
    status, _, problem = shared.call("POST", REQUESTS, body)
    assert (status, problem["type"]) == (400, URN + "invalid_denial_binding")


def test_another_agents_task_is_unknown(shared: World) -> None:
    """One agent could follow, or withdraw, what another one asked for."""
    context = _denied(shared, "903")
    task = shared.call("POST", REQUESTS, _request(context, "903"))[2]["task"]
    status, _, problem = shared.call("GET", f"{REQUESTS}/{task['id']}", key="other")
    assert (status, problem["type"]) == (404, URN + "unknown_task")
    status, _, problem = shared.call("GET", f"{REQUESTS}/1")
    assert (status, problem["type"]) == (404, URN + "unknown_task")
    assert shared.call("POST", f"/v1/approvals/{task['id']}/cancel", {}, key="other")[0] == 403
    assert shared.call("POST", f"/v1/approvals/{task['id']}/cancel", {})[0] == 200


def test_the_same_key_gives_the_same_task_and_another_body_409(shared: World) -> None:
    """A retry would ask people twice."""
    context = _denied(shared, "904")
    headers = {"Idempotency-Key": "ask-904"}
    first = shared.call("POST", REQUESTS, _request(context, "904"), headers=headers)
    again = shared.call("POST", REQUESTS, _request(context, "904"), headers=headers)
    assert first[0] == again[0] == 201
    assert first[2]["task"]["id"] == again[2]["task"]["id"]
    other = _request(context, "904", requested_access={"note": "please"})
    status, _, problem = shared.call("POST", REQUESTS, other, headers=headers)
    assert (status, problem["type"]) == (409, URN + "duplicate_request")


def test_what_is_not_offered_is_said(shared: World) -> None:
    """A runtime would wait for a callback that never comes."""
    context = _denied(shared, "905")
    body = _request(context, "905", callback={"endpoint": "https://a.example"})
    status, _, problem = shared.call("POST", REQUESTS, body)
    assert (status, problem["field"]) == (400, "callback")
