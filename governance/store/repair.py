"""Making again what is derivable, and nothing else.

The law: a repair touches no entry, signs nothing and never moves a head. It happens only when a
genuine head signs exactly the entries there are, while nobody owns the workspace, in one
transaction that is checked once more before it is committed. What was found is kept as a copy, and
the next start records in the log that it was done (`service.repaired`), even after a crash.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from audit.disk import sync_directory
from audit.entry import Entry
from audit.keys import Verifier
from governance.store.backup import STAMP
from governance.store.clock import to_microseconds
from governance.store.copies import copy_database
from governance.store.database import ERRORS, LOG_SCHEMA, Database, server
from governance.store.encoding import quick
from governance.store.errors import CannotOpen, NotOwner, StoreError
from governance.store.findings import Report
from governance.store.fold import State
from governance.store.fsck import Checked, check
from governance.store.fsck_facts import Facts, charges_of, decision_rows
from governance.store.fsck_log import Log, check_log
from governance.store.fsck_server import alone, lift_guards, put_head_row, set_guards
from governance.store.headfile import read_note
from governance.store.ledger import SERVICE, Ledger
from governance.store.ownership import OwnerLock
from governance.store.paths import Paths
from governance.store.sqlite import Connection, insert_rows

_PENDING = "repaired"
_CHUNK = 1_000


class Repaired(NamedTuple):
    """What a repair did: how many of each part, and where what was found is kept."""

    found: Report
    counts: dict[str, int]
    kept: Path | None


def repair(paths: Paths, at: datetime, vkeys: Sequence[str], *, owner: str = "") -> Repaired:
    """Make again what of the workspace at `paths` follows from its entries.

    `vkeys` as for `fsck`; `owner` is the address by which the owner of a server's database connects,
    for the service's own role may change no hash. Raises `NotOwner` while a service owns the
    workspace, `CannotOpen` when no genuine head signs exactly the entries there are: then nothing
    may be made again. Afterwards open the workspace, which records what was done.
    """
    database = _writable(paths, owner)
    try:
        lock = OwnerLock(paths.lock)
    except NotOwner as error:
        raise NotOwner(
            f"nothing was repaired: {error.owner} serves `{paths.root}` and would go on with what it "
            "remembers. Stop it, run this again, start it; without `--repair` the check may run "
            "beside it",
            error.owner,
        ) from error
    try:
        with tempfile.TemporaryDirectory(dir=paths.root, prefix=".repair-") as folder:
            scratch = Path(folder)
            checked = check(paths, scratch, vkeys)
            _require_vouched(paths, checked)
            if not checked.report.derivable:
                return Repaired(checked.report, {}, None)
            kept = _keep(paths, scratch, at)
            counts = _rewrite(paths, database, checked, scratch, vkeys, kept)
            return Repaired(checked.report, counts, kept)
    except OSError as error:
        raise StoreError(f"the repair could not be carried out: {error}") from error
    finally:
        lock.release()


def _writable(paths: Paths, owner: str) -> Database:
    """The log's database as somebody who may change its hashes. Raises `CannotOpen`."""
    if not paths.log_database.shared:
        return paths.log_database
    if not owner:
        raise CannotOpen(
            f"`{paths.log_database}` is on a server, and the service's role may not change a hash "
            "there; give the owner's address with `--owner postgresql://OWNER@HOST/NAME` (or "
            "`--owner env:NAME`)"
        )
    return server(owner, LOG_SCHEMA)


def pending(db: Connection) -> dict[str, Any] | None:
    """What a repair did and no entry says yet; the data of that entry."""
    row = db.execute("SELECT value FROM meta WHERE name = ?", (_PENDING,)).fetchone()
    return None if row is None else json.loads(row[0])


def record(ledger: Ledger, data: dict[str, Any]) -> None:
    """Append the entry that says so; once it is there, nothing is pending any more."""

    def make(_state: State, at: datetime, _index: int) -> tuple[Entry, ...]:
        return (Entry("service.repaired", at, SERVICE, data),)

    def done(db: Connection, _index: int) -> None:
        db.execute("DELETE FROM meta WHERE name = ?", (_PENDING,))

    ledger.record(make, done).result()


def _require_vouched(paths: Paths, checked: Checked) -> None:
    if checked.log.signed is not None:
        return
    first = next((found for found in checked.report.findings if not found.derivable), None)
    because = "" if first is None else f" ({first.where}: {first.what})"
    raise CannotOpen(
        f"no genuine head signs the entries that are in `{paths.log}`{because}, so nothing can be "
        "made again from them. Keep a copy, then put the right database back, or go on from the "
        "newest backup with `governance restore --acknowledge`"
    )


def _keep(paths: Paths, scratch: Path, at: datetime) -> Path:
    """Put what was found aside, in `archive/`."""
    kept = paths.archive / f"{at.strftime(STAMP)}-before-repair"
    try:
        kept.mkdir(mode=0o700, parents=True)
    except FileExistsError as error:
        raise StoreError(f"`{kept}` is there already; wait a second and try again") from error
    for name, target in (("stored.db", "log.db"), ("views.db", "views.db")):
        if (scratch / name).exists():
            copy_database(scratch / name, kept / target)
    sync_directory(kept)
    sync_directory(paths.archive)
    return kept


