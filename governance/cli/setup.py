"""`governance init`, `serve`, `backup`, `restore`: make, run, and bring back a workspace."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from governance.cli import output
from governance.cli.anchors import UNANCHORED, chosen
from governance.cli.frame import Frame, command
from governance.cli.log_keys import log_key_options, wanted
from governance.cli.transport import Failed


def _short(made: dict[str, Any]) -> dict[str, Any]:
    """For a terminal: a post-quantum key has 1,800 characters, which `log.vkey` holds, too."""
    if "second_log_key" not in made:
        return made
    name, key_id, _ = made["second_log_key"].split("+", 2)
    return {**made, "second_log_key": f"{name}+{key_id}+… (ML-DSA-44; whole in log.vkey)"}


def register(root: click.Group) -> None:
    """Add these commands to the root."""
    for add in (_init, _serve, _backup, _restore):
        add(root)


def _init(root: click.Group) -> None:
    @command(
        root,
        "init",
        example="governance init my-workspace --name 'Mia Lind' --email mia@corp.example",
        place=False,
    )
    @click.argument("directory", type=click.Path(path_type=Path))
    @click.option("--name", default="Administrator", show_default=True, help="The first person.")
    @click.option(
        "--email",
        default="admin@localhost.example",
        show_default=True,
        help="The first person's, also the sign-in name.",
    )
    @click.option("--title", default="Governance", show_default=True, help="Its name on pages.")
    @click.option("--origin", help="The log's name for ever: a host name and path of yours.")
    @click.option(
        "--policies",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="Policy files to begin with (else the six that come with the product).",
    )
    @click.option("--agent", default="first-agent", show_default=True, help="A first agent.")
    @click.option(
        "--label",
        "labels",
        multiple=True,
        help="A label of that agent, by which policies know it (payments, support, coding…); repeat.",
    )
    @log_key_options
    @click.option(
        "--post-quantum",
        is_flag=True,
        help="Sign every checkpoint with a second, ML-DSA-44 key, too.",
    )
    @click.option(
        "--anchor",
        "anchors",
        multiple=True,
        metavar="KIND:TARGET[,SETTING=VALUE…]",
        help="Who outside gets the log's head (file, git, webhook, mail, witness, timestamp), or "
        "none; repeat. Without one the log is unanchored, and every report says so.",
    )
    @click.option(
        "--database",
        help="Keep log and values on a PostgreSQL server: postgresql://role@host/name, or env:NAME.",
    )
    @click.option(
        "--database-owner",
        help="The owner's address: makes the database ready first (else: governance database prepare).",
    )
    def init(frame: Frame, directory: Path, **options: Any) -> None:
        """Make a workspace. It gets a log, keys, a first person, release and agent."""
        if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
            raise Failed(f"`{directory}` is there and not an empty directory; give a new one")
        options["anchors"] = chosen(options["anchors"])
        made = frame.app.initialise(directory, options)
        output.show(frame.output, made if frame.json else _short(made))
        if not options["anchors"]:
            output.say(f"\n{UNANCHORED}")
        output.say(
            f"\nKeep these: they are shown this once only. Then: governance serve -w {directory}"
        )


def _serve(root: click.Group) -> None:
    @command(root, "serve", example="governance serve -w my-workspace", output=False)
    @click.option("--host", help="Address to listen on (else config.toml).")
    @click.option("--port", type=click.IntRange(0, 65535), help="Port (else config.toml).")
    @click.option(
        "--database",
        help="PostgreSQL server with the log: an address, or env:NAME (else config.toml).",
    )
    def serve(frame: Frame, host: str | None, port: int | None, database: str | None) -> None:
        """Run a workspace. It owns the log and answers agents and people until stopped.

        With the log on a server, any number of services may run on it, each in a folder of its own.
        """
        code = frame.app.serve(frame.directory, host, port, database)
        if code:
            raise click.exceptions.Exit(code)


def _backup(root: click.Group) -> None:
    @command(root, "backup", example="governance backup -w my-workspace")
    def backup(frame: Frame) -> None:
        """Back a workspace up. Log and values are copied apart, while the service runs."""
        with frame.api() as api:
            output.show(frame.output, api.post("/v1/backups"))


def _restore(root: click.Group) -> None:
    @command(root, "restore", example="governance restore -w my-workspace BACKUP --acknowledge")
    @click.argument("backup", type=click.Path(path_type=Path, exists=True), required=False)
    @click.option(
        "--vault",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="A backup of the values (backups/vault/) to go back to; it needs its keys/vault.key.",
    )
    @click.option(
        "--known-head",
        "known",
        multiple=True,
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="A later head of the old log that you kept, so that the gap is named; repeat.",
    )
    @log_key_options
    @click.option(
        "--acknowledge",
        is_flag=True,
        help="Yes: a new log begins, everything is stopped, open approvals end.",
    )
    def restore(
        frame: Frame,
        backup: Path | None,
        vault: Path | None,
        known: tuple[Path, ...],
        log_key: str,
        log_public_key: Path | None,
        acknowledge: bool,
    ) -> None:
        """Bring a backup back. It opens as a new log that names the old one's last known head.

        Without BACKUP, from the workspace's own log if that still holds, else its newest backup.
        Nobody may be serving the workspace meanwhile. If the whole workspace was lost, give a new
        directory with -w; its settings begin as the usual ones, and people use the keys they had.
        """
        if not acknowledge:
            raise Failed(
                "a restored backup never continues the old log: it opens a new one, stopped, with "
                "open approvals ended, until two people lift the stop; add --acknowledge to do so"
            )
        key = wanted(log_key, log_public_key)
        made = frame.app.restore(frame.workspace, backup, known, vault, key)
        output.show(frame.output, made)
        if made["values"] == "lost":
            output.say(
                "Names and private values were not brought back. What was counted for a payee or "
                "another person cannot be told, as far back as each rule looks. If there is a backup of the values "
                "(backups/vault/) and the old keys/vault.key: put the key back and restore again "
                "with --vault FILE."
            )
        output.say(
            "Everything is stopped until two people lift it: governance stop list. The log has a "
            "new key; give it to whoever verifies."
        )


@click.group("clock")
def clock() -> None:
    """The log's time, after the machine's clock has jumped."""


@command(clock, "confirm", example="governance clock confirm -w my-workspace")
def confirm_clock(frame: Frame) -> None:
    """Say that the machine's clock is right again; a second person's call lets answers go on."""
    with frame.api() as api:
        output.show(frame.output, api.post("/v1/clock/confirm"))


def shipped_policies() -> Path:
    """Where the policy files that come with the product lie (installed, or in a checkout)."""
    installed = Path(__file__).parents[1] / "shipped_policies"
    checkout = Path(__file__).parents[2] / "policies"
    found = installed if installed.is_dir() else checkout
    if not found.is_dir():
        raise Failed(f"the shipped policy files are missing from {os.fspath(installed)}")
    return found
