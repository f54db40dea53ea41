"""Starting from a snapshot gives the state that folding everything gives, or it is not used."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from governance.store import snapshots
from governance.store.fold import Fold
from tests.store import world
from tests.store.world import Decide


def _filled(root: Path) -> None:
    with world.open_(root, snapshot_every=50) as workspace:
        for n in range(60):
            workspace.ledger.submit(Decide(str(n))).result(10)
        end = time.monotonic() + 5
        while "service.snapshot" not in workspace.ledger.state.kinds:
            assert time.monotonic() < end
            time.sleep(0.01)
        for n in range(10):
            workspace.ledger.submit(Decide(f"after {n}")).result(10)


def _folded_entries(root: Path, fold: Fold = world.FOLD) -> tuple[int, object]:
    """How many entries are folded when the workspace is opened, and the state."""
    count = 0

    def counting(state: object, index: int, entry: object) -> object:
        nonlocal count
        count += 1
        return fold.apply(state, index, entry)  # type: ignore[arg-type]

    with world.open_(root, fold=replace(fold, apply=counting)) as workspace:
        return count, workspace.ledger.state


def test_only_what_came_after_the_snapshot_is_folded(root: Path) -> None:
    """A start would take longer every day, until the service cannot be restarted in time."""
    _filled(root)
    count, state = _folded_entries(root)
    assert count < 25
    assert state.kinds == {"decision": 70, "service.snapshot": 1}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE snapshots SET state = CAST(replace(state, '5', '6') AS BLOB)",
        "UPDATE snapshots SET state = x'00', digest = '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'",
        "UPDATE snapshots SET size = size - 1",
        "UPDATE snapshots SET sealed_by = 0",
        "DELETE FROM snapshots",
    ],
)
def test_a_snapshot_that_no_entry_seals_is_as_if_it_were_not_there(root: Path, spoil: str) -> None:
    """Whoever can write the database could lift a stop by editing the stored state."""
    _filled(root)
    with sqlite3.connect(root / "log.db") as db:
        db.execute(spoil)
    count, state = _folded_entries(root)
    assert count == 71
    assert state.kinds == {"decision": 70, "service.snapshot": 1}  # type: ignore[attr-defined]


def test_a_snapshot_of_another_meaning_is_not_used(root: Path) -> None:
    """After an upgrade the state would be what the old version thought it was."""
    _filled(root)
    count, _ = _folded_entries(root, replace(world.FOLD, semantics="2"))
    assert count == 71


def test_old_snapshots_go(root: Path) -> None:
    """Snapshots would fill the disk."""
    with world.open_(root) as workspace:
        taker = snapshots.Snapshots(workspace.ledger, world.FOLD, 0)
        for n in range(5):
            workspace.ledger.submit(Decide(str(n))).result(10)
            taker.take(workspace.ledger.position)
    with sqlite3.connect(root / "log.db") as db:
        assert db.execute("SELECT count(*) FROM snapshots").fetchone() == (2,)