def _rewrite(
    paths: Paths,
    database: Database,
    checked: Checked,
    scratch: Path,
    vkeys: Sequence[str],
    kept: Path,
) -> dict[str, int]:
    """Everything in the log's database, in one transaction, checked before it is committed."""
    log, facts = checked.log, checked.facts
    try:
        db = database.writer()
        with closing(db), closing(sqlite3.connect(scratch / "facts.db")) as derived:
            alone(db, database, log.size)
            before = _entries_digest(db, log.size)
            lifted = lift_guards(db)
            _hashes(db, log)
            for series, key in facts.totals:
                _totals(db, derived, series, key)
            _decisions(db, derived, facts)
            db.executemany(
                "DELETE FROM snapshots WHERE size = ?", [(n,) for n in checked.snapshots]
            )
            if checked.row is not None:
                put_head_row(db, log.size, checked.row)
            counts = {
                "leaves": len(log.leaves),
                "nodes": len(log.nodes),
                "checkpoints": len(log.checkpoints) + (checked.row is not None),
                "totals": len(set(facts.totals)),
                "decisions": len(facts.decisions),
                "snapshots": len(checked.snapshots),
                "guards": set_guards(db, lifted),
                "views": int(checked.views),
            }
            again = check_log(
                db, [Verifier.from_vkey(vkey) for vkey in vkeys], read_note(paths.head)
            )
            broken = [found for found in again.findings if found.derivable]
            if again.signed is None or broken or _entries_digest(db, log.size) != before:
                raise StoreError("what was made again does not hold; nothing was changed")
            data = {"counts": counts, "found": _digest(kept / "log.db")}
            db.execute("DELETE FROM meta WHERE name = ?", (_PENDING,))
            db.execute("INSERT INTO meta VALUES (?, ?)", (_PENDING, json.dumps(data).encode()))
            if checked.views:
                _forget_views(paths)
            db.execute("COMMIT")
            return counts
    except ERRORS as error:
        raise StoreError(database.explain(error)) from error


def _hashes(db: Connection, log: Log) -> None:
    """Leaf hashes, nodes and checkpoints, each put where it was found otherwise."""
    db.executemany("UPDATE log_entries SET leaf = ? WHERE idx = ?", list(_turned(log.leaves)))
    db.executemany(
        "DELETE FROM tree_nodes WHERE level = ? AND idx = ?", [at for at, _ in log.nodes]
    )
    nodes = [(*place, value) for place, value in log.nodes if value is not None]
    insert_rows(db, "tree_nodes", ("level", "idx", "hash"), nodes)
    _checkpoints(db, log.checkpoints)


def _turned(leaves: list[tuple[int, bytes]]) -> Iterator[tuple[bytes, int]]:
    return ((leaf, index) for index, leaf in leaves)


def _entries_digest(db: Connection, size: int) -> bytes:
    """One hash over the bytes of all entries: they must be the same afterwards."""
    whole = hashlib.sha256()
    for start in range(0, size, _CHUNK):
        rows = db.execute(
            "SELECT idx, entry FROM log_entries WHERE idx >= ? AND idx < ? ORDER BY idx",
            (start, start + _CHUNK),
        )
        for index, entry in rows.fetchall():
            whole.update(b"%d %d " % (index, len(entry)) + entry)
    return whole.digest()


def _checkpoints(db: Connection, wrong: list[tuple[int, str | None]]) -> None:
    """Take out heads that this log never signed; put in the newest if only the head file had it."""
    for size, note in wrong:
        row = db.execute("SELECT at FROM checkpoints WHERE size = ?", (size,)).fetchone()
        db.execute("DELETE FROM checkpoints WHERE size = ?", (size,))
        if note is not None:
            at = row[0] if row is not None else _time_of(db, size)
            db.execute("INSERT INTO checkpoints (size, at, note) VALUES (?,?,?)", (size, at, note))


def _time_of(db: Connection, size: int) -> int:
    """When the last of `size` entries was written, in microseconds; its head has the same time."""
    row = db.execute("SELECT entry FROM log_entries WHERE idx = ?", (size - 1,)).fetchone()
    return 0 if row is None else to_microseconds(quick(row[0]).at)


def _totals(db: Connection, derived: sqlite3.Connection, series: str, key: str) -> None:
    """Replace the running totals of one key by those the entries give."""
    for table, columns in (
        ("totals", ("series", "key", "at", "n", "unit", "sum", "other_at")),
        ("given_back", ("series", "key", "node", "sum", "count")),
    ):
        db.execute(f"DELETE FROM {table} WHERE series = ? AND key = ?", (series, key))  # noqa: S608
        sql = f"SELECT {', '.join(columns)} FROM {table} WHERE series = ? AND key = ?"  # noqa: S608
        insert_rows(db, table, columns, derived.execute(sql, (series, key)).fetchall())


def _decisions(db: Connection, derived: sqlite3.Connection, facts: Facts) -> None:
    """Replace what is stored about decisions by what the entries say.

    Charges to a series that began with more than entries give keep the numbers they have; a row
    that is made anew does not know them.
    """
    whole = facts.scope.whole
    for index in facts.decisions:
        row = db.execute("SELECT charges FROM decisions WHERE idx = ?", (index,)).fetchone()
        kept = [] if row is None else [c for c in charges_of(row[0]) if c[0] and not whole(c[0])]
        db.execute("DELETE FROM decisions WHERE idx = ?", (index,))
        for columns, values, charges in decision_rows(derived, index):
            known = [charge for charge in charges_of(charges) if whole(charge[0])]
            made = orjson.dumps([*known, *kept]).decode()
            insert_rows(db, "decisions", (*columns, "charges"), [(*values, made)])


def _forget_views(paths: Paths) -> None:
    """Delete the read models; the next start makes them anew from the log."""
    for suffix in ("", "-wal", "-shm"):
        paths.views.with_name(paths.views.name + suffix).unlink(missing_ok=True)
    sync_directory(paths.root)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
