"""One entry of the log: the envelope, and the only bytes that can stand for it.

The law: `encode` and `decode` are inverse, and no two byte strings decode to the same entry.

    {"at":"2026-11-20T10:00:00.000000Z","by":{…},"data":{…},"kind":"decision","v":1}

The envelope is all this library knows. `kind` names what happened, `data` says it, and three
members of `data` are understood here without knowing any kind (FORMAT.md, "Conventions"):

- `refs`: role -> index of an earlier entry whose kind begins with that role,
- `commitments`: field name -> salted commitment to its value (`audit.commit`),
- `files`: name -> SHA-256, in hex, of something too large for an entry, kept as a blob.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from audit.canonical import canonical, parse
from audit.errors import BadEntry, Malformed

MAX_ENTRY = 65_535
"""Bytes; what the 16-bit length of a tlog-tiles entry bundle can say."""

VERSION: Final = 1
ACTORS = frozenset({"agent", "gateway", "person", "service"})

_ENVELOPE = {"at", "by", "data", "kind", "v"}
_BY = {"type", "id", "key", "for"}
_BY_SHORT = {"type", "id"}
_KIND = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")
_ROLE = re.compile(r"[a-z][a-z0-9_]*")
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_COMMITMENT = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened (`kind`, `data`), when (`at`, aware, UTC, microseconds), by whom (`by`)."""

    kind: str
    at: datetime
    by: Mapping[str, Any]
    data: Mapping[str, Any]


def encode(entry: Entry) -> bytes:
    """The canonical bytes of `entry`, at most 65,535.

    Raises `BadEntry`, saying which member does not fit and what was expected.
    """
    at, by, data = entry.at, entry.by, entry.data
    if type(by) is not dict or type(data) is not dict:
        by, data = dict(by), dict(data)
    stamp = at.isoformat(timespec="microseconds")
    if not stamp.endswith("+00:00"):
        raise BadEntry(f"`at` is `{stamp}`; expected an aware time in UTC")
    stamp = stamp[:-6] + "Z"
    value = {"at": stamp, "by": by, "data": data, "kind": entry.kind, "v": VERSION}
    try:
        encoded = canonical(value)
        _check_envelope(entry.kind, by, data)
    except BadEntry:
        raise
    except Malformed as error:
        raise BadEntry(f"entry of kind `{entry.kind}`: {error}") from error
    if len(encoded) > MAX_ENTRY:
        raise BadEntry(
            f"entry of kind `{entry.kind}` has {len(encoded)} bytes; at most {MAX_ENTRY} fit, "
            "larger things belong in blobs"
        )
    return encoded


def decode(data: bytes) -> Entry:
    """The entry that `data` encodes.

    Raises `BadEntry` unless `data` is exactly what `encode` returns for some entry: canonical,
    every member of the envelope there and none besides, version 1, a real time, a known actor.
    """
    if len(data) > MAX_ENTRY:
        raise BadEntry(f"the entry has {len(data)} bytes; at most {MAX_ENTRY} fit")
    try:
        value = parse(data)
    except BadEntry:
        raise
    except Malformed as error:
        raise BadEntry(str(error)) from error
    if type(value) is not dict or value.keys() != _ENVELOPE:
        raise _bad_envelope(value)
    if type(value["v"]) is not int or value["v"] != VERSION:
        raise BadEntry(f"`v` is `{value['v']}`; this library knows version {VERSION}")
    kind, by, body = value["kind"], value["by"], value["data"]
    _check_envelope(kind, by, body)
    return Entry(kind, _read_at(value["at"]), by, body)


def role_of(kind: str) -> str:
    """The first dotted segment of a kind: the role under which others refer to it."""
    return kind.partition(".")[0]


def _read_at(text: Any) -> datetime:
    if type(text) is not str or not _AT.fullmatch(text):
        raise BadEntry(f"`at` is `{text}`; expected the form `2026-11-20T10:00:00.000000Z`")
    try:
        return datetime.fromisoformat(text[:-1]).replace(tzinfo=UTC)
    except ValueError as error:
        raise BadEntry(f"`at` is `{text}`, which no calendar has: {error}") from error


def _check_envelope(kind: Any, by: Any, data: Any) -> None:
    """What `encode` and `decode` both ask of members that are JSON already."""
    if type(kind) is not str or len(kind) > 64 or not _KIND.fullmatch(kind):
        raise _bad_kind(kind)
    if type(by) is not dict or type(data) is not dict:
        raise BadEntry("`by` and `data` must be objects")
    names = by.keys()
    if not _BY_SHORT <= names <= _BY:
        raise BadEntry(
            f"`by` has the members {_listed(names)}; expected `type` and `id`, optionally `key` "
            "and `for`"
        )
    for name, value in by.items():
        if type(value) is not str or not value:
            raise BadEntry(f"`by.{name}` must be a non-empty string")
    if by["type"] not in ACTORS:
        raise BadEntry(f"`by.type` is `{by['type']}`; expected one of {_listed(ACTORS)}")
    if "refs" in data:
        _check_refs(data["refs"])
    if "commitments" in data:
        _check_digests(
            data["commitments"], "commitments", _COMMITMENT, "43 characters of base64url"
        )
    if "files" in data:
        _check_digests(data["files"], "files", _DIGEST, "a SHA-256 in lower-case hex")


def _check_refs(refs: Any) -> None:
    if type(refs) is not dict:
        raise BadEntry("`data.refs` must be an object")
    for role, target in refs.items():
        if not _ROLE.fullmatch(role):
            raise BadEntry(f"`data.refs.{role}`: a role is the first segment of a kind")
        if type(target) is not int or target < 0:
            raise BadEntry(f"`data.refs.{role}` must be the index of an entry")


def _check_digests(members: Any, convention: str, form: re.Pattern[str], wanted: str) -> None:
    if type(members) is not dict:
        raise BadEntry(f"`data.{convention}` must be an object")
    for name, digest in members.items():
        if type(digest) is not str or not form.fullmatch(digest):
            raise BadEntry(f"`data.{convention}.{name}` must be {wanted}")


def _bad_kind(kind: Any) -> BadEntry:
    return BadEntry(
        f"`kind` is `{str(kind)[:80]}`; expected lower-case words joined by dots, 64 characters "
        "at most, for example `approval.granted`"
    )


def _bad_envelope(value: Any) -> BadEntry:
    if type(value) is not dict:
        return BadEntry("the entry is not an object")
    missing, unknown = _ENVELOPE - value.keys(), value.keys() - _ENVELOPE
    if missing:
        return BadEntry(f"the entry lacks {_listed(missing)}")
    return BadEntry(f"the entry has unknown members {_listed(unknown)}")


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in sorted(map(str, names)))
