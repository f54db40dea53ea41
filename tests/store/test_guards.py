"""The log's tables can be added to, and nothing else."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from governance.store.guards import GUARDED
from governance.store.sqlite import connect_writer
from governance.store.workspace import Workspace
from tests.store.world import Decide

ATTACKS = [
    "UPDATE log_entries SET entry = x'00' WHERE idx = 1",
    "DELETE FROM log_entries WHERE idx = 2",
    "INSERT OR REPLACE INTO log_entries VALUES (1, x'00', x'00')",
    "REPLACE INTO log_entries VALUES (0, x'00', x'00')",
    "INSERT OR IGNORE INTO log_entries VALUES (1, x'00', x'00')",
    "INSERT INTO log_entries VALUES (9, x'00', x'00')",
    "INSERT INTO log_entries VALUES (-1, x'00', x'00')",
    "INSERT INTO log_entries (idx, entry, leaf) VALUES (1, x'00', x'00') "
    "ON CONFLICT (idx) DO UPDATE SET entry = x'00'",
    "UPDATE tree_nodes SET hash = x'00'",
    "DELETE FROM tree_nodes",
    "INSERT OR REPLACE INTO tree_nodes VALUES (1, 0, x'00')",
    "UPDATE checkpoints SET note = ''",
    "DELETE FROM checkpoints WHERE size > 0",
    "INSERT OR REPLACE INTO checkpoints VALUES (3, 0, '')",
    "INSERT INTO checkpoints VALUES (99, 0, '')",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_rows_of_the_log_cannot_be_changed(root: Path, workspace: Workspace, attack: str) -> None:
    """A stray statement in a script would rewrite history; REPLACE slips past DELETE triggers."""
    for n in range(3):
        workspace.ledger.submit(Decide(str(n))).result(10)
    before = _contents(root)
    with sqlite3.connect(root / "log.db") as db, pytest.raises(sqlite3.IntegrityError):
        db.execute(attack)
    assert _contents(root) == before


@pytest.mark.parametrize(
    "attack",
    [
        "DROP TRIGGER log_entries_no_update",
        "DROP TABLE checkpoints",
        "ALTER TABLE log_entries RENAME TO x",
    ],
)
def test_the_owner_process_itself_cannot_take_the_guards_away(root: Path, attack: str) -> None:
    """A hole in our own SQL would be enough to rewrite the log."""
    db = connect_writer(root / "log.db", guarded=GUARDED)
    with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
        db.execute(attack)
    db.close()


def _contents(root: Path) -> list[object]:
    with sqlite3.connect(root / "log.db") as db:
        return [db.execute(f"SELECT * FROM {table}").fetchall() for table in sorted(GUARDED)]
