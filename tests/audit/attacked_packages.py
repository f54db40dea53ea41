"""Packages of every kind, good and attacked, with what is given beside them and what must come out."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from log_world import World

from audit import note as notes
from audit.canonical import canonical, parse
from audit.encoding import b64
from audit.entry import Entry, encode
from audit.keys import ECDSA, ED25519, Verifier, cosignature_message, key_id
from audit.note import Ed25519Signer
from audit.package import Anchored, Package
from audit.proof import TlogProof
from audit.tree import inclusion_proof
from audit.zipped import ZipWriter
from tests.memory_log import MemoryLog

Case = tuple[Path, list[str], int]


def attacked(world: World) -> dict[str, Case]:
    """Packages of every kind, what is given with them, and the exit code they must have."""
    log, key = world.log(300), ["--key", world.key]
    found: dict[str, Case] = {
        "good": (world.anchored_package(log), key, 0),
        "good zip": (world.anchored_package(log, suffix=".zip"), key, 0),
        "empty": (world.package(world.log(0)), key, 13),
    }

    def change(name: str, file: str, old: bytes, new: bytes) -> None:
        path = world.anchored_package(log)
        data = (path / file).read_bytes()
        assert old in data
        (path / file).write_bytes(data.replace(old, new, 1))
        found[name] = (path, key, 10)

    change("entry", "tile/entries/000", b"require_approval", b"refuse__approval")
    change("tile", "tile/1/000.p/1", (log.node(8, 0))[:4], b"\0\0\0\0")
    change("disclosure", "disclosures.jsonl", b"DE0", b"DE1")
    change("manifest", "manifest.json", b"minimum", b"maximum")
    change("verifier", "verify.py", b"return", b"pass; return")
    change("anchor", "anchors/40/checkpoint", b"\n40\n", b"\n41\n")
    change("stamp", "anchors/40/0.tsr", b"token", b"taken")
    change("blob", f"blobs/{hashlib.sha256(b'rules: []' + bytes([10])).hexdigest()}", b"[]", b"{}")
    for name, file in (("gap", "tile/0/000"), ("no stamp", "anchors/40/0.tsr")):
        path = world.anchored_package(log)
        (path / file).unlink()
        found[name] = (path, key, 12)
    path = world.anchored_package(log)
    (path / "extra").write_text("trust me")
    found["extra"] = (path, key, 10)
    cut = world.folder / "cut.zip"
    cut.write_bytes(found["good zip"][0].read_bytes()[:-40])
    found["cut"] = (cut, key, 10)
    stranger = Ed25519Signer.from_seed(world.signer.name, bytes(32))
    found["stranger"] = (found["good"][0], ["--key", stranger.vkey], 11)
    (world.folder / "later").write_text(world.checkpoint(world.log(320)))
    found["cut tail"] = (found["good"][0], [*key, "--head", str(world.folder / "later")], 12)
    (world.folder / "other").write_text(world.checkpoint(world.changed(log, 9, ok=False), 20))
    found["rewritten"] = (found["good"][0], [*key, "--receipt", str(world.folder / "other")], 10)
    policy = f"log {world.key}\nwitness w {world.witness().verifier.vkey}\nquorum w\n"
    (world.folder / "policy").write_text(policy)
    found["policy"] = (found["good"][0], ["--policy", str(world.folder / "policy")], 0)
    other = world.witness("witness.example/w2").verifier.vkey
    (world.folder / "unmet").write_text(f"log {world.key}\nwitness w {other}\nquorum w\n")
    found["unmet"] = (found["good"][0], ["--policy", str(world.folder / "unmet")], 11)
    found["usage"] = (found["good"][0], [], 2)
    found |= {f"pruned: {name}": case for name, case in _pruned(world).items()}
    return found


def pruned_log(world: World, announced: int = 256) -> MemoryLog:
    """A log whose entry 280 announces a cut."""
    entries = list(world.log(300).entries(0, 300))
    entries[281] = encode(
        Entry(
            "retention.pruned",
            world.entry(281).at,
            {"type": "service", "id": "s"},
            {"minimum": announced},
        )
    )
    entries[282] = entries[283] = encode(
        Entry("outcome", world.entry(283).at, {"type": "service", "id": "s"}, {})
    )
    return MemoryLog(entries)


def _pruned(world: World) -> dict[str, Case]:
    key, log = ["--key", world.key], pruned_log(world)
    good = world.anchored_package(log, minimum=256)
    proof = TlogProof(7, tuple(inclusion_proof(7, 300, log.node)), world.checkpoint(log))
    (world.folder / "receipt").write_text(proof.encode())
    found = {
        "good": (good, key, 0),
        "receipt": (good, [*key, "--receipt", str(world.folder / "receipt")], 0),
        "not announced": (world.anchored_package(pruned_log(world, 0), minimum=256), key, 12),
    }
    path = world.anchored_package(pruned_log(world), minimum=256)
    data = bytearray((path / "tile/0/000").read_bytes())
    data[70] ^= 1
    (path / "tile/0/000").write_bytes(data)
    found["hash"] = (path, key, 10)
    path = world.anchored_package(world.log(300))
    (path / "tile/entries/000").unlink()
    manifest = parse((path / "manifest.json").read_bytes())
    (path / "manifest.json").write_bytes(canonical({**manifest, "minimum": 256}))
    found["cut by another"] = (path, key, 10)
    return found


def browsable(world: World) -> dict[str, Case]:
    """Further packages for whoever takes only zips and no trust policy: witnesses, forks, times."""
    log, key = world.log(300), ["--key", world.key]
    witness = world.witness()
    pinned = [*key, "--key", witness.verifier.vkey]
    other = world.changed(log, 8, verdict="allow")
    found: dict[str, Case] = {}
    good = world.anchored_package(log)
    found["witnessed"] = (good, pinned, 0)
    late = Anchored(40, world.cosigned(log, 40, world.witness(late=4_000)))
    found["back-dated"] = (world.anchored_package(log, late), pinned, 10)
    fork = world.anchored_package(log)
    (fork / "anchors/40/checkpoint").write_text(world.cosigned(other, 40, witness))
    found["fork"] = (fork, key, 10)
    forged = world.anchored_package(log)
    file = forged / "anchors/40/checkpoint"
    lines = file.read_text().split("\n")
    lines[5] = lines[5][:-12] + "AAAAAAAA" + lines[5][-4:]
    file.write_text("\n".join(lines))
    found["cosignature"] = (forged, pinned, 11)
    receipt = {
        "index": 9,
        "leaf_hash": log.node(0, 9).hex(),
        "tree_size": 300,
        "checkpoint": world.checkpoint(log),
    }
    (world.folder / "good receipt").write_bytes(canonical(receipt))
    found["good receipt"] = (good, [*key, "--receipt", str(world.folder / "good receipt")], 0)
    receipt["leaf_hash"] = other.node(0, 8).hex()
    (world.folder / "bad receipt").write_bytes(canonical(receipt))
    found["bad receipt"] = (good, [*key, "--receipt", str(world.folder / "bad receipt")], 10)
    both = _rotated(world) | _other_keys(world)
    found |= {f"keys: {name}": case for name, case in both.items()}
    found |= _in_what_order(world) | _claimed_keys(world)
    for name, change in BAD_ENTRIES.items():
        entries = list(log.entries(0, 300))
        bad = change(entries[263])
        assert bad != entries[263], name
        entries[263] = bad
        found[f"signed and wrong: {name}"] = (
            world.package(MemoryLog(entries), disclosures=()),
            key,
            10,
        )
    return found


class EcdsaSigner:
    """A log key of type 0x02, as a hardware module would hold it."""

    def __init__(self, name: str, curve: ec.EllipticCurve) -> None:
        self.name = name
        self._key = ec.derive_private_key(0x1234567, curve)
        public = self._key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        self.verifier = Verifier.from_public_key(name, public, ECDSA)
        self.key_id = self.verifier.key_id

    def sign(self, message: bytes) -> bytes:
        """A signature in DER."""
        return self._key.sign(message, ec.ECDSA(hashes.SHA256()))


def _other_keys(world: World) -> dict[str, Case]:
    """Logs signed by keys on the three curves, and one such signature altered."""
    log = world.log(30)
    found: dict[str, Case] = {}
    for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()):
        signer = EcdsaSigner(world.signer.name, curve)
        key = ["--key", signer.verifier.vkey]
        note = world.checkpoint(log, 30, signer)
        found[curve.name] = (world.package(log, note), key, 0)
        line = note.rstrip("\n").rpartition(" ")[2]
        other = line[:-12] + ("AAAA" if line[-12:-8] != "AAAA" else "BBBB") + line[-8:]
        found[f"{curve.name} altered"] = (world.package(log, note.replace(line, other)), key, 11)
    return found


def _rotated(world: World) -> dict[str, Case]:
    """Logs that announced another key and retired the first."""
    new = Ed25519Signer.from_seed(world.signer.name, bytes([7]) * 32)
    other = {"type": "service", "id": "s"}
    added = {"vkey": new.vkey, "beside": [world.key]}
    retired = {"vkey": world.key, "why": "its time", "remaining": [new.vkey]}
    entries = list(world.log(40).entries(0, 40))
    entries[37] = encode(Entry("log_key.added", world.entry(37).at, other, added))
    entries[38] = encode(Entry("log_key.retired", world.entry(38).at, other, retired))
    entries[39] = encode(Entry("outcome", world.entry(39).at, other, {}))
    log = MemoryLog(entries)
    keys = ["--key", world.key, "--key", new.vkey]
    good, old = world.checkpoint(log, 40, new), world.checkpoint(log)
    overlapping = world.checkpoint(log, 40, world.signer, new)
    return {
        "new key": (world.package(log, good), keys, 0),
        "both keys": (world.package(log, overlapping), ["--key", world.key], 0),
        "retired key": (world.package(log, old), keys, 11),
        "old key pinned": (world.package(log, good), ["--key", world.key], 11),
    }


def _in_what_order(world: World) -> dict[str, Case]:
    """Packages with two faults, or one that is noticed only if somebody looks there."""
    log, witness = world.log(300), world.witness()
    key = ["--key", world.key]
    both = [*key, "--key", witness.verifier.vkey]
    late = Anchored(300, world.cosigned(log, 300, witness))
    early = Anchored(40, world.cosigned(log, 40, witness))
    two = world.anchored_package(log, early, late)
    _spoil(two / "anchors/40/checkpoint", witness.name)
    fork = world.cosigned(world.changed(log, 8, verdict="allow"), 300, witness)
    (two / "anchors/300/checkpoint").write_text(fork)
    orphan = world.anchored_package(log, early, late)
    (orphan / "anchors/40/checkpoint").write_text(fork)
    (orphan / "anchors/300/checkpoint").rename(orphan / "anchors/300/0.tsr")
    cut = world.anchored_package(pruned_log(world, 0), minimum=256)
    empty = world.package(world.log(0))
    far = world.package(log)
    beyond = far / "tile/entries/x036/x028/x797/x018/x963/968"
    beyond.parent.mkdir(parents=True)
    (far / "tile/entries/001.p/44").rename(beyond)
    return {
        "fork after a false cosignature": (two, both, 10),
        "time-stamps of no checkpoint": (orphan, both, 12),
        "checksum of a tile": (_zip(world, cut, wrong_checksum="tile/0/001.p/44"), key, 10),
        "header of a blob": (_zip(world, empty, wrong_header="blobs/"), key, 10),
        "bundle beyond doubles": (far, key, 10),
        "no minimum": (_with_manifest(empty, minimum=None), key, 10),
        "cosigned at no time": (_cosigned_at_no_time(world, log), both, 0),
    }


def _spoil(file: Path, name: str) -> None:
    """Alter the signature of the key with this name."""
    lines = file.read_text().split("\n")
    at = next(n for n, line in enumerate(lines) if line.startswith(f"\u2014 {name} "))
    lines[at] = lines[at][:-12] + "AAAAAAAA" + lines[at][-4:]
    file.write_text("\n".join(lines))


def _zip(world: World, path: Path, wrong_checksum: str = "", wrong_header: str = "-") -> Path:
    """The package as a zip that says something false of one of its files."""
    target = path.with_name(path.name + ".zip")
    writer = ZipWriter(target)
    for name in sorted(Package.open(path).files.names()):
        writer.add(name, (path / name).read_bytes())
        member = writer._members[-1]
        header = member.local()
        if name == wrong_checksum:
            writer._members[-1] = member._replace(checksum=member.checksum ^ 1)
            header = writer._members[-1].local()
        elif name.startswith(wrong_header):
            header = header.replace(b"!", b"#", 1)  # its date
        writer._file.seek(member.offset)
        writer._file.write(header)
        writer._file.seek(0, 2)
    writer.close()
    return target


def _with_manifest(path: Path, **members: object) -> Path:
    """The package with other members in its manifest."""
    manifest = parse((path / "manifest.json").read_bytes())
    (path / "manifest.json").write_bytes(canonical({**manifest, **members}))
    return path


def _cosigned_at_no_time(world: World, log: MemoryLog) -> Path:
    """A package whose checkpoint somebody cosigned with the time 0: it holds, and says nothing."""
    witness = world.witness()
    note = world.checkpoint(log)
    text = notes.split(note)[0].encode()
    line = b64(witness.key_id + bytes(8) + witness._key.sign(cosignature_message(text, 0)))
    return world.package(log, note + f"\u2014 {witness.name} {line}\n")


def _claimed_keys(world: World) -> dict[str, Case]:
    """Packages whose operator claims keys that are none."""
    log, found = world.log(20), {}
    curve = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
    for name, kind, public in (
        ("no point of the curve", ECDSA, curve + bytes(64)),
        ("short", ED25519, bytes(31)),
        ("unknown type", 0x05, bytes(32)),
    ):
        path = world.package(log)
        vkey = f"a+{key_id('a', kind, public).hex()}+{b64(bytes([kind]) + public)}\n"
        (path / "keys/log.vkey").write_text(vkey)
        files = parse((path / "manifest.json").read_bytes())["files"]
        files["keys/log.vkey"] = hashlib.sha256(vkey.encode()).hexdigest()
        _with_manifest(path, files=files)
        found[f"claimed key: {name}"] = (path, ["--key", world.key], 10)
    return found


BAD_ENTRIES = {
    "space": lambda d: d.replace(b'"ok":true', b'"ok": true'),
    "escape": lambda d: d.replace(b"payments", b"pay\\u006dents"),
    "order": lambda d: d.replace(
        b'"ok":true,"refs":{"decision":260}', b'"refs":{"decision":260},"ok":true'
    ),
    "twice": lambda d: d.replace(b'"ok":true', b'"ok":true,"ok":true'),
    "fraction": lambda d: d.replace(b'"ok":true', b'"ok":1.5'),
    "exponent": lambda d: d.replace(b'"ok":true', b'"ok":1e3'),
    "minus nothing": lambda d: d.replace(b'"ok":true', b'"ok":-0'),
    "too large": lambda d: d.replace(b'"ok":true', b'"ok":9007199254740992'),
    "beyond doubles": lambda d: d.replace(b'"ok":true', b'"ok":12345678901234567'),
    "deep": lambda d: d.replace(b'"ok":true', b'"ok":' + b"[" * 31 + b"]" * 31),
    "half a pair": lambda d: d.replace(b'"ok":true', b'"ok":"\\ud800"'),
    "not UTF-8": lambda d: d.replace(b'"ok":true', b'"ok":"\xff"'),
    "order mark": lambda d: b"\xef\xbb\xbf" + d,
    "name beyond": lambda d: d.replace(b'"ok":true', '"ok":{"\U0001f600":1}'.encode()),
    "control": lambda d: d.replace(b'"ok":true', b'"ok":"\x01"'),
    "no calendar": lambda d: d.replace(b"2026-11-20", b"2026-11-31"),
    "earlier": lambda d: d.replace(b"2026-11-20", b"2026-11-19"),
    "forward": lambda d: d.replace(b'"decision":260', b'"decision":263'),
    "wrong role": lambda d: d.replace(b'"decision":260', b'"approval":260'),
    "actor": lambda d: d.replace(b'"type":"agent"', b'"type":"robot"'),
    "version": lambda d: d.replace(b'"v":1', b'"v":2'),
    "kind": lambda d: d.replace(b'"outcome"', b'"Outcome"'),
    "no references": lambda d: d.replace(b'"refs":{"decision":260}', b'"refs":[]'),
    "digest": lambda d: d.replace(b'"ok":true', b'"files":{"a":"B"},"ok":true'),
}


def zipped(world: World, path: Path, number: int) -> Path:
    """The same package as a zip, if it is none yet."""
    if path.is_file():
        return path
    target = world.folder / f"browsed-{number}.zip"
    writer = ZipWriter(target)
    for name in sorted(Package.open(path).files.names()):
        writer.add(name, (path / name).read_bytes())
    writer.close()
    return target
