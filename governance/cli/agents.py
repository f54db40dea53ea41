"""`governance agent`: onboard, brief, grant and withdraw autonomy, suspend, resume, retire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from governance.cli import output, telling
from governance.cli.frame import Frame, command, named, require_yes
from governance.cli.transport import Failed

LEVELS = click.Choice(["L0", "L1", "L2", "L3", "L4", "L5"])
CLASSES = click.Choice(["minimal", "limited", "high", "prohibited", "not_classified"])

# What an option is called in Python -> in the API.
_NAMES = {"class_": "class", "works_in": "workspace"}

_NOT_YET = ("pending", "brief", "residue", "sessions")
"""What a proposed agent cannot have."""


@click.group("agent")
def agent() -> None:
    """Agents: their owners, their tools, how far they go alone."""


def _described(*, required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The options that describe an agent, in the order of its help."""
    options = [
        click.option("--team", required=required, help="The team it works for."),
        click.option("--owner", required=required, help="The accountable person (p-…)."),
        click.option("--deputy", help="Who answers when the owner is away (p-…)."),
        click.option("--purpose", required=required, help="What it is for, in a sentence."),
        click.option("--class", "class_", type=CLASSES, help="Its class under the EU AI Act."),
        click.option("--annex", help="The point of Annex III, for a high-risk use."),
        click.option("--reasoning", help="Why it is classed so."),
        click.option("--tool", "tools", multiple=True, help="An action it may use; repeat."),
        click.option("--label", "labels", multiple=True, help="A label for policies; repeat."),
        click.option("--model", help="Model and version."),
        click.option(
            "--works-in",
            help="The directory that its file paths are judged against (absolute).",
        ),
        click.option(
            "--budget",
            metavar="'AMOUNT CURRENCY a PERIOD'",
            help="What it may cost, such as '200 EUR a month' (day, week or month).",
        ),
    ]

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return declare


