"""Faults between the ledger and the disk: at a chosen write, an error, a lie or a death.

`Faulty` counts every operation that may write: statements to either database and the two steps of
the head file. At the chosen one it raises before doing it (`error`), does it and then raises
(`persisted`), or kills the process before or after doing it (`killed`, `killed-after`).
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from typing import Any

from governance.store.workspace import Seams

MODES = ("error", "persisted", "killed", "killed-after")
READING = ("SELECT", "PRAGMA")
"""Statements that cannot tear anything."""


class Faulty:
    """Counts operations from when it is armed, and fails the `at`-th."""

    def __init__(self, at: int, mode: str) -> None:
        self.at, self.mode = at, mode
        self.count = 0
        self.armed = False
        self.trace: list[str] = []

    def around(self, name: str, operation: Callable[[], Any], error: Exception) -> Any:
        """Do `operation`, or not, as chosen."""
        if not self.armed:
            return operation()
        self.count += 1
        self.trace.append(name)
        if self.count != self.at:
            return operation()
        if self.mode == "error":
            raise error
        if self.mode == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        result = operation()
        if self.mode == "killed-after":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.mode == "persisted":
            del result  # a cursor that the traceback keeps would go on holding the database
            raise error
        return result

    def seams(self) -> Seams:
        """Seams with this fault in all three places."""
        return Seams(
            log=lambda connection: _Connection(connection, self, "log"),
            vault=lambda connection: _Connection(connection, self, "vault"),
            head=lambda head: _Head(head, self),
        )


class _Connection:
    def __init__(self, inner: Any, faulty: Faulty, name: str) -> None:
        self.inner, self.faulty, self.name = inner, faulty, name

    def execute(self, sql: str, *parameters: Any) -> Any:
        if sql.startswith(READING):
            return self.inner.execute(sql, *parameters)
        return self.faulty.around(
            f"{self.name}: {sql[:40]}",
            lambda: self.inner.execute(sql, *parameters),
            sqlite3.OperationalError("disk I/O error (injected)"),
        )

    def executemany(self, sql: str, parameters: Any) -> Any:
        rows = list(parameters)
        return self.faulty.around(
            f"{self.name}: {sql[:40]}",
            lambda: self.inner.executemany(sql, rows),
            sqlite3.OperationalError("disk I/O error (injected)"),
        )

    def close(self) -> None:
        self.inner.close()


class _Head:
    def __init__(self, inner: Any, faulty: Faulty) -> None:
        self.inner, self.faulty = inner, faulty

    def write(self, note: str) -> None:
        self.faulty.around(
            "head: write",
            lambda: self.inner.write(note),
            OSError(5, "input/output error (injected)"),
        )

    def close(self) -> None:
        self.inner.close()
