"""Public test vectors, from the directory that the variable VECTORS names.

A test marked `vectors("signed_note.json", "section", …)` runs once for each case in these sections, of
each file of that format: `signed_note.json`, `signed_note-2.json`, in the directory or in a folder of
it, however many cases they have. Without sections it runs once for each file. Who asks for `content`
gets the file that a case is from.
"""

from __future__ import annotations

import json
import os
import re
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
_absent: set[str] = set()


class Content(dict[str, Any]):
    """A vector file that remembers which of its sections were asked for."""

    def __init__(self, name: str, sections: dict[str, Any]) -> None:
        super().__init__(sections)
        self.name = name
        self._asked = _read.setdefault(name, set())

    def __getitem__(self, section: str) -> Any:
        self._asked.add(section)
        return super().__getitem__(section)

    def get(self, section: str, default: Any = None) -> Any:
        """One section, now read."""
        self._asked.add(section)
        return super().get(section, default)


def name_of(path: Path) -> str:
    """A file's name below the directory."""
    return str(path.relative_to(directory()))


def unread() -> list[str]:
    """Files and sections that no test asked for: none may be passed over in silence."""
    missed = []
    for path in sorted(directory().rglob("*")):
        name = name_of(path)
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
    """A whole run that left a file or a section out, or found none, has failed; in CI also one in which
    a known format was not there."""
    option = session.config.option
    whole = not (option.keyword or option.markexpr or option.collectonly or session.testsfailed)
    chosen = any("::" in argument or argument.endswith(".py") for argument in session.config.args)
    lacking = unread() or not _read or (_absent and os.environ.get("CI"))
    if whole and not chosen and lacking and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many files were there, and what in them no test here reads."""
    terminalreporter.write_line(f"vectors: {len(_read)} files read")
    for what in sorted(_absent):
        terminalreporter.write_line(f"not there, so nothing was checked with it: {what}")
    for what in unread():
        terminalreporter.write_line(f"NOT READ, so this run has failed: {what}")


def files(name: str) -> list[Content]:
    """All files of a format."""
    kind = re.compile(re.escape(name.removesuffix(".json")) + r"(?:[-_.].*)?\.json")
    paths = [path for path in sorted(directory().rglob("*.json")) if kind.fullmatch(path.name)]
    return [Content(name_of(path), json.loads(path.read_text())) for path in paths]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One run for each case; section and content are passed where a test asks for them."""
    marker = metafunc.definition.get_closest_marker("vectors")
    if marker is None:
        return
    name, *sections = marker.args
    found: list[tuple[str, str, Any, Content]] = []
    for content in files(name):
        for section in sections:
            cases = content.get(section) or []
            cases = cases if isinstance(cases, list) else [cases]
            found += [
                (f"{content.name}:{section}-{number}", section, case, content)
                for number, case in enumerate(cases)
            ]
        if not sections:
            found.append((content.name, "", content, content))
    if not found:
        _absent.add(f"{name} {', '.join(sections)}".rstrip())
    wanted = [each for each in ("section", "case", "content") if each in metafunc.fixturenames]
    metafunc.parametrize(
        wanted,
        [
            tuple({"section": section, "case": case, "content": content}[each] for each in wanted)
            for _, section, case, content in found
        ],
        ids=[each[0] for each in found],
    )
