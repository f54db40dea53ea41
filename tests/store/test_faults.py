"""Every write of a batch failing: with an error, with an error though it happened, with a death."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance.store.errors import StoreError
from tests.store import world
from tests.store.acknowledged import FREE, fork, one_by_one, with_fault
from tests.store.checks import holds_after_crash
from tests.store.faults import Faulty


def _writes(folder: Path) -> list[str]:
    """The writes of the fixed sequence, in order, when nothing fails."""
    world.make(folder)
    faulty = Faulty(0, "error")
    with world.open_(folder, seams=faulty.seams(), limits=FREE) as workspace:
        faulty.armed = True
        with (folder / "acks").open("wb") as acks:
            one_by_one(workspace, acks.fileno())
        faulty.armed = False
    return faulty.trace


def test_every_failing_write_is_survived(in_memory: Path) -> None:
    """An acknowledged decision could be lost, doubled, or its log refused, after a disk error."""
    trace = _writes(in_memory / "plain")
    points = sorted({*range(1, 45), *range(45, len(trace) + 1, 12)})
    assert len(points) * 2 >= 100
    for mode in ("error", "persisted"):
        for at in points:
            folder = in_memory / f"{mode}-{at}"
            world.make(folder)
            faulty = Faulty(at, mode)
            workspace = world.open_(folder, seams=faulty.seams(), limits=FREE)
            faulty.armed = True
            acks = folder / "acks"
            with acks.open("wb") as file, pytest.raises(StoreError):
                one_by_one(workspace, file.fileno())
            assert workspace.ledger.failure is not None, trace[at - 1]
            with pytest.raises(StoreError):
                workspace.ledger.submit(world.Decide("after a failure nothing is taken"))
            faulty.armed = False
            workspace.close()
            holds_after_crash(folder, acks, thorough=at % 7 == 0)


def test_every_death_at_a_write_is_survived(in_memory: Path) -> None:
    """A power cut between two particular writes could lose an acknowledged decision."""
    trace = _writes(in_memory / "plain")
    first = {name: at for at, name in reversed(list(enumerate(trace, 1)))}
    for mode, points in (
        ("killed", sorted(first.values())),
        ("killed-after", sorted(at for name, at in first.items() if _ends(name))),
    ):
        for at in points:
            folder = in_memory / f"{mode}-{at}"
            world.make(folder)
            acks = folder / "acks"
            died = fork(with_fault, folder, acks, at, mode)
            died.join(60)
            assert died.exitcode == -9, trace[at - 1]
            holds_after_crash(folder, acks)


def _ends(name: str) -> bool:
    return "COMMIT" in name or "head" in name
