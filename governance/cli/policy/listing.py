"""`governance policy list`: lists that change more often than rules."""

from __future__ import annotations

from pathlib import Path

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.policy.folder import folder_of, report
from governance.cli.policy.group import policy
from governance.cli.policy.proposals import failed_before
from governance.cli.policy.releasing import tell_doubts
from governance.cli.transport import Failed


@policy.group("list")
def lists() -> None:
    """Lists in force, and refreshing them."""


@command(lists, "show", example="governance policy list show")
def show(frame: Frame) -> None:
    """The lists in force: their dates, how many members, and which connectors refresh them."""
    with frame.api() as api:
        found = api.get("/v1/policies/lists")
    columns = {"list": "list", "as_of": "as of", "type": "type", "members": "members"}
    columns |= {"connectors": "refreshed by", "path": "file"}
    output.listing(frame.output, found, columns, found["lists"], "No policy in force uses a list.")


@command(lists, "put", example="governance policy list put erp/trusted-payees payees.yaml")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--note", help="Why; kept where it can be erased.")
def put(frame: Frame, name: str, file: Path, note: str | None) -> None:
    """Refresh a list with a list file.

    Where it is proved that nothing becomes looser, it is in force at once; where something does, such
    as with a new trusted payee, another person signs it first.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Failed(f"`{file}` is no text in UTF-8", 3) from None
    with frame.api() as api:
        made = api.post("/v1/policies/lists", list=name, text=text, note=note)
    if made["findings"]:
        report(frame, {**made, "ok": False}, folder_of(frame, None), "")
    if frame.json:
        return output.document(made)
    output.show(frame.output, {n: made[n] for n in ("proposal", "release") if n in made})
    for line in failed_before(made.get("failed_before", ())):
        output.say(output.inert(line))
    for name in made.get("refuted_before", ()):
        output.say(f"MUST NEVER BE ALLOWED AND CAN HAPPEN, before as after: {output.inert(name)}")
    if made["in_force"]:
        output.say("In force: it was proved that nothing becomes looser.")
    else:
        tell_doubts(made)
        output.say(f"Now another person: governance policy sign {made['proposal']}")
    return None
