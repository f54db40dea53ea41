"""`governance audit tiles` and `governance audit proof`: what leaves for readers who are not us."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cli_world import cli, document
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.__main__ import main as check
from audit.note import Ed25519Cosigner
from audit.proof import TlogProof


def grow(workspace: Path) -> None:
    """Add an entry or two."""
    raised = document(
        cli(
            "stop",
            "raise",
            "agent",
            "first-agent",
            "--reason",
            "test",
            "-w",
            workspace,
            "-o",
            "json",
        )
    )
    assert raised["stop"] >= 0


def test_the_log_is_published_and_brought_up_to_date(workspace: Path, tmp_path: Path) -> None:
    """Monitors could be given the log only by somebody who serves it day and night."""
    args = ("audit", "tiles", tmp_path / "public", "-w", workspace, "-o", "json")
    first = document(cli(*args))
    assert (first["before"], first["files"]) == (0, 3)
    grow(workspace)
    second = document(cli(*args))
    assert second["before"] == first["size"] < second["size"]
    note = (tmp_path / "public" / "checkpoint").read_text()
    assert note.split("\n")[1] == str(second["size"])
    bundle = tmp_path / "public" / "tile" / "entries" / f"000.p/{second['size']}"
    assert b'"kind":"stop.raised"' in bundle.read_bytes()
    assert document(cli(*args))["files"] == 0


def test_a_folder_of_another_log_is_refused(
    workspace: Path, founded: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """Somebody who mistypes a folder would overwrite the evidence of another log."""
    public = tmp_path / "public"
    document(cli("audit", "tiles", public, "-w", workspace, "-o", "json"))
    note = public / "checkpoint"
    note.write_text("other.example/log\n" + note.read_text().partition("\n")[2])
    done = cli("audit", "tiles", public, "-w", workspace)
    assert done.exit_code == 1
    assert "other.example/log" in done.stderr
    grow(workspace)
    document(cli("audit", "tiles", tmp_path / "later", "-w", workspace, "-o", "json"))
    done = cli("audit", "tiles", tmp_path / "later", "-w", founded[0])
    assert done.exit_code == 1
    assert "it is evidence" in done.stderr


def test_a_proof_is_written_with_its_entry_and_holds(
    workspace: Path, tmp_path: Path, capsys: Any
) -> None:
    """Whoever asks what was decided about them could be given words, and nothing to check."""
    grow(workspace)
    newest = document(cli("audit", "tail", "-n", "1", "-w", workspace, "-o", "json"))["entries"][0]
    index, name = newest["index"], tmp_path / "stop"
    made = document(
        cli("audit", "proof", index, "--to", f"{name}.tlog-proof", "-w", workspace, "-o", "json")
    )
    assert made["files"] == [f"{name}.tlog-proof", f"{name}.json"]
    assert json.loads((tmp_path / "stop.json").read_bytes())["kind"] == "stop.raised"
    key = str(workspace / "log.vkey")
    proof, entry = made["files"]
    assert check(["proof", proof, "--entry", entry, "--key", key]) == 0
    assert f"is entry {index} of it" in capsys.readouterr().out
    (tmp_path / "stop.json").write_bytes(b"{}")
    assert check(["proof", proof, "--entry", entry, "--key", key]) == 10
    again = cli("audit", "proof", index, "--to", name, "-w", workspace)
    assert (again.exit_code, "is there already" in again.stderr) == (1, True)


def test_a_proof_can_be_printed_and_be_of_an_older_tree(workspace: Path) -> None:
    """A proof could not be piped on, or not lead to the head that somebody kept."""
    before = document(cli("audit", "proof", 0, "-w", workspace, "-o", "json"))
    grow(workspace)
    printed = cli("audit", "proof", 0, "-w", workspace)
    proof = TlogProof.parse(printed.stdout)
    assert proof.index == 0
    size = before["tree_size"]
    older = cli("audit", "proof", 0, "--size", size, "-w", workspace)
    assert older.stdout == before["proof"] != printed.stdout
    for arguments, said in (
        ((99_999,), "there is no entry `99999`"),
        ((0, "--size", 99_999), "not 99999"),
        ((size, "--size", size), "does not hold entry"),
    ):
        done = cli("audit", "proof", *arguments, "-w", workspace)
        assert done.exit_code in (1, 2)
        assert said in done.stderr


def test_a_trust_policy_decides_what_leaves(workspace: Path, tmp_path: Path) -> None:
    """Somebody who asks for witnessed heads would be given others without a word."""
    key = (workspace / "log.vkey").read_text().strip()
    alone, seen = tmp_path / "alone.policy", tmp_path / "seen.policy"
    alone.write_text(f"log {key}\nquorum none\n")
    other = Ed25519Cosigner("w.example", Ed25519PrivateKey.from_private_bytes(bytes(32)), int)
    seen.write_text(f"log {key}\nwitness w {other.verifier.vkey}\nquorum w\n")
    for command in (("tiles", tmp_path / "public"), ("proof", "0")):
        args = ("audit", *command, "-w", workspace, "--policy")
        assert cli(*args, alone).exit_code == 0
        done = cli(*args, seen)
        assert (done.exit_code, "accepts no checkpoint" in done.stderr) == (1, True)
        seen_before = seen.read_text()
        seen.write_text("nonsense\n")
        assert "line 1" in cli(*args, seen).stderr
        seen.write_text(seen_before)
    both = ("audit", "proof", "0", "-w", workspace, "--size", "1", "--witnessed")
    assert cli(*both).exit_code == 2
