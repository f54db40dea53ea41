"""`policy check --fix`: repairs that change how a thing is written and not what it says.

Law: a repair is kept only if the files are better for it: its finding is gone, no other came in its
place, nothing that loaded means something else, and every case that can run still passes. Otherwise
the file stays as it was.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from governance.engine.check import Report, check
from governance.engine.fixes import apply
from governance.engine.meaning import of_bundle
from governance.engine.model import LoadFinding

ROUNDS: Final = 20
"""A repair may uncover the next fault of a file; after so many rounds it is left to a person."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """Files after their repairs: the new bytes of those that changed, what was repaired, what could
    have been but was not kept, and what is still to be said."""

    files: Mapping[str, bytes]
    made: tuple[LoadFinding, ...]
    left: tuple[LoadFinding, ...]
    report: Report

    def diff(self, before: Mapping[str, bytes]) -> str:
        """What changed, as a unified diff; empty when nothing did."""
        out: list[str] = []
        for path, data in sorted(self.files.items()):
            was = before[path].decode("utf-8-sig").splitlines(keepends=True)
            now = data.decode("utf-8-sig").splitlines(keepends=True)
            out += difflib.unified_diff(was, now, path, path, n=0)
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in out)


def repair(files: Mapping[str, bytes], today: date) -> Repaired:
    """Make every safe repair, round by round, and say what came of it. Nothing is written."""
    now: dict[str, bytes] = dict(files)
    report = check(now, today, deep=False)
    made: list[LoadFinding] = []
    refused: dict[tuple[str, str, str], LoadFinding] = {}
    for _ in range(ROUNDS):
        wanted = [
            each for each in report.findings
            if each.fix is not None and each.fix.safe and _name(each) not in refused
        ]  # fmt: skip
        if not wanted:
            break
        tried = _tried(now, wanted)
        again = check(tried, today, deep=False)
        if not _better(report, again, wanted):
            wanted = wanted[:1]  # together they are no good: find out which
            tried = _tried(now, wanted)
            again = check(tried, today, deep=False)
        if _better(report, again, wanted):
            now, report = tried, again
            made += wanted
        else:
            refused[_name(wanted[0])] = wanted[0]
    changed = {path: data for path, data in now.items() if data != files[path]}
    return Repaired(changed, tuple(made), tuple(refused.values()), report)


def _tried(files: Mapping[str, bytes], wanted: list[LoadFinding]) -> dict[str, bytes]:
    out = dict(files)
    for path in {each.path for each in wanted}:
        fixes = [each.fix for each in wanted if each.path == path and each.fix is not None]
        out[path] = apply(out[path], fixes)
    return out


def _better(before: Report, after: Report, wanted: list[LoadFinding]) -> bool:
    """Whether repairs left the files better: see the module's law."""
    gone = {_name(each) for each in wanted}
    if gone & {_name(each) for each in after.findings}:
        return False
    if before.release is not None:
        if after.release is None or _meaning(before) != _meaning(after):
            return False
        known = {_name(each) for each in before.findings}
        return {_name(each) for each in after.findings} <= known
    # What could not be read may uncover what stands behind it, but no case may fail for a repair.
    return not any(each.code == "case-failed" for each in after.findings)


def _meaning(report: Report) -> str:
    return "" if report.release is None else of_bundle(report.release.bundle)


def _name(finding: LoadFinding) -> tuple[str, str, str]:
    return finding.path, finding.code, finding.message


def plain(repaired: Repaired, before: Mapping[str, bytes]) -> dict[str, Any]:
    """`{files: [path], made: [finding], left: [finding], diff}` for the command line."""
    return {
        "files": sorted(repaired.files),
        "made": [str(each) for each in repaired.made],
        "left": [str(each) for each in repaired.left],
        "diff": repaired.diff(before),
    }
