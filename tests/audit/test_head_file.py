"""The head file survives every torn write."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import BadHead
from audit.head import (
    FILE_SIZE,
    MAX_NOTE,
    SLOT_SIZE,
    Slot,
    decode_slot,
    encode_slot,
    last_slot,
    read_head,
    slot_offset,
)


def written(file: bytes, note: str, sequence: int, upto: int = SLOT_SIZE) -> bytes:
    """The file after the first `upto` bytes of a slot were written."""
    offset = slot_offset(sequence)
    slot = encode_slot(note, sequence)[:upto]
    file = file.ljust(offset, b"\0")
    return file[:offset] + slot + file[offset + len(slot) :]


def test_the_newest_slot_is_the_head() -> None:
    """Otherwise start-up would compare the database with a head of yesterday."""
    file = b""
    for sequence in range(7):
        file = written(file, f"note {sequence}", sequence)
        assert last_slot(file) == Slot(sequence, f"note {sequence}")
    assert len(file) == FILE_SIZE


@given(st.integers(1, 9), st.integers(0, SLOT_SIZE - 1))
def test_a_torn_write_leaves_the_head_before_it(sequence: int, upto: int) -> None:
    """Otherwise a crash while writing would stop the service from starting, or raise an alarm."""
    file = b""
    for earlier in range(sequence):
        file = written(file, f"note {earlier}", earlier)
    torn = written(file, f"note {sequence}", sequence, upto)
    assert read_head(torn) in (f"note {sequence - 1}", f"note {sequence}")


@given(st.integers(0, SLOT_SIZE - 1), st.integers(1, 255))
def test_a_slot_with_a_changed_byte_is_not_read(position: int, flip: int) -> None:
    """Otherwise half of one head and half of another could be taken for a head."""
    slot = bytearray(encode_slot("a note", 4))
    slot[position] ^= flip
    with pytest.raises(BadHead):
        decode_slot(bytes(slot))


@pytest.mark.parametrize("file", [b"", b"\0" * FILE_SIZE, b"x" * 100, encode_slot("n", 0)[:-1]])
def test_a_file_without_a_readable_slot_is_an_error(file: bytes) -> None:
    """Otherwise an emptied head file would look like a log that never began."""
    with pytest.raises(BadHead):
        read_head(file)


def test_a_slot_copied_over_the_other_is_not_believed() -> None:
    """Otherwise copying bytes inside the file could bring back an older head."""
    slot = encode_slot("a note", 4)
    with pytest.raises(BadHead):
        read_head(bytes(SLOT_SIZE) + slot)


def test_a_slot_that_hides_bytes_behind_its_note_is_refused() -> None:
    """Otherwise two slots could differ and yet hold the same head."""
    slot = bytearray(encode_slot("a note", 4))
    slot[2000] = 1
    slot[-32:] = hashlib.sha256(slot[:-32]).digest()
    with pytest.raises(BadHead, match="after its note"):
        decode_slot(bytes(slot))


def test_the_largest_note_fits_and_one_byte_more_does_not() -> None:
    """Otherwise a head with many signatures would be cut and lost."""
    assert decode_slot(encode_slot("x" * MAX_NOTE, 1)).note == "x" * MAX_NOTE
    for note, sequence in (("x" * (MAX_NOTE + 1), 1), ("", 1), ("x", -1)):
        with pytest.raises(BadHead):
            encode_slot(note, sequence)
