"""Proofs that travel: c2sp.org/tlog-proof@v1."""

from __future__ import annotations

import pytest

from audit.errors import BadProof, LogError, Tampered, UnknownKey
from audit.note import Ed25519Signer
from audit.proof import TlogProof
from audit.tree import MemoryNodes, inclusion_proof, leaf_hash


def test_a_receipt_proves_its_entry_and_no_other(world) -> None:
    """Otherwise an agent's receipt would be worth nothing, or prove what was never decided."""
    log = world.log(23)
    hashes = tuple(inclusion_proof(9, 23, log.node))
    proof = TlogProof(9, hashes, world.checkpoint(log), b"extra")
    again = TlogProof.parse(proof.encode())
    assert again == proof
    entry = next(log.entries(9, 10))
    assert again.verify(leaf_hash(entry), [world.signer.verifier]).size == 23
    with pytest.raises(Tampered):
        again.verify(leaf_hash(b"another"), [world.signer.verifier])
    stranger = Ed25519Signer.from_seed(world.signer.name, bytes(32))
    with pytest.raises(UnknownKey):
        again.verify(leaf_hash(entry), [stranger.verifier])


def test_a_log_of_one_entry_has_an_empty_proof(world) -> None:
    """Otherwise the first decision of a new log would have no receipt."""
    log = world.log(1)
    proof = TlogProof.parse(TlogProof(0, (), world.checkpoint(log)).encode())
    assert proof.hashes == ()
    proof.verify(MemoryNodes([log.node(0, 0)]).root(), [world.signer.verifier])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("@v1", "@v2"),
        ("index 9", "index 09"),
        ("index 9", "index -9"),
        ("index 9", "Index 9"),
        ("index 9", "index 9 "),
        ("index 9\n", ""),
        ("index 9\n", "index 9\nAAAA\n"),
        ("index 9\n", "index 9\n!\n"),
        ("extra ZXh0cmE=", "extra !"),
        ("\n\n", "\n"),
    ],
)
def test_a_malformed_proof_is_refused(world, old: str, new: str) -> None:
    """Otherwise two verifiers could read different proofs from one file."""
    log = world.log(23)
    hashes = tuple(inclusion_proof(9, 23, log.node))
    text = TlogProof(9, hashes, world.checkpoint(log), b"extra").encode()
    with pytest.raises(LogError) as caught:
        TlogProof.parse(text.replace(old, new))
    assert isinstance(caught.value, BadProof)
