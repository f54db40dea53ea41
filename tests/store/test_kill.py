"""Killed at random under load; `make hammer` does it fifty times."""

from __future__ import annotations

import random
import time
from pathlib import Path

from tests.store import world
from tests.store.acknowledged import fork, without_end
from tests.store.checks import holds_after_crash

KILLS = 5


def test_killed_under_load_nothing_acknowledged_is_lost(in_memory: Path) -> None:
    """After a crash the log could miss what agents were told, or be refused as altered."""
    kill(in_memory, KILLS, random.Random(7))


def kill(folder: Path, times: int, chance: random.Random) -> int:
    """Kill a writing process again and again, each time checking everything; entries at the end."""
    root, acks = folder / "ws", folder / "acks"
    world.make(root)
    size = 0
    for _ in range(times):
        before = acks.stat().st_size if acks.exists() else 0
        process = fork(without_end, root, acks)
        end = time.monotonic() + 30
        while not acks.exists() or acks.stat().st_size == before:
            assert process.is_alive(), "the process ended by itself"
            assert time.monotonic() < end, "the process never wrote"
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        process.join()
        grown = holds_after_crash(root, acks)
        assert grown > size
        size = grown
    return size
