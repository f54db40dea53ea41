"""Checking policy files: what is wrong with them, found in a process of its own.

Law: the command line, the API and a release are told the same about the same bytes, and a check
changes nothing.
"""

from __future__ import annotations

import pickle
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from governance.engine import check as engine
from governance.engine.check import NOTHING_KNOWN, Around
from governance.engine.lists import ListFile, read_list
from governance.engine.load import Bundle, group_of
from governance.engine.model import LoadFinding
from governance.engine.reading import Findings, read
from governance.engine.strangers import Bearers
from governance.oversight.model import State
from governance.service import child, fired, repairing
from governance.service.desk import Desk
from governance.service.drafts import today
from governance.service.problem import Problem
from governance.service.repairing import Repaired

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


_LONGEST: Final = 300
"""Characters of a file's name, which the entry of a proposal has, too."""

_ENDINGS: Final = (".yaml", ".yml")


def read_folder(folder: Path) -> dict[str, bytes]:
    """The policy files below `folder` by path (`policies/...`), as `check` and `propose` take them."""
    files, root = {}, folder.resolve()
    for path in sorted(folder.rglob("*")):
        name = "policies/" + path.relative_to(folder).as_posix()
        if path.suffix.lower() not in _ENDINGS or not path.is_file():
            continue
        if path.suffix != ".yaml":
            raise Problem(
                "bad-policy",
                f"`{path}` would be left out: the name of a policy file ends in `.yaml`; rename it",
            )
        if not path.resolve().is_relative_to(root):
            raise Problem("bad-policy", f"`{path}` is a link out of `{folder}`; copy the file in")
        files[name] = path.read_bytes()
    return files


def check(
    files: Mapping[str, bytes], around: Around = NOTHING_KNOWN, *, deep: bool = True
) -> dict[str, Any]:
    """Check files and run their cases: `{ok, findings, release, cases}`; changes nothing.

    Without `deep` what rules do to each other is not looked at, which is what takes time.
    A finding is `{path, line, column, code, message, hint, severity, fix}`; `ok` = none of them is
    an error.
    """
    require_files(files)
    return _told(in_child(files, today(), around, deep=deep))


def _told(made: Checked) -> dict[str, Any]:
    return {
        "ok": not made.errors,
        "findings": [plain(each) for each in made.findings],
        "release": made.digest,
        "cases": made.ran,
    }


def here(desk: Desk, files: Mapping[str, bytes], *, silent: bool = False) -> dict[str, Any]:
    """`check` with what the workspace knows: roles that nobody holds and, if `silent`, rules that
    did not speak for 90 days."""
    require_files(files)
    today = desk.now().date()
    found = fired.spoken(desk.directory, today) if silent else None
    last, since = found if found is not None else (None, None)
    return _told(in_child(files, today, Around(held(desk.state), last, since, bearers(desk.state))))


def held(state: State) -> frozenset[str]:
    """The roles that somebody active has."""
    return frozenset(role for each in state.people.values() for role in each.roles)


def bearers(state: State) -> Bearers | None:
    """What the agents of a workspace are; None before there is one: nothing is odd then."""
    if not state.agents:
        return None
    every = state.agents.values()
    return Bearers(
        frozenset(state.agents),
        frozenset(each.team for each in every),
        frozenset(label for each in every for label in each.labels),
    )


def repair(files: Mapping[str, bytes]) -> Repaired:
    """`repairing.repair` of files today, in a process of its own; what is left is in its report."""
    require_files(files)
    made: Repaired = child.run(repairing.repair, dict(files), today())
    return made


def in_child(
    files: Mapping[str, bytes],
    today: date,
    around: Around = NOTHING_KNOWN,
    *,
    deep: bool = True,
) -> Checked:
    """`checked` in a process of its own."""
    return child.run(checked, dict(files), today, around, deep)


def checked(
    files: dict[str, bytes],
    today: date | None,
    around: Around = NOTHING_KNOWN,
    deep: bool = True,
) -> Checked:
    """Everything there is to say about files on a day, here and now (None: whatever has lapsed)."""
    report = engine.check(files, today, around, deep=deep)
    pickled = b"" if report.release is None else pickle.dumps(report.release.bundle)
    digest = None if report.release is None else report.release.digest
    return Checked(report.findings, digest, len(report.results), pickled)


def read_list_file(path: str, data: bytes) -> tuple[ListFile | None, tuple[LoadFinding, ...]]:
    """One list file by itself: the list, or None and what is wrong with it."""
    findings = Findings()
    document = read(path, data, findings)
    found = None if document is None else read_list(document, findings)
    return found, findings.sorted()


def require_files(files: Mapping[str, bytes]) -> None:
    """As `require_size`, and raise `Problem` for a file that nobody would read: it would stand among
    the files that were checked and signed, and not one of its rules be in force.  So for a name that
    is not seen as it is (control characters, an order of writing that is turned round)."""
    require_size(files)
    for name in files:
        if not _is_seen(name):
            raise Problem(
                "bad-policy",
                f"`{name.encode('unicode_escape').decode()[:_LONGEST]}` is no name for a policy file: "
                f"names such as `policies/payments.yaml` have at most {_LONGEST} characters, all of "
                "them to be seen; rename it",
            )
        if group_of(name) is None:
            raise Problem(
                "bad-policy",
                f"`{name}` would be left out: the name of a policy file ends in `.yaml`; rename it",
            )


def _is_seen(name: str) -> bool:
    """Whether a name shows what it is: nothing in it is invisible, empty or stands for another."""
    whole = len(name) <= _LONGEST and name.isprintable() and unicodedata.is_normalized("NFC", name)
    return whole and not {"", ".", ".."} & set(name.split("/"))


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
