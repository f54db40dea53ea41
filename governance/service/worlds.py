"""Totals in memory while a log is read: as they were, and as they would have been.

Law: both worlds are the same rows until something that was charged in one is not charged in the
other; from then on that key has rows of its own. A total costs two look-ups, however much is in its
window; sums are exact, in the arithmetic that the ledger's own totals use.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from governance.engine.model import NOTHING, Charge, FactQuery, Total
from governance.store.totals import EXACT

_ZERO: Final = Decimal(0)
_ONE: Final = Decimal(1)
Place = tuple[str, str]


class Row:
    """Everything charged to one series under one key, oldest first; times never decrease."""

    __slots__ = ("ats", "back", "backs", "entries", "newest", "place", "sums")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.ats: list[int] = []
        self.sums: list[Decimal] = [_ZERO]
        self.entries: list[int] = []
        self.newest: dict[str, int] = {}
        self.back: list[int] = []
        self.backs: list[Decimal] = [_ZERO]

    def copied(self) -> Row:
        """A row of its own that says the same so far."""
        made = Row(self.place)
        made.ats, made.sums, made.entries = self.ats[:], self.sums[:], self.entries[:]
        made.newest, made.back, made.backs = dict(self.newest), self.back[:], self.backs[:]
        return made

    def has(self, entry: int) -> bool:
        """Whether an entry charged anything here."""
        at = bisect_left(self.entries, entry)
        return at < len(self.entries) and self.entries[at] == entry

    def add(self, entry: int, at: int, amount: Decimal, unit: str) -> None:
        """Charge `amount` for an entry at a time (microseconds)."""
        self.newest[unit] = len(self.ats)
        self.ats.append(at)
        self.entries.append(entry)
        self.sums.append(EXACT.add(self.sums[-1], amount))

    def give_back(self, entry: int) -> None:
        """Take out what an entry charged, in the window in which it was charged."""
        at = bisect_left(self.entries, entry)
        while at < len(self.entries) and self.entries[at] == entry:
            place = bisect_left(self.back, at)
            if place == len(self.back) or self.back[place] != at:
                self.back.insert(place, at)
                amount = EXACT.subtract(self.sums[at + 1], self.sums[at])
                self.backs.insert(place + 1, self.backs[place])
                for later in range(place + 1, len(self.backs)):
                    self.backs[later] = EXACT.add(self.backs[later], amount)
            at += 1

    def total(self, since: int | None, unit: str) -> Total:
        """The total since a time (microseconds; None: ever), for one who counts in `unit`."""
        start = 0 if since is None else bisect_left(self.ats, since)
        count = len(self.ats) - start
        if not count:
            return NOTHING
        amount = EXACT.subtract(self.sums[-1], self.sums[start])
        if self.back:
            gone = bisect_left(self.back, start)
            count -= len(self.back) - gone
            amount = EXACT.subtract(amount, EXACT.subtract(self.backs[-1], self.backs[gone]))
        mixed = any(last >= start and used != unit for used, last in self.newest.items())
        return Total(amount, count, mixed)


class Worlds:
    """The totals as they were (`was`), and as they would have been (`would`)."""

    __slots__ = ("_made", "_own", "_rows")

    def __init__(self) -> None:
        self._rows: dict[Place, Row] = {}
        self._own: dict[Place, Row] = {}
        self._made: dict[int, tuple[Place, ...]] = {}

    @property
    def apart(self) -> bool:
        """Whether the two worlds differ anywhere."""
        return bool(self._own)

    def differs(self, series: str, key: str) -> bool:
        """Whether the two worlds may differ under this key."""
        return (series, key) in self._own

    def was(self, query: FactQuery) -> Total:
        """The total as it was."""
        row = self._rows.get((query.series, query.key))
        return NOTHING if row is None else row.total(query.since, query.unit)

    def would(self, query: FactQuery) -> Total:
        """The total as it would have been."""
        row = self._own.get((query.series, query.key))
        return self.was(query) if row is None else row.total(query.since, query.unit)

    def charge(
        self,
        entry: int,
        at: int,
        charges: Iterable[Charge],
        *,
        was: bool = True,
        would: bool = True,
    ) -> None:
        """Charge what an entry charges, in the worlds in which it does."""
        places = []
        for charge in charges:
            place = (charge.series, charge.key)
            row = self._rows.get(place)
            if row is None:
                row = self._rows[place] = Row(place)
            if was:
                places.append(row.place)  # one object for all that charge there
            own = self._own.get(place)
            if own is None and was is not would:
                own = self._own[place] = row.copied()
            if was:
                row.add(entry, at, charge.amount, charge.unit)
            if would and own is not None:
                own.add(entry, at, charge.amount, charge.unit)
        if places:
            self._made[entry] = (*self._made.get(entry, ()), *places)

    def confirm(self, entry: int, at: int, decision: int) -> None:
        """It was attested that the action of `decision` was carried out: the confirmed histories
        know it from now on, in the worlds in which it was allowed."""
        for place in self._made.get(decision, ()):
            if place[0].startswith("did:"):
                own = self._own.get(place)
                done = Charge("done:" + place[0].removeprefix("did:"), place[1], _ONE, "")
                self.charge(entry, at, (done,), would=own is None or own.has(decision))

    def give_back(self, entry: int) -> None:
        """Forget what an entry charged; it was reported that the action was not carried out."""
        for place in self._made.pop(entry, ()):
            self._rows[place].give_back(entry)
            if place in self._own:
                self._own[place].give_back(entry)
