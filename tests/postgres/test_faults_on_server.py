"""Every statement of a batch on a server failing in every way a server fails; clocks that differ."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from audit.entry import decode
from governance.store.errors import ServerError, Unavailable
from governance.store.fsck import fsck
from governance.store.workspace import Seams, Workspace
from tests.postgres.fixtures import database, opened, root, server, workspace
from tests.postgres.in_front import InFront
from tests.postgres.test_outages import settled, sound
from tests.store import crashes, world
from tests.store.acknowledged import FREE
from tests.store.world import FakeClock

__all__ = ["database", "opened", "root", "server", "workspace"]

Open = Callable[..., Workspace]
FAILURES = {
    # what happened: SQLSTATE, whether the session is gone, whether the statement was done
    "serialization failure": ("40001", False, False),
    "deadlock": ("40P01", False, False),
    "disk full": ("53100", False, False),
    "lock timeout": ("55P03", False, False),
    "connection lost": ("08006", True, False),
    "connection lost after": ("08006", True, True),
    "failover": ("57P01", True, False),
}


class Failing(InFront):
    """In front of a connection: the `at`-th statement from when it is armed fails, once."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.at, self.count, self.how = 0, 0, ""
        self.seen: list[str] = []

    def arm(self, at: int, how: str) -> None:
        """From now on, count."""
        self.at, self.how, self.count, self.seen = at, how, 0, []

    def _around(self, sql: str, do: Callable[[], Any]) -> Any:
        if not self.at or sql == "ROLLBACK":
            return do()
        self.count += 1
        self.seen.append(sql)
        if self.count != self.at:
            return do()
        self.at = 0
        state, lost, done = FAILURES[self.how]
        if done:
            do()
        if lost:
            self.inner._raw.close()  # the server rolls back what was not committed
        elif sql != "COMMIT":
            with suppress(ServerError):  # as after any error, the transaction is over
                self.inner.execute("SELECT 1/0")
        else:
            self.inner.execute("ROLLBACK")
        raise ServerError(f"{self.how} (injected)", state, lost=lost)


def command(one: Workspace, number: int) -> world.Decide:
    """A decision that writes every table."""
    subject = one.vault.pseudonym("payee", f"IBAN {number % 5}")
    return world.Decide(
        str(number),
        (world.euro("1.00"), ("seen", subject, "1", "")),
        values=(("args.note", b'"v"', subject),),
    )


@pytest.mark.parametrize("how", sorted(FAILURES))
def test_every_statement_of_a_batch_fails_in_every_way(opened: Open, root: Path, how: str) -> None:
    """A server that fails at one particular statement could lose, double or fork what was recorded."""
    made: list[Failing] = []

    def seam(connection: Any) -> Any:
        made.append(Failing(connection))
        return made[-1]

    one = opened(seams=Seams(log=seam), limits=FREE)
    acknowledged: dict[int, int] = {}

    def ask(number: int) -> None:
        answer = one.ledger.submit(command(one, number)).result(20)
        acknowledged[number] = answer.receipts[0].index

    for number in range(3):
        ask(number)
    number, at, points = 3, 1, 0
    while True:
        made[0].arm(at, how)
        with suppress(Unavailable):
            ask(number)
        met, made[0].at = made[0].at == 0, 0
        settled(one)
        if not met:
            break
        ask(number + 1)
        told = sound(one)
        places = {text: index for index, text in _notes(one)}
        for asked, index in acknowledged.items():
            assert places[str(asked)] == index, f"{how} at {made[0].seen[-1]}"
        assert len(told) == len(places)
        assert one.views.wait_for(one.ledger.size)
        assert fsck(one.paths, one.vkeys, scratch=root).findings == ()
        crashes.count(f"server: {how}")
        number, at, points = number + 2, at + 1, points + 1
    assert points >= 9, made[0].seen


def _notes(one: Workspace) -> list[tuple[int, str]]:
    entries = map(decode, one.reader.entries(0, one.reader.size))
    return [(n, str(entry.data["note"])) for n, entry in enumerate(entries) if "note" in entry.data]


@pytest.mark.parametrize("ahead", [-30.0, -1.5, 1.5, 30.0])
def test_services_whose_clocks_differ_keep_one_order(opened: Open, ahead: float) -> None:
    """Two machines with different clocks would write a log that seems to have been tampered with."""
    clock = FakeClock()
    clock.now = int(time.time() * 1e6)
    other = FakeClock()
    other.now = clock.now + int(ahead * 1e6)
    one, two = opened(clock=clock, limits=FREE), opened("two", clock=other, limits=FREE)
    for number in range(12):
        (one, two)[number % 2].ledger.submit(world.Decide(str(number))).result(10)
        clock.advance(0.3)
        other.advance(0.3)
    entries = [decode(data) for data in one.reader.entries(0, one.reader.size)]
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    assert not [entry.kind for entry in entries if entry.kind == "service.clock"]
    assert (one.ledger.paused, two.ledger.paused) == (None, None)
    assert [entry.data["note"] for entry in entries if entry.kind == "decision"] == [
        str(number) for number in range(12)
    ]
    assert one.views.wait_for(one.ledger.size)
    assert fsck(one.paths, one.vkeys).findings == ()
