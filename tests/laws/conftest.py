"""The laws are tried on the same small company as the verbs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "service"))

from service_world import World


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A founded company, closed; worlds are copies of it."""
    made = World(tmp_path_factory.mktemp("founded") / "workspace")
    made.close()
    return made


@pytest.fixture
def world(founded: World, tmp_path: Path) -> Iterator[World]:
    """A founded company."""
    made = founded.copied(tmp_path / "workspace")
    yield made
    made.close()
