"""`governance policy release`, `sign`, `refuse`, `withdraw`, `rollback`: how rules come into force.

Law: whoever signs is shown all that becomes looser and all that the files say differently, and is
asked, unless they say `--yes`; the signature names the digest of what was shown.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from governance.cli import output
from governance.cli.frame import Frame, command, require_yes
from governance.cli.policy.folder import FOLDER, files_of, folder_of, report
from governance.cli.policy.group import policy
from governance.cli.policy.proposals import failed_before, tell, tell_warnings
from governance.cli.policy.proposed_words import changes_of
from governance.cli.policy.proposed_words import lines as lines_of_changes
from governance.cli.telling import names_of
from governance.cli.transport import Api, Failed
from governance.service import accepting, checking

_LOOK: Final = 1.0


@command(policy, "release", example="governance policy release policies --note 'RISK-4411'")
@click.argument("folder", type=FOLDER, required=False)
@click.option("--note", help="Why; kept where it can be erased.")
@click.option("--days", type=click.IntRange(0, 3660), help="How far back to try it (default 30).")
def release(
    frame: Frame,
    folder: Path | None,
    note: str | None,
    days: int | None,
) -> None:
    """Propose the files as a release; another person signs it with `governance policy sign NUMBER`.

    The files are examined first: their cases, what must never be allowed, what they answer
    differently from the release in force, and what they would have changed in what happened. While
    a workspace has one person only, that person's release is in force at once, and every report says
    that nobody else signed it.
    """
    with frame.api() as api:
        made = _propose(frame, api, folder, note, days)
        known = _not_new(api, made)
        if len(api.get("/v1/people")["people"]) == 1:
            path = f"/v1/policies/proposals/{made['proposal']}/sign"
            made |= api.post(path, evidence=made["evidence"])
    _proposed(frame, made, known)
    for doubt in made.get("doubts", ()):
        output.say(f"{doubt[:1].upper()}{doubt[1:]}.")
    if made.get("alone"):
        output.say("In force, signed by you alone; every report will say so.")
    else:
        output.say(f"Look at it: governance policy proposal {made['proposal']}")
        output.say(f"Now another person: governance policy sign {made['proposal']}")


@command(policy, "sign", example="governance policy sign 1204")
@click.argument("number", type=int)
@click.option("--yes", is_flag=True, help="Sign without being shown it and asked first.")
def sign(frame: Frame, number: int, yes: bool) -> None:
    """Sign off a proposal as the second person, as it is shown to you now; it is in force at once."""
    with frame.api() as api:
        _sign(frame, api, number, yes)


@command(policy, "refuse", example="governance policy refuse 1204 --reason 'PAY-009 is too wide'")
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why; kept where it can be erased.")
def refuse(frame: Frame, number: int, reason: str) -> None:
    """Refuse a proposal, with a reason; nobody signs it any more."""
    with frame.api() as api:
        made = api.post(f"/v1/policies/proposals/{number}/refuse", reason=reason)
    output.show(frame.output, made)


@command(policy, "withdraw", example="governance policy withdraw 1204 --reason 'a case is missing'")
@click.argument("number", type=int)
@click.option("--reason", required=True, help="Why; kept where it can be erased.")
def withdraw(frame: Frame, number: int, reason: str) -> None:
    """Take back a proposal of your own, with a reason."""
    with frame.api() as api:
        made = api.post(f"/v1/policies/proposals/{number}/withdraw", reason=reason)
    output.show(frame.output, made)


@command(policy, "rollback", example="governance policy rollback 4f1a09 --note 'INC-77'")
@click.argument("release", metavar="[DIGEST]", required=False)
@click.option("--note", help="Why; kept where it can be erased.")
def rollback(frame: Frame, release: str | None, note: str | None) -> None:
    """Return to the release before the rules in force, or to the one whose digest begins so.

    Without DIGEST, releases that only refreshed a list are passed over: they brought no other rules.
    The exact files come into force again, whatever has lapsed in them since. Where it is proved that
    nothing becomes looser, that is at once; else another person signs, as for any release.
    """
    with frame.api() as api, _progress(api):
        made = api.post("/v1/policies/rollback", release=release, note=note)
        known = _not_new(api, made)
    if made["findings"]:
        report(frame, {**made, "ok": False}, folder_of(frame, None), "")
    _proposed(frame, made, known)
    if made["in_force"]:
        output.say("In force: it was proved that nothing becomes looser.")
    else:
        tell_doubts(made)
        output.say(f"Now another person: governance policy sign {made['proposal']}")


def tell_doubts(made: Mapping[str, Any]) -> None:
    """Why it waits for another person."""
    for doubt in made["doubts"]:
        output.say(f"Not at once: {doubt}.")


def _sign(frame: Frame, api: Api, number: int, yes: bool) -> None:
    shown = api.get(f"/v1/policies/proposals/{number}")
    if shown["state"] != "waiting":
        why = (
            "another release came in force first, or too many were proposed after it; propose its "
            "files again"
            if shown["state"] == "expired"
            else f"it is {shown['state']}"
        )
        raise Failed(f"proposal `{number}` waits no more: {why}")
    if shown.get("own"):
        raise Failed(f"you proposed `{number}` yourself; another person must sign it")
    if unseen := accepting.unseen(shown["attached"]):
        raise Failed(f"proposal `{number}` cannot be signed: {unseen}")
    if not yes:
        changes = lines_of_changes(changes_of(api, number), full=True)
        tell(shown, names_of(api), changes, err=True)
        for _, accepted in accepting.accepted(shown["attached"]):
            output.say(f"With your signature you accept that {accepted}.")
        require_yes("Sign this?")
    made = api.post(f"/v1/policies/proposals/{number}/sign", evidence=shown["evidence"])
    output.show(frame.output, made)
    output.say("In force.")


def _not_new(api: Api, made: Mapping[str, Any]) -> Sequence[str]:
    """Its warnings that are said of what is in force, too; asked for while it waits."""
    if not made["warnings"]:
        return ()
    known: Sequence[str] = api.get(f"/v1/policies/proposals/{made['proposal']}")["not_new"]
    return known


def _proposed(frame: Frame, made: dict[str, Any], known: Sequence[str] = ()) -> None:
    if frame.json:
        output.document(made)
    else:
        spoken = (
            "findings",
            "warnings",
            "looser",
            "given_up",
            "doubts",
            "in_force",
            "failed_before",
        )
        output.show(frame.output, {k: v for k, v in made.items() if k not in spoken})
    for line in failed_before(made.get("failed_before", ())):
        output.say(output.inert(line))
    tell_warnings(made["warnings"], known)


def _propose(
    frame: Frame, api: Api, folder: Path | None, note: str | None, days: int | None
) -> Any:
    """The proposal, or the end with what is wrong with the files."""
    files = files_of(frame, folder)
    try:
        texts = {path: data.decode("utf-8") for path, data in files.items()}
    except UnicodeDecodeError:
        made = checking.check(files)
    else:
        _require_other(api, texts)
        with _progress(api):
            made = api.post("/v1/policies/proposals", files=texts, note=note, days=days)
    if made["findings"]:
        report(frame, {**made, "ok": False}, folder_of(frame, folder), "")
    return made


def _require_other(api: Api, texts: Mapping[str, str]) -> None:
    """End for files that are in force, byte for byte: a signature would change nothing. In another
    time zone the same rules mean other hours, which is something to sign."""
    now = api.get("/v1/policies")
    if now["release"] and now["files"] == texts and now["time_zone"] == now["next_time_zone"]:
        raise Failed(
            f"there is nothing to release: these very files are in force (release "
            f"`{now['release'][:12]}`)"
        )


@contextmanager
def _progress(api: Api) -> Iterator[None]:
    """Say on the side which step the examination has come to, once it takes a while."""
    over = threading.Event()

    def look() -> None:
        last = ""
        while not over.wait(_LOOK):
            try:
                found = api.get("/v1/policies/progress")
            except Failed:
                return  # it is only told; the answer itself says what went wrong
            step, share = found["step"], found["share"]
            said = f"{step} …" if share is None else f"{step} {share:.0%}"
            if step is not None and said != last and not over.is_set():
                output.say(said)
                last = said

    watching = threading.Thread(target=look, daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
