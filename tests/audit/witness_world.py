"""A log that can lie, a witness on a clock of ours, and a server on loopback."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.cosigner import from_seed
from audit.keys import ED25519_COSIGNATURE, Verifier
from audit.note import Ed25519Signer, OpenedNote, Signer, open_note
from audit.tree import consistency_proof, frontier_at
from audit.witness import Answer, Witness
from audit.witness_http import WitnessServer
from audit.witness_request import AddCheckpoint
from audit.witness_state import PinnedLog, State
from tests.memory_log import MemoryLog

ORIGIN = "example.com/acme/governance"
WITNESS = "witness.example/audit"
LOG = Ed25519Signer.from_seed(ORIGIN, bytes(range(32)))
START = 1_790_000_000


class ALog:
    """Entries `0`, `1`, … under a key; `other` tells it to hold different entries from there on."""

    def __init__(self, size: int, other: int | None = None, signer: Signer = LOG) -> None:
        self.entries = MemoryLog(
            b"%d%s" % (n, b"" if other is None or n < other else b"!") for n in range(size)
        )
        self.signer = signer

    def tree(self, size: int) -> Checkpoint:
        """Its first `size` entries."""
        return Checkpoint(ORIGIN, size, frontier_at(size, self.entries.node).root())

    def note(self, size: int) -> str:
        """The signed checkpoint over them."""
        return sign_checkpoint(self.tree(size), self.signer)

    def proof(self, old: int, size: int) -> list[bytes]:
        """Why the first `size` begin with the first `old`."""
        return consistency_proof(old, size, self.entries.node) if 0 < old < size else []

    def request(self, old: int, size: int) -> bytes:
        """The honest request that leads a witness from `old` to `size`."""
        return AddCheckpoint(old, tuple(self.proof(old, size)), self.note(size)).encode()


class AWitness:
    """A witness over a directory, with a clock that is set by hand and what it told kept."""

    def __init__(self, path: Path, *, kind: int = ED25519_COSIGNATURE, seed: int = 7) -> None:
        self.path, self.now = path, START
        self.told: list[str] = []
        key = from_seed(WITNESS, kind, bytes([seed]) * 32, lambda: self.now)
        self.key: Verifier = key.verifier
        self.state = State.create(path, [key])
        self.state.pin(PinnedLog(ORIGIN, (LOG.verifier,), "Acme", "https://acme.example/log"))
        self.witness = self.again()

    def again(self) -> Witness:
        """The witness as another process would start it."""
        self.witness = Witness(State(self.path), lambda: self.now, self.told.append)
        return self.witness

    def add(self, body: bytes) -> Answer:
        """One request."""
        return self.witness.add_checkpoint(body)

    def opened(self, note: str, answer: Answer) -> OpenedNote:
        """The note with the answer's lines, once both keys vouch for it."""
        return open_note(note + answer.body, [LOG.verifier, self.key])

    @property
    def size(self) -> int | None:
        """How far it has cosigned, as read from the disk."""
        held = State(self.path).held(ORIGIN, [self.key])
        return held.tree.size if held else None


@contextmanager
def served(witness: Witness, prefix: str = "", **limits: float) -> Iterator[tuple[str, int]]:
    """The witness on a free port of loopback."""
    server = WitnessServer(("127.0.0.1", 0), witness, prefix, **limits)  # type: ignore[arg-type]
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    try:
        yield "127.0.0.1", int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def ask(
    place: tuple[str, int], method: str, path: str, body: bytes | None = None
) -> tuple[int, str, bytes]:
    """Status, content type and body of one exchange."""
    connection = http.client.HTTPConnection(*place, timeout=5)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.getheader("Content-Type") or "", response.read()
    finally:
        connection.close()
