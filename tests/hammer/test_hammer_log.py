"""Everybody at once on one log: writers, readers with one checkpoint each, a witness, a pruner, exports.

`make hammer-log` runs it for DURATION seconds (600 unless told otherwise), the checks of a commit for
one minute. Nobody may ever see two heads that disagree, a proof that does not hold, or an entry that
was answered and is not there.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audit.checkpoint import Checkpoint, open_checkpoint
from audit.cosigner import from_seed
from audit.errors import Pruned
from audit.keys import ED25519_COSIGNATURE
from audit.packing import write_package
from audit.proof import verify_consistency, verify_inclusion
from audit.tree import leaf_hash
from audit.verify import verify
from audit.witness import Witness
from audit.witness_request import AddCheckpoint
from audit.witness_state import PinnedLog, State
from governance.store.errors import Busy
from governance.store.fsck import fsck
from governance.store.workspace import Workspace
from tests.store import world
from tests.store.acknowledged import FREE
from tests.store.test_pruning import prune

WRITERS, READERS = 12, 3
DURATION = float(os.environ.get("DURATION", "60"))
KEPT = 1_024
"""About so many of the newest entries are left by the pruner."""


class Hammer:
    """One log, and what everybody has seen of it."""

    def __init__(self, root: Path, elsewhere: Path, seed: int) -> None:
        self.root, self.elsewhere, self.seed = root, elsewhere, seed
        world.make(root)
        self.workspace: Workspace = world.open_(root, limits=FREE)
        self.ending = threading.Event()
        self.failed: list[BaseException] = []
        self.counts = dict.fromkeys(("answers", "inclusions", "consistencies", "heads"), 0)
        self.counts |= dict.fromkeys(("cosigned", "cuts", "exports"), 0)
        self.lock = threading.Lock()
        self.receipts: dict[int, bytes] = {}
        self.roots: dict[int, bytes] = {}

    def run(self, seconds: float) -> None:
        """Everybody at once for so long; then whatever went wrong is raised."""
        work: list[Callable[[random.Random], None]] = [
            *[self.write] * WRITERS, *[self.read] * READERS, self.be_witness, self.prune, self.export,
        ]  # fmt: skip
        threads = [
            threading.Thread(target=self._guarded, args=(each, number))
            for number, each in enumerate(work)
        ]
        for thread in threads:
            thread.start()
        self.ending.wait(seconds)
        self.ending.set()
        for thread in threads:
            thread.join()
        if self.failed:
            raise self.failed[0]

    def _guarded(self, work: Callable[[random.Random], None], number: int) -> None:
        chance = random.Random(self.seed + number)
        try:
            while not self.ending.is_set():
                work(chance)
        except BaseException as error:
            self.failed.append(error)
            self.ending.set()

    def count(self, what: str) -> None:
        """One more of these."""
        with self.lock:
            self.counts[what] += 1

    def saw(self, note: str) -> Checkpoint:
        """A head that somebody was shown: no other of its size may say something else."""
        head = open_checkpoint(note, self.workspace.ring.verifiers, world.ORIGIN)
        with self.lock:
            assert self.roots.setdefault(head.size, head.root) == head.root, "two heads disagree"
            self.counts["heads"] += 1
        return head

    # -- who does what -----------------------------------------------------------------------------

    def write(self, chance: random.Random) -> None:
        """An agent: a decision with a charge and a value, and now and then its outcome."""
        number = chance.randrange(10**9)
        subject = self.workspace.vault.pseudonym("payee", f"IBAN {number % 97}")
        command = world.Decide(
            str(number),
            (world.euro("1"), ("seen", subject, "1", "")),
            values=(("args.note", b'"value"', subject),),
        )
        try:
            receipt = self.workspace.ledger.submit(command).result(60).receipts[0]
        except Busy:
            return
        with self.lock:
            assert receipt.index not in self.receipts, "one index was answered twice"
            self.receipts[receipt.index] = receipt.leaf_hash
            self.counts["answers"] += 1
        if number % 20 == 0:
            self.saw(receipt.checkpoint)
            self.workspace.ledger.submit(world.outcome(receipt.index)).result(60)

    def read(self, chance: random.Random) -> None:
        """A reader: one checkpoint, then many entries proven against it, then a later one."""
        reader = self.workspace.reader
        first = self.saw(reader.checkpoint())
        for _ in range(25):
            if self.ending.is_set() or not first.size:
                return
            index = chance.randrange(first.size)
            try:
                leaf = leaf_hash(reader.entry_bytes(index))
            except Pruned:
                assert index < reader.minimum
                leaf = reader.node(0, index)
            with self.lock:
                answered = self.receipts.get(index)
            assert answered in (None, leaf), f"entry {index} is not what was answered"
            proof = reader.inclusion_proof(index, first.size)
            verify_inclusion(leaf, index, first.size, proof, first.root)
            self.count("inclusions")
        later = self.saw(reader.checkpoint())
        proof = reader.consistency_proof(first.size, later.size)
        verify_consistency(first.size, first.root, later.size, later.root, proof)
        self.count("consistencies")
        self.ending.wait(0.1)  # all share one interpreter: writers must have their turns

    def be_witness(self, _chance: random.Random) -> None:
        """A witness is shown each new head as the rules want it, and must cosign every one."""
        path = self.elsewhere / "witness"
        if not path.exists():
            key = from_seed("witness.example/w", ED25519_COSIGNATURE, bytes(32), self._seconds)
            pinned = tuple(self.workspace.ring.verifiers)
            State.create(path, [key]).pin(PinnedLog(world.ORIGIN, pinned, "", ""))
            self.witness, self.old = Witness(State(path), self._seconds, lambda _: None), 0
        reader = self.workspace.reader
        note = reader.checkpoint()
        size = self.saw(note).size
        if size > self.old:
            proof = reader.consistency_proof(self.old, size) if self.old else []
            answer = self.witness.add_checkpoint(
                AddCheckpoint(self.old, tuple(proof), note).encode()
            )
            assert answer.status == 200, answer
            self.old = size
            self.count("cosigned")
        self.ending.wait(0.2)

    def prune(self, _chance: random.Random) -> None:
        """Old entries are given up, whole bundles at a time."""
        self.ending.wait(2)
        minimum = (self.workspace.ledger.size - KEPT) // 256 * 256
        if minimum > self.workspace.reader.minimum:
            prune(self.workspace, minimum)
            self.count("cuts")

    def export(self, chance: random.Random) -> None:
        """An auditor exports and verifies, holding an older head against it."""
        self.ending.wait(3)
        reader = self.workspace.reader
        kept = reader.checkpoint()
        self.ending.wait(chance.uniform(0, 1))
        package = self.elsewhere / "package"
        shutil.rmtree(package, ignore_errors=True)
        try:
            write_package(package, reader, reader.checkpoint())
        except Pruned:
            return  # a cut came in between: what was to be exported is no longer there
        if self.saw(kept).size:
            verify(package, self.workspace.ring.verifiers, head=kept)
            self.count("exports")

    def _seconds(self) -> int:
        return int(time.time())

    # -- afterwards --------------------------------------------------------------------------------

    def settle(self) -> None:
        """Stop, start, and hold everything that was seen against what is there."""
        vkeys, paths = self.workspace.vkeys, self.workspace.paths
        self.workspace.close()
        with world.open_(self.root, limits=FREE) as again:
            assert again.views.wait_for(again.ledger.size, timeout=120)
            assert fsck(paths, vkeys).findings == ()
            for index, leaf in self.receipts.items():
                assert again.reader.node(0, index) == leaf
            for size, root in self.roots.items():
                assert again.reader.frontier(size).root() == root

    def told(self, seconds: float) -> str:
        """What was done, for whoever reads the run."""
        parts = ", ".join(f"{count:,} {what}" for what, count in self.counts.items())
        return f"hammer-log: {seconds:.0f} s, seed {self.seed}: {parts}"


def test_everybody_at_once_on_one_log(tmp_path: Path, capsys: Any) -> None:
    """Something rare between a writer, a reader, a witness and a cut could break a proof or a head."""
    seed = int(os.environ.get("HAMMER_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    hammer = Hammer(tmp_path / "ws", elsewhere, seed)
    try:
        hammer.run(DURATION)
    finally:
        with capsys.disabled():
            print(hammer.told(DURATION), file=sys.stderr)
    hammer.settle()
    done = hammer.counts
    assert all(done[what] for what in ("answers", "inclusions", "consistencies", "cosigned"))
    assert DURATION < 30 or (done["cuts"] and done["exports"])
