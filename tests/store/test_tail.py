"""The log's tail in memory: one run of entries, bounded, given away once."""

from __future__ import annotations

from governance.store import tail
from governance.store.tail import Tail


def _tail(*entries: bytes, start: int = 0) -> Tail:
    made = Tail()
    made.add(start, entries)
    return made


def test_what_was_added_comes_back_in_order() -> None:
    """Lists would show entries under other numbers than the log's."""
    newest = _tail(b"5", b"6", start=5)
    newest.add(7, [b"7", b"8"])
    assert newest.take(6, 8) == [b"6", b"7"]
    assert newest.take(8, 9) == [b"8"]
    newest.add(9, [b"9"])
    assert newest.take(9, 10) == [b"9"]


def test_what_it_does_not_have_is_read_from_the_log() -> None:
    """A part of what was asked for would look like all of it."""
    newest = _tail(b"5", b"6", start=5)
    assert newest.take(4, 6) is None
    assert newest.take(6, 8) is None
    assert newest.take(5, 7) == [b"5", b"6"]
    assert newest.take(5, 7) is None


def test_a_gap_begins_a_new_run() -> None:
    """Entries after a gap would be given out under the numbers of those that lack."""
    newest = _tail(b"5", b"6", start=5)
    newest.add(9, [b"9"])
    assert newest.take(5, 6) is None
    assert newest.take(9, 10) == [b"9"]


def test_nobody_who_follows_costs_no_more_than_the_bound() -> None:
    """Read models that stand still would fill the memory of the service that decides."""
    half = bytes(tail.MOST // 2)
    newest = _tail(half, half)
    assert newest.take(0, 1) == [half]
    newest.add(2, [half])
    newest.add(3, [b"one byte too many"])
    assert newest.take(1, 4) is None
    newest.add(4, [b"4"])
    assert newest.take(4, 5) == [b"4"]
