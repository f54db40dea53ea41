"""`governance report` and `governance data`: evidence for others, erasure for those concerned."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from governance import config as settings
from governance.cli import output
from governance.cli.frame import Frame, command, require_yes
from governance.cli.transport import Failed


@click.group("report")
def report() -> None:
    """Reports of oversight, made from the log and nothing else."""


@command(report, "periodic", example="governance report periodic --quarter 2026Q4 --to-dir .")
@click.option("--agent", help="Only this agent.")
@click.option("--from", "start", help="First moment (RFC 3339 or a date).")
@click.option("--to", "end", help="End, not included (RFC 3339 or a date).")
@click.option("--quarter", help="A quarter such as 2026Q4, in the workspace's time zone.")
@click.option("--names", is_flag=True, help="Also make a copy with names and reasons, to read.")
@click.option(
    "--to-dir", type=click.Path(path_type=Path, file_okay=False), help="Also copy the files here."
)
def periodic(
    frame: Frame,
    agent: str | None,
    start: str | None,
    end: str | None,
    quarter: str | None,
    names: bool,
    to_dir: Path | None,
) -> None:
    """The periodic oversight report, as PDF and JSON; recorded in the log as issued."""
    if quarter and (start or end):
        raise click.UsageError("give --quarter, or --from and --to")
    zone = ZoneInfo(settings.load(frame.directory).workspace.time_zone)
    if quarter:
        start, end = quarter_bounds(quarter, zone)
    body = {"agent": agent, "from": _instant(start, zone), "to": _instant(end, zone)}
    output.say("Making the report…")
    with frame.api() as api:
        made = api.post("/v1/reports/periodic", **body, names=names or None)
        if to_dir:
            to_dir.mkdir(parents=True, exist_ok=True)
            for name in made["files"]:
                (to_dir / name).write_bytes(api.raw("GET", f"/v1/reports/{name}"))
    output.show(frame.output, made)
    output.say(f"They are in {to_dir or frame.directory / 'reports'}.")


def quarter_bounds(quarter: str, zone: ZoneInfo) -> tuple[str, str]:
    """The first moment of a quarter such as `2026Q4` in a time zone, and the first after it."""
    match = re.fullmatch(r"(\d{4})-?Q([1-4])", quarter)
    if not match:
        raise Failed(f"`{quarter}` is no quarter; write it as 2026Q4", 2)
    year, number = int(match[1]), int(match[2])
    first = f"{year}-{3 * number - 2:02d}-01"
    after = f"{year + number // 4}-{3 * (number % 4) + 1:02d}-01"
    return _midnight(first, zone), _midnight(after, zone)


def _instant(given: str | None, zone: ZoneInfo) -> str | None:
    """A date as its first moment in a time zone; anything else as it is."""
    if given and re.fullmatch(r"\d{4}-\d\d-\d\d", given):
        return _midnight(given, zone)
    return given


def _midnight(date: str, zone: ZoneInfo) -> str:
    try:
        at = datetime.fromisoformat(date).replace(tzinfo=zone)
    except ValueError:
        raise Failed(f"`{date}` is no date; write it as `2026-11-20`", 2) from None
    return at.isoformat().replace("+00:00", "Z")


@click.group("data")
def data() -> None:
    """Personal data kept beside the log."""


@command(
    data,
    "erase",
    example="governance data erase customer C-4711 --ground gdpr-17-1-a --note 'request 88'",
)
@click.argument("subject_type", metavar="KIND")
@click.argument("value", metavar="WHO")
@click.option(
    "--ground",
    required=True,
    help="The legal ground as one word, such as gdpr-17-1-a; it is written into the log.",
)
@click.option("--note", help="Kept where it can be erased.")
@click.option("--yes", is_flag=True, help="Do not ask again first.")
def erase(
    frame: Frame, subject_type: str, value: str, ground: str, note: str | None, yes: bool
) -> None:
    """Erase a data subject's values and keys; counts, and every older proof, stay.

    KIND is what the catalogue calls the subject (payee, customer, ...) and WHO the value that names
    them; or `person` and the p-... of somebody who left.
    """
    if not yes:
        require_yes(f"Erase what is kept about this {subject_type}?")
    with frame.api() as api:
        body = {"subject_type": subject_type, "value": value, "ground": ground, "note": note}
        output.show(frame.output, api.post("/v1/erasures", **body))
