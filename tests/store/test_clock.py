"""Time in the log never goes back, whatever the machine's clock does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from governance.oversight.commands import Needs
from governance.store.clock import LogClock, to_microseconds
from governance.store.errors import Unavailable
from governance.store.workspace import Workspace
from tests.store import world
from tests.store.world import Ask, Decide, FakeClock, Write

CONFIRM = Write((("service.clock", {"event": "confirmed", "seconds": "0"}),), while_paused=True)


def test_setting_the_wall_clock_back_moves_nothing(opened: Callable[..., Workspace]) -> None:
    """An entry could be dated before the one it answers."""
    clock = FakeClock()
    workspace = opened(clock=clock)
    ats = []
    for step in (1, 0.5, 0, 2):
        clock.advance(step)
        clock.offset -= 1_000_000
        answer = workspace.ledger.submit(Decide()).result(10)
        ats.append(workspace.reader.entry(answer.receipts[0].index).at)
    assert ats == sorted(ats)
    assert (ats[-1] - ats[0]).total_seconds() == pytest.approx(2.5)


def test_two_seconds_of_difference_make_the_service_not_ready(
    opened: Callable[..., Workspace],
) -> None:
    """Time limits would be judged by a clock that is wrong, and nobody would notice."""
    clock = FakeClock()
    workspace = opened(clock=clock)
    assert workspace.ledger.ready is None
    clock.offset = 3_000_000
    clock.advance(1.1)
    workspace.ledger.submit(Decide()).result(10)
    assert "3.0 s" in (workspace.ledger.ready or "")
    assert workspace.ledger.paused is None
    clock.offset = 0
    clock.advance(1.1)
    workspace.ledger.submit(Decide()).result(10)
    assert workspace.ledger.ready is None


@pytest.mark.parametrize("seconds", [61, -61, 86_400])
def test_a_jump_pauses_answers_until_people_confirm(
    opened: Callable[..., Workspace], seconds: int
) -> None:
    """Setting the clock forward would expire approvals and empty budgets; back, revive permits."""
    clock = FakeClock()
    workspace = opened(clock=clock)
    workspace.ledger.submit(Decide("before")).result(10)
    clock.offset = seconds * 1_000_000
    clock.advance(1.1)
    _until(lambda: workspace.ledger.state.jumped)
    entry = workspace.reader.entry(1)
    assert (entry.kind, entry.data) == (
        "service.clock",
        {"event": "jumped", "seconds": str(seconds)},
    )
    with pytest.raises(Unavailable, match="clock"):
        workspace.ledger.submit(Decide("paused")).result(10)
    with pytest.raises(Unavailable):
        workspace.ledger.submit(Ask(Needs())).result(10)
    workspace.ledger.submit(world.stop()).result(10)
    workspace.ledger.submit(CONFIRM).result(10)
    assert workspace.ledger.ready is None or seconds < 0
    workspace.ledger.submit(world.lift()).result(10)
    index = workspace.ledger.submit(Decide("after")).result(10).receipts[0].index
    moved = (workspace.reader.entry(index).at - entry.at).total_seconds()
    assert moved == pytest.approx(max(0, seconds))


def test_a_restart_does_not_confirm_a_jump(root: Path) -> None:
    """Restarting the service would do what takes two people."""
    clock = FakeClock()
    with world.open_(root, clock=clock) as workspace:
        workspace.ledger.submit(Decide()).result(10)
        clock.offset = 3_600_000_000
        clock.advance(1.1)
        _until(lambda: workspace.ledger.state.jumped)
    with world.open_(root, clock=clock) as workspace, pytest.raises(Unavailable):
        workspace.ledger.submit(Decide()).result(10)


def test_a_clock_behind_the_log_at_the_start_is_a_jump(root: Path) -> None:
    """After a restart with the clock set back, old permits would be valid again."""
    clock = FakeClock()
    with world.open_(root, clock=clock) as workspace:
        workspace.ledger.submit(Decide()).result(10)
        last = workspace.reader.entry(0).at
    clock.offset = -3_600_000_000
    with world.open_(root, clock=clock) as workspace:
        assert workspace.ledger.paused is not None
        with pytest.raises(Unavailable):
            workspace.ledger.submit(Decide()).result(10)
        answer = workspace.ledger.submit(world.stop()).result(10)
        assert workspace.reader.entry(answer.receipts[0].index).at >= last


def test_a_clock_that_was_behind_at_the_start_can_be_put_right(root: Path) -> None:
    """Nothing would ever be answered again: there is no jump in the log that people could confirm."""
    clock = FakeClock()
    with world.open_(root, clock=clock) as workspace:
        workspace.ledger.submit(Decide()).result(10)
    clock.offset = -3_600_000_000
    with world.open_(root, clock=clock) as workspace:
        clock.advance(1.1)
        with pytest.raises(Unavailable, match="set it right, and answers go on"):
            workspace.ledger.submit(Decide()).result(10)
        clock.offset = 0
        clock.advance(1.1)
        answer = workspace.ledger.submit(Decide()).result(10).receipts[0]
        assert workspace.ledger.ready is None
        assert to_microseconds(workspace.reader.entry(answer.index).at) == clock.wall()
        assert [workspace.reader.entry(n).kind for n in range(2)] == ["decision"] * 2


def test_a_long_rest_is_no_jump(root: Path) -> None:
    """A service that was off for a night would refuse to work in the morning."""
    clock = FakeClock()
    with world.open_(root, clock=clock) as workspace:
        workspace.ledger.submit(Decide()).result(10)
    clock.advance(12 * 3600)
    with world.open_(root, clock=clock) as workspace:
        assert workspace.ledger.ready is None
        workspace.ledger.submit(Decide()).result(10)


def test_a_confirmed_clock_that_is_behind_waits_for_the_log_time() -> None:
    """Confirming a clock that went back would date entries before older ones."""
    clock = FakeClock()
    log_clock = LogClock(clock, clock.wall() + 100_000_000)
    assert log_clock.jumped
    first = log_clock.stamp()
    log_clock.confirm()
    clock.advance(50)
    assert log_clock.stamp() == first
    clock.advance(51)
    assert log_clock.stamp() == clock.wall()


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
