"""The closed list of kinds, and how exactly their shapes are held."""

from __future__ import annotations

from typing import Any

import pytest

from governance.oversight import entries
from governance.oversight.shapes import IllFormed

PERSON = "p-abcdefghij"
COMMITTED = "A" * 43
DIGEST = "ab" * 32
AT = "2026-11-20T08:00:00.000000Z"
BY = {"type": "person", "id": PERSON}

DECISION: dict[str, Any] = {
    "refs": {"session": 3},
    "agent": "payments-1",
    "action": "payment.create",
    "digest": DIGEST,
    "args": {"amount": "10.00 EUR", "iban": "s-" + "a" * 26, "tags": ["x"]},
    "resource": {"type": "account"},
    "commitments": {"args.iban": COMMITTED},
    "attested": False,
    "release": DIGEST,
    "semantics": "1",
    "effect": "allow",
    "would_be": "allow",
    "observed": False,
    "findings": [
        {
            "policy": "payments",
            "rule": "PAY-1",
            "effect": "allow",
            "certain": True,
            "unknown": [],
        }
    ],
    "facts": [["limit:x", '["s-x"]', 17, "10.00", 1, False]],
    "charges": [["limit:x", '["s-x"]', "10.00", "EUR"]],
    "labels": ["private"],
    "autonomy": "L4",
    "risk": "low",
    "via": "api",
    "valid_until": AT,
}


def test_a_decision_fits() -> None:
    """If the shape of decisions were narrower than decisions are, nothing could be recorded."""
    entries.check("decision", BY, DECISION)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"surprise": 1}, "data.surprise"),
        ({"digest": "AB" * 32}, "data.digest"),
        ({"effect": "maybe"}, "data.effect"),
        ({"findings": []}, "data.findings"),
        ({"attested": 1}, "data.attested"),
        ({"refs": {"session": True}}, "data.refs.session"),
        ({"refs": {"session": -1}}, "data.refs.session"),
        ({"refs": {"stop": 1}}, "data.refs.stop"),
        ({"args": {"amount": 1.5}}, "data.args.amount"),
        ({"commitments": {"args.iban": "short"}}, "data.commitments.args.iban"),
        ({"facts": [["limit:x", "k", 17, "10.00", 1]]}, "data.facts.0"),
        ({"facts": [["limit:x", "k", 17, "1e5", 1, False]]}, "data.facts.0.3"),
        ({"valid_until": "2026-11-20 08:00"}, "data.valid_until"),
        ({"labels": "private"}, "data.labels"),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(change: dict[str, Any], path: str) -> None:
    """If an ill-fitting entry were written, every later reader would have to guess."""
    with pytest.raises(IllFormed) as caught:
        entries.check("decision", BY, {**DECISION, **change})
    assert caught.value.path == path


@pytest.mark.parametrize("name", sorted(set(DECISION) - {"commitments", "facts", "charges",
                                                         "labels", "valid_until"}))  # fmt: skip
def test_a_missing_field_is_refused(name: str) -> None:
    """If a decision could leave out what it rests on, it could not be performed again."""
    less = {key: value for key, value in DECISION.items() if key != name}
    with pytest.raises(IllFormed) as caught:
        entries.check("decision", BY, less)
    assert caught.value.path == f"data.{name}"


def test_an_unknown_kind_is_refused() -> None:
    """If any kind could be written, the list would not be closed."""
    with pytest.raises(IllFormed, match=r"agent\.promoted"):
        entries.check("agent.promoted", BY, {})


def test_who_acted_is_part_of_every_entry() -> None:
    """If `by` could be anything, an entry could hide who acted."""
    for by in ({}, {"type": "robot", "id": "x"}, {**BY, "name": "Maria"}, {**BY, "key": "x"}):
        with pytest.raises(IllFormed):
            entries.check("person.left", by, {"person": PERSON})


def test_no_shape_has_room_for_a_text_or_a_name() -> None:
    """If a reason or a name fitted into an entry in the clear, it could never be erased."""
    stop = {"scope": {"type": "everything"}, "person": PERSON, "drill": False}
    entries.check("stop.raised", BY, {**stop, "commitments": {"reason": COMMITTED}})
    with pytest.raises(IllFormed):
        entries.check("stop.raised", BY, {**stop, "reason": "Maria said so"})
    with pytest.raises(IllFormed):
        entries.check("person.added", BY, {"person": "Maria", "roles": ["auditor"]})
