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


@command(policy, "new", example="governance policy new --to policies/travel.yaml")
@click.option("--to", "target", type=click.Path(path_type=Path), help="Write the file here.")
@click.option(
    "--answer",
    "answers",
    multiple=True,
    help="NAME=ANSWER instead of being asked: title, owner, actions, agents, free, asks; also "
    "never and name.",
)
@click.option("--folder", type=FOLDER, help="Where the catalogue is (else the workspace's).")
def new(frame: Frame, target: Path | None, answers: tuple[str, ...], folder: Path | None) -> None:
    """Six questions, and a complete file with cases that pass.

    The file is a draft: nothing of it is in force before somebody reads it, sets `mode: enforce`,
    and a release is made.
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
        output.say(f"Written to {target}. Next: governance policy check {target.parent}")
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
