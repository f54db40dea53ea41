"""A package as a zip whose every byte is determined.

The law: the zip of given files in a given order is one byte string. Nothing is compressed, every
date is 1980-01-01, there are no comments and no gaps. Reading therefore rebuilds all headers from
names, sizes and checksums and compares them, so that no byte of an archive can change unseen,
not even one that no unzip program looks at.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from array import array
from bisect import bisect
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from audit.errors import BadTile, Gap, LogError, Tampered
from audit.longfile import PIECE, TOO_LARGE, LongFile, enough, pieces_of
from audit.tiles import Tile, parse_path

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_LONGEST_RECORD = _CENTRAL.size + 0xFFFF + 12
_DATE = 0x21  # 1980-01-01
_MODE = 0o100644 << 16
_NAME = re.compile(rb"[A-Za-z0-9._/-]+")
_MAX16, _MAX32 = 0xFFFF, 0xFFFFFFFF
_NOT_AS_WRITTEN = (
    "is not as it was written: altered, or packed again by another program; then check the unpacked "
    "folder, or the zip as it was handed out"
)


class _Member(NamedTuple):
    name: str
    checksum: int
    size: int
    offset: int

    def local(self) -> bytes:
        name = self.name.encode()
        header = (b"PK\3\4", 20, 0, 0, 0, _DATE, self.checksum, self.size, self.size)
        return _LOCAL.pack(*header, len(name), 0) + name

    def central(self) -> bytes:
        name, extra, offset = self.name.encode(), b"", self.offset
        if offset >= _MAX32:
            extra, offset = struct.pack("<2HQ", 1, 8, offset), _MAX32
        header = (b"PK\1\2", 3 << 8 | 20, 20, 0, 0, 0, _DATE, self.checksum, self.size, self.size)
        return _CENTRAL.pack(*header, len(name), len(extra), 0, 0, 0, _MODE, offset) + name + extra


def _end(count: int, directory: int, length: int) -> bytes:
    """The records that close an archive of `count` files whose directory lies at `directory`."""
    if count < _MAX16 and directory < _MAX32 and length < _MAX32:
        return _END.pack(b"PK\5\6", 0, 0, count, count, length, directory, 0)
    end64 = _END64.pack(b"PK\6\6", 44, 3 << 8 | 45, 45, 0, 0, count, count, length, directory)
    locator = _LOCATOR.pack(b"PK\6\7", 0, directory + length, 1)
    return end64 + locator + _END.pack(b"PK\5\6", 0, 0, _MAX16, _MAX16, _MAX32, _MAX32, 0)


class ZipWriter:
    """Writes beside the target and renames when complete."""

    def __init__(self, target: Path) -> None:
        self._target, self._part = target, target.with_name(target.name + ".part")
        target.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = self._part.open("xb")
        self._members: list[_Member] = []

    def add(self, name: str, data: bytes) -> None:
        """Write one file, uncompressed."""
        if not name.isascii() or len(data) >= TOO_LARGE:
            raise LogError(f"`{name}` cannot be put into a package: it is larger than 4 GiB")
        member = _Member(name, zlib.crc32(data), len(data), self._file.tell())
        self._file.write(member.local())
        self._file.write(data)
        self._members.append(member)

    def close(self) -> None:
        """Write the directory and put the archive in its place."""
        directory = self._file.tell()
        records = b"".join(member.central() for member in self._members)
        self._file.write(records + _end(len(self._members), directory, len(records)))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._target)

    def abandon(self) -> None:
        """Remove what was written."""
        self._file.close()
        self._part.unlink(missing_ok=True)


class _Run:
    """Tiles of one level and width, numbered one after another, as they follow in an archive."""

    __slots__ = ("count", "first", "place")

    def __init__(self, first: int, place: int) -> None:
        self.first, self.place, self.count = first, place, 1

    def follows(self, number: int, place: int) -> bool:
        """Whether the tile `number` at `place` continues it."""
        return (self.first + self.count, self.place + self.count) == (number, place)


class _Places:
    """Where in an archive each name stands, without the names of tiles: there can be very many."""

    def __init__(self) -> None:
        self._others: dict[str, int] = {}
        self._runs: dict[tuple[int, int], list[_Run]] = {}
        """By level and width; once closed, from the lowest number on."""
        self._count = 0

    def add(self, name: str) -> None:
        """The next name. Raises `Tampered` if it was there before and is no tile's."""
        place, self._count = self._count, self._count + 1
        tile = _tile(name)
        if tile is None:
            if self._others.setdefault(name, place) != place:
                raise _damaged("a name occurs twice")
            return
        runs = self._runs.setdefault((tile.level, tile.width), [])
        last = runs[-1] if runs else None
        if last is not None and last.follows(tile.number, place):
            last.count += 1
        else:
            runs.append(_Run(tile.number, place))

    def close(self) -> None:
        """There are no more names. Raises `Tampered` if a tile's was there twice."""
        for runs in self._runs.values():
            runs.sort(key=_first)
            for run, after in pairwise(runs):
                if after.first < run.first + run.count:
                    raise _damaged("a name occurs twice")

    def find(self, name: str) -> int | None:
        """The place of a name; None if it has none."""
        tile = _tile(name)
        if tile is None:
            return self._others.get(name)
        runs = self._runs.get((tile.level, tile.width), ())
        after = bisect(runs, tile.number, key=_first)
        if after:
            run = runs[after - 1]
            if tile.number < run.first + run.count:
                return run.place + tile.number - run.first
        return None

    def __iter__(self) -> Iterator[str]:
        yield from self._others
        for (level, width), runs in self._runs.items():
            for run in runs:
                for number in range(run.first, run.first + run.count):
                    yield Tile(level, number, width).path


