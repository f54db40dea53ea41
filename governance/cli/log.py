"""`governance audit`: read, export, verify and re-perform the log."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from audit.__main__ import main as verify_main
from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.transport import Failed
from governance.service import exporting


@click.group("audit")
def audit() -> None:
    """The signed log: read it, export it, verify it, perform it again."""


@command(audit, "tail", example="governance audit tail -n 20 --follow")
@click.option("-n", "--lines", default=20, show_default=True, type=click.IntRange(1, 10000))
@click.option("-f", "--follow", is_flag=True, help="Go on as entries come; end with Ctrl-C.")
def tail(frame: Frame, lines: int, follow: bool) -> None:
    """The newest entries."""
    shown = _print(frame, frame.app.entries(frame.directory, -lines, None), -1)
    while follow:
        time.sleep(1)
        shown = _print(frame, frame.app.entries(frame.directory, shown + 1, None), shown)


@command(audit, "search", example="governance audit search --kind stop. --text payments-1")
@click.option("--kind", help="Only kinds that begin so.")
@click.option("--text", help="Only entries whose recorded text contains this.")
@click.option("--from", "start", type=int, help="First entry number.")
@click.option("--to", "stop", type=int, help="Last entry number.")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1, 100000))
def search(
    frame: Frame,
    kind: str | None,
    text: str | None,
    start: int | None,
    stop: int | None,
    limit: int,
) -> None:
    """Entries by kind and recorded text (values that are only committed to cannot be found)."""
    found = _matching(frame.app.entries(frame.directory, start, stop), kind, text)
    _print(frame, (item for item, _ in zip(found, range(limit), strict=False)), -1)


def _matching(entries: Iterable[Any], kind: str | None, text: str | None) -> Iterable[Any]:
    for index, entry in entries:
        if kind and not entry.kind.startswith(kind):
            continue
        if text and text not in json.dumps([dict(entry.by), dict(entry.data)], default=str):
            continue
        yield index, entry


def _print(frame: Frame, entries: Iterable[Any], last: int) -> int:
    for index, entry in entries:
        last = index
        if frame.json:
            record = {"index": index, "kind": entry.kind, "at": entry.at.isoformat()}
            click.echo(json.dumps({**record, "by": dict(entry.by), "data": dict(entry.data)}))
        else:
            who = entry.by.get("id", "service")
            what = output.inert(_gist(entry))
            click.echo(
                f"{index:>8}  {entry.at:%Y-%m-%d %H:%M:%S}  {entry.kind:<18} {who:<16} {what}"
            )
    return last


def _gist(entry: Any) -> str:
    data = entry.data
    parts = [
        str(data[name]) for name in ("agent", "action", "effect", "scope", "status") if name in data
    ]
    refs = data.get("refs") or {}
    parts += [f"{role} {number}" for role, number in refs.items() if role != "session"]
    return " ".join(parts)


@command(audit, "export", example="governance audit export audit-package")
@click.argument("target", type=click.Path(path_type=Path))
def export(frame: Frame, target: Path) -> None:
    """Write a package (a folder, or FILE.zip) that a stranger can verify offline."""
    if target.exists() and (target.is_file() or any(target.iterdir())):
        raise Failed(f"`{target}` exists; give a new name")
    output.show(frame.output, exporting.write(frame.directory, target))


@command(
    audit,
    "verify",
    example="governance audit verify audit-package --log-key log.vkey",
    output=False,
)
@click.argument("package", type=click.Path(path_type=Path))
@click.option(
    "--log-key", "log_key", required=True, help="The log's verifier key, or a file with it."
)
@click.option("--head", type=click.Path(path_type=Path), help="A head or checkpoint you kept.")
@click.option("--receipt", "receipts", multiple=True, type=click.Path(path_type=Path))
def verify(
    frame: Frame, package: Path, log_key: str, head: Path | None, receipts: tuple[Path, ...]
) -> None:
    """The same as `python -m audit verify`: exit 0, 10 tampered, 11 key, 12 gap, 13 nothing."""
    key = Path(log_key).read_text().strip() if Path(log_key).is_file() else log_key
    args = ["verify", str(package), "--key", key]
    if head:
        args += ["--head", str(head)]
    for receipt in receipts:
        args += ["--receipt", str(receipt)]
    raise click.exceptions.Exit(verify_main(args))


@command(audit, "replay", example="governance audit replay audit-package")
@click.argument("source", type=click.Path(path_type=Path), required=False)
def replay(frame: Frame, source: Path | None) -> None:
    """Perform state and verdicts again, of a package or of this workspace."""
    counts = exporting.replay(source or frame.directory)
    output.show(frame.output, counts)
    if counts.get("different"):
        raise Failed(f"{counts['different']} verdicts came out differently", 10)


@command(audit, "fsck", example="governance audit fsck -w my-workspace")
def fsck(frame: Frame) -> None:
    """Hold facts and read models against what the log says."""
    found = frame.app.fsck(frame.directory)
    output.show(frame.output, found)
    if found.get("problems"):
        raise Failed("the workspace does not say what its log says; see above", 10)
