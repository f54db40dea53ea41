"""Clocks that stumble and requests that come twice: the log stays in order, and nothing alarms."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from service_world import World

from governance.service import exporting, onboarding, outcomes
from governance.service.problem import Problem

MIDNIGHT = 1_798_761_600_000_000
"""The end of 2026-12-31, when a leap second would come (microseconds since the epoch)."""


def decisions(world: World, start: int) -> list[int]:
    """Indexes of the decisions recorded from entry `start` on."""
    reader = world.workspace.reader
    return [n for n in range(start, reader.size) if reader.entry(n).kind == "decision"]


def test_the_same_request_id_many_times_at_once_is_decided_once(world: World) -> None:
    """A retry storm would charge a budget for every copy of one payment."""
    before = world.workspace.reader.size
    begin = threading.Barrier(24)

    def ask(number: int) -> dict[str, Any]:
        begin.wait(20)
        return world.pay(amount="1 EUR", idempotency_key=f"key-{number % 3}")

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(ask, range(24)))
    numbers = {n % 3: answers[n]["context"]["evaluation_id"] for n in range(24)}
    assert all(answers[n]["context"]["evaluation_id"] == numbers[n % 3] for n in range(24))
    assert sorted(decisions(world, before)) == sorted(map(int, numbers.values()))
    assert len(set(numbers.values())) == 3


@pytest.mark.parametrize("spring", [-1.0, 1.0, -2.5])
def test_a_leap_second_changes_no_verdict_and_no_order(world: World, spring: float) -> None:
    """At the end of a leap second permits would end early, or entries would be out of order."""
    world.clock.now = MIDNIGHT - 2_000_000
    wall = world.clock.wall
    shift = {"by": 0}
    world.clock.wall = lambda: wall() + shift["by"]  # type: ignore[method-assign]
    start = world.workspace.reader.size
    answers = []
    for step in range(6):
        if step == 3:
            shift["by"] = int(spring * 1e6)
        world.clock.advance(0.7)
        answers.append(world.pay(amount="1 EUR"))
    assert all(answer["decision"] for answer in answers)
    last = int(answers[-1]["context"]["evaluation_id"])
    assert outcomes.redeem(world.desk, world.agent_key, last)["permit"] == str(last)
    reader = world.workspace.reader
    found = [reader.entry(n) for n in range(start, reader.size)]
    assert [entry.at for entry in found] == sorted(entry.at for entry in found)
    assert not [entry.kind for entry in found if entry.kind == "service.clock"]
    assert world.workspace.ledger.paused is None
    world.close()
    replayed = exporting.replay(world.root)
    assert (replayed["different"], replayed["state"]) == (0, "same")
    world.open()


@pytest.mark.parametrize("second", ["60", "61", "99"])
def test_a_time_that_python_cannot_write_is_a_sentence(world: World, second: str) -> None:
    """Whoever sends 23:59:60 would see a traceback, or a date nobody meant would be recorded."""
    before = world.workspace.reader.size
    until = f"2026-12-31T23:59:{second}Z"
    with pytest.raises(Problem) as caught:
        onboarding.propose(
            world.desk, world.maria, agent="late-1", owner=world.owen.id, purpose="Pays.",
            team="treasury", tools=["*"], autonomy="L4", autonomy_until=until,
        )  # fmt: skip
    assert caught.value.status == 400
    assert until in str(caught.value)
    assert world.workspace.reader.size == before
