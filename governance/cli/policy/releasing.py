"""`governance policy release`: proposed by one person, signed by another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.policy.folder import FOLDER, files_of, folder_of, report
from governance.cli.policy.group import policy
from governance.cli.transport import Api
from governance.service import checking


@command(policy, "release", example="governance policy release policies --note 'RISK-4411'")
@click.argument("folder", type=FOLDER, required=False)
@click.option("--note", help="Why; kept where it can be erased.")
@click.option("--sign", "proposal", type=int, help="Sign off this proposal as the second person.")
def release(frame: Frame, folder: Path | None, note: str | None, proposal: int | None) -> None:
    """Propose the files as a release; another person signs it with --sign NUMBER.

    While a workspace has one person only, that person's release is in force at once, and every
    report says that nobody else signed it.
    """
    if proposal is not None and folder is not None:
        raise click.UsageError("give FOLDER to propose, or --sign NUMBER to sign off")
    with frame.api() as api:
        if proposal is not None:
            made = api.post(f"/v1/policies/proposals/{proposal}/sign")
            output.show(frame.output, made)
            return output.say("In force.")
        made = _propose(frame, api, folder, note)
        if len(api.get("/v1/people")["people"]) == 1:
            made |= api.post(f"/v1/policies/proposals/{made['proposal']}/sign")
    if frame.json:
        output.document(made)
    else:
        spoken = ("findings", "warnings")
        output.show(frame.output, {k: v for k, v in made.items() if k not in spoken})
    for warning in made["warnings"]:
        output.say(f"warning: {warning}")
    if made.get("alone"):
        output.say("In force, signed by you alone; every report will say so.")
    else:
        output.say(f"Now another person: governance policy release --sign {made['proposal']}")
    return None


def _propose(frame: Frame, api: Api, folder: Path | None, note: str | None) -> Any:
    """The proposal, or the end with what is wrong with the files."""
    files = files_of(frame, folder)
    try:
        texts = {path: data.decode("utf-8") for path, data in files.items()}
    except UnicodeDecodeError:
        made = checking.check(files)
    else:
        made = api.post("/v1/policies/proposals", files=texts, note=note)
    if made["findings"]:
        report(frame, {**made, "ok": False}, folder_of(frame, folder), "")
    return made
