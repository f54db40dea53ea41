"""`governance policy prove`: what must never be allowed, proved of files or of a release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.policy.comparing import LOOSER, NOT_PROVED, sent, side
from governance.cli.policy.group import policy
from governance.service import proving

REFUTED: Final = LOOSER


@command(policy, "prove", example="governance policy prove policies")
@click.argument("what", metavar="[FOLDER|in-force|DIGEST]", required=False)
@click.option(
    "--budget", type=click.IntRange(1), default=proving.BUDGET, show_default=True,
    help="Steps of the search for each invariant; beyond them it is not proved.",
)  # fmt: skip
def prove(frame: Frame, what: str | None, budget: int) -> None:
    """Prove the invariants of the files, for every request, state and time from now on.

    Ends with 5 if one is refuted (a request that breaks it is shown), with 6 if one could not be
    proved.
    """
    files = side(frame, what)
    if isinstance(files, str):
        with frame.api() as api:
            result = api.post("/v1/policies/prove", of=sent(files))
    else:
        result = proving.prove(files, budget=budget)
    _tell(frame, result)
    if result["refuted"]:
        raise click.exceptions.Exit(REFUTED)
    if result["not_proved"]:
        raise click.exceptions.Exit(NOT_PROVED)


def _tell(frame: Frame, result: Mapping[str, Any]) -> None:
    if frame.json:
        return output.document(result)
    rows = [{**each, "shown": _shown(each)} for each in result["proofs"]]
    columns = {"name": "invariant", "title": "never", "result": "result", "shown": "for instance"}
    output.table(columns, rows, "There are no invariants; write policies/invariants.yaml.")
    output.say(
        f"{result['proved']} of {len(rows)} proved, {result['refuted']} refuted, "
        f"{result['not_proved']} not proved (budget: {result['budget']} steps each)."
    )
    return None


def _shown(proof: Mapping[str, Any]) -> str:
    """The request that breaks it, or why nothing can be said."""
    if proof["result"] != "refuted":
        return str(proof["why"])
    cells = ", ".join(f"{name} {value}" for name, value in proof["witness"].items())
    return f"{proof['action']}: {proof['effect']} by {proof['by']}; {cells}"
