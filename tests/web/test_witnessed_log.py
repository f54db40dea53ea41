"""What witnesses gave back travels with checkpoints and proofs."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from web_world import World, payment

from audit.note import Ed25519Cosigner, countersign
from audit.proofcommand import check
from audit.trust import TrustPolicy
from governance.service import tiling
from governance.service.problem import Problem
from governance.store import anchored
from governance.store.anchored import Evidence

WITNESSES = [
    Ed25519Cosigner(
        f"w{number}.example",
        Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32),
        lambda: 1_800_000_000,
    )
    for number in (1, 2)
]


def anchor(world: World, *witnesses: Ed25519Cosigner, data: bytes | None = None) -> int:
    """Have witnesses cosign the newest checkpoint; the number of entries it covers."""
    note = world.desk.reader.checkpoint()
    size = int(note.split("\n")[1])
    for witness in witnesses:
        lines = countersign(note, witness).removeprefix(note).encode()
        at = size * anchored.HOUR
        found = Evidence(size, witness.name, "witness", at, lines if data is None else data)
        kept = world.desk.ledger.chore(lambda db, found=found: anchored.keep(db, found))
        assert kept.result(10)
    return size


def policy(world: World, quorum: str) -> TrustPolicy:
    """A policy that trusts the log and both witnesses."""
    lines = [f"log {world.desk.workspace.vkeys[0]}"]
    lines += [f"witness w{n} {w.verifier.vkey}" for n, w in enumerate(WITNESSES, 1)]
    return TrustPolicy.parse("\n".join([*lines, "group both all w1 w2", f"quorum {quorum}"]) + "\n")


def decide(world: World) -> tuple[int, bytes]:
    """A decision's number and leaf hash."""
    receipt = world.call("POST", "/access/v1/evaluation", payment())[2]["context"]["receipt"]
    return receipt["index"], bytes.fromhex(receipt["leaf_hash"])


def test_cosignatures_travel_with_the_checkpoint_they_are_for(world: World, tmp_path: Path) -> None:
    """Whoever trusts a witness would see a checkpoint that nobody but the log vouches for."""
    decide(world)
    anchor(world, *WITNESSES)
    note = world.call("GET", "/log/checkpoint", key=None)[2].decode()
    assert policy(world, "both").open(note).origin == world.desk.workspace.origin
    tiling.publish(world.directory, tmp_path / "public")
    assert (tmp_path / "public" / "checkpoint").read_text() == note
    decide(world)
    note = world.call("GET", "/log/checkpoint", key=None)[2].decode()
    assert note == world.desk.reader.checkpoint()


def test_a_proof_can_lead_to_the_tree_that_witnesses_saw(world: World) -> None:
    """A proof that a stranger's policy accepts could be had only in the second after anchoring."""
    index, leaf = decide(world)
    path = f"/v1/decisions/{index}/proof"
    status, _, problem = world.call("GET", f"{path}?witnessed=1")
    assert (status, problem["field"]) == (404, "witnessed")
    both = anchor(world, *WITNESSES)
    decide(world)
    anchor(world, WITNESSES[0])
    late, _ = decide(world)
    text = world.call("GET", f"{path}?witnessed=1")[2]
    found = check(text, [], policy=policy(world, "both"), leaf=leaf)
    assert (found.tree.size, len(found.witnessed)) == (both, 2)
    of_size = world.call("GET", f"{path}?size={both}")[2]
    assert of_size == text
    assert world.call("GET", f"{path}?size={both}&witnessed=1")[0] == 400
    assert world.call("GET", f"/v1/decisions/{late}/proof?witnessed=1")[0] == 404
    text, _, size = tiling.proof_of(world.directory, index, witnessed=True)
    assert size == both


@pytest.mark.parametrize("data", [b"hello\n", b"\n\n", b""])
def test_evidence_that_was_altered_spoils_no_checkpoint(world: World, data: bytes) -> None:
    """Whoever can write beside the log would make its checkpoint unreadable for everybody."""
    decide(world)
    anchor(world, WITNESSES[0], data=data)
    note = world.call("GET", "/log/checkpoint", key=None)[2].decode()
    assert note == world.desk.reader.checkpoint()


def test_what_leaves_can_be_held_back_until_a_policy_accepts_it(
    world: World, tmp_path: Path
) -> None:
    """A mirror would show heads that no witness has seen, to readers who ask for two of them."""
    index, leaf = decide(world)
    wanted, folder = policy(world, "both"), tmp_path / "public"
    with pytest.raises(Problem, match="accepts no checkpoint"):
        tiling.publish(world.directory, folder, policy=wanted)
    both = anchor(world, *WITNESSES)
    decide(world)
    anchor(world, WITNESSES[0])
    decide(world)
    assert tiling.publish(world.directory, folder, policy=wanted)["size"] == both
    assert wanted.open((folder / "checkpoint").read_text()).size == both
    text, _, size = tiling.proof_of(world.directory, index, policy=wanted)
    assert size == both
    assert check(text.encode(), [], policy=wanted, leaf=leaf).leaf == leaf
    newest = tiling.publish(world.directory, folder)["size"]
    assert tiling.publish(world.directory, folder, policy=wanted)["size"] == newest > both
    with pytest.raises(Problem, match="accepts no checkpoint"):
        tiling.proof_of(world.directory, newest - 1, policy=wanted)
