"""`governance stop`: stop agents at once; lifting takes two people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.telling import names_of, with_names

SCOPES = click.Choice(["everything", "team", "agent", "session", "action"])


@click.group("stop")
def stop() -> None:
    """Stop agents at once, lift a stop, or drill it."""


@command(stop, "list", example="governance stop list")
def list_stops(frame: Frame) -> None:
    """Stops in force."""
    with frame.api() as api:
        found = api.get("/v1/stops")
        names = {} if frame.json else names_of(api)
    columns = {"stop": "stop", "what": "what", "raised_by": "raised by", "at": "at"}
    columns |= {"drill": "drill", "lift_asked_by": "lifting asked by"}
    rows = [
        {
            **with_names(each, names, "raised_by", "lift_asked_by"),
            "what": _what(each["scope"]),
            "at": output.moment(each["at"]),
        }
        for each in found["stops"]
    ]
    output.listing(frame.output, found, columns, rows, "Nothing is stopped.")


def _what(scope: Mapping[str, Any]) -> str:
    return f"{scope['type']} {scope['id'] or ''}".strip()


@command(stop, "raise", example="governance stop raise agent payments-1 --reason 'pays twice'")
@click.argument("scope", type=SCOPES)
@click.argument("scope_id", metavar="[ID]", required=False)
@click.option("--reason", required=True, help="Why.")
def raise_stop(frame: Frame, scope: str, scope_id: str | None, reason: str) -> None:
    """Stop everything, or one team, agent, session or action: no allow from now on."""
    with frame.api() as api:
        made = api.post("/v1/stops", scope=scope, id=scope_id, reason=reason)
    output.show(frame.output, made)
    output.say(f"In force. Lifting it takes two people: governance stop lift {made['stop']}")


@command(stop, "lift", example="governance stop lift 90 --reason 'cause found and fixed'")
@click.argument("number", metavar="STOP", type=int)
@click.option("--reason", required=True, help="Why.")
def lift(frame: Frame, number: int, reason: str) -> None:
    """Ask to lift a stop; a second person's call lifts it."""
    with frame.api() as api:
        made = api.post(f"/v1/stops/{number}/lift", reason=reason)
    output.show(frame.output, made)
    if made["state"] == "lift_asked":
        output.say(
            f"Still in force until another person does the same: governance stop lift {number}"
        )


@command(stop, "drill", example="governance stop drill agent payments-1 --reason 'monthly drill'")
@click.argument("scope", type=SCOPES)
@click.argument("scope_id", metavar="[ID]", required=False)
@click.option("--reason", required=True, help="Why.")
def drill(frame: Frame, scope: str, scope_id: str | None, reason: str) -> None:
    """Raise a real stop as an exercise and measure how long agents still acted."""
    with frame.api() as api:
        made = api.post("/v1/stops/drill", scope=scope, id=scope_id, reason=reason)
    output.show(frame.output, made)
