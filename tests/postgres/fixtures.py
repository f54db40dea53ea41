"""The server and its databases as fixtures; import them where they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from governance.store.workspace import Workspace
from tests.postgres.server import Cluster, TestDatabase, cluster, join, make
from tests.store import world


@pytest.fixture(scope="session")
def server() -> Cluster:
    """The server, one for all tests."""
    return cluster()


@pytest.fixture
def database(server: Cluster) -> Iterator[TestDatabase]:
    """A fresh database that is prepared for the service."""
    made = server.database()
    yield made
    server.drop(made)


@pytest.fixture
def root(database: TestDatabase, tmp_path: Path) -> Path:
    """A folder with a new workspace whose log is on the server."""
    return make(tmp_path / "one", database)


@pytest.fixture
def opened(root: Path, tmp_path: Path) -> Iterator[Callable[..., Workspace]]:
    """Open the workspace in a folder (the first one, or a name for another one on the same log)."""
    workspaces: list[Workspace] = []

    def open_(name: str = "", **options: Any) -> Workspace:
        folder = root
        if name:
            folder = tmp_path / name
            if not folder.exists():
                join(root, folder)
        workspaces.append(world.open_(folder, **options))
        return workspaces[-1]

    yield open_
    for workspace in workspaces:
        workspace.close()


@pytest.fixture
def workspace(opened: Callable[..., Workspace]) -> Workspace:
    """An open workspace."""
    return opened()
