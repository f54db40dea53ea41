"""Files of a package, in a directory or in a zip whose every byte is determined.

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
from collections.abc import Set
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from audit.errors import Gap, LogError, NothingToVerify, Tampered

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_DATE = 0x21  # 1980-01-01
_MODE = 0o100644 << 16
_NAME = re.compile(rb"[A-Za-z0-9._/-]+")
_MOST_FOLDERS = 16
_MAX16, _MAX32 = 0xFFFF, 0xFFFFFFFF
_NOT_AS_WRITTEN = (
    "is not as it was written: altered, or packed again by another program; then check the unpacked "
    "folder, or the zip as it was handed out"
)


class Reader(Protocol):
    """The files of a package, by name with forward slashes."""

    def names(self) -> Set[str]:
        """Every file there is."""

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises `Gap` if it is missing."""

    def seal(self, name: str, data: bytes) -> None:
        """Raises `Tampered` if the container holds another checksum for `name`."""


class Writer(Protocol):
    """Where the files of a package go, in the order in which they are added."""

    def add(self, name: str, data: bytes) -> None:
        """Write one file."""

    def close(self) -> None:
        """Put the finished package in its place."""

    def abandon(self) -> None:
        """Leave nothing behind."""


def open_reader(path: Path) -> Reader:
    """The files of the package at `path`, a directory or a zip.

    Raises `NothingToVerify` if there is nothing, `Tampered` if the zip is not as it was written.
    """
    if path.is_dir():
        return DirectoryReader(path)
    if not path.exists() or path.stat().st_size == 0:
        raise NothingToVerify(f"there is no package at `{path}`")
    return ZipReader(path)


def open_writer(path: Path) -> Writer:
    """A new package at `path`: a zip if the name ends in `.zip`, else a directory."""
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise LogError(f"`{path}` exists already; a package is never written over another")
    part = path.with_name(path.name + ".part")
    if part.exists():
        raise LogError(f"`{part}` is left from an export that did not finish; remove it first")
    return ZipWriter(path) if path.suffix == ".zip" else DirectoryWriter(path)


class _File:
    """A file that is read in pieces and never held as a whole."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.size = os.fstat(self._file.fileno()).st_size

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
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


def _enough(name: str, size: int) -> int:
    """How much of a file to read: of a tile that is too long only what shows it."""
    if name.startswith("tile/entries/"):
        return min(size, 256 * (2 + 0xFFFF) + 1)
    return min(size, 256 * 32 + 1) if name.startswith("tile/") else size


class DirectoryReader:
    """A package as a directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> set[str]:
        """Every file below the directory. Raises `Tampered` for a link, a device, or a folder
        in more folders than a package has."""
        found: set[str] = set()
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            if folder.count("/") > _MOST_FOLDERS:
                raise Tampered(f"`{folder[:80]}` lies deeper than any file of a package")
            with os.scandir(self._root / folder) as items:
                for item in items:
                    name = folder + item.name
                    if item.is_dir(follow_symlinks=False):
                        waiting.append(name + "/")
                    elif item.is_file(follow_symlinks=False):
                        found.add(name)
                    else:
                        raise Tampered(f"`{name}` is not a plain file", file=name)
        return found

    def read(self, name: str) -> bytes:
        """The bytes of one file, of a tile as many as show that it is too long.

        Raises `Gap` if it is missing, `Tampered` if it is larger than a file in a zip can be.
        """
        try:
            file = _File(self._root / name)
        except OSError:
            raise Gap(f"the package lacks the file `{name}`", file=name) from None
        with file:
            if file.size >= _MAX32:
                raise Tampered(f"the file `{name}` is too large for a package", file=name)
            return file.read(0, _enough(name, file.size))

    def seal(self, name: str, data: bytes) -> None:
        """A directory holds no checksums of its own."""


class DirectoryWriter:
    """Writes beside the target and renames when complete."""

    def __init__(self, target: Path) -> None:
        self._target, self._part = target, target.with_name(target.name + ".part")
        self._part.mkdir(parents=True)

    def add(self, name: str, data: bytes) -> None:
        """Write one file."""
        path = self._part / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def close(self) -> None:
        """Put the directory in its place."""
        if self._target.is_dir():
            self._target.rmdir()
        self._part.rename(self._target)

    def abandon(self) -> None:
        """Remove what was written."""
        for folder, _, files in os.walk(self._part, topdown=False):
            for name in files:
                Path(folder, name).unlink()
            Path(folder).rmdir()


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
        if not name.isascii() or len(data) >= _MAX32:
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


class ZipReader:
    """A package as a zip. Opening it checks every byte that is not a file's content."""

    def __init__(self, path: Path) -> None:
        self._file = file = _File(path)
        self._places: dict[str, int] = {}
        """The position of each file in the three arrays: there can be very many."""
        self._checksums, self._sizes, self._offsets = array("L"), array("Q"), array("Q")
        start, stop = _bounds(file)
        records, position, end = file.read(start, file.size), 0, 0
        while position < stop - start:
            member = _member(records, position, start)
            header = member.local()
            if member.offset != end or file.read(end, end + len(header)) != header:
                raise Tampered(
                    f"the archive's header of `{member.name}` {_NOT_AS_WRITTEN}",
                    file=member.name,
                )
            central = member.central()
            if records[position : position + len(central)] != central:
                raise _damaged(f"its directory {_NOT_AS_WRITTEN}")
            if member.name in self._places:
                raise _damaged("a name occurs twice")
            self._places[member.name] = len(self._places)
            self._checksums.append(member.checksum)
            self._sizes.append(member.size)
            self._offsets.append(member.offset)
            position += len(central)
            end += len(header) + member.size
        if end != start or records[position:] != _end(len(self._places), start, position):
            raise _damaged(f"its directory {_NOT_AS_WRITTEN}")

    def names(self) -> Set[str]:
        """Every file in the archive."""
        return self._places.keys()

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises `Gap` if it is missing."""
        place = self._places.get(name)
        if place is None:
            raise Gap(f"the package lacks the file `{name}`", file=name)
        start = self._offsets[place] + _LOCAL.size + len(name)
        return self._file.read(start, start + _enough(name, self._sizes[place]))

    def seal(self, name: str, data: bytes) -> None:
        """Raises `Tampered` if the archive's checksum of `name` is not that of `data`."""
        if zlib.crc32(data) != self._checksums[self._places[name]]:
            raise Tampered(f"the archive's checksum of `{name}` is not that of the file", file=name)


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


def _bounds(file: _File) -> tuple[int, int]:
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
