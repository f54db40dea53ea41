"""Schemas change by revisions, one chain for each database.

The law: a workspace written by an older version is brought up to date when it is opened, one
written by a newer version is refused. There is no way down: a log does not forget.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from governance.store.errors import CannotOpen
from governance.store.sqlite import explain

HEADS = {"log": "0003_cuts", "vault": "0001_vault"}
"""The newest revision of each database that this version knows."""

_HERE = Path(__file__).parent


def bring_up_to_date(path: Path, database: str) -> None:
    """Create or upgrade the schema of `database` ("log" or "vault") in the file at `path`.

    Raises `CannotOpen` for a schema this version does not know, and for a file it cannot change.
    """
    found = revision_of(path)
    if found == HEADS[database]:
        return
    if found is not None and found not in known_revisions(database):
        raise CannotOpen(
            f"`{path}` was written by a newer version of this service (schema `{found}`, this "
            f"version knows up to `{HEADS[database]}`); install that version or a later one"
        )
    _upgrade(path, database)


def revision_of(path: Path) -> str | None:
    """The schema revision a file says it has; None for a new file."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        there = connection.execute(
            "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
        ).fetchone()
        if there is None:
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise CannotOpen(explain(error, path)) from error
    finally:
        connection.close()
    return None if row is None else str(row[0])


def known_revisions(database: str) -> frozenset[str]:
    """The revisions this version can start from."""
    return frozenset(path.stem for path in (_HERE / database).glob("[0-9]*.py"))


def _upgrade(path: Path, database: str) -> None:
    # imported here: opening a workspace that is up to date should not pay for it
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import DBAPIError

    from governance.store.tables import LogTable, VaultTable

    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("version_locations", str(_HERE / database))
    config.set_main_option("path_separator", "os")
    config.attributes["metadata"] = (LogTable if database == "log" else VaultTable).metadata
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _plain(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: object) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # type: ignore[attr-defined]

    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        cause = error.orig if isinstance(error.orig, Exception) else error
        raise CannotOpen(explain(cause, path)) from error
    finally:
        engine.dispose()
