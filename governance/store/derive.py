"""The rows of facts that an entry stands for.

The law: facts follow from entries alone. The ledger writes these rows in the entry's own
transaction, `fsck` derives them again and compares; nobody else decides what they are. Only
idempotency keys and the adoption of a backfilled series are not in an entry.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from audit.entry import Entry
from governance.engine.mould import mould
from governance.oversight.commands import (
    ChargeRow,
    DecisionRow,
    FactRow,
    OutcomeRow,
    RedeemRow,
    ReleaseRow,
)


def rows_of(index: int, entry: Entry) -> list[FactRow]:
    """The rows for the entry at `index`: what it decides, charges, redeems, reports, gives back."""
    data = entry.data
    if entry.kind == "decision":
        until = data.get("valid_until")
        rows: list[FactRow] = [
            _decision(
                index,
                data["digest"],
                data["agent"],
                data["refs"].get("session"),
                data["effect"],
                None if until is None else _instant(until),
            )
        ]
        return rows + _charges(index, data) if "charges" in data else rows
    if entry.kind == "outcome":
        decision = data["refs"]["decision"]
        rows = [OutcomeRow(decision, index, data["status"], data["attested"])]
        if data["released"]:
            rows.append(ReleaseRow(decision, index))
        return rows + _charges(index, data)
    if entry.kind == "permit.redeemed":
        return [RedeemRow(data["refs"]["decision"], index)]
    return []


_decision: Final = mould(DecisionRow)
_instant: Final = lru_cache(maxsize=8)(datetime.fromisoformat)
"""Permits of one batch end at the same time; it is read once."""


def _charges(index: int, data: Any) -> list[FactRow]:
    return [
        ChargeRow(index, series, key, Decimal(amount), unit)
        for series, key, amount, unit in data.get("charges", ())
    ]
