"""`governance approval` and `decision`: people answer agents, and look at what was decided."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import click

from governance.cli import output, telling
from governance.cli.frame import Frame, command, require_yes
from governance.cli.transport import Api

COLUMNS = {"approval": "approval", "agent": "agent", "action": "action", "needs": "needs"}
COLUMNS |= {"answer_by": "answer by"}
EFFECTS = click.Choice(["allow", "require_approval", "deny"])


@click.group("approval")
def approval() -> None:
    """What agents ask people to approve."""


@command(approval, "list", example="governance approval list")
def list_approvals(frame: Frame) -> None:
    """Open requests, the most urgent first."""
    with frame.api() as api:
        found = api.get("/v1/approvals", state="open")
    rows = _dated(found["approvals"], "answer_by")
    output.listing(frame.output, found, COLUMNS, rows, "Nobody is waiting for an answer.")


@command(approval, "show", example="governance approval show 1043")
@click.argument("number", metavar="APPROVAL", type=int)
def show(frame: Frame, number: int) -> None:
    """Everything needed to decide; it is recorded that you saw it."""
    with frame.api() as api:
        found = api.get(f"/v1/approvals/{number}")
        names = telling.names_of(api)
    return output.document(found) if frame.json else telling.request(found, names)


@command(
    approval, "grant", example="governance approval grant 1043 --reason 'invoice 4711 checked'"
)
@click.argument("number", metavar="APPROVAL", type=int)
@click.option("--reason", help="Why; most rules require it.")
@click.option("--role", help="The seat you take, when you could take several.")
@click.option("--yes", is_flag=True, help="Answer without being asked again first.")
def grant(frame: Frame, number: int, reason: str | None, role: str | None, yes: bool) -> None:
    """Grant a request, bound to exactly what you are shown."""
    _answer(frame, number, "grant", reason, role, yes)


@command(approval, "refuse", example="governance approval refuse 1043 --reason 'unknown payee'")
@click.argument("number", metavar="APPROVAL", type=int)
@click.option("--reason", help="Why; most rules require it.")
@click.option("--role", help="The seat you take, when you could take several.")
@click.option("--yes", is_flag=True, help="Answer without being asked again first.")
def refuse(frame: Frame, number: int, reason: str | None, role: str | None, yes: bool) -> None:
    """Refuse a request."""
    _answer(frame, number, "refuse", reason, role, yes)


@command(approval, "cancel", example="governance approval cancel 1043")
@click.argument("number", metavar="APPROVAL", type=int)
def cancel(frame: Frame, number: int) -> None:
    """Withdraw a request that nobody needs answered any more."""
    _act(frame, lambda api: api.post(f"/v1/approvals/{number}/cancel"))


@command(approval, "watch", example="governance approval watch -w my-workspace")
@click.option(
    "--every",
    default=3.0,
    show_default=True,
    type=click.FloatRange(0.1, 3600),
    help="Seconds between looks.",
)
@click.option("--once", is_flag=True, help="Look once and end.")
def watch(frame: Frame, every: float, once: bool) -> None:
    """Wait in a terminal: each new request is announced as it comes.

    With -o json, one document for each line.
    """
    seen: set[int] = set()
    if not once:
        output.say("Watching for requests; end with Ctrl-C.")
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            with frame.api(served=not once) as api:
                found = api.get("/v1/approvals", state="open")["approvals"]
            for item in found:
                if item["approval"] not in seen:
                    _announce(frame, item)
            seen = {item["approval"] for item in found}
            if once:
                return
            time.sleep(every)


def _announce(frame: Frame, item: dict[str, Any]) -> None:
    if frame.json:
        return output.line_document(item)
    said = f"{item['agent']} asks for {item['action']} (answer by {item['answer_by']})"
    click.echo(output.one_line(f"{item['approval']}  {said}"))
    click.echo(f"    governance approval show {item['approval']}")
    return None


def _answer(
    frame: Frame, number: int, verb: str, reason: str | None, role: str | None, yes: bool
) -> None:
    with frame.api() as api:
        shown = api.get(f"/v1/approvals/{number}")
        if not yes:
            telling.request(shown, telling.names_of(api), err=True)
            require_yes(f"{verb.capitalize()} this?")
            reason = reason or click.prompt("Reason", err=True)
        body = {"digest": shown["digest"], "evidence": shown["evidence"], "reason": reason}
        output.show(frame.output, api.post(f"/v1/approvals/{number}/{verb}", **body, role=role))


@click.group("decision")
def decision() -> None:
    """Recorded decisions: look, explain, override, reverse, review."""


@command(decision, "list", example="governance decision list --agent payments-1 --effect deny")
@click.option("--agent", help="Only this agent's.")
@click.option("--effect", type=EFFECTS, help="Only these.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="At most."
)
@click.option("--before", type=click.IntRange(0), help="Only older ones than this.")
def list_decisions(
    frame: Frame, agent: str | None, effect: str | None, limit: int, before: int | None
) -> None:
    """The newest decisions."""
    with frame.api() as api:
        found = api.get("/v1/decisions", agent=agent, effect=effect, limit=limit, before=before)
    columns = {"decision": "decision", "at": "at", "agent": "agent", "action": "action"}
    columns |= {"effect": "effect"}
    rows = _dated(found["decisions"], "at")
    output.listing(frame.output, found, columns, rows, "No decisions yet.")


@command(decision, "show", example="governance decision show 1042")
@click.argument("number", metavar="DECISION", type=int)
def show_decision(frame: Frame, number: int) -> None:
    """One decision explained: what was seen, which rules spoke, what would have been enough."""
    with frame.api() as api:
        found = api.get(f"/v1/decisions/{number}")
        names = telling.names_of(api)
    if frame.json:
        return output.document(found)
    return telling.decision(found, names)


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
@click.option(
    "--outcome",
    type=click.Choice(["undone", "compensated", "failed"]),
    help="How it was taken back (default undone).",
)
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


@command(
    decision,
    "review",
    example="governance decision review 1042 --verdict too-strict --reason 'known supplier'",
)
@click.argument("number", metavar="DECISION", type=int)
@click.option(
    "--verdict",
    required=True,
    type=click.Choice(["right", "too-strict", "too-loose"]),
    help="On what the rules said.",
)
@click.option("--should-be", type=EFFECTS, help="What it should have been instead.")
@click.option("--reason", required=True, help="Why.")
def review(frame: Frame, number: int, verdict: str, should_be: str | None, reason: str) -> None:
    """Judge a past decision; not one that you had a part in, nor of an agent you answer for.

    Your later review takes the place of your earlier one where reviews are counted.
    """
    body = {"verdict": verdict.replace("-", "_"), "should_be": should_be, "reason": reason}
    _act(frame, lambda api: api.post(f"/v1/decisions/{number}/review", **body))


@command(decision, "sample", example="governance decision sample --draw 20 --days 30")
@click.option("--draw", type=click.IntRange(1, 200), help="Draw so many anew.")
@click.option("--days", type=click.IntRange(1, 36_500), help="Draw from so many (default 30).")
@click.option("--nonce", help="Draw with this instead of a nonce of the service.")
def sample(frame: Frame, draw: int | None, days: int | None, nonce: str | None) -> None:
    """What waits for review: decisions drawn across agents and effects, whether anybody complained.

    What is drawn follows from the log and a nonce, which are recorded: anybody can draw it again.
    """
    if draw is None and (days or nonce):
        raise click.UsageError("--days and --nonce go with --draw")
    with frame.api() as api:
        if draw is None:
            found = api.get("/v1/samples")
        else:
            found = api.post("/v1/samples", count=draw, days=days, nonce=nonce)
    if frame.json:
        return output.document(found)
    waiting = [row for row in found["decisions"] if not row["reviewed"]]
    columns = {name: name for name in ("decision", "at", "agent", "action", "effect")}
    output.table(columns, _dated(waiting, "at"), "Nothing waits; draw a sample with --draw.")
    if waiting:
        output.say("Judge one: governance decision review DECISION --verdict … --reason …")
    return None


@command(decision, "outcome", example="governance decision outcome 1042 executed")
@click.argument("number", metavar="DECISION", type=int)
@click.argument("status", type=click.Choice(["executed", "failed", "not_executed"]))
@click.option("--note", help="Kept where it can be erased.")
def outcome(frame: Frame, number: int, status: str, note: str | None) -> None:
    """Report what became of an action, with the key of the agent or gateway (--key)."""
    body = {"decision": number, "status": status, "note": note}
    _act(frame, lambda api: api.post("/v1/outcomes", **body))


def _dated(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [{**row, name: output.moment(row[name])} for row in rows]


def _act(frame: Frame, use: Callable[[Api], Any]) -> None:
    with frame.api() as api:
        output.show(frame.output, use(api))
