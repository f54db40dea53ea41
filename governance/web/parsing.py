"""Strict JSON: bytes of a request in, plain values out, or a 400 that names the field.

Law: two readers of the same bytes see the same request. What parsers disagree on is refused, not
repaired: duplicate member names and names beyond U+FFFF, NaN and infinities, lone surrogates,
integers beyond 2^53 - 1, numbers beyond a double's range, a byte order mark, nesting beyond the
limit (RFC 7493, RFC 8259 §4). Numbers become `int` or `decimal.Decimal`; a `float` never appears.

The quick way is the C scanner with hooks that raise. Only when one of them raised is the text read
a second time, with marks in the places of the faults, to find the path of the first one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn

from governance.service.problem import Problem

MAX_INTEGER = 2**53 - 1
MAX_EXPONENT = 308
MAX_DIGITS = 400


class _Fault(Exception):
    """The text has a fault that needs its path found."""


class _Mark:
    """Stands in the place of a fault during the second reading."""

    __slots__ = ("says",)

    def __init__(self, says: str) -> None:
        self.says = says


def bad_request(detail: str, field: str | None = None) -> Problem:
    """A 400: the request cannot be read or does not fit; nothing of it was decided or recorded."""
    return Problem("bad-field" if field else "bad-request", detail, field=field)


def parse(body: bytes, *, depth: int) -> Any:
    """The JSON value of a body.

    `depth` is the deepest nesting of objects and arrays accepted. Raises Problem (400) with the
    field's path where there is one.
    """
    if not body:
        raise bad_request("the body is empty; send a JSON object")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad_request(
            f"the body is not UTF-8 (byte {error.start}); send JSON encoded as UTF-8"
        ) from None
    plain = text.isascii() and "\\u" not in text
    try:
        value = (_OF_ASCII if plain else _OF_ANY_TEXT).decode(text)
    except _Fault:
        _explain(text)
    except json.JSONDecodeError as error:
        raise bad_request(
            f"the body is not valid JSON: line {error.lineno}, column {error.colno}:"
            f" {_json_says(error)}"
        ) from None
    except RecursionError:
        raise _too_deep(depth, None) from None
    if not plain or (text.count("{") + text.count("[") > depth and _deeper(value, depth)):
        _walk(value, depth)
    return value


def parse_object(body: bytes, *, depth: int) -> dict[str, Any]:
    """As `parse`, for a body that must be an object."""
    value = parse(body, depth=depth)
    if not isinstance(value, dict):
        raise bad_request(f"the body is {word(value)}; a JSON object was expected")
    return value


def word(value: Any) -> str:
    """The JSON name of a value's type, for sentences."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, Decimal)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Fault
    return found


def _pairs_of_any_text(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # beyond U+FFFF two ways of sorting names part company (RFC 8785 §3.2.3), so none is signed
    if any(max(name, default="") > "\uffff" for name, _ in pairs):
        raise _Fault
    return _pairs(pairs)


def _integer(text: str) -> int:
    if len(text) > 15 and (len(text) > 17 or abs(int(text)) > MAX_INTEGER):
        raise _Fault
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_DIGITS:
        raise _Fault
    number = Decimal(text)
    # An exponent such as 1e999999999 is nine characters here and gigabytes once it is added up.
    if not number.is_finite() or (number and abs(number.adjusted()) > MAX_EXPONENT):
        raise _Fault
    return number


def _constant(text: str) -> NoReturn:
    raise _Fault


def _decoder(pairs: Callable[[list[tuple[str, Any]]], dict[str, Any]]) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=pairs, parse_int=_integer, parse_float=_decimal, parse_constant=_constant
    )


_OF_ASCII, _OF_ANY_TEXT = _decoder(_pairs), _decoder(_pairs_of_any_text)


def _marking_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            value = _Mark("is given twice; give each field once")
        elif max(key, default="") > "\uffff":
            value = _Mark("is a name with a character beyond U+FFFF; use another name")
        found[key] = value
    return found


def _marking(read: Callable[[str], Any], says: str) -> Callable[[str], Any]:
    def marked(text: str) -> Any:
        try:
            return read(text)
        except _Fault:
            return _Mark(says)

    return marked


_SLOW = json.JSONDecoder(
    object_pairs_hook=_marking_pairs,
    parse_int=_marking(
        _integer, "is a whole number beyond 2^53, which not every reader keeps; send it as a string"
    ),
    parse_float=_marking(_decimal, "is a number beyond the range of a double; send it as a string"),
    parse_constant=lambda text: _Mark(f"is `{text}`, which is not JSON; leave the field out"),
)


def _explain(text: str) -> NoReturn:
    try:
        value = _SLOW.decode(text)
    except (json.JSONDecodeError, RecursionError):
        raise bad_request("the body is not valid JSON; send one JSON object") from None
    found = _find(value)
    path, mark = found if found else ("", _Mark("cannot be read"))
    path = printable(path)
    raise bad_request(f"`{path or 'the body'}` {mark.says}", path or None)


def _find(root: Any) -> tuple[str, _Mark] | None:
    """The first mark in document order with its path."""
    waiting: list[tuple[str, Any]] = [("", root)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, _Mark):
            return path, value
        waiting.extend(reversed(_members(path, value)))
    return None


def _deeper(root: Any, depth: int) -> bool:
    """Whether arrays and objects nest more than `depth` levels: level by level, without paths."""
    level = [root] if root.__class__ is dict or root.__class__ is list else []
    for _ in range(depth):
        below = [
            member
            for each in level
            for member in (each.values() if each.__class__ is dict else each)
            if member.__class__ is dict or member.__class__ is list
        ]
        if not below:
            return False
        level = below
    return True


def _walk(root: Any, depth: int) -> None:
    """Refuse nesting beyond `depth` and strings that are not Unicode text."""
    waiting: list[tuple[str, Any, int]] = [("", root, 1)]
    while waiting:
        path, value, level = waiting.pop()
        if isinstance(value, str):
            _check_text(value, path)
        elif isinstance(value, (dict, list)):
            if level > depth:
                raise _too_deep(depth, path or None)
            if isinstance(value, dict):
                for key in value:
                    _check_text(key, path, is_name=True)
            waiting.extend(
                (p, v, level + 1)
                for p, v in reversed(_members(path, value))
                if isinstance(v, (str, dict, list))
            )


def _members(path: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"{path}.{key}" if path else key, v) for key, v in value.items()]
    if isinstance(value, list):
        return [(f"{path}[{i}]", v) for i, v in enumerate(value)]
    return []


def _check_text(text: str, path: str, *, is_name: bool = False) -> None:
    # surrogates survive `\ud800` escapes; they have no UTF-8 and so no canonical bytes to sign
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        shown = path or "the body"
        what = "has a field name with" if is_name else "has"
        raise bad_request(
            f"`{printable(shown)}` {what} a lone surrogate, which is no character; send text",
            printable(path) or None,
        ) from None


def printable(text: str) -> str:
    """A path or name from the caller that is safe to print in an answer: short, encodable."""
    shown = text.encode("utf-8", "replace").decode("utf-8")
    return shown if len(shown) <= 120 else shown[:117] + "…"


def _too_deep(depth: int, path: str | None) -> Problem:
    where = f"`{printable(path)}` is" if path else "the body is"
    return bad_request(
        f"{where} nested more than {depth} levels deep; flatten it",
        printable(path) if path else None,
    )


def _json_says(error: json.JSONDecodeError) -> str:
    return error.msg[:1].lower() + error.msg[1:]
