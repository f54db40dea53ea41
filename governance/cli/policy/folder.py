"""The folder of policy files that a command works on, and what is said about them.

Law: a finding is printed as `file:line:column`, of the file the person gave, so that an editor jumps there.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from governance.cli import output
from governance.cli.frame import Frame
from governance.cli.transport import Failed
from governance.service import checking

INVALID, CASES_FAILED = 3, 4
FOLDER: Final = click.Path(path_type=Path, exists=True, file_okay=False)


def folder_of(frame: Frame, folder: Path | None) -> Path:
    """The folder given, or the workspace's."""
    return folder or frame.workspace / "policies"


def real_path(path: str, folder: Path) -> str:
    """A file of a release as the file it was read from, so that an editor finds it."""
    return str(folder / path.removeprefix("policies/"))


def files_of(frame: Frame, folder: Path | None) -> dict[str, bytes]:
    """Policy files by path, from the folder given, the workspace's, or ./policies."""
    place = folder_of(frame, folder)
    if not place.is_dir():
        raise Failed(f"`{place}` is no directory; say which folder the policy files are in", 2)
    found = checking.read_folder(place)
    if not found:
        raise Failed(f"`{place}` holds no policy files (*.yaml)", INVALID)
    return found


def report(
    frame: Frame,
    result: Mapping[str, Any],
    folder: Path,
    good: str,
    *,
    strict: bool = False,
    quiet: bool | None = None,
    bad: str = "nothing was changed",
    notes: bool = True,
) -> None:
    """Findings as file:line:column; ends with the exit code they deserve.

    `quiet`: they were printed in another form already (None: print them as -o says). `strict`:
    warnings end as errors do. Without `notes` they are counted, not listed.
    """
    if quiet is None and frame.json and not result["ok"]:
        output.document(result)
    for finding in result["findings"] if not (frame.json if quiet is None else quiet) else ():
        if notes or finding.get("severity") != "note":
            click.echo(output.inert(line_of(finding, folder)))
    kinds = [finding.get("severity", "error") for finding in result["findings"]]
    failing = [
        finding["code"]
        for finding, kind in zip(result["findings"], kinds, strict=True)
        if kind == "error" or (strict and kind == "warning")
    ]
    counted = [
        f"{n} {k}{'s' if n > 1 else ''}" for k in ("warning", "note") if (n := kinds.count(k))
    ]
    hidden = "; --notes shows them" if not notes and "note" in kinds else ""
    more = f" ({' and '.join(counted)}{hidden})" if counted else ""
    if not failing:
        return output.say(good + more)
    count = len(failing)
    output.say(f"{count} finding{'s' if count > 1 else ''}{more}; {bad}.")
    raise click.exceptions.Exit(CASES_FAILED if set(failing) == {"case-failed"} else INVALID)


def line_of(finding: Mapping[str, Any], folder: Path) -> str:
    """One finding as `file:line:column`, so that an editor jumps there."""
    hint = f" ({finding['hint']})" if finding["hint"] else ""
    severity = finding.get("severity", "error")
    kind = "" if severity == "error" else f"{severity}: "
    place = f"{real_path(finding['path'], folder)}:{finding['line']}:{finding['column']}"
    return f"{place}: {kind}{finding['code']}: {finding['message']}{hint}"


def replace_file(target: Path, data: bytes) -> None:
    """Put new bytes in a file's place at once, on disk, with its rights."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(target.stat().st_mode & 0o7777 if target.exists() else 0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
