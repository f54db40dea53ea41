"""Everything that is derived is compared with what the log says."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from governance.store.fsck import fsck
from governance.store.workspace import Workspace
from tests.store import world
from tests.store.world import Decide


def filled(root: Path) -> Workspace:
    """A workspace that is open and holds a little of everything."""
    workspace = world.open_(root)
    fill(workspace)
    return workspace


def fill(workspace: Workspace) -> None:
    """Decisions with charges to two series, a redeemed permit, an outcome that gives back."""
    for n in range(20):
        charges = (world.euro("10"), ("seen", f"customer {n % 3}", "1", ""))
        workspace.ledger.submit(Decide(str(n), charges)).result(10)
    workspace.ledger.submit(world.redeem(3)).result(10)
    workspace.ledger.submit(world.outcome(3, "failed", released=True)).result(10)
    assert workspace.views.wait_for(workspace.ledger.size)


def test_a_sound_workspace_has_no_findings(root: Path) -> None:
    """A check that cries wolf is switched off."""
    with filled(root) as workspace:
        report = fsck(workspace.paths, workspace.vkeys)
    assert report.findings == ()
    assert report.unchecked == ()
    assert report.entries == 22


@pytest.mark.parametrize(
    ("database", "change", "where"),
    [
        ("log.db", "UPDATE totals SET sum = '0' WHERE n = 5", "pay/LIM-1"),
        ("log.db", "DELETE FROM totals WHERE series = 'seen' AND key = 'customer 1'", "customer 1"),
        ("log.db", "INSERT INTO totals VALUES ('seen', 'nobody', 5, 1, '', '1', NULL)", "nobody"),
        ("log.db", "UPDATE given_back SET sum = '999'", "pay/LIM-1"),
        ("log.db", "UPDATE decisions SET redeemed = NULL", "decision 3"),
        ("log.db", "UPDATE decisions SET effect = 'allow!' WHERE idx = 7", "decision 7"),
        ("log.db", "DELETE FROM decisions WHERE idx = 7", "decision 7"),
        (
            "log.db",
            "UPDATE tree_nodes SET hash = zeroblob(32) WHERE level = 2 AND idx = 1",
            "node 1",
        ),
        ("log.db", "UPDATE log_entries SET leaf = zeroblob(32) WHERE idx = 4", "entry 4"),
        ("log.db", "UPDATE log_entries SET entry = x'7b7d' WHERE idx = 4", "entry 4"),
        ("views.db", "UPDATE decision_list SET effect = 'deny' WHERE idx = 7", "decision_list"),
        ("views.db", "DELETE FROM reference_list", "reference_list"),
        ("views.db", "INSERT INTO entry_list VALUES (7, 0, 'stop.lifted', 'x')", "entry_list"),
    ],
)
def test_every_alteration_is_named(root: Path, database: str, change: str, where: str) -> None:
    """A budget or a list that was edited by hand would be believed."""
    with filled(root) as workspace:
        paths, vkeys = workspace.paths, workspace.vkeys
    with sqlite3.connect(root / database) as db:
        for (name,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute(change)
    report = fsck(paths, vkeys)
    assert any(where in finding.where for finding in report.findings), report.findings


def test_it_runs_beside_a_working_owner(root: Path) -> None:
    """The service would have to be stopped to be checked."""
    with filled(root) as workspace:
        futures = [workspace.ledger.submit(Decide(str(n), (world.euro("1"),))) for n in range(500)]
        report = fsck(workspace.paths, workspace.vkeys)
        for future in futures:
            future.result(10)
    assert report.findings == ()
