"""One world per test: a real workspace in a temporary folder, closed afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from service_world import World


@pytest.fixture()
def world(tmp_path: Path) -> Iterator[World]:
    """A founded company."""
    made = World(tmp_path / "workspace")
    yield made
    made.close()
