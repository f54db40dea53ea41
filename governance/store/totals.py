"""Running totals: what was charged to a series under a key since a moment.

The law: a window costs two look-ups at most, however much is in it, and usually none. Each charge stores the total so far,
so a window is the newest total minus the last one before the window. What is given back is
counted at the time of its charge, by a Fenwick tree over the charges' numbers, so that giving
something back frees the window it was charged in and no other.

A charge is numbered n = 1, 2, … within its series and key; times never decrease with n.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from governance.engine.model import FactQuery, Total
from governance.oversight.commands import ChargeRow
from governance.store.database import dialect_of
from governance.store.recent import Recent
from governance.store.sqlite import Connection, insert_rows

EXACT = Context(prec=80, traps=[Inexact, InvalidOperation, Overflow])
"""Sums are exact or refused."""

CAPACITY = 1 << 40
"""Charges a key can have; the Fenwick tree's width."""

_REMEMBERED = 16_384
_EDGES = 2_048
_ZERO = Decimal(0)

_TAIL = (
    "SELECT t.n, t.sum, t.unit, t.at, t.other_at, g.sum, g.count, (SELECT f.at FROM totals f "
    "WHERE f.series = t.series AND f.key = t.key ORDER BY f.at, f.n LIMIT 1) FROM totals t "
    "LEFT JOIN given_back g ON g.series = t.series AND g.key = t.key AND g.node = 0 "
    "WHERE t.series = ? AND t.key = ? ORDER BY t.at DESC, t.n DESC LIMIT 1"
)
_EDGE = (
    "SELECT (SELECT json_array(n, sum) FROM totals WHERE series = ?1 AND key = ?2 AND at < ?3 "
    "ORDER BY at DESC, n DESC LIMIT 1), (SELECT json_group_array(json_array(at, n, sum)) FROM "
    "(SELECT at, n, sum FROM totals WHERE series = ?1 AND key = ?2 AND at >= ?3 "
    "ORDER BY at, n LIMIT 64))"
)
_COLUMNS = ("series", "key", "at", "n", "unit", "sum", "other_at")
_NODES = "SELECT node, sum, count FROM given_back WHERE series = ? AND key = ? AND node IN ({})"
_GIVE = (
    "INSERT INTO given_back (series, key, node, sum, count) VALUES (?,?,?,?,?) ON CONFLICT "
    "(series, key, node) DO UPDATE SET sum = excluded.sum, count = excluded.count"
)
_SERVER_EDGE = (
    "(SELECT at, n, sum FROM totals WHERE series = ? AND key = ? AND at < ? "
    "ORDER BY at DESC, n DESC LIMIT 1) UNION ALL "
    "(SELECT at, n, sum FROM totals WHERE series = ? AND key = ? AND at >= ? "
    "ORDER BY at, n LIMIT 64)"
)
"""The same as `_EDGE` in rows: for a server, which knows no JSON functions of SQLite's."""


class Tail(NamedTuple):
    """The newest running total: charges so far, their sum, unit, time, newest other unit.

    `first_at` is the time of the first charge; `back` and `backs` are the sum and the number of
    all charges given back.
    """

    n: int
    sum: Decimal
    unit: str
    at: int
    other_at: int | None
    first_at: int
    back: Decimal
    backs: int


NO_TAIL = Tail(0, _ZERO, "", 0, None, 0, _ZERO, 0)


class Edge(NamedTuple):
    """Where a window began when it was last looked at, and what comes next.

    Before `at` there were `n` charges with the sum `sum`; `ahead` are the next ones (time, number
    and sum so far), so that a window that slides on needs no new look-up for a while.
    """

    at: int
    n: int
    sum: Decimal
    ahead: list[tuple[int, int, str]]


class Charged(NamedTuple):
    """A charge as it was numbered; enough to give it back."""

    series: str
    key: str
    n: int
    amount: Decimal