def _body(given: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, as the API names them."""
    body = {_NAMES.get(name, name): v for name, v in given.items() if v not in (None, ())}
    for name in ("tools", "labels"):
        if name in body:
            body[name] = list(body[name])
    if "budget" in body:
        body["budget"] = _budget(body["budget"])
    return body


def _budget(text: str) -> dict[str, str]:
    words = text.split()
    if len(words) != 4 or words[2] not in ("a", "per"):
        raise click.UsageError(f"`{text}` is no budget; write it as '200 EUR a month'")
    return {"amount": words[0], "currency": words[1], "period": words[3]}


@command(agent, "list", example="governance agent list")
def list_agents(frame: Frame) -> None:
    """Every agent with its owner, state and autonomy."""
    with frame.api() as api:
        found = api.get("/v1/agents")
        names = telling.names_of(api)
    rows = [telling.with_names(each, names, "owner") for each in found["agents"]]
    columns = {"agent": "agent", "team": "team", "owner": "owner", "state": "state"}
    columns |= {"autonomy": "autonomy", "tools": "tools"}
    nothing = "No agents. Add one: governance agent add --help"
    output.listing(frame.output, found, columns, rows, nothing)


@command(agent, "show", example="governance agent show payments-1")
@click.argument("agent_id", metavar="AGENT")
def show(frame: Frame, agent_id: str) -> None:
    """Everything on record about one agent."""
    with frame.api() as api:
        found = api.get(f"/v1/agents/{agent_id}")
        if not frame.json:
            found = telling.with_names(
                found, telling.names_of(api), "owner", "deputy", "proposed_by"
            )
    output.show(frame.output, found)


@command(
    agent,
    "add",
    example="governance agent add payments-1 --team finance --owner p-a1b2c3d4e5 "
    "--purpose 'Pays approved supplier invoices' --tool payment.create --autonomy L3 "
    "--until 2027-03-31T00:00:00Z",
)
@click.argument("agent_id", metavar="AGENT")
@_described(required=True)
@click.option("--autonomy", type=LEVELS, help="How far it may go alone (default L1).")
@click.option("--until", "autonomy_until", help="When that autonomy ends (RFC 3339).")
def add(frame: Frame, agent_id: str, **given: Any) -> None:
    """Propose an agent; a second person confirms it."""
    with frame.api() as api:
        made = api.post("/v1/agents", agent=agent_id, **_body(given))
        alone = len(api.get("/v1/people")["people"]) == 1
    output.show(frame.output, made)
    who = "Now confirm it" if alone else "Now another person confirms it"
    output.say(f"{who}: governance agent confirm {agent_id}")


@command(agent, "change", example="governance agent change payments-1 --deputy p-a1b2c3d4e5")
@click.argument("agent_id", metavar="AGENT")
@_described(required=False)
def change(frame: Frame, agent_id: str, **given: Any) -> None:
    """Change what is on record; what loosens waits for a second person's confirm."""
    with frame.api() as api:
        made = api.post(f"/v1/agents/{agent_id}/change", **_body(given))
    _told(frame, made)


def _told(frame: Frame, made: dict[str, Any]) -> None:
    """What a change does, what it opens, and that another person confirms it."""
    output.show(frame.output, made if frame.json else _without_opens(made))
    _say_opens(made)
    if made.get("pending"):
        output.say(f"Now another person confirms it: governance agent confirm {made['agent']}")


def _without_opens(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "opens"}


def _say_opens(told: Mapping[str, Any]) -> None:
    for line in told.get("opens", ()):
        output.say(output.inert(f"{line}."))


@command(agent, "confirm", example="governance agent confirm payments-1")
@click.argument("agent_id", metavar="AGENT")
@click.option("--yes", is_flag=True, help="Confirm what is shown without being asked first.")
def confirm(frame: Frame, agent_id: str, yes: bool) -> None:
    """Confirm a proposed agent, or a change that loosens, as the second person.

    All that it makes true is shown first, what it replaces and what becomes looser; the confirmation
    counts for nothing else.
    """
    with frame.api() as api:
        shown = api.get(f"/v1/agents/{agent_id}")
        waiting = shown["pending"] or {}
        if shown["state"] == "draft":
            entry, waiting = shown["entry"], {}
        elif waiting:
            entry = waiting["entry"]
        else:
            raise Failed(f"nothing about agent `{agent_id}` waits for a second person")
        names = telling.names_of(api)
        output.facts(_change(shown, names) if waiting else _draft(shown, names), err=True)
        _say_opens(waiting)
        if not yes:
            require_yes("Confirm this?")
        output.show(frame.output, api.post(f"/v1/agents/{agent_id}/confirm", entry=entry))


def _draft(shown: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A proposed agent as it would be."""
    held = {name: value for name, value in shown.items() if name not in _NOT_YET}
    return telling.with_names(held, names, "owner", "deputy", "proposed_by")


def _change(shown: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A change that waits: each field that would be another one, as it is and as it would be."""
    waiting = shown["pending"]
    fields = waiting["fields"]
    then = telling.with_names(fields, names, "owner", "deputy")
    now = telling.with_names(shown, names, "owner", "deputy")
    told = telling.with_names(_without_opens(waiting), names, "by")
    return {"agent": shown["agent"]} | {
        **told,
        "fields": {
            name: {"now": now.get(name), "then": then[name]}
            for name in fields
            if shown.get(name) != fields[name]
        },
    }


@command(
    agent,
    "autonomy",
    example="governance agent autonomy payments-1 L3 --until 2027-03-31T00:00:00Z "
    "--why 'a month without a finding' --evidence evaluation=payments-2026-11\n"
    "  governance agent autonomy payments-1 L1 --why 'drift in payments'",
)
@click.argument("agent_id", metavar="AGENT")
@click.argument("level", type=LEVELS)
@click.option("--until", help="When it ends (RFC 3339); needed to raise it.")
@click.option("--why", required=True, help="The ground; kept where it can be erased.")
@click.option(
    "--evidence",
    multiple=True,
    metavar="NAME=VALUE",
    help="What was shown, such as evaluation=refunds-2026-11; needed to raise it; repeat.",
)
def autonomy(
    frame: Frame, agent_id: str, level: str, until: str | None, why: str, evidence: tuple[str, ...]
) -> None:
    """Raise or lower how far an agent may go alone; raising needs an end and evidence, and another
    person where it lets the agent do more under the rules in force."""
    shown = named(evidence) or None
    with frame.api() as api:
        path = f"/v1/agents/{agent_id}/autonomy"
        made = api.post(path, level=level, until=until, why=why, evidence=shown)
    _told(frame, made)


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
@click.option("--works-in", help="The directory its file paths are judged against.")
def session(frame: Frame, agent_id: str, parent: int | None, works_in: str | None) -> None:
    """Open a session as a person: it starts clean, or with its parent's labels."""
    with frame.api() as api:
        path = f"/v1/agents/{agent_id}/sessions"
        output.show(frame.output, api.post(path, parent=parent, workspace=works_in))


@command(agent, "end-session", example="governance agent end-session 17")
@click.argument("number", metavar="SESSION", type=int)
def end_session(frame: Frame, number: int) -> None:
    """End a session: nothing more is allowed in it."""
    with frame.api() as api:
        output.show(frame.output, api.post(f"/v1/sessions/{number}/close"))


@command(
    agent,
    "clear-labels",
    example="governance agent clear-labels payments-1 --reason 'its memory was wiped'",
)
@click.argument("agent_id", metavar="AGENT")
@click.option("--reason", required=True, help="Why; kept where it can be erased.")
def clear_labels(frame: Frame, agent_id: str, reason: str) -> None:
    """Forget the labels that an agent's own sessions left on it."""
    with frame.api() as api:
        output.show(frame.output, api.post(f"/v1/agents/{agent_id}/clear-labels", reason=reason))


def _declare(name: str, help_text: str) -> None:
    @command(agent, name, example=f"governance agent {name} payments-1 --why 'quarterly review'")
    @click.argument("agent_id", metavar="AGENT")
    @click.option("--why", required=True, help="The ground; kept where it can be erased.")
    def change_state(frame: Frame, agent_id: str, why: str) -> None:
        with frame.api() as api:
            output.show(frame.output, api.post(f"/v1/agents/{agent_id}/{name}", why=why))

    change_state.help = change_state.short_help = help_text


_declare("suspend", "Suspend an agent at once.")
_declare("resume", "Let a suspended agent act again.")
_declare("retire", "Retire an agent for good.")
