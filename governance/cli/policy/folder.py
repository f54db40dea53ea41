"""The folder of policy files that a command works on, and what is said about them.

Law: a finding is printed as `file:line:column`, of the file the person gave, so that an editor jumps there.
"""

from __future__ import annotations

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


def report(frame: Frame, result: Mapping[str, Any], folder: Path, good: str) -> None:
    """Findings as file:line:column; ends with the exit code they deserve."""
    if frame.json and not result["ok"]:
        output.document(result)
    for finding in result["findings"] if not frame.json else ():
        hint = f" ({finding['hint']})" if finding["hint"] else ""
        path = real_path(finding["path"], folder)
        place = f"{path}:{finding['line']}:{finding['column']}"
        click.echo(output.inert(f"{place}: {finding['code']}: {finding['message']}{hint}"))
    for warning in result.get("warnings", ()):
        output.say(f"warning: {warning}")
    if result["ok"]:
        return output.say(good)
    codes = {finding["code"] for finding in result["findings"]}
    count = len(result["findings"])
    output.say(f"{count} finding{'s' if count > 1 else ''}; nothing was changed.")
    raise click.exceptions.Exit(CASES_FAILED if codes == {"case-failed"} else INVALID)
