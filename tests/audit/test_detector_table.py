"""The detector table: who attacks, what the auditor has, and what must come of it, cell by cell.

The auditor has nothing (and believes the key that the package names), or a pinned key, or besides it
a head or a receipt from when the log had 50 entries, or a witness that has seen all 60. `T`, `G`, `K`
and `N` are the outcomes Tampered, Gap, UnknownKey and NothingToVerify; `-` is silence, and then the
verifier must say in words what it cannot exclude.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from witness_world import LOG, AWitness

from audit.__main__ import main
from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.entry import decode, encode
from audit.errors import Gap, NothingToVerify, NotVerified, Tampered, UnknownKey
from audit.note import Ed25519Signer
from audit.package import Anchored, Package
from audit.packing import write_package
from audit.proof import TlogProof
from audit.tree import consistency_proof, inclusion_proof, leaf_hash
from audit.trust import TrustPolicy
from audit.verify import Proven, verify
from audit.witness import Answer
from audit.witness_request import AddCheckpoint
from audit.witness_state import origin_hash
from tests.memory_log import MemoryLog

SIZE, KEPT = 60, 50
HAS = ("nothing", "pinned key", "retained head", "receipt", "witness")
OUTCOMES = {"T": Tampered, "G": Gap, "K": UnknownKey, "N": NothingToVerify}


class Scene:
    """An honest log of 60 entries, a witness that cosigned it, and what an auditor kept."""

    def __init__(self, world: Any, folder: Path) -> None:
        assert world.signer.verifier == LOG.verifier
        self.world = world
        self.honest: MemoryLog = world.log(SIZE)
        self.entries = list(self.honest.entries(0, SIZE))
        self.witness = AWitness(folder / "witness")
        for size, late in ((40, 5), (KEPT, 5), (SIZE, 86_400)):
            assert self.cosign(size, late).status == 200
        self.head = world.checkpoint(self.honest, KEPT)
        self.receipt = self._receipt(45)
        lines = [f"log {LOG.vkey}", f"witness w {self.witness.key.vkey}", "quorum w", ""]
        self.policy = TrustPolicy.parse("\n".join(lines))

    def cosign(self, size: int, late: int) -> Answer:
        """Show the honest log to the witness; the answer is kept as an anchor for packages."""
        at = decode(self.entries[size - 1]).at
        self.witness.now = int(at.timestamp()) + late
        old = self.witness.size or 0
        proof = consistency_proof(old, size, self.honest.node) if old else []
        note = self.world.checkpoint(self.honest, size)
        answer = self.witness.add(AddCheckpoint(old, tuple(proof), note).encode())
        self.anchor = Anchored(size, note + answer.body, ())
        self.anchors = [*getattr(self, "anchors", ()), self.anchor]
        return answer

    def _receipt(self, index: int) -> str:
        proof = TlogProof(index, tuple(inclusion_proof(index, KEPT, self.honest.node)), self.head)
        leaf = leaf_hash(self.entries[index]).hex()
        answer = {"index": index, "leaf_hash": leaf, "tree_size": KEPT, "checkpoint": self.head}
        return json.dumps({"decision": True, "receipt": {**answer, "proof": proof.encode()}})

    def judged(self, has: str, path: Path) -> Proven:
        """What an auditor who has this finds."""
        if has == "nothing":
            return verify(path, Package.open(path).claimed_keys())
        keys = [LOG.vkey]
        if has == "pinned key":
            return verify(path, keys)
        if has == "retained head":
            return verify(path, keys, head=self.head)
        if has == "receipt":
            return verify(path, keys, receipts=[self.receipt])
        seen = self.witness.witness.checkpoint(origin_hash(LOG.name)).body
        return verify(path, [LOG.vkey, self.witness.key], head=seen, policy=self.policy)

    # -- what attackers make -----------------------------------------------------------------------

    def export(self, log: MemoryLog) -> Path:
        """A package with every anchor that fits, as the operator or his database would give it."""
        anchors = [a for a in self.anchors if a.size <= log.size]
        path = self.world.folder / f"export-{id(log)}-{len(list(self.world.folder.iterdir()))}"
        entries = [a for a in anchors if self._holds(log, a)]
        shown = [d for d in self.world.disclosures(log.size) if self._opens(log, d)]
        note = self.world.checkpoint(log)
        write_package(path, log, note, keys=[LOG.vkey], disclosures=shown, anchors=entries)
        return path

    def _holds(self, log: MemoryLog, anchor: Anchored) -> bool:
        """Nobody puts an anchor into a package that it would contradict."""
        return list(log.entries(0, anchor.size)) == self.entries[: anchor.size]

    def _opens(self, log: MemoryLog, shown: Any) -> bool:
        if shown.index >= SIZE:
            return False
        (entry,) = log.entries(shown.index, shown.index + 1)
        return entry == self.entries[shown.index]

    def without_key(self, *, tiles: bool, change: Callable[[list[bytes]], None]) -> Path:
        """The honest package with other entries in it, and with hashes to match if asked."""
        path = self.export(self.honest)
        entries = list(self.entries)
        change(entries)
        del entries[SIZE:]
        entries += self.entries[len(entries) :]
        self.world.forge(path, entries, tiles=tiles)
        return path

    def signed(self, change: Callable[[list[bytes]], None]) -> Path:
        """A log that somebody with the key signed over changed entries."""
        entries = list(self.entries)
        change(entries)
        return self.export(MemoryLog(entries))

    def resigned(self, name: str) -> Path:
        """The whole log under a key of the attacker's own, which the package calls the log's."""
        stranger = Ed25519Signer.from_seed(name, bytes(32))
        changed = self.world.changed(self.honest, 12, verdict="allow")
        note = sign_checkpoint(Checkpoint(name, SIZE, changed.root()), stranger)
        path = self.world.folder / f"resigned-{name.replace('/', '-')}"
        write_package(path, changed, note, keys=[stranger.vkey])
        return path


def edited(index: int, old: bytes, new: bytes) -> Callable[[list[bytes]], None]:
    """One value of one entry exchanged; still canonical."""

    def change(entries: list[bytes]) -> None:
        assert old in entries[index]
        entries[index] = entries[index].replace(old, new)
        decode(entries[index])

    return change


def at(index: int, by: timedelta) -> Callable[[list[bytes]], None]:
    """One entry's time moved."""

    def change(entries: list[bytes]) -> None:
        entry = decode(entries[index])
        entries[index] = encode(replace(entry, at=entry.at + by))

    return change