_first = attrgetter("first")


@lru_cache(maxsize=4)
def _tile(name: str) -> Tile | None:
    try:
        return parse_path(name)
    except BadTile:
        return None


class ZipReader:
    """A package as a zip. Opening it checks every byte that is not a file's content."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, LongFile(path)
        self._places = _Places()
        self._checksums, self._offsets = array("I"), array("Q")
        """By place; after the last offset stands where the last file ends."""
        file, end = self._file, 0
        start, stop = _bounds(file)
        for member, found in _members(file, start, stop):
            header = member.local()
            if member.offset != end or file.read(end, end + len(header)) != header:
                raise Tampered(
                    f"the archive's header of `{member.name}` {_NOT_AS_WRITTEN}",
                    file=member.name,
                )
            if found != member.central():
                raise _damaged(f"its directory {_NOT_AS_WRITTEN}")
            self._places.add(member.name)
            self._checksums.append(member.checksum)
            self._offsets.append(end)
            end += len(header) + member.size
        self._offsets.append(end)
        self._places.close()
        closing = _end(len(self._checksums), start, stop - start)
        if end != start or file.read(stop, file.size) != closing:
            raise _damaged(f"its directory {_NOT_AS_WRITTEN}")

    def __getstate__(self) -> tuple[Any, ...]:
        """For another process, which need not check it all again."""
        return self._path, self._places, self._checksums, self._offsets

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._path, self._places, self._checksums, self._offsets = state
        self._file = LongFile(self._path)

    def names(self) -> Iterator[str]:
        """Every file in the archive."""
        return iter(self._places)

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises `Gap` if it is missing."""
        _, start, size = self._find(name)
        return self._file.read(start, start + enough(name, size))

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of one file, a piece at a time. Raises `Gap` if it is missing."""
        _, start, size = self._find(name)
        return pieces_of(self._file, start, size)

    def seal(self, name: str, pieces: Iterable[bytes]) -> None:
        """Raises `Tampered` if the archive's checksum of `name` is not that of `pieces`."""
        place, _, _ = self._find(name)
        found = 0
        for piece in pieces:
            found = zlib.crc32(piece, found)
        if found != self._checksums[place]:
            raise Tampered(f"the archive's checksum of `{name}` is not that of the file", file=name)

    def _find(self, name: str) -> tuple[int, int, int]:
        """Place, first byte and length of a file. Raises `Gap` if it is missing."""
        place = self._places.find(name)
        if place is None:
            raise Gap(f"the package lacks the file `{name}`", file=name)
        start = self._offsets[place] + _LOCAL.size + len(name)
        return place, start, self._offsets[place + 1] - start


def _members(file: LongFile, start: int, stop: int) -> Iterator[tuple[_Member, bytes]]:
    """What the directory from `start` to `stop` says, record by record, and the record itself."""
    records, first, position = b"", start, start
    while position < stop:
        if first + len(records) < min(position + _LONGEST_RECORD, stop):
            records, first = file.read(position, min(position + PIECE, stop)), position
        member = _member(records, position - first, first)
        length = len(member.central())
        yield member, records[position - first : position - first + length]
        position += length


def _member(records: bytes, position: int, start: int) -> _Member:
    """What the directory says at `position`, before anything is compared. It begins at `start`."""
    record = records[position : position + _CENTRAL.size]
    if len(record) < _CENTRAL.size:
        raise _damaged(f"its directory is cut at byte {start + position}")
    fields = _CENTRAL.unpack(record)
    checksum, size, offset = fields[7], fields[8], fields[16]
    name_length, extra_length = fields[10], fields[11]
    front = position + _CENTRAL.size
    name = records[front : front + name_length]
    if not _NAME.fullmatch(name):
        raise _damaged(f"its directory holds no file name at byte {start + front}")
    if offset == _MAX32 and extra_length == 12:
        extra = front + name_length
        offset = int.from_bytes(records[extra + 4 : extra + 12], "little")
    return _Member(name.decode(), checksum, size, offset)


def _bounds(file: LongFile) -> tuple[int, int]:
    """Where the archive's directory begins and ends, by its closing records."""
    end = file.size - _END.size
    record = file.read(max(end, 0), file.size)
    if end < 0 or not record.startswith(b"PK\5\6"):
        raise _damaged("it does not end in an archive's closing record: cut, or not a package")
    fields = _END.unpack(record)
    length, directory = fields[5], fields[6]
    if directory == _MAX32:
        end -= _LOCATOR.size + _END64.size
        if end < 0:
            raise _damaged("its closing record does not fit its length")
        fields = _END64.unpack(file.read(end, end + _END64.size))
        length, directory = fields[8], fields[9]
    if directory + length != end:
        raise _damaged("its closing record does not fit its length")
    return directory, end


def _damaged(what: str) -> Tampered:
    return Tampered(f"the archive itself is damaged: {what}", file="(archive)")
