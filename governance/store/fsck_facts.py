"""The facts and the read models against the entries they follow from.

The law: both are made again from the entries alone, by the code that made them, and compared row
by row. What entries alone do not give (a series that began with a backfill, the totals a restored
log began with) is said to be unchecked, or is compared only as far as it must agree.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from audit.tree import Frontier, frontier_at
from governance.oversight.commands import ChargeRow
from governance.store import readmodel
from governance.store.clock import to_microseconds
from governance.store.derive import rows_of
from governance.store.encoding import quick
from governance.store.facts import FactBook
from governance.store.findings import ADOPT, ASIDE, REBUILD, Finding, Part
from governance.store.reader import Reader, minimum_of
from governance.store.sqlite import Connection
from governance.store.tables import LogTable, ViewTable, statements

_CHUNK = 1_000
_MOST = 100

DECISION = (
    "idx, digest, agent, session, effect, at, valid_until, redeemed, outcome, outcome_idx, "
    "attested, released"
)
"""What of a decision's facts entries give; of `charges` those to series that are whole."""

_ROWS = (
    "SELECT at, n, unit, sum, other_at FROM totals WHERE series = ? AND key = ? "
    "ORDER BY at DESC, n DESC LIMIT ?"
)
_PLACES = "SELECT series, key, count(*) FROM totals GROUP BY series, key"
_BACK = "SELECT node, sum, count FROM given_back WHERE series = ? AND key = ? ORDER BY node"
_BACKS = "SELECT DISTINCT series, key FROM given_back"


class Scope(NamedTuple):
    """Which sums follow from the entries there are, from the first charge on.

    `live`: the series of the release in force, and since which entry where something could be
    charged before that entry; `minimum`: the first entry that is kept; `carried`: the log began
    with the sums of a restored one.
    """

    live: dict[str, int]
    minimum: int = 0
    carried: bool = False

    def whole(self, series: str) -> bool:
        """Whether everything ever charged to a series is in the entries."""
        if self.minimum or self.carried:
            return False
        return self.live.get(series) == 0 if self.live else True

    def late(self, series: str) -> bool:
        """Whether a live series began with what entries do not give."""
        return max(self.live.get(series, 0), self.minimum) > 0


class Facts(NamedTuple):
    """What differs: keys of series whose totals are to be made again, indexes of decisions."""

    findings: list[Finding]
    unchecked: list[str]
    totals: list[tuple[str, str]]
    decisions: list[int]
    scope: Scope = Scope({})


