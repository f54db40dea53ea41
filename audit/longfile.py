"""Files of a package as they are read: in pieces, and never held as a whole where they can be long."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from audit.errors import Tampered

PIECE: Final = 1 << 17
"""Bytes of a file that are held at a time, where it can be long."""
TOO_LARGE: Final = 0xFFFFFFFF
"""Bytes from which on a file does not fit a package."""


class LongFile:
    """A file that is read in pieces and never held as a whole."""

    def __init__(self, path: Path) -> None:
        """Raises `Tampered` for a pipe or a device, for which one could wait for ever."""
        self._file = open(path, "rb", buffering=0, opener=_at_once)  # noqa: SIM115
        known = os.fstat(self._file.fileno())
        if not stat.S_ISREG(known.st_mode):
            self._file.close()
            raise Tampered(f"`{path.name}` is no file")
        self.size = known.st_size

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


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def pieces_of(file: LongFile, start: int, size: int) -> Iterator[bytes]:
    """The `size` bytes from `start`, a piece at a time."""
    for first in range(start, start + size, PIECE):
        yield file.read(first, min(first + PIECE, start + size))


def enough(name: str, size: int) -> int:
    """How much of a file to read: of a tile that is too long only what shows it."""
    if name.startswith("tile/entries/"):
        return min(size, 256 * (2 + 0xFFFF) + 1)
    return min(size, 256 * 32 + 1) if name.startswith("tile/") else size
