"""Health, metrics, failure and overload: nothing that goes wrong reads as an allow."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from web_world import World, make_world, payment

from audit.keys import Verifier
from governance.store.errors import Unavailable
from governance.web import openapi

EVALUATION = "/access/v1/evaluation"


def test_the_service_describes_itself(shared: World) -> None:
    """Nobody could tell which program answers, or write a client for it."""
    assert shared.call("GET", "/livez", key=None)[2] == {"status": "ok"}
    status, _, ready = shared.call("GET", "/readyz", key=None)
    assert ready["database"] == "sqlite"
    assert (status, ready["status"]) == (200, "degraded"), ready
    assert "unanchored" in ready["degraded"]["anchors"]
    version = shared.call("GET", "/version", key=None)[2]
    assert version.keys() == {"version", "semantics", "origin", "log_keys"}
    assert version["origin"] == "test.example/log"
    assert [Verifier.from_vkey(vkey).name for vkey in version["log_keys"]] == [version["origin"]]
    assert shared.call("GET", "/openapi.json", key=None)[2] == json.loads(openapi.published())
    status, headers, checkpoint = shared.call("GET", "/log/checkpoint", key=None)
    assert checkpoint.startswith(b"test.example/log\n")
    assert headers["content-type"].startswith("text/plain")
    status, headers, body = shared.call("HEAD", "/livez", key=None)
    assert (status, body) == (200, b"")


def test_policy_files_that_were_deleted_are_said_before_they_are_missed(world: World) -> None:
    """The service would go on from memory, and nobody know that it cannot start again."""
    (world.directory / "blobs").rename(world.directory / "away")
    status, _, ready = world.call("GET", "/readyz", key=None)
    assert (status, ready["status"]) == (200, "degraded")
    assert "could not start again" in ready["degraded"]["policy files"]
    assert world.call("POST", EVALUATION, payment("77"))[2]["decision"] is True
    status, _, refused = world.call("POST", "/v1/policies/rollback", {}, key="ada")
    assert (status, refused["type"]) == (404, "urn:governance:problem:unknown")
    status, _, refused = world.call("GET", "/v1/policies", key="ada")
    assert status == 503
    assert "files of a policy release" in refused["detail"]
    (world.directory / "away").rename(world.directory / "blobs")
    assert "policy files" not in world.call("GET", "/readyz", key=None)[2]["degraded"]
    assert world.call("GET", "/v1/policies", key="ada")[0] == 200


def test_metrics_count_decisions_and_name_nobody(shared: World) -> None:
    """The operator would be blind, or a dashboard would show who paid whom."""
    shared.call("POST", EVALUATION, payment("77"))
    page = shared.call("GET", "/metrics", key=None)[2].decode()
    assert 'governance_decisions_total{effect="allow"}' in page
    assert "governance_decision_duration_seconds_bucket" in page
    assert "governance_queue_depth" in page
    assert "governance_log_entries" in page
    for private in ("payer-1", "DE89", "Ada", "p-", "k-"):
        assert private not in page


@pytest.mark.parametrize(
    ("error", "status"),
    [(Unavailable("the disk is full"), 503), (RuntimeError("DE89370400440532013000"), 500)],
)
def test_what_cannot_be_recorded_is_never_an_allow(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: Any, error: Exception, status: int
) -> None:
    """An outage would look like a yes, or the operator's log would hold what a caller sent."""

    async def fail(command: Any) -> None:
        raise error

    monkeypatch.setattr(world.http.app.lane, "submit", fail)
    for path, body in (
        (EVALUATION, payment()),
        ("/access/v1/evaluations", {**payment(), "evaluations": [{}]}),
        ("/v1/outcomes", {"decision": 1, "status": "executed"}),
        ("/v1/permits/1/redeem", {}),
    ):
        got, headers, answer = world.call("POST", path, body)
        assert got == status
        assert headers["content-type"] == "application/problem+json"
        assert "decision" not in answer
        if status == 503:
            assert int(headers["retry-after"]) > 0
        else:
            assert headers["x-request-id"]
    printed = capfd.readouterr()
    assert "DE89" not in printed.out + printed.err


