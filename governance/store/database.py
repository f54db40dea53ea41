"""The seam between the store and the database it writes to.

The law: the rooms of the store know tables, never a product. Whatever differs between SQLite and
PostgreSQL (how to connect and begin, what an error means, the few statements that one of them
cannot take) is behind `Database`; everything else is one text for both, with `?` for values.
SQLite's own connection is used as it is, so that the seam costs it nothing.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from governance.store.errors import (
    BadParameter,
    CannotOpen,
    Damaged,
    ServerError,
    StoreError,
    Unavailable,
)
from governance.store.sqlite import Connection, SqliteFile

if TYPE_CHECKING:
    from governance.store.grants import Prepared

ERRORS: Final = (sqlite3.Error, ServerError)
"""What a database raises when it fails."""

MISUSE: Final = (sqlite3.InterfaceError, sqlite3.ProgrammingError, BadParameter)
"""What is raised for a value that cannot be asked for; the database itself is well."""

LOG_SCHEMA: Final = "governance_log"
VAULT_SCHEMA: Final = "governance_vault"
"""On a server: apart from each other, so that each is backed up and granted by itself."""

SCHEMES: Final = ("postgresql://", "postgres://")


class Database(Protocol):
    """One of the two databases of a workspace: `str()` names it to people, without secrets."""

    @property
    def shared(self) -> bool:
        """Whether several processes may write it at the same time."""

    @property
    def begin(self) -> str:
        """The statement that begins a transaction which is going to write."""

    def exists(self) -> bool:
        """Whether there is something to be opened."""

    def size(self) -> int:
        """Bytes it takes on the disk."""

    def writer(
        self, *, guarded: frozenset[str] = frozenset(), overwrite: bool = False
    ) -> Connection:
        """A connection that may write. Raises `CannotOpen`."""

    def reader(self) -> Connection:
        """A connection that only reads. Raises `CannotOpen`."""

    def explain(self, error: Exception) -> str:
        """What an error means, and what to do."""


def as_database(place: Path | Database) -> Database:
    """A database as it is; a path as the SQLite file it names."""
    return SqliteFile(place) if isinstance(place, Path) else place


def failure(database: Database, error: Exception) -> StoreError:
    """What reading failed with: `Unavailable` if asking again may help, else `Damaged`."""
    if isinstance(error, ServerError) and (error.lost or error.sqlstate[:2] in ("08", "53", "57")):
        return Unavailable(database.explain(error))
    return Damaged(database.explain(error))


def server(address: str, schema: str) -> Database:
    """The database at `address` (`postgresql://…`, or `env:NAME` for a variable that holds it).

    Raises `CannotOpen` for an address that cannot be used, or when psycopg is not installed.
    """
    url = resolved(address)
    try:
        # imported here: who uses SQLite should need neither the library nor the time to load it
        from governance.store.postgres import Server, checked
    except ImportError as error:
        raise CannotOpen(
            f"PostgreSQL needs the library `psycopg` ({error}); install it with "
            "`pip install 'agent-governance[postgresql]'`"
        ) from error
    return Server(checked(url), schema)


def prepare(owner: str, service: str) -> Prepared:
    """Make a server's database ready for the role of the address `service`, as `owner`'s role.

    May be done again: it brings the schemas up to date and repairs guards and rights. Raises
    `CannotOpen`, saying what to do.
    """
    server(owner, LOG_SCHEMA)  # says what is wrong with the address, or with the installation
    from governance.store.grants import prepare as made_ready

    return made_ready(owner, service)


def resolved(address: str) -> str:
    """The address itself, or what the environment variable that `env:NAME` names holds."""
    url = address
    if address.startswith("env:"):
        name = address[len("env:") :]
        url = os.environ.get(name, "")
        if not url:
            raise CannotOpen(
                f"the environment variable `{name}` is not set; it must hold the database's address"
            )
    if not url.startswith(SCHEMES):
        raise CannotOpen(
            f"`{address}` is no address of a database; write `postgresql://user@host/name`, or "
            "`env:NAME` for an environment variable that holds it"
        )
    return url


def meanwhile(connection: Connection, work: Callable[[], None]) -> None:
    """Have `work` done while a server does what it is sent next; at once where nobody waits for one."""
    getattr(connection, "meanwhile", _now)(work)


def _now(work: Callable[[], None]) -> None:
    work()


def dialect_of(connection: Connection) -> str:
    """`sqlite` or `postgresql`: for the few statements that one of them cannot take."""
    return getattr(connection, "dialect", "sqlite")
