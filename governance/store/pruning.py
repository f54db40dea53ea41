"""Carrying a cut out: what lies below the log's minimum goes, what proves it stays.

The law: an entry of the log decides (`retention.pruned`), this only obeys. First the cut is announced
beside the log, together with the state from which it can be folded on; from then on nothing below
the minimum can be read. Then the bytes go, some entries at a time between batches, overwritten and
not only unlinked; a crash leaves a cut half done, which is gone on with. Index, leaf hash and tree
stay, so every proof can still be made. Running totals stay as far as a window can look.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from governance.store.database import ERRORS, Database, dialect_of
from governance.store.errors import Damaged, StoreError
from governance.store.ledger import Ledger
from governance.store.sqlite import Connection, explain
from governance.store.vault import Vault

CHUNK: Final = 1_024
"""Entries emptied between two batches."""

_KEYS: Final = 200
"""Running totals thinned out between two batches."""

_NEWEST: Final = (
    "SELECT minimum, entry, snapshot, last_at, reached FROM cuts ORDER BY minimum DESC LIMIT 1"
)
_OLD: Final = "DELETE FROM totals WHERE series = ? AND key = ? AND (at < ? OR (at = ? AND n < ?))"


class Cut(NamedTuple):
    """A cut as announced: see `tables.CutRow`. `last_at` in microseconds since the epoch."""

    minimum: int
    entry: int
    snapshot: str
    last_at: int
    reached: int = 0


class Base(NamedTuple):
    """The state at a minimum, as dumped, and the entry that seals its digest."""

    sealed_by: int
    semantics: str
    state: bytes


class Removed(NamedTuple):
    """How much went: values of the vault, and values that stayed because they are in use."""

    values: int
    in_use: int


def announced(db: Connection) -> Cut | None:
    """The newest cut, or None."""
    row = db.execute(_NEWEST).fetchone()
    return None if row is None else Cut(*row)


def announce(ledger: Ledger, cut: Cut, base: Base) -> None:
    """Announce the cut that an entry of the log decided; nothing if it is announced already.

    Raises `Damaged` if `base` is not the state the entry names, `StoreError` when it cannot be done.
    """
    if hashlib.sha256(base.state).hexdigest() != cut.snapshot:
        raise Damaged(f"the state at entry {cut.minimum} is not the one that was sealed")

    def work(db: Connection) -> None:
        found = announced(db)
        if found is not None and found.minimum >= cut.minimum:
            return
        db.execute(
            "INSERT INTO cuts (minimum, entry, snapshot, last_at, reached) VALUES (?,?,?,?,0)",
            cut[:4],
        )
        db.execute("DELETE FROM snapshots WHERE size <= ?", (cut.minimum,))
        db.execute(
            "INSERT INTO snapshots (size, sealed_by, digest, semantics, state) VALUES (?,?,?,?,?)",
            (cut.minimum, base.sealed_by, cut.snapshot, base.semantics, base.state),
        )

    ledger.chore(work).result()


def carry_out(
    ledger: Ledger,
    vault: Vault,
    path: Path,
    *,
    in_use: frozenset[int] = frozenset(),
    older_logs: bool = True,
) -> Removed:
    """Carry the announced cut out, or go on with it; blocks, while batches go on in between.

    Texts of the entries `in_use` stay; so do, without `older_logs`, the values of the logs this one
    was restored from. `path` is the log's file; from a server its owner takes the bytes first
    (`empty_on_server`). Raises `StoreError`; then ask again.
    """
    cut = ledger.chore(announced).result()
    if cut is None:
        return Removed(0, 0)
    shared = ledger.writer.shared
    if not shared:
        _empty_all(ledger, cut)
    elif cut.reached < cut.minimum:
        raise StoreError(
            f"entries below {cut.minimum} are given up, but their bytes are still on the server: "
            "only its owner may take them out, with `governance database prune --owner postgresql://…`"
        )
    place: tuple[str, str] | None = ("", "")
    while place is not None:
        place = ledger.chore(partial(_thin, after=place, last_at=cut.last_at)).result()
    if not shared:
        fold_back(path)
    values = vault.prune(cut.minimum, in_use, older_logs=older_logs)
    return Removed(values, vault.count(in_use))


def empty_on_server(database: Database) -> int:
    """Take the bytes below the announced minimum out of a server, as its owner; how many entries.

    Beside the services: nobody reads there any more. May be stopped and done again. Raises
    `CannotOpen`, `StoreError`.
    """
    with closing(database.writer()) as db:
        try:
            cut = announced(db)
            if cut is None:
                return 0
            for first in range(cut.reached, cut.minimum, CHUNK):
                db.execute(database.begin)
                _empty(db, first=first, stop=min(first + CHUNK, cut.minimum))
                db.execute("COMMIT")
            db.execute("VACUUM log_entries")
            return cut.minimum - cut.reached
        except ERRORS as error:
            raise StoreError(database.explain(error)) from error


def _empty_all(ledger: Ledger, cut: Cut) -> None:
    for first in range(cut.reached, cut.minimum, CHUNK):
        ledger.chore(partial(_empty, first=first, stop=min(first + CHUNK, cut.minimum))).result()


def fold_back(path: Path, patience: float = 20.0) -> None:
    """Fold a write-ahead log back, so that what was emptied is in no file. Raises `StoreError`."""
    end = time.monotonic() + patience
    try:
        db = sqlite3.connect(path, isolation_level=None, timeout=2)
        try:
            while db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() > end:
                    raise StoreError(
                        f"`{path}` is being read by another program, so pruned bytes may still be "
                        "in its write-ahead log; end that program, the cut then goes on by itself"
                    )
                time.sleep(0.05)
        finally:
            db.close()
    except sqlite3.Error as error:
        raise StoreError(explain(error, path)) from error


def _empty(db: Connection, *, first: int, stop: int) -> None:
    """Empty some entries. `secure_delete` is on for as long, so that their bytes are overwritten."""
    _overwrite(db, "ON")
    db.execute(
        "UPDATE log_entries SET entry = ? WHERE idx >= ? AND idx < ? AND entry <> ?",
        (b"", first, stop, b""),
    )
    db.execute("DELETE FROM decisions WHERE idx >= ? AND idx < ?", (first, stop))
    db.execute(
        "UPDATE cuts SET reached = ? WHERE minimum = (SELECT MAX(minimum) FROM cuts) "
        "AND reached < ?",
        (stop, stop),
    )
    _overwrite(db, "FAST")


def _thin(db: Connection, *, after: tuple[str, str], last_at: int) -> tuple[str, str] | None:
    """Of the totals up to `last_at` keep each key's newest; where to go on, or None.

    A window that begins later needs no other: it is the newest total less the last one before it.
    """
    rows = db.execute(
        "SELECT series, key FROM totals WHERE (series, key) > (?, ?) GROUP BY series, key "
        "ORDER BY series, key LIMIT ?",
        (*after, _KEYS),
    ).fetchall()
    _overwrite(db, "ON")
    for series, key in rows:
        newest = db.execute(
            "SELECT at, n FROM totals WHERE series = ? AND key = ? AND at <= ? "
            "ORDER BY at DESC, n DESC LIMIT 1",
            (series, key, last_at),
        ).fetchone()
        if newest is not None:
            db.execute(_OLD, (series, key, newest[0], newest[0], newest[1]))
    _overwrite(db, "FAST")
    return (rows[-1][0], rows[-1][1]) if len(rows) == _KEYS else None


def _overwrite(db: Connection, mode: str) -> None:
    """Whether what is deleted is overwritten; a server does that in its own time."""
    if dialect_of(db) == "sqlite":
        db.execute(f"PRAGMA secure_delete={mode}")
