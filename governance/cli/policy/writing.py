"""`governance policy new`: six questions, and a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import click

from governance.cli import output
from governance.cli.frame import Frame, command, named
from governance.cli.policy.folder import FOLDER, files_of
from governance.cli.policy.group import policy
from governance.cli.transport import Failed
from governance.service import drafting
from governance.service.problem import Problem


@command(policy, "new", example="governance policy new --to policies/travel.yaml\n"
    "  governance policy new --to policies/refunds.yaml --answer actions=refund.create "
    "--answer 'free=50 EUR'")  # fmt: skip
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    help="Write the file here (else it is printed).",
)
@click.option(
    "--answer",
    "answers",
    multiple=True,
    metavar="NAME=ANSWER",
    help="An answer, instead of being asked; once for each.",
)
@click.option(
    "--folder",
    type=FOLDER,
    help="The policy folder whose actions are meant (else the workspace's).",
)
def new(frame: Frame, target: Path | None, answers: tuple[str, ...], folder: Path | None) -> None:
    """Asks six questions and writes a policy file: rules, a limit, and cases that pass.

    The questions: title (what it is about), owner (who answers for it), actions (of the
    catalogue), agents (a label, or all), free (what they may do alone: an amount, everything or
    nothing) and asks (who decides beyond that, such as "1 treasurer in 4h"). Two more can only be
    given with --answer: never (an amount that nobody may approve) and name (of the policy).

    For a new topic, describe its actions first: policies/actions/NAME.yaml, written by hand or by
    `governance policy import`. Rules can only speak of actions in there.

    The file is a draft: nothing of it is in force before somebody reads it, sets `mode: enforce`,
    and another person signs the release.
    """
    if target is not None and target.exists():
        raise Failed(f"`{target}` exists; give another name")
    files, given = files_of(frame, folder), named(answers)
    text = _ask(files, given)
    for name in drafting.speaking(files, given["actions"]):
        output.say(
            f"note: `{name}` speaks for one of these actions already, and the stricter rule wins; "
            "`governance policy check` names the cases to adapt"
        )
    if target is not None:
        target.write_text(text, encoding="utf-8")
        output.say(
            f"Written to {target}, as a draft. Read it, then: governance policy check {target.parent}"
        )
    if frame.json:
        output.document({"text": text, "file": None if target is None else str(target)})
    elif target is None:
        click.echo(text, nl=False)


def _ask(files: Mapping[str, bytes], given: dict[str, str]) -> str:
    """Ask what is not answered yet, and again what cannot be used, as long as somebody answers."""
    texts = {each["name"]: each for each in drafting.questions()}
    asked = set(texts) - set(given)
    for name in texts:
        if name in asked:
            given[name] = _prompt(texts[name])
    while True:
        try:
            return drafting.draft(files, given, datetime.now(UTC).date())  # noqa: TID251 - a surface
        except Problem as problem:
            if problem.field not in asked:
                raise
            output.say(problem.detail)
            given[problem.field] = _prompt(texts[problem.field])


def _prompt(question: Mapping[str, str]) -> str:
    asked = f"{question['text']} (such as: {question['example']})"
    return str(click.prompt(asked, err=True))
