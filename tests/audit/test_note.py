"""Signed notes, keys and checkpoints: nothing counts until a pinned key has signed it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, mldsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit import checkpoint as checkpoints
from audit.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from audit.encoding import b64
from audit.errors import BadCheckpoint, BadKey, BadNote, LogError, Malformed, UnknownKey
from audit.keys import (
    ECDSA,
    MLDSA44_COSIGNATURE,
    Verifier,
    cosignature_time,
    key_id,
    subtree_message,
)
from audit.note import (
    Ed25519Cosigner,
    Ed25519Signer,
    countersign,
    open_note,
    sign,
    split,
)

LOG = Ed25519Signer.from_seed("example.com/log", bytes(32))
OTHER = Ed25519Signer.from_seed("example.com/log", bytes([1]) * 32)
WITNESS = Ed25519Cosigner(
    "witness.example/w1", Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32), lambda: 1679315147
)
TREE = Checkpoint("example.com/log", 7, bytes(32))
TEXT = checkpoints.encode(TREE)


def test_what_was_signed_opens() -> None:
    """Otherwise nobody could verify anything."""
    opened = open_note(sign(TEXT, LOG), [LOG.verifier])
    assert opened.text == TEXT
    assert [line.name for line in opened.verified] == ["example.com/log"]


@given(st.data())
def test_an_altered_note_never_opens_to_another_text(data: st.DataObject) -> None:
    """Otherwise somebody on the way could change the size or root that was signed."""
    note = bytearray(sign(TEXT, LOG).encode())
    position = data.draw(st.integers(0, len(note) - 1))
    note[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(LogError):
        open_note(bytes(note), [LOG.verifier])


def test_a_signature_by_another_key_of_the_same_name_is_not_ours() -> None:
    """Otherwise an attacker could sign with a key of his own under the log's name."""
    with pytest.raises(UnknownKey):
        open_note(sign(TEXT, OTHER), [LOG.verifier])


def test_unknown_signatures_are_ignored_beside_a_known_one() -> None:
    """Otherwise adding a witness or rotating a key would break every verifier."""
    opened = open_note(sign(TEXT, OTHER, LOG), [LOG.verifier])
    assert [line.key_id for line in opened.unverified] == [OTHER.key_id]


def test_a_known_key_with_a_false_signature_spoils_the_note() -> None:
    """Otherwise a forged line of the log could hide behind a genuine one of a witness."""
    forged = sign(TEXT, WITNESS) + sign("another text\n", LOG).partition("\n\n")[2]
    with pytest.raises(UnknownKey, match="does not hold"):
        open_note(forged, [LOG.verifier, WITNESS.verifier])


def test_a_witness_signs_with_its_time() -> None:
    """Otherwise a cosignature could be passed off as made at another time."""
    note = countersign(sign(TEXT, LOG), WITNESS)
    opened = open_note(note, [LOG.verifier, WITNESS.verifier])
    assert [line.time for line in opened.verified] == [None, 1679315147]


def test_a_witness_alone_does_not_make_a_checkpoint() -> None:
    """Otherwise a witness could invent a log's head."""
    with pytest.raises(UnknownKey, match="only witnesses"):
        open_checkpoint(sign(TEXT, WITNESS), [LOG.verifier, WITNESS.verifier])


def test_a_checkpoint_of_another_log_is_refused() -> None:
    """Otherwise one log's head could be shown in the place of another's."""
    note = sign_checkpoint(TREE, LOG)
    assert open_checkpoint(note, [LOG.verifier], "example.com/log") == TREE
    with pytest.raises(UnknownKey):
        open_checkpoint(note, [LOG.verifier], "example.com/other")


