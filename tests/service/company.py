"""One world per test: a copy of a founded company, opened for the test and closed afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from service_world import World


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A founded company, closed; worlds are copies of it."""
    made = World(tmp_path_factory.mktemp("founded") / "workspace")
    made.close()
    return made


@pytest.fixture
def world(founded: World, tmp_path: Path) -> Iterator[World]:
    """A founded company whose clock is moved by hand."""
    made = founded.copied(tmp_path / "workspace")
    yield made
    made.close()
