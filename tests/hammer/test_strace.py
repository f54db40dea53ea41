"""The same order of syncs and answers, as the kernel saw it. Needs strace (`apt install strace`)."""

from __future__ import annotations

from pathlib import Path

from tests.store import world
from tests.store.test_durability import STRACE, traced_by_the_kernel


def test_the_kernel_was_asked_to_sync_before_each_answer(tmp_path: Path) -> None:
    """SQLite or Python could have kept back a sync that we believe was made."""
    assert STRACE, "strace is not installed; `apt install strace`"
    world.make(tmp_path / "ws")
    seen = traced_by_the_kernel(tmp_path / "ws", tmp_path)
    for answer in [at for at, what in enumerate(seen) if what == "answer"]:
        before = seen[max(0, answer - 2) : answer]
        assert before == ["log", "head"], seen
    assert seen.count("answer") == 3
