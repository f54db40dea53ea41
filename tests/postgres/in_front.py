"""Something in front of a connection to a server, that tests put trouble into."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any


class InFront(ABC):
    """Every statement goes through `_around`, which does it, or has something happen to it."""

    dialect = "postgresql"

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        """The statement, or its failure."""
        return self._around(sql, lambda: self.inner.execute(sql, parameters))

    def executemany(self, sql: str, parameters: Any) -> Any:
        """The same for many rows."""
        return self._around(sql, lambda: self.inner.executemany(sql, parameters))

    def insert_rows(self, table: str, columns: Any, rows: Any) -> None:
        """The same for an insert."""
        self._around(f"INSERT INTO {table}", lambda: self.inner.insert_rows(table, columns, rows))

    def close(self) -> None:
        """Close it."""
        self.inner.close()

    @abstractmethod
    def _around(self, sql: str, do: Callable[[], Any]) -> Any:
        """Do it, or not."""
