"""`governance policy diff`: what two sets of files, or two releases, answer differently."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.policy.folder import files_of
from governance.cli.policy.group import policy
from governance.service import comparing

LOOSER, NOT_PROVED = 5, 6
_SAID: Final = {
    "same": "The same: proved for every request.",
    "looser": "Looser only: proved that nothing becomes stricter.",
    "tighter": "Stricter only: proved that nothing becomes looser.",
    "changed": "Some requests become looser, others stricter.",
    "incomplete": "Not everything could be searched: there may be more differences.",
}


@command(policy, "diff", example="governance policy diff in-force draft-policies --check")
@click.argument("old")
@click.argument("new", required=False)
@click.option("--check", is_flag=True, help="End with 5 if anything is looser, 6 if not proved.")
@click.option(
    "--budget", type=click.IntRange(1), default=comparing.BUDGET, show_default=True,
    help="Steps of the search; then it says what is open.",
)  # fmt: skip
def diff(frame: Frame, old: str, new: str | None, check: bool, budget: int) -> None:
    """What NEW would answer differently from OLD: looser first, each with a request that shows it.

    OLD and NEW are folders, `in-force`, or digests of releases; without NEW the workspace's folder
    is compared. Approvals, waivers, obligations, limits, lists and the catalogue count, too.
    """
    one, other = side(frame, old), side(frame, new)
    if isinstance(one, str) or isinstance(other, str):
        with frame.api() as api:
            result = api.post("/v1/policies/diff", old=sent(one), new=sent(other))
    else:
        result = comparing.compare(one, other, budget=budget)
    _tell(frame, result)
    if check and result["looser"]:
        raise click.exceptions.Exit(LOOSER)
    if check and not result["complete"]:
        raise click.exceptions.Exit(NOT_PROVED)


def side(frame: Frame, name: str | None) -> str | dict[str, bytes]:
    """The files of a folder, or the name of a release."""
    if name is None or Path(name).is_dir():
        return files_of(frame, Path(name) if name else None)
    if name == comparing.IN_FORCE or (len(name) == 64 and set(name) <= set("0123456789abcdef")):
        return name
    raise click.UsageError(
        f"`{name}` is no folder, not `{comparing.IN_FORCE}` and no digest of a release (64 digits)"
    )


def sent(given: str | Mapping[str, bytes]) -> str | dict[str, str]:
    """A side as the API takes it."""
    if isinstance(given, str):
        return given
    return {path: data.decode("utf-8", "replace") for path, data in given.items()}


def _tell(frame: Frame, result: Mapping[str, Any]) -> None:
    if frame.json:
        return output.document(result)
    rows = [
        {
            **each,
            "how": "looser" if each["looser"] else "stricter",
            "change": _change(each),
            "shown": ", ".join(f"{name} {value}" for name, value in each["witness"].items()),
        }
        for each in result["differences"]
    ]
    columns = {"how": "how", "action": "action", "change": "change", "was": "was decided by"}
    columns |= {"by": "would be by", "shown": "for instance"}
    output.table(columns, rows, "No request would be answered differently.")
    for action, why in result["open"].items():
        output.say(f"open: `{action}`: {why}")
    output.say(_SAID[result["outcome"]])
    old, new = (digest[:12] for digest in result["meaning"])
    output.say(f"Digest of meaning: {old}" + (" on both sides." if old == new else f" -> {new}."))
    return None


def _change(each: Mapping[str, Any]) -> str:
    if each["kind"] == "verdict":
        return f"{each['before']} -> {each['after']}"
    return str(each["note"])
