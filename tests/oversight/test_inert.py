"""Decisions that only count, told from their bytes: what is passed over is what folding would not have seen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from audit.entry import Entry, decode, encode
from governance.oversight.state import apply, inert, moved
from tests.oversight.test_state import DIGEST, Log

AT = datetime(2026, 11, 20, 8, tzinfo=UTC)
BY = {"type": "agent", "id": "pay-1"}
PLAIN: dict[str, Any] = {
    "refs": {},
    "agent": "pay-1",
    "digest": DIGEST,
    "action": "payment.create",
    "args": {},
    "effect": "allow",
}


def entry(kind: str = "decision", **data: Any) -> bytes:
    """Canonical bytes."""
    return encode(Entry(kind, AT, BY, {**PLAIN, **data}))


def test_what_is_passed_over_changes_only_the_size() -> None:
    """A service that followed the others would decide from another state than an auditor folds."""
    log = Log()
    log.people()
    log.agent()
    session = log.session()
    for effect in ("allow", "deny", "require_approval"):
        log.decide(session, effect, digest=DIGEST)
    log.decide(session, labels=["private"], digest=DIGEST)
    approval = log.ask(session)
    log.decide(session, refs={"approval": approval}, digest=DIGEST)
    log.decide(session, charges=[["pay/LIM-1", "pay-1", "1.50", "EUR"]], digest=DIGEST)
    state = Log().state
    passed = []
    for index, each in enumerate(log.entries):
        after = apply(state, index, each)
        if inert(encode(each)):
            passed.append(index)
            assert moved(state, index + 1) == after
            assert "charges" not in each.data
        state = after
    assert len(passed) == 4  # the three, and the one that asks for an approval
    assert moved(state, state.size) is state


@pytest.mark.parametrize(
    "more",
    [
        {"labels": ["private"]},
        {"refs": {"approval": 7}},
        {"refs": {"override": 7}},
        {"charges": []},
        {"args": {"charges": "in an argument"}},
    ],
)
def test_what_may_do_something_is_folded(more: dict[str, Any]) -> None:
    """A label, a used approval or a charge of another service would be lost on this one."""
    assert inert(entry())
    assert not inert(entry(**more))


@pytest.mark.parametrize("kind", ["decision.reversed", "stop.raised", "policy.released"])
@pytest.mark.parametrize("text", ['","kind":"decision","v":1}', "decision", '"},"kind":"decision"'])
def test_no_text_makes_another_kind_a_decision(kind: str, text: str) -> None:
    """An agent could write a stop out of another service's sight."""
    data = entry(kind, action=text, zone=text)
    assert decode(data).kind == kind
    assert not inert(data)


@pytest.mark.parametrize("text", ['"labels":', '\\"charges\\":', "labels"])
def test_text_that_only_looks_like_a_name_hides_none(text: str) -> None:
    """Text beside a label would make the label invisible."""
    assert not inert(entry(action=text, labels=["private"]))
    assert inert(entry(action=text))
