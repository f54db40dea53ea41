"""Signed notes, keys, checkpoints and cosignatures, against the vectors of other implementations."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import checkpoint as checkpoints
from audit.encoding import b64, unb64
from audit.errors import BadCheckpoint, BadKey, BadNote, LogError, UnknownKey
from audit.keys import (
    ED25519_COSIGNATURE,
    MLDSA44_COSIGNATURE,
    Verifier,
    cosignature_message,
    cosignature_time,
)
from audit.note import Ed25519Cosigner, Ed25519Signer, countersign, open_note, sign
from audit.proof import verify_inclusion
from audit.tree import leaf_hash

FAILURES = {
    "malformed": BadNote,
    "ambiguous_key": BadNote,
    "no_verifiable_signatures": UnknownKey,
    "invalid_signature": UnknownKey,
}


@pytest.mark.vectors("signed_note.json", "cases")
def test_notes_open_as_elsewhere(case: dict[str, Any]) -> None:
    """Otherwise a note that others accept would be refused here, or the other way round."""
    encoded = case.get("note_b64")
    note = base64.b64decode(encoded) if encoded is not None else case["note"].encode()

    def opened() -> tuple[list[str], list[str]]:
        result = open_note(note, [Verifier.from_vkey(vkey) for vkey in case["vkeys"]])
        return ([s.name for s in result.verified], [s.name for s in result.unverified])

    if case["expect"] == "ok":
        assert opened() == (case["verified"], case["unverified"])
    else:
        with pytest.raises(FAILURES.get(case["expect"], LogError)):
            opened()


@pytest.mark.vectors("signed_note.json", "sign_vector")
def test_notes_are_signed_as_elsewhere(case: dict[str, Any]) -> None:
    """Otherwise our signatures would be others than the same key makes elsewhere."""
    note = sign(case["text"], Ed25519Signer.from_skey(case["skey"]))
    assert note == case["note"]
    more = case["then_add"]
    second = Ed25519Signer.from_seed(more["name"], bytes.fromhex(more["seed_hex"]))
    assert second.vkey == more["vkey"]
    assert countersign(note, second) == more["note"]


@pytest.mark.vectors("verifier_keys.json", "valid")
def test_keys_parse_as_elsewhere(case: dict[str, Any]) -> None:
    """Otherwise a log or witness that uses another kind of key could not be pinned."""
    verifier = Verifier.from_vkey(case["vkey"])
    assert verifier.algorithm == case["type"]
    assert verifier.vkey == case["vkey"]


@pytest.mark.vectors("verifier_keys.json", "mldsa44_valid_derived")
def test_post_quantum_keys_parse(case: str) -> None:
    """Otherwise the signature type that the specification recommends could not be pinned."""
    assert Verifier.from_vkey(case).algorithm == MLDSA44_COSIGNATURE


@pytest.mark.vectors("verifier_keys.json", "invalid", "divergent")
def test_keys_are_refused_as_elsewhere(case: dict[str, Any]) -> None:
    """Otherwise a key altered on the way would be pinned."""
    with pytest.raises(BadKey):
        Verifier.from_vkey(case["vkey"])


@pytest.mark.vectors("verifier_keys.json", "skeys")
def test_signer_keys_have_their_verifier_keys(case: dict[str, Any]) -> None:
    """Otherwise we would sign with another key than the one handed out."""
    signer = Ed25519Signer.from_skey(case["skey"])
    assert (signer.vkey, signer.skey) == (case["vkey"], case["skey"])


@pytest.mark.vectors("verifier_keys.json", "skeys")
def test_every_mutation_of_a_key_is_refused(case: dict[str, Any], content: Any) -> None:
    """Otherwise a part of a key, or one with a typing mistake, would pass for a key."""
    rule = "every proper substring and every single-byte +1 must be rejected"
    assert rule in content.get("mutation_rule", rule)
    for key, read in (
        (case["vkey"], Verifier.from_vkey),
        (case["skey"], Ed25519Signer.from_skey),
    ):
        for start in range(len(key)):
            for stop in range(start, len(key) + (start > 0)):
                with pytest.raises(BadKey):
                    read(key[start:stop])
        for position, character in enumerate(key):
            with pytest.raises(BadKey):
                read(key[:position] + chr(ord(character) + 1) + key[position + 1 :])


@pytest.mark.vectors("verifier_keys.json", "valid")
def test_key_ids_follow_the_rule(case: dict[str, Any], content: Any) -> None:
    """Otherwise a signature line of ours would name a key that nobody can look up."""
    rules = content.get("key_id_rule", {"1": "", "2": "sha256(SPKI DER)[:4]", "4": "", "6": ""})
    assert rules["2"] == "sha256(SPKI DER)[:4]"
    verifier = Verifier.from_vkey(case["vkey"])
    name, _, encoded = case["vkey"].split("+", 2)
    typed = base64.b64decode(encoded)
    hashed = typed[1:] if typed[0] == 2 else name.encode() + b"\n" + typed
    assert verifier.key_id == hashlib.sha256(hashed).digest()[:4]
    assert str(typed[0]) in rules or typed[0] in {5, 0xFF}


@pytest.mark.vectors("checkpoint_body.json", "valid", "invalid")
def test_checkpoints_parse_as_specified(section: str, case: dict[str, Any]) -> None:
    """Otherwise another log's head would be misread, or a malformed one accepted."""
    if section == "valid" and case["strict_ok"]:
        tree = checkpoints.parse(case["body"])
        assert (tree.origin, tree.size) == (case["origin"], case["size"])
        assert list(tree.extensions) == case["ext"]
        assert checkpoints.encode(tree) == case["body"]
    else:
        with pytest.raises(BadCheckpoint):
            checkpoints.parse(case["body"])


