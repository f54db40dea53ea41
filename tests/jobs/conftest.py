"""The company of the service's tests, closed and copied for each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "service"))

from service_world import World


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A founded company, closed; worlds are copies of it."""
    made = World(tmp_path_factory.mktemp("company") / "workspace")
    made.close()
    return made


@pytest.fixture
def world(company: World, tmp_path: Path) -> Iterator[World]:
    """A founded company whose clock is moved by hand."""
    made = company.copied(tmp_path / "workspace")
    yield made
    made.close()
