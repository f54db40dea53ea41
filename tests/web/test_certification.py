"""The OpenID AuthZEN certification scenario (levels Basic, Batch, Discovery), against its fixture.

Source: openid/authzen, certification/authorization-api-1_0-scenario.md. The fixture's rules are
policy files here; its subjects are users for whom one gateway's agent acts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from web_world import World, make_world

from governance.service import keys, onboarding, releasing

POLICY = """
policy: certification
title: The fixture of the certification scenario
owner: risk@corp.example
review_by: 2099-01-01
governs: [read, write, delete]
applies_to: {agents: all}
mode: enforce
default: deny
rules:
  - id: C-1
    title: Alice and Bob read
    effect: allow
    when: {action: read, subject.id: {one_of: [alice, bob]}}
    trust_claim: the scenario's subjects are its fixture
    because: Rules 1 and 3.
    severity: low
  - id: C-2
    title: Alice writes what is not archived
    effect: allow
    when:
      action: write
      subject.id: {is: alice}
      any: [{resource.status: {is_set: false}}, {resource.status: {is: active}}]
    trust_claim: the scenario's subjects are its fixture
    because: Rules 2 and 5.
    severity: low
  - id: C-3
    title: Administrators write what is archived
    effect: allow
    when: {action: write, subject.role: {is: admin}, resource.status: {is: archived}}
    trust_claim: the scenario's subjects are its fixture
    because: Rule 6.
    severity: low
  - id: C-4
    title: Alice deletes softly
    effect: allow
    when: {action: delete, subject.id: {is: alice}, args.soft: {is: true}}
    trust_claim: the scenario's subjects are its fixture
    because: Rules 7 and 8.
    severity: low
cases:
  columns: [name, action, subject.id, args.soft, resource.status, subject.role, expect]
  always: {attested: true}
  rows:
    - [alice reads, read, alice, ~, ~, ~, allow]
    - [bob may not write, write, bob, ~, ~, ~, deny]
    - [alice writes, write, alice, ~, active, ~, allow]
    - [alice writes what is not marked, write, alice, ~, ~, ~, allow]
    - [alice not the archive, write, alice, ~, archived, ~, deny]
    - [an administrator the archive, write, bob, ~, archived, admin, allow]
    - [softly, delete, alice, true, ~, ~, allow]
    - [for good, delete, alice, false, ~, ~, deny]
"""
_CLAIMS = """
    subject: &subject
      id: {type: text, class: category}
      role: {type: text, class: category, required: false}
      department: {type: text, class: category, required: false}
    resource: &resource
      status: {type: text, class: category, required: false}
      owner: {type: text, class: category, required: false}
"""
CATALOGUE = f"""
catalogue: certification
title: The actions of the certification scenario
owner: risk@corp.example
actions:
  read:
    title: Read a record
    labels: []
    risk: low
    args:
      method: {{type: text, class: category, required: false}}
{_CLAIMS}
  write:
    title: Write a record
    labels: []
    risk: low
    args: {{}}
    subject: *subject
    resource: *resource
  delete:
    title: Delete a record
    labels: []
    risk: low
    args:
      soft: {{type: boolean, class: category}}
    subject: *subject
    resource: *resource
