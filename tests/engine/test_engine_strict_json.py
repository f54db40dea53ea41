"""Strict JSON: what has two meanings is refused, with the path of the field."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.engine.strict_json import BadJson, parse


@pytest.mark.parametrize(
    ("text", "path", "says"),
    [
        ('{"a": {"b": 1, "b": 2}}', "a.b", "twice"),
        ('{"a": [{"b": 1}, {"b": 1, "b": 1}]}', "a[1].b", "twice"),
        ('{"a": 1, "\\u0061": 2}', "a", "twice"),
        ('{"a": [0, NaN]}', "a[1]", "not JSON"),
        ('{"a": -Infinity}', "a", "not JSON"),
        ('{"a": 9007199254740993}', "a", "2^53"),
        ('{"a": -9007199254740993}', "a", "2^53"),
        ('{"a": 1e999}', "a", "too long"),
        ('{"a": 0.' + "1" * 100 + "}", "a", "too long"),
        ('{"a": "\\ud800"}', "a", "surrogate"),
        ('{"a": {"\\udc00": 1}}', "a", "surrogate"),
        ('{"a": ' + "[" * 40 + "]" * 40 + "}", "a" + "[0]" * 31, "levels"),
        ("[" * 100_000, "", "levels"),
        ('{"a": }', "", "line 1, column 7"),
        ("", "", "not JSON"),
        ("{} {}", "", "not JSON"),
        ("{'a': 1}", "", "not JSON"),
        ('{"a": 01}', "", "not JSON"),
        ('{"a": "\t"}', "", "not JSON"),
    ],
)
def test_what_has_two_meanings_is_refused_with_its_path(text: str, path: str, says: str) -> None:
    """Two programs would read two different amounts from one request."""
    with pytest.raises(BadJson) as caught:
        parse(text.encode())
    assert caught.value.path == path
    assert says in caught.value.message


def test_numbers_are_exact() -> None:
    """0.1 + 0.2 would pass a limit of 0.3."""
    value = parse(b'{"a": 0.1, "b": 9007199254740992, "c": -0, "d": 1.50, "e": "\xf0\x9f\x98\x80"}')
    assert value == {"a": Decimal("0.1"), "b": 2**53, "c": 0, "d": Decimal("1.50"), "e": "😀"}
    assert str(value["d"]) == "1.50"


def test_size_and_encoding_are_bounded() -> None:
    """A single request could fill the memory, or be read in two encodings."""
    with pytest.raises(BadJson, match="at most 10"):
        parse(b'"' + b"x" * 10 + b'"', max_bytes=10)
    for data in (b"\xff\xfe", b'"\xed\xa0\x80"', "{}".encode("utf-16")):
        with pytest.raises(BadJson):
            parse(data)


def test_a_hostile_text_costs_little() -> None:
    """Many keys of which the last comes twice would cost seconds."""
    keys = ",".join(f'"k{i}":1' for i in range(20_000))
    begin = time.perf_counter()
    with pytest.raises(BadJson) as caught:
        parse(f'{{{keys},"k19999":2}}'.encode(), max_bytes=10**6)
    assert caught.value.path == "k19999"
    assert time.perf_counter() - begin < 0.5


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    )
)
def test_what_is_well_formed_is_read_as_it_is(value: Any) -> None:
    """A good request would be refused or changed."""
    assert parse(json.dumps(value).encode()) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value
