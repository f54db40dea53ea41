"""JSON from strangers. The law: one text has one meaning, or it is refused with the field's path.

RFC 8259 leaves open what duplicate keys, huge numbers and lone surrogates mean; two programs that
answer differently are a hole, so all of them are refused (as RFC 7493, I-JSON, asks). Numbers with a
point or an exponent are Decimal, whole numbers are int within ±2^53.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
_LARGEST: Final = 2**53
_LONGEST_NUMBER: Final = 64
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


class BadJson(ValueError):
    """JSON that is refused. `path` is the field's (`action.properties.amount`, `items[2]`, or ""
    for the whole), `message` one sentence."""

    def __init__(self, path: str, message: str) -> None:
        self.path = path
        self.message = message
        super().__init__(f"`{path}`: {message}" if path else message)


@dataclass(frozen=True, slots=True)
class _Bad:
    """Stands where something refused was found, until its path is known."""

    message: str
    key: str = ""


class _Hooks:
    """What the parser calls for objects and numbers; remembers that something was refused."""

    __slots__ = ("refused",)

    def __init__(self) -> None:
        self.refused = False

    def bad(self, message: str, key: str = "") -> _Bad:
        self.refused = True
        return _Bad(message, key)

    def pairs(self, items: list[tuple[str, Any]]) -> Any:
        made = dict(items)
        if len(made) == len(items):
            return made
        seen: set[str] = set()
        for key, _ in items:
            if key in seen:
                break
            seen.add(key)
        return self.bad("the key is there twice", key)

    def whole(self, digits: str) -> Any:
        if len(digits) <= 17 and -_LARGEST <= (number := int(digits)) <= _LARGEST:
            return number
        return self.bad("whole numbers beyond 2^53 are not exact everywhere: send a text")

    def broken(self, digits: str) -> Any:
        try:
            if len(digits) <= _LONGEST_NUMBER and abs((number := Decimal(digits)).adjusted()) < 64:
                return number
        except InvalidOperation:
            pass
        return self.bad("the number is too long")

    def constant(self, word: str) -> Any:
        return self.bad(f"`{word}` is not JSON")


def parse(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """The value of a JSON text: dict, list, str, int, Decimal, bool or None. Raises BadJson."""
    if len(data) > max_bytes:
        raise BadJson("", f"{len(data)} bytes are too large, at most {max_bytes} are read")
    hooks = _Hooks()
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=hooks.pairs,
                           parse_int=hooks.whole, parse_float=hooks.broken,
                           parse_constant=hooks.constant)  # fmt: skip
    except UnicodeDecodeError as error:
        raise BadJson("", f"the text is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadJson("", f"this is not JSON at {where}: {error.msg.lower()}") from None
    except RecursionError:
        raise BadJson("", f"more than {max_depth} levels inside each other") from None
    deep = data.count(b"[") + data.count(b"{") > max_depth
    if hooks.refused or deep or _SURROGATE.search(data):
        for path, message in _refused(value, "", 0, max_depth):
            raise BadJson(path[:200], message)
    return value


def _refused(value: Any, path: str, depth: int, most: int) -> Iterator[tuple[str, str]]:
    """Where something must be refused, in document order."""
    if isinstance(value, _Bad):
        yield f"{path}.{value.key}".strip("."), value.message
    elif isinstance(value, str):
        if not _is_text(value):
            yield path, "the text holds half a character (a lone surrogate)"
    elif isinstance(value, dict | list):
        if depth >= most:
            yield path, f"more than {most} levels inside each other"
            return
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            if isinstance(key, int):
                below = f"{path}[{key}]"
            elif _is_text(key):
                below = f"{path}.{key}" if path else key
            else:
                yield path, "a key holds half a character (a lone surrogate)"
                continue
            yield from _refused(item, below, depth + 1, most)


def _is_text(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in text)