"""

ALICE, BOB = {"type": "user", "id": "alice"}, {"type": "user", "id": "bob"}
ADMIN = {**BOB, "properties": {"role": "admin"}}
READ, WRITE = {"name": "read"}, {"name": "write"}
ONE: dict[str, Any] = {"type": "record", "id": "record-1"}
ACTIVE = {**ONE, "properties": {"status": "active"}}
ARCHIVED = {"type": "record", "id": "record-2", "properties": {"status": "archived"}}
TIME = {"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}
EVALUATION, EVALUATIONS = "/access/v1/evaluation", "/access/v1/evaluations"


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service loaded with the fixture, and a gateway whose one agent asks for the users."""
    with make_world(tmp_path_factory.mktemp("certified")) as world:
        desk = world.desk
        ada = keys.caller_of(desk, world.keys["ada"])
        bob = keys.caller_of(desk, world.keys["bob"])
        assert ada is not None
        assert bob is not None
        files = {
            "policies/certification.yaml": POLICY.encode(),
            "policies/actions/certification.yaml": CATALOGUE.encode(),
        }
        proposed = releasing.propose(desk, ada, files)
        _second(world, bob)
        releasing.sign(desk, bob, proposed["proposal"], proposed["evidence"])
        issued = keys.issue(
            desk, ada, holder_type="gateway", holder_id="gate-2", agents=("payer-1",)
        )
        world.keys["gate"] = issued["secret"]
        onboarding.set_autonomy(
            desk,
            ada,
            "payer-1",
            level="L5",
            until="2099-01-01T00:00:00Z",
            why="certification",
            evidence={"decisions": 0},
        )
        yield world


def _second(world: World, person: Any) -> None:
    status, _, _ = world.call(
        "POST",
        f"/v1/people/{person.id}/roles",
        {"roles": ["auditor", "treasurer", "risk_editor"]},
        key="ada",
    )
    assert status == 200


def _ask(world: World, path: str, body: Any, **headers: str) -> tuple[int, dict[str, str], Any]:
    return world.call("POST", path, body, key="gate", headers=headers)


BASIC: list[tuple[str, dict[str, Any], bool]] = [
    ("2.2.1", {"subject": ALICE, "action": READ, "resource": ONE}, True),
    ("2.2.2", {"subject": BOB, "action": WRITE, "resource": ONE}, False),
    ("1.4 rule 2", {"subject": ALICE, "action": WRITE, "resource": ONE}, True),
    ("1.4 rule 3", {"subject": BOB, "action": READ, "resource": ONE}, True),
    ("2.2.3", {"subject": ALICE, "action": READ, "resource": ONE, "context": TIME}, True),
    ("2.2.4", {"subject": ALICE, "action": WRITE, "resource": ARCHIVED}, False),
    ("2.2.5", {"subject": ADMIN, "action": WRITE, "resource": ARCHIVED}, True),
    (
        "2.2.6",
        {
            "subject": ALICE,
            "action": {"name": "delete", "properties": {"soft": True}},
            "resource": ONE,
        },
        True,
    ),
    (
        "2.2.7",
        {
            "subject": ALICE,
            "action": {"name": "delete", "properties": {"soft": False}},
            "resource": ONE,
        },
        False,
    ),
    (
        "2.2.8",
        {
            "subject": {**ALICE, "properties": {"department": "Sales", "role": "manager"}},
            "action": {"name": "read", "properties": {"method": "GET"}},
            "resource": {**ONE, "properties": {"status": "active", "owner": "bob"}},
        },
        True,
    ),
    (
        "2.2.9",
        {
            "subject": ALICE,
            "action": READ,
            "resource": ONE,
            "foo": "bar",
            "futureField": {"nested": True},
        },
        True,
    ),
]


@pytest.mark.parametrize(("case", "body", "decision"), BASIC, ids=[case for case, _, _ in BASIC])
def test_basic(certified: World, case: str, body: dict[str, Any], decision: bool) -> None:
    """A runtime that speaks the standard would get other answers here than anywhere else."""
    for path in (EVALUATION, EVALUATIONS):
        status, headers, answer = _ask(certified, path, body)
        assert status == 200, answer
        assert headers["content-type"] == "application/json"
        assert answer["decision"] is decision, answer
    again = [_ask(certified, EVALUATION, body)[2]["decision"] for _ in range(3)]
    assert again == [decision] * 3


