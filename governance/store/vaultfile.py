"""The vault's database: one writer's connection, one reader's, and the errors of both.

The law: writes take turns, reads do not wait for writes, and what was deleted is gone from the
write-ahead log of a file as well before anybody says so. On a server the turn is a row's lock, and
every process learns there that another one forgot somebody.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Final

from governance.store.database import ERRORS, Database, failure
from governance.store.errors import ServerError, StoreError
from governance.store.sqlite import Connection, Cursor

_TURN: Final = "SELECT forgotten FROM vault_turn WHERE id = 1 FOR UPDATE"
_FORGOT: Final = "UPDATE vault_turn SET forgotten = forgotten + 1 WHERE id = 1"


class VaultFile:
    """An open vault. Any thread may call; `writing` is held by whoever writes."""

    def __init__(self, database: Database, writer: Connection, reader: Connection) -> None:
        self.database, self.writer, self._reader = database, writer, reader
        self.writing = threading.RLock()
        self._reading = threading.Lock()

    def one(self, sql: str, *parameters: object) -> Any:
        """The first row of a question, or None. Raises `Damaged`."""
        rows = self.all(sql, *parameters)
        return rows[0] if rows else None

    def all(self, sql: str, *parameters: object) -> list[Any]:
        """All rows of a question. Raises `Damaged`, or `Unavailable`."""
        try:
            with self._reading:
                return self._reader.execute(sql, parameters).fetchall()
        except ERRORS as error:
            raise failure(self.database, error) from error

    @staticmethod
    def ask_turn(db: Connection) -> Cursor:
        """Ask for the turn to write values, on a server; the answer, which waits for it, is how often
        anybody was forgotten so far."""
        return db.execute(_TURN)

    def write(
        self, statements: Iterable[tuple[str, Sequence[object]]], *, forgets: bool = False
    ) -> int:
        """Do some statements in one transaction; how many rows the last one changed.

        `forgets`: other processes must not go on with what they remember. Raises `StoreError`.
        """
        with self.writing:
            count = 0
            try:
                self.writer.execute(self.database.begin)
                if self.database.shared:
                    self.ask_turn(self.writer).fetchone()
                for sql, parameters in statements:
                    count = self.writer.execute(sql, parameters).rowcount
                if forgets and self.database.shared:
                    self.writer.execute(_FORGOT)
                self.writer.execute("COMMIT")
            except ERRORS as error:
                self.undo()
                raise StoreError(self.database.explain(error)) from error
            return count

    def claim(self, sql: str, parameters: Sequence[object]) -> None:
        """Do what somebody else may have done already, at once and durably: a server's only.

        It may be done twice, so a session that was lost since the last time is no reason to fail.
        Raises `StoreError`.
        """
        with self.writing:
            try:
                self.writer.execute(sql, parameters)
            except ServerError as error:
                if not error.lost:
                    raise failure(self.database, error) from error
                try:
                    self.writer.execute(sql, parameters)
                except ServerError as again:
                    raise failure(self.database, again) from again

    def undo(self) -> None:
        """Try to leave no transaction open."""
        with contextlib.suppress(*ERRORS):
            self.writer.execute("ROLLBACK")

    def fold_back(self) -> None:
        """Fold the write-ahead log back, so that deleted bytes are in no file. Raises `StoreError`.

        A server's write-ahead log and free space are not in our hands: see `docs/postgresql.md`.
        """
        if self.database.shared:
            return
        try:
            self.writer.execute("PRAGMA busy_timeout=1000")
            busy = self.writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            self.writer.execute("PRAGMA busy_timeout=10000")
        except ERRORS as error:
            raise StoreError(self.database.explain(error)) from error
        if busy:
            raise StoreError(
                f"`{self.database}` is being read by another program, so erased bytes may still be "
                "in its write-ahead log; end that program and erase again"
            )

    def close(self) -> None:
        """Close both connections."""
        with self.writing, self._reading:
            self.writer.close()
            self._reader.close()
