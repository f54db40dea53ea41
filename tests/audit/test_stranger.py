"""A verifier written from FORMAT.md alone, by somebody who has never seen our code.

It imports nothing of `audit`: what it accepts and refuses is what the document says.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from pathlib import Path

import pytest
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def stranger_verifies(path: Path, vkey: str) -> int:
    """The number of entries proven. Raises `AssertionError` or `InvalidSignature`."""
    files = zipfile.ZipFile(path)
    origin, size, root = stranger_opens(files.read("checkpoint").decode(), vkey)
    entries: list[bytes] = []
    for name in files.namelist():
        if name.startswith("tile/entries/"):
            data = files.read(name)
            while data:
                length = int.from_bytes(data[:2], "big")
                entries.append(data[2 : 2 + length])
                data = data[2 + length :]
    assert len(entries) == size
    assert stranger_root(entries) == root
    last, kinds = "", []
    for index, data in enumerate(entries):
        entry = json.loads(data)
        assert rfc8785.dumps(entry) == data
        assert entry.keys() == {"at", "by", "data", "kind", "v"}
        assert entry["at"] >= last
        last = entry["at"]
        kinds.append(entry["kind"].split(".")[0])
        for role, target in entry["data"].get("refs", {}).items():
            assert target < index
            assert kinds[target] == role
    for line in files.read("disclosures.jsonl").splitlines():
        shown = json.loads(line)
        parts = rfc8785.dumps([shown["salt"], shown["name"], shown["value"]])
        digest = hashlib.sha256(base64.urlsafe_b64encode(parts).rstrip(b"=")).digest()
        committed = json.loads(entries[shown["index"]])["data"]["commitments"][shown["name"]]
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == committed
    assert json.loads(files.read("manifest.json"))["origin"] == origin
    return size


def stranger_opens(note: str, vkey: str) -> tuple[str, int, bytes]:
    """Origin, size and root of a checkpoint signed by an Ed25519 key."""
    name, key_id, material = vkey.split("+", 2)
    text, lines = note.rsplit("\n\n", 1)
    text += "\n"
    signed = False
    for line in lines.splitlines():
        dash, signer, encoded = line.split(" ")
        raw = base64.b64decode(encoded)
        if (dash, signer, raw[:4].hex()) == ("\u2014", name, key_id):
            public = Ed25519PublicKey.from_public_bytes(base64.b64decode(material)[1:])
            public.verify(raw[4:], text.encode())
            signed = True
    assert signed
    origin, size, root = text.splitlines()[:3]
    assert origin == name
    return origin, int(size), base64.b64decode(root)


def stranger_root(entries: list[bytes]) -> bytes:
    """The root, by its definition."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\0" + entries[0]).digest()
    k = 1 << (len(entries) - 1).bit_length() - 1
    halves = stranger_root(entries[:k]) + stranger_root(entries[k:])
    return hashlib.sha256(b"\1" + halves).digest()


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700])
def test_a_stranger_accepts_our_packages(world, size: int) -> None:
    """Otherwise FORMAT.md would not be enough, and our evidence worth only what our program is."""
    path = world.package(world.log(size), suffix=".zip")
    assert stranger_verifies(path, world.key) == size


def test_a_stranger_refuses_what_we_refuse(world) -> None:
    """Otherwise the document would describe a weaker check than the one we make."""
    log = world.log(40)
    forged = world.checkpoint(world.changed(log, 4, verdict="allow"))
    for note, old, new in (
        (world.checkpoint(log), b"", b""),
        (world.checkpoint(log), b'"ok":true', b'"ok":null'),
        (forged, b"", b""),
    ):
        path = world.package(log, suffix=".zip")
        again = world.folder / "again.zip"
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(again, "w") as target:
            for name in source.namelist():
                data = note.encode() if name == "checkpoint" else source.read(name)
                target.writestr(name, data.replace(old, new) if old else data)
        if not old and note != forged:
            assert stranger_verifies(again, world.key) == 40
        else:
            with pytest.raises((AssertionError, InvalidSignature)):
                stranger_verifies(again, world.key)
