"""What somebody with the database can do to a workspace, and who notices: the start, the check, or an auditor.

Each attack is made with the triggers out of the way, once with the head file in its place and once with
a head file from the same moment as the database. `refused` is the start, `found` is `fsck`, `kept` is
an auditor who kept a head; where nobody can notice from the workspace alone, nobody claims to.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from audit.errors import NotVerified
from audit.head import read_head
from audit.packing import write_package
from audit.verify import verify
from governance.store.errors import CannotOpen
from governance.store.fsck import fsck
from governance.store.paths import Paths
from governance.store.reader import Reader
from tests.store import world
from tests.store.test_fsck import filled
from tests.store.test_repair import alter

Attack = Callable[[Path, Path], None]


def sql(*changes: str) -> Attack:
    """Change rows of the log."""
    return lambda root, _old: alter(root / "log.db", *changes)


def older(root: Path, old: Path) -> None:
    """Put a copy of the database from before the last ten entries back."""
    shutil.copyfile(old / "log.db", root / "log.db")


def older_with_head(root: Path, old: Path) -> None:
    """The same with the head file of that day; the read models are forgotten."""
    older(root, old)
    shutil.copyfile(old / "head", root / "head")


def older_everything(root: Path, old: Path) -> None:
    """Everything of that day."""
    older_with_head(root, old)
    shutil.copyfile(old / "views.db", root / "views.db")


SWAP = (
    "UPDATE log_entries SET entry = (SELECT entry FROM log_entries WHERE idx = 9), "
    "leaf = (SELECT leaf FROM log_entries WHERE idx = 9) WHERE idx = 8"
)
EDIT = """replace(entry, '"allow"', '"alloW"')"""
ATTACKS: dict[str, tuple[Attack, set[str]]] = {
    "edit": (sql(f"UPDATE log_entries SET entry = {EDIT} WHERE idx = 7"), {"refused", "found"}),
    "edit that keeps its type": (
        sql(f"UPDATE log_entries SET entry = CAST({EDIT} AS BLOB) WHERE idx = 7"),
        {"refused", "found"},
    ),
    "edit that fits its leaf": (
        sql("UPDATE log_entries SET entry = x'7b7d', leaf = x'00' WHERE idx = 7"),
        {"refused", "found"},
    ),
    "swap": (sql(SWAP), {"refused", "found"}),
    "delete": (sql("DELETE FROM log_entries WHERE idx = 7"), {"refused", "found"}),
    "cut": (
        sql("DELETE FROM log_entries WHERE idx >= 20", "DELETE FROM checkpoints WHERE size > 20"),
        {"refused", "found"},
    ),
    "append": (
        sql("INSERT INTO log_entries SELECT 32, entry, leaf FROM log_entries WHERE idx = 3"),
        {"refused", "found"},
    ),
    "mark as pruned": (
        sql(
            "INSERT INTO cuts VALUES (256, 31, '', 0, 256)",
            "UPDATE log_entries SET entry = x'' WHERE idx = 7",
        ),
        {"refused", "found"},
    ),
    "facts": (sql("UPDATE totals SET sum = '0'"), {"found"}),
    "read models": (
        lambda root, _old: alter(root / "views.db", "DELETE FROM decision_list WHERE idx = 7"),
        {"found"},
    ),
    "rollback": (older, {"refused", "found"}),
    "rollback with the head file": (older_with_head, {"found", "kept"}),
    "rollback of everything": (older_everything, {"kept"}),
    "nothing": (lambda _root, _old: None, set()),
}


@pytest.mark.parametrize("name", sorted(ATTACKS), ids=lambda name: name.replace(" ", "-"))
def test_who_notices_what_somebody_did_to_the_database(
    root: Path, in_memory: Path, name: str
) -> None:
    """An attack that somebody was promised to see would pass, or an honest log would be accused."""
    attack, notices = ATTACKS[name]
    old = in_memory / "old"
    with filled(root) as workspace:
        vkeys = workspace.vkeys
    shutil.copytree(root, old)
    with world.open_(root) as workspace:
        for number in range(10):
            workspace.ledger.submit(world.Decide(f"later {number}")).result(10)
        workspace.views.wait_for(workspace.ledger.size)
    head = read_head((root / "head").read_bytes())
    attack(root, old)
    report = fsck(Paths(root), vkeys, scratch=in_memory)
    assert bool(report.findings) == ("found" in notices), report.findings
    if "kept" in notices or not notices:
        with closing(Reader(root / "log.db")) as reader:
            write_package(in_memory / "package", reader, reader.checkpoint(), keys=vkeys)
        assert verify(in_memory / "package", vkeys).size
        if notices:
            with pytest.raises(NotVerified):
                verify(in_memory / "package", vkeys, head=head)
        else:
            verify(in_memory / "package", vkeys, head=head)
    if "refused" in notices:
        with pytest.raises(CannotOpen):
            world.open_(root)
    else:
        world.open_(root).close()
    with closing(sqlite3.connect(root / "log.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
