"""The head file: the last checkpoint that was signed, kept outside the database.

The law: two slots of 4,096 bytes, written alternately, each with its own checksum. A write torn
by a crash spoils the slot being written and leaves the other, so one good slot is always there.
Pure bytes; whoever holds the file does the writing and the syncing.

    offset  bytes
         0     14  the ASCII text `audit-head/v1` and a newline
        14      8  sequence, big-endian; the slot with the greater one is the head
        22      2  length of the note, big-endian
        24      …  the signed checkpoint, UTF-8; then zeroes
      4064     32  SHA-256 of the 4,064 bytes before

Slot `sequence mod 2` of the file holds the slot with that sequence.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from audit.errors import BadHead

SLOT_SIZE = 4096
FILE_SIZE = 2 * SLOT_SIZE

_MAGIC = b"audit-head/v1\n"
_START = len(_MAGIC) + 8 + 2
_CHECKED = SLOT_SIZE - 32
MAX_NOTE = _CHECKED - _START


@dataclass(frozen=True, slots=True)
class Slot:
    """One readable slot: which write it was, and the signed checkpoint it holds."""

    sequence: int
    note: str


def encode_slot(note: str, sequence: int) -> bytes:
    """The 4,096 bytes to be written at `slot_offset(sequence)`.

    `sequence` counts writes and goes up by one each time. Raises `BadHead` if it is negative or
    the note has more than 4,040 bytes.
    """
    data = note.encode()
    if not 0 <= sequence < 2**64 or not 0 < len(data) <= MAX_NOTE:
        raise BadHead(f"a head slot holds a note of 1 to {MAX_NOTE} bytes, this has {len(data)}")
    slot = _MAGIC + sequence.to_bytes(8, "big") + len(data).to_bytes(2, "big") + data
    slot = slot.ljust(_CHECKED, b"\0")
    return slot + hashlib.sha256(slot).digest()


def fitting(note: str) -> str:
    """The signed note as a slot can hold it: if it is too long, without its longest signature lines.

    One line by a pinned key is enough to believe it, and those of ML-DSA-44 have 3 kB each.
    """
    if len(note.encode()) <= MAX_NOTE:
        return note
    end = note.rfind("\n\n") + 2
    text, lines = note[:end], note[end:].splitlines(keepends=True)
    while len(lines) > 1 and len((text + "".join(lines)).encode()) > MAX_NOTE:
        lines.remove(max(lines, key=len))
    return text + "".join(lines)


def slot_offset(sequence: int) -> int:
    """Where in the file the slot with this sequence goes."""
    return sequence % 2 * SLOT_SIZE


def decode_slot(data: bytes) -> Slot:
    """The slot in 4,096 bytes. Raises `BadHead` if it was never written, or not to its end."""
    checked, checksum = data[:_CHECKED], data[_CHECKED:]
    if len(data) != SLOT_SIZE or hashlib.sha256(checked).digest() != checksum:
        raise BadHead("the slot's checksum does not hold")
    length = int.from_bytes(checked[_START - 2 : _START], "big")
    if not checked.startswith(_MAGIC) or not 0 < length <= MAX_NOTE:
        raise BadHead("the slot does not begin with `audit-head/v1` and a length")
    if any(checked[_START + length :]):
        raise BadHead("the slot has bytes after its note")
    try:
        note = checked[_START : _START + length].decode()
    except UnicodeDecodeError as error:
        raise BadHead("the slot's note is not UTF-8") from error
    return Slot(int.from_bytes(checked[len(_MAGIC) : len(_MAGIC) + 8], "big"), note)


def last_slot(data: bytes) -> Slot:
    """The newest readable slot of a head file. Raises `BadHead` if neither can be read."""
    found = []
    for position in range(2):
        try:
            slot = decode_slot(data[position * SLOT_SIZE : (position + 1) * SLOT_SIZE])
        except BadHead:
            continue
        if slot.sequence % 2 == position:
            found.append(slot)
    if not found:
        raise BadHead("neither slot of the head file can be read: it is empty, cut or overwritten")
    return max(found, key=lambda slot: slot.sequence)


def read_head(data: bytes) -> str:
    """The newest signed checkpoint in a head file, **not yet verified**. Raises `BadHead`."""
    return last_slot(data).note
