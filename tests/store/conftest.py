"""Workspaces for the tests of the store."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from governance.store.workspace import Workspace
from tests.store import world


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A folder on a memory disk where there is one: killed processes leave the same there."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def root(in_memory: Path) -> Path:
    """A folder with a new workspace."""
    folder = in_memory / "ws"
    world.make(folder)
    return folder


@pytest.fixture
def opened(root: Path) -> Iterator[Callable[..., Workspace]]:
    """Open the workspace with the world's fold; closed at the end of the test."""
    workspaces: list[Workspace] = []

    def open_(**options: Any) -> Workspace:
        workspaces.append(world.open_(root, **options))
        return workspaces[-1]

    yield open_
    for workspace in workspaces:
        workspace.close()


@pytest.fixture
def workspace(opened: Callable[..., Workspace]) -> Workspace:
    """An open workspace."""
    return opened()
