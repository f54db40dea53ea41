"""`governance policy explain`: files in plain words, and why an action is allowed or not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from governance.cli import output, telling
from governance.cli.frame import Frame, command, named
from governance.cli.policy.folder import FOLDER, files_of
from governance.cli.policy.group import policy
from governance.service import drafting
from governance.service.given import without_action


@command(
    policy,
    "explain",
    example="governance policy explain --decision 1204 --given args.amount='400 EUR'",
)
@click.argument("folder", type=FOLDER, required=False)
@click.option("--policy", "name", help="Only this policy.")
@click.option(
    "--decision", type=int, help="A recorded decision: as it was, or with something else."
)
@click.option(
    "--given",
    "given",
    multiple=True,
    help="NAME=VALUE of a supposed action, or what would be different: args.amount='400 EUR', "
    "agent.autonomy=L3, session.labels=[private], limits.LIM-1='900 EUR', history.PAY-005=yes, "
    "at=2026-11-20T09:00Z.",
)
@click.option("--in-force", is_flag=True, help="Ask the workspace: the release in force (or FOLDER), "
              "and an agent that it knows (agent.id) as it is.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Also the rules that did not speak.")
def explain(
    frame: Frame,
    folder: Path | None,
    name: str | None,
    decision: int | None,
    given: tuple[str, ...],
    in_force: bool,
    everything: bool,
) -> None:
    """Why an action is, was or would be allowed or not; without one, the files in plain words.

    With --decision and --given: the same decision with something else. With --decision and FOLDER:
    the same decision under those files. Nothing is recorded.
    """
    if in_force and (decision is not None or not given):
        raise click.UsageError("--in-force goes with --given, without --decision")
    if decision is None and not given:
        return _words(frame, drafting.plain_words(files_of(frame, folder), name))
    if decision is None:
        if in_force:
            told: Any = _asked(frame, folder, given, name)
        else:
            told = drafting.suppose(
                files_of(frame, folder), _cells(given), name, everything=everything
            )
        if frame.json:
            return output.document(told)
        telling.tell(told)
        return click.echo(f"\n{output.inert(told['supposed'])}")
    with frame.api() as api:
        if folder is None and not given:
            told = api.get(f"/v1/decisions/{decision}", all="1" if everything else None)
        else:
            body: dict[str, Any] = {"given": named(given)}
            if folder is not None:
                body["files"] = {p: d.decode() for p, d in files_of(frame, folder).items()}
            told = api.post(f"/v1/decisions/{decision}/suppose", **body)
    if frame.json:
        return output.document(told)
    if "agent" in told and "at" in told:
        about = f"decision {told['decision']}, {output.moment(told['at'])}"
        click.echo(output.one_line(f"{about}: {told['agent']}, {told['action']}"))
    if "was" in told:
        click.echo(f"It was: {told['was'].replace('_', ' ')}. It would be:")
    telling.tell(told)
    for note in told.get("notes", ()):
        output.say(f"note: {note}")
    return None


def _asked(
    frame: Frame, folder: Path | None, given: tuple[str, ...], name: str | None
) -> Mapping[str, Any]:
    body: dict[str, Any] = {"given": _cells(given)}
    if name is not None:
        body["policy"] = name
    if folder is not None:
        body["files"] = {p: d.decode() for p, d in files_of(frame, folder).items()}
    with frame.api() as api:
        told: Mapping[str, Any] = api.post("/v1/policies/explain", **body)
    return told


def _cells(given: tuple[str, ...]) -> dict[str, str]:
    cells = named(given)
    if not cells.get("action"):
        raise click.UsageError(without_action(cells))
    return cells


def _words(frame: Frame, told: Mapping[str, Any]) -> None:
    if frame.json:
        return output.document(told)
    for name, sentences in told.items():
        click.echo(f"{name}\n{'=' * len(name)}")
        for sentence in sentences:
            click.echo(f"{output.inert(sentence)}\n")
    return None
