"""A log for each test of an anchor."""

from __future__ import annotations

import pytest
from anchoring_world import Log


@pytest.fixture
def log() -> Log:
    """A log of three entries."""
    return Log()
