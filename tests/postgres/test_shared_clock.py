"""Services whose clocks differ: entries stay in order, and nobody is alarmed within the bounds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit.entry import decode
from governance.store.errors import Unavailable
from governance.store.workspace import Workspace
from tests.postgres.fixtures import database, opened, root, server, workspace
from tests.postgres.test_shared_log import follows
from tests.store import world

__all__ = ["database", "opened", "root", "server", "workspace"]

Open = Callable[..., Workspace]


def clock(ahead: float) -> world.FakeClock:
    """A clock that differs from the first one's."""
    made = world.FakeClock()
    made.now += int(ahead * 1e6)
    return made


def look(one: Workspace, its: world.FakeClock) -> None:
    """Let a service compare its clock with the log's: it does so once a second."""
    its.advance(1.1)
    one.ledger.submit(world.Decide("look")).result(10)


def stamps(one: Workspace) -> list[object]:
    """The times of all entries."""
    return [decode(entry).at for entry in one.reader.entries(0, one.ledger.size)]


@pytest.mark.parametrize("ahead", [1.5, -1.5])
def test_clocks_within_two_seconds_are_one_clock(opened: Open, ahead: float) -> None:
    """Every installation would be alarmed by what network time leaves over."""
    clocks = [clock(0), clock(ahead)]
    both = [opened(clock=clocks[0]), opened("two", clock=clocks[1])]
    for _ in range(4):
        for one, its in zip(both, clocks, strict=True):
            look(one, its)
    for one in both:
        follows(one, 8)
        assert one.ledger.ready is None
    assert stamps(both[0]) == sorted(stamps(both[0]))  # type: ignore[type-var]
    assert [decode(e).kind for e in both[0].reader.entries(0, 8)] == ["decision"] * 8


def test_a_clock_that_is_behind_the_log_is_named(opened: Open) -> None:
    """A service would take decisions at a time that is not, and nobody would know which clock is wrong."""
    its = clock(0)
    one, two = opened(clock=its), opened("two", clock=clock(5))
    two.ledger.submit(world.Decide("from the future")).result(10)
    look(one, its)
    look(one, its)
    assert "differs from the log's by" in str(one.ledger.ready)
    assert two.ledger.ready is None, "the one whose time the log has is not in doubt"
    assert stamps(one) == sorted(stamps(one))  # type: ignore[type-var]
    its.advance(10)  # it was put right
    look(one, its)
    assert stamps(one) == sorted(stamps(one))  # type: ignore[type-var]


def test_a_jump_pauses_every_service_until_people_confirm(opened: Open) -> None:
    """One service would go on deciding by a clock that another has already called wrong."""
    its = clock(0)
    one, two = opened(clock=its), opened("two", clock=clock(0))
    its.offset = 120_000_000
    its.advance(1.1)
    with pytest.raises(Unavailable, match="confirm"):
        one.ledger.submit(world.Decide("late")).result(10)
    follows(two, 1)
    with pytest.raises(Unavailable, match="confirm"):
        two.ledger.submit(world.Decide("late")).result(10)
    its.offset = 0
    confirmed = world.Write((("service.clock", {"event": "confirmed"}),), while_paused=True)
    two.ledger.submit(confirmed).result(10)
    follows(one, 2)
    for each in (one, two):
        assert each.ledger.submit(world.Decide("on time")).result(10).receipts


def test_a_clock_that_steps_back_moves_nothing_back(opened: Open) -> None:
    """An entry could claim to be older than one that was there before it."""
    clocks = [clock(0), clock(0)]
    one, two = opened(clock=clocks[0]), opened("two", clock=clocks[1])
    one.ledger.submit(world.Decide("a")).result(10)
    clocks[0].offset = -1_000_000
    for _ in range(3):
        look(one, clocks[0])
        look(two, clocks[1])
    assert stamps(two) == sorted(stamps(two))  # type: ignore[type-var]
