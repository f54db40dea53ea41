"""Checking policy files: what is wrong with them, found in a process of its own.

Law: the command line, the API and a release are told the same about the same bytes, and a check
changes nothing.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from governance.engine import cases
from governance.engine.compile import compile_release
from governance.engine.load import Bundle, group_of
from governance.engine.model import LoadFinding, PolicyErrors
from governance.service import child
from governance.service.problem import Problem

MOST_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found. `digest` and `pickled` (the bundle) are empty while there are errors in
    the files themselves; failed cases are errors, too, but leave a digest. `ran` counts cases."""

    findings: tuple[LoadFinding, ...]
    digest: str | None
    ran: int
    pickled: bytes

    @property
    def errors(self) -> tuple[LoadFinding, ...]:
        """The findings that keep the files from being released."""
        return tuple(each for each in self.findings if each.severity == "error")

    @property
    def bundle(self) -> Bundle:
        """The checked files, to be compiled without loading them again."""
        made: Bundle = pickle.loads(self.pickled)  # noqa: S301 - made by our own child just now
        return made


def read_folder(folder: Path) -> dict[str, bytes]:
    """The policy files below `folder` by path (`policies/...`), as `check` and `propose` take them."""
    files, root = {}, folder.resolve()
    for path in sorted(folder.rglob("*.yaml")):
        name = "policies/" + path.relative_to(folder).as_posix()
        if group_of(name) is None or not path.is_file():
            continue
        if not path.resolve().is_relative_to(root):
            raise Problem("bad-policy", f"`{path}` is a link out of `{folder}`; copy the file in")
        files[name] = path.read_bytes()
    return files


def check(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Check files and run their cases: `{ok, findings, release, cases}`; changes nothing.

    A finding is `{path, line, column, code, message, hint, severity, fix}`; `ok` = none of them is
    an error.
    """
    require_size(files)
    made = in_child(files, _today())
    return {
        "ok": not made.errors,
        "findings": [plain(each) for each in made.findings],
        "release": made.digest,
        "cases": made.ran,
    }


def in_child(files: Mapping[str, bytes], today: date) -> Checked:
    """`checked` in a process of its own."""
    return child.run(checked, dict(files), today)


def checked(files: dict[str, bytes], today: date | None) -> Checked:
    """Everything that is wrong with files on a day, here and now (None: whatever has lapsed)."""
    try:
        release = compile_release(files, at=today)
    except PolicyErrors as errors:
        return Checked(errors.findings, None, 0, b"")
    results = cases.run(release)
    return Checked(_failed(results), release.digest, len(results), pickle.dumps(release.bundle))


def _failed(results: tuple[cases.CaseResult, ...]) -> tuple[LoadFinding, ...]:
    return tuple(
        LoadFinding(
            each.case.path,
            each.case.line,
            each.case.column,
            "case-failed",
            f"case `{each.case.name}` of `{each.policy}`: {each.problem}",
            "change the rule or what the case expects",
        )
        for each in cases.failures(results)
    )


def require_size(files: Mapping[str, bytes]) -> None:
    """Raise `Problem` for no files, or for more bytes than are read."""
    if not files:
        raise Problem("bad-policy", "there are no policy files; expected at least one")
    total = sum(len(data) for data in files.values())
    if total > MOST_BYTES:
        raise Problem("too-large", f"the policy files have {total} bytes; at most {MOST_BYTES} fit")


def plain(finding: LoadFinding) -> dict[str, Any]:
    """A finding as plain values; `fix` is `{start_line, start_column, end_line, end_column, text,
    safe}` or None."""
    fix = finding.fix
    return {
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "code": finding.code,
        "message": finding.message,
        "hint": finding.hint,
        "severity": finding.severity,
        "fix": None
        if fix is None
        else {
            "start_line": fix.start_line,
            "start_column": fix.start_column,
            "end_line": fix.end_line,
            "end_column": fix.end_column,
            "text": fix.text,
            "safe": fix.safe,
        },
    }


def _today() -> date:
    return datetime.now(UTC).date()  # noqa: TID251 - a check is for the day it is made on
