"""Is everything that is derived what the log says?

The law: nothing stored is believed. Leaf hashes, tree, checkpoint, facts and read models are made
again from the bytes of the entries and compared with what is there; every difference is named.
What cannot be made again is said too. The log itself is proven by `python -m audit verify`.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from audit import checkpoint as checkpoints
from audit.errors import LogError
from audit.keys import Verifier
from audit.tree import Frontier, leaf_hash
from governance.oversight.commands import ChargeRow
from governance.store import readmodel
from governance.store.backup import copy_database
from governance.store.clock import to_microseconds
from governance.store.derive import rows_of
from governance.store.errors import Damaged
from governance.store.facts import FactBook
from governance.store.paths import Paths
from governance.store.reader import Reader
from governance.store.snapshots import quick
from governance.store.tables import LogTable, ViewTable, statements

_CHUNK = 1_000
_MOST = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """Something stored that is not what the log says: where, and what."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """How much was looked at, what was found, and what could not be looked at."""

    entries: int
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]


def fsck(paths: Paths, vkeys: Sequence[str]) -> Report:
    """Check a copy of the workspace at `paths`; seconds for each 100,000 entries.

    Raises `StoreError` if the log cannot be read at all, `audit.errors.BadKey` for a bad vkey.
    """
    verifiers = [Verifier.from_vkey(vkey) for vkey in vkeys]
    found: list[Finding] = []
    unchecked: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        followed = paths.views.exists()
        if followed:  # first: the read models must not be ahead of the copy of the log
            copy_database(paths.views, scratch / "views.db")
        copy_database(paths.log, scratch / "stored.db")
        with closing(Reader(scratch / "stored.db")) as reader:
            size = reader.size
            found += _check_tree(reader, size, verifiers)
            if found:
                unchecked.append(
                    "facts and read models: the entries they follow from are not sound"
                )
            else:
                found += _check_facts(reader, size, scratch, unchecked)
                if followed:
                    found += _check_views(reader, scratch)
                else:
                    unchecked.append("read models: there are none yet")
    return Report(size, tuple(found[:_MOST]), tuple(unchecked))


def _check_facts(
    reader: Reader, size: int, scratch: Path, unchecked: list[str]
) -> Iterator[Finding]:
    """Make the facts again and compare."""
    stored_path = scratch / "stored.db"
    with closing(sqlite3.connect(scratch / "facts.db", isolation_level=None)) as derived:
        derived.execute("PRAGMA synchronous=OFF")
        for statement in statements(LogTable):
            derived.execute(statement)
        with closing(sqlite3.connect(stored_path)) as stored:
            _derive(reader, size, derived, _since(stored))
            yield from _compare_totals(stored, derived, unchecked)
        derived.execute("ATTACH ? AS stored", (str(stored_path),))
        yield from _compare(derived, "decisions", _DECISION, "decision")


def _check_tree(reader: Reader, size: int, verifiers: Sequence[Verifier]) -> Iterator[Finding]:
    frontier = Frontier()
    for index, (data, leaf) in enumerate(
        zip(reader.entries(0, size), reader.leaves(0, size), strict=False)
    ):
        hashed = leaf_hash(data)
        if hashed != leaf:
            yield Finding(f"entry {index}", "its bytes are not those of its leaf hash")
        for level, node, value in frontier.append(hashed):
            try:
                same = reader.node(level, node) == value
            except Damaged:
                same = False
            if not same:
                yield Finding(
                    f"tree node {node} of level {level}", "it is not what the entries give"
                )
    if frontier.size != size:
        yield Finding("log", f"it has {frontier.size} entries, its newest checkpoint signs {size}")
    try:
        signed = checkpoints.open_checkpoint(reader.checkpoint(), verifiers)
    except LogError as error:
        yield Finding("newest checkpoint", str(error))
    else:
        if signed.root != frontier.root():
            yield Finding("newest checkpoint", "it signs another tree than the entries give")


def _derive(reader: Reader, size: int, derived: sqlite3.Connection, since: dict[str, int]) -> None:
    """Make the facts again. Charges to a series before it was adopted are the backfill's affair."""
    facts = FactBook(derived)
    for start in range(0, size, _CHUNK):
        stop = min(start + _CHUNK, size)
        derived.execute("BEGIN")
        for index, data in enumerate(reader.entries(start, stop), start):
            entry = quick(data)
            rows = [
                row
                for row in rows_of(index, entry)
                if not isinstance(row, ChargeRow) or since.get(row.series, 0) <= index
            ]
            if rows:
                facts.write(facts.plan(rows, to_microseconds(entry.at)))
        facts.flush()
        derived.execute("COMMIT")


