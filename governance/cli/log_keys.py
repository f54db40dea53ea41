"""`governance log-key`: the keys that sign the log, from one to the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from governance.cli import output
from governance.cli.frame import Frame, command
from governance.cli.telling import names_of, with_names
from governance.cli.transport import Failed

_STATES = {
    "signing": "signs",
    "retired": "retired",
    "prepared": "prepared, signs nothing",
    "missing": "MISSING, should sign",
}


@click.group("log-key")
def log_key() -> None:
    """Keys that sign the log: list, replace, add, retire."""


@command(log_key, "list", example="governance log-key list -o json")
def list_log_keys(frame: Frame) -> None:
    """Every key of this log, and the verifier keys of those that sign, for verifiers to pin."""
    with frame.api() as api:
        found = api.get("/v1/log/keys")
    if frame.json:
        return output.document(found)
    rows = [{**each, "state": _STATES[each["state"]]} for each in found["keys"]]
    columns = {"key": "key", "algorithm": "algorithm", "state": "state", "custody": "kept as"}
    columns |= {"announced": "since entry", "retired": "until entry", "why": "why"}
    output.table(columns, rows, "")
    output.say("The verifier keys of those that sign, one a line (log.vkey holds the same):")
    for each in found["keys"]:
        if each["state"] in ("signing", "missing"):
            click.echo(each["vkey"])
    waiting = found["waiting"]
    if waiting:
        word = "is to sign" if waiting["change"] == "add" else "is to be retired"
        output.say(
            f"Waiting: {waiting['key']} {word}, proposed by {waiting['given_by']}. Another "
            f"administrator confirms: governance log-key confirm {waiting['entry']}"
        )
    return None


def _custody(function: Any) -> Any:
    function = click.option("--reason", help="Why.")(function)
    function = click.option(
        "--public-key",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="The public key of a key service's key, as PEM.",
    )(function)
    return click.option(
        "--kept",
        default="file",
        show_default=True,
        help="Where its private half is: file, encrypted (a file under the passphrase that the "
        "service was given), a pkcs11: URI, or a key service's URI (awskms:, gcpkms:, azurekms:, hv:, "
        "hsm:).",
    )(function)


def log_key_options(function: Any) -> Any:
    """`--kept` and `--public-key` of the first key, for commands that begin a log."""
    function = click.option(
        "--public-key",
        "log_public_key",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="The public key of a key service's key, as PEM.",
    )(function)
    return click.option(
        "--kept",
        "log_key",
        default="file",
        show_default=True,
        help="Where the key that signs the log is kept: file, encrypted (under the passphrase in "
        "GOVERNANCE_LOG_KEY_SECRET, or asked for), or the URI of a key elsewhere (pkcs11:…).",
    )(function)


@command(log_key, "rotate", example="governance log-key rotate --reason 'yearly'")
@_custody
def rotate(frame: Frame, kept: str, public_key: Path | None, reason: str | None) -> None:
    """Announce a successor. Both keys sign every checkpoint until the old one is retired.

    Where there is a second administrator, they confirm it first. Give the new verifier key to every
    verifier, and retire the old one when all have it.

    Other services on the same log (PostgreSQL) need the new key before it signs: copy `keys/` to
    their folders between proposal and confirmation, or at once if you are the only administrator.
    """
    _add(frame, "ed25519", kept, public_key, reason)


@command(log_key, "add", example="governance log-key add --kind ml-dsa-44")
@click.option(
    "--kind",
    type=click.Choice(["ed25519", "ml-dsa-44"]),
    default="ml-dsa-44",
    show_default=True,
    help="What kind of key.",
)
@_custody
def add(frame: Frame, kind: str, kept: str, public_key: Path | None, reason: str | None) -> None:
    """Add a second line to every checkpoint, by a key that quantum computers do not break.

    Verifiers that do not know ML-DSA-44 go on with the other line. It adds 3.3 kB to every checkpoint.
    """
    _add(frame, kind, kept, public_key, reason)


def wanted(kept: str, public_key: Path | None = None) -> dict[str, Any]:
    """`--kept` as the API has it: custody, and the place of a key that is elsewhere."""
    if kept in ("file", "encrypted"):
        return {"custody": kept}
    if ":" not in kept:
        raise click.UsageError(f"`{kept}`: expected file, encrypted, or the URI of a key elsewhere")
    found = {"custody": "pkcs11" if kept.startswith("pkcs11:") else "kms", "at": kept}
    if public_key is not None:
        found["public_key"] = public_key.read_text(encoding="utf-8")
    return found


def _add(frame: Frame, kind: str, kept: str, public_key: Path | None, reason: str | None) -> None:
    asked = {"algorithm": kind, **wanted(kept, public_key)}
    if reason:
        asked["reason"] = reason
    with frame.api() as api:
        made = api.post("/v1/log/keys", **asked)
    output.show(frame.output, made)
    if made["state"] == "proposed":
        output.say(
            "It signs nothing yet. Another administrator confirms: governance log-key confirm "
            f"{made['entry']}"
        )
        return
    _say_added()


def _say_added() -> None:
    output.say(
        "It signs every checkpoint from now on, beside those that did. Give its verifier key to "
        "every verifier, on another way than this service (docs/key-ceremony.md), before you "
        "retire another."
    )


@command(log_key, "confirm", example="governance log-key confirm 412")
@click.argument("entry", type=int)
def confirm(frame: Frame, entry: int) -> None:
    """Confirm, as another administrator, the change of keys that ENTRY proposed.

    What is confirmed is shown first, and the confirmation counts for nothing else.
    """
    with frame.api() as api:
        waiting = api.get("/v1/log/keys")["waiting"]
        if waiting is None or waiting["entry"] != entry:
            raise Failed(
                f"entry `{entry}` is no change of keys that waits; see governance log-key list"
            )
        shown = {"kept_as" if name == "custody" else name: each for name, each in waiting.items()}
        output.facts(with_names(shown, names_of(api), "given_by"), err=True)
        made = api.post("/v1/log/keys/confirm", entry=entry)
    output.show(frame.output, made)
    if made["state"] == "signing":
        _say_added()


@command(log_key, "retire", example="governance log-key retire 1a2b3c4d --why replaced")
@click.argument("name", metavar="KEY")
@click.option(
    "--why",
    required=True,
    type=click.Choice(["replaced", "lost", "compromised"]),
    help="replaced takes a second administrator; the others work at once.",
)
@click.option("--reason", help="More about it.")
def retire(frame: Frame, name: str, why: str, reason: str | None) -> None:
    """Let KEY (8 digits of log-key list) sign no later entry. What it signed stays proven.

    Its file is deleted, for nothing needs it any more; a key in a token or a key service is yours to
    delete, and so are copies of the file on other machines.

    A key that is lost keeps the service from starting: run this while nobody serves the workspace,
    and the other keys go on without it.
    """
    asked = {"why": why} | ({"reason": reason} if reason else {})
    with frame.api(without_log_keys=(name,) if why == "lost" else ()) as api:
        made = api.post(f"/v1/log/keys/{name}/retire", **asked)
    output.show(frame.output, made)
    if made["state"] == "proposed":
        output.say(f"Another administrator confirms: governance log-key confirm {made['entry']}")
