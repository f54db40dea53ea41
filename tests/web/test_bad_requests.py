"""What cannot be read is refused with its place, and nothing of it reaches the log as a decision."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web_world import World, payment

from governance.web.routes import find

EVALUATION = "/access/v1/evaluation"


def _spoil(path: str, value: Any) -> dict[str, Any]:
    body = json.loads(json.dumps(payment()))
    *steps, last = path.split(".")
    place = body
    for step in steps:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return body


SPOILT: list[tuple[str, Any]] = [
    ("subject", ...),
    ("subject", "alice"),
    ("subject.type", ...),
    ("subject.id", ...),
    ("subject.id", 7),
    ("subject.id", None),
    ("subject.properties", []),
    ("action", ...),
    ("action.name", ...),
    ("action.name", 123),
    ("action.properties", "x"),
    ("action.properties.arguments", []),
    ("resource", ...),
    ("resource.type", ...),
    ("resource.id", ...),
    ("context", []),
    ("context.intent", "maybe"),
    ("context.session", "abc"),
    ("context.session", {"labels": []}),
    ("context.agent", {"autonomy": "L5"}),
    ("agent", {"autonomy": "L5"}),
]


@pytest.mark.parametrize(("path", "value"), SPOILT, ids=[f"{p}={v!r}" for p, v in SPOILT])
def test_a_spoilt_field_is_a_400_that_names_it(shared: World, path: str, value: Any) -> None:
    """A bug in a runtime would look like a decision of policy."""
    before = shared.desk.state.size
    status, headers, problem = shared.call("POST", EVALUATION, _spoil(path, value))
    assert status == 400
    assert headers["content-type"] == "application/problem+json"
    assert problem["field"] == path or path.startswith(problem["field"])
    assert problem["detail"]
    assert problem["type"].startswith("urn:governance:problem:")
    assert "decision" not in problem
    assert shared.desk.state.size == before


@pytest.mark.parametrize(
    ("raw", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b"null", {}, 400),
        (json.dumps(payment()).encode(), {"content-type": "text/plain"}, 400),
        (json.dumps(payment()).encode(), {"content-type": ""}, 400),
        (json.dumps(payment()).encode(), {"Idempotency-Key": "x" * 300}, 400),
        (b'{"a": "' + b"x" * 70_000 + b'"}', {}, 413),
        (b"[" * 60_000, {}, 400),
        (b'{"subject": 1, "subject": 2}', {}, 400),
    ],
)
def test_a_spoilt_body_is_refused(
    shared: World, raw: bytes, headers: dict[str, str], status: int
) -> None:
    """A broken body would end as a 500 that nobody can act on."""
    before = shared.desk.state.size
    got, answered, problem = shared.call("POST", EVALUATION, raw=raw, headers=headers)
    assert got == status
    assert answered["content-type"] == "application/problem+json"
    assert "decision" not in problem
    assert shared.desk.state.size == before


_NEVER_OPENED = [
    ("POST", "/v1/outcomes"),
    ("POST", "/hooks/claude-code"),
    ("POST", "/access/v1/evaluations"),
    ("POST", "/access/v1/access-requests"),
    ("POST", "/v1/stops"),
    ("POST", "/v1/policies/check"),
]


@pytest.mark.parametrize(("method", "path"), _NEVER_OPENED)
def test_every_route_that_takes_a_body_has_a_limit(shared: World, method: str, path: str) -> None:
    """One caller could fill the memory of the process."""
    key = "ada" if path.startswith(("/v1/stops", "/v1/policies")) else "agent"
    route = find(method, path)
    most = 42_000_000 if route is not None and route.size == "files" else 1_100_000
    raw = b'{"x": "' + b"x" * most + b'"}'
    status, _, problem = shared.call(method, path, raw=raw, key=key)
    assert status == 413
    assert "bytes" in problem["detail"]


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(path=st.sampled_from(sorted({p for p, _ in SPOILT})), value=_json)
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_value_anywhere_makes_the_service_fail(shared: World, path: str, value: Any) -> None:
    """Some odd value would be a 500, and an agent would learn how to break the service."""
    before = shared.desk.state.size
    status, _, answer = shared.call("POST", EVALUATION, _spoil(path, value))
    assert status in (200, 400, 403, 409)  # 409: a session that is a number, but no live one
    if status != 200:
        assert "decision" not in answer
        assert shared.desk.state.size == before


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/stops", {"scope": "everything"}, "reason"),
        ("/v1/stops", {"scope": "all", "reason": "x"}, "scope"),
        ("/v1/stops", {"scope": "everything", "reason": "x", "scop": 1}, "scop"),
        ("/v1/agents", {"agent": "a b"}, "team"),
        ("/v1/people/p-a1b2c3d4e5/roles", {"roles": "x"}, "roles"),
        ("/v1/people/nobody/roles", {"roles": []}, "id"),
        ("/v1/decisions/abc/disregard", {"reason": "x"}, "id"),
        ("/v1/policies/check", {"files": {"../x": ""}}, "files.../x"),
    ],
)
def test_a_persons_request_is_told_what_is_wrong_with_it(
    shared: World, path: str, body: dict[str, Any], field: str
) -> None:
    """A misspelt field would be dropped without a word."""
    status, _, problem = shared.call("POST", path, body, key="ada")
    assert status == 400
    assert problem["field"] == field


def test_unknown_query_parameters_are_refused(shared: World) -> None:
    """A misspelt filter would return everything, and be read as everything there is."""
    status, _, problem = shared.call("GET", "/v1/decisions?agnet=payer-1", key="ada")
    assert (status, problem["field"]) == (400, "agnet")
    status, _, problem = shared.call("GET", "/v1/decisions?limit=0", key="ada")
    assert (status, problem["field"]) == (400, "limit")


def test_paths_and_methods_that_do_not_exist(shared: World) -> None:
    """A client with a typo would get a page of HTML."""
    status, headers, problem = shared.call("GET", "/v1/agnets", key="ada")
    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert "/v1/agnets" in problem["detail"]
    status, headers, _ = shared.call("GET", EVALUATION)
    assert (status, headers["allow"]) == (405, "POST")
    status, headers, _ = shared.call("DELETE", "/v1/agents", key="ada")
    assert (status, headers["allow"]) == (405, "GET, POST")


def test_policy_files_may_be_large_for_whom_they_are(world: World) -> None:
    """Ten thousand rules could not be proposed, or anybody could have the service hold 40 MB."""
    text = "# " + "x" * 3_000_000
    body = json.dumps({"files": {"policies/large.yaml": text}}).encode()
    status, _, answer = world.call("POST", "/v1/policies/check", key="ada", raw=body)
    assert (status, answer["ok"]) == (200, False)
    for key in (None, "agent"):
        status, _, _ = world.call("POST", "/v1/policies/check", key=key, raw=body)
        assert status == 413
