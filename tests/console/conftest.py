"""What the console's tests share: a world over a paper front."""

from __future__ import annotations

import pytest
from console_world import World, make_world


@pytest.fixture
def world() -> World:
    """A fresh world with three people and two open approvals."""
    return make_world()
