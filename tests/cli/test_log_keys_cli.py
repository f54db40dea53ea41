"""`governance log-key` and `init --kept`, as a person at a terminal has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_world import cli, document, process

from audit.note import split
from governance.store.reader import Reader
from governance.store.secrets import VARIABLE

SECRET = "correct horse battery"


def keys_of(workspace: Path, **env: str) -> list[dict[str, Any]]:
    """What `log-key list` shows."""
    found = document(cli("log-key", "list", "-w", workspace, "-o", "json", env=env or None))
    return list(found["keys"])


def signed_by(workspace: Path) -> list[str]:
    """Ids of the keys on the newest checkpoint."""
    reader = Reader(workspace / "log.db")
    try:
        return [line.key_id.hex() for line in split(reader.checkpoint())[1]]
    finally:
        reader.close()


def test_a_key_is_replaced_from_the_command_line(workspace: Path, tmp_path: Path) -> None:
    """Nobody could change the log's key without writing a program."""
    (old,) = keys_of(workspace)
    made = document(cli("log-key", "rotate", "--reason", "yearly", "-w", workspace, "-o", "json"))
    assert made["state"] == "signing"
    shown = cli("log-key", "list", "-w", workspace)
    assert made["key"] in shown.stdout
    assert [made["vkey"], old["vkey"]] == shown.stdout.splitlines()[-2:]
    kept = (workspace / "log.vkey").read_text()
    assert kept.split() == [made["vkey"], old["vkey"]]
    done = cli("log-key", "retire", old["key"], "--why", "replaced", "-w", workspace)
    assert done.exit_code == 0, done.output
    assert cli("log-key", "rotate", "-w", workspace).exit_code == 0  # any further entry
    package = tmp_path / "package.zip"
    assert cli("audit", "export", package, "-w", workspace).exit_code == 0
    (tmp_path / "mine.vkey").write_text(old["vkey"] + "\n")
    old_only = process("audit", "verify", str(package), "--key", str(tmp_path / "mine.vkey"))
    assert old_only.returncode == 11
    assert "another way" in old_only.stdout + old_only.stderr
    now = cli("audit", "verify", package, "--key", workspace / "log.vkey")
    assert now.exit_code == 0, now.output
    again = cli("log-key", "retire", old["key"], "--why", "replaced", "-w", workspace)
    assert (again.exit_code, "signs now" in again.output) == (1, True)


def test_a_lost_key_is_done_without(workspace: Path) -> None:
    """One deleted file would end the log, although another key signs it."""
    made = document(cli("log-key", "rotate", "-w", workspace, "-o", "json"))
    (workspace / "keys" / f"log-{made['key']}.key").unlink()
    told = cli("log-key", "list", "-w", workspace)
    assert told.exit_code == 1
    assert f"governance log-key retire {made['key']} --why lost" in told.output
    done = cli("log-key", "retire", made["key"], "--why", "lost", "-w", workspace)
    assert done.exit_code == 0, done.output
    assert [key["state"] for key in keys_of(workspace)] == ["signing", "retired"]


def test_a_second_line_is_added(workspace: Path) -> None:
    """The log could not be signed for the years after quantum computers."""
    assert cli("log-key", "add", "--kind", "ml-dsa-44", "-w", workspace).exit_code == 0
    algorithms = [key["algorithm"] for key in keys_of(workspace)]
    assert algorithms == ["ed25519", "ml-dsa-44"]


def test_a_post_quantum_key_does_not_flood_the_terminal(tmp_path: Path) -> None:
    """A password that is shown once only would be lost in 1,800 characters of a key."""
    made = cli("init", tmp_path / "w", "--post-quantum")
    assert max(map(len, made.stdout.splitlines())) < 200
    assert "(ML-DSA-44; whole in log.vkey)" in made.stdout


def test_init_keeps_the_key_where_it_is_told(tmp_path: Path) -> None:
    """A workspace would begin with a plain key file, which a copy of the disk already has."""
    place, env = tmp_path / "workspace", {VARIABLE: SECRET}
    made = document(
        cli("init", place, "--kept", "encrypted", "--post-quantum", "-o", "json", env=env)
    )
    assert made["second_log_key"].split("+")[0] == made["log_key"].split("+")[0]
    for path in place.rglob("*"):
        assert not path.is_file() or b"PRIVATE+KEY" not in path.read_bytes(), path
    assert [key["custody"] for key in keys_of(place, **env)] == ["encrypted", "encrypted"]
    wrong = cli("log-key", "list", "-w", place, env={VARIABLE: "wrong horse battery"})
    assert wrong.exit_code == 1
    assert "the passphrase is wrong" in wrong.output
    nobody = process("log-key", "list", "-w", str(place))
    assert nobody.returncode == 1
    assert VARIABLE in nobody.stderr
    assert len(signed_by(place)) == 1, "reading does not sign"