def _since(stored: sqlite3.Connection) -> dict[str, int]:
    return dict(stored.execute("SELECT series, since FROM series").fetchall())


_ROWS = (
    "SELECT at, n, unit, sum FROM totals WHERE series = ? AND key = ? "
    "ORDER BY at DESC, n DESC LIMIT ?"
)
_PLACES = "SELECT series, key, count(*) FROM totals GROUP BY series, key"
_BACK = "SELECT sum, count FROM given_back WHERE series = ? AND key = ? AND node = 0"


def _compare_totals(
    stored: sqlite3.Connection, derived: sqlite3.Connection, unchecked: list[str]
) -> Iterator[Finding]:
    """The running totals that entries gave must be the newest ones stored, and in most series all.

    A series adopted later begins with what a backfill put there; only its progress since is known.
    """
    if stored.execute("SELECT 1 FROM meta WHERE name = 'carried'").fetchone():
        unchecked.append("running totals: this log began with those of a restored backup")
        return
    since = _since(stored)
    retired: set[str] = set()
    for series, key, count in derived.execute(_PLACES):
        if since and series not in since:
            retired.add(series)
            continue
        adopted = since.get(series, 0) > 0
        want = derived.execute(_ROWS, (series, key, count)).fetchall()
        have = stored.execute(_ROWS, (series, key, count + 1)).fetchall()
        if not _same_progress(have, want, adopted=adopted):
            yield Finding(
                f"`{series}` of `{key}`", "its running totals are not what entries charge"
            )
        back = stored.execute(_BACK, (series, key)).fetchone()
        if not adopted and back != derived.execute(_BACK, (series, key)).fetchone():
            yield Finding(f"`{series}` of `{key}`", "what was given back is not what entries say")
    for series, key, _ in stored.execute(_PLACES):
        strict = since.get(series) == 0 if since else True
        if strict and derived.execute(_ROWS, (series, key, 1)).fetchone() is None:
            yield Finding(f"`{series}` of `{key}`", "it was charged, but by no entry")
    unchecked += [
        f"running totals of `{series}`: no release in force uses it" for series in sorted(retired)
    ]
    unchecked += [
        f"running totals of `{series}` before entry {index}: backfilled"
        for series, index in sorted(since.items())
        if index
    ]


def _same_progress(have: list[Any], want: list[Any], *, adopted: bool) -> bool:
    """Newest first: the same times, units and steps; the same numbers, too, unless `adopted`."""
    if not adopted:
        return have == want
    if len(have) < len(want) or not want:
        return False
    shift = have[0][1] - want[0][1]
    base = Decimal(have[0][3]) - Decimal(want[0][3])
    return all(
        (h[0], h[1] - shift, h[2], Decimal(h[3]) - base) == (w[0], w[1], w[2], Decimal(w[3]))
        for h, w in zip(have, want, strict=False)
    )


_DECISION = (
    "idx, digest, agent, session, effect, at, valid_until, redeemed, outcome, outcome_idx, "
    "attested, released"
)


def _compare(derived: sqlite3.Connection, table: str, columns: str, what: str) -> Iterator[Finding]:
    """Rows of one table that only one side has, by index."""
    here, there = (f"SELECT {columns} FROM {side}.{table}" for side in ("main", "stored"))  # noqa: S608
    for first, second, complaint in (
        (here, there, "what is stored about it is not what the entries say"),
        (there, here, "rows are stored about it that no entry gives"),
    ):
        for row in derived.execute(f"{first} EXCEPT {second} LIMIT {_MOST}"):
            yield Finding(f"{what} {row[0]} in `{table}`", complaint)


def _check_views(reader: Reader, scratch: Path) -> Iterator[Finding]:
    """Make the read models again as far as they have followed, and compare."""
    with closing(sqlite3.connect(scratch / "fresh.db", isolation_level=None)) as derived:
        derived.execute("ATTACH ? AS stored", (str(scratch / "views.db"),))
        origin, size = derived.execute("SELECT origin, size FROM stored.follower").fetchone()
        readmodel.create(derived, origin, reader.frontier(0).root())
        for start in range(0, size, _CHUNK):
            readmodel.follow(derived, reader, start, min(start + _CHUNK, size))
        for name, table in sorted(ViewTable.metadata.tables.items()):
            columns = ", ".join(column.name for column in table.columns)
            yield from _compare(derived, name, columns, "row")
