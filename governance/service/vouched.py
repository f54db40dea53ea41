"""What outside anchors gave back, as a package carries it.

Law: evidence proves itself or is left out. A row that is no cosignature of the head it names, or no
time-stamp of it, would make a whole package look tampered with; it is dropped here, and counted.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from audit import note as notes
from audit.errors import Malformed
from audit.package import Anchored
from governance.store.anchored import Evidence, evidence
from governance.store.reader import Reader


class Vouched(NamedTuple):
    """The anchors to be packed, and how many rows of evidence could not be used."""

    anchors: list[Anchored]
    unusable: int


def vouched(reader: Reader, size: int) -> Vouched:
    """The evidence for heads of at most `size` entries, one anchor for each head."""
    by_size: dict[int, list[Evidence]] = {}
    for found in evidence(reader, size):
        if found.data and found.size > 0:
            by_size.setdefault(found.size, []).append(found)
    anchors, unusable = [], 0
    for head, rows in sorted(by_size.items()):
        kept = reader.checkpoints(head - 1, head)
        anchor = _anchor(head, kept[0], rows) if kept else None
        if anchor is not None:
            anchors.append(anchor)
        used = 0 if anchor is None else _used(anchor, rows)
        unusable += len(rows) - used
    return Vouched(anchors, unusable)


def _anchor(size: int, note: str, rows: list[Evidence]) -> Anchored | None:
    """The head's checkpoint with every good line after it, and the good time-stamps; None without."""
    imprint = hashlib.sha256(notes.split(note)[0].encode()).digest()
    signed, stamps = note, []
    for row in rows:
        if row.kind == "timestamp" and imprint in row.data:
            stamps.append(row.data)
        elif row.kind == "witness":
            signed = _with(signed, row.data)
    if signed == note and not stamps:
        return None
    return Anchored(size, signed, tuple(stamps))


def _with(note: str, lines: bytes) -> str:
    """`note` with further signature lines; unchanged if it would be none any more."""
    try:
        text = lines.decode()
        if not text.endswith("\n") or "\n\n" in text or text.startswith("\n"):
            return note
        before, after = notes.split(note), notes.split(note + text)
    except (Malformed, UnicodeDecodeError):
        return note
    return note + text if before[0] == after[0] and text not in note else note


def _used(anchor: Anchored, rows: list[Evidence]) -> int:
    return sum(
        row.data in anchor.stamps if row.kind == "timestamp" else row.data in anchor.note.encode()
        for row in rows
    )
