"""`governance policy diff`: what two sets of files answer differently."""

from __future__ import annotations

from pathlib import Path

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.policy.folder import FOLDER, files_of
from governance.cli.policy.group import policy
from governance.service import drafting


@command(policy, "diff", example="governance policy diff my-workspace/policies draft-policies")
@click.argument("old", type=FOLDER)
@click.argument("new_folder", metavar="NEW", type=FOLDER)
def diff(frame: Frame, old: Path, new_folder: Path) -> None:
    """What the new files would answer differently: looser first, each with a request that shows it."""
    result = drafting.compare(files_of(frame, old), files_of(frame, new_folder))
    if frame.json:
        return output.document(result)
    rows = [
        {
            **each,
            "looser": "looser" if each["looser"] else "stricter",
            "witness": ", ".join(f"{name} {value}" for name, value in each["witness"].items()),
        }
        for each in result["differences"]
    ]
    columns = {"looser": "how", "action": "action", "before": "was", "after": "would be"}
    columns |= {"by": "because of", "witness": "for instance"}
    output.table(columns, rows, "No request would be answered differently.")
    if not result["complete"]:
        output.say("There are too many combinations to try all of them: there may be more.")
    return None