BATCH: list[tuple[str, dict[str, Any], list[bool]]] = [
    (
        "3.2.2",
        {"subject": BOB, "resource": ONE, "evaluations": [{"action": READ}, {"action": WRITE}]},
        [True, False],
    ),
    (
        "3.2.3",
        {
            "subject": ALICE,
            "action": WRITE,
            "evaluations": [{"resource": ACTIVE}, {"resource": ARCHIVED}],
        },
        [True, False],
    ),
    (
        "3.2.4",
        {
            "action": WRITE,
            "resource": ARCHIVED,
            "evaluations": [{"subject": ALICE}, {"subject": ADMIN}],
        },
        [False, True],
    ),
    (
        "3.2.5",
        {
            "evaluations": [
                {"subject": ALICE, "action": READ, "resource": ONE},
                {"subject": BOB, "action": WRITE, "resource": ONE},
            ]
        },
        [True, False],
    ),
    (
        "3.2.7",
        {
            "subject": ALICE,
            "action": WRITE,
            "resource": ACTIVE,
            "evaluations": [{}, {"resource": ARCHIVED}],
        },
        [True, False],
    ),
    (
        "3.4.1",
        {
            "subject": ALICE,
            "action": READ,
            "options": {"evaluations_semantic": "execute_all"},
            "evaluations": [{"resource": ONE}, {}],
        },
        [True, False],
    ),
]


@pytest.mark.parametrize(("case", "body", "expected"), BATCH, ids=[case for case, _, _ in BATCH])
def test_batch(certified: World, case: str, body: dict[str, Any], expected: list[bool]) -> None:
    """Answers of a batch would be attributed to the wrong actions."""
    status, _, answer = _ask(certified, EVALUATIONS, body)
    assert status == 200, answer
    assert [each["decision"] for each in answer["evaluations"]] == expected


def test_a_context_is_inherited_and_overridden(certified: World) -> None:
    """3.2.6: an evaluation with a context of its own would be refused."""
    body = {
        "subject": ALICE,
        "action": READ,
        "context": {"time": TIME["time"]},
        "evaluations": [
            {"resource": ONE},
            {"resource": ONE, "context": {**TIME, "source": "batch-override"}},
        ],
    }
    status, _, answer = _ask(certified, EVALUATIONS, body)
    assert status == 200
    assert all(isinstance(each["decision"], bool) for each in answer["evaluations"])


_WHOLE: dict[str, Any] = {"subject": ALICE, "action": READ, "resource": ONE}
MALFORMED: list[Any] = [
    *({name: part for name, part in _WHOLE.items() if name != gone} for gone in _WHOLE),
    {**_WHOLE, "subject": {"id": "alice"}},
    {**_WHOLE, "subject": {"type": "user"}},
    {**_WHOLE, "action": {}},
    {**_WHOLE, "resource": {"id": "record-1"}},
    {**_WHOLE, "resource": {"type": "record"}},
    {**_WHOLE, "subject": "alice"},
    {**_WHOLE, "action": {"name": 123}},
]


@pytest.mark.parametrize("body", MALFORMED, ids=json.dumps)
def test_malformed_requests_are_400(certified: World, body: Any) -> None:
    """2.4: a client would take a broken request for a decision."""
    assert _ask(certified, EVALUATION, body)[0] == 400


def test_other_content_is_400(certified: World) -> None:
    """2.4.3 to 2.4.5: a client would see a status that the standard does not know."""
    whole = json.dumps(_WHOLE).encode()
    send = certified.call
    assert (
        send("POST", EVALUATION, raw=whole, key="gate", headers={"content-type": "text/plain"})[0]
        == 400
    )
    assert send("POST", EVALUATION, raw=b"{not json", key="gate")[0] == 400
    assert send("POST", EVALUATION, raw=b"", key="gate")[0] == 400


def test_the_request_id_is_echoed(certified: World) -> None:
    """2.5: a request could not be followed from the client's log to the service's."""
    _, headers, _ = _ask(certified, EVALUATION, _WHOLE, **{"X-Request-ID": "bfe9eb29-ab87"})
    assert headers["x-request-id"] == "bfe9eb29-ab87"
    assert _ask(certified, EVALUATION, _WHOLE)[0] == 200