class Plan(NamedTuple):
    """What charges at one time will write: rows for `totals`, new tails, the numbered charges."""

    at: int
    rows: list[tuple[Any, ...]]
    tails: dict[tuple[str, str], Tail]
    charged: list[Charged]


class Totals:
    """Totals over the writer's connection. One thread only."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._tails: Recent[tuple[str, str], Tail] = Recent(_REMEMBERED)
        self._edges: Recent[tuple[str, str], Edge] = Recent(_EDGES)
        self._rows: list[tuple[Any, ...]] = []
        self._oldest = 0
        file = dialect_of(connection) == "sqlite"
        self._read_edge = self._file_edge if file else self._server_edge
        row = connection.execute("SELECT value FROM meta WHERE name = 'forgotten'").fetchone()
        self._forgotten = 0 if row is None else int(row[0])

    def total(self, query: FactQuery) -> Total:
        """The answer to one query, charges of the current transaction included."""
        series, key, since = query.series, query.key, query.since
        if self._forgotten and '"s-' in key and (since is None or since < self._forgotten):
            # After a loss of the vault nobody knows whom an old pseudonym stood for.
            return Total(_ZERO, 0, True)
        tail = self._tail(series, key)
        if tail.n == 0 or (since is not None and tail.at < since):
            return Total(_ZERO, 0, False)
        amount, count, start = tail.sum, tail.n, 0
        mixed = tail.unit != query.unit
        if since is None:
            mixed = mixed or tail.other_at is not None
        else:
            mixed = mixed or (tail.other_at is not None and tail.other_at >= since)
            if tail.first_at < since:
                start, earlier = self._before(series, key, since)
                count, amount = count - start, EXACT.subtract(amount, earlier)
        if tail.backs:
            back, backs = tail.back, tail.backs
            if start:
                gone, fewer = self._prefix(series, key, start)
                back, backs = EXACT.subtract(back, gone), backs - fewer
            amount, count = EXACT.subtract(amount, back), count - backs
        return Total(amount, count, mixed)

    def plan(self, rows: Iterable[ChargeRow], at: int) -> Plan:
        """Number some charges at time `at`. Writes nothing.

        Raises `ArithmeticError` for an amount that cannot be added exactly.
        """
        plan = Plan(at, [], {}, [])
        for row in rows:
            place = (row.series, row.key)
            tail = plan.tails.get(place) or self._tail(*place)
            other = tail.other_at if tail.unit == row.unit or tail.n == 0 else tail.at
            amount = EXACT.add(tail.sum, row.amount)
            if not amount.is_finite():
                raise ArithmeticError(f"`{row.amount}` cannot be charged to `{row.series}`")
            first = tail.first_at if tail.n else at
            new = Tail(tail.n + 1, amount, row.unit, at, other, first, tail.back, tail.backs)
            plan.rows.append((*place, at, new.n, row.unit, str(new.sum), other))
            plan.tails[place] = new
            plan.charged.append(Charged(row.series, row.key, new.n, row.amount))
        return plan

    def write(self, plan: Plan) -> None:
        """Write a plan: now in memory, in the current transaction at the next `flush`.

        Until then few questions need the rows themselves: they are younger than the beginning of
        any window one asks about, and their tails are remembered.
        """
        if not self._rows and plan.rows:
            self._oldest = plan.at
        self._rows += plan.rows
        for place, tail in plan.tails.items():
            self._tails.put(place, tail)
        if len(self._rows) > _REMEMBERED // 4:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait. To be called before the commit."""
        if self._rows:
            insert_rows(self._db, "totals", _COLUMNS, self._rows)
            self._rows = []

    def give_back(self, charges: Sequence[Charged]) -> None:
        """Take charges out of the windows they were made in."""
        for series, key, n, amount in charges:
            tail = self._tail(series, key)
            nodes = [0]
            while n <= CAPACITY:
                nodes.append(n)
                n += n & -n
            old = self._nodes(series, key, nodes)
            changed = []
            for node in nodes:
                before, number = old.get(node, (_ZERO, 0))
                changed.append((series, key, node, str(EXACT.add(before, amount)), number + 1))
            self._db.executemany(_GIVE, changed)
            tail = tail._replace(back=EXACT.add(tail.back, amount), backs=tail.backs + 1)
            self._tails.put((series, key), tail)

    def follow(self, rows: Iterable[ChargeRow], at: int) -> None:
        """Another process charged `rows` at time `at`: move the tails that are remembered on."""
        known = [row for row in rows if self._tails.get((row.series, row.key)) is not None]
        for place, tail in self.plan(known, at).tails.items():
            self._tails.put(place, tail)

    def drop(self, charges: Iterable[Charged]) -> None:
        """Another process gave `charges` back: forget what is remembered about their places."""
        for series, key, _, _ in charges:
            self._tails.drop((series, key))

    def reset(self) -> None:
        """Forget what is remembered and what waits."""
        self._rows = []
        self._tails.clear()
        self._edges.clear()

    def forget(self, series: str) -> None:
        """Drop a series that is not charged any more."""
        self.flush()
        self._db.execute("DELETE FROM totals WHERE series = ?", (series,))
        self._db.execute("DELETE FROM given_back WHERE series = ?", (series,))
        self._tails.clear()
        self._edges.clear()

    def _tail(self, series: str, key: str) -> Tail:
        place = (series, key)
        tail = self._tails.get(place)
        if tail is None:
            row = self._db.execute(_TAIL, place).fetchone()
            if row is None:
                tail = NO_TAIL
            else:
                n, amount, unit, at, other_at, back, backs, first_at = row
                back = Decimal(back) if backs else _ZERO
                tail = Tail(n, Decimal(amount), unit, at, other_at, first_at, back, backs or 0)
            self._tails.put(place, tail)
        return tail

    def _before(self, series: str, key: str, since: int) -> tuple[int, Decimal]:
        """How many charges there were before `since`, and their sum."""
        place = (series, key)
        edge = self._edges.get(place)
        if edge is None or since < edge.at or not edge.ahead or edge.ahead[-1][0] < since:
            if self._rows and self._oldest < since:
                self.flush()
            edge = self._read_edge(series, key, since)
            self._edges.put(place, edge)
        passed = bisect_left(edge.ahead, since, key=itemgetter(0))
        if not passed:
            return edge.n, edge.sum
        _, n, amount = edge.ahead[passed - 1]
        return n, Decimal(amount)

    def _file_edge(self, series: str, key: str, since: int) -> Edge:
        before, ahead = self._db.execute(_EDGE, (series, key, since)).fetchone()
        n, amount = (0, "0") if before is None else orjson.loads(before)
        return Edge(since, n, Decimal(amount), orjson.loads(ahead))

    def _server_edge(self, series: str, key: str, since: int) -> Edge:
        window = (series, key, since)
        rows = sorted(self._db.execute(_SERVER_EDGE, window + window).fetchall())
        n, amount = (0, "0")
        if rows and rows[0][0] < since:
            _, n, amount = rows.pop(0)
        return Edge(since, n, Decimal(amount), rows)

    def _prefix(self, series: str, key: str, n: int) -> tuple[Decimal, int]:
        """What was given back of the charges 1 to n."""
        nodes = []
        while n:
            nodes.append(n)
            n -= n & -n
        amount, count = _ZERO, 0
        for part, number in self._nodes(series, key, nodes).values():
            amount, count = EXACT.add(amount, part), count + number
        return amount, count

    def _nodes(self, series: str, key: str, nodes: list[int]) -> dict[int, tuple[Decimal, int]]:
        sql = _NODES.format(",".join("?" * len(nodes)))
        rows = self._db.execute(sql, (series, key, *nodes)).fetchall()
        return {node: (Decimal(amount), count) for node, amount, count in rows}