def derive(reader: Reader, minimum: int, size: int, path: Path, since: dict[str, int]) -> None:
    """Make the facts of the entries `minimum` to `size` again, in a new SQLite file at `path`.

    Charges to a series before it was adopted (`since`) are the backfill's affair.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as derived:
        _scratch(derived)
        derived.execute("BEGIN")
        for statement in statements(LogTable):
            derived.execute(statement)
        derived.execute("COMMIT")
        facts = FactBook(derived)
        for start in range(minimum, size, _CHUNK):
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


def _scratch(db: sqlite3.Connection) -> None:
    """What is thrown away afterwards need not survive anything."""
    db.execute("PRAGMA journal_mode=OFF")
    db.execute("PRAGMA synchronous=OFF")


def check_facts(reader: Reader, size: int, path: Path) -> Facts:
    """Make the facts again at `path` (a new file) and compare them with those stored."""
    with reader.connection() as stored:
        minimum = minimum_of(stored)
        since = dict(stored.execute("SELECT series, since FROM series").fetchall())
        carried = stored.execute("SELECT 1 FROM meta WHERE name = 'carried'").fetchone() is not None
        derive(reader, minimum, size, path, since)
        with closing(sqlite3.connect(path)) as derived:
            first = derived.execute("SELECT MIN(idx) FROM decisions").fetchone()[0]
            live = {name: 0 if first is None or at <= first else at for name, at in since.items()}
            facts = Facts([], [], [], [], Scope(live, minimum, carried))
            if carried:
                facts.unchecked.append(
                    "running totals: this log began with those of a restored backup"
                )
            else:
                _totals(stored, derived, facts)
            _decisions(stored, derived, size, facts)
    if minimum:
        facts.unchecked.append(f"facts before entry {minimum}: those entries were pruned")
    return facts


def _totals(stored: Connection, derived: sqlite3.Connection, facts: Facts) -> None:
    """The running totals that entries gave must be the newest ones stored, and in most series all.

    A series adopted later begins with what a backfill put there, and any series of a pruned log
    with what pruned entries charged; only the progress since is known.
    """
    scope = facts.scope
    cut_at = -1
    if scope.minimum:
        cut_at = stored.execute("SELECT MAX(last_at) FROM cuts").fetchone()[0]
    retired: set[str] = set()
    for series, key, count in derived.execute(_PLACES):
        if scope.live and series not in scope.live:
            retired.add(series)
            continue
        late = scope.late(series)
        want = derived.execute(_ROWS, (series, key, count)).fetchall()
        have = [tuple(row) for row in stored.execute(_ROWS, (series, key, count + 1)).fetchall()]
        want, have = _after(want, cut_at), _after(have, cut_at)  # older rows were thinned out
        if not _same_progress(have, want, adopted=late):
            _differs(facts, series, key, "its running totals are not what entries charge", late)
    for series, key in {*derived.execute(_BACKS), *map(tuple, stored.execute(_BACKS).fetchall())}:
        if scope.whole(series):
            have = [tuple(row) for row in stored.execute(_BACK, (series, key)).fetchall()]
            if have != derived.execute(_BACK, (series, key)).fetchall():
                _differs(facts, series, key, "what was given back is not what entries say", False)
    for series, key, _ in stored.execute(_PLACES).fetchall():
        if scope.whole(series) and derived.execute(_ROWS, (series, key, 1)).fetchone() is None:
            _differs(facts, series, key, "it was charged, but by no entry", False)
    facts.unchecked.extend(
        f"running totals of `{series}`: no release in force uses it" for series in sorted(retired)
    )
    facts.unchecked.extend(
        f"running totals of `{series}` before entry {index}: backfilled"
        for series, index in sorted(scope.live.items())
        if index
    )


def _after(rows: list[tuple[Any, ...]], at: int) -> list[tuple[Any, ...]]:
    return [row for row in rows if row[0] > at]


def _differs(facts: Facts, series: str, key: str, what: str, late: bool) -> None:
    cure = ADOPT if late else REBUILD
    facts.findings.append(Finding(f"`{series}` of `{key}`", what, Part.TOTALS, cure))
    if not late:
        facts.totals.append((series, key))


def _same_progress(have: list[Any], want: list[Any], *, adopted: bool) -> bool:
    """Newest first: the same times, units and steps; the same numbers, too, unless `adopted`."""
    if not adopted:
        return have == want
    if len(have) < len(want) or not want:
        return not have and not want
    shift = have[0][1] - want[0][1]
    base = Decimal(have[0][3]) - Decimal(want[0][3])
    return all(
        (h[0], h[1] - shift, h[2], Decimal(h[3]) - base) == (w[0], w[1], w[2], Decimal(w[3]))
        for h, w in zip(have, want, strict=False)
    )


def _decisions(stored: Connection, derived: sqlite3.Connection, size: int, facts: Facts) -> None:
    """The rows about decisions that were not pruned, one index at a time."""
    sql = f"SELECT {DECISION}, charges FROM decisions WHERE idx >= ? AND idx < ? ORDER BY idx"  # noqa: S608
    scope = facts.scope
    minimum = scope.minimum
    spans = [(n, min(n + _CHUNK, size)) for n in range(minimum, size, _CHUNK)]
    for span in [*([] if minimum else [(-(2**62), 0)]), *spans, (size, 2**62)]:
        want = {row[0]: _known(scope, row) for row in derived.execute(sql, span)}
        have = {row[0]: _known(scope, row) for row in stored.execute(sql, span).fetchall()}
        for index in sorted(want.keys() | have.keys()):
            if want.get(index) == have.get(index):
                continue
            what = "what is stored about it is not what the entries say"
            if index not in want:
                what = "facts are stored about it that no entry gives"
            where = f"decision {index} in `decisions`"
            facts.findings.append(Finding(where, what, Part.DECISION))
            facts.decisions.append(index)


def _known(scope: Scope, row: Any) -> tuple[Any, ...]:
    """A row about a decision as far as entries give it; what is no charge at all stays."""
    charges = [c for c in charges_of(row[-1]) if not c[0] or scope.whole(c[0])]
    return (*row[:-1], charges)


def charges_of(stored: Any) -> list[Any]:
    """The charges of a decision as they are kept, [series, key, n, amount]; what is none is empty."""
    try:
        found = orjson.loads(stored)
    except (ValueError, TypeError):
        return [["", "", 0, str(stored)]]
    rows = found if isinstance(found, list) else [found]
    return [
        row if isinstance(row, list) and len(row) == 4 else ["", "", 0, str(row)] for row in rows
    ]


def decision_rows(
    derived: sqlite3.Connection, index: int
) -> Iterator[tuple[tuple[str, ...], tuple[Any, ...], str]]:
    """Columns, values and charges of the decision at `index` as made again, if it is one."""
    columns = tuple(DECISION.split(", "))
    sql = f"SELECT {DECISION}, charges FROM decisions WHERE idx = ?"  # noqa: S608
    for row in derived.execute(sql, (index,)):
        yield columns, tuple(row[:-1]), str(row[-1])


class Vouched(NamedTuple):
    """The log as it was made again: entries as stored, hashes as they must be."""

    reader: Reader
    size: int
    hashes: dict[tuple[int, int], bytes | None]

    @property
    def minimum(self) -> int:
        """The index of the first entry that is kept."""
        return self.reader.minimum

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """Canonical bytes of the entries `start` to `stop`."""
        return self.reader.entries(start, stop)

    def frontier(self, size: int) -> Frontier:
        """The frontier of the first `size` entries."""
        return frontier_at(size, lambda *place: self.hashes.get(place) or self.reader.node(*place))


def check_views(reader: Vouched, scratch: Path) -> Iterator[Finding]:
    """Make the read models again as far as those in `scratch`/views.db have followed; compare."""
    with closing(sqlite3.connect(scratch / "fresh.db", isolation_level=None)) as derived:
        _scratch(derived)
        derived.execute("ATTACH ? AS stored", (str(scratch / "views.db"),))
        row = derived.execute("SELECT origin, size, root FROM stored.follower").fetchone()
        other = _other_log(reader, row)
        if other:
            yield Finding("the read models", other, Part.VIEW, ASIDE)
            return
        origin, size, _ = row
        derived.execute("BEGIN")
        readmodel.create(derived, origin, *readmodel.beginning(reader))
        derived.execute("COMMIT")
        for start in range(reader.minimum, size, _CHUNK):
            stop = min(start + _CHUNK, size)
            root = reader.frontier(stop).root()
            readmodel.follow(derived, reader.entries(start, stop), start, stop, root)
        for name, table in sorted(ViewTable.metadata.tables.items()):
            columns = ", ".join(column.name for column in table.columns)
            yield from _rows(derived, name, columns)


def _other_log(reader: Vouched, row: Any) -> str:
    """Why read models are not of this log; they can be behind it, and never ahead."""
    if row is None:
        return "they do not say which log they are of"
    _, size, root = row
    if size > reader.size:
        return (
            f"they have followed {size} entries, and the log has {reader.size}: it was put "
            "back to an older day, or they are of another log"
        )
    if size >= reader.minimum and reader.frontier(size).root() != root:
        return f"the {size} entries they have followed are not those of the log"
    return ""


def _rows(derived: sqlite3.Connection, table: str, columns: str) -> Iterator[Finding]:
    """Rows of one read model that only one side has, by index."""
    here, there = (f"SELECT {columns} FROM {side}.{table}" for side in ("main", "stored"))  # noqa: S608
    for first, second, complaint in (
        (here, there, "what is stored about it is not what the entries say"),
        (there, here, "rows are stored about it that no entry gives"),
    ):
        for row in derived.execute(f"{first} EXCEPT {second} LIMIT {_MOST}"):
            yield Finding(f"row {row[0]} in `{table}`", complaint, Part.VIEW)
