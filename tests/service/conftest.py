"""One world per test: a copy of a founded workspace, opened for the test and closed afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from retention_world import old, rules
from service_world import World

from governance.service import child


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


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Work for another process is done in this one, which is quicker, but where a test says so."""
    if "in_a_child" not in request.fixturenames:
        monkeypatch.setattr(child, "run", lambda work, *arguments: work(*arguments))


@pytest.fixture
def in_a_child() -> None:
    """Work is done where it is done in production."""


@pytest.fixture(scope="session")
def long_ago(founded: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, list[int]]:
    """A company with rules for every class and 600 decisions that are old enough to go; closed."""
    made = founded.copied(tmp_path_factory.mktemp("aged") / "workspace")
    rules(made)
    decisions = old(made, 600)
    made.close()
    return made, decisions


@pytest.fixture
def made(long_ago: tuple[World, list[int]]) -> list[int]:
    """The old decisions of `aged`."""
    return long_ago[1]


@pytest.fixture
def aged(long_ago: tuple[World, list[int]], tmp_path: Path) -> Iterator[World]:
    """A company with rules and old decisions."""
    copied = long_ago[0].copied(tmp_path / "aged")
    yield copied
    copied.close()
