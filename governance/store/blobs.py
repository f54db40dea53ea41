"""Things too large for an entry, kept by their SHA-256: policy files, lists, the catalogue.

The law: what `get` returns is what `put` got, or it raises. A blob's name is the digest that an
entry names, so nobody can change one without being found out, and nothing is ever overwritten.
Blobs hold no personal data.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from governance.store.errors import StoreError

_DIGEST = re.compile(r"[0-9a-f]{64}").fullmatch


class BlobError(StoreError):
    """A blob that is not there, or is not what its name says."""


class Blobs:
    """A folder of blobs; safe for several readers and one writer."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def put(self, data: bytes) -> str:
        """Keep `data`; it is on disk when this returns. Returns its SHA-256 in hex."""
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if not (path.exists() and path.read_bytes() == data):
            self._write(path, data)
        for folder in (path.parent, self.directory):  # the names must be on disk, too
            _sync(folder)
        return digest

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    def get(self, digest: str) -> bytes:
        """The blob `digest`; raises `BlobError` if it is missing or was altered."""
        try:
            data = self._path(digest).read_bytes()
        except FileNotFoundError as error:
            raise BlobError(
                f"`{digest}` is not in {self.directory}; restore the folder from a backup"
            ) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise BlobError(
                f"`{digest}` in {self.directory} was altered; restore the file from a backup"
            )
        return data

    def _path(self, digest: str) -> Path:
        if _DIGEST(digest) is None:
            raise BlobError(f"`{digest}` is no SHA-256 in lower-case hex")
        return self.directory / digest[:2] / digest


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
