"""A database as one SQLite file: what backups, checks and moves read.

The law: a copy is of one moment. A file is copied by SQLite itself; the tables of a server are read in
one transaction, so that log, tree, facts and checkpoints of the copy belong together.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sqlmodel import SQLModel

from audit.disk import sync_file
from governance.store.database import ERRORS, Database
from governance.store.errors import StoreError
from governance.store.migrations import bring_up_to_date
from governance.store.sqlite import Connection, SqliteFile, connect_reader, explain, insert_rows
from governance.store.tables import LogTable, VaultTable

_CHUNK: Final = 2_000
_TRIGGERS: Final = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ"
"""How a server is asked to show one moment; a file needs no asking for a single statement."""


def copy_log(database: Database, target: Path) -> None:
    """A consistent copy of a log that is in use, as a new SQLite file. Raises `StoreError`."""
    _copy(database, target, LogTable, "log")


def copy_vault(database: Database, target: Path) -> None:
    """The same of a vault."""
    _copy(database, target, VaultTable, "vault")


def copy_database(source: Path, target: Path) -> None:
    """A consistent copy of a file that is in use, in one read transaction."""
    try:
        with (
            closing(connect_reader(source)) as reading,
            closing(sqlite3.connect(target, isolation_level=None)) as writing,
        ):
            reading.backup(writing)
            writing.execute("PRAGMA journal_mode=DELETE")
        _private(target)
    except sqlite3.Error as error:
        raise StoreError(explain(error, target)) from error


def _copy(database: Database, target: Path, base: type[SQLModel], name: str) -> None:
    if isinstance(database, SqliteFile):
        copy_database(database.path, target)
        return
    bring_up_to_date(target, name)
    try:
        with (
            closing(database.reader()) as reading,
            closing(sqlite3.connect(target, isolation_level=None)) as writing,
        ):
            # a new file that nobody has yet: what a crash leaves is thrown away
            writing.execute("PRAGMA synchronous=OFF")
            reading.execute(SNAPSHOT)
            writing.execute("BEGIN")
            guards = writing.execute(_TRIGGERS).fetchall()
            for guard, _ in guards:  # they want to see a log grow as it grew
                writing.execute(f"DROP TRIGGER {guard}")
            copy_tables(reading, writing, base)
            for _, made in guards:
                writing.execute(made)
            writing.execute("COMMIT")
        _private(target)
    except ERRORS as error:
        raise StoreError(database.explain(error)) from error


def copy_tables(
    source: Connection,
    target: Connection,
    base: type[SQLModel],
    without: frozenset[str] = frozenset(),
) -> int:
    """Copy every row of the tables of `base`, within transactions of the caller's; how many."""
    done = 0
    for table in base.metadata.sorted_tables:
        if table.name in without:
            continue
        columns = [column.name for column in table.columns]
        keys = [column.name for column in table.primary_key.columns]
        for rows in pages(source, table.name, columns, keys):
            insert_rows(target, table.name, columns, rows)
            done += len(rows)
    return done


def pages(
    source: Connection, table: str, columns: Sequence[str], keys: Sequence[str]
) -> Iterator[list[Any]]:
    """The rows of a table by its key (`keys` among `columns`), some at a time."""
    names, order, marks = ", ".join(columns), ", ".join(keys), ", ".join("?" * len(keys))
    after = f" WHERE ({order}) > ({marks})"
    places = [columns.index(key) for key in keys]
    where, last = "", ()
    while True:
        sql = f"SELECT {names} FROM {table}{where} ORDER BY {order} LIMIT {_CHUNK}"  # noqa: S608  constants
        rows = source.execute(sql, last).fetchall()
        if rows:
            yield rows
        if len(rows) < _CHUNK:
            return
        where, last = after, tuple(rows[-1][place] for place in places)


def _private(path: Path) -> None:
    """Readable by its owner only, and on the disk."""
    try:
        os.chmod(path, 0o600)
        sync_file(path)
    except OSError as error:
        raise StoreError(f"cannot write `{path}`: {error.strerror}") from error
