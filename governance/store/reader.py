"""Reading the log: entries, checkpoints and proofs, without the writer.

The law: a reader never writes, never holds a transaction longer than one chunk, and never goes
beyond the newest signed checkpoint. It fits `audit.storage.Log`, so that proofs, tiles and
packages are made by the same code for every store.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from audit.entry import Entry, decode
from audit.errors import Pruned
from audit.tree import Frontier, consistency_proof, frontier_at, inclusion_proof
from governance.oversight.commands import DecisionFact, Receipt
from governance.store.database import ERRORS, Database, as_database, failure
from governance.store.errors import Damaged
from governance.store.facts import decision_fact
from governance.store.recent import Recent
from governance.store.sqlite import Connection, read_entries

CHUNK = 1_000
_LEAVES = "SELECT leaf FROM log_entries WHERE idx >= ? AND idx < ? ORDER BY idx"
_LEAF = "SELECT leaf FROM log_entries WHERE idx = ?"
_NODE = "SELECT hash FROM tree_nodes WHERE level = ? AND idx = ?"
_NEWEST = "SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1"
_COVERING = "SELECT size, note FROM checkpoints WHERE size > ? ORDER BY size LIMIT 1"


class Reader:
    """Read-only access to a log; any number of threads."""

    def __init__(self, place: Path | Database) -> None:
        self._database = as_database(place)
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._nodes: Recent[tuple[int, int], bytes] = Recent(4_096)
        self._closed = False

    @property
    def size(self) -> int:
        """How many entries the newest checkpoint covers."""
        with self.connection() as db:
            row = db.execute(_NEWEST).fetchone()
        return 0 if row is None else int(row[0])

    def checkpoint(self) -> str:
        """The newest signed checkpoint. Raises `Damaged` if there is none."""
        with self.connection() as db:
            row = db.execute(_NEWEST).fetchone()
        if row is None:
            raise Damaged(f"`{self._database}` has no checkpoint")
        return str(row[1])

    def checkpoint_covering(self, index: int) -> tuple[int, str]:
        """Size and note of the first checkpoint that covers entry `index`. Raises `IndexError`."""
        with self.connection() as db:
            row = db.execute(_COVERING, (index,)).fetchone()
        if row is None:
            raise IndexError(f"there is no entry `{index}`")
        return int(row[0]), str(row[1])

    def checkpoints(self, start: int, stop: int) -> list[str]:
        """The checkpoints with `start` < size <= `stop`, oldest first."""
        with self.connection() as db:
            rows = db.execute(
                "SELECT note FROM checkpoints WHERE size > ? AND size <= ? ORDER BY size",
                (start, stop),
            ).fetchall()
        return [note for (note,) in rows]

    @property
    def minimum(self) -> int:
        """The index of the first entry that is kept: a multiple of 256, 0 while nothing was pruned."""
        with self.connection() as db:
            return minimum_of(db)

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """Canonical bytes of the entries `start` to `stop`, read in short transactions.

        Raises `audit.errors.Pruned` when it comes to one below `minimum`.
        """
        minimum = self.minimum
        if start < min(minimum, stop):
            raise Pruned(start, minimum)
        return self._kept(start, stop)

    def leaves(self, start: int, stop: int) -> Iterator[bytes]:
        """Their leaf hashes."""
        return self._chunks(_LEAVES, start, stop)

    def entry_bytes(self, index: int) -> bytes:
        """Canonical bytes of one entry. Raises `IndexError` if there is none, `Pruned` (which is
        one, too) if it was given up."""
        for entry in self.entries(index, index + 1):
            return entry
        raise IndexError(f"there is no entry `{index}`")

    def entry(self, index: int) -> Entry:
        """One entry, decoded. Raises `IndexError` if there is none."""
        return decode(self.entry_bytes(index))

    def decision(self, index: int) -> DecisionFact | None:
        """What became of the decision at `index`; None if that entry is no decision."""
        with self.connection() as db:
            row = db.execute(
                "SELECT idx, digest, agent, session, effect, at, valid_until, redeemed, outcome, "
                "outcome_idx, attested, released FROM decisions WHERE idx = ?",
                (index,),
            ).fetchone()
        return None if row is None else decision_fact(row)

    def node(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree; level 0 are the leaves. Raises `Damaged` if missing."""
        place = (level, index)
        with self._lock:
            known = self._nodes.get(place)
        if known is not None:
            return known
        with self.connection() as db:
            found = read_node(db, level, index)
        with self._lock:
            self._nodes.put(place, found)
        return found

    def frontier(self, size: int) -> Frontier:
        """The frontier of the first `size` entries."""
        return frontier_at(size, self.node)

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """Why entry `index` is in the tree of `size` entries, RFC 9162 §2.1.3."""
        return inclusion_proof(index, size, self.node)

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """Why the tree of `new` entries extends the one of `old`, RFC 9162 §2.1.4."""
        return consistency_proof(old, new, self.node)

    def receipt(self, index: int) -> Receipt:
        """The receipt of an entry, as it was when it was written. Raises `IndexError`."""
        size, note = self.checkpoint_covering(index)
        return Receipt(index, self.node(0, index), size, note, self.node)

    def close(self) -> None:
        """Close what is idle; connections in use are closed when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A read-only connection for a short while. Raises `Damaged` for what cannot be read."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._database.reader()
        try:
            yield connection
        except ERRORS as error:
            connection.close()
            raise failure(self._database, error) from error
        except BaseException:
            connection.close()
            raise
        with self._lock:
            if not self._closed and len(self._idle) < 8:
                self._idle.append(connection)
                return
        connection.close()

    def _kept(self, start: int, stop: int) -> Iterator[bytes]:
        for index, data in enumerate(self._joined(start, stop), start):
            if not data:  # pruned while they were being read
                raise Pruned(index, self.minimum)
            yield data

    def _joined(self, start: int, stop: int) -> Iterator[bytes]:
        for first in range(start, stop, CHUNK):
            with self.connection() as db:
                found = read_entries(db, first, min(first + CHUNK, stop))
            yield from found

    def _chunks(self, sql: str, start: int, stop: int) -> Iterator[bytes]:
        for first in range(start, stop, CHUNK):
            last = min(first + CHUNK, stop)
            with self.connection() as db:
                rows: Sequence[tuple[bytes]] = db.execute(sql, (first, last)).fetchall()
            for (value,) in rows:
                yield value


def minimum_of(db: Connection) -> int:
    """`Reader.minimum` by way of any connection, also to a copy older than pruning."""
    try:
        row = db.execute("SELECT MAX(minimum) FROM cuts").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return 0
        raise
    return int(row[0] or 0)


def read_node(db: Connection, level: int, index: int) -> bytes:
    """A node by way of any connection. Raises `Damaged` if it is missing."""
    if level == 0:
        row = db.execute(_LEAF, (index,)).fetchone()
    else:
        row = db.execute(_NODE, (level, index)).fetchone()
    if row is None:
        raise Damaged(f"the tree lacks node {index} of level {level}: rows of the log were removed")
    return bytes(row[0])
