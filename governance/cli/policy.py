"""`governance policy`: write, check, test, explain, try and release policy files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from governance.cli import output, telling
from governance.cli.frame import Frame, command, named
from governance.cli.transport import Api, Failed
from governance.service import drafting, exporting, releasing
from governance.service.problem import Problem

INVALID, CASES_FAILED = 3, 4
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.group("policy")
def policy() -> None:
    """Policy files: write, check, test, try on the past, release."""


@command(policy, "check", example="governance policy check policies")
@click.argument("folder", type=FOLDER, required=False)
def check(frame: Frame, folder: Path | None) -> None:
    """Everything that is wrong with the files, as file:line:column; exit 3, or 4 for cases only."""
    files, place = files_of(frame, folder), folder_of(frame, folder)
    result = releasing.check(files)
    if result["ok"]:
        result["warnings"] = [*result.get("warnings", ()), *drafting.remarks(files)]
    held = f"{result['cases']} case{'s hold' if result['cases'] != 1 else ' holds'}"
    _report(frame, result, place, f"{held}; the files are ready for release.")
    if frame.json:
        output.document(result)


@command(policy, "test", example="governance policy test policies --policy payments")
@click.argument("folder", type=FOLDER, required=False)
@click.option("--policy", "name", help="Only the cases of this policy.")
@click.option("--edges", is_flag=True, help="Also try every threshold on both sides.")
def test(frame: Frame, folder: Path | None, name: str | None, edges: bool) -> None:
    """Run the case tables; says which rules no case looks at."""
    result = drafting.run_cases(files_of(frame, folder), name)
    if edges:
        result["edges"] = drafting.edges(files_of(frame, folder), name)
    if edges and not frame.json:
        columns = {"policy": "policy", "rule": "rule", "field": "field", "value": "value"}
        columns |= {"effect": "answer", "matches": "rule speaks"}
        output.table(columns, result["edges"], "No case reaches a threshold.")
    if frame.json:
        output.document(result)
    else:
        columns = {"where": "where", "policy": "policy", "case": "case", "expected": "expected"}
        failed = [
            {**row, "where": f"{_real(row['path'], folder_of(frame, folder))}:{row['line']}"}
            for row in result["results"]
            if not row["passed"]
        ]
        output.table(columns | {"problem": "what came out"}, failed, "Every case holds.")
        for rule in result["uncovered"]:
            output.say(f"no case has `{rule}` as a reason")
        output.say(
            f"{len(result['results']) - len(failed)} of {len(result['results'])} cases hold."
        )
    if any(not row["passed"] for row in result["results"]):
        raise click.exceptions.Exit(CASES_FAILED)


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


@command(policy, "backtest", example="governance policy backtest draft-policies --from 2026-10-01")
@click.argument("folder", type=FOLDER, required=False)
@click.option("--from", "start", help="First moment (RFC 3339 or a date).")
@click.option("--to", "end", help="End, not included (RFC 3339 or a date).")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(0), help="Rows shown.")
def backtest(
    frame: Frame, folder: Path | None, start: str | None, end: str | None, limit: int
) -> None:
    """What these files would have answered to what was recorded; nothing is changed."""
    files = files_of(frame, folder)
    result = exporting.backtest(frame.directory, files, start=_moment(start), end=_moment(end))
    if frame.json:
        return output.document(result)
    rows = [
        {**row, "rules_now": row["rules_now"][:3], "rules_was": row["rules_was"][:3]}
        for row in result["changed"][:limit]
    ]
    columns = {"decision": "decision", "agent": "agent", "action": "action", "was": "was"}
    columns |= {"now": "would be", "rules_now": "because of"}
    output.table(columns, rows, "No verdict would change.")
    if len(result["changed"]) > limit:
        output.say(f"… and {len(result['changed']) - limit} more; --limit shows them.")
    said = ", ".join(f"{count} × {change}" for change, count in result["by_change"].items())
    output.say(
        f"{len(result['changed'])} of {result['reperformed']} decisions would change"
        f"{f' ({said})' if said else ''}; {result['not_reperformed']} could not be tried, because "
        "values were erased."
    )
    return None


def _moment(given: str | None) -> datetime | None:
    """A date or an RFC 3339 time, in UTC when it names no zone."""
    if given is None:
        return None
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise click.UsageError(f"`{given}` is no time; write 2026-10-01 or RFC 3339") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


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
        made = releasing.check(files)
    else:
        made = api.post("/v1/policies/proposals", files=texts, note=note)
    if made["findings"]:
        _report(frame, {**made, "ok": False}, folder_of(frame, folder), "")
    return made


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
    for policy in drafting.speaking(files, given["actions"]):
        output.say(
            f"note: `{policy}` speaks for one of these actions already, and the stricter rule wins; "
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


def folder_of(frame: Frame, folder: Path | None) -> Path:
    """The folder given, or the workspace's."""
    return folder or frame.workspace / "policies"


def _real(path: str, folder: Path) -> str:
    """A file of a release as the file it was read from, so that an editor finds it."""
    return str(folder / path.removeprefix("policies/"))


def files_of(frame: Frame, folder: Path | None) -> dict[str, bytes]:
    """Policy files by path, from the folder given, the workspace's, or ./policies."""
    place = folder_of(frame, folder)
    if not place.is_dir():
        raise Failed(f"`{place}` is no directory; say which folder the policy files are in", 2)
    found = releasing.read_folder(place)
    if not found:
        raise Failed(f"`{place}` holds no policy files (*.yaml)", INVALID)
    return found


def _report(frame: Frame, result: Mapping[str, Any], folder: Path, good: str) -> None:
    """Findings as file:line:column; ends with the exit code they deserve."""
    if frame.json and not result["ok"]:
        output.document(result)
    for finding in result["findings"] if not frame.json else ():
        hint = f" ({finding['hint']})" if finding["hint"] else ""
        path = _real(finding["path"], folder)
        place = f"{path}:{finding['line']}:{finding['column']}"
        click.echo(output.inert(f"{place}: {finding['code']}: {finding['message']}{hint}"))
    for warning in result.get("warnings", ()):
        output.say(f"warning: {warning}")
    if result["ok"]:
        return output.say(good)
    codes = {finding["code"] for finding in result["findings"]}
    count = len(result["findings"])
    output.say(f"{count} finding{'s' if count > 1 else ''}; nothing was changed.")
    raise click.exceptions.Exit(CASES_FAILED if codes == {"case-failed"} else INVALID)