@pytest.mark.vectors("checkpoint_body.json", "log_ids")
def test_an_origin_is_hashed_as_the_bytes_it_parses_to(case: dict[str, Any], content: Any) -> None:
    """Otherwise spaces or dashes in an origin would be changed on their way through a checkpoint."""
    rule = 'sha256("o:"+origin)'
    assert rule in content.get("log_ids_rule", rule)
    tree = checkpoints.Checkpoint(case["origin"], 1, bytes(32))
    origin = checkpoints.parse(checkpoints.encode(tree)).origin
    assert hashlib.sha256(f"o:{origin}".encode()).hexdigest() == case["sha256"]


@pytest.mark.vectors("cosignature_v1.json", "signed")
def test_cosignatures_are_made_and_checked_as_elsewhere(case: dict[str, Any]) -> None:
    """Otherwise a witness could not vouch for our log, nor we for another's."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(case["witness_seed_hex"]))
    witness = Ed25519Cosigner(case["witness_name"], key, lambda: case["timestamp"])
    note = sign(case["body"], witness)
    assert note == f"{case['body']}\n{case['line']}\n"
    opened = open_note(note, [Verifier.from_vkey(witness.verifier.vkey)])
    assert [line.time for line in opened.verified] == [case["timestamp"]]
    for line in case["must_be_ignored"]:
        with pytest.raises(UnknownKey):
            open_note(f"{case['body']}\n{line}\n", [witness.verifier])
        both = open_note(f"{note}{line}\n", [witness.verifier])
        assert (len(both.verified), len(both.unverified)) == (1, 1)


@pytest.mark.vectors("cosignature_v1.json", "log_signed")
def test_a_checkpoint_is_signed_as_elsewhere(case: dict[str, Any]) -> None:
    """Otherwise the same key would give another signature over the same head."""
    body = case["checkpoint"].partition("\n\n")[0] + "\n"
    tree = checkpoints.parse(body)
    signer = Ed25519Signer.from_seed(tree.origin, bytes.fromhex(case["log_seed_hex"]))
    assert checkpoints.sign_checkpoint(tree, signer) == case["checkpoint"]
    assert checkpoints.open_checkpoint(case["checkpoint"], [signer.verifier]) == tree


@pytest.mark.vectors("cosignature_v1.json", "message")
def test_the_cosigned_message_is_the_same(case: dict[str, Any]) -> None:
    """Otherwise no cosignature of another implementation would verify."""
    assert cosignature_message(case["body"].encode(), case["timestamp"]) == case["message"].encode()


@pytest.mark.vectors("cosignature_v1.json", "timestamp_of_sig")
def test_the_time_is_read_from_a_cosignature(case: dict[str, Any]) -> None:
    """Otherwise the time a witness saw the log would be misread."""
    signature = unb64(case["sig_b64"])[4:]
    if "unix" in case:
        assert cosignature_time(signature) == case["unix"]
    else:
        with pytest.raises(BadNote):
            cosignature_time(signature)


@pytest.mark.vectors("cosignature_v1.json", "sigsum_proof_with_cosignature")
def test_another_systems_proof_holds_from_end_to_end(case: dict[str, Any]) -> None:
    """Otherwise leaf, tree, checkpoint and cosignature would fit only among ourselves."""
    rows = [line.partition("=")[::2] for line in case["proof"].splitlines() if line]
    fields = dict(rows)
    log_key, witness_key = ssh_key(case["log_key_ssh"]), ssh_key(case["witness_key_ssh"])
    origin = "sigsum.org/v1/tree/" + hashlib.sha256(log_key).hexdigest()
    root = bytes.fromhex(fields["root_hash"])
    body = f"{origin}\n{fields['size']}\n{b64(root)}\n"
    assert checkpoints.parse(body).root == root
    log = Verifier.from_public_key(origin, log_key)
    assert log.verify(body.encode(), bytes.fromhex(fields["signature"])) is None
    key_hash, time, signature = fields["cosignature"].split()
    assert hashlib.sha256(witness_key).hexdigest() == key_hash
    witness = Verifier.from_public_key("witness", witness_key, ED25519_COSIGNATURE)
    cosignature = int(time).to_bytes(8, "big") + bytes.fromhex(signature)
    assert witness.verify(body.encode(), cosignature) == int(time)
    submitter, leaf_signature = map(bytes.fromhex, fields["leaf"].split())
    checksum = hashlib.sha256(case["message_ascii"].encode()).digest()
    path = [bytes.fromhex(value) for name, value in rows if name == "node_hash"]
    leaf = leaf_hash(checksum + leaf_signature + submitter)
    verify_inclusion(leaf, int(fields["leaf_index"]), int(fields["size"]), path, root)


def ssh_key(text: str) -> bytes:
    """The 32 bytes at the end of an OpenSSH Ed25519 public key."""
    return base64.b64decode(text)[-32:]


@pytest.mark.vectors("ed25519_wycheproof.json")
def test_every_case_of_wycheproof_is_there(case: dict[str, Any]) -> None:
    """Otherwise a shortened file would pass for the whole suite."""
    assert sum(len(group["tests"]) for group in case["groups"]) == case["numberOfTests"]


@pytest.mark.vectors("ed25519_wycheproof.json", "groups")
def test_signatures_are_accepted_as_by_everybody(case: dict[str, Any]) -> None:
    """Otherwise a forged or malleable signature would verify here."""
    verifier = Verifier.from_public_key("wycheproof", bytes.fromhex(case["pk"]))
    for test in case["tests"]:
        message, signature = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
        if test["result"] == "valid":
            assert verifier.verify(message, signature) is None, test["tcId"]
        else:
            with pytest.raises(UnknownKey):
                verifier.verify(message, signature)
