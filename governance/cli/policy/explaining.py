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
@click.option("--all", "everything", is_flag=True, help="Also the rules that did not speak.")
def explain(
    frame: Frame,
    folder: Path | None,
    name: str | None,
    decision: int | None,
    given: tuple[str, ...],
    everything: bool,
) -> None:
    """Why an action is, was or would be allowed or not; without one, the files in plain words.

    With --decision and --given: the same decision with something else. With --decision and FOLDER:
    the same decision under those files. Nothing is recorded.
    """
    if decision is None and not given:
        return _words(frame, drafting.plain_words(files_of(frame, folder), name))
    if decision is None:
        told: Any = drafting.suppose(
            files_of(frame, folder), _cells(given), name, everything=everything
        )
        return output.document(told) if frame.json else telling.tell(told)
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
    if "was" in told:
        click.echo(f"It was: {told['was'].replace('_', ' ')}. It would be:")
    telling.tell(told)
    for note in told.get("notes", ()):
        output.say(f"note: {note}")
    return None


def _cells(given: tuple[str, ...]) -> dict[str, str]:
    cells = named(given)
    if not cells.get("action"):
        raise click.UsageError("say which action: --given action=payment.create")
    return cells


def _words(frame: Frame, told: Mapping[str, Any]) -> None:
    if frame.json:
        return output.document(told)
    for name, sentences in told.items():
        click.echo(f"{name}\n{'=' * len(name)}")
        for sentence in sentences:
            click.echo(f"{output.inert(sentence)}\n")
    return None
