"""AuthZEN's requests, batches and answers as pure functions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.service.problem import Problem
from governance.web import authzen, openapi

ALICE = {"type": "user", "id": "alice"}
READ = {"name": "read"}
RECORD = {"type": "record", "id": "record-1"}
RIGHT: dict[str, Any] = {"subject": ALICE, "action": READ, "resource": RECORD}

# Certification scenario: missing entities, missing members, wrong types.
MALFORMED: list[tuple[str, Any, str]] = [
    ("subject", None, "subject"),
    ("action", None, "action"),
    ("resource", None, "resource"),
    ("subject", {"id": "alice"}, "subject.type"),
    ("subject", {"type": "user"}, "subject.id"),
    ("action", {}, "action.name"),
    ("resource", {"id": "record-1"}, "resource.type"),
    ("resource", {"type": "record"}, "resource.id"),
    ("subject", "alice", "subject"),
    ("action", {"name": 123}, "action.name"),
    ("resource", [], "resource"),
    ("subject", {"type": "user", "id": ""}, "subject.id"),
    ("subject", {"type": "user", "id": "a", "properties": []}, "subject.properties"),
    ("action", {"name": "read", "properties": {"arguments": []}}, "action.properties.arguments"),
    ("context", "now", "context"),
    ("context", {"intent": "maybe"}, "context.intent"),
]


@pytest.mark.parametrize(("member", "value", "field"), MALFORMED)
def test_a_malformed_request_names_the_field(member: str, value: Any, field: str) -> None:
    """A runtime with a bug would get a deny that looks like policy, or an answer to nothing."""
    request = {**RIGHT, member: value}
    if value is None:
        del request[member]
    with pytest.raises(Problem) as caught:
        authzen.check_evaluation(request)
    assert caught.value.status == 400
    assert caught.value.field == field


def test_unknown_members_are_ignored() -> None:
    """A client of a later version of the standard could not talk to this service."""
    authzen.check_evaluation({**RIGHT, "foo": "bar", "futureField": {"nested": True}})
    authzen.check_evaluation(
        {**RIGHT, "context": {"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1", "session": 17}}
    )


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"agent": {"autonomy": "L5"}}, "agent"),
        ({"tool": {"risk": "low"}}, "tool"),
        ({"session": {"labels": []}}, "session"),
        ({"context": {"agent": {"labels": []}}}, "context.agent"),
        ({"context": {"session": {"labels": []}}}, "context.session"),
        ({"context": {"session.labels": []}}, "context.session.labels"),
        ({"context": {"time": {"hour": 12}}}, "context.time"),
        ({"context": {"time.hour": 12}}, "context.time.hour"),
        ({"context": {"limits": {"LIM-1": 0}}}, "context.limits"),
        ({"context": {"history": []}}, "context.history"),
    ],
)
def test_facts_of_the_service_are_refused(extra: dict[str, Any], field: str) -> None:
    """An agent would send its own autonomy and believe that it was taken."""
    with pytest.raises(Problem) as caught:
        authzen.check_evaluation({**RIGHT, **extra})
    assert caught.value.status == 400
    assert caught.value.type == "service-fact"
    assert caught.value.field == field


_scalars = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "x", "act", "ask"])
_entities = st.dictionaries(
    st.sampled_from(["type", "id", "name", "properties"]),
    _scalars | st.dictionaries(st.sampled_from(["arguments", "act"]), _scalars | st.just({})),
    max_size=4,
)


@given(
    request=st.fixed_dictionaries(
        {},
        optional={
            "subject": _entities | _scalars,
            "action": _entities | _scalars,
            "resource": _entities | _scalars,
            "context": st.dictionaries(st.sampled_from(["intent", "session"]), _scalars) | _scalars,
        },
    )
)
@settings(max_examples=200, deadline=None)
def test_the_quick_look_never_accepts_what_the_contract_refuses(request: dict[str, Any]) -> None:
    """The fast path would let a request through that the published schema calls wrong."""
    check, _ = openapi.body_checks()["evaluate"]
    if authzen._plainly_right(request):
        check(request, "")


def test_defaults_are_replaced_whole() -> None:
    """A property of the default resource would leak into an evaluation that names another one."""
    batch = authzen.batch(
        {
            "subject": ALICE,
            "action": {"name": "write"},
            "resource": {**RECORD, "properties": {"status": "active"}},
            "context": {"session": 3},
            "evaluations": [{}, {"resource": {"type": "record", "id": "record-2"}, "context": {}}],
        },
        most=10,
    )
    assert batch is not None
    first, second = batch.requests
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert first["resource"]["properties"] == {"status": "active"}
    assert "properties" not in second["resource"]
    assert first["context"] == {"session": 3}
    assert second["context"] == {}


@pytest.mark.parametrize("given", [{}, {"evaluations": []}, {"evaluations": None}])
def test_without_evaluations_it_is_a_single_one(given: dict[str, Any]) -> None:
    """A client of the single form would get an empty list instead of its decision."""
    assert authzen.batch({**RIGHT, **given}, most=10) is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"evaluations": {}}, "evaluations"),
        ({"evaluations": ["x"]}, "evaluations[0]"),
        ({"evaluations": [{}], "subject": "alice"}, "subject"),
        ({"evaluations": [{}], "options": []}, "options"),
        (
            {"evaluations": [{}], "options": {"evaluations_semantic": "best_effort"}},
            "options.evaluations_semantic",
        ),
    ],
)
def test_what_spoils_the_whole_batch_is_a_400(body: dict[str, Any], field: str) -> None:
    """A misspelt semantics would be read as the default, and more would be executed than meant."""
    with pytest.raises(Problem) as caught:
        authzen.batch(body, most=10)
    assert caught.value.status == 400
    assert caught.value.field == field


def test_a_batch_has_a_bound() -> None:
    """One request could hold the log for as long as it likes."""
    with pytest.raises(Problem) as caught:
        authzen.batch({**RIGHT, "evaluations": [{}] * 11}, most=10)
    assert caught.value.status == 413


def test_an_evaluation_that_cannot_be_asked_says_where_and_keeps_its_place() -> None:
    """A failed item would be missing from the answer, and the answers after it would shift."""
    batch = authzen.batch(
        {
            "subject": ALICE,
            "action": READ,
            "options": {"evaluations_semantic": "deny_on_first_deny"},
            "evaluations": [{"resource": RECORD}, {}, {"resource": RECORD, "agent": {}}],
        },
        most=10,
    )
    assert batch is not None
    assert batch.semantics == "deny_on_first_deny"
    right, missing, fact = batch.requests
    assert isinstance(right, dict)
    assert isinstance(missing, Problem)
    assert missing.field == "evaluations[1].resource"
    assert "`evaluations[1].resource` is missing" in missing.detail
    assert isinstance(fact, Problem)
    assert fact.field == "evaluations[2].agent"


def test_the_access_requests_address_is_whole() -> None:
    """A runtime would not know where to send its request for approval."""
    answer = {"decision": False, "context": {"access_request": {"endpoint": "/access/v1/x"}}}
    found = authzen.absolute(answer, "https://pdp.example.com")
    assert found["context"]["access_request"]["endpoint"] == "https://pdp.example.com/access/v1/x"


def test_discovery_names_the_access_request_capability() -> None:
    """A runtime could not find out that denials can be appealed."""
    found = authzen.discovery("https://pdp.example.com")
    assert found["policy_decision_point"] == "https://pdp.example.com"
    assert all(
        value.startswith("https://") for key, value in found.items() if key != "capabilities"
    )
    assert found["capabilities"] == ["urn:openid:authzen:capability:access-request"]
