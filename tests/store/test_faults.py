"""Every write of a batch failing: with an error, with an error though it happened, with a death."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from governance.store.errors import StoreError
from tests.store import crashes, world
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


@pytest.mark.parametrize("mode", ["error", "persisted"])
def test_every_failing_write_is_survived(in_memory: Path, mode: str) -> None:
    """An acknowledged decision could be lost, doubled, or its log refused, after a disk error."""
    trace = _writes(in_memory / "plain")
    assert len(trace) > 250
    for at in [*range(1, 80), *range(80, len(trace) + 1, 4)]:
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
        holds_after_crash(folder, acks)
        crashes.count(f"write {'failed' if mode == 'error' else 'failed but persisted'}")
        shutil.rmtree(folder)


def test_every_instant_of_a_death_is_survived(in_memory: Path) -> None:
    """A kill or a power cut at one particular write could lose, double or fork what was recorded."""
    root, album = in_memory / "ws", in_memory / "album"
    world.make(root)
    camera = crashes.Photographer(root, album, root / "acks")
    with world.open_(root, seams=camera.seams(), limits=FREE, snapshot_every=11) as workspace:
        camera.armed = True
        with camera.acks.open("wb") as acks:
            one_by_one(workspace, acks.fileno())
        camera.armed = False
    assert sum(mode == "killed" for mode, _, _ in camera.images) > 250
    assert sum(mode == "torn" for mode, _, _ in camera.images) > 220
    grown = 0
    for mode, name, image in camera.images:
        try:
            size = holds_after_crash(image, image / "acks")
        except BaseException as error:
            raise AssertionError(f"{mode} at {name}: {error}") from error
        assert size >= grown - 1, f"{mode} at {name}"
        grown = max(grown, size)
        crashes.count(mode)
        shutil.rmtree(image)


def test_every_death_at_a_write_is_survived(in_memory: Path) -> None:
    """What a process really leaves when it is killed could differ from what a copy of its files says."""
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
            crashes.count("process killed")


def _ends(name: str) -> bool:
    return "COMMIT" in name or "head" in name
