"""Schemas change by revisions, one chain for each database.

The law: a workspace written by an older version is brought up to date when it is opened, one
written by a newer version is refused. There is no way down: a log does not forget.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from governance.store.database import ERRORS, Database, as_database
from governance.store.errors import CannotOpen
from governance.store.sqlite import SqliteFile, explain

HEADS = {"log": "0004_shared", "vault": "0002_shared"}
"""The newest revision of each database that this version knows."""

_HERE = Path(__file__).parent


def bring_up_to_date(place: Path | Database, database: str) -> None:
    """Create or upgrade the schema of `database` ("log" or "vault") at `place`.

    Raises `CannotOpen` for a schema this version does not know, and for one it cannot change.
    """
    where = as_database(place)
    found = revision_of(where)
    if found == HEADS[database]:
        return
    if found is not None and found not in known_revisions(database):
        raise CannotOpen(
            f"`{where}` was written by a newer version of this service (schema `{found}`, this "
            f"version knows up to `{HEADS[database]}`); install that version or a later one"
        )
    if isinstance(where, SqliteFile):
        _upgrade_file(where.path, database)
    else:
        _upgrade_server(where, database)


def revision_of(place: Path | Database) -> str | None:
    """The schema revision a database says it has; None for a new one."""
    where = as_database(place)
    try:
        if isinstance(where, SqliteFile):
            return _revision_of_file(where.path)
        with closing(where.reader()) as connection:
            sql = (
                "SELECT 1 FROM information_schema.tables "
                "WHERE table_schema = current_schema() AND table_name = 'alembic_version'"
            )
            if connection.execute(sql).fetchone() is None:
                return None
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except ERRORS as error:
        raise CannotOpen(where.explain(error)) from error
    return None if row is None else str(row[0])


def _revision_of_file(path: Path) -> str | None:
    if not path.exists() or path.stat().st_size == 0:
        return None
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        there = connection.execute(
            "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
        ).fetchone()
        if there is None:
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def known_revisions(database: str) -> frozenset[str]:
    """The revisions this version can start from."""
    return frozenset(path.stem for path in (_HERE / database).glob("[0-9]*.py"))


def _upgrade_file(path: Path, database: str) -> None:
    # imported here: opening a workspace that is up to date should not pay for it
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import DBAPIError

    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _plain(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: object) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # type: ignore[attr-defined]

    try:
        _apply(engine, database)
    except DBAPIError as error:
        cause = error.orig if isinstance(error.orig, Exception) else error
        raise CannotOpen(explain(cause, path)) from error
    finally:
        engine.dispose()


def _upgrade_server(where: Database, database: str) -> None:
    from sqlalchemy.exc import DBAPIError

    from governance.store.postgres import Server, engine_of

    assert isinstance(where, Server)
    engine = engine_of(where)
    try:
        _apply(engine, database)
    except DBAPIError as error:
        raise CannotOpen(
            f"the tables of `{where}` could not be brought up to date ({error.orig}); only the "
            "owner's role may: `governance database prepare --owner postgresql://…`"
        ) from error
    finally:
        engine.dispose()


def _apply(engine: Any, database: str) -> None:
    from alembic import command
    from alembic.config import Config

    from governance.store.tables import LogTable, VaultTable

    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("version_locations", str(_HERE / database))
    config.set_main_option("path_separator", "os")
    config.attributes["metadata"] = (LogTable if database == "log" else VaultTable).metadata
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
