"""`governance policy learn`: what people decide again and again, as proposed rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.policy.group import policy
from governance.cli.policy.proposals import count
from governance.cli.policy.trying import progress
from governance.cli.transport import Failed
from governance.service import learning


@command(policy, "learn", example="governance policy learn --days 90 --take 1 --to payments.yaml")
@click.option(
    "--days", default=learning.DAYS, show_default=True, type=click.IntRange(1), help="How far back."
)
@click.option("--take", type=click.IntRange(1), help="The proposal (its number) to write.")
@click.option("--to", "target", type=click.Path(path_type=Path), help="Write its draft here.")
def learn(frame: Frame, days: int, take: int | None, target: Path | None) -> None:
    """Rules that people seem to follow already, with the entries that show it; changes nothing.

    Only what people did counts: approvals given and refused, overrides, decisions taken back,
    reviews; by several people, on several days. --to writes the policy file with the rule, in draft mode, and
    beside it (FILE.cases.yaml) the case that tests it.
    """
    if target is not None and target.exists():
        raise Failed(f"`{target}` exists; give another name")
    found = learning.learn(frame.directory, days=days, tell=progress("entries"))
    if target is not None:
        _write(found["proposals"], take, target)
    if frame.json:
        return output.document(found)
    _tell(found)
    return None


def _write(proposals: list[dict[str, Any]], take: int | None, target: Path) -> None:
    if not proposals:
        raise Failed("people taught nothing that could be written as a rule; nothing was written")
    if take is None and len(proposals) > 1:
        raise click.UsageError(
            f"there are {len(proposals)} proposals; choose one with --take NUMBER"
        )
    if take is not None and take > len(proposals):
        raise click.UsageError(f"there are {len(proposals)} proposals, no number {take}")
    made = proposals[(take or 1) - 1]
    table = target.with_suffix(".cases.yaml")
    target.write_text(made["draft"], encoding="utf-8")
    table.write_text(made["cases"], encoding="utf-8")
    output.say(
        f"Written to {target} and {table}: `{made['id']}` for `{made['path']}`. Read it, put it in "
        "its place, set `mode: enforce`, then governance policy check."
    )


def _tell(found: Mapping[str, Any]) -> None:
    for number, made in enumerate(found["proposals"], 1):
        click.echo(output.inert(f"{number}  {made['id']}  {made['effect']}  {made['title']}"))
        support = made["support"]
        click.echo(
            f"   {support['decisions']} decisions, {support['people']} people, {support['days']} days; "
            f"{'loosens' if made['loosens'] else 'tightens'} {output.one_line(made['rule'])}"
        )
        for name, bound in made["condition"].items():
            click.echo(output.one_line(f"   {name}: {_bound(bound)}"))
        click.echo(output.one_line(f"   {made['because']}"))
        if made["note"]:
            click.echo(output.one_line(f"   {made['note']}"))
        tried = made["backtest"]
        click.echo(
            f"   on the past: {tried['looser']} looser, {tried['stricter']} stricter of "
            f"{tried['reperformed']}; approvals {tried['approvals']['per_day']['added']:+g} a day"
        )
        for case in made["adapt"]:
            click.echo(output.one_line(f"   contradicts the case {case}"))
        click.echo("")
    columns = {"rule": "rule", "action": "action", "why": "not proposed, because"}
    output.table(
        columns, found["left_out"], "" if found["proposals"] else "People taught nothing yet."
    )
    least = found["thresholds"]["loosen"]
    output.say(
        f"{count(found['acts'], 'act')} of people counted, "
        f"{count(found['unlooked'], 'answer')} without a look left out. To loosen takes {least['acts']} decisions, {least['people']} people and "
        f"{least['days']} days; nothing is in force before two people release it."
    )


def _bound(bound: Mapping[str, Any]) -> str:
    (name, value), *_ = bound.items()
    said = " to ".join(map(str, value)) if name == "between" else output.inert(str(value))
    if isinstance(value, list) and name != "between":
        said = ", ".join(map(str, value))
    return f"{name.replace('_', ' ')} {said}"
