"""Cosigning keys: their file form, their times, and what each type of signature covers."""

from __future__ import annotations

import pytest

from audit.checkpoint import Checkpoint, encode, sign_checkpoint
from audit.cosigner import Cosigner, from_seed, from_skey, generate
from audit.encoding import b64
from audit.errors import BadCheckpoint, BadKey, BadNote, LogError, UnknownKey
from audit.keys import ED25519, ED25519_COSIGNATURE, MLDSA44_COSIGNATURE, Verifier
from audit.note import Ed25519Signer, open_note, sign

TYPES = pytest.mark.parametrize("algorithm", [ED25519_COSIGNATURE, MLDSA44_COSIGNATURE])
NAME = "witness.example/w1"
TREE = Checkpoint("example.com/log", 7, bytes(range(32)))
TEXT = encode(TREE)


def cosigner(algorithm: int, time: int = 1_790_000_000) -> Cosigner:
    """The same key every time."""
    return from_seed(NAME, algorithm, bytes(range(32)), lambda: time)


@TYPES
def test_a_cosigning_key_survives_its_file(algorithm: int) -> None:
    """Otherwise a witness that is started again would sign as somebody else."""
    key = cosigner(algorithm)
    again = from_skey(key.skey, lambda: 5)
    assert (again.vkey, again.skey) == (key.vkey, key.skey)
    opened = open_note(sign(TEXT, again), [Verifier.from_vkey(key.vkey)])
    assert [line.time for line in opened.verified] == [5]
    assert generate(NAME, algorithm, lambda: 5).vkey != key.vkey


@TYPES
def test_a_damaged_key_file_is_refused_and_not_repeated(algorithm: int) -> None:
    """Otherwise a witness would sign with another key, or print its secret in an error."""
    skey = cosigner(algorithm).skey
    log = Ed25519Signer.from_seed(NAME, bytes(32)).skey
    for bad in (
        skey[:-1],
        skey[1:],
        skey[:-4] + "AAAA",
        skey.replace("w1", "w2"),
        log,
        "",
        "+" * 9,
    ):
        with pytest.raises(BadKey) as caught:
            from_skey(bad, lambda: 5)
        assert skey[-20:-4] not in str(caught.value)
    with pytest.raises(BadKey):
        from_seed(NAME, algorithm, bytes(31), lambda: 5)
    with pytest.raises(BadKey):
        from_seed(NAME, ED25519, bytes(32), lambda: 5)


@TYPES
@pytest.mark.parametrize("time", [0, -1, 2**63])
def test_a_cosignature_without_a_time_is_not_made(algorithm: int, time: int) -> None:
    """Otherwise a witness would vouch for a tree without saying when."""
    with pytest.raises(BadNote):
        cosigner(algorithm).sign_at(TEXT.encode(), time)


@TYPES
def test_a_cosignature_is_for_one_tree_and_one_time(algorithm: int) -> None:
    """Otherwise a cosignature could be moved to another tree, or its time be changed."""
    key = cosigner(algorithm)
    note = sign(TEXT, key)
    for old, new in (("log\n7\n", "log\n8\n"), ("example.com", "example.org"), ("AAEC", "BAEC")):
        with pytest.raises(UnknownKey):
            open_note(note.replace(old, new), [key.verifier])
    data = key.sign(TEXT.encode())
    moved = b64(key.key_id + bytes([*data[:7], data[7] ^ 1]) + data[8:])
    with pytest.raises(UnknownKey):
        open_note(f"{TEXT}\n\u2014 {NAME} {moved}\n", [key.verifier])


def test_what_each_type_of_cosignature_covers() -> None:
    """Otherwise somebody would take extension lines or a name for vouched for that are not."""
    plain, quantum = cosigner(ED25519_COSIGNATURE), cosigner(MLDSA44_COSIGNATURE)
    extended = TEXT + "extension\n"
    assert open_note(sign(extended, quantum).replace("extension", "other"), [quantum.verifier])
    with pytest.raises(UnknownKey):
        open_note(sign(extended, plain).replace("extension", "other"), [plain.verifier])
    # An Ed25519 cosignature does not say who made it: the same key under another name verifies.
    for key, holds in ((plain, True), (quantum, False)):
        other = Verifier.from_public_key("other", key.verifier.public_key, key.verifier.algorithm)
        line = f"\u2014 other {b64(other.key_id + key.sign(TEXT.encode()))}\n"
        if holds:
            assert open_note(f"{TEXT}\n{line}", [other]).verified
        else:
            with pytest.raises(UnknownKey):
                open_note(f"{TEXT}\n{line}", [other])


def test_a_post_quantum_key_signs_nothing_but_checkpoints() -> None:
    """Otherwise its signature would be over bytes that mean something else elsewhere."""
    key = cosigner(MLDSA44_COSIGNATURE)
    for text in (
        "hello\n",
        "origin\n07\n" + b64(bytes(32)) + "\n",
        f"{'o' * 256}\n1\n{b64(bytes(32))}\n",
    ):
        with pytest.raises(BadCheckpoint):
            key.sign(text.encode())
    with pytest.raises(LogError):
        from_seed("w" * 256, MLDSA44_COSIGNATURE, bytes(32), lambda: 5).sign(TEXT.encode())


def test_a_log_signs_with_both_kinds_of_key() -> None:
    """Otherwise the second signature line that is recommended could not be added by a log."""
    first = Ed25519Signer.from_seed(TREE.origin, bytes(32))
    second = from_seed(TREE.origin, MLDSA44_COSIGNATURE, bytes(32), lambda: 9)
    note = sign_checkpoint(TREE, first, second)
    assert len(open_note(note, [first.verifier, second.verifier]).verified) == 2
