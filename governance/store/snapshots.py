"""Snapshots of the state, so that a start need not fold the whole log.

The law: a snapshot counts only if an entry of the log names its digest, its size and the version
of its meaning; otherwise it is as if it were not there, and the state is folded from further back.
A snapshot is recorded by an entry in whose transaction its bytes are stored. Where the log was cut,
it is folded from a snapshot at or after its minimum.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from datetime import datetime
from typing import NamedTuple

from audit.entry import Entry
from audit.tree import Frontier, frontier_at, leaf_hash
from governance.store.clock import to_microseconds
from governance.store.encoding import quick
from governance.store.errors import Damaged, StoreError
from governance.store.fold import Fold, State
from governance.store.ledger import SERVICE, Ledger
from governance.store.position import Position
from governance.store.reader import minimum_of, read_node
from governance.store.sqlite import Connection

EVERY = 50_000
"""Entries between snapshots."""

MOST = 2**62
_KEPT = 2
_CHUNK = 2_000
_STORED = "SELECT size, sealed_by, digest, semantics, state FROM snapshots ORDER BY size DESC"
_ROWS = "SELECT idx, entry, leaf FROM log_entries WHERE idx >= ? AND idx < ? ORDER BY idx"

log = logging.getLogger(__name__)


class Folded(NamedTuple):
    """The state of a log, its tree, when its last entry was written, the newest snapshot's size."""

    state: State
    frontier: Frontier
    last_at: int
    snapshot: int


def fold_log(db: Connection, size: int, fold: Fold, carried: State | None, at: int = 0) -> Folded:
    """The state after `size` entries, from the newest snapshot that counts.

    `carried` is the state the log began with (None: genesis), `at` the time it was of. Every entry that is folded is hashed
    again; the frontier returned rests on those hashes. Raises `Damaged`.
    """
    kept = minimum_of(db)
    found = newest(db, fold)
    if found is None and kept:
        raise Damaged(
            f"its entries before {kept} were pruned, and no snapshot from there on fits this version "
            f"(semantics `{fold.semantics}`); start the version that wrote it"
        )
    start, state = found or (0, fold.genesis() if carried is None else carried)
    frontier = frontier_at(start, lambda level, index: read_node(db, level, index))
    for first in range(max(0, start - 1), size, _CHUNK):
        for index, data, leaf in db.execute(_ROWS, (first, min(first + _CHUNK, size))):
            if index < kept:
                continue  # the entry before a snapshot at the minimum
            entry = quick(data)
            at = max(at, to_microseconds(entry.at))
            if index < start:
                continue
            hashed = leaf_hash(data)
            if hashed != leaf or index != frontier.size:
                raise Damaged(f"entry {index} is missing or not the one that was recorded")
            frontier.append(hashed)
            state = fold.apply(state, index, entry)
    if frontier.size != size:
        raise Damaged(f"entries from {frontier.size} on are missing")
    return Folded(state, frontier, at, start)


def newest(db: Connection, fold: Fold, upto: int | None = None) -> tuple[int, State] | None:
    """Size and state of the newest snapshot that counts, of at most `upto` entries; or None."""
    rows = db.execute(
        "SELECT size, sealed_by, digest, semantics, state FROM snapshots "
        "WHERE size >= ? AND size <= ? ORDER BY size DESC",
        (minimum_of(db), MOST if upto is None else upto),
    ).fetchall()
    for size, sealed_by, digest, semantics, state in rows:
        if semantics != fold.semantics:
            continue
        if _sealed(db, size, sealed_by, digest, semantics, state):
            return size, fold.load(state)
    return None


def stored(db: Connection, size: int) -> bytes | None:
    """The state after exactly `size` entries as it was dumped, or None; not checked."""
    row = db.execute("SELECT state FROM snapshots WHERE size = ?", (size,)).fetchone()
    return None if row is None else bytes(row[0])


def unsound(db: Connection) -> list[int]:
    """Sizes of the stored snapshots that no entry names; none of them is ever used."""
    return [row[0] for row in db.execute(_STORED).fetchall() if not _sealed(db, *row)]


def _sealed(
    db: Connection, size: int, sealed_by: int, digest: str, semantics: str, state: bytes
) -> bool:
    """Whether the entry `sealed_by` names exactly these bytes."""
    if hashlib.sha256(state).hexdigest() != digest:
        return False
    row = db.execute("SELECT entry FROM log_entries WHERE idx = ?", (sealed_by,)).fetchone()
    if row is None:
        return False
    try:
        entry = quick(row[0])
    except (ValueError, KeyError, TypeError):
        return False  # it was altered
    sealed = {"size": size, "digest": digest, "semantics": semantics}
    return entry.kind == "service.snapshot" and entry.data == sealed


class Snapshots:
    """Takes a snapshot every so many entries, on a thread of its own."""

    def __init__(self, ledger: Ledger, fold: Fold, newest: int, every: int = EVERY) -> None:
        self._ledger, self._fold, self._every = ledger, fold, every
        self._newest = newest
        self._due: Position | None = None
        self._wake = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._work, name="snapshots", daemon=True)

    def start(self) -> None:
        """Begin to watch the ledger."""
        self._ledger.after_commit(self._committed)
        self._thread.start()

    def close(self) -> None:
        """End; a snapshot that was begun is given up."""
        self._ending = True
        self._wake.set()
        self._thread.join()

    def take(self, position: Position) -> int:
        """Record a snapshot of `position`; the index of the entry that seals it."""
        size = position.size
        state = self._fold.dump(position.state)
        digest = hashlib.sha256(state).hexdigest()
        semantics = self._fold.semantics

        def make(_state: State, at: datetime, _index: int) -> tuple[Entry, ...]:
            data = {"size": size, "digest": digest, "semantics": semantics}
            return (Entry("service.snapshot", at, SERVICE, data),)

        def keep(db: Connection, index: int) -> None:
            db.execute(
                "INSERT INTO snapshots (size, sealed_by, digest, semantics, state) "
                "VALUES (?,?,?,?,?) ON CONFLICT (size) DO UPDATE SET sealed_by = "
                "excluded.sealed_by, digest = excluded.digest, semantics = excluded.semantics, "
                "state = excluded.state",
                (size, index, digest, semantics, state),
            )
            db.execute(
                "DELETE FROM snapshots WHERE size NOT IN "
                "(SELECT size FROM snapshots ORDER BY size DESC LIMIT ?) "
                "AND size NOT IN (SELECT minimum FROM cuts)",
                (_KEPT,),
            )

        answer = self._ledger.record(make, keep).result()
        self._newest = size
        return answer.receipts[0].index

    def seen(self, size: int) -> None:
        """Another process took a snapshot of the first `size` entries."""
        self._newest = max(self._newest, size)

    def _committed(self, position: Position) -> None:
        if position.size - self._newest >= self._every and self._due is None:
            self._due = position
            self._wake.set()

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._ending:
                return
            if self._due is not None:
                try:
                    self.take(self._due)
                except StoreError as error:
                    log.warning("no snapshot was taken: %s", error)
                self._due = None
