"""The canonical bytes of an entry, quickly.

The law: what comes out is exactly what `audit.entry.encode` gives, or the entry goes there. Being
quick is allowed only for an entry whose shape was checked (see `Fold.check`: nothing but objects
with text as names, lists, text, integers within ±(2^53 - 1), true, false and null), that is ASCII
all through and not nested deeply; then sorting by bytes is the order of RFC 8785 and nothing is
left to decide. `tests/store/test_encoding.py` holds the two against each other.
"""

from __future__ import annotations

from datetime import UTC
from functools import lru_cache

import orjson

from audit import entry as entries
from audit.canonical import MAX_DEPTH
from audit.entry import MAX_ENTRY, VERSION, Entry
from governance.engine.mould import mould
from governance.oversight.times import parse, write

_OPTIONS = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_DEPTH = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in _DEPTH)

_stamp = lru_cache(maxsize=8)(write)
_instant = lru_cache(maxsize=8)(parse)
"""A time as entries write it, and back; all entries of a batch have the same."""

_entry = mould(Entry)


def encode_checked(entry: Entry) -> bytes:
    """The canonical bytes of an entry whose shape was checked. Raises `audit.errors.BadEntry`."""
    at = entry.at
    if at.tzinfo is not UTC:
        return entries.encode(entry)
    envelope = {
        "at": _stamp(at),
        "by": entry.by,
        "data": entry.data,
        "kind": entry.kind,
        "v": VERSION,
    }
    try:
        encoded = orjson.dumps(envelope, option=_OPTIONS)
    except TypeError:  # not what was promised: let the exact encoder say what is wrong
        return entries.encode(entry)
    if not encoded.isascii() or len(encoded) > MAX_ENTRY or b"\x7f" in encoded:
        return entries.encode(entry)
    if encoded.count(b"{") + encoded.count(b"[") >= MAX_DEPTH and _deep(encoded):
        return entries.encode(entry)
    return encoded


def _deep(encoded: bytes) -> bool:
    """Whether brackets, those in text included, nest so deeply that it must be looked at closely."""
    depth = deepest = 0
    for byte in encoded.translate(None, _NO_BRACKETS):
        depth += _DEPTH[byte]
        deepest = max(deepest, depth)
    return deepest >= MAX_DEPTH


def quick(data: bytes) -> Entry:
    """An entry from bytes that are canonical by their proof: read without checking it again."""
    value = orjson.loads(data)
    return _entry(value["kind"], _instant(value["at"]), value["by"], value["data"])
