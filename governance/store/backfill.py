"""History for limits that did not exist when the history was made.

The law: when a release that adds a limit comes into force, its windows already hold what the
decisions recorded so far would have charged. The bulk is done before, chunk by chunk between
batches; what was recorded meanwhile is added under the lock, in the transaction of the release's
own entry, before anything is charged to the series under the new release. What was pruned cannot be
looked at again: windows that reach back before it cannot be told (`Fold.told_from`). Whoever began
last to prepare, in any process, is the one whose preparation counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple, Protocol

from audit.entry import Entry
from governance.oversight.commands import AdoptRow, ChargeRow
from governance.store.clock import to_microseconds
from governance.store.encoding import quick
from governance.store.errors import Unprepared
from governance.store.ledger import Ledger
from governance.store.reader import Reader
from governance.store.sqlite import Connection

_CHUNK = 250
_NEAR = 100
_FAR = 5_000
_DELETED = 2_000


class Charged(Protocol):
    """What the engine says a recorded action charges: `governance.engine.model.Charge` fits."""

    @property
    def series(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def amount(self) -> Decimal: ...

    @property
    def unit(self) -> str: ...


ChargesOf = Callable[[int, Entry], Iterable[Charged]]


class _Prepared(NamedTuple):
    token: bytes
    series: frozenset[str]
    upto: int
    charges_of: ChargesOf
    key: str


class Backfill:
    """Prepares series, and hands them over when their release is recorded."""

    def __init__(self, ledger: Ledger, reader: Reader) -> None:
        self._ledger, self._reader = ledger, reader
        self._facts = ledger.writer.facts
        self._prepared: _Prepared | None = None
        self._facts.check_adoption = self._check
        self._facts.adopt = self._adopt

    def prepare(self, series: Iterable[str], charges_of: ChargesOf, key: str = "") -> int:
        """Fill those of `series` that are not live; how many entries were looked at.

        `charges_of(index, entry)` says what a recorded decision (or outcome) charges under the
        new release; charges to other series are ignored. Blocks for as long as it takes; call it
        before submitting the command whose rows hold the `AdoptRow`. One at a time.

        `key` names what `charges_of` goes by: what was prepared last under the same one is gone on
        with, unless somebody else began to prepare meanwhile.
        """
        earlier = self._prepared
        if earlier is not None and key and earlier.key == key:
            live, token = self._ledger.chore(_standing).result()
            new = frozenset(series) - live
            going_on = (earlier.token, earlier.series) == (token, new)
            if going_on and earlier.upto >= self._reader.minimum:
                return self._fill_up(earlier)
        self._prepared, token = None, os.urandom(16)
        new = frozenset(series) - self._ledger.chore(partial(_begin, token=token)).result()
        for name in sorted(new):
            while self._ledger.chore(partial(_delete_some, series=name)).result():
                pass
            self._ledger.chore(partial(self._forget, series=name)).result()
        return self._fill_up(_Prepared(token, new, self._reader.minimum, charges_of, key))

    def _fill_up(self, begun: _Prepared) -> int:
        """Go on with a preparation until little is left; how far it has come."""
        self._prepared, done = None, begun.upto
        while begun.series and self._ledger.size - done > _NEAR:
            stop = min(self._ledger.size, done + _CHUNK)
            rows = [
                self._rows(index, quick(data), begun.series, begun.charges_of)
                for index, data in enumerate(self._reader.entries(done, stop), done)
            ]
            if not self._ledger.chore(partial(self._write, chunk=rows, token=begun.token)).result():
                raise Unprepared("another release is being prepared; prepare this one again")
            done = stop
        self._prepared = begun._replace(upto=done)
        return done

    def _rows(
        self, index: int, entry: Entry, series: frozenset[str], charges_of: ChargesOf
    ) -> tuple[int, int, list[ChargeRow]]:
        rows = [
            ChargeRow(index, charge.series, charge.key, charge.amount, charge.unit)
            for charge in charges_of(index, entry)
            if charge.series in series
        ]
        return index, to_microseconds(entry.at), rows

    def _forget(self, _db: Connection, *, series: str) -> None:
        self._facts.totals.forget(series)

    def _write(
        self, db: Connection, *, chunk: list[tuple[int, int, list[ChargeRow]]], token: bytes
    ) -> bool:
        """Fill in a chunk; False if somebody else has begun to prepare meanwhile."""
        mine = _token(db) == token
        if mine:
            self._fill(chunk)
        return mine

    def _fill(self, chunk: Iterable[tuple[int, int, list[ChargeRow]]]) -> None:
        for index, at, rows in chunk:
            if rows:
                self._facts.backfill(index, at, rows)
        self._facts.flush()

    def _check(self, row: AdoptRow) -> None:
        """Refuse a release whose series were not prepared, or too long ago."""
        live = _live(self._facts.connection)
        missing = set(row.series) - live
        prepared = self._prepared
        if missing and (
            prepared is None
            or prepared.token != _token(self._facts.connection)
            or not missing <= prepared.series
            or row.index - prepared.upto > _FAR
        ):
            raise Unprepared(
                f"the release charges {len(missing)} series that were not prepared from the "
                "decisions recorded so far; prepare it and sign again"
            )

    def _adopt(self, row: AdoptRow) -> None:
        """Add what was recorded since the preparation, and make the series live."""
        live = _live(self._facts.connection)
        missing = set(row.series) - live
        prepared, self._prepared = self._prepared, None
        if missing and prepared is not None:
            entries = self._ledger.writer.pending(range(prepared.upto, row.index))
            chunk = [
                self._rows(index, quick(data), frozenset(missing), prepared.charges_of)
                for index, data in sorted(entries.items())
            ]
            self._fill(chunk)
        db = self._facts.connection
        db.executemany(
            "INSERT INTO series (series, since) VALUES (?,?) ON CONFLICT (series) DO NOTHING",
            [(name, row.index) for name in sorted(missing)],
        )
        db.executemany(
            "DELETE FROM series WHERE series = ?",
            [(name,) for name in sorted(live - set(row.series))],
        )


def _live(db: Connection) -> set[str]:
    return {name for (name,) in db.execute("SELECT series FROM series").fetchall()}


def _begin(db: Connection, *, token: bytes) -> set[str]:
    """From now on it is this preparation that counts; the series that are live."""
    db.execute(
        "INSERT INTO meta (name, value) VALUES ('preparing', ?) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (token,),
    )
    return _live(db)


def _standing(db: Connection) -> tuple[set[str], bytes | None]:
    """The series that are live, and whose preparation counts."""
    return _live(db), _token(db)


def _token(db: Connection) -> bytes | None:
    row = db.execute("SELECT value FROM meta WHERE name = 'preparing'").fetchone()
    return None if row is None else bytes(row[0])


def _delete_some(db: Connection, *, series: str) -> Any:
    """Delete some running totals of a series; how many."""
    return db.execute(
        "DELETE FROM totals WHERE (series, key, at, n) IN "
        "(SELECT series, key, at, n FROM totals WHERE series = ? LIMIT ?)",
        (series, _DELETED),
    ).rowcount
