"""What the service is tried on: a founded company, and one whose log is old enough to be cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from company import founded, world
from retention_world import old, rules
from service_world import World

from governance.service import child

__all__ = ["founded", "world"]


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
