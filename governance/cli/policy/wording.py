"""`governance policy words`: the rules in sentences, also as a book for an auditor."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.policy.folder import FOLDER, files_of
from governance.cli.policy.group import policy
from governance.cli.transport import Failed
from governance.engine.book import EFFECTS
from governance.service import wording


@command(policy, "words", example="governance policy words policies --pdf policies.pdf")
@click.argument("folder", type=FOLDER, required=False)
@click.option("--policy", "name", help="Only this file.")
@click.option("--in-force", is_flag=True, help="The release in force instead of files.")
@click.option("--proposal", type=int, help="The files of this proposal instead.")
@click.option("--pdf", "target", type=click.Path(path_type=Path), help="Write a PDF here (PDF/UA).")
@click.option(
    "--names",
    is_flag=True,
    help="With --in-force or --proposal: the names of who proposed and signed.",
)
def words(
    frame: Frame,
    folder: Path | None,
    name: str | None,
    in_force: bool,
    proposal: int | None,
    target: Path | None,
    names: bool,
) -> None:
    """What the files say, in plain English: every rule with who answers for it and why.

    --pdf writes a book for an auditor: title page with the release and who signed it, contents, a
    section for each file.
    """
    if in_force + (folder is not None) + (proposal is not None) > 1:
        raise click.UsageError("give one of FOLDER, --in-force and --proposal")
    if target is not None and target.exists():
        raise Failed(f"`{target}` exists; give another name")
    if in_force or proposal is not None:
        where = "/v1/policies" + (f"/proposals/{proposal}" if proposal is not None else "")
        with frame.api() as api:
            told: Any = api.get(f"{where}/words", policy=name)
            if target is not None:
                query = f"?names={int(names)}" + (f"&policy={name}" if name else "")
                target.write_bytes(api.raw("GET", f"{where}/words.pdf{query}"))
    else:
        files = files_of(frame, folder)
        told = wording.words(files, name)
        if target is not None:
            now = datetime.now(UTC)  # noqa: TID251 - a surface
            home = (folder or frame.workspace / "policies").resolve()
            place = home.parent.name if home.name == "policies" else home.name
            target.write_bytes(wording.print_files(files, policy=name, workspace=place, at=now))
    if target is not None:
        output.say(f"Written to {target}.")
    if frame.json:
        return output.document(told)
    return _tell(told) if target is None else None


def _tell(told: Mapping[str, Any]) -> None:
    for chapter in told["chapters"]:
        head = f"{chapter['name']}: {chapter['title']}"
        click.echo(output.inert(f"{head}\n{'=' * len(head)}"))
        click.echo(output.inert(f"{chapter['about']}\n"))
        for one in chapter["said"]:
            does = ", ".join(part for part in (EFFECTS[one["effect"]], one["severity"]) if part)
            click.echo(output.inert(f"{one['id']}  {one['title']}{f'  ({does})' if does else ''}"))
            click.echo(output.inert(f"    {one['sentence']}"))
            for point in one["alternatives"]:
                click.echo(output.inert(f"      - {point}"))
            click.echo(output.inert(f"    Why: {one['because']} ({one['owner']})\n"))
        for line in chapter["more"]:
            click.echo(output.inert(f"{line}\n"))
        for use in chapter["lists"]:
            aged = f", at most {use['max_age']} old" if use["max_age"] else ""
            click.echo(
                output.inert(f"list {use['name']}: {use['members']} members, {use['source']}{aged}")
            )
        click.echo("")
