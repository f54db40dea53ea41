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
    example="governance policy explain policies --given action=payment.create "
    "--given args.amount='120 EUR'",
)
@click.argument("folder", type=FOLDER, required=False)
@click.option("--policy", "name", help="Only this policy.")
@click.option("--decision", type=int, help="Explain a recorded decision instead.")
@click.option("--given", "given", multiple=True, help="NAME=VALUE of a supposed action.")
def explain(
    frame: Frame,
    folder: Path | None,
    name: str | None,
    decision: int | None,
    given: tuple[str, ...],
) -> None:
    """The files in plain words, or why an action is, was or would be allowed or not."""
    if decision is None and not given:
        return _words(frame, drafting.plain_words(files_of(frame, folder), name))
    if decision is not None:
        with frame.api() as api:
            told = api.get(f"/v1/decisions/{decision}")
    else:
        told = drafting.suppose(files_of(frame, folder), _cells(given), name)
    return output.document(told) if frame.json else telling.tell(told)


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