FLIPPED = edited(12, b"require_approval", b"allow")
CHANGES: dict[str, Callable[[list[bytes]], None]] = {
    "edit": edited(12, b"payments", b"refunds!"),
    "delete": lambda entries: entries.pop(21),  # type: ignore[dict-item,return-value]
    "swap": lambda entries: entries.insert(7, entries.pop(12)),
    "insert": lambda entries: entries.insert(30, entries[2]),
    "flipped verdict": FLIPPED,
    "changed approver": edited(6, b"person:7f3a", b"person:0000"),
    "changed release digest": edited(8, b"c4" * 32, b"d5" * 32),
    "broken reference": edited(17, b'"decision":16', b'"decision":15'),
    "time that goes back": at(33, timedelta(seconds=-9)),
}


def cut_files(scene: Scene) -> Path:
    """The last entries left out of the files; the checkpoint stays."""
    path = scene.export(scene.honest)
    shorter = scene.world.package(scene.world.log(55), disclosures=())
    shutil.copytree(shorter / "tile", path / "tile", dirs_exist_ok=True)
    for name in ("tile/entries/000.p/60", "tile/0/000.p/60"):
        (path / name).unlink()
    return path


def older_checkpoint(scene: Scene) -> Path:
    """A checkpoint of 40 entries put over the one of 60."""
    path = scene.export(scene.honest)
    (path / "checkpoint").write_text(scene.world.checkpoint(scene.honest, 40))
    return path


def gone_on(scene: Scene) -> Path:
    """A backup of 40 entries put back and gone on from as if nothing had happened."""

    def change(entries: list[bytes]) -> None:
        for index in range(40, SIZE):
            entry = decode(entries[index])
            entries[index] = encode(replace(entry, data={**entry.data, "again": index}))

    return scene.signed(change)


def fork(scene: Scene) -> Path:
    """The same up to what auditors kept, and another history after it for this one."""
    return scene.signed(edited(56, b"require_approval", b"allow"))


def back_dated(scene: Scene) -> Path:
    """An approval written a day late, with a time just after the last entry."""
    late = encode(replace(decode(scene.entries[59]), at=decode(scene.entries[59]).at))
    return scene.export(MemoryLog([*scene.entries, late]))


