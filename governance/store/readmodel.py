"""Lists and searches for people, which follow the log at their own pace.

The law: nothing is decided from a read model. It says how far behind it is, it follows on its own
thread into its own file, and whoever doubts it deletes that file: it is made again from the log.
Whether the file belongs to this log is checked by the root of what it has followed.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from audit.errors import Pruned
from audit.tree import Frontier
from governance.store.encoding import quick
from governance.store.errors import Damaged
from governance.store.position import Position
from governance.store.projection import COLUMNS, COUNTED, PRUNED, VERSION, project
from governance.store.reader import Reader
from governance.store.sqlite import explain, insert_rows
from governance.store.tables import ViewTable, statements
from governance.store.tail import Tail

_CHUNK = 1_000
_PAUSE = 0.01
_STEP = 0.25
_MOST = 1_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """One line of the list of decisions; times in microseconds since the epoch."""

    index: int
    at: int
    agent: str
    session: int | None
    action: str
    effect: str
    would_be: str
    risk: str
    rules: tuple[str, ...]
    approval: int | None
    override: int | None
    outcome: str | None
    reversed_by: int | None
    disregarded_by: int | None


@dataclass(frozen=True, slots=True)
class Counted:
    """How many decisions of a span of time had one effect, and the first and the last of them."""

    effect: str
    count: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ApprovalLine:
    """One line of the list of approvals."""

    index: int
    at: int
    decision: int
    agent: str
    state: str
    closed_by: int | None


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One line of the list of all entries that are no decisions."""

    index: int
    at: int
    kind: str
    actor: str


class _End(NamedTuple):
    """Where the log ends: how many entries it has, and the root of their tree, if that is known."""

    size: int
    root: bytes | None = None


