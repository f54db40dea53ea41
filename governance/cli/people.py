"""`governance person` and `governance key`: who may act here, and with which credentials."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.telling import names_of, with_names
from governance.cli.transport import Failed
from governance.oversight.people import ROLES


@click.group("person")
def person() -> None:
    """People and their roles."""


@command(person, "list", example="governance person list")
def list_people(frame: Frame) -> None:
    """Everybody who may act in this workspace."""
    with frame.api() as api:
        found = api.get("/v1/people")
    columns = {"person": "person", "name": "name", "email": "e-mail", "roles": "roles"}
    if any(each["waiting"] for each in found["people"]):
        columns["waiting"] = "to be confirmed"
    output.listing(frame.output, found, columns, found["people"], "Nobody yet.")


@command(
    person,
    "add",
    example="governance person add --name 'Mia Lind' --email mia@corp.example --role treasurer",
)
@click.option("--name", required=True, help="The person's name; kept where it can be erased.")
@click.option("--email", required=True, help="Also the sign-in name.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    help="administrator, agent_manager, risk_editor, compliance_officer, auditor, or one that policies "
    "name (treasurer); repeat for more.",
)
@click.option("--sign-in/--no-sign-in", default=True, help="Make a password for the pages.")
def add_person(frame: Frame, name: str, email: str, roles: tuple[str, ...], sign_in: bool) -> None:
    """Add a person; prints a password and a key once."""
    with frame.api() as api:
        made = api.post("/v1/people", name=name, email=email, roles=list(roles), sign_in=sign_in)
        key = api.post("/v1/keys", holder_type="person", holder_id=made["person"])
    output.show(frame.output, {**made, "key": key["key"], "secret": key["secret"]})
    output.say("The password and the secret are shown this once only.")
    _say_what_waits(made)
    _say_what_only_policies_know(roles)


def _say_what_only_policies_know(roles: tuple[str, ...]) -> None:
    """A misspelt `administrator` is a valid role, too, and one that may do nothing."""
    others = [f"`{role}`" for role in dict.fromkeys(roles) if role not in ROLES]
    if others:
        output.say(
            f"{', '.join(others)}: counts only where policies name it. The service's own roles are "
            f"{', '.join(ROLES)}."
        )


def _say_what_waits(made: dict[str, Any]) -> None:
    if made["waiting"]:
        output.say(
            f"Not in force yet: {', '.join(made['waiting'])}. Another administrator confirms: "
            f"governance person confirm {made['person']}"
        )


@command(person, "confirm", example="governance person confirm p-a1b2c3d4e5")
@click.argument("person_id", metavar="PERSON")
def confirm(frame: Frame, person_id: str) -> None:
    """Confirm roles that another administrator gave somebody.

    What is confirmed is shown first, and the confirmation counts for nothing else.
    """
    with frame.api() as api:
        everybody = api.get("/v1/people")["people"]
        found = next((each for each in everybody if each["person"] == person_id), None)
        if found is None or not found["waiting"]:
            raise Failed(f"no role of `{person_id}` waits; see governance person list")
        output.facts(with_names(found, names_of(api), "given_by"), err=True)
        body = {"entry": found["entry"]}
        output.show(frame.output, api.post(f"/v1/people/{person_id}/confirm", **body))


@command(person, "roles", example="governance person roles p-a1b2c3d4e5 --role cfo --role auditor")
@click.argument("person_id", metavar="PERSON")
@click.option("--role", "roles", multiple=True, required=True, help="A role; repeat for more.")
def set_roles(frame: Frame, person_id: str, roles: tuple[str, ...]) -> None:
    """Replace a person's roles; new ones wait for another administrator's confirm."""
    with frame.api() as api:
        made = api.post(f"/v1/people/{person_id}/roles", roles=list(roles))
    output.show(frame.output, made)
    _say_what_waits(made)
    _say_what_only_policies_know(roles)


@command(person, "leave", example="governance person leave p-a1b2c3d4e5")
@click.argument("person_id", metavar="PERSON")
def leave(frame: Frame, person_id: str) -> None:
    """A person leaves: keys and sign-in end at once; what they did stays on record."""
    with frame.api() as api:
        output.show(frame.output, api.post(f"/v1/people/{person_id}/leave"))


@command(person, "password", example="governance person password p-a1b2c3d4e5")
@click.argument("person_id", metavar="PERSON")
@click.option("--sign-in", help="The name to sign in with, for somebody who has none yet.")
def password(frame: Frame, person_id: str, sign_in: str | None) -> None:
    """Give a person who has none yet a first password; later they change it themselves."""
    with frame.api() as api:
        made = api.post(f"/v1/people/{person_id}/password", sign_in=sign_in)
    output.show(frame.output, made)
    output.say("The password is shown this once only.")


@click.group("key")
def key() -> None:
    """API keys of agents, gateways and people."""


@command(key, "list", example="governance key list")
def list_keys(frame: Frame) -> None:
    """Every key, never its secret."""
    with frame.api() as api:
        found = api.get("/v1/keys")
        names = names_of(api)
    rows = [with_names(each, names, "holder_id") for each in found["keys"]]
    columns = {"key": "key", "holder_type": "for", "holder_id": "holder", "agents": "agents"}
    output.listing(frame.output, found, columns, rows, "No keys.")


@command(key, "issue", example="governance key issue agent payments-1 --to payments-1.key")
@click.argument("holder_type", metavar="KIND", type=click.Choice(["agent", "gateway", "person"]))
@click.argument("holder_id", metavar="HOLDER")
@click.option("--agent", "agents", multiple=True, help="For a gateway: an agent it speaks for.")
@click.option("--obligation", "obligations", multiple=True, help="An obligation it carries out.")
@click.option("--list", "lists", multiple=True, help="For a gateway: a list that it may refresh.")
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    help="Write the secret to this new file (mode 0600) instead of showing it.",
)
def issue(
    frame: Frame,
    holder_type: str,
    holder_id: str,
    agents: tuple[str, ...],
    obligations: tuple[str, ...],
    lists: tuple[str, ...],
    target: Path | None,
) -> None:
    """Issue a key; the secret is shown once."""
    if target is not None and (target.exists() or not target.absolute().parent.is_dir()):
        raise Failed(f"`{target}` is there already, or its directory is not; give another name")
    with frame.api() as api:
        made = api.post(
            "/v1/keys",
            holder_type=holder_type,
            holder_id=holder_id,
            agents=list(agents) or None,
            obligations=list(obligations) or None,
            lists=list(lists) or None,
        )
    if target is not None:
        made = _put(target, made)
    output.show(frame.output, made)
    if target is None:
        output.say("The secret is shown this once only.")


def _put(target: Path, made: dict[str, Any]) -> dict[str, Any]:
    """Write the secret where only its owner can read it; the answer without it."""
    opened = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "w", encoding="ascii") as file:
        file.write(made["secret"] + "\n")
    return {name: value for name, value in made.items() if name != "secret"} | {"file": str(target)}


@command(key, "revoke", example="governance key revoke k-a1b2c3d4")
@click.argument("key_id", metavar="KEY")
def revoke(frame: Frame, key_id: str) -> None:
    """Revoke a key at once."""
    with frame.api() as api:
        output.show(frame.output, api.post(f"/v1/keys/{key_id}/revoke"))
