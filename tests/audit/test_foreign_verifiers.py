"""Other people's programs agree with us about logs that we make: golang.org/x/mod and @sigstore/verify.

Each honest case must be accepted by them and by us, each altered one refused by both. The programs
are theirs; `foreign/` only hands them our bytes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from audit.encoding import b64
from audit.errors import LogError
from audit.keys import Verifier
from audit.note import Ed25519Cosigner, Ed25519Signer, countersign
from audit.packing import write_package
from audit.proof import TlogProof, verify_consistency, verify_inclusion
from audit.tilefolder import publish
from audit.tiles import bundles_of, tiles_of
from audit.tree import consistency_proof, inclusion_proof, leaf_hash
from tests.memory_log import MemoryLog
from tests.optional import absent

HERE = Path(__file__).parent / "foreign"
SOURCES = Path("/usr/share/gocode")
MODULES = Path(__file__).parents[2] / ".foreign" / "node_modules"
SIZES = (1, 2, 3, 7, 8, 255, 256, 257, 300, 513)

Judge = Callable[[list[dict[str, Any]]], list[str]]


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """golang.org/x/mod/sumdb/{note,tlog}, from Debian's packages, without the network."""
    if not shutil.which("go") or not (SOURCES / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        absent("go", "apt-get install golang-go golang-golang-x-mod-dev")
    place = tmp_path_factory.mktemp("go")
    environment = {"GOCACHE": str(place / "cache"), **os.environ}
    environment.update(GO111MODULE="off", GOPATH=str(SOURCES), GOFLAGS="", CGO_ENABLED="0")
    subprocess.run(
        ["go", "build", "-o", str(place / "tlogcheck"), str(HERE / "tlogcheck.go")],
        env=environment, check=True, timeout=300,
    )  # fmt: skip
    return lambda cases: _asked([str(place / "tlogcheck")], cases)


@pytest.fixture(scope="session")
def sigstore() -> Judge:
    """@sigstore/verify, from its npm package."""
    modules = Path(os.environ.get("FOREIGN_MODULES", MODULES))
    if not shutil.which("node") or not (modules / "@sigstore" / "verify").is_dir():
        absent("sigstore", "apt-get install nodejs npm, then `make foreign`")
    command = ["node", str(HERE / "sigstorecheck.cjs"), str(modules)]
    return lambda cases: _asked(command, cases)


def _asked(command: list[str], cases: list[dict[str, Any]]) -> list[str]:
    done = subprocess.run(
        command, input=json.dumps(cases), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    answers: list[str] = json.loads(done.stdout)
    assert len(answers) == len(cases)
    return answers


@dataclass(frozen=True)
class Proof:
    """An inclusion proof with everything it is about."""

    note: str
    vkey: str
    index: int
    entry: bytes
    hashes: tuple[bytes, ...]

    def ours(self) -> bool:
        """What this library says."""
        try:
            tree = open_checkpoint(self.note, [Verifier.from_vkey(self.vkey)])
            verify_inclusion(leaf_hash(self.entry), self.index, tree.size, self.hashes, tree.root)
        except LogError:
            return False
        return True

    def case(self) -> dict[str, Any]:
        """What the foreign programs are given."""
        return {
            "kind": "inclusion",
            "note": self.note,
            "vkey": self.vkey,
            "spki": b64(_spki(Verifier.from_vkey(self.vkey))),
            "index": self.index,
            "entry": b64(self.entry),
            "hashes": [b64(each) for each in self.hashes],
        }


def _spki(verifier: Verifier) -> bytes:
    """The public key as an X.509 SubjectPublicKeyInfo (RFC 8410)."""
    key = Ed25519PublicKey.from_public_bytes(verifier.public_key)
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def proof_of(world: Any, log: MemoryLog, index: int, size: int) -> Proof:
    """The proof that entry `index` is in the first `size`."""
    (entry,) = log.entries(index, index + 1)
    hashes = tuple(inclusion_proof(index, size, log.node))
    return Proof(world.checkpoint(log, size), world.key, index, entry, hashes)


def proofs(world: Any) -> Iterator[Proof]:
    """Proofs of the first, the last and some other entries in trees of many sizes."""
    log = world.log(max(SIZES))
    for size in SIZES:
        for index in sorted({0, size // 3, size // 2, size - 1}):
            yield proof_of(world, log, index, size)


def altered(world: Any, proof: Proof) -> Iterator[tuple[str, Proof]]:
    """The proof with one thing altered that everybody must refuse."""
    note, stranger = proof.note, Ed25519Signer.from_seed(world.signer.name, bytes(32))
    tree = open_checkpoint(note, [world.signer.verifier])
    other = sign_checkpoint(Checkpoint(tree.origin, tree.size, bytes(32)), world.signer)
    size = f"\n{tree.size}\n"
    yield "entry", replace(proof, entry=proof.entry + b" ")
    yield "entry cut", replace(proof, entry=proof.entry[:-1])
    yield "hash too many", replace(proof, hashes=(*proof.hashes, bytes(32)))
    yield "index beyond", replace(proof, index=tree.size)
    yield "another root", replace(proof, note=other)
    yield "another key", replace(proof, vkey=stranger.vkey)
    yield (
        "size changed after signing",
        replace(proof, note=note.replace(size, f"\n{tree.size + 1}\n")),
    )
    yield (
        "root changed after signing",
        replace(proof, note=note.replace(b64(tree.root), b64(bytes(32)))),
    )
    yield "no signature", replace(proof, note=note.partition("\n\n")[0] + "\n\n")
    last = note.rstrip("\n")
    yield "signature altered", replace(proof, note=f"{last[:-9]}{_other(last[-9])}{last[-8:]}\n")
    if proof.hashes:
        first, *rest = proof.hashes
        flipped = bytes([first[0] ^ 1]) + first[1:]
        yield "hash flipped", replace(proof, hashes=(flipped, *rest))
        yield "hash missing", replace(proof, hashes=tuple(rest))
        yield "next index", replace(proof, index=(proof.index + 1) % tree.size)
    if len(proof.hashes) > 1:
        yield "hashes turned round", replace(proof, hashes=tuple(reversed(proof.hashes)))


def _other(letter: str) -> str:
    return "A" if letter != "A" else "B"


@pytest.mark.parametrize("program", ["go", "sigstore"])
def test_inclusion_proofs_convince_others_exactly_when_they_should(
    world: Any, program: str, request: pytest.FixtureRequest
) -> None:
    """An auditor with another program would refuse our proofs, or be deceived by forged ones."""
    judge: Judge = request.getfixturevalue(program)
    honest = list(proofs(world))
    assert [proof.ours() for proof in honest] == [True] * len(honest)
    assert judge([proof.case() for proof in honest]) == [""] * len(honest)
    forged = [found for proof in honest for found in altered(world, proof)]
    assert len(forged) > 300
    answers = judge([proof.case() for _, proof in forged])
    for (what, proof), answer in zip(forged, answers, strict=True):
        assert answer, f"{program} accepted: {what}"
        assert not proof.ours(), f"we accepted: {what}"


def test_go_agrees_about_consistency(world: Any, go: Judge) -> None:
    """A log that forked would be consistent to one program and not to the other."""
    log = world.log(max(SIZES))
    cases, ours = [], []

    def add(old: str, new: str, hashes: list[bytes]) -> None:
        texts = [b64(each) for each in hashes]
        cases.append(
            {"kind": "consistency", "vkey": world.key, "old": old, "note": new, "hashes": texts}
        )
        trees = [open_checkpoint(note, [world.signer.verifier]) for note in (old, new)]
        try:
            verify_consistency(trees[0].size, trees[0].root, trees[1].size, trees[1].root, hashes)
            ours.append(True)
        except LogError:
            ours.append(False)

    pairs = [(old, new) for new in SIZES for old in SIZES if old <= new]
    for old, new in pairs:
        add(
            world.checkpoint(log, old),
            world.checkpoint(log, new),
            consistency_proof(old, new, log.node),
        )
    assert ours == [True] * len(pairs)
    assert go(cases) == [""] * len(pairs)
    cases.clear(), ours.clear()
    fork = world.changed(log, 0, verdict="allow")
    for old, new in pairs:
        hashes = consistency_proof(old, new, log.node)
        add(world.checkpoint(fork, old), world.checkpoint(log, new), hashes)
        add(world.checkpoint(log, old), world.checkpoint(log, new), [*hashes, bytes(32)])
        if old < new:
            add(world.checkpoint(log, new), world.checkpoint(log, old), hashes)
            add(world.checkpoint(log, old), world.checkpoint(log, new), hashes[:-1])
            flipped = bytes([hashes[0][0] ^ 1]) + hashes[0][1:]
            add(world.checkpoint(log, old), world.checkpoint(log, new), [flipped, *hashes[1:]])
    answers = go(cases)
    assert ours == [False] * len(cases)
    assert all(answers), [case for case, answer in zip(cases, answers, strict=True) if not answer][
        :1
    ]


def test_go_reads_whole_logs_from_our_tiles(world: Any, go: Judge) -> None:
    """A client of tlog-tiles would find another tile than it expects, or accept an altered one."""
    log = world.log(max(SIZES))
    places = [world.package(log, world.checkpoint(log, size), disclosures=()) for size in SIZES]
    assert go([_log(world, place) for place in places]) == [""] * len(places)
    spoiled = []
    whole = places[-1]
    for tile in [*tiles_of(max(SIZES)), *bundles_of(max(SIZES))]:
        copy = world.folder / f"spoiled-{len(spoiled)}"
        shutil.copytree(whole, copy)
        data = bytearray((copy / tile.path).read_bytes())
        data[-1] ^= 1
        (copy / tile.path).write_bytes(data)
        spoiled.append(copy)
    for name in ("checkpoint", next(iter(tiles_of(513))).path):
        copy = world.folder / f"spoiled-{len(spoiled)}"
        shutil.copytree(whole, copy)
        (copy / name).unlink()
        spoiled.append(copy)
    assert all(go([_log(world, place) for place in spoiled]))


def test_go_reads_a_log_of_70_000_entries(tmp_path: Path, go: Judge) -> None:
    """Tiles of the third level, which only large logs have, would lie where nobody looks."""
    signer = Ed25519Signer.from_seed("example.com/large", bytes(32))
    log = MemoryLog(b'{"n":%d}' % number for number in range(70_000))
    note = sign_checkpoint(Checkpoint(signer.name, log.size, log.root()), signer)
    place = tmp_path / "large"
    write_package(place, log, note, keys=[signer.vkey])
    case = {"kind": "log", "vkey": signer.vkey, "dir": str(place)}
    assert go([case]) == [""]
    (place / "tile" / "2" / "000.p" / "1").write_bytes(bytes(32))
    assert go([case]) != [""]


def test_go_reads_a_folder_that_is_brought_up_to_date(
    world: Any, tmp_path: Path, go: Judge
) -> None:
    """Other people's monitors would lose the log the first time our folder grows."""
    log, case = world.log(1_500), {"kind": "log", "vkey": world.key, "dir": str(tmp_path)}
    for size in (3, 255, 256, 300, 1_024, 1_500):
        note = world.checkpoint(log, size)
        publish(tmp_path, log, note, lambda index: world.checkpoint(log, index + 1))
        assert go([case]) == [""]
    tile = tmp_path / "tile" / "1" / "000.p" / "5"
    data = tile.read_bytes()
    tile.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert go([case]) != [""]


def test_go_passes_over_signature_lines_it_does_not_know(world: Any, go: Judge) -> None:
    """Cosigned by a witness, or signed by two keys during a rotation, a checkpoint would be refused."""
    log = world.log(9)
    following = Ed25519Signer.from_seed(world.signer.name, bytes(32))
    private = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
    witness = Ed25519Cosigner("witness.example/w1", private, lambda: 1_795_168_800)
    proof = proof_of(world, log, 4, 9)
    both = world.checkpoint(log, 9, world.signer, following)
    for note in (countersign(proof.note, witness), both, countersign(both, witness)):
        assert replace(proof, note=note).ours()
        assert go([replace(proof, note=note).case()]) == [""]
    assert go([replace(proof, note=both, vkey=following.vkey).case()]) == [""]
    assert all(go([replace(proof, note=both, vkey=witness.verifier.vkey).case()]))


def _log(world: Any, place: Path) -> dict[str, Any]:
    return {"kind": "log", "vkey": world.key, "dir": str(place)}


def test_go_reads_what_is_published_as_static_files(world: Any, tmp_path: Path, go: Judge) -> None:
    """A mirror of the published folder would find tiles missing after it grew, or after a cut."""
    log = world.log(max(SIZES))
    folder = tmp_path / "published"

    def note(size: int) -> str:
        return world.checkpoint(log, size)

    for size in SIZES:
        publish(folder, log, note(size), lambda index: note(index + 1))
        assert go([_log(world, folder)]) == [""], size
    publish(folder, log, note(max(SIZES)), lambda index: note(index + 1), minimum=256)
    assert not (folder / "tile" / "entries" / "000").exists()
    assert go([{**_log(world, folder), "first": 256}]) == [""]
    assert all(go([_log(world, folder)]))


def test_go_reads_our_proof_files(world: Any, go: Judge) -> None:
    """A proof handed to an auditor as a file would not be one to anybody else."""
    honest = list(proofs(world))
    texts = [TlogProof(p.index, p.hashes, p.note).encode() for p in honest]
    texts_extra = [TlogProof(p.index, p.hashes, p.note, b"our own").encode() for p in honest]

    def cases(found: list[str]) -> list[dict[str, Any]]:
        return [
            {"kind": "proof", "vkey": p.vkey, "text": text, "entry": b64(p.entry)}
            for p, text in zip(honest, found, strict=True)
        ]

    assert go(cases(texts)) == [""] * len(texts)
    assert go(cases(texts_extra)) == [""] * len(texts)
    assert all(go(cases([text.replace("\nindex ", "\nindex 1") for text in texts])))
    assert all(go(cases([text.replace("proof@v1", "proof@v2") for text in texts])))


@pytest.mark.parametrize("program", ["go", "sigstore"])
def test_others_agree_about_the_log_of_a_service(
    tmp_path: Path, program: str, request: pytest.FixtureRequest
) -> None:
    """What the sequencer writes and signs could differ from what this library writes and signs."""
    from tests.store import world as ledger

    judge: Judge = request.getfixturevalue(program)
    ledger.make(tmp_path / "ws")
    with ledger.open_(tmp_path / "ws") as workspace:
        for number in range(40):
            workspace.ledger.submit(ledger.Decide(str(number))).result(10)
        reader, vkey = workspace.reader, workspace.vkeys[0]
        note, size = reader.checkpoint(), reader.size
        write_package(tmp_path / "package", reader, note, keys=[vkey])
        found = [
            Proof(
                note,
                vkey,
                index,
                reader.entry_bytes(index),
                tuple(reader.inclusion_proof(index, size)),
            )
            for index in range(size)
        ]
        first = [reader.receipt(index) for index in range(size)]
        steps = [
            {
                "kind": "consistency",
                "vkey": vkey,
                "old": receipt.checkpoint,
                "note": note,
                "hashes": [b64(each) for each in reader.consistency_proof(receipt.tree_size, size)],
            }
            for receipt in first
        ]
    assert judge([proof.case() for proof in found]) == [""] * size
    if program == "go":
        whole = {"kind": "log", "vkey": vkey, "dir": str(tmp_path / "package")}
        assert judge([whole, *steps]) == [""] * (size + 1)
