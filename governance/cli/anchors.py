"""`governance anchor`: who outside holds the log's head, and what they make of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from governance.anchoring.settings import KINDS
from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.transport import Failed

TAMPERED = 10
NONE = "none"
UNANCHORED = (
    "This log is unanchored: nobody outside gets its head, so whoever holds its key and its disk "
    "could rewrite it unnoticed, and every report says so. Name an anchor under [[anchors]] in "
    "config.toml, which the service reads at its start; docs/anchoring.md says which."
)


@click.group("anchor")
def anchor() -> None:
    """Outside anchors: who else holds the log's head."""


@command(anchor, "list", example="governance anchor list -w my-workspace")
def list_anchors(frame: Frame) -> None:
    """The anchors, how far each reaches, and whether the trust policy's quorum is met."""
    with frame.api() as api:
        _show(frame, api.get("/v1/anchors"))


@command(anchor, "now", example="governance anchor now -w my-workspace")
def now(frame: Frame) -> None:
    """Hand the head to every anchor now; ends with 1 if one failed, 10 if one contradicts."""
    with frame.api() as api:
        found = api.post("/v1/anchors/now")
    _show(frame, found)
    _judge(found)


@command(anchor, "check", example="governance anchor check -w my-workspace")
def check(frame: Frame) -> None:
    """Ask every anchor what it holds, and hold that against the log; nothing is handed over.

    Ends with 0 when all agree, 1 if one cannot be reached, 10 if one contradicts the log.
    """
    with frame.api() as api:
        found = api.post("/v1/anchors/check")
    _show(frame, found)
    _judge(found)


@command(anchor, "evidence", example="governance anchor evidence file > shown.txt", output=False)
@click.argument("name")
def evidence(frame: Frame, name: str) -> None:
    """What an anchor showed that is not in this log, byte for byte."""
    with frame.api() as api:
        found = api.raw("GET", f"/v1/anchors/{name}/evidence")
    if sys.stdout.isatty():  # whoever wrote it is not to be trusted with a terminal
        return click.echo(output.inert(found.decode("utf-8", "replace")), nl=False)
    return click.echo(found, nl=False)


@command(
    anchor,
    "settle",
    example="governance anchor settle file 4711 --reason 'a test service had a copy of the key'",
)
@click.argument("name")
@click.argument("entry", type=int)
@click.option("--reason", required=True, help="What you found.")
def settle(frame: Frame, name: str, entry: int, reason: str) -> None:
    """Say what you found about a conflict; a second person's call settles it.

    ENTRY is the one that recorded it, as `governance anchor list` says: a later conflict is another one.
    """
    with frame.api() as api:
        path = f"/v1/anchors/{name}/settle"
        made = api.post(path, conflict=entry, reason=reason)
    output.show(frame.output, made)
    if made["state"] != "settled":
        output.say(
            f"Another person settles it: governance anchor settle {name} {entry} --reason 'what they found'"
        )


def chosen(given: Sequence[str]) -> tuple[str, ...]:
    """The anchors for a new workspace: as given, or asked for when a person sits there.

    `none` means none.
    """
    if not given and asked():
        output.say(_asking())
        given = (click.prompt("Anchor (KIND:TARGET or none)", err=True),)
    return tuple(each for each in given if each != NONE)


def asked() -> bool:
    """Whether a person sits at the other end, who can be asked."""
    return sys.stdin.isatty()


def _asking() -> str:
    kinds = "\n".join(
        f"  {name}: {kind.target}. {_capital(kind.about)}." for name, kind in KINDS.items()
    )
    return (
        "Who outside this machine gets the log's head? Without one, whoever holds the log's key and "
        f"disk could rewrite it unnoticed.\n{kinds}\n  none: the log is unanchored; every report "
        "says so, and you can name one later in config.toml."
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _show(frame: Frame, found: Mapping[str, Any]) -> None:
    if frame.json:
        return output.document(found)
    columns = {"name": "anchor", "kind": "kind", "target": "where", "size": "confirmed"}
    columns |= {"at": "at", "said": "what about it"}
    rows = [
        {**each, "at": output.moment(each["at"]) if each["at"] else "", "said": _said(each)}
        for each in found["anchors"]
    ]
    output.table(columns, rows, "")
    if not found["anchors"]:
        return output.say(UNANCHORED)
    reaches = f"{found['reaches']} of {found['size']} entries are known outside"
    output.say(f"{_capital(found['state'])}: {reaches}.")
    if found["quorum"]:
        state = "met" if found["quorum"]["met"] else "not met"
        output.say(f"Quorum of the trust policy {state}: {'; '.join(found['quorum']['said'])}.")
    return None


def _said(each: Mapping[str, Any]) -> str:
    if each["conflict"]:
        looked = (
            f", {each['conflict']['looked_by']} looked" if each["conflict"]["looked_by"] else ""
        )
        return f"CONTRADICTS THE LOG since entry {each['conflict']['entry']}{looked}"
    if each["error"]:
        return str(each["error"])
    if each["size"] is None:
        return "has confirmed nothing yet"
    return "" if each["apart"] else "on the same disk as the log"


def _judge(found: Mapping[str, Any]) -> None:
    if not found["anchors"]:
        raise Failed("the log is unanchored")
    against = [each["name"] for each in found["anchors"] if each["conflict"]]
    if against:
        said = ", ".join(f"`{name}`" for name in against)
        raise Failed(
            f"{said} showed a head that is not in this log; see `governance anchor evidence`",
            TAMPERED,
        )
    failed = [each["name"] for each in found["anchors"] if each["error"]]
    if failed:
        raise Failed(f"{', '.join(f'`{name}`' for name in failed)} failed; see above")
    if found["state"] == "unanchored":
        raise Failed("the log is unanchored: no anchor has confirmed its newest entries in time")
