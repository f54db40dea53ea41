"""The totals of a case, against the store's: the same charges are the same totals."""

from __future__ import annotations

import sqlite3
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from governance.engine.model import NOTHING, Charge, FactQuery
from governance.engine.windows import Windows
from governance.oversight.commands import ChargeRow, DecisionRow, ReleaseRow
from governance.store.facts import FactBook
from governance.store.tables import LogTable, statements

AMOUNTS = st.decimals("0", "9999.99", places=2)
STEPS = st.lists(
    st.tuples(st.integers(0, 1), AMOUNTS, st.sampled_from(("EUR", "USD")), st.booleans(),
              st.integers(0, 60)),
    max_size=12,
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(STEPS, st.integers(0, 1), st.one_of(st.none(), st.integers(900, 1_800)))
def test_a_case_counts_as_the_store_does(steps: list[Any], key: int, since: int | None) -> None:
    """A case about a limit would pass, and the service would decide the other way."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    for statement in statements(LogTable):
        db.execute(statement)
    book, windows, now = FactBook(db), Windows(), 1_000
    for index, (place, amount, unit, back, wait) in enumerate(steps):
        rows = [
            DecisionRow(index, "d", "a", None, "allow", None),
            ChargeRow(index, "s", f"k{place}", amount, unit),
        ]
        book.write(book.plan(rows, now))
        windows.charge(index, now, (Charge("s", f"k{place}", amount, unit),))
        if back:
            book.write(book.plan([ReleaseRow(index, 99)], now))
            windows.give_back(index)
        now += wait
    query = FactQuery("s", f"k{key}", since, "EUR")
    stored = book.totals.total(query)
    assert windows.get(query, NOTHING) == stored
