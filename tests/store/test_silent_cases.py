"""What happens to honest services must not look like an attack to anybody who watches.

Each case happens to a workspace while a head, receipts and a witness's memory are kept outside of it.
Afterwards the service starts, `fsck` finds nothing, the witness cosigns the next head, and an auditor
who has all that was kept verifies an export.
"""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit.cosigner import from_seed
from audit.entry import decode
from audit.keys import ED25519_COSIGNATURE, Verifier
from audit.packing import write_package
from audit.verify import Proven, verify
from audit.witness import Witness
from audit.witness_request import AddCheckpoint
from audit.witness_state import PinnedLog, State
from governance.store import headfile
from governance.store.backup import back_up
from governance.store.errors import StoreError
from governance.store.fsck import fsck
from governance.store.restore import restore
from governance.store.workspace import Workspace
from tests.store import world
from tests.store.acknowledged import FREE, fork, with_fault, without_end
from tests.store.faults import Faulty
from tests.store.world import Decide, FakeClock

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Outside:
    """A workspace, and everything that other people keep about it."""

    root: Path
    elsewhere: Path
    clock: FakeClock = field(default_factory=FakeClock)
    heads: list[Any] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)
    witness: Witness | None = None
    seen: int = 0

    def open(self, **options: Any) -> Workspace:
        """The service starts."""
        return world.open_(self.root, clock=self.clock, limits=FREE, **options)

    def ask(self, workspace: Workspace, count: int = 3) -> None:
        """Agents ask, and keep what they are told; the head file is copied elsewhere."""
        for number in range(count):
            self.clock.advance(0.25)
            answer = workspace.ledger.submit(Decide(str(number))).result(10)
            receipt = answer.receipts[0]
            kept = {
                "index": receipt.index,
                "leaf_hash": receipt.leaf_hash.hex(),
                "tree_size": receipt.tree_size,
                "checkpoint": receipt.checkpoint,
            }
            self.receipts.append(json.dumps(kept))
        self.heads.append((self.root / "head").read_bytes())

    def show(self, workspace: Workspace) -> None:
        """The newest head goes to the witness, which must cosign it."""
        if self.witness is None:
            key = from_seed("witness.example/w", ED25519_COSIGNATURE, bytes(32), self.time)
            state = State.create(self.elsewhere / "witness", [key])
            pinned = tuple(map(Verifier.from_vkey, workspace.vkeys))
            state.pin(PinnedLog(workspace.origin, pinned, "", ""))
            self.witness = Witness(State(self.elsewhere / "witness"), self.time, lambda _: None)
        reader, size = workspace.reader, workspace.ledger.size
        proof = reader.consistency_proof(self.seen, size) if self.seen else []
        body = AddCheckpoint(self.seen, tuple(proof), reader.checkpoint()).encode()
        answer = self.witness.add_checkpoint(body)
        assert answer.status == 200, answer.body
        self.seen = size

    def time(self) -> int:
        """The witness has a clock of its own, which is right."""
        return self.clock.now // 1_000_000

    def forget(self) -> None:
        """The log was given up in front of everybody: what was kept is of the old one."""
        self.heads, self.receipts, self.witness, self.seen = [], [], None, 0
        shutil.rmtree(self.elsewhere / "witness")

    def nobody_alarms(self) -> Workspace:
        """All who watch look; then the service is returned, working."""
        workspace = self.open()
        assert workspace.ledger.failure is None
        self.ask(workspace, 2)
        assert workspace.views.wait_for(workspace.ledger.size)
        report = fsck(workspace.paths, workspace.vkeys, scratch=self.root)
        assert report.findings == ()
        self.show(workspace)
        reader = workspace.reader
        times = [decode(data).at for data in reader.entries(0, reader.size)]
        assert times == sorted(times)
        export = self.elsewhere / f"export-{reader.size}"
        write_package(export, reader, reader.checkpoint(), keys=workspace.vkeys)
        for head in self.heads:
            proven = verify(export, workspace.vkeys, head=head, receipts=self.receipts)
            assert isinstance(proven, Proven)
        return workspace


@pytest.fixture
def outside(root: Path, in_memory: Path) -> Outside:
    """A service that has worked a little and was watched."""
    found = Outside(root, in_memory)
    with found.open() as workspace:
        found.ask(workspace)
        found.show(workspace)
        found.ask(workspace)
    return found


def restarted(outside: Outside) -> None:
    """Stopped and started, three times."""
    for _ in range(3):
        with outside.open() as workspace:
            outside.ask(workspace, 1)


def torn_write(outside: Outside) -> None:
    """The power went while the last, unanswered write was on its way."""
    with outside.open() as workspace:
        outside.ask(workspace)
        image = outside.elsewhere / "image"
        image.mkdir()
        for name in ("log.db", "log.db-wal", "vault.db", "vault.db-wal", "head"):
            shutil.copyfile(outside.root / name, image / name)
    wal = image / "log.db-wal"
    wal.write_bytes(wal.read_bytes() + wal.read_bytes()[32:3_000])
    (outside.root / "log.db-wal").unlink(missing_ok=True)
    for path in image.iterdir():
        shutil.copyfile(path, outside.root / path.name)


