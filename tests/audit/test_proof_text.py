"""Proofs that travel: c2sp.org/tlog-proof@v1."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.errors import BadProof, LogError, Tampered, UnknownKey
from audit.note import Ed25519Cosigner, Ed25519Signer, countersign
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
        ("index 9", "index 9223372036854775808"),
        ("index 9", "index 1e1"),
        ("index 9", "index \u0669"),
        ("index 9\n", "index 9\nindex 9\n"),
        ("index 9\n", "index 9\r\n"),
        ("index 9\n", "index 9\n\n"),
        ("index 9\n", "index 9\n" + "A" * 43 + "\n"),
        ("index 9\n", "index 9\n" + "A" * 42 + "B=\n"),
        ("index 9\n", "index 9\n" + "A" * 43 + "= \n"),
        ("index 9\n", "index 9\n" + ("A" * 43 + "=\n") * 59),
        ("extra ZXh0cmE=", "extra !"),
        ("extra ZXh0cmE=", "extra ZXh0cmF="),
        ("extra ZXh0cmE=", "extra ZXh0cmE"),
        ("extra ZXh0cmE=", "extra "),
        ("extra ZXh0cmE=", "extra"),
        ("extra ZXh0cmE=", "Extra ZXh0cmE="),
        ("extra ZXh0cmE=\n", "extra ZXh0cmE=\nextra ZXh0cmE=\n"),
        ("c2sp.org", " c2sp.org"),
        ("\n\n", "\n"),
        ("\n\n", "\n\n\n"),
        ("\n\n", "\n \n"),
        ("\n23\n", "\n023\n"),
        ("\n23\n", "\n"),
        ("\n\n\u2014 ", "\n"),
        ("\n\n\u2014 ", "\n\n- "),
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


def test_a_proof_without_its_whole_checkpoint_is_refused(world) -> None:
    """Otherwise a file cut in transit could pass for a proof until somebody needs it."""
    log = world.log(23)
    text = TlogProof(9, tuple(inclusion_proof(9, 23, log.node)), world.checkpoint(log)).encode()
    cuts = [end for end in range(len(text)) if _reads(text[:end])]
    assert cuts == []
    assert not _reads(text + "\n")
    assert not _reads(text + "x")


def _reads(text: str) -> bool:
    try:
        TlogProof.parse(text)
    except BadProof:
        return False
    return True


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.none() | st.binary(min_size=1, max_size=99),
)
def test_what_is_read_is_written_the_same_again(
    index: int, hashes: list[bytes], extra: bytes | None
) -> None:
    """Otherwise a proof that passed through our hands would not be the file it was."""
    witness = Ed25519Cosigner(
        "w.example", Ed25519PrivateKey.from_private_bytes(bytes(32)), lambda: 1
    )
    signer = Ed25519Signer.from_seed("example.com/log", bytes(32))
    note = countersign(
        sign_checkpoint(Checkpoint("example.com/log", 7, bytes(32)), signer), witness
    )
    text = TlogProof(index, tuple(hashes), note, extra).encode()
    assert TlogProof.parse(text).encode() == text
    assert text.endswith(note)


def test_extra_data_that_is_empty_is_left_out(world) -> None:
    """Otherwise we would write a file that the specification does not know."""
    note = world.checkpoint(world.log(1))
    assert TlogProof(0, (), note, b"").encode() == TlogProof(0, (), note).encode()