def test_a_post_quantum_cosignature_verifies() -> None:
    """Otherwise a log could not carry the second signature the specification recommends."""
    key = mldsa.MLDSA44PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    verifier = Verifier.from_public_key("example.com/log", public, MLDSA44_COSIGNATURE)
    name = b"example.com/log"
    message = b"".join(
        [
            b"subtree/v1\n\0",
            bytes([len(name)]) + name,
            (99).to_bytes(8, "big"),
            bytes([len(name)]) + name,
            bytes(8),
            TREE.size.to_bytes(8, "big"),
            TREE.root,
        ]
    )
    signature = verifier.key_id + (99).to_bytes(8, "big") + key.sign(message)
    note = f"{TEXT}\n\u2014 example.com/log {b64(signature)}\n"
    pinned = Verifier.from_vkey(verifier.vkey)
    assert open_note(note, [pinned]).verified[0].time == 99
    with pytest.raises(UnknownKey):
        open_note(note.replace("\n7\n", "\n8\n"), [pinned])
    with pytest.raises(UnknownKey):
        open_note(note.replace(TEXT, "no checkpoint\n"), [pinned])


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_an_ecdsa_signature_verifies(curve: ec.EllipticCurve) -> None:
    """Otherwise checkpoints of logs that sign with a NIST curve could not serve as anchors."""
    key = ec.generate_private_key(curve)
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    verifier = Verifier.from_public_key("example.com/log", spki, ECDSA)
    signature = key.sign(TEXT.encode(), ec.ECDSA(hashes.SHA256()))
    note = f"{TEXT}\n\u2014 example.com/log {b64(key_id('', ECDSA, spki) + signature)}\n"
    assert open_note(note, [Verifier.from_vkey(verifier.vkey)]).text == TEXT
    with pytest.raises(UnknownKey):
        open_note(note.replace(TEXT, TEXT.replace("7", "8")), [verifier])


def test_an_ecdsa_key_has_one_spelling() -> None:
    """One key would have several verifier keys and ids, and pinning one would not pin the others."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    point = public.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    bits = b"\x03" + bytes([len(point) + 1]) + b"\0" + point
    compressed = b"\x30" + bytes([21 + len(bits)]) + der[2:23] + bits
    small = (
        ec.generate_private_key(ec.SECP224R1())
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    for spelling in (compressed, der + b"\0", der[:-1], small, b""):
        with pytest.raises(BadKey):
            Verifier.from_public_key("example.com/log", spelling, ECDSA)


def test_a_post_quantum_witness_alone_does_not_make_a_checkpoint() -> None:
    """Otherwise a witness with a newer kind of key could invent a log's head."""
    key = mldsa.MLDSA44PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    witness = Verifier.from_public_key("witness.example/w2", public, MLDSA44_COSIGNATURE)
    message = subtree_message("witness.example/w2", TEXT.encode(), 5)
    signature = witness.key_id + (5).to_bytes(8, "big") + key.sign(message)
    note = f"{TEXT}\n\u2014 witness.example/w2 {b64(signature)}\n"
    assert open_note(note, [witness]).text == TEXT
    with pytest.raises(UnknownKey, match="only witnesses"):
        open_checkpoint(note, [witness, LOG.verifier])


def test_a_key_given_twice_is_refused() -> None:
    """Otherwise it would be left to chance which of two keys of one id is asked."""
    with pytest.raises(BadNote, match="more than once"):
        open_note(sign(TEXT, LOG), [LOG.verifier, LOG.verifier])


@pytest.mark.parametrize("signature", [b"", bytes(71), bytes(73), b"\x80" + bytes(71)])
def test_an_impossible_cosignature_is_refused(signature: bytes) -> None:
    """Otherwise a time nobody can represent would be printed in a report."""
    with pytest.raises(BadNote):
        cosignature_time(signature)
    line = f"\u2014 {WITNESS.name} {b64(WITNESS.key_id + signature)}\n"
    with pytest.raises(LogError):
        open_note(f"{TEXT}\n{line}", [WITNESS.verifier])


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n\u2014 name\n",
        "text\n\n\u2014 name AAAA\n",
        "text\n\n- name AAAAAAAA\n",
        "text\n\n\u2014 name AAAAAAAA",
        "text\n\n\u2014 na+me AAAAAAAA\n",
        "text\n\n\u2014  AAAAAAAA\n",
        "text\n\n\u2014 na\u00a0me AAAAAAAA\n",
        "text\n\n\u2014 name AAAAAAAB=\n",
        "text\n\n\u2014 name AAAAAAA\n",
        "te\txt\n\n\u2014 name AAAAAAAA\n",
        "text\r\n\n\u2014 name AAAAAAAA\n",
        b"te\xffxt\n\n\xe2\x80\x94 name AAAAAAAA\n",
        "text\n\n" + "\u2014 name AAAAAAAA\n" * 101,
    ],
)
def test_a_malformed_note_is_refused(note: str | bytes) -> None:
    """Otherwise two verifiers could disagree about what a note says."""
    with pytest.raises(BadNote):
        split(note)


