"""Canonical JSON, held against an independent implementation of RFC 8785."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from audit.canonical import MAX_DEPTH, MAX_INT, canonical, parse
from audit.errors import Malformed

NAMES = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=8)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-MAX_INT, MAX_INT) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4)
)


@given(VALUES)
@example({"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\x80": 5, "\u00f6": 6})
@example('\x00\x1f\x7f\u2028\\"/\b\f\n\r\t\U0001f602')
def test_it_is_rfc8785(value: Any) -> None:
    """Otherwise a foreign verifier would compute another hash for the same entry."""
    assert canonical(value) == rfc8785.dumps(value)


@given(VALUES)
def test_reading_is_the_inverse_of_writing(value: Any) -> None:
    """Otherwise what an auditor reads would not be what was written."""
    assert parse(canonical(value)) == value


@pytest.mark.parametrize(
    "data",
    [
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b' {"a":1}',
        b'"\\u0041"',
        b'"\\ud83d\\ude02"',
        b'"\\ud800"',
        b'"\\/"',
        b"-0",
        b"01",
        b"1.0",
        b"1e3",
        b"9007199254740992",
        b"1" + b"0" * 5000,
        b"NaN",
        b"Infinity",
        b'"\xff"',
        b"\xef\xbb\xbf1",
        b"",
        b"{",
        b"[" * 100_000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        '{"\U0001f602":1}'.encode(),
    ],
)
def test_any_other_spelling_is_refused(data: bytes) -> None:
    """Otherwise two different byte strings would stand for one entry, with two hashes."""
    with pytest.raises(Malformed):
        parse(data)


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        float("nan"),
        [1.0],
        {"a": {"b": [0.1]}},
        MAX_INT + 1,
        -MAX_INT - 1,
        pytest.param(10**5000, id="huge"),
        "\ud800",
        {"\ud800": 1},
        {"\U0001f602": 1},
        {1: 2},
        {None: 2},
        b"bytes",
        {1, 2},
        object(),
    ],
)
def test_what_has_no_exact_form_is_refused(value: Any) -> None:
    """Otherwise an amount could be rounded, or a name sorted differently, on its way to the log."""
    with pytest.raises(Malformed):
        canonical(value)


def test_depth_is_bounded_alike_when_writing_and_reading() -> None:
    """Otherwise an entry could be written that no verifier can read."""
    deepest: Any = 1
    for _ in range(MAX_DEPTH):
        deepest = [deepest]
    assert parse(canonical(deepest)) == deepest
    with pytest.raises(Malformed):
        canonical([deepest])
    with pytest.raises(Malformed):
        parse(json.dumps([deepest]).encode())
