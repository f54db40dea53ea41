"""`governance database`, `join`, `move`: a log on a server, and several services on it."""

from __future__ import annotations

from pathlib import Path

import click

from governance.cli import output
from governance.cli.frame import Frame, command

OWNER = "postgresql://governance_owner@db.corp.example/governance?sslmode=verify-full"
SERVICE = "postgresql://governance_app@db.corp.example/governance?sslmode=verify-full"


def register(root: click.Group) -> None:
    """Add these commands to the root."""
    root.add_command(database)

    @command(root, "join", example="governance join second-folder --from my-workspace", place=False)
    @click.argument("directory", type=click.Path(path_type=Path))
    @click.option(
        "--from",
        "source",
        required=True,
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="The folder of a service on the same log; its keys and settings are copied.",
    )
    @click.option(
        "--head",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Where this service keeps the log's head, best on another volume.",
    )
    def join(frame: Frame, directory: Path, source: Path, head: Path | None) -> None:
        """Make a folder for another service on the same log. The log must be on a server.

        The whole log is read and proven first. Give the new folder a port of its own in config.toml
        if both services run on one machine.
        """
        output.show(frame.output, frame.app.join(directory, source, head))
        output.say(f"Then: governance serve -w {directory}")

    @command(root, "move", example=f"governance move -w my-workspace --to '{SERVICE}'")
    @click.option("--to", "address", required=True, help="The server's address, or env:NAME.")
    @click.option("--database-owner", help="The owner's address: makes the database ready first.")
    def move(frame: Frame, address: str, database_owner: str | None) -> None:
        """Bring a log from its file to a PostgreSQL server. It stays the same log.

        Entries, checkpoints, values, facts and policy files arrive in one transaction and are read
        back before it counts. Nobody may serve the workspace meanwhile; the files are put aside.
        """
        directory = frame.directory
        if database_owner:
            frame.app.prepare(database_owner, address)
        output.show(frame.output, frame.app.move(directory, address))


@click.group("database")
def database() -> None:
    """Where the log is: in a file, or on a PostgreSQL server."""


@command(
    database,
    "prepare",
    example=f"governance database prepare --owner '{OWNER}' --service '{SERVICE}'",
    place=False,
)
@click.option("--owner", required=True, help="The owner's address, or env:NAME.")
@click.option("--service", required=True, help="The service's address; only its role counts.")
def prepare(frame: Frame, owner: str, service: str) -> None:
    """Make a database ready, or bring it up to date: schemas, guards, rights of the service.

    Both roles must be there. Only this command needs the owner's; no service does. Do it again
    after installing a new version, before the services start.
    """
    output.show(frame.output, frame.app.prepare(owner, service))


@command(database, "prune", example=f"governance database prune --owner '{OWNER}'", place=False)
@click.option("--owner", required=True, help="The owner's address, or env:NAME.")
def prune(frame: Frame, owner: str) -> None:
    """Take out of the server what the log gave up. Services may not: they only add to the log.

    Run it after `governance retention prune`; the services may go on meanwhile.
    """
    output.show(frame.output, {"entries_emptied": frame.app.empty(owner)})


@command(database, "show", example="governance database show -w my-workspace")
def show(frame: Frame) -> None:
    """Say where log and values are, how large, and which schema they have."""
    output.show(frame.output, frame.app.databases(frame.directory))
