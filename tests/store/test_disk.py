"""Full and read-only disks: a sentence, no answer, nothing lost, and a way on."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from governance.store import diskwatch
from governance.store.errors import CannotOpen, StoreError, Unavailable
from governance.store.workspace import Seams, Workspace
from tests.store import world
from tests.store.world import Decide


def _small(connection: Any) -> Any:
    """A database that may grow by a few pages only: SQLite reports a full disk beyond that."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages + 12}")
    return connection


@pytest.mark.parametrize("which", ["log", "vault"])
def test_a_full_disk_gives_no_answer_and_loses_nothing(root: Path, which: str) -> None:
    """On a full disk agents would be allowed to act without a record, or records be lost."""
    answered = []
    seams = Seams(**{which: _small})
    with world.open_(root, seams=seams) as workspace:
        try:
            for n in range(10_000):
                subject = workspace.vault.pseudonym("payee", str(n))
                command = Decide(str(n), values=(("f", b"x" * 500, subject),))
                answered.append(workspace.ledger.submit(command).result(10).receipts[0])
        except Unavailable as error:
            message = str(error)
        assert "full" in message
        assert f"{which}.db`" in message, "it names the disk that is full, not another"
        assert "start the service again" in message
        with pytest.raises(Unavailable):
            workspace.ledger.submit(Decide())
        assert workspace.ledger.ready is not None
    with world.open_(root) as workspace:
        for receipt in answered:
            assert workspace.reader.node(0, receipt.index) == receipt.leaf_hash
        workspace.ledger.submit(Decide("there is room again")).result(10)


def test_a_full_volume_of_the_head_gives_no_answer(root: Path) -> None:
    """The head would stay behind while answers go out, and a cut tail be unnoticeable."""

    class Full:
        def __init__(self, head: Any) -> None:
            self.head = head

        def write(self, note: str) -> None:
            raise OSError(28, "no space left on device")

        def close(self) -> None:
            self.head.close()

    workspace = world.open_(root, seams=Seams(head=Full))
    with workspace, pytest.raises(Unavailable, match="no space left"):
        workspace.ledger.submit(Decide("not answered")).result(10)
    with world.open_(root) as workspace:
        assert workspace.ledger.size == 1
        workspace.ledger.submit(Decide()).result(10)


def test_a_read_only_database_is_a_sentence(root: Path) -> None:
    """A read-only mount would end in a stack trace."""

    def read_only(connection: Any) -> Any:
        connection.execute("PRAGMA query_only=ON")
        return connection

    workspace = world.open_(root, seams=Seams(log=read_only))
    with workspace, pytest.raises(Unavailable, match="cannot be written"):
        workspace.ledger.submit(Decide()).result(10)
    with world.open_(root) as workspace:
        assert workspace.ledger.size == 0
        workspace.ledger.submit(Decide()).result(10)


def test_something_that_is_no_database_is_a_sentence(root: Path) -> None:
    """A file overwritten by accident would end in a stack trace."""
    (root / "log.db").write_bytes(b"this is a letter to my aunt" * 1000)
    with pytest.raises(CannotOpen, match=r"damaged.*restore"):
        world.open_(root)


def test_before_the_disk_is_full_answers_pause_and_stops_do_not(
    opened: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the last megabyte agents would fill the disk, and nobody could raise a stop."""
    clock = world.FakeClock()
    free = [10 * diskwatch.MINIMUM]
    monkeypatch.setattr(diskwatch, "free_bytes", lambda _path: free[0])
    workspace = opened(clock=clock)
    workspace.ledger.submit(Decide()).result(10)
    free[0] = diskwatch.MINIMUM - 1
    clock.advance(2)
    with pytest.raises(Unavailable, match="MB are free"):
        workspace.ledger.submit(Decide()).result(10)
    workspace.ledger.submit(world.stop()).result(10)
    free[0] = 10 * diskwatch.MINIMUM
    clock.advance(2)
    workspace.ledger.submit(world.lift()).result(10)
    workspace.ledger.submit(Decide()).result(10)


def test_a_page_that_rots_while_we_work_gives_no_answer(root: Path) -> None:
    """A budget would be read from garbage."""
    with world.open_(root) as workspace:
        for n in range(300):
            workspace.ledger.submit(Decide(str(n), (world.euro("1", key=f"customer {n}"),))).result(
                10
            )
    with sqlite3.connect(root / "log.db") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'totals'").fetchone()
    data = bytearray((root / "log.db").read_bytes())
    data[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    (root / "log.db").write_bytes(data)
    with world.open_(root) as workspace:
        with pytest.raises(StoreError, match=r"is damaged .*governance restore"):
            world.total(workspace, "pay/LIM-1", "customer 7", None, "EUR")
        with pytest.raises(Unavailable):
            workspace.ledger.submit(Decide())


def test_the_failure_is_told_to_whoever_runs_the_service(root: Path) -> None:
    """A process that can record nothing would go on running and look alive."""
    told: list[str] = []
    with world.open_(root, seams=Seams(log=_small)) as workspace:
        workspace.ledger.on_failure = told.append
        with contextlib.suppress(Unavailable):
            for n in range(10_000):
                workspace.ledger.submit(Decide("x" * 1_000 + str(n))).result(10)
        end = time.monotonic() + 5
        while not told and time.monotonic() < end:
            time.sleep(0.01)
    assert "full" in told[0]