def torn_head(outside: Outside) -> None:
    """The power went while the head file was being written."""
    data = bytearray((outside.root / "head").read_bytes())
    newest = headfile.HeadFile(outside.root / "head")
    start = (newest._sequence + 1) % 2 * 4_096
    newest.close()
    data[start : start + 700] = b"\xff" * 700
    (outside.root / "head").write_bytes(data)


def two_readers(outside: Outside) -> None:
    """Two people export while agents go on asking; each holds the other's head against his."""
    with outside.open() as workspace:
        ending = threading.Event()

        def busy() -> None:
            while not ending.is_set():
                workspace.ledger.submit(Decide("busy")).result(10)

        thread = threading.Thread(target=busy)
        thread.start()
        try:
            notes = []
            for name in ("one", "two"):
                note = workspace.reader.checkpoint()
                write_package(outside.elsewhere / name, workspace.reader, note)
                notes.append(note)
        finally:
            ending.set()
            thread.join()
        verify(outside.elsewhere / "two", workspace.vkeys, head=notes[0])
        verify(outside.elsewhere / "one", workspace.vkeys, receipts=outside.receipts)


def clock_back(outside: Outside) -> None:
    """The machine's clock is set back a little, again and again, and once before a start."""
    with outside.open() as workspace:
        for _ in range(4):
            outside.clock.offset -= 12_000_000
            outside.ask(workspace, 1)
    outside.clock.offset = -30_000_000
    with outside.open() as workspace:
        outside.ask(workspace, 1)
    outside.clock.offset = 0


def leap_second(outside: Outside) -> None:
    """At the end of a leap second the clock shows the last second of the day twice."""
    midnight = 1_798_761_600_000_000
    outside.clock.now = midnight - 400_000
    with outside.open() as workspace:
        outside.ask(workspace, 2)
        outside.clock.offset -= 1_000_000
        outside.ask(workspace, 6)
    outside.clock.offset += 1_000_000


def disk_full(outside: Outside) -> None:
    """A write fails because there is no room; later there is."""
    faulty = Faulty(12, "error")
    with outside.open(seams=faulty.seams()) as workspace:
        faulty.armed = True
        with pytest.raises(StoreError):
            outside.ask(workspace, 10)
        faulty.armed = False


def persisted(outside: Outside) -> None:
    """The disk reports an error for a commit that it did carry out."""
    for at in (5, 6):
        faulty = Faulty(at, "persisted")
        with outside.open(seams=faulty.seams()) as workspace:
            faulty.armed = True
            with pytest.raises(StoreError):
                outside.ask(workspace, 10)
            faulty.armed = False


def killed(outside: Outside) -> None:
    """Killed in the middle of a write, at several of them, and once under load."""
    for at in (1, 6, 9, 10, 11):
        died = fork(with_fault, outside.root, outside.elsewhere / "acks", at, "killed")
        died.join(60)
        assert died.exitcode == -signal.SIGKILL
    acks = outside.elsewhere / "more-acks"
    busy = fork(without_end, outside.root, acks)
    while not acks.exists() or acks.stat().st_size < 2_000:
        assert busy.is_alive()
    busy.kill()
    busy.join()
    outside.clock.now = max(outside.clock.now, int(time.time() * 1e6))


def restored(outside: Outside) -> None:
    """The log is lost, a backup is restored, and people acknowledged it."""
    with outside.open() as workspace:
        backup = back_up(workspace.paths, AT, workspace.ledger)
        outside.ask(workspace, 1)
    (outside.root / "log.db").write_bytes(b"rubbish")
    kept = list(outside.receipts)
    known = [json.loads(receipt)["checkpoint"] for receipt in kept]
    restore(
        outside.root,
        backup.folder,
        world.FOLD,
        AT,
        acknowledge=True,
        known_heads=known,
        clock=outside.clock,
    )
    outside.forget()
    with outside.open() as workspace:
        workspace.ledger.submit(world.lift()).result(10)
        first = workspace.reader.entry(0)
        assert first.kind == "service.restored"
        assert first.data["size"] == max(json.loads(r)["tree_size"] for r in kept)


CASES: list[Callable[[Outside], None]] = [
    restarted, torn_write, torn_head, two_readers, clock_back, leap_second, disk_full, persisted,
    killed, restored,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_what_happens_to_honest_services_alarms_nobody(
    outside: Outside, case: Callable[[Outside], None]
) -> None:
    """An alarm that is raised by a power cut is one that nobody believes when it matters."""
    case(outside)
    with outside.nobody_alarms():
        pass
    with suppress(FileNotFoundError):
        shutil.rmtree(outside.elsewhere / "image")
    with outside.nobody_alarms():
        pass
