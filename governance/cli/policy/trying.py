"""`governance policy backtest`: a draft tried on what was recorded."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.policy.folder import FOLDER, files_of
from governance.cli.policy.group import policy
from governance.service import backtesting

SPOKEN: Final = 10.0
"""Seconds between two lines about the progress, where lines cannot be written over."""


@command(policy, "backtest", example="governance policy backtest draft-policies --days 30")
@click.argument("folder", type=FOLDER, required=False)
@click.option("--days", type=click.IntRange(1, 36_500), help="The last so many days.")
@click.option("--from", "start", help="First moment (RFC 3339 or a date).")
@click.option("--to", "end", help="End, not included (RFC 3339 or a date).")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(0), help="Rows shown.")
@click.option("--seconds", type=click.FloatRange(1), help="End after so long, with what there is.")
def backtest(
    frame: Frame,
    folder: Path | None,
    days: int | None,
    start: str | None,
    end: str | None,
    limit: int,
    seconds: float | None,
) -> None:
    """What these files would have answered to what was recorded; nothing is changed.

    Verdicts that change, by rule and by agent; the approvals it adds, per day and per person; and
    what the figures rest on. Without a period the whole log is tried.
    """
    if days is not None and start is not None:
        raise click.UsageError("give --days or --from, not both")
    first, last = _moment(start), _moment(end)
    if days is not None:
        first = (last or datetime.now(UTC)) - timedelta(days=days)  # noqa: TID251 - a surface
    if first is not None and last is not None and first >= last:
        raise click.UsageError("the period ends before it begins")
    files = files_of(frame, folder)
    result = backtesting.backtest(
        frame.directory, files, start=first, end=last, seconds=seconds, tell=progress("entries")
    )
    if frame.json:
        return output.document(result)
    return _tell(result, limit)


def progress(what: str) -> Callable[[int, int], None]:
    """Says on stderr how far something is: over itself on a terminal, else a line now and then."""
    terminal = sys.stderr.isatty()
    began = spoken = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal spoken
        now = time.monotonic()
        share = done / total if total else 1.0
        left = (now - began) * (1 / share - 1) if share else 0.0
        text = f"{done:,} of {total:,} {what} ({share:.0%}), {left:.0f} s left"
        if terminal:
            click.echo(f"\r{text}\x1b[K" if share < 1 else "\r\x1b[K", err=True, nl=False)
        elif now - spoken >= SPOKEN:
            spoken = now
            output.say(text)

    return tell


def _tell(result: Mapping[str, Any], limit: int) -> None:
    changed = result["changed"]
    rows = [
        {**row, "rules_now": row["rules_now"][:3], "rules_was": row["rules_was"][:3]}
        for row in changed[:limit]
    ]
    columns = {"decision": "decision", "agent": "agent", "action": "action", "was": "was"}
    columns |= {"now": "would be", "rules_now": "because of"}
    output.table(columns, rows, "No verdict would change.")
    if changed:
        counted = {"stricter": "stricter", "looser": "looser", "examples": "such as"}
        _section({"rule": "rule", **counted}, result["by_rule"], limit)
        agents = [each for each in result["by_agent"] if each["stricter"] or each["looser"]]
        _section({"agent": "agent", "decisions": "decisions", **counted}, agents, limit)
    if result["changes"] > limit:
        output.say(
            f"… and {result['changes'] - min(limit, len(changed))} more; --limit shows them."
        )
    said = ", ".join(f"{count} × {change}" for change, count in result["by_change"].items())
    output.say(
        f"{result['changes']} of {result['reperformed']} decisions would change"
        f"{f' ({said})' if said else ''}; {_untold(result)}"
    )
    if result["follow_on"]:
        output.say(
            f"{result['follow_on']} of the answers are different because of what the draft would have "
            "refused or allowed before them."
        )
    approvals(result["approvals"], result["days"])
    for line in result["basis"]:
        output.say(f"- {line}")
    if not result["complete"]:
        output.say(
            f"Time ran out after {result['entries']:,} entries: the figures are of those only."
        )


def _section(columns: Mapping[str, str], rows: list[dict[str, Any]], limit: int) -> None:
    if rows and limit:
        click.echo("")
        output.table(columns, rows[:limit], "")


def _untold(result: Mapping[str, Any]) -> str:
    count = result["not_reperformed"]
    if not count:
        return "every decision could be tried."
    lost = ", ".join(f"`{name}`" for name in result["lost"])
    were = "was" if count == 1 else "were"
    return f"{count} {were} not tried, because {lost} is gone (erased or pruned)."


def approvals(cost: Mapping[str, Any], days: float) -> None:
    """What a draft asks of people, in sentences and a table."""
    if not (cost["was"] or cost["would"]):
        return output.say("It asks nobody for approval, and nobody was asked.")
    peak = (
        f"; most on {cost['busiest']['day']}: {cost['busiest']['would']}" if cost["busiest"] else ""
    )
    output.say(
        f"Approvals in {days:g} {'day' if days == 1 else 'days'}: {cost['was']} really, {cost['would']} under the draft "
        f"({cost['per_day']['added']:+g} a day){peak}."
    )
    rows = [
        {**each, "roles": each["roles"]} for each in cost["people"]
        if each["added_per_day"] or each["minutes_per_day"]
    ]  # fmt: skip
    columns = {"person": "person", "roles": "as", "added_per_day": "answers a day, more"}
    _section({**columns, "minutes_per_day": "minutes a day, more"}, rows, 50)
    for role in cost["nobody"]:
        output.say(f"warning: nobody has the role `{role}`, which the draft would ask")
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