def test_a_log_that_failed_makes_the_service_unready(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load balancer would go on sending agents to a process that can record nothing."""
    monkeypatch.setattr(world.desk.ledger, "failure", "the log could not be written (disk full)")
    status, _, answer = world.call("GET", "/readyz", key=None)
    assert (status, answer["status"]) == (503, "failing")
    assert "disk full" in answer["checks"]["log"]
    assert world.call("GET", "/livez", key=None)[0] == 200


def test_a_key_beyond_its_quota_is_told_when_to_come_back(tmp_path: Path) -> None:
    """A hijacked agent would fill the disk, or block everybody else."""
    with make_world(tmp_path, agent_per_second=5) as world:
        answers = [world.call("POST", EVALUATION, payment()) for _ in range(25)]
        refused = [answer for answer in answers if answer[0] == 429]
        assert refused
        assert all(int(headers["retry-after"]) >= 1 for _, headers, _ in refused)
        assert world.call("POST", EVALUATION, payment(agent="payer-2"), key="other")[0] == 200
        status, _, _ = world.call(
            "POST", "/v1/stops", {"scope": "everything", "reason": "x"}, key="ada"
        )
        assert status == 201


def test_a_batch_counts_as_many_as_it_asks(tmp_path: Path) -> None:
    """A key would have a thousand times its quota by asking in batches."""
    with make_world(tmp_path, agent_per_second=20) as world:
        body = {**payment(), "evaluations": [{}] * 30}
        assert world.call("POST", "/access/v1/evaluations", body)[0] == 200
        before = world.desk.state.size
        status, headers, problem = world.call("POST", "/access/v1/evaluations", body)
        assert status == 429
        assert int(headers["retry-after"]) >= 1
        assert "decision" not in problem
        assert world.desk.state.size == before


def test_an_hour_of_one_key_is_bounded(tmp_path: Path) -> None:
    """A hijacked agent would fill the disk in a day at the speed of its second's quota."""
    with make_world(tmp_path, agent_per_hour=10) as world:
        body = {**payment(), "evaluations": [{}] * 8}
        assert world.call("POST", "/access/v1/evaluations", body)[0] == 200
        assert world.call("POST", EVALUATION, payment())[0] == 200
        before = world.desk.state.size
        assert world.call("POST", "/access/v1/evaluations", body)[0] == 429
        assert world.call("POST", EVALUATION, payment())[0] == 200
        status, headers, _ = world.call("POST", EVALUATION, payment())
        assert (status, int(headers["retry-after"]) > 60) == (429, True)
        assert world.desk.state.size == before + 1
        assert world.call("POST", EVALUATION, payment(agent="payer-2"), key="other")[0] == 200


def test_after_a_stop_nothing_is_allowed_or_redeemed(world: World) -> None:
    """An agent would go on acting on an answer from before the stop."""
    headers = {"Idempotency-Key": "before-the-stop"}
    allowed = world.call("POST", EVALUATION, payment(), headers=headers)[2]
    assert allowed["decision"] is True
    stop = {"scope": "agent", "id": "payer-1", "reason": "odd payments"}
    status, _, raised = world.call("POST", "/v1/stops", stop, key="ada")
    assert status == 201
    assert world.call("POST", EVALUATION, payment(), headers=headers)[2]["decision"] is False
    number = allowed["context"]["evaluation_id"]
    assert world.call("POST", f"/v1/permits/{number}/redeem", {})[0] == 409
    listed = world.call("GET", "/v1/stops", key="bob")[2]["stops"]
    assert [each["stop"] for each in listed] == [raised["stop"]]


def test_many_callers_at_once_get_their_own_answers(shared: World) -> None:
    """Under load one agent would be given another one's decision."""
    amounts = [str(100 + number) if number % 2 else str(600 + number) for number in range(60)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(lambda amount: shared.call("POST", EVALUATION, payment(amount)), amounts)
        )
    assert [answer[2]["decision"] for answer in answers] == [
        number % 2 == 1 for number in range(60)
    ]
    ids = [answer[2]["context"]["evaluation_id"] for answer in answers]
    assert len(set(ids)) == 60


def test_the_slow_side_is_bounded_and_stops_have_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few slow reports would keep a stop from being raised."""
    import threading

    from governance.web import api

    release = threading.Event()

    def slow(call: Any) -> dict[str, Any]:
        release.wait(10)
        return {"agents": []}

    monkeypatch.setitem(api.HANDLERS, "listAgents", slow)
    threads = world.http.app.config.server.page_threads
    with ThreadPoolExecutor(threads + 80) as pool:
        waiting = [
            pool.submit(world.call, "GET", "/v1/agents", key="ada") for _ in range(threads + 70)
        ]
        status, _, _ = world.call(
            "POST", "/v1/stops", {"scope": "everything", "reason": "now"}, key="ada"
        )
        assert status == 201
        assert world.call("POST", EVALUATION, payment())[0] == 200
        release.set()
        statuses = [each.result()[0] for each in waiting]
    assert 503 in statuses
    assert statuses.count(200) >= threads


def test_a_mistyped_address_gets_a_page(shared):
    """Somebody who mistypes a number would get 43 bytes of plain text and no way back."""
    for path in ("/nope", "/decisions/abc", "/approvals/1/2/3"):
        status, headers, body = shared.call("GET", path, key=None)
        assert status == 404, path
        assert headers["content-type"].startswith("text/html")
        assert b"There is no such page" in (body if isinstance(body, bytes) else str(body).encode())
    status, headers, _ = shared.call("GET", "/v1/nope", key=None)
    assert status == 404
    assert headers["content-type"].startswith("application/problem+json")


def test_the_page_that_checks_packages_needs_no_account(shared: World) -> None:
    """An auditor would have to sign in with us for the means to check us."""
    status, headers, body = shared.call("GET", "/verify", key=None)
    policy = {name.lower(): value for name, value in headers.items()}["content-security-policy"]
    assert (status, "connect-src" in policy, "default-src 'none'" in policy) == (200, False, True)
    assert body is not None
