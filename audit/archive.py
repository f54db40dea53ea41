"""Files of a package, in a directory or in a zip (`audit.zipped`).

The law: a name is read and written as it is, and whatever is not a plain file is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from audit.errors import Gap, LogError, NothingToVerify, Tampered
from audit.longfile import TOO_LARGE, LongFile, enough, pieces_of
from audit.zipped import ZipReader, ZipWriter

_MOST_FOLDERS = 16


class Reader(Protocol):
    """The files of a package, by name with forward slashes."""

    def names(self) -> Iterator[str]:
        """Every file there is."""

    def read(self, name: str) -> bytes:
        """The bytes of one file. Raises `Gap` if it is missing."""

    def pieces(self, name: str) -> Iterator[bytes]:
        """The same, a piece at a time."""

    def seal(self, name: str, pieces: Iterable[bytes]) -> None:
        """Raises `Tampered` if the container holds another checksum for `name` than of `pieces`."""


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


class DirectoryReader:
    """A package as a directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> Iterator[str]:
        """Every file below the directory. Raises `Tampered` for a link, a device, or a folder
        in more folders than a package has."""
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
                        yield name
                    else:
                        raise Tampered(f"`{name}` is not a plain file", file=name)

    def read(self, name: str) -> bytes:
        """The bytes of one file, of a tile as many as show that it is too long.

        Raises `Gap` if it is missing, `Tampered` if it is larger than a file in a zip can be.
        """
        with self._open(name) as file:
            return file.read(0, enough(name, file.size))

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of one file, a piece at a time. Raises as `read`."""
        with self._open(name) as file:
            yield from pieces_of(file, 0, file.size)

    def _open(self, name: str) -> LongFile:
        try:
            file = LongFile(self._root / name)
        except OSError:
            raise Gap(f"the package lacks the file `{name}`", file=name) from None
        if file.size >= TOO_LARGE:
            file.close()
            raise Tampered(f"the file `{name}` is too large for a package", file=name)
        return file

    def seal(self, name: str, pieces: Iterable[bytes]) -> None:
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
