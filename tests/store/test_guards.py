"""The log's tables can be added to, and nothing else."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from audit.errors import Pruned
from governance.store.guards import GUARDED
from governance.store.sqlite import connect_writer
from governance.store.workspace import Workspace
from tests.store.world import Decide, Write

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
    "UPDATE log_entries SET entry = x''",
    "INSERT INTO cuts VALUES (256, 0, '', 0, 0)",
    "INSERT INTO cuts VALUES (0, 2, '', 0, 0)",
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


AFTER_A_CUT = [
    "UPDATE log_entries SET entry = x'' WHERE idx = 256",
    "UPDATE log_entries SET entry = x'', leaf = x'' WHERE idx = 3",
    "UPDATE log_entries SET entry = x'00' WHERE idx = 3",
    "UPDATE log_entries SET entry = x'', idx = 900 WHERE idx = 3",
    "DELETE FROM log_entries WHERE idx = 3",
    "UPDATE cuts SET minimum = 512",
    "UPDATE cuts SET reached = 512",
    "UPDATE cuts SET entry = 0, reached = 256",
    "DELETE FROM cuts",
    "INSERT OR REPLACE INTO cuts VALUES (256, 300, '', 0, 0)",
    "INSERT INTO cuts VALUES (512, 300, '', 0, 0)",
    "INSERT INTO cuts VALUES (258, 300, '', 0, 0)",
]


@pytest.mark.parametrize("attack", AFTER_A_CUT)
def test_a_cut_opens_nothing_but_itself(root: Path, workspace: Workspace, attack: str) -> None:
    """Whoever may prune old entries could empty new ones, or cut deeper than people decided."""
    announce(workspace)
    before = _contents(root)
    with sqlite3.connect(root / "log.db") as db, pytest.raises(sqlite3.IntegrityError):
        db.execute(attack)
    assert _contents(root) == before


def test_what_was_announced_may_be_emptied(root: Path, workspace: Workspace) -> None:
    """Nothing could ever be pruned."""
    announce(workspace)
    with sqlite3.connect(root / "log.db") as db:
        db.execute("UPDATE log_entries SET entry = x'' WHERE idx < 256")
        db.execute("UPDATE cuts SET reached = 256")
    assert workspace.reader.minimum == 256
    assert workspace.reader.receipt(3).leaf_hash == workspace.reader.node(0, 3)
    with pytest.raises(Pruned, match="keeps its entries from `256` on"):
        workspace.reader.entry(3)
    with pytest.raises(Pruned):
        list(workspace.reader.entries(255, 300))
    assert len(list(workspace.reader.entries(256, 300))) == 44


def announce(workspace: Workspace) -> None:
    """Fill a log and announce that it keeps its entries from 256 on."""
    filling = tuple(("service.backup", {"size": n, "digest": "00" * 32}) for n in range(300))
    workspace.ledger.submit(Write(filling)).result(10)
    cut = {"minimum": 256, "snapshot": "00" * 32}
    index = workspace.ledger.submit(Write((("retention.pruned", cut),))).result(10).value
    insert = "INSERT INTO cuts VALUES (256, ?, ?, 0, 0)"
    workspace.ledger.chore(lambda db: db.execute(insert, (index, "00" * 32))).result(10)


def _contents(root: Path) -> list[object]:
    with sqlite3.connect(root / "log.db") as db:
        return [db.execute(f"SELECT * FROM {table}").fetchall() for table in sorted(GUARDED)]
