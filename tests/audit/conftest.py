"""What the tests of the log library share: a small world."""

from __future__ import annotations

from pathlib import Path

import pytest
from log_world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A fresh operator and folder."""
    return World(tmp_path)
