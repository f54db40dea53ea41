"""Strict JSON: what two parsers could read differently is refused with the place named."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.service.problem import Problem
from governance.web.parsing import parse, parse_object

REFUSED = [
    ("empty", b"", None, "empty"),
    ("not JSON", b"hello", None, "line 1"),
    ("two values", b"{} {}", None, "line 1"),
    ("trailing comma", b'{"a": 1,}', None, "line 1"),
    ("byte order mark", b"\xef\xbb\xbf{}", None, "JSON"),
    ("not UTF-8", b'{"a": "\xff"}', None, "UTF-8"),
    ("UTF-16", '{"a": 1}'.encode("utf-16"), None, "UTF-8"),
    ("raw control character", b'{"a": "\x01"}', None, "line 1"),
    ("duplicate name", b'{"a": {"b": 1, "b": 2}}', "a.b", "twice"),
    ("duplicate name in a list", b'{"a": [{"b": 1, "b": 1}]}', "a[0].b", "twice"),
    ("name beyond the basic plane", '{"a": {"\U0001f600": 1}}'.encode(), "a.\U0001f600", "U+FFFF"),
    ("NaN", b'{"a": {"amount": NaN}}', "a.amount", "NaN"),
    ("Infinity", b'{"a": [1, -Infinity]}', "a[1]", "Infinity"),
    ("integer beyond 2^53", b'{"a": 9007199254740993}', "a", "2^53"),
    ("negative integer beyond 2^53", b'{"a": -9007199254740993}', "a", "2^53"),
    ("a thousand digits", b'{"a": ' + b"9" * 5000 + b"}", "a", "2^53"),
    ("exponent beyond a double", b'{"a": 1e999999999}', "a", "double"),
    ("tiny exponent", b'{"a": 1e-999999999}', "a", "double"),
    ("lone surrogate", b'{"a": "\\ud800"}', "a", "surrogate"),
    ("lone surrogate in a name", b'{"a": {"\\udc00": 1}}', "a", "surrogate"),
    ("too deep", b'{"a":' * 40 + b"1" + b"}" * 40, ".".join("a" * 32), "32 levels"),
    ("far too deep", b"[" * 100_000, None, "32 levels"),
    ("far too deep, closed", b"[" * 5_000 + b"]" * 5_000, None, "32 levels"),
]


@pytest.mark.parametrize(
    ("body", "field", "says"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_what_parsers_disagree_on_is_refused(body: bytes, field: str | None, says: str) -> None:
    """The signed entry could otherwise show another request than the agent's runtime executed."""
    with pytest.raises(Problem) as caught:
        parse(body, depth=32)
    assert caught.value.status == 400
    assert caught.value.field == field
    assert says in caught.value.detail


def test_numbers_are_exact() -> None:
    """An amount would be judged after a rounding that nobody decided."""
    value = parse(b'{"a": 0.1, "b": 12, "c": 1e3, "d": 9007199254740991, "e": -0.0}', depth=32)
    assert value == {
        "a": Decimal("0.1"),
        "b": 12,
        "c": Decimal("1e3"),
        "d": 2**53 - 1,
        "e": Decimal("-0.0"),
    }
    assert type(value["b"]) is int
    assert type(value["a"]) is Decimal


def test_a_pair_of_surrogates_is_a_character() -> None:
    """Text outside the basic plane, such as an emoji in a note, would be refused."""
    assert parse(b'{"a": "\\ud83d\\ude00"}', depth=32) == {"a": "\U0001f600"}


def test_the_body_must_be_an_object() -> None:
    """A list or a text where an object belongs would break later, as a 500."""
    with pytest.raises(Problem, match="an array"):
        parse_object(b"[]", depth=32)


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(
            st.text(st.characters(max_codepoint=0xFFFF, codec="utf-8"), max_size=8),
            children,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(value=_json)
@settings(max_examples=150, deadline=None)
def test_right_json_is_read_as_it_is(value: object) -> None:
    """A well-formed request would be refused or changed on its way to the rules."""
    body = json.dumps(value, ensure_ascii=False).encode("utf-8")
    assert parse(body, depth=64) == value
    assert parse(json.dumps(value).encode(), depth=64) == value


@given(
    value=st.dictionaries(st.text("abc", min_size=1, max_size=3), _json, min_size=1, max_size=4),
    data=st.data(),
)
@settings(max_examples=200, deadline=None)
def test_spoiled_json_is_a_400_or_the_same_value_never_a_crash(
    value: dict[str, object], data: st.DataObject
) -> None:
    """A spoiled byte would end as a 500, or worse, as another request than the one sent."""
    body = bytearray(json.dumps(value).encode())
    at = data.draw(st.integers(0, len(body) - 1))
    how = data.draw(st.sampled_from(["drop", "double", "swap", "insert"]))
    if how == "drop":
        del body[at]
    elif how == "double":
        body.insert(at, body[at])
    elif how == "swap":
        body[at] = data.draw(st.integers(0, 255))
    else:
        body[at:at] = data.draw(st.sampled_from([b'"a":1,', b"NaN", b"\x00", b"]", b"\\ud800"]))
    said = _complaint(bytes(body))
    if said is not None:
        assert said.status == 400
        assert said.detail.encode("utf-8")


def _complaint(body: bytes) -> Problem | None:
    try:
        parse(body, depth=32)
    except Problem as problem:
        return problem
    return None


@pytest.mark.parametrize("brackets", ["{}", "[]"])
def test_only_nesting_counts_as_depth(brackets: str) -> None:
    """A flat batch would be refused for its many brackets, or a deep one pass among flat ones."""
    opening, closing = ('{"a":', "}") if brackets == "{}" else ("[", "]")
    flat = f'{{"x":[{",".join([brackets] * 100)}],"deep":%s,"text":"[[[[{{{{{{"}}'
    parse((flat % (opening * 30 + "1" + closing * 30)).encode(), depth=31)
    with pytest.raises(Problem, match="nested more than 31"):
        parse((flat % (opening * 31 + "1" + closing * 31)).encode(), depth=31)
    assert parse(b'"' + b"[" * 99 + b'"', depth=31) == "[" * 99
