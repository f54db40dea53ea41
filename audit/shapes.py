"""Entries that look like one that was read in full, checked without parsing them again.

The law: this is the same check as `audit.entry.decode`, never a weaker one. From an entry that
`decode` has accepted a pattern is made that matches only entries with the same member names in
the same places and with canonical values; whatever no pattern matches is decoded in full. So a
pattern that is missing costs time, and nothing else.

Why a match proves as much: the names stand in the pattern in the order in which they were found
canonical; the caller has made sure that a bundle is ASCII without control characters, and that a time
is one of the calendar (`same_day`); the seven short escapes are taken out of a string before it is
matched (`unescaped`), so that a quote ends it and nothing else escapes, and what stands for them is
in no name; integers are without leading zeroes and within ±(2^53 - 1); lists repeat elements of forms
that were seen, so nothing nests deeper; and what the envelope and the conventions ask of a member, its
part of the pattern asks.

Patterns are kept for the life of the process, at most `MOST` of them, each made when its form has
come up often enough to pay for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from audit.canonical import canonical
from audit.entry import ACTORS, Entry, role_of

MOST: Final = 1024
OFTEN: Final = 6
_IN_A_PLACE: Final = 24
_LONGEST: Final = 16_384
"""Bytes of an entry whose form is remembered: making a pattern takes time, too."""

_ROW: Final = 8
"""Elements of a list in a list that are held to their places."""

_CONTROLS: Final = tuple(bytes([each]) for each in range(32))
_ESCAPES: Final = (b"\\\\", b'\\"', b"\\b", b"\\f", b"\\n", b"\\r", b"\\t")
_HIDDEN: Final = b"\x01\x01"
"""Stands for an escape: no entry that is looked up has such characters."""
_TEXT = rb'"[^"]*+"'
_SOME_TEXT = rb'"[^"]++"'
_INTEGER = rb"(?>-?[1-8][0-9]{15}|-?[1-9][0-9]{0,14}|0)"
_INDEX = rb"([1-9][0-9]{0,14}|0)"
_COMMITMENT = rb'"[A-Za-z0-9_-]{43}"'
_DIGEST = rb'"([0-9a-f]{64})"'
_AT = rb'"(.{17}[0-5][0-9]\.[0-9]{6}Z)"'
_MINUTE = re.compile(rb"(?:[01][0-9]|2[0-3]):[0-5][0-9]:")


@dataclass(slots=True, eq=False)
class Shape:
    """One form of entry. `match` captures `at`, then `files` digests, then the references."""

    match: Callable[[bytes], re.Match[bytes] | None]
    kind: str
    role: str
    roles: tuple[str, ...]
    commitments: int
    files: int
    more: bool
    """Whether it captures more than the time."""


class Shapes:
    """The forms that were seen. One for each process is enough."""

    def __init__(self) -> None:
        self._places: dict[bytes, list[Shape]] = {}
        self._seen: dict[bytes, int] = {}
        self._made: dict[bytes, Shape] = {}

    def find(self, data: bytes) -> list[Shape]:
        """The shapes to try for an entry (`unescaped`), the likeliest first; to be kept so by
        whoever tries them.

        Those are found by parts that tell most forms apart: how `by` and `data` begin, and the kind.
        """
        start = data.find(b'"data":{', 36) + 8
        place = data[41:44] + data[start : start + 18] + data[-26:]
        return self._places.get(place, _NONE)

    def learn(self, data: bytes, entry: Entry) -> None:
        """Remember the form of an entry that `decode` accepted."""
        text = unescaped(data)
        place = _place(text)
        shapes = self._places.get(place, ())
        if (
            len(data) > _LONGEST
            or len(shapes) >= _IN_A_PLACE
            or len(self._seen) >= 16 * MOST
            or len(self._places) >= MOST
        ):
            return
        pattern = _pattern(entry)
        self._seen[pattern] = seen = self._seen.get(pattern, 0) + 1
        if seen < OFTEN:
            return
        shape = self._made.get(pattern)
        if shape is None:
            self._made[pattern] = shape = _shape(pattern, entry)
        if shape.match(text) is None:  # a name has escapes
            return
        self._places.setdefault(place, []).append(shape)


_NONE: list[Shape] = []


def plain(entries: Iterable[bytes]) -> bool:
    """Whether no entry holds a control character or one beyond ASCII: what patterns rely on."""
    joined = b"".join(entries)
    # thirty-two searches of the C library's are faster than one look at each byte
    return joined.isascii() and not any(control in joined for control in _CONTROLS)


def unescaped(data: bytes) -> bytes:
    """An entry of a `plain` bundle without its escapes, as long as it was; nothing if one of them is
    none of the seven short ones."""
    if b"\\" not in data:
        return data
    text = data.replace(b'\\"', _HIDDEN)
    if b"\\" in text:  # a backslash that is itself escaped must be seen before what follows it
        text = data
        for escape in _ESCAPES:
            text = text.replace(escape, _HIDDEN)
    return b"" if b"\\" in text else text


def _place(text: bytes) -> bytes:
    """The same place as in `find`."""
    start = text.find(b'"data":{', 36) + 8
    return text[41:44] + text[start : start + 18] + text[-26:]


def same_day(at: bytes, before: bytes) -> bool:
    """Whether a captured time is one of the calendar, given an earlier one that is: of the same day,
    with an hour and a minute. (Its seconds the pattern has seen.)"""
    return at[:11] == before[:11] and _MINUTE.fullmatch(at, 11, 17) is not None


def _shape(pattern: bytes, entry: Entry) -> Shape:
    compiled = re.compile(pattern)
    roles = tuple(sorted(entry.data.get("refs", ())))
    commitments = len(entry.data.get("commitments", ()))
    files = len(entry.data.get("files", ()))
    role, more = role_of(entry.kind), compiled.groups > 1
    return Shape(compiled.fullmatch, entry.kind, role, roles, commitments, files, more)


def _pattern(entry: Entry) -> bytes:
    by = b",".join(
        _name(name) + (_actor() if name == "type" else _SOME_TEXT) for name in sorted(entry.by)
    )
    data = b",".join(_name(name) + _member(name, entry.data[name]) for name in sorted(entry.data))
    kind = re.escape(canonical(entry.kind))
    return rb'\{"at":%b,"by":\{%b\},"data":\{%b\},"kind":%b,"v":1\}' % (_AT, by, data, kind)


def _actor() -> bytes:
    return b'"(?:%b)"' % "|".join(sorted(ACTORS)).encode()


def _member(name: str, value: Any) -> bytes:
    """A member of `data`: what the conventions ask of three of them, the others as they are."""
    form = {"refs": _INDEX, "commitments": _COMMITMENT, "files": _DIGEST}.get(name)
    if form is None:
        return _value(value)
    return rb"\{%b\}" % b",".join(_name(each) + form for each in sorted(value))


def _value(value: Any) -> bytes:
    if type(value) is str:
        return _TEXT
    if type(value) is bool:
        return b"(?:true|false)"
    if type(value) is int:
        return _INTEGER
    if type(value) is list:
        forms = sorted({_row(item) for item in value})
        if not forms:
            return rb"\[\]"
        item = b"(?>%b)" % b"|".join(forms)
        return rb"\[%b(?:,%b)*+\]" % (item, item)
    if type(value) is dict:
        return rb"\{%b\}" % b",".join(_name(name) + _value(value[name]) for name in sorted(value))
    return b"null"


def _row(value: Any) -> bytes:
    """An element of a list; a short list in a list has its elements in their places."""
    if type(value) is list and len(value) <= _ROW:
        return rb"\[%b\]" % b",".join(map(_row, value))
    return _value(value)


def _name(name: str) -> bytes:
    return re.escape(canonical(name)) + b":"
