"""Things too large for an entry, kept by their SHA-256: policy files, lists, the catalogue.

The law: what `get` returns is what `put` got, or it raises. A blob's name is the digest that an
entry names, so nobody can change one without being found out, and nothing is ever overwritten.
Blobs hold no personal data. Beside a log in a file they are files; on a server they are rows, so
that every process that serves the log has them.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

from audit.disk import replace_file, sync_directory
from governance.store.database import ERRORS, Database
from governance.store.errors import CannotOpen, StoreError, Unavailable
from governance.store.paths import Paths
from governance.store.sqlite import Connection

_DIGEST = re.compile(r"[0-9a-f]{64}").fullmatch


class BlobError(StoreError):
    """A blob that is not there, or is not what its name says."""


class BlobStore(Protocol):
    """Where blobs and the manifests of releases are kept; any thread, any process.

    On a server that does not answer now everything raises `Unavailable`.
    """

    @property
    def place(self) -> str:
        """Where they are, for people."""

    def put(self, data: bytes) -> str:
        """Keep `data`; it is on disk when this returns. Returns its SHA-256 in hex."""

    def get(self, digest: str) -> bytes:
        """The blob `digest`; raises `BlobError` if it is missing or was altered."""

    def put_manifest(self, release: str, data: bytes) -> None:
        """Keep the manifest of a release, unless there is one."""

    def manifest(self, release: str) -> bytes | None:
        """The manifest of a release, or None."""

    def everything(self) -> Iterator[tuple[str, bytes]]:
        """All of it, for copies: blobs by digest, manifests as `releases/NAME.json`."""


def blobs_of(paths: Paths) -> BlobStore:
    """The blobs of a workspace."""
    database = paths.log_database
    return BlobTable(database) if database.shared else Blobs(paths.blobs)


class Blobs:
    """A folder of blobs; safe for several readers and one writer."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def place(self) -> str:
        """Where they are, for people."""
        return f"`{self.directory}`"

    def put(self, data: bytes) -> str:
        """Keep `data`; it is on disk when this returns. Returns its SHA-256 in hex."""
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if not (path.exists() and path.read_bytes() == data):
            self._write(path, data)
        for folder in (path.parent, self.directory):  # the names must be on disk, too
            sync_directory(folder)
        return digest

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with draft.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)  # half a file helps nobody, least of all on a full disk
            raise

    def get(self, digest: str) -> bytes:
        """The blob `digest`; raises `BlobError` if it is missing or was altered."""
        try:
            data = self._path(digest).read_bytes()
        except FileNotFoundError as error:
            raise BlobError(
                f"`{digest}` is not in {self.place}; restore the folder from a backup"
            ) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise BlobError(
                f"`{digest}` in {self.place} was altered; restore the file from a backup"
            )
        return data

    def put_manifest(self, release: str, data: bytes) -> None:
        """Keep the manifest of a release, unless there is one."""
        place = self._manifest(release)
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            replace_file(place, data, 0o666)

    def manifest(self, release: str) -> bytes | None:
        """The manifest of a release, or None."""
        try:
            return self._manifest(release).read_bytes()
        except FileNotFoundError:
            return None

    def everything(self) -> Iterator[tuple[str, bytes]]:
        """All of it, for copies."""
        for path in sorted(self.directory.glob("??/*")):
            if _DIGEST(path.name) is not None:
                yield path.name, self.get(path.name)
        for path in sorted(self.directory.glob("releases/*.json")):
            yield f"releases/{path.name}", path.read_bytes()

    def _manifest(self, release: str) -> Path:
        return self.directory / "releases" / f"{release}.json"

    def _path(self, digest: str) -> Path:
        if _DIGEST(digest) is None:
            raise BlobError(f"`{digest}` is no SHA-256 in lower-case hex")
        return self.directory / digest[:2] / digest


class BlobTable:
    """Blobs in the tables of a log on a server; safe for any number of processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def place(self) -> str:
        """Where they are, for people."""
        return f"`{self._database}`"

    def put(self, data: bytes) -> str:
        """Keep `data`; it is on disk when this returns. Returns its SHA-256 in hex."""
        digest = hashlib.sha256(data).hexdigest()
        with self._connected(self._database.writer) as db:
            db.execute(
                "INSERT INTO blobs (digest, data) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (digest, data),
            )
        return digest

    def get(self, digest: str) -> bytes:
        """The blob `digest`; raises `BlobError` if it is missing or was altered."""
        if _DIGEST(digest) is None:
            raise BlobError(f"`{digest}` is no SHA-256 in lower-case hex")
        with self._connected(self._database.reader) as db:
            row = db.execute("SELECT data FROM blobs WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            raise BlobError(f"`{digest}` is not in {self.place}; restore the table from a backup")
        if hashlib.sha256(row[0]).hexdigest() != digest:
            raise BlobError(
                f"`{digest}` in {self.place} was altered; restore the table from a backup"
            )
        return bytes(row[0])

    def put_manifest(self, release: str, data: bytes) -> None:
        """Keep the manifest of a release, unless there is one."""
        with self._connected(self._database.writer) as db:
            db.execute(
                "INSERT INTO manifests (release, data) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (release, data),
            )

    def manifest(self, release: str) -> bytes | None:
        """The manifest of a release, or None."""
        with self._connected(self._database.reader) as db:
            row = db.execute("SELECT data FROM manifests WHERE release = ?", (release,)).fetchone()
        return None if row is None else bytes(row[0])

    def everything(self) -> Iterator[tuple[str, bytes]]:
        """All of it, for copies."""
        with self._connected(self._database.reader) as db:
            digests = db.execute("SELECT digest FROM blobs ORDER BY digest").fetchall()
            manifests = db.execute(
                "SELECT release, data FROM manifests ORDER BY release"
            ).fetchall()
        for (digest,) in digests:
            yield str(digest), self.get(str(digest))
        for release, data in manifests:
            yield f"releases/{release}.json", bytes(data)

    @contextmanager
    def _connected(self, connect: Callable[[], Connection]) -> Iterator[Connection]:
        """A connection of its own: blobs are asked for seldom, and then by any thread."""
        try:
            with closing(connect()) as connection:
                yield connection
        except (*ERRORS, CannotOpen) as error:  # which says nothing about whether it is there
            raise Unavailable(self._database.explain(error)) from error
