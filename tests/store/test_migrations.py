"""The schema that migrations make is the schema the tables describe."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from governance.store import migrations
from governance.store.errors import CannotOpen
from governance.store.tables import LogTable, VaultTable, statements


@pytest.mark.parametrize(("database", "base"), [("log", LogTable), ("vault", VaultTable)])
def test_migrations_make_the_tables_that_are_described(
    tmp_path: Path, database: str, base: type
) -> None:
    """A column added to the tables but to no migration would be missing on every installation."""
    migrations.bring_up_to_date(tmp_path / "migrated.db", database)
    with sqlite3.connect(tmp_path / "described.db") as db:
        for statement in statements(base):
            db.execute(statement)
    assert _schema(tmp_path / "migrated.db") == _schema(tmp_path / "described.db")
    assert migrations.revision_of(tmp_path / "migrated.db") == migrations.HEADS[database]


@pytest.mark.parametrize("database", ["log", "vault"])
def test_the_newest_revision_is_the_one_known(database: str) -> None:
    """A workspace could be created with a schema that its own version refuses to open."""
    assert migrations.HEADS[database] == max(migrations.known_revisions(database))


def test_bringing_up_to_date_twice_changes_nothing(tmp_path: Path) -> None:
    """Every start would rewrite the schema."""
    path = tmp_path / "log.db"
    migrations.bring_up_to_date(path, "log")
    before = path.read_bytes()
    migrations.bring_up_to_date(path, "log")
    assert path.read_bytes() == before


def test_something_that_is_no_database_is_a_sentence(tmp_path: Path) -> None:
    """A wrong file would end in a stack trace."""
    path = tmp_path / "log.db"
    path.write_bytes(b"no database at all, but long enough to look" * 100)
    with pytest.raises(CannotOpen, match="damaged"):
        migrations.bring_up_to_date(path, "log")


def _schema(path: Path) -> dict[str, object]:
    with sqlite3.connect(path) as db:
        tables = [
            name
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name != "alembic_version"
        ]
        return {
            name: (
                db.execute(f"PRAGMA table_xinfo({name})").fetchall(),
                sorted(
                    tuple(c[2] for c in db.execute(f"PRAGMA index_info({index[1]})")) + index[2:4]
                    for index in db.execute(f"PRAGMA index_list({name})")
                ),
                "WITHOUT ROWID"
                in db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()[
                    0
                ],
            )
            for name in tables
        }
