"""Public test vectors, from the directory that the variable VECTORS names.

A test marked `vectors("file.json", "section", …)` runs once for each case in these sections.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WANTED = "conformance needs public test vectors: make conformance VECTORS=DIR"


def directory() -> Path:
    """Where the vectors are; a usage error if nobody said."""
    given = os.environ.get("VECTORS", "")
    if not given:
        raise pytest.UsageError(f"{WANTED} (the variable VECTORS is not set)")
    if not Path(given).is_dir():
        raise pytest.UsageError(f"{WANTED} (`{given}` is not a directory)")
    return Path(given)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to run without vectors: passing with nothing checked would be a lie."""
    directory()
    config.addinivalue_line("markers", "vectors(file, *sections): run once for each case")


_SAID = {"sources", "note", "encoding"}
"""What a vector file says about itself; everything else in it must be read by a test."""

_read: dict[str, set[str]] = {}


class Content(dict[str, Any]):
    """A vector file that remembers which of its sections were asked for."""

    def __init__(self, name: str, sections: dict[str, Any]) -> None:
        super().__init__(sections)
        self._asked = _read.setdefault(name, set())

    def __getitem__(self, section: str) -> Any:
        self._asked.add(section)
        return super().__getitem__(section)

    def get(self, section: str, default: Any = None) -> Any:
        """One section, now read."""
        self._asked.add(section)
        return super().get(section, default)


def unread() -> list[str]:
    """Files and sections that no test asked for: none may be passed over in silence."""
    missed = []
    for path in sorted(directory().rglob("*")):
        name = str(path.relative_to(directory()))
        if path.is_dir() or path.suffix in {".md", ".py", ".pyc"}:
            continue
        if name not in _read:
            missed.append(name)
            continue
        sections = set(json.loads(path.read_text())) - _SAID - _read[name]
        missed += [f"{name}: `{section}`" for section in sorted(sections)]
    return missed


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A whole run that left a file or a section out has failed."""
    option = session.config.option
    whole = not (option.keyword or option.markexpr or option.collectonly or session.testsfailed)
    chosen = any("::" in argument or argument.endswith(".py") for argument in session.config.args)
    if whole and not chosen and unread() and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many files were there, and what in them no test here reads."""
    terminalreporter.write_line(f"vectors: {len(_read)} files read")
    for what in unread():
        terminalreporter.write_line(f"NOT READ, so this run has failed: {what}")


def read(name: str) -> Content:
    """One vector file."""
    path = directory() / name
    if not path.exists():
        raise pytest.UsageError(f"{WANTED} (`{name}` is not in `{path.parent}`)")
    return Content(name, json.loads(path.read_text()))


@pytest.fixture
def load() -> Callable[[str], Any]:
    """Reads one vector file by name."""
    return read


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One run for each case; the section is passed where a test asks for it."""
    marker = metafunc.definition.get_closest_marker("vectors")
    if marker is None:
        return
    name, *sections = marker.args
    content = read(name)
    cases = []
    for section in sections:
        found = content.get(section)
        for case in found if isinstance(found, list) else [found] if found else []:
            cases.append((section, case))
    if not cases:
        raise pytest.UsageError(f"`{name}` has no cases under {', '.join(sections)}")
    names = "section,case" if "section" in metafunc.fixturenames else "case"
    values = cases if "section" in names else [case for _, case in cases]
    ids = [f"{section}-{number}" for number, (section, _) in enumerate(cases)]
    metafunc.parametrize(names, values, ids=ids)
