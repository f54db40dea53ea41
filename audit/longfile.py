"""Files of a package as they are read: in pieces, and never held as a whole where they can be long."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PIECE: Final = 1 << 17
"""Bytes of a file that are held at a time, where it can be long."""
TOO_LARGE: Final = 0xFFFFFFFF
"""Bytes from which on a file does not fit a package."""


class LongFile:
    """A file that is read in pieces and never held as a whole."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.size = os.fstat(self._file.fileno()).st_size

    def __enter__(self) -> LongFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Read no more."""
        self._file.close()

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to `stop`, or to the end of the file."""
        self._file.seek(start)
        left = max(min(stop, self.size) - start, 0)
        found = self._file.read(left) or b""
        while len(found) < left:  # one call gives 2 GiB at most
            more = self._file.read(left - len(found))
            if not more:
                break
            found += more
        return found


def pieces_of(file: LongFile, start: int, size: int) -> Iterator[bytes]:
    """The `size` bytes from `start`, a piece at a time."""
    for first in range(start, start + size, PIECE):
        yield file.read(first, min(first + PIECE, start + size))


def enough(name: str, size: int) -> int:
    """How much of a file to read: of a tile that is too long only what shows it."""
    if name.startswith("tile/entries/"):
        return min(size, 256 * (2 + 0xFFFF) + 1)
    return min(size, 256 * 32 + 1) if name.startswith("tile/") else size
