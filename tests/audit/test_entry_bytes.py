"""The envelope: one entry, one byte string."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import canonical
from audit.entry import MAX_ENTRY, Entry, decode, encode
from audit.errors import BadEntry

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
BY = {"type": "person", "id": "person:7f3a"}
GOOD = Entry("decision", AT, BY, {"verdict": "allow"})


def raw(**changes: Any) -> bytes:
    """Canonical bytes of an envelope with some members changed; None takes one away."""
    envelope = {"at": "2026-11-20T10:00:00.000000Z", "by": BY, "data": {}, "kind": "stop", "v": 1}
    merged = {**envelope, **changes}
    return canonical({name: value for name, value in merged.items() if value is not None})


def test_the_bytes_are_those_of_the_specification() -> None:
    """Otherwise FORMAT.md describes another log than the one that is written."""
    assert encode(GOOD) == (
        b'{"at":"2026-11-20T10:00:00.000000Z","by":{"id":"person:7f3a","type":"person"},'
        b'"data":{"verdict":"allow"},"kind":"decision","v":1}'
    )


@given(
    st.datetimes(min_value=datetime(1, 1, 1), timezones=st.just(UTC)),
    st.dictionaries(st.text("abcz_", min_size=1), st.integers(-5, 5) | st.text("aé\U0001f602")),
)
def test_decode_inverts_encode(at: datetime, data: dict[str, Any]) -> None:
    """Otherwise an auditor would read another entry than the one that was signed."""
    entry = Entry("approval.granted", at, BY, data)
    assert decode(encode(entry)) == entry


@given(st.integers(0, 200), st.integers(1, 255))
def test_a_changed_byte_never_reads_as_the_same_entry(position: int, flip: int) -> None:
    """Otherwise bytes could change while the entry stays the same, and hashes would mean nothing."""
    data = bytearray(encode(GOOD))
    data[position % len(data)] ^= flip
    try:
        changed = decode(bytes(data))
    except BadEntry:
        return
    assert changed != GOOD


@pytest.mark.parametrize(
    "data",
    [
        raw(v=2),
        raw(v=True),
        raw(v=None),
        raw(extra=1),
        raw(kind=None),
        raw(kind="Decision"),
        raw(kind="decision."),
        raw(kind="a" * 65),
        raw(kind=7),
        raw(at="2026-11-20T10:00:00Z"),
        raw(at="2026-11-20T10:00:00.000000+00:00"),
        raw(at="2026-02-30T10:00:00.000000Z"),
        raw(at="2026-11-20T24:00:00.000000Z"),
        raw(at="２026-11-20T10:00:00.000000Z"),
        raw(at=5),
        raw(by={"type": "person"}),
        raw(by={"type": "robot", "id": "x"}),
        raw(by={"type": "person", "id": ""}),
        raw(by={"type": "person", "id": 5}),
        raw(by={"type": "person", "id": "x", "role": "y"}),
        raw(by=[]),
        raw(data=[]),
        raw(data={"refs": []}),
        raw(data={"refs": {"decision": -1}}),
        raw(data={"refs": {"decision": "7"}}),
        raw(data={"refs": {"decision": True}}),
        raw(data={"refs": {"decision.made": 1}}),
        raw(data={"commitments": {"iban": "short"}}),
        raw(data={"commitments": ["A" * 43]}),
        raw(data={"files": {"policy": "F" * 64}}),
        raw(data={"files": ["ab" * 32]}),
        b"[]",
        b"null",
        b"{}",
    ],
)
def test_what_is_not_an_entry_is_refused(data: bytes) -> None:
    """Otherwise a log could hold things whose meaning every reader guesses differently."""
    with pytest.raises(BadEntry):
        decode(data)


@pytest.mark.parametrize(
    "entry",
    [
        replace(GOOD, at=AT.replace(tzinfo=None)),
        replace(GOOD, at=AT.astimezone(timezone(timedelta(hours=1)))),
        replace(GOOD, kind="Decision"),
        replace(GOOD, by={"id": "x"}),
        replace(GOOD, by={1: "x"}),
        replace(GOOD, data={"amount": 0.1}),
        replace(GOOD, data={"refs": {"decision": 1.0}}),
        replace(GOOD, data={"text": "x" * MAX_ENTRY}),
    ],
)
def test_what_is_not_an_entry_cannot_be_written(entry: Entry) -> None:
    """Otherwise the service would sign what its own verifier refuses."""
    with pytest.raises(BadEntry):
        encode(entry)


def test_the_largest_entry_fits_and_one_byte_more_does_not() -> None:
    """Otherwise an entry could be signed whose length a bundle cannot say."""
    room = MAX_ENTRY - len(encode(replace(GOOD, data={"text": ""})))
    largest = replace(GOOD, data={"text": "x" * room})
    assert len(encode(largest)) == MAX_ENTRY
    assert decode(encode(largest)) == largest
    with pytest.raises(BadEntry, match="65535"):
        encode(replace(GOOD, data={"text": "x" * (room + 1)}))