def test_the_text_ends_at_the_last_blank_line() -> None:
    """Otherwise signature lines inside a text could be taken for signatures of it."""
    text = "first\n\n\u2014 looks like a signature\n"
    assert open_note(sign(text, LOG), [LOG.verifier]).text == text


@pytest.mark.parametrize("text", ["", "no newline", "tab\there\n", "half \ud800\n"])
def test_what_a_note_cannot_say_is_not_signed(text: str) -> None:
    """Otherwise the log would sign a note that every verifier refuses."""
    with pytest.raises(BadNote):
        sign(text, LOG)


@given(st.integers(0, 200), st.characters(codec="utf-8"))
def test_an_altered_key_is_refused(position: int, character: str) -> None:
    """Otherwise a key mistyped or altered on the way would silently become another key."""
    vkey = LOG.vkey
    position %= len(vkey)
    altered = vkey[:position] + character + vkey[position + 1 :]
    if altered != vkey:
        with pytest.raises(BadKey):
            Verifier.from_vkey(altered)
    with pytest.raises(BadKey):
        Verifier.from_vkey(vkey[:position])


def test_a_signer_key_round_trips_and_is_never_repeated_in_an_error() -> None:
    """Otherwise a restart would lose the key, or a log line would give it away."""
    assert Ed25519Signer.from_skey(LOG.skey).vkey == LOG.vkey
    secret = LOG.skey.rpartition("+")[2]
    for broken in (LOG.skey[:-1], LOG.skey.replace("PRIVATE", "PUBLIC"), LOG.skey + "A"):
        with pytest.raises(BadKey) as caught:
            Ed25519Signer.from_skey(broken)
        assert secret[:12] not in str(caught.value)


def test_a_generated_key_signs_and_is_new_each_time() -> None:
    """Otherwise two installations would share a key."""
    one, two = Ed25519Signer.generate("a"), Ed25519Signer.generate("a")
    assert one.vkey != two.vkey
    open_note(sign(TEXT, one), [one.verifier])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n1\n",
        "origin\n1\n" + b64(bytes(32)),
        "\n1\n" + b64(bytes(32)) + "\n",
        "origin\n01\n" + b64(bytes(32)) + "\n",
        "origin\n+1\n" + b64(bytes(32)) + "\n",
        "origin\n-1\n" + b64(bytes(32)) + "\n",
        "origin\n\u0661\n" + b64(bytes(32)) + "\n",
        f"origin\n{2**63}\n" + b64(bytes(32)) + "\n",
        "origin\n1\n" + b64(bytes(31)) + "\n",
        "origin\n1\n" + b64(bytes(33)) + "\n",
        "origin\n1\n" + b64(bytes(32)) + "\n\n",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    """Otherwise a head could be read in two ways."""
    with pytest.raises(BadCheckpoint):
        checkpoints.parse(text)


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_reads_as_it_was_written(size: int, root: bytes) -> None:
    """Otherwise the signed head would name another tree."""
    tree = Checkpoint("example.com/log", size, root)
    assert checkpoints.parse(checkpoints.encode(tree)) == tree


@pytest.mark.parametrize(
    "tree",
    [
        Checkpoint("", 1, bytes(32)),
        Checkpoint("two\nlines", 1, bytes(32)),
        Checkpoint("origin", -1, bytes(32)),
        Checkpoint("origin", 1, bytes(31)),
        Checkpoint("origin", 1, bytes(32), ("",)),
    ],
)
def test_an_impossible_checkpoint_is_not_written(tree: Checkpoint) -> None:
    """Otherwise the log would sign a head that nobody can read."""
    with pytest.raises(Malformed):
        checkpoints.encode(tree)
