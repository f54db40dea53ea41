"""Totals of every series, kept in memory. The law: they are what the store would have said.

Used where there is no store: when recorded decisions are performed again, and when a case says what
happened before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from decimal import Decimal

from governance.engine.model import Charge, FactQuery, Total


class Windows:
    """Totals of every series, fed in the order of time: what the facts would have been."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], list[tuple[int, Decimal, str, int]]] = {}
        self._gone: set[int] = set()

    def get(self, query: FactQuery, default: Total, /) -> Total:
        """The total for a query over everything charged so far."""
        rows = self._rows.get((query.series, query.key), ())
        start = 0 if query.since is None else bisect_left(rows, query.since, key=_at)
        total, count, mixed = Decimal(0), 0, False
        for _, amount, unit, index in rows[start:]:
            mixed = mixed or unit != query.unit  # also of what was given back, as in the store
            if index not in self._gone:
                total, count = total + amount, count + 1
        return Total(total, count, mixed)

    def charge(self, index: int, at: int, charges: Iterable[Charge]) -> None:
        """Add what entry `index` charges at a time (microseconds since the epoch)."""
        for charge in charges:
            rows = self._rows.setdefault((charge.series, charge.key), [])
            rows.append((at, charge.amount, charge.unit, index))

    def give_back(self, index: int) -> None:
        """Forget what decision `index` charged."""
        self._gone.add(index)


def _at(row: tuple[int, Decimal, str, int]) -> int:
    return row[0]