class Views:
    """The read models of one workspace."""

    def __init__(self, path: Path, reader: Reader, origin: str, tail: Tail) -> None:
        """`tail`: the newest entries, as the ledger comes by them."""
        self._path, self._log, self._origin, self._tail = path, reader, origin, tail
        self._wake = threading.Condition()
        self._end = _End(0)
        self._hurry = False
        self._ending = False
        self.trouble: str | None = None
        """Why the lists do not follow (a sentence), or None."""
        self._db = self._open()
        self._lock = threading.Lock()
        self._reader = self._connect()
        self._followed = int(self._db.execute("SELECT size FROM follower").fetchone()[0])
        self._thread = threading.Thread(target=self._work, name="views", daemon=True)

    # -- following ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to follow."""
        self._end = _End(self._log.size)
        self._thread.start()

    def notice(self, position: Position) -> None:
        """The log stands here now. What is new is included within a step, or when waited for."""
        self._end = _End(position.size, position.root)

    @property
    def followed(self) -> int:
        """How many entries the read models include."""
        return self._followed

    @property
    def lag(self) -> int:
        """How many entries they are behind."""
        return max(0, self._end.size - self._followed)

    def wait_for(self, size: int, timeout: float = 5.0) -> bool:
        """Wait until the first `size` entries are included; whether they are."""
        end = time.monotonic() + timeout
        with self._wake:
            while self._followed < size:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._hurry = True
                self._wake.notify_all()
                self._wake.wait(min(left, _STEP))
        return True

    def close(self) -> None:
        """Stop following."""
        with self._wake:
            self._ending = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._db.close()
        self._reader.close()

    def _work(self) -> None:
        while not self._ending:
            try:
                while self.lag and not self._ending:
                    self._follow(self._end)
                    self.trouble = None
                    time.sleep(_PAUSE if self.lag else 0)
            except Exception as error:
                log.exception(
                    "the read models cannot follow entry %d; trying again", self._followed
                )
                why = explain(error, self._path) if isinstance(error, sqlite3.Error) else str(error)
                self.trouble = f"lists and searches end before entry {self._followed}: {why}"
                time.sleep(1)
                self._connect_again()
            with self._wake:
                self._wake.notify_all()
                if not self._hurry and not self._ending:
                    self._wake.wait(_STEP)
                self._hurry = False

    def _connect_again(self) -> None:
        """A connection that met a file it may not write does not write it later, either."""
        self._db.close()
        with suppress(sqlite3.Error):  # then the next step says why
            self._db = self._connect()

    def _follow(self, end: _End) -> None:
        """Include the next entries up to `end`, in one transaction."""
        start, stop = self._followed, min(end.size, self._followed + _CHUNK)
        known = end.root if end.size == stop else None
        try:
            entries = self._tail.take(start, stop) or self._log.entries(start, stop)
            root = known or self._log.frontier(stop).root()
            follow(self._db, entries, start, stop, root)
        except Pruned:  # the log was cut before these lists had come so far
            stop = skip(self._db, self._log)
        self._followed = stop

    # -- asking ------------------------------------------------------------------------------------

    def decisions(
        self,
        *,
        agent: str | None = None,
        effect: str | None = None,
        action: str | None = None,
        text: str | None = None,
        since: int | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[DecisionLine]:
        """The newest decisions that fit, newest first; `before` is an index, for the next page, and
        `since` the first index that fits.

        `text` is looked for in agent, action and rules.
        """
        where, values = _where({"agent": agent, "effect": effect, "action": action}, before)
        if since is not None:
            where.append("idx >= ?")
            values.append(since)
        if text:
            where.append("(agent || ' ' || action || ' ' || rules) LIKE ? ESCAPE '\\'")
            values.append(f"%{_escape(text)}%")
        rows = self._ask("decision_list", where, values, limit)
        return [_decision_line(row) for row in rows]

    def counted(self, start: int, stop: int) -> list[Counted]:
        """What was decided from `start` up to `stop` (microseconds; full quarters of an hour)."""
        with self._asking() as db:
            rows = db.execute(
                "SELECT effect, sum(count), min(first), max(last) FROM decision_count "
                "WHERE at >= ? AND at < ? GROUP BY effect",
                (start, stop),
            ).fetchall()
        return [Counted(*row) for row in rows]

    def approvals(
        self, *, state: str | None = None, before: int | None = None, limit: int = 50
    ) -> list[ApprovalLine]:
        """The newest approvals, newest first; `state` open, granted, used, refused, expired, cancelled."""
        where, values = _where({"state": state}, before)
        return [ApprovalLine(*row) for row in self._ask("approval_list", where, values, limit)]

    def entries(
        self,
        *,
        kind: str | None = None,
        actor: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[EntryLine]:
        """The newest entries that are no decisions, newest first."""
        where, values = _where({"kind": kind, "actor": actor}, before)
        return [EntryLine(*row) for row in self._ask("entry_list", where, values, limit)]

    def referring_to(self, index: int, limit: int = 200) -> list[tuple[int, str]]:
        """Index and role of the entries that refer to entry `index`, oldest first."""
        with self._asking() as db:
            return [
                (int(other), str(role))
                for other, role in db.execute(
                    "SELECT idx, role FROM reference_list WHERE target = ? ORDER BY idx LIMIT ?",
                    (index, min(limit, _MOST)),
                )
            ]

    def _ask(self, table: str, where: list[str], values: list[Any], limit: int) -> list[Any]:
        columns = ", ".join(column.name for column in ViewTable.metadata.tables[table].columns)
        condition = f" WHERE {' AND '.join(where)}" if where else ""
        sql = f"SELECT {columns} FROM {table}{condition} ORDER BY idx DESC LIMIT ?"  # noqa: S608
        with self._asking() as db:
            return db.execute(sql, (*values, max(1, min(limit, _MOST)))).fetchall()

    @contextmanager
    def _asking(self) -> Iterator[sqlite3.Connection]:
        """The connection for questions. Raises `Damaged`, saying that the file may go."""
        with self._lock:
            try:
                yield self._reader
            except sqlite3.Error as error:
                raise Damaged(
                    f"the read models in `{self._path}` cannot be read ({error}); stop the service, "
                    "delete that file and start again: they are made anew from the log"
                ) from error

    # -- the file ----------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        """Open the file; make it anew if it is another version's, another log's, or unreadable."""
        try:
            db = self._connect()
            row = db.execute("SELECT version, origin, size, root FROM follower").fetchone()
            if row is not None and row[:2] == (VERSION, self._origin) and self._belongs(*row[2:]):
                return db
            db.close()
        except sqlite3.Error:
            log.info("making the read models anew")
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        db = self._connect()
        create(db, self._origin, *beginning(self._log))
        return db

    def _belongs(self, size: int, root: bytes) -> bool:
        return size <= self._log.size and self._log.frontier(size).root() == root

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=10)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA cache_size=-4000")
        db.execute("PRAGMA temp_store=MEMORY")  # else each insert of many rows makes a file
        db.execute("PRAGMA secure_delete=ON")
        return db


def create(db: sqlite3.Connection, origin: str, size: int, root: bytes) -> None:
    """Make the tables of the read models, to follow on from the first `size` entries with `root`."""
    for statement in statements(ViewTable):
        db.execute(statement)
    db.execute("INSERT INTO follower VALUES (1, ?, ?, ?, ?)", (VERSION, origin, size, root))


class Source(Protocol):
    """What read models are made from: `Reader`, or the log as a check made it again."""

    @property
    def minimum(self) -> int: ...

    def frontier(self, size: int) -> Frontier: ...


def beginning(reader: Source) -> tuple[int, bytes]:
    """From where read models can be made: the first entry that is kept, and the root before it."""
    size = reader.minimum
    return size, reader.frontier(size).root()


def follow(
    db: sqlite3.Connection, entries: Iterable[bytes], start: int, stop: int, root: bytes
) -> None:
    """Bring the read models in `db` from `start` entries to `stop`, whose tree has `root`, by the
    `entries` between, in one transaction. Raises what reading the entries raises.
    """
    inserts: dict[str, list[tuple[Any, ...]]] = {}
    counts: dict[tuple[Any, ...], list[int]] = {}
    updates = []
    for index, data in enumerate(entries, start):
        for sql, values in project(index, quick(data)):
            if sql in COLUMNS:
                inserts.setdefault(sql, []).append(values)
            elif sql is COUNTED:
                counts.setdefault(values[:2], []).append(index)
            else:
                updates.append((sql, values))
    db.execute("BEGIN IMMEDIATE")
    try:
        # an update is about a row that an earlier entry inserted, so all inserts may go first
        for table, rows in inserts.items():
            insert_rows(db, table, COLUMNS[table], rows)
        for quarter, found in counts.items():
            db.execute(COUNTED, (*quarter, len(found), found[0], found[-1]))
        for sql, values in updates:
            db.execute(sql, values)
        db.execute("UPDATE follower SET size = ?, root = ?", (stop, root))
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def skip(db: sqlite3.Connection, reader: Reader) -> int:
    """Go on from the first entry that is kept, leaving out what was pruned unseen; its index."""
    size, root = beginning(reader)
    db.execute("BEGIN IMMEDIATE")
    try:
        for sql in PRUNED:
            db.execute(sql, (size,))
        db.execute("UPDATE follower SET size = ?, root = ?", (size, root))
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    return size


def _where(wanted: dict[str, Any], before: int | None) -> tuple[list[str], list[Any]]:
    where = [f"{column} = ?" for column, value in wanted.items() if value is not None]
    values = [value for value in wanted.values() if value is not None]
    if before is not None:
        where.append("idx < ?")
        values.append(before)
    return where, values


def _decision_line(row: tuple[Any, ...]) -> DecisionLine:
    values = [*row]
    values[8] = tuple(values[8].split())
    return DecisionLine(*values)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
