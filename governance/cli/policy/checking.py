"""`governance policy check`: what is wrong with files, and how it is put right."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.policy.folder import (
    FOLDER,
    files_of,
    folder_of,
    real_path,
    replace_file,
    report,
)
from governance.cli.policy.group import policy
from governance.cli.setup import shipped_policies
from governance.cli.transport import Failed
from governance.service import checking, sarif

FORMATS = ("text", "json", "sarif")


@command(
    policy,
    "check",
    example="governance policy check policies\n"
    "  governance policy check policies --fix\n"
    "  governance policy check policies --strict --format sarif > findings.sarif\n"
    "  governance policy check --about title-says-more",
)
@click.argument("folder", type=FOLDER, required=False)
@click.option("--fix", is_flag=True, help="Make the repairs that change no meaning, and show them.")
@click.option("--strict", is_flag=True, help="Warnings fail, too (exit 3).")
@click.option("--notes", is_flag=True, help="List notes, too, which are only counted otherwise.")
@click.option("--quick", is_flag=True, help="Without the analysis of what rules do to each other.")
@click.option("--fired", is_flag=True, help="Ask the workspace, too: rules that did not speak for "
              "90 days; roles, labels and agents that are nobody's.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(FORMATS), help="text, json (as -o json), or "
              "SARIF 2.1.0 for code hosts.")  # fmt: skip
@click.option("--page", help="Where code hosts find the page of findings (an address of "
              "findings.md).")  # fmt: skip
@click.option("--about", "code", help="Explain one finding by its id, and end.")
def check(
    frame: Frame,
    folder: Path | None,
    fix: bool,
    strict: bool,
    notes: bool,
    quick: bool,
    fired: bool,
    form: str | None,
    page: str | None,
    code: str | None,
) -> None:
    """Everything that is wrong with the files, as file:line:column; exit 3, or 4 for cases only.

    Warnings ask somebody to look and do not fail, unless --strict. Each finding has an id that
    `--about ID` explains, with a wrong and a right example.
    """
    if code is not None:
        return click.echo(_about(code))
    if quick and fired:
        raise click.UsageError("--fired asks the workspace, which always looks at everything")
    frame.output = "json" if form == "json" else frame.output
    files, place = files_of(frame, folder), folder_of(frame, folder)
    if fix:
        files = _fix(frame, files, place)
    if fired:
        with frame.api() as api:
            texts = {path: data.decode("utf-8", "replace") for path, data in files.items()}
            result = dict(api.post("/v1/policies/check", files=texts, fired=True))
    else:
        result = checking.check(files, deep=not quick)
    if form == "sarif":
        shown = page or (shipped_policies() / "findings.md").resolve().as_uri()
        output.document(sarif.document(result["findings"], _page(), shown, prefix=_prefix(place)))
    elif frame.json:
        output.document(result)
    held = f"{result['cases']} case{'s hold' if result['cases'] != 1 else ' holds'}"
    good = f"{held}; the files are sound. Next: `governance policy prove`."
    quiet = frame.json or form == "sarif"
    bad = "the rest is for a person" if fix else "--about ID explains one"
    return report(frame, result, place, good, strict=strict, quiet=quiet, bad=bad, notes=notes)


def _page() -> str:
    return (shipped_policies() / "findings.md").read_text(encoding="utf-8")


def _about(code: str) -> str:
    """The section of one finding."""
    told = sarif.sections(_page())
    if code not in told:
        near = ", ".join(f"`{each}`" for each in difflib.get_close_matches(code, told, 3, 0.4))
        more = f"did you mean {near}?" if near else "`policies/findings.md` has them all"
        raise Failed(f"there is no finding `{code}`; {more}", 2)
    return f"{code}\n\n{told[code]}"


def _prefix(place: Path) -> str:
    """The folder as code hosts know it: from here down, since a check runs in the repository."""
    absolute = place.resolve()
    here = Path.cwd().resolve()
    inside = absolute.relative_to(here) if absolute.is_relative_to(here) else Path(absolute.name)
    return "" if inside == Path() else f"{inside.as_posix()}/"


def _fix(frame: Frame, files: Mapping[str, bytes], place: Path) -> dict[str, bytes]:
    """Make the safe repairs in the files themselves, say what changed, and give what is there now."""
    made = checking.repair(files)
    for path, data in made.files.items():
        target = Path(real_path(path, place)).resolve()
        if target.read_bytes() != files[path]:
            raise Failed(f"`{target}` changed meanwhile; nothing of it was repaired", 1)
        replace_file(target, data)
    for each in made.made:
        output.say(f"repaired: {real_path(each.path, place)}:{each.line}: {each.message}")
    for each in made.left:
        output.say(
            f"not repaired: {real_path(each.path, place)}:{each.line}: {each.message} (the files would "
            "mean something else, or a case would fail)"
        )
    if made.files and not frame.json:
        output.say(made.diff(files).rstrip("\n"))
    if not made.made:
        output.say("nothing could be repaired without asking.")
    return {**files, **made.files}
