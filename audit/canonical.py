"""Canonical JSON (RFC 8785), for the part of JSON in which it is easy to be exact.

The law: a value has exactly one encoding, and bytes that are not that encoding are refused.

Allowed are objects, arrays, strings, integers within ±(2^53 - 1), true, false and null, nested
at most 32 deep. Refused are floats (amounts are decimal strings or integers), lone surrogates,
and member names with characters beyond U+FFFF. Inside that subset the order RFC 8785 asks for
(UTF-16 code units) is the order of code points, and the interpreter's own C encoder with sorted
keys is exact; `tests/audit/test_canonical.py` holds it against an independent implementation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeAlias

from audit.errors import Malformed

JSON: TypeAlias = "bool | int | str | list[JSON] | tuple[JSON, ...] | dict[str, JSON] | None"
"""A value that can be written. What is read back has lists, never tuples."""

MAX_INT = 2**53 - 1
MAX_DEPTH = 32

_encode = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, check_circular=False, separators=(",", ":")
).encode


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of `value`. Raises `Malformed` for a value outside the subset."""
    _check(value)
    text = _encode(value)
    if not text.isascii():
        _check_names(value)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Malformed(
            "a string holds half of a surrogate pair, which UTF-8 cannot say"
        ) from error


def parse(data: bytes) -> Any:
    """The value whose canonical encoding is `data`.

    Raises `Malformed` if `data` is not JSON, or is JSON but not its canonical form: other order,
    spaces, escapes, duplicate names, floats. A round trip decides it, so there is no second
    definition of what is canonical.
    """
    try:
        text = data.decode()
        value = _decode(text)
    except UnicodeDecodeError as error:
        raise Malformed(f"byte {error.start} is not UTF-8") from error
    except Malformed:
        raise
    except (ValueError, RecursionError) as error:
        raise Malformed(f"this is not JSON: {error}") from error
    if text.count("{") + text.count("[") > MAX_DEPTH:
        _check(value)
    if _encode(value) != text:
        raise Malformed("the JSON is not in its canonical form (RFC 8785)")
    if not text.isascii():
        _check_names(value)
    return value


def _read_int(digits: str) -> int:
    if len(digits) > 17:
        raise Malformed(f"the integer `{digits[:40]}` is beyond ±(2^53 - 1); write it as a string")
    value = int(digits)
    _check_int(value)
    return value


def _read_float(digits: str) -> Any:
    raise Malformed(f"`{digits[:40]}` is a float; write amounts as integers or decimal strings")


_decode = json.JSONDecoder(
    parse_int=_read_int, parse_float=_read_float, parse_constant=_read_float
).decode


def _check(value: Any) -> None:
    """Refuse what has no canonical form here, level by level: it is on the hot path."""
    level: list[Any] = []
    _check_items((value,), level)
    for _ in range(MAX_DEPTH):
        if not level:
            return
        below: list[Any] = []
        for container in level:
            if type(container) is dict:
                try:
                    "".join(container)
                except TypeError:
                    raise Malformed("a member name is not a string") from None
                container = container.values()
            _check_items(container, below)
        level = below
    if level:
        raise Malformed(f"the value is nested deeper than {MAX_DEPTH} levels")


def _check_items(items: Iterable[Any], containers: list[Any]) -> None:
    """Check the scalars among `items`; add the rest to `containers`."""
    for item in items:
        kind = type(item)
        if kind is str or kind is bool or item is None:
            continue
        if kind is dict or kind is list or kind is tuple:
            containers.append(item)
        elif kind is int:
            _check_int(item)
        else:
            raise Malformed(_refusal(item))


def _check_int(value: int) -> None:
    if not -MAX_INT <= value <= MAX_INT:
        raise Malformed(
            f"the integer `{value if abs(value) < 10**40 else 'of over 40 digits'}` is beyond "
            "±(2^53 - 1); write it as a string"
        )


def _check_names(value: Any) -> None:
    if type(value) is dict:
        for name, item in value.items():
            if max(name, default="") > "\uffff":
                raise Malformed(f"the member name `{name}` has a character beyond U+FFFF")
            _check_names(item)
    elif type(value) in (list, tuple):
        for item in value:
            _check_names(item)


def _refusal(value: Any) -> str:
    if isinstance(value, float):
        return f"`{value}` is a float; write amounts as integers or decimal strings"
    return f"`{str(value)[:80]}` is not a JSON object, array, string, integer, true, false or null"
