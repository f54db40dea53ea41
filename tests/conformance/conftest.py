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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many files were there, and which of them no test here reads."""
    here = {path.name for path in directory().glob("*.json")}
    source = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    unread = sorted(name for name in here if f'"{name}"' not in source)
    terminalreporter.write_line(f"vectors: {len(here) - len(unread)} of {len(here)} files read")
    for name in unread:
        terminalreporter.write_line(f"not read by this version: {name}")


def read(name: str) -> Any:
    """One vector file."""
    path = directory() / name
    if not path.exists():
        raise pytest.UsageError(f"{WANTED} (`{name}` is not in `{path.parent}`)")
    return json.loads(path.read_text())


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
