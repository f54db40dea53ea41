"""`governance approval`, `override`, `reverse`, `disregard` and `outcome`: people answer agents."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.transport import Api

COLUMNS = {"approval": "approval", "agent": "agent", "action": "action", "needs": "needs"}
COLUMNS |= {"answer_by": "answer by"}


@click.group("approval")
def approval() -> None:
    """What agents ask people to approve."""


@command(approval, "list", example="governance approval list")
def list_approvals(frame: Frame) -> None:
    """Open requests, the most urgent first."""
    with frame.api() as api:
        found = api.get("/v1/approvals", state="open")
    if frame.json:
        return output.document(found)
    return output.table(COLUMNS, found["approvals"], "Nobody is waiting for an answer.")


@command(approval, "show", example="governance approval show 1043")
@click.argument("number", metavar="APPROVAL", type=int)
def show(frame: Frame, number: int) -> None:
    """Everything needed to decide; it is recorded that you saw it."""
    with frame.api() as api:
        output.show(frame.output, api.get(f"/v1/approvals/{number}"))


@command(
    approval, "grant", example="governance approval grant 1043 --reason 'invoice 4711 checked'"
)
@click.argument("number", metavar="APPROVAL", type=int)
@click.option("--reason", help="Why; most rules require it.")
@click.option("--role", help="The seat you take, when you could take several.")
@click.option("--yes", is_flag=True, help="Do not show it and ask again first.")
def grant(frame: Frame, number: int, reason: str | None, role: str | None, yes: bool) -> None:
    """Grant a request, bound to exactly what you are shown."""
    _answer(frame, number, "grant", reason, role, yes)


@command(approval, "refuse", example="governance approval refuse 1043 --reason 'unknown payee'")
@click.argument("number", metavar="APPROVAL", type=int)
@click.option("--reason", help="Why; most rules require it.")
@click.option("--role", help="The seat you take, when you could take several.")
@click.option("--yes", is_flag=True, help="Do not show it and ask again first.")
def refuse(frame: Frame, number: int, reason: str | None, role: str | None, yes: bool) -> None:
    """Refuse a request."""
    _answer(frame, number, "refuse", reason, role, yes)


@command(approval, "watch", example="governance approval watch", output=False)
@click.option("--every", default=3.0, show_default=True, help="Seconds between looks.")
@click.option("--once", is_flag=True, help="Look once and end.")
def watch(frame: Frame, every: float, once: bool) -> None:
    """Wait in a terminal: each new request is announced as it comes."""
    seen: set[int] = set()
    output.say("Watching for requests; end with Ctrl-C.")
    while True:
        with frame.api() as api:
            found = api.get("/v1/approvals", state="open")["approvals"]
        for item in found:
            if item["approval"] not in seen:
                _announce(item)
        seen = {item["approval"] for item in found}
        if once:
            return
        time.sleep(every)


def _announce(item: dict[str, Any]) -> None:
    click.echo(
        output.inert(
            f"{item['approval']}  {item['agent']} asks for {item['action']}"
            f"  (answer by {item['answer_by']})\n"
            f"    governance approval show {item['approval']}"
        )
    )


def _answer(
    frame: Frame, number: int, verb: str, reason: str | None, role: str | None, yes: bool
) -> None:
    with frame.api() as api:
        shown = api.get(f"/v1/approvals/{number}")
        if not yes:
            output.facts(shown)
            click.confirm(f"{verb.capitalize()} this?", abort=True, err=True)
        reason = reason or click.prompt("Reason", err=True)
        body = {"digest": shown["digest"], "evidence": shown["evidence"], "reason": reason}
        output.show(frame.output, api.post(f"/v1/approvals/{number}/{verb}", **body, role=role))


@click.group("decision")
def decision() -> None:
    """Recorded decisions: look, explain, override, reverse."""


@command(decision, "list", example="governance decision list --agent payments-1 --effect deny")
@click.option("--agent", help="Only this agent's.")
@click.option("--effect", type=click.Choice(["allow", "require_approval", "deny"]))
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500))
def list_decisions(frame: Frame, agent: str | None, effect: str | None, limit: int) -> None:
    """The newest decisions."""
    with frame.api() as api:
        found = api.get("/v1/decisions", agent=agent, effect=effect, limit=limit)
    if frame.json:
        return output.document(found)
    columns = {"decision": "decision", "at": "at", "agent": "agent", "action": "action"}
    columns |= {"effect": "effect"}
    return output.table(columns, found["decisions"], "No decisions yet.")


@command(decision, "show", example="governance decision show 1042")
@click.argument("number", metavar="DECISION", type=int)
def show_decision(frame: Frame, number: int) -> None:
    """One decision explained: what was seen, which rules spoke, what would have been enough."""
    _act(frame, lambda api: api.get(f"/v1/decisions/{number}"))


@command(
    decision, "override", example="governance decision override 1042 --reason 'insurer confirmed'"
)
@click.argument("number", metavar="DECISION", type=int)
@click.option("--reason", required=True, help="Why.")
@click.option("--lift", "lifts", multiple=True, help="policy/RULE to lift; all, when not given.")
@click.option("--seconds", type=click.IntRange(1, 3600), help="How long it may be used.")
def override(
    frame: Frame, number: int, reason: str, lifts: tuple[str, ...], seconds: int | None
) -> None:
    """Let a denied action run once, where its rules say that your role may waive them."""
    body = {"reason": reason, "lifts": list(lifts) or None, "seconds": seconds}
    _act(frame, lambda api: api.post(f"/v1/decisions/{number}/override", **body))


@command(decision, "reverse", example="governance decision reverse 1042 --reason 'paid twice'")
@click.argument("number", metavar="DECISION", type=int)
@click.option("--reason", required=True, help="Why.")
@click.option("--outcome", type=click.Choice(["undone", "compensated", "failed"]))
def reverse(frame: Frame, number: int, reason: str, outcome: str | None) -> None:
    """Record that what was done was reversed."""
    body = {"reason": reason, "outcome": outcome}
    _act(frame, lambda api: api.post(f"/v1/decisions/{number}/reverse", **body))


@command(decision, "disregard", example="governance decision disregard 1042 --reason 'outdated'")
@click.argument("number", metavar="DECISION", type=int)
@click.option("--reason", required=True, help="Why.")
def disregard(frame: Frame, number: int, reason: str) -> None:
    """Record that people did not follow what an agent proposed."""
    _act(frame, lambda api: api.post(f"/v1/decisions/{number}/disregard", reason=reason))


@command(decision, "outcome", example="governance decision outcome 1042 executed")
@click.argument("number", metavar="DECISION", type=int)
@click.argument("status", type=click.Choice(["executed", "failed", "not_executed"]))
@click.option("--note", help="Kept where it can be erased.")
def outcome(frame: Frame, number: int, status: str, note: str | None) -> None:
    """Report what became of an action (with an agent's or gateway's key)."""
    body = {"decision": number, "status": status, "note": note}
    _act(frame, lambda api: api.post("/v1/outcomes", **body))


def _act(frame: Frame, use: Callable[[Api], Any]) -> None:
    with frame.api() as api:
        output.show(frame.output, use(api))
