"""`governance policy backtest`: a draft tried on what was recorded."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.policy.folder import FOLDER, files_of
from governance.cli.policy.group import policy
from governance.service import exporting


@command(policy, "backtest", example="governance policy backtest draft-policies --from 2026-10-01")
@click.argument("folder", type=FOLDER, required=False)
@click.option("--from", "start", help="First moment (RFC 3339 or a date).")
@click.option("--to", "end", help="End, not included (RFC 3339 or a date).")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(0), help="Rows shown.")
def backtest(
    frame: Frame, folder: Path | None, start: str | None, end: str | None, limit: int
) -> None:
    """What these files would have answered to what was recorded; nothing is changed."""
    files = files_of(frame, folder)
    result = exporting.backtest(frame.directory, files, start=_moment(start), end=_moment(end))
    if frame.json:
        return output.document(result)
    rows = [
        {**row, "rules_now": row["rules_now"][:3], "rules_was": row["rules_was"][:3]}
        for row in result["changed"][:limit]
    ]
    columns = {"decision": "decision", "agent": "agent", "action": "action", "was": "was"}
    columns |= {"now": "would be", "rules_now": "because of"}
    output.table(columns, rows, "No verdict would change.")
    if len(result["changed"]) > limit:
        output.say(f"… and {len(result['changed']) - limit} more; --limit shows them.")
    said = ", ".join(f"{count} × {change}" for change, count in result["by_change"].items())
    output.say(
        f"{len(result['changed'])} of {result['reperformed']} decisions would change"
        f"{f' ({said})' if said else ''}; {result['not_reperformed']} could not be tried, because "
        "values were erased."
    )
    return None


def _moment(given: str | None) -> datetime | None:
    """A date or an RFC 3339 time, in UTC when it names no zone."""
    if given is None:
        return None
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise click.UsageError(f"`{given}` is no time; write 2026-10-01 or RFC 3339") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
