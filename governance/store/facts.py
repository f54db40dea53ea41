"""The facts: rows keyed by events, written in the transaction of the entry they follow from.

The law: a command sees the facts exactly as they are at its own index, earlier commands of its own
batch included, because every row is written (not yet committed) before the next command runs.
What a command would write is planned first; planning touches nothing and may fail, writing a plan
fails only if the disk does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple

import orjson

from audit.entry import Entry
from governance.engine.model import FactQuery, Total
from governance.engine.mould import mould
from governance.oversight.commands import (
    AdoptRow,
    ChargeRow,
    DecisionFact,
    DecisionRow,
    FactRow,
    Facts,
    IdempotencyFact,
    IdempotencyRow,
    Needs,
    OutcomeRow,
    RedeemRow,
    ReleaseRow,
)
from governance.store.clock import to_datetime, to_microseconds
from governance.store.derive import rows_of
from governance.store.errors import Unprepared
from governance.store.sqlite import Connection, insert_rows
from governance.store.totals import Charged, Plan, Totals

_DECISION = (
    "SELECT idx, digest, agent, session, effect, at, valid_until, redeemed, outcome, outcome_idx, "
    "attested, released FROM decisions WHERE idx = ?"
)
_NEW_DECISION = (
    "idx",
    "digest",
    "agent",
    "session",
    "effect",
    "at",
    "valid_until",
    "charges",
    "attested",
    "released",
)
_IDEMPOTENCY = "SELECT body, idx, at FROM idempotency WHERE key_id = ? AND idem = ?"
_NEW_IDEMPOTENCY = (
    "INSERT INTO idempotency (key_id, idem, body, idx, at) VALUES (?,?,?,?,?) ON CONFLICT "
    "(key_id, idem) DO UPDATE SET body = excluded.body, idx = excluded.idx, at = excluded.at"
)
_CHARGES = "SELECT charges FROM decisions WHERE idx = ?"
_CHARGING = ("decision", "outcome")
_UNKNOWN = Total(Decimal(0), 0, True)

_facts = mould(Facts)

Step = tuple[Callable[..., None], tuple[Any, ...]]


class Planned(NamedTuple):
    """Everything one command will write to the facts."""

    totals: Plan
    steps: list[Step]


class FactBook:
    """Reads and writes facts on the writer's connection. One thread only."""

    def __init__(self, connection: Connection) -> None:
        self.connection = self._db = connection
        self.totals = Totals(connection)
        self._opened: list[tuple[Any, ...]] = []
        self.check_adoption: Callable[[AdoptRow], None] = _nothing_prepared
        self.adopt: Callable[[AdoptRow], None] = _nothing_prepared

    def fetch(
        self,
        needs: Needs,
        entries: Callable[[Sequence[int]], dict[int, bytes]],
        *,
        blind: bool,
        told_from: tuple[int, int] | None = None,
    ) -> Facts:
        """The facts for one command; `entries` reads entries by index.

        With `blind` every total is *cannot tell* (mixed); with `told_from` (see `Fold`) those are
        whose window begins before it.
        """
        if blind:
            totals = dict.fromkeys(needs.totals, _UNKNOWN)
        else:
            total = self.totals.total
            totals = {query: total(query) for query in needs.totals}
            if told_from is not None:
                for query in totals:
                    if self._cannot_tell(query, *told_from):
                        totals[query] = _UNKNOWN
        decisions, wanted, earlier = needs.decisions, needs.entries, None
        if needs.idempotency:
            earlier = self._idempotency(*needs.idempotency)
            if earlier is not None:  # what the key stands for is needed to answer the same again
                decisions, wanted = (*decisions, earlier.index), (*wanted, earlier.index)
        return _facts(
            totals,
            self._decisions(decisions) if decisions else {},
            entries(wanted) if wanted else {},
            earlier,
        )

    def _cannot_tell(self, query: FactQuery, last_at: int, entry: int) -> bool:
        """Whether what was pruned may be missing from a window.

        One without a beginning is whole if its series was live before the first cut.
        """
        if query.since is not None:
            return query.since <= last_at
        row = self._db.execute(
            "SELECT since FROM series WHERE series = ?", (query.series,)
        ).fetchone()
        return row is not None and row[0] > entry

    def plan(self, rows: Iterable[FactRow], at: int) -> Planned:
        """What writing `rows` at time `at` means. Changes nothing; raises for rows that do not fit."""
        charges = [row for row in rows if type(row) is ChargeRow]
        by_index: dict[int, list[Charged]] = {}
        if charges:
            plan = self.totals.plan(charges, at)
            for row, charged in zip(charges, plan.charged, strict=True):
                by_index.setdefault(row.index, []).append(charged)
        else:
            plan = Plan(at, [], {}, [])
        steps: list[Step] = []
        for other in rows:
            kind = type(other)
            if kind is DecisionRow:
                steps.append((self._open, (other, at, _dump(by_index.get(other.index, ())))))
            elif kind is AdoptRow:
                self.check_adoption(other)  # type: ignore[arg-type]
                steps.append((self.adopt, (other,)))
            elif kind is not ChargeRow:
                steps.append((getattr(self, self._WRITERS[kind]), (other, at)))
        return Planned(plan, steps)

    def write(self, planned: Planned) -> None:
        """Write what was planned, in the current transaction."""
        self.totals.write(planned.totals)
        for step, arguments in planned.steps:
            step(*arguments)

    def flush(self) -> None:
        """Write what waits, in the current transaction. To be called before the commit."""
        self.totals.flush()
        if self._opened:
            insert_rows(self._db, "decisions", _NEW_DECISION, self._opened)
            self._opened = []

    def follow(self, index: int, entry: Entry) -> None:
        """Another process recorded `entry`: what is remembered here is brought up to it.

        The rows themselves are in the database already, all of them, or this would not be known.
        """
        kind = entry.kind
        if kind.startswith("policy."):  # a release may bring series that were filled elsewhere
            self.reset()
            return
        charges = []
        for row in rows_of(index, entry) if kind in _CHARGING else ():
            if type(row) is ChargeRow:
                charges.append(row)
            elif type(row) is ReleaseRow:
                found = self._db.execute(_CHARGES, (row.decision,)).fetchone()
                self.totals.drop(_load(found[0]) if found is not None else ())
        if charges:
            self.totals.follow(charges, to_microseconds(entry.at))

    def reset(self) -> None:
        """Forget what is remembered and what waits; it is read from the database again."""
        self._opened = []
        self.totals.reset()

    def backfill(self, index: int, at: int, rows: Sequence[ChargeRow]) -> None:
        """Charge what is recorded at `index` to series that did not exist then.

        A decision whose charges were given back since is passed over.
        """
        self.flush()
        row = self._db.execute(
            "SELECT released, charges FROM decisions WHERE idx = ?", (index,)
        ).fetchone()
        if row is not None and row[0]:
            return
        plan = self.totals.plan(rows, at)
        self.totals.write(plan)
        if row is not None:
            self._db.execute(
                "UPDATE decisions SET charges = ? WHERE idx = ?",
                (_dump([*_load(row[1]), *plan.charged]), index),
            )

    def prune_idempotency(self, before: datetime) -> int:
        """Forget idempotency keys used before a time; how many."""
        cursor = self._db.execute(
            "DELETE FROM idempotency WHERE at < ?", (to_microseconds(before),)
        )
        return cursor.rowcount

    def _decisions(self, indexes: Sequence[int]) -> dict[int, DecisionFact]:
        found = {}
        self.flush()
        for index in indexes:
            row = self._db.execute(_DECISION, (index,)).fetchone()
            if row is not None:
                found[index] = decision_fact(row)
        return found

    def _idempotency(self, key: str, idempotency_key: str) -> IdempotencyFact | None:
        row = self._db.execute(_IDEMPOTENCY, (key, idempotency_key)).fetchone()
        return None if row is None else IdempotencyFact(row[0], row[1], to_datetime(row[2]))

    def _open(self, row: DecisionRow, at: int, charges: str) -> None:
        until = None if row.valid_until is None else to_microseconds(row.valid_until)
        self._opened.append(
            (row.index, row.digest, row.agent, row.session, row.effect, at, until, charges, 0, 0)
        )

    def _redeem(self, row: RedeemRow, _at: int) -> None:
        self.flush()
        self._db.execute(
            "UPDATE decisions SET redeemed = ? WHERE idx = ? AND redeemed IS NULL",
            (row.index, row.decision),
        )

    def _report(self, row: OutcomeRow, _at: int) -> None:
        self.flush()
        self._db.execute(
            "UPDATE decisions SET outcome = ?, outcome_idx = ?, attested = ? WHERE idx = ?",
            (row.status, row.index, int(row.attested), row.decision),
        )

    def _release(self, row: ReleaseRow, _at: int) -> None:
        self.flush()
        found = self._db.execute(
            "SELECT charges FROM decisions WHERE idx = ? AND released = 0", (row.decision,)
        ).fetchone()
        if found is not None:
            self._db.execute("UPDATE decisions SET released = 1 WHERE idx = ?", (row.decision,))
            self.totals.give_back(_load(found[0]))

    def _remember(self, row: IdempotencyRow, at: int) -> None:
        self._db.execute(
            _NEW_IDEMPOTENCY, (row.key_id, row.idempotency_key, row.body, row.index, at)
        )

    _WRITERS: ClassVar[dict[type, str]] = {
        RedeemRow: "_redeem",
        OutcomeRow: "_report",
        ReleaseRow: "_release",
        IdempotencyRow: "_remember",
    }


def decision_fact(row: Sequence[Any]) -> DecisionFact:
    """A row of `decisions` (in the order of its columns, without charges) as a fact."""
    index, digest, agent, session, effect, at, until, redeemed, outcome, reported = row[:10]
    return DecisionFact(
        index,
        digest,
        agent,
        session,
        effect,
        to_datetime(at),
        None if until is None else to_datetime(until),
        redeemed,
        outcome,
        reported,
        bool(row[10]),
        bool(row[11]),
    )


def _dump(charges: Iterable[Charged]) -> str:
    rows = [(c.series, c.key, c.n, str(c.amount)) for c in charges]
    return orjson.dumps(rows).decode() if rows else "[]"


def _load(charges: str) -> list[Charged]:
    return [Charged(s, k, n, Decimal(amount)) for s, k, n, amount in orjson.loads(charges)]


def _nothing_prepared(row: AdoptRow) -> None:
    raise Unprepared(
        f"{len(row.series)} series would be charged from entry {row.index} on, but nobody has "
        "prepared them from the decisions recorded so far; prepare the release again"
    )
