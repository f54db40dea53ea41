"""Quick bytes are exact bytes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import entry as exact
from audit.entry import Entry
from audit.errors import BadEntry
from governance.oversight import entries
from governance.oversight.shapes import IllFormed
from governance.store.encoding import encode_checked

AT = datetime(2026, 11, 20, 10, 0, 0, 1, tzinfo=UTC)
BY = {"type": "agent", "id": "payments-1", "key": "k-abcdefgh"}
texts = st.text(max_size=12) | st.sampled_from(
    ["", "\x00\x1f\x7f", "</script>", "\\\"'", "\ud7ff\ue000\uffff", "😀", "é", "\u2028", "{[{[{["]
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=30,
)


def _decision(arguments: Any) -> Entry:
    data = {
        "refs": {"session": 17},
        "agent": "payments-1",
        "action": "payment.create",
        "digest": "ab" * 32,
        "args": arguments,
        "resource": {},
        "attested": False,
        "release": None,
        "semantics": "1",
        "effect": "allow",
        "would_be": "allow",
        "observed": False,
        "findings": [
            {"policy": "p", "rule": "R-1", "effect": "allow", "certain": True, "unknown": []}
        ],
        "autonomy": None,
        "risk": "low",
        "via": "api",
    }
    return Entry("decision", AT, BY, data)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(texts.filter(bool), plain, max_size=5))
def test_quick_bytes_are_the_exact_bytes(arguments: dict[str, Any]) -> None:
    """A verifier that encodes an entry again would get another leaf hash, and cry tampering."""
    entry = _decision(arguments)
    entries.check(entry.kind, entry.by, entry.data)
    try:
        expected = exact.encode(entry)
    except BadEntry:
        with pytest.raises(BadEntry):
            encode_checked(entry)
    else:
        assert encode_checked(entry) == expected
        assert exact.decode(expected).data == entry.data


@pytest.mark.parametrize("depth", range(24, 40))
def test_deep_values_are_refused_where_the_format_refuses_them(depth: int) -> None:
    """An entry could be written that nobody can read again."""
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    entry = _decision({"a": value})
    try:
        expected = exact.encode(entry)
    except BadEntry:
        with pytest.raises(BadEntry):
            encode_checked(entry)
    else:
        assert encode_checked(entry) == expected


class _Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        2**53,
        -(2**53),
        b"bytes",
        ("tuple",),
        {1: "name"},
        AT,
        _Text("x"),
        {"a": [0.5]},
    ],
)
def test_what_has_no_canonical_form_is_refused_before_it_is_encoded(value: Any) -> None:
    """A float would be encoded as something that another encoder writes otherwise."""
    entry = _decision({"a": value})
    with pytest.raises(IllFormed):
        entries.check(entry.kind, entry.by, entry.data)


def test_times_are_written_alike() -> None:
    """The same moment would have two encodings."""
    for at in (AT, AT.replace(microsecond=0), AT.astimezone(timezone(timedelta(0)))):
        entry = Entry("service.backup", at, BY, {"size": 1, "digest": "ab" * 32})
        assert encode_checked(entry) == exact.encode(entry)
    for at in (AT.replace(tzinfo=None), AT.astimezone(timezone(timedelta(hours=1)))):
        with pytest.raises(BadEntry):
            encode_checked(Entry("service.backup", at, BY, {"size": 1, "digest": "ab" * 32}))


def test_too_large_is_refused() -> None:
    """An entry could be written that fits no bundle."""
    with pytest.raises(BadEntry, match="65535"):
        encode_checked(_decision({"a": "x" * 65_535}))