Make = Callable[[Scene], Path]
ROWS: dict[tuple[str, str], tuple[str, Make]] = {
    # (who, attack): (outcome for each of HAS, how it is made)
    ("files", "key swapped"): ("- K K K K", lambda s: s.resigned(LOG.name)),
    ("files", "log of another name"): ("- K K K K", lambda s: s.resigned("example.com/other")),
    ("files", "tail cut"): ("G G G G G", cut_files),
    ("files", "older export replayed"): ("- - G G G", lambda s: s.export(s.world.log(40))),
    ("database", "older checkpoint over the log"): (
        "T T T T T",
        older_checkpoint,
    ),
    ("database", "rollback to a backup"): ("- - G G G", lambda s: s.export(s.world.log(40))),
    ("key", "tail cut"): ("- - G G G", lambda s: s.export(s.world.log(44))),
    ("key", "tail cut after what was kept"): ("- - - - G", lambda s: s.export(s.world.log(55))),
    ("key", "emptied"): ("N N G G GK", lambda s: s.export(MemoryLog([]))),
    ("key", "full rewrite"): ("- - T T TK", lambda s: s.signed(FLIPPED)),
    ("key", "rewrite that grew"): (
        "- - T T TK",
        lambda s: s.export(s.world.changed(s.world.log(90), 12, verdict="allow")),
    ),
    ("key", "rollback that went on"): ("- - T T T", gone_on),
    ("key", "fork after what was kept"): ("- - - - T", fork),
    ("key", "back-dated entry"): ("- - - - T", back_dated),
    ("key", "broken reference"): ("T T T T T", lambda s: s.signed(CHANGES["broken reference"])),
    ("key", "time that goes back"): (
        "T T T T T",
        lambda s: s.signed(at(33, timedelta(seconds=-9))),
    ),
    ("key", "no entry"): ("T T T T T", lambda s: s.signed(lambda e: e.__setitem__(9, b"{}"))),
    ("key", "nothing"): ("- - - - -", lambda s: s.export(s.honest)),
}
for _name, _change in CHANGES.items():
    for _who, _tiles in (("files", False), ("database", True)):
        ROWS[_who, _name] = (
            "TG " * 5,
            lambda s, tiles=_tiles, change=_change: s.without_key(tiles=tiles, change=change),
        )

UNSAID = {
    "nothing": "cut off after the last, or the whole log rewritten by whoever has the key",
    "pinned key": "cut off after the last, or the whole log rewritten by whoever has the key",
    "retained head": "cut off after the last one that the retained head or receipts cover",
    "receipt": "cut off after the last one that the retained head or receipts cover",
    "witness": "cut off after the last one that the retained head or receipts cover",
}
"""What the verifier must say where it found nothing."""


@pytest.fixture
def scene(world: Any, tmp_path: Path) -> Scene:
    """The log, the witness and the auditor's drawer."""
    return Scene(world, tmp_path)


@pytest.mark.parametrize(("who", "attack"), sorted(ROWS), ids=lambda text: text.replace(" ", "-"))
def test_every_cell_of_the_table(scene: Scene, who: str, attack: str, capsys: Any) -> None:
    """An attack that somebody was promised to see would pass, or an honest log would be accused."""
    cells, make = ROWS[who, attack]
    path = make(scene)
    for has, cell in zip(HAS, cells.split(), strict=True):
        if cell == "-":
            proven = scene.judged(has, path)
            said = "\n".join(proven.not_proven)
            assert UNSAID[has] in said, f"{has}: it is not said what cannot be excluded"
            if has != "witness":
                assert "no witness has signed this tree" in said
                assert "they are the operator's word" in said
            continue
        with pytest.raises(NotVerified) as caught:
            scene.judged(has, path)
        allowed = tuple(OUTCOMES[letter] for letter in cell)
        assert isinstance(caught.value, allowed), f"{has}: {caught.value!r}"
    capsys.readouterr()
    code = main(["verify", str(path), "--key", LOG.vkey])
    told = capsys.readouterr()
    wanted = {OUTCOMES[letter].exit_code for letter in cells.split()[1] if letter != "-"} or {0}
    assert code in wanted
    assert code or "not proven:" in told.out + told.err


def test_a_witness_refuses_what_the_table_says_it_sees(scene: Scene) -> None:
    """A second view of the log could get the same cosignature as the first."""
    forked = scene.world.changed(scene.honest, 56, verdict="allow")
    note = scene.world.checkpoint(forked)
    for old, status in ((SIZE, 422), (KEPT, 409), (0, 409)):
        assert scene.witness.add(AddCheckpoint(old, (), note).encode()).status == status
    (conflict,) = scene.witness.state.conflicts(LOG.name)
    assert conflict.why == "fork"


def test_the_table_has_every_attack_of_the_design() -> None:
    """An attack could be forgotten, and the table would still look complete."""
    named = {attack for _, attack in ROWS}
    wanted = {
        "edit", "delete", "swap", "insert", "flipped verdict", "changed approver",
        "changed release digest", "broken reference", "key swapped", "log of another name",
        "tail cut", "emptied", "full rewrite", "rollback to a backup", "older export replayed",
        "fork after what was kept", "back-dated entry",
    }  # fmt: skip
    assert wanted <= named
    assert {who for who, _ in ROWS} == {"files", "database", "key"}
    assert len(ROWS) >= 30
