"""The log's tail: the newest entries, in memory, for whoever follows the log within this process.

The law: it holds only what is committed and signed, one run up to the log's end, and never more than
`MOST` bytes; beyond that it forgets all of it. Whoever comes too late reads the log.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

MOST: Final = 8 << 20


class Tail:
    """Entries on their way to one who follows; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[bytes] = []
        self._start = self._bytes = 0

    def add(self, start: int, entries: Sequence[bytes]) -> None:
        """The log has these entries now, the first of them at index `start`."""
        with self._lock:
            if start != self._start + len(self._entries):
                self._forget(start)
            self._entries += entries
            self._bytes += sum(map(len, entries))
            if self._bytes > MOST:
                self._forget(start + len(entries))

    def take(self, start: int, stop: int) -> list[bytes] | None:
        """The entries `start` to `stop`, which are forgotten with all before them; None if it does not
        have them."""
        with self._lock:
            first, last = start - self._start, stop - self._start
            if not 0 <= first <= last <= len(self._entries):
                return None
            found = self._entries[first:last]
            self._bytes -= sum(map(len, self._entries[:last]))
            del self._entries[:last]
            self._start = stop
            return found

    def _forget(self, start: int) -> None:
        self._entries, self._start, self._bytes = [], start, 0
