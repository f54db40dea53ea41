"""Sharing a log with other processes: taking turns, and following what the others wrote.

The law: whoever holds the lock of the head's row is alone, and has read everything before it writes.
What others wrote is hashed and folded again here (of what only counts the bytes are hashed, no more), and
must be what the head that they signed says; a head that is older than the last one seen, or says something else about it, is not followed; one that
a key signed which the log named before is, though that key cannot sign here. Whatever
is remembered about facts, subjects and time is brought up to the same entry as the state. What is read
may put a key in force that is not in this service's folder: that is known as soon as it is read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from audit.checkpoint import Checkpoint, open_checkpoint
from audit.entry import Entry
from audit.errors import LogError
from audit.keys import Verifier
from audit.tree import leaf_hash
from governance.store.clock import LogClock, to_microseconds
from governance.store.encoding import quick
from governance.store.errors import CannotOpen, Damaged
from governance.store.facts import FactBook
from governance.store.fold import Fold, State
from governance.store.keyring import KeyRing
from governance.store.lanes import Job
from governance.store.position import Position
from governance.store.sqlite import Connection
from governance.store.tail import Tail

News = Callable[[int, Entry], None]

_TAKE: Final = "SELECT size, note FROM log_head WHERE id = 1 FOR UPDATE"
_LOOK: Final = "SELECT size, note FROM log_head WHERE id = 1"
_GIVE: Final = "UPDATE log_head SET size = ?, note = ? WHERE id = 1"
_READ: Final = "SELECT entry FROM log_entries WHERE idx >= ? AND idx < ? ORDER BY idx"
_READ_ON: Final = "SELECT entry FROM log_entries WHERE idx >= ? ORDER BY idx LIMIT ?"
_CHUNK: Final = 2_000

log = logging.getLogger(__name__)


class Forked(Damaged):
    """The log is not the one this process has seen: it is older, or another one."""


class Turns:
    """One process's place among those that write a log; the ledger's thread only."""

    def __init__(
        self,
        name: str,
        fold: Fold,
        ring: KeyRing,
        clock: LogClock,
        filling: Callable[[], Job],
    ) -> None:
        """`name` is what the database is called; `filling` makes an entry of the service's own."""
        self._name, self._fold, self._ring = name, fold, ring
        self._clock = clock
        self.filling = filling
        self.news: list[News] = []
        self.tail = Tail()
        self.note = ""
        self.lacking: str | None = None
        """Which key that has to sign does not (a sentence), or None; read by any thread."""
        self._signing: tuple[str, ...] | None = None
        self.crowded = False
        """Whether somebody else wrote since the last turn: then entries are asked for with the lock."""

    def take(
        self, db: Connection, begin: Callable[[], None], at: Position, facts: FactBook
    ) -> Position:
        """Begin a transaction as the only one who writes, with everything read. Waits for others.

        Raises `ServerError`, `Forked`.
        """
        begin()
        before, rows = at.size, None
        head = db.execute(_TAKE)
        if self.crowded:
            # In one journey; the statement sees what was committed when the lock was given.
            rows = db.execute(_READ_ON, (at.size, _CHUNK)).fetchall()
        at = self._follow(db, at, facts, head.fetchone(), rows)
        self._check(at, before)
        self.crowded = at.size != before
        return at

    def look(self, db: Connection, at: Position, facts: FactBook) -> Position:
        """Follow the others without a lock. Raises `ServerError`, `Forked`."""
        before = at.size
        at = self._follow(db, at, facts, db.execute(_LOOK).fetchone())
        self._check(at, before)
        return at

    def give(self, db: Connection, size: int, note: str) -> None:
        """Say what the log will be once this transaction is committed."""
        db.execute(_GIVE, (size, note))  # the row is there: this transaction has locked it

    # -- following ---------------------------------------------------------------------------------

    def _check(self, at: Position, before: int) -> None:
        """Are the keys here that sign what comes after `at`? Asked again while one is not."""
        if at.size == before and self.lacking is None:
            return
        vkeys = self._fold.log_keys(at.state)
        lacking = self._ring.lacking(vkeys)
        if lacking is None and vkeys != self._signing:
            self._signing = vkeys
            try:
                self._ring.follow(vkeys)
            except (
                CannotOpen
            ) as error:  # it is written down at the next start; the log is what counts
                log.warning("%s", error)
        if lacking != self.lacking:
            if lacking is None:
                log.warning("every key that has to sign is here again")
            else:
                log.error("%s", lacking)
        self.lacking = lacking

    def _follow(
        self, db: Connection, at: Position, facts: FactBook, row: Any, rows: list[Any] | None = None
    ) -> Position:
        """Follow to the head in `row`; `rows`: the next entries, at most a chunk, if they are at hand."""
        if row is None:
            raise Forked(f"`{self._name}` has lost the row of its head; restore the newest backup")
        size, note = int(row[0]), str(row[1])
        if note == self.note and size == at.size:
            return at
        head = self._signed(note, size, at.state)
        if size < at.size:
            raise Forked(
                f"`{self._name}` has {size} entries, but this service has seen {at.size}: it was put "
                "back to an older day, or a standby took over that did not have everything. Put the "
                "newer database back; if it is lost, restore with `governance restore --acknowledge`"
            )
        try:
            position, newest = self._folded(db, at, facts, size, rows)
        except BaseException:
            facts.reset()
            raise
        if position.frontier.root() != head.root:
            facts.reset()
            raise Forked(
                f"`{self._name}` is not the log that this service has seen (a fork), or its entries "
                "are not those that its head signs. Keep a copy; nothing more is written"
            )
        self.note = note
        self.tail.add(size - len(newest), newest)
        return position

    def _folded(
        self, db: Connection, at: Position, facts: FactBook, size: int, rows: list[Any] | None
    ) -> tuple[Position, list[bytes]]:
        """The position at `size` entries, and the newest of those that were read for it."""
        if size == at.size:
            return at, []
        frontier, state, newest = at.frontier.copy(), at.state, []
        inert, moved = self._fold.inert, self._fold.moved
        for first in range(at.size, size, _CHUNK):
            last = min(first + _CHUNK, size)
            if rows is None:
                rows = db.execute(_READ, (first, last)).fetchall()
            if len(rows) != last - first:
                raise Forked(f"entries between {first} and {last} are missing from `{self._name}`")
            newest = [data for (data,) in rows]
            frontier.extend(map(leaf_hash, newest))
            for index, data in enumerate(newest, first):
                if not data:
                    raise Forked(f"entry {index} was pruned before it was read; start again")
                if inert(data):
                    continue
                entry = quick(data)
                state = self._fold.apply(moved(state, index), index, entry)
                facts.follow(index, entry)
                self._notice(index, entry)
            state = moved(state, last)
            self._clock.follow(to_microseconds(quick(data).at))
            rows = None
        return Position(frontier, frontier.root(), state), newest

    def _notice(self, index: int, entry: Entry) -> None:
        if entry.kind == "service.clock":
            if entry.data["event"] == "confirmed":
                self._clock.confirm()
            elif entry.data["event"] == "jumped":
                self._clock.pause()
        for tell in self.news:
            tell(index, entry)

    def _known(self, note: str, state: State) -> Checkpoint:
        """The head, by a key of the ring, by one that the log itself named in what was read, or by one
        that was put into `keys/` since."""
        ring = self._ring
        try:
            return open_checkpoint(note, ring.followed, ring.origin)
        except LogError:
            ring.look_again()
        named = map(Verifier.from_vkey, self._fold.log_keys(state))
        return open_checkpoint(note, tuple(dict.fromkeys((*ring.followed, *named))), ring.origin)

    def _signed(self, note: str, size: int, state: State) -> Checkpoint:
        try:
            head = self._known(note, state)
        except (LogError, CannotOpen) as error:
            why = self.lacking or str(error)
            raise Forked(
                f"the head in `{self._name}` is not signed by a known key: {why}"
            ) from error
        if head.size != size:
            raise Forked(f"the head in `{self._name}` signs {head.size} entries, not {size}")
        return head
