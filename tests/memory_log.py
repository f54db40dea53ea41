"""A log in memory: what a store must give, in worlds small enough to fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from audit.entry import MAX_ENTRY
from audit.errors import BadEntry
from audit.tree import MemoryNodes, leaf_hash


class MemoryLog:
    """An `audit.storage.Log` that is forgotten with the test."""

    def __init__(self, entries: Iterable[bytes] = ()) -> None:
        self.minimum = 0
        self._entries: list[bytes] = []
        self._nodes = MemoryNodes()
        for entry in entries:
            self.append(entry)

    @property
    def size(self) -> int:
        """How many entries there are."""
        return len(self._entries)

    def append(self, entry: bytes) -> int:
        """Add the bytes of one entry; return its index."""
        if len(entry) > MAX_ENTRY:
            raise BadEntry(f"the entry has {len(entry)} bytes; at most {MAX_ENTRY} fit")
        self._entries.append(entry)
        self._nodes.append(leaf_hash(entry))
        return len(self._entries) - 1

    def root(self) -> bytes:
        """The root over all entries."""
        return self._nodes.root()

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes of the entries `start` to `stop`."""
        return iter(self._entries[start:stop])

    def leaves(self, start: int, stop: int) -> Iterator[bytes]:
        """Their leaf hashes."""
        return (self._nodes(0, index) for index in range(start, stop))

    def node(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree (`level`, `index`)."""
        return self._nodes(level, index)
