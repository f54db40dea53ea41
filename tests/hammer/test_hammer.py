"""The long crash test: fifty kills on a real disk under load. Minutes; run by `make hammer`."""

from __future__ import annotations

import os
import random
from pathlib import Path

from tests.store.test_kill import kill


def test_fifty_kills_lose_nothing(tmp_path: Path) -> None:
    """A rare moment between two writes could still lose an acknowledged decision."""
    seed = int(os.environ.get("HAMMER_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
    print(f"HAMMER_SEED={seed}")
    size = kill(tmp_path, int(os.environ.get("HAMMER_KILLS", "50")), random.Random(seed))
    assert size > 50
