"""What the rest of the library needs from wherever a log is kept.

The law: entries are appended and never changed; whatever `size` says is readable, and every tree
node that those entries complete is readable too. A store may keep nodes or compute them; it must
be able to give them for any size it has ever had.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Log(Protocol):
    """A readable log. Ranges are half-open and within `size`."""

    @property
    def size(self) -> int:
        """How many entries can be read."""

    @property
    def minimum(self) -> int:
        """The index of the first entry that was kept: a multiple of 256, 0 unless pruned."""

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes of the entries `start` to `stop`, in order. Not for entries below `minimum`."""

    def leaves(self, start: int, stop: int) -> Iterator[bytes]:
        """Their leaf hashes, in order."""

    def node(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree (`level`, `index`); level 0 are the leaves."""
