"""The types of the columns as PostgreSQL writes them, told by the tables themselves.

The law: nobody says a column's type twice.
"""

from __future__ import annotations

from functools import cache

from sqlalchemy.dialects import postgresql

from governance.store.tables import LogTable, SharedLogTable, SharedVaultTable, VaultTable


@cache
def arrays_of(table: str) -> dict[str, str]:
    """The element types of arrays of a table's columns, by column."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for base in (LogTable, VaultTable, SharedLogTable, SharedVaultTable):
        found = base.metadata.tables.get(table)
        if found is not None:
            return {column.name: column.type.compile(dialect) for column in found.columns}
    raise KeyError(table)
