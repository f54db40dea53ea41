"""How a SQLite file is opened here, and what its errors mean to people.

The law: the owner writes through one connection with `synchronous=FULL` in WAL mode, so that a
commit that returned is on disk; everybody else reads through read-only connections and keeps
transactions short. Transactions are begun and ended in so many words (no implicit ones).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Protocol

from governance.store.errors import CannotOpen
from governance.store.guards import EMPTIED

_ROWS, _STRIDE = 64, 8
_ROW_BY_ROW = "SELECT entry FROM log_entries WHERE idx >= ? AND idx < ? ORDER BY idx"
_JOINED = f"SELECT count(*), CAST(group_concat(entry, char(10)) AS BLOB) FROM ({_ROW_BY_ROW})"  # noqa: S608

WAL_PAGES = 4_000
"""Pages (4 KiB) after which a commit folds the write-ahead log back into the database."""


class Cursor(Protocol):
    """The part of a DBAPI cursor the store uses."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """The part of a DBAPI connection the store uses; tests put faults in front of it."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Cursor: ...

    def executemany(self, sql: str, parameters: Any, /) -> Cursor: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """A database that is a file; see `governance.store.database.Database`."""

    path: Path
    shared: ClassVar[bool] = False
    begin: ClassVar[str] = "BEGIN IMMEDIATE"

    def __str__(self) -> str:
        return str(self.path)

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    def writer(
        self, *, guarded: frozenset[str] = frozenset(), overwrite: bool = False
    ) -> sqlite3.Connection:
        """The owner's connection; see `connect_writer`."""
        return connect_writer(self.path, guarded=guarded, overwrite=overwrite)

    def reader(self) -> sqlite3.Connection:
        """A read-only connection."""
        return connect_reader(self.path)

    def explain(self, error: Exception) -> str:
        """What an error means, and what to do."""
        return explain(error, self.path)


def connect_writer(
    path: Path, *, guarded: frozenset[str] = frozenset(), overwrite: bool = False
) -> sqlite3.Connection:
    """The owner's connection. The tables in `guarded` can be inserted into and read, no more;
    but for `guards.EMPTIED`.

    With `overwrite`, what is deleted is overwritten with zeroes in the file; without, at least in
    pages that are written anyway, so that no page keeps a copy of a row that has moved on.

    Raises `CannotOpen` for a file that is no database or cannot be written.
    """
    try:
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=256, timeout=10
        )
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        for pragma in (
            "synchronous=FULL",
            f"secure_delete={'ON' if overwrite else 'FAST'}",
            "temp_store=MEMORY",
            "cache_size=-16000",
            f"wal_autocheckpoint={WAL_PAGES}",
            "journal_size_limit=67108864",
            "trusted_schema=OFF",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error as error:
        raise CannotOpen(explain(error, path)) from error
    if mode != "wal":
        connection.close()
        raise CannotOpen(
            f"`{path}` cannot use a write-ahead log here (it is in mode `{mode}`); put the "
            "workspace on a local, writable disk"
        )
    if guarded:
        connection.set_authorizer(_authorizer(guarded))
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection. Raises `CannotOpen`."""
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=10,
        )
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA cache_size=-4000")
    except sqlite3.Error as error:
        raise CannotOpen(explain(error, path)) from error
    return connection


def insert_rows(
    connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert many rows in few statements.

    Each statement lets other threads run and has to wait for its turn afterwards, so one for
    thirty rows is quicker than thirty. Sizes above eight are multiples of it: few different
    statements, which stay prepared. A server is given columns instead of rows (`insert_rows` of its connection).
    """
    inserts = getattr(connection, "insert_rows", None)
    if inserts is not None:
        inserts(table, columns, rows)
        return
    start, left = 0, len(rows)
    while left:
        size = min(_ROWS, left if left < _STRIDE else left - left % _STRIDE)
        chunk = rows[start : start + size]
        connection.execute(_insert(table, tuple(columns), size), list(chain.from_iterable(chunk)))
        start, left = start + size, left - size


def read_entries(connection: Connection, start: int, stop: int) -> list[bytes]:
    """The entries `start` to `stop` that are there, in one step.

    Each row that is fetched lets other threads run and has to wait for its turn afterwards. No
    canonical entry holds a line break; with one that does they are read row by row. So they are from
    a server, whose rows come all at once.
    """
    if getattr(connection, "dialect", "sqlite") == "sqlite":
        rows, joined = connection.execute(_JOINED, (start, stop)).fetchone()
        found: list[bytes] = joined.split(b"\n") if rows else []
        if len(found) == rows:
            return found
    return [row[0] for row in connection.execute(_ROW_BY_ROW, (start, stop)).fetchall()]


@cache
def _insert(table: str, columns: tuple[str, ...], rows: int) -> str:
    row = f"({','.join('?' * len(columns))})"
    values = ",".join([row] * rows)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {values}"  # noqa: S608  constants


def explain(error: Exception, path: Path) -> str:
    """What a database error means, and what to do."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    if primary == sqlite3.SQLITE_FULL:
        return f"the disk that holds `{path}` is full; free some space and start again"
    if primary == sqlite3.SQLITE_READONLY or (path.exists() and not os.access(path, os.W_OK)):
        return f"`{path}` cannot be written (read-only file or file system); make it writable"
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return (
            f"`{path}` is damaged ({error}); nothing was changed. Keep a copy of the file, then "
            "restore the newest backup with `governance restore --acknowledge`"
        )
    if primary == sqlite3.SQLITE_CANTOPEN:
        return f"`{path}` cannot be opened; check that it exists and who may read its folder"
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"`{path}` is locked by another program; end that program and start again"
    if primary == sqlite3.SQLITE_IOERR:
        return f"the disk that holds `{path}` reports errors ({error}); check it, then start again"
    return f"`{path}`: {error}"


def _authorizer(guarded: frozenset[str]) -> Any:
    """Consulted when a statement is prepared, not when it runs: it costs the hot path nothing."""
    changing = {sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}
    dropping = {
        sqlite3.SQLITE_DROP_TABLE,
        sqlite3.SQLITE_DROP_TRIGGER,
        sqlite3.SQLITE_ALTER_TABLE,
        sqlite3.SQLITE_ATTACH,
    }

    def allowed(
        action: int, first: str | None, second: str | None, _db: str | None, _inner: str | None
    ) -> int:
        if action in dropping:
            return sqlite3.SQLITE_DENY
        if action in changing and first in guarded and (first, second) not in EMPTIED:
            return sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_PRAGMA and first == "writable_schema" and second is not None:
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    return allowed
