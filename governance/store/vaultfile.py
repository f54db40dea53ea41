"""The vault's database file: one writer's connection, one reader's, and the errors of both.

The law: writes take turns, reads do not wait for writes, and what was deleted is gone from the
write-ahead log as well before anybody says so.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from governance.store.errors import Damaged, StoreError
from governance.store.sqlite import Connection, explain


class VaultFile:
    """An open `vault.db`. Any thread may call; `writing` is held by whoever writes."""

    def __init__(self, path: Path, writer: Connection, reader: Connection) -> None:
        self.path, self.writer, self._reader = path, writer, reader
        self.writing = threading.RLock()
        self._reading = threading.Lock()

    def one(self, sql: str, *parameters: object) -> Any:
        """The first row of a question, or None. Raises `Damaged`."""
        rows = self.all(sql, *parameters)
        return rows[0] if rows else None

    def all(self, sql: str, *parameters: object) -> list[Any]:
        """All rows of a question. Raises `Damaged`."""
        try:
            with self._reading:
                return self._reader.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise Damaged(explain(error, self.path)) from error

    def write(self, statements: Iterable[tuple[str, Sequence[object]]]) -> int:
        """Do some statements in one transaction; how many rows the last one changed.

        Raises `StoreError`.
        """
        with self.writing:
            count = 0
            try:
                self.writer.execute("BEGIN IMMEDIATE")
                for sql, parameters in statements:
                    count = self.writer.execute(sql, parameters).rowcount
                self.writer.execute("COMMIT")
            except sqlite3.Error as error:
                self.undo()
                raise StoreError(explain(error, self.path)) from error
            return count

    def undo(self) -> None:
        """Try to leave no transaction open."""
        try:
            self.writer.execute("ROLLBACK")
        except sqlite3.Error:
            return

    def fold_back(self) -> None:
        """Fold the write-ahead log back, so that deleted bytes are in no file. Raises `StoreError`."""
        try:
            self.writer.execute("PRAGMA busy_timeout=1000")
            busy = self.writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            self.writer.execute("PRAGMA busy_timeout=10000")
        except sqlite3.Error as error:
            raise StoreError(explain(error, self.path)) from error
        if busy:
            raise StoreError(
                f"`{self.path}` is being read by another program, so erased bytes may still be "
                "in its write-ahead log; end that program and erase again"
            )

    def close(self) -> None:
        """Close both connections."""
        with self.writing, self._reading:
            self.writer.close()
            self._reader.close()
