"""What the web room's tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from web_world import World, make_world


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for tests that only add to it."""
    with make_world(tmp_path_factory.mktemp("shared")) as world:
        yield world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world of one's own, for tests that stop or break something."""
    with make_world(tmp_path) as made:
        yield made
