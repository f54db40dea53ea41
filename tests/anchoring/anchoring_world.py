"""A log small enough to hold in the hand, for anchors that are not small."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.note import Ed25519Signer
from audit.tree import consistency_proof
from governance.anchoring.anchor import Head
from tests.memory_log import MemoryLog

START = datetime(2026, 11, 20, 8, tzinfo=UTC)


class Log:
    """A signed log in memory; `head` gives its newest head, or an earlier one."""

    def __init__(self, origin: str = "log.corp.example/governance") -> None:
        self.origin = origin
        self.signer = Ed25519Signer.from_seed(origin, bytes(range(32)))
        self.tree = MemoryLog()
        self.grow(3)

    def grow(self, by: int) -> Head:
        """Add so many entries; the new head."""
        for _ in range(by):
            self.tree.append(b"entry %d" % self.tree.size)
        return self.head()

    def extends(self, old: int, new: int) -> list[bytes]:
        """Why the tree of `new` entries extends the one of `old`."""
        return consistency_proof(old, new, self.tree.node)

    def head(self) -> Head:
        """The newest head."""
        size, root = self.tree.size, self.tree.root()
        note = sign_checkpoint(Checkpoint(self.origin, size, root), self.signer)
        at = START + timedelta(minutes=size)
        return Head(self.origin, size, root, note, at, self.extends)
