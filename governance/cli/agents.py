"""`governance agent`: onboard, brief, grant and withdraw autonomy, suspend, resume, retire."""

from __future__ import annotations

import click

from governance.cli import output
from governance.cli.frame import Frame, command

LEVELS = click.Choice(["L0", "L1", "L2", "L3", "L4", "L5"])
CLASSES = click.Choice(["minimal", "limited", "high", "prohibited", "not_classified"])


@click.group("agent")
def agent() -> None:
    """Agents: who owns them, what they may use, how far they go alone."""


@command(agent, "list", example="governance agent list")
def list_agents(frame: Frame) -> None:
    """Every agent with its owner, state and autonomy."""
    with frame.api() as api:
        found = api.get("/v1/agents")
    if frame.json:
        return output.document(found)
    columns = {"agent": "agent", "team": "team", "owner": "owner", "state": "state"}
    columns |= {"autonomy": "autonomy", "tools": "tools"}
    return output.table(columns, found["agents"], "No agents. Add one: governance agent add --help")


@command(agent, "show", example="governance agent show payments-1")
@click.argument("agent_id", metavar="AGENT")
def show(frame: Frame, agent_id: str) -> None:
    """Everything on record about one agent."""
    with frame.api() as api:
        output.show(frame.output, api.get(f"/v1/agents/{agent_id}"))


@command(
    agent,
    "add",
    example="governance agent add payments-1 --team finance --owner p-a1b2c3d4e5 "
    "--purpose 'Pays approved supplier invoices' --tool payment.create --autonomy L3",
)
@click.argument("agent_id", metavar="AGENT")
@click.option("--team", required=True, help="The team it works for.")
@click.option("--owner", required=True, help="The accountable person (p-…).")
@click.option("--deputy", help="Who answers when the owner is away (p-…).")
@click.option("--purpose", required=True, help="What it is for, in a sentence.")
@click.option("--class", "agent_class", type=CLASSES, help="Its class under the EU AI Act.")
@click.option("--annex", help="The point of Annex III, for a high-risk use.")
@click.option("--reasoning", help="Why it is classed so.")
@click.option("--tool", "tools", multiple=True, help="An action it may use; repeat for more.")
@click.option("--label", "labels", multiple=True, help="A label that policies may test.")
@click.option("--model", help="Model and version.")
@click.option("--autonomy", type=LEVELS, help="How far it may go alone (default L1).")
@click.option("--until", "autonomy_until", help="When that autonomy ends (RFC 3339).")
def add(frame: Frame, agent_id: str, agent_class: str | None, **given: object) -> None:
    """Propose an agent; a second person confirms it."""
    given["tools"], given["labels"] = list(given["tools"]), list(given["labels"])  # type: ignore[call-overload]
    with frame.api() as api:
        body = {"agent": agent_id, "class": agent_class, **given}
        output.show(frame.output, api.post("/v1/agents", **body))


@command(agent, "confirm", example="governance agent confirm payments-1")
@click.argument("agent_id", metavar="AGENT")
def confirm(frame: Frame, agent_id: str) -> None:
    """Confirm a proposed agent, or a change that loosens, as the second person."""
    with frame.api() as api:
        output.show(frame.output, api.post(f"/v1/agents/{agent_id}/confirm"))


@command(
    agent, "autonomy", example="governance agent autonomy payments-1 L2 --why 'drift in refunds'"
)
@click.argument("agent_id", metavar="AGENT")
@click.argument("level", type=LEVELS)
@click.option("--until", help="When it ends (RFC 3339); needed to raise it.")
@click.option("--why", required=True, help="The ground; kept where it can be erased.")
def autonomy(frame: Frame, agent_id: str, level: str, until: str | None, why: str) -> None:
    """Raise or lower how far an agent may go alone."""
    with frame.api() as api:
        path = f"/v1/agents/{agent_id}/autonomy"
        output.show(frame.output, api.post(path, level=level, until=until, why=why))


@command(
    agent,
    "brief",
    example="governance agent brief payments-1 --text @brief.txt --as-of 2026-11-20T08:00:00Z",
)
@click.argument("agent_id", metavar="AGENT")
@click.option("--text", required=True, help="The brief, or @FILE.")
@click.option("--as-of", required=True, help="When it was true (RFC 3339).")
@click.option("--valid-until", help="When it goes stale (RFC 3339).")
@click.option("--source", "sources", multiple=True, help="Where it comes from; repeat for more.")
def brief(
    frame: Frame,
    agent_id: str,
    text: str,
    as_of: str,
    valid_until: str | None,
    sources: tuple[str, ...],
) -> None:
    """Give an agent its current brief."""
    if text.startswith("@"):
        with click.open_file(text[1:], encoding="utf-8") as file:
            text = file.read()
    with frame.api() as api:
        path = f"/v1/agents/{agent_id}/brief"
        body = {"text": text, "as_of": as_of, "valid_until": valid_until, "sources": list(sources)}
        output.show(frame.output, api.post(path, **body))


@command(agent, "session", example="governance agent session payments-1")
@click.argument("agent_id", metavar="AGENT")
@click.option("--parent", type=int, help="The decision that delegated to it.")
def session(frame: Frame, agent_id: str, parent: int | None) -> None:
    """Open a session as a person: it starts clean, or with its parent's labels."""
    with frame.api() as api:
        output.show(frame.output, api.post(f"/v1/agents/{agent_id}/sessions", parent=parent))


def _declare(name: str, help_text: str) -> None:
    @command(agent, name, example=f"governance agent {name} payments-1 --why 'quarterly review'")
    @click.argument("agent_id", metavar="AGENT")
    @click.option("--why", required=True, help="The ground; kept where it can be erased.")
    def change_state(frame: Frame, agent_id: str, why: str) -> None:
        with frame.api() as api:
            output.show(frame.output, api.post(f"/v1/agents/{agent_id}/{name}", why=why))

    change_state.help = help_text


_declare("suspend", "Suspend an agent at once.")
_declare("resume", "Let a suspended agent act again.")
_declare("retire", "Retire an agent for good.")
