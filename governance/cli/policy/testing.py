"""`governance policy test`: what the cases of files show, look at, and leave out."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.policy.folder import (
    CASES_FAILED,
    FOLDER,
    files_of,
    folder_of,
    real_path,
    replace_file,
)
from governance.cli.policy.group import policy
from governance.service import junit, testing

TOO_LITTLE: Final = 5
"""The exit code of too little coverage."""


@command(
    policy,
    "test",
    example="governance policy test policies --policy payments\n"
    "  governance policy test policies --coverage --coverage-at-least 80\n"
    "  governance policy test policies --junit cases.xml\n"
    "  governance policy test policies --policy payments --confirm",
)
@click.argument("folder", type=FOLDER, required=False)
@click.option("--policy", "name", help="Only the cases of this policy.")
@click.option("--edges", is_flag=True, help="Also try every threshold on both sides.")
@click.option("--confirm", is_flag=True, help="Ask of each side of a threshold that no case looks "
              "at whether it is right, and keep those that are as cases.")  # fmt: skip
@click.option("--coverage", is_flag=True, help="What the cases look at: rules, branches, "
              "uncertainty.")  # fmt: skip
@click.option("--coverage-at-least", "least", type=click.IntRange(0, 100), metavar="N",
              help="Fail (exit 5) if less than N percent of rules, branches or uncertainty.")  # fmt: skip
@click.option("--junit", "report", type=click.Path(path_type=Path, dir_okay=False),
              help="Also write the results as JUnit XML.")  # fmt: skip
def test(
    frame: Frame,
    folder: Path | None,
    name: str | None,
    edges: bool,
    confirm: bool,
    coverage: bool,
    least: int | None,
    report: Path | None,
) -> None:
    """Run the case tables; says which rules no case looks at. Exit 4 if a case does not hold.

    A branch is a comparison, a history or a part of an `any`: it should be seen yes and no, and, if
    it can be, cannot tell. Confirmed boundary cases go to cases/POLICY-edges.yaml.
    """
    files, place = files_of(frame, folder), folder_of(frame, folder)
    began = time.perf_counter()
    wanted = coverage or least is not None
    result = testing.run(files, name, coverage=wanted, edges=edges or confirm)
    if report is not None:
        took = time.perf_counter() - began
        rows = [{**row, "path": real_path(row["path"], place)} for row in result["results"]]
        report.write_bytes(junit.document(rows, took))
    if frame.json:
        output.document(result)
    else:
        _tell(result, place, edges and not confirm, coverage)
    wrong = _confirm(frame, result["edges"], files, place) if confirm else 0
    if wrong or any(not row["passed"] for row in result["results"]):
        raise click.exceptions.Exit(CASES_FAILED)
    if least is not None and result["coverage"]["least"] < least:
        output.say(
            f"the coverage is {result['coverage']['least']} %, at least {least} % is asked for."
        )
        raise click.exceptions.Exit(TOO_LITTLE)


def _tell(result: Mapping[str, Any], place: Path, edges: bool, coverage: bool) -> None:
    if edges:
        columns = {"policy": "policy", "rule": "rule", "field": "field", "value": "value"}
        columns |= {"effect": "answer", "matches": "rule speaks", "known": "in a case"}
        output.table(columns, result["edges"], "No case reaches a threshold.")
    if coverage:
        _tell_coverage(result["coverage"])
    columns = {"where": "where", "policy": "policy", "case": "case", "expected": "expected"}
    failed = [
        {**row, "where": f"{real_path(row['path'], place)}:{row['line']}"}
        for row in result["results"]
        if not row["passed"]
    ]
    output.table(columns | {"problem": "what came out"}, failed, "Every case holds.")
    for rule in result["uncovered"]:
        output.say(f"no case has `{rule}` as a reason")
    count = len(result["results"])
    output.say(f"{count - len(failed)} of {count} cases hold.")


def _tell_coverage(found: Mapping[str, Any]) -> None:
    """One line for each rule, then what was never seen of its conditions."""
    rows = [
        {
            "rule": f"{each['policy']}/{each['rule']}",
            "reasons": each["reasons"],
            "yes": _count(each["conditions"], "yes"),
            "no": _count(each["conditions"], "no"),
            "unsure": _count(
                [seen for seen in each["conditions"] if seen["cannot_tell"] or "cannot tell" in seen["never"]],
                "cannot_tell",
            ),
        }
        for each in found["looked"]
    ]  # fmt: skip
    columns = {"rule": "rule", "reasons": "cases", "yes": "seen yes", "no": "seen no"}
    output.table(columns | {"unsure": "seen cannot tell"}, rows, "There are no rules.")
    for each in found["looked"]:
        for seen in each["conditions"]:
            if seen["never"]:
                click.echo(
                    f"{each['policy']}/{each['rule']}: never {' or '.join(seen['never'])}: "
                    f"{output.inert(seen['condition'])}"
                )
    shares = (found[each] for each in ("rules", "branches", "uncertainty"))
    told = (f"{share['seen']} of {share['of']} ({share['percent']} %)" for share in shares)
    output.say("rules {}, branches {}, uncertainty {}".format(*told))


def _count(conditions: list[Mapping[str, Any]], answer: str) -> str:
    """How many of the conditions were answered so."""
    if not conditions:
        return "-"
    return f"{sum(seen[answer] > 0 for seen in conditions)}/{len(conditions)}"


def _confirm(
    frame: Frame, edges: Iterable[Mapping[str, Any]], files: Mapping[str, bytes], place: Path
) -> int:
    """Ask about each boundary case that is new, keep what is right; how many are wrong."""
    new = [each for each in edges if not each["known"]]
    if not new:
        output.say("Every side of every threshold that a case reaches is a case already.")
        return 0
    asking = at_a_terminal() and not frame.json
    kept: dict[str, list[Mapping[str, str]]] = {}
    wrong = 0
    for each in new:
        answer = _ask(each) if asking else "y"
        if answer == "y":
            kept.setdefault(each["owner"], []).append(each["row"])
        elif answer == "n":
            wrong += 1
            output.say(
                f"then `{each['policy']}/{each['rule']}` is wrong: change it, or its threshold"
            )
        elif answer == "q":
            break
    for name, rows in kept.items():
        path = testing.edges_path(name)
        made = testing.confirmed(files, name, rows)
        target = Path(real_path(path, place))
        if asking:
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_file(target, made)
            output.say(f"{len(rows)} case{'s' if len(rows) > 1 else ''} written to {target}")
        elif not frame.json:
            output.say(f"{target} would hold this, if somebody at a terminal confirmed each:")
            click.echo(made.decode(), nl=False)
    return wrong


def at_a_terminal() -> bool:
    """Whether somebody is there who can be asked."""
    return sys.stdin.isatty()


def _ask(each: Mapping[str, Any]) -> str:
    """Whether one boundary case is right: y, n, s (leave it open) or q (enough)."""
    by = f" by {', '.join(each['by'])}" if each["by"] else ""
    click.echo(
        output.inert(
            f"{each['policy']}/{each['rule']}: {each['field']} {each['value']}, else as in "
            f"`{each['case']}`\n  -> {each['effect']}{by}"
        )
    )
    choice = click.Choice(["y", "n", "s", "q"])
    return str(click.prompt("  is that right? (yes, no, skip, quit)", type=choice, default="s"))