@pytest.mark.parametrize("kept", ["somewhere", "kms:"])
def test_a_place_that_is_none_makes_no_workspace(tmp_path: Path, kept: str) -> None:
    """Half a workspace would stand in the way of the next attempt."""
    done = cli("init", tmp_path / "workspace", "--kept", kept)
    assert done.exit_code in (1, 2)
    assert not (tmp_path / "workspace").exists()
    assert "traceback" not in done.output.lower()


def test_backups_hold_no_private_key(workspace: Path, tmp_path: Path) -> None:
    """Whoever gets a backup could sign for the log."""
    for command in (["rotate"], ["add", "--kind", "ml-dsa-44"]):
        assert cli("log-key", *command, "-w", workspace).exit_code == 0
    secrets = [path.read_text().strip().encode() for path in (workspace / "keys").glob("log*.key")]
    assert len(secrets) == 3
    assert cli("backup", "-w", workspace).exit_code == 0
    assert cli("audit", "export", tmp_path / "package", "-w", workspace).exit_code == 0
    for root in (workspace / "backups", tmp_path / "package"):
        for path in root.rglob("*"):
            data = path.read_bytes() if path.is_file() else b""
            assert not any(secret in data for secret in secrets), path


def test_what_waits_is_listed(workspace: Path) -> None:
    """The second administrator would not learn that they are asked."""
    added = ["person", "add", "--name", "Tom", "--email", "tom@corp.example", "--no-sign-in"]
    tom = document(cli(*added, "--role", "administrator", "-w", workspace, "-o", "json"))
    made = document(cli("log-key", "rotate", "-w", workspace, "-o", "json"))
    assert made["state"] == "proposed"
    assert (
        f"governance log-key confirm {made['entry']}"
        in cli("log-key", "list", "-w", workspace).output
    )
    confirm = ["log-key", "confirm", str(made["entry"]), "-w", workspace]
    assert cli(*confirm).exit_code == 1
    done = cli(*confirm, "--key", tom["secret"], "-o", "json")
    assert json.loads(done.stdout)["state"] == "signing"


def test_what_is_confirmed_is_shown_and_nothing_else_is(workspace: Path) -> None:
    """An administrator would let a key sign that another one put in the place of what they saw."""
    added = ["person", "add", "--name", "Tom", "--email", "tom@corp.example", "--no-sign-in"]
    tom = document(cli(*added, "--role", "administrator", "-w", workspace, "-o", "json"))
    seen = document(cli("log-key", "rotate", "-w", workspace, "-o", "json"))
    other = document(cli("log-key", "rotate", "-w", workspace, "-o", "json"))
    as_tom = ("-w", workspace, "--key", tom["secret"])
    stale = cli("log-key", "confirm", str(seen["entry"]), *as_tom)
    assert stale.exit_code == 1
    assert f"entry `{seen['entry']}` is no change of keys that waits" in stale.stderr
    assert [key["state"] for key in keys_of(workspace)].count("signing") == 1
    done = cli("log-key", "confirm", str(other["entry"]), *as_tom, "-o", "json")
    assert json.loads(done.stdout)["state"] == "signing"
    (founder,) = (
        each["name"]
        for each in document(cli("person", "list", "-w", workspace, "-o", "json"))["people"]
        if each["person"] != tom["person"]
    )
    for shown in (other["vkey"], other["key"], "add", "file", founder):
        assert shown in done.stderr
    again = cli("log-key", "confirm", str(other["entry"]), *as_tom)
    assert (again.exit_code, "no change of keys that waits" in again.stderr) == (1, True)


def test_a_restored_log_keeps_its_key_where_it_is_told(workspace: Path) -> None:
    """After a disaster the log would be signed by a plain file, whatever was decided before."""
    assert cli("backup", "-w", workspace).exit_code == 0
    command = ["restore", "-w", workspace, "--kept", "encrypted", "--acknowledge", "-o", "json"]
    made = document(cli(*command, env={VARIABLE: SECRET}))
    (now,) = keys_of(workspace, **{VARIABLE: SECRET})
    assert (now["vkey"], now["custody"]) == (made["log_key"], "encrypted")
    assert b"PRIVATE" not in (workspace / "keys" / "log.key").read_bytes()


@pytest.mark.parametrize("given", ["", "wrong horse battery"])
def test_without_the_passphrase_nothing_is_served(tmp_path: Path, given: str) -> None:
    """The service would seem to run, and sign nothing, or sign with another key."""
    place = tmp_path / "workspace"
    made = cli("init", place, "--kept", "encrypted", env={VARIABLE: SECRET})
    assert made.exit_code == 0, made.output
    before = (place / "log.db").read_bytes()
    env = {VARIABLE: given} if given else {}
    done = process("serve", "-w", str(place), "--port", "0", **env)
    assert done.returncode == 1
    assert ("the passphrase is wrong" if given else VARIABLE) in done.stderr
    assert "Traceback" not in done.stderr
    assert (place / "log.db").read_bytes() == before
