"""A small log of people and agents, and everything needed to sign, export and attack it."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import note as notes
from audit import single
from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.commit import commitment
from audit.entry import Entry, decode, encode
from audit.note import Ed25519Cosigner, Ed25519Signer, Signer, countersign
from audit.package import Anchored, Disclosure, Package
from audit.packing import write_package
from audit.tiles import Tile, bundles_of, decode_bundle, encode_bundle, tile_bytes, tiles_of
from audit.tree import MemoryNodes, frontier_at, leaf_hash
from tests.memory_log import MemoryLog

ORIGIN = "example.com/acme/governance"
START = datetime(2026, 11, 20, 10, tzinfo=UTC)
SALT = "4vZ1sXk0mY7uQd2pR9cT5g"
AGENT = {"type": "agent", "id": "agent:payments", "key": "k1"}
PERSON = {"type": "person", "id": "person:7f3a"}
POLICY = b"rules: []\n"


class World:
    """One operator with one key, and a folder in which packages are made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.signer = Ed25519Signer.from_seed(ORIGIN, bytes(range(32)))
        self.key = self.signer.vkey
        self._names = itertools.count()

    def entry(self, index: int) -> Entry:
        """Every fourth entry a decision, then its approval asked and granted, then an outcome."""
        at = START + timedelta(seconds=index)
        first = index - index % 4
        step = index % 4
        if step == 0:
            data: dict[str, Any] = {
                "agent": "payments",
                "commitments": {"iban": commitment(SALT, "iban", f"DE{index:020d}")},
                "release": "c4" * 32,
                "verdict": "require_approval",
            }
            return Entry("decision", at, AGENT, data)
        if step == 1:
            return Entry("approval.asked", at, AGENT, {"refs": {"decision": first}})
        if step == 2:
            refs = {"approval": first + 1, "decision": first}
            return Entry("approval.granted", at, PERSON, {"reason": "checked", "refs": refs})
        return Entry("outcome", at, AGENT, {"ok": True, "refs": {"decision": first}})

    def log(self, size: int) -> MemoryLog:
        """The first `size` entries."""
        return MemoryLog(encode(self.entry(index)) for index in range(size))

    def changed(self, log: MemoryLog, index: int, **data: Any) -> MemoryLog:
        """A copy of `log` whose entry `index` says something else."""
        entries = list(log.entries(0, log.size))
        entry = decode(entries[index])
        entries[index] = encode(replace(entry, data={**entry.data, **data}))
        return MemoryLog(entries)

    def checkpoint(self, log: MemoryLog, size: int | None = None, *signers: Signer) -> str:
        """The signed checkpoint over the first `size` entries."""
        size = log.size if size is None else size
        tree = Checkpoint(ORIGIN, size, frontier_at(size, log.node).root())
        return sign_checkpoint(tree, *(signers or (self.signer,)))

    def disclosures(self, size: int) -> list[Disclosure]:
        """What every decision committed to."""
        return [Disclosure(index, "iban", SALT, f"DE{index:020d}") for index in range(0, size, 4)]

    def package(
        self,
        log: MemoryLog,
        note: str | None = None,
        *,
        suffix: str = "",
        disclosures: Iterable[Disclosure] | None = None,
    ) -> Path:
        """An export of `log`, with every commitment opened unless told otherwise."""
        path = self.folder / f"package-{next(self._names)}{suffix}"
        note = note or self.checkpoint(log)
        shown = self.disclosures(log.size) if disclosures is None else disclosures
        write_package(path, log, note, keys=[self.key], blobs=[POLICY], disclosures=shown)
        return path

    def cosigned(self, log: MemoryLog, size: int, *witnesses: Signer) -> str:
        """The signed checkpoint over the first `size` entries, cosigned."""
        return countersign(self.checkpoint(log, size), *witnesses)

    def witness(self, name: str = "witness.example/w1", late: int = 5) -> Ed25519Cosigner:
        """A witness whose clock is `late` seconds after entry 40 of the log."""
        seed = hashlib.sha256(name.encode()).digest()
        key = Ed25519PrivateKey.from_private_bytes(seed)
        return Ed25519Cosigner(name, key, lambda: int(START.timestamp()) + 40 + late)

    def anchored_package(
        self, log: MemoryLog, *anchors: Anchored, suffix: str = "", minimum: int = 0
    ) -> Path:
        """An export with everything a package can hold; by default with one anchor at entry 40."""
        path = self.folder / f"package-{next(self._names)}{suffix}"
        if not anchors:
            note = self.cosigned(log, 40, self.witness())
            digest = hashlib.sha256(notes.split(note)[0].encode()).digest()
            anchors = (Anchored(40, note, (b"not a real token over " + digest,)),)
        log.minimum = minimum
        write_package(
            path,
            log,
            self.checkpoint(log),
            keys=[self.key],
            blobs=[POLICY],
            disclosures=[d for d in self.disclosures(log.size) if d.index >= minimum],
            anchors=anchors,
            verifier=single.text().encode(),
        )
        return path

    def bundle(self, path: Path, number: int = 0) -> tuple[Path, list[bytes]]:
        """The file of a bundle, and the entries in it."""
        tile = list(bundles_of(Package.open(path).checkpoint().size))[number]
        return path / tile.path, decode_bundle((path / tile.path).read_bytes())

    def forge(self, path: Path, entries: Iterable[bytes], *, tiles: bool = False) -> None:
        """Put other entries into a package, and make its tiles fit them if asked."""
        entries = list(entries)
        for tile in bundles_of(len(entries)):
            (path / tile.path).write_bytes(encode_bundle(entries[slice(*tile.span)]))
        if tiles:
            self.retile(path, entries, list(tiles_of(len(entries))))

    def retile(self, path: Path, entries: Iterable[bytes], tiles: Iterable[Tile]) -> None:
        """Make these tiles of a package fit other entries."""
        nodes = MemoryNodes(map(leaf_hash, entries))
        for tile in tiles:
            (path / tile.path).write_bytes(tile_bytes(tile, nodes))
