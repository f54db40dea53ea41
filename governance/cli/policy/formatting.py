"""`governance policy fmt`: one layout for all policy files.

Law: a file is replaced whole or not at all, and only by one that says the same.
"""

from __future__ import annotations

import difflib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.policy.folder import INVALID, folder_of
from governance.cli.policy.group import policy
from governance.cli.transport import Failed
from governance.service import checking, writing


@command(policy, "fmt", example="governance policy fmt policies --check")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True, allow_dash=True))
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if a file would change.")
@click.option("--diff", "show_diff", is_flag=True, help="Change nothing; show what would change.")
def fmt(frame: Frame, paths: tuple[Path, ...], check: bool, show_diff: bool) -> None:
    """Lay out policy files in the one canonical way: comments stay, meaning stays.

    PATHS are files and folders (else the workspace's policies); `-` reads one file and writes it to
    the output. Keys stand in the order of the documentation, short parts on one line, cases in columns.
    """
    if paths == (Path("-"),):
        _through()
    changed, broken = [], 0
    for path in _files(frame, paths):
        data = path.read_bytes()
        made = writing.lay_out(str(path), data)
        if made.data is None:
            broken += 1
            _say(made)
        elif made.data != data:
            changed.append(str(path))
            _take(path, data, made.data, check, show_diff)
    if frame.json:
        output.document({"changed": changed, "unreadable": broken})
    elif not show_diff:
        word = "would be laid out anew" if check else "laid out anew"
        for name in changed:
            click.echo(output.inert(f"{name}: {word}"))
    if not changed and not broken:
        output.say("Every file is laid out canonically.")
    code = INVALID if broken else 1 if check and changed else 0
    raise click.exceptions.Exit(code)


def _take(path: Path, old: bytes, new: bytes, check: bool, show_diff: bool) -> None:
    if show_diff:
        _show_diff(path, old, new)
    elif not check:
        replace(path, new)


def _files(frame: Frame, paths: tuple[Path, ...]) -> Iterator[Path]:
    """The policy files named, each once."""
    seen: set[Path] = set()
    for path in paths or (folder_of(frame, None),):
        if path.is_dir():
            found = [path / name.removeprefix("policies/") for name in checking.read_folder(path)]
            if not found:
                raise Failed(f"`{path}` holds no policy files (*.yaml)", INVALID)
        elif path.exists():
            found = [path]
        else:
            raise Failed(f"`{path}` is no directory; say which files to lay out", 2)
        for each in found:
            if each.resolve() not in seen:
                seen.add(each.resolve())
                yield each


def _through() -> None:
    data = sys.stdin.buffer.read()
    made = writing.lay_out("stdin", data)
    if made.data is None:
        _say(made)
        raise click.exceptions.Exit(INVALID)
    sys.stdout.buffer.write(made.data)
    raise click.exceptions.Exit(0)


def _say(made: writing.LaidOut) -> None:
    for finding in made.findings:
        place = f"{finding['path']}:{finding['line']}:{finding['column']}"
        hint = f" ({finding['hint']})" if finding["hint"] else ""
        output.say(output.inert(f"{place}: {finding['code']}: {finding['message']}{hint}"))
    if made.problem:
        output.say(output.inert(made.problem))


def _show_diff(path: Path, old: bytes, new: bytes) -> None:
    lines = difflib.unified_diff(
        old.decode("utf-8-sig").splitlines(),
        new.decode().splitlines(),
        str(path),
        f"{path} (laid out)",
        lineterm="",
    )
    for line in lines:
        click.echo(output.inert(line))


def replace(path: Path, data: bytes) -> None:
    """Put `data` in the place of a file at once, so that nobody ever reads half of it. A link keeps
    being one: what it leads to is replaced. Raises OSError, and then the file is as it was."""
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    mode = target.stat().st_mode & 0o7777 if target.exists() else 0o666 & ~_umask()
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(name, mode)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """What a new file must not allow; asking for it means setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
