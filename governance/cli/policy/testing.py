"""`governance policy test`: what the cases of files show."""

from __future__ import annotations

from pathlib import Path

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.policy.folder import CASES_FAILED, FOLDER, files_of, folder_of, real_path
from governance.cli.policy.group import policy
from governance.service import drafting


@command(policy, "test", example="governance policy test policies --policy payments")
@click.argument("folder", type=FOLDER, required=False)
@click.option("--policy", "name", help="Only the cases of this policy.")
@click.option("--edges", is_flag=True, help="Also try every threshold on both sides.")
def test(frame: Frame, folder: Path | None, name: str | None, edges: bool) -> None:
    """Run the case tables; says which rules no case looks at."""
    result = drafting.run_cases(files_of(frame, folder), name)
    if edges:
        result["edges"] = drafting.edges(files_of(frame, folder), name)
    if edges and not frame.json:
        columns = {"policy": "policy", "rule": "rule", "field": "field", "value": "value"}
        columns |= {"effect": "answer", "matches": "rule speaks"}
        output.table(columns, result["edges"], "No case reaches a threshold.")
    if frame.json:
        output.document(result)
    else:
        columns = {"where": "where", "policy": "policy", "case": "case", "expected": "expected"}
        failed = [
            {**row, "where": f"{real_path(row['path'], folder_of(frame, folder))}:{row['line']}"}
            for row in result["results"]
            if not row["passed"]
        ]
        output.table(columns | {"problem": "what came out"}, failed, "Every case holds.")
        for rule in result["uncovered"]:
            output.say(f"no case has `{rule}` as a reason")
        output.say(
            f"{len(result['results']) - len(failed)} of {len(result['results'])} cases hold."
        )
    if any(not row["passed"] for row in result["results"]):
        raise click.exceptions.Exit(CASES_FAILED)
