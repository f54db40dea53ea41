"""Windows: the sum of what was charged, minus what was given back, in any window."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.engine.model import FactQuery
from governance.oversight.commands import ChargeRow, DecisionRow, ReleaseRow
from governance.store.facts import FactBook
from governance.store.tables import LogTable, statements

UNITS = ("EUR", "USD", "")
AMOUNTS = st.decimals("-999999.99", "999999.99", places=2)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("charge"), st.integers(0, 2), AMOUNTS, st.sampled_from(UNITS)),
        st.tuples(st.just("give back"), st.integers(0, 30)),
        st.tuples(st.just("wait"), st.integers(1, 50)),
        st.tuples(st.just("forget caches")),
        st.tuples(st.just("ask"), st.integers(0, 2), st.one_of(st.none(), st.integers(0, 200))),
    ),
    max_size=40,
)


def _book() -> tuple[FactBook, Any]:
    db = sqlite3.connect(":memory:", isolation_level=None)
    for statement in statements(LogTable):
        db.execute(statement)
    return FactBook(db), db


@settings(max_examples=150, deadline=None)
@given(steps)
def test_a_window_holds_what_was_charged_in_it_and_not_given_back(steps: list[Any]) -> None:
    """A budget would allow too much, or lock an agent out, in some order of events."""
    book, _ = _book()
    charged: list[tuple[int, str, Decimal, str, int]] = []
    given_back: set[int] = set()
    now = 1_000
    for step in steps:
        if step[0] == "charge":
            index, key = len(charged), f"k{step[1]}"
            rows = [
                DecisionRow(index, "d", "a", None, "allow", None),
                ChargeRow(index, "s", key, step[2], step[3]),
            ]
            book.write(book.plan(rows, now))
            charged.append((index, key, step[2], step[3], now))
        elif step[0] == "give back" and step[1] < len(charged):
            book.write(book.plan([ReleaseRow(step[1], 99)], now))
            given_back.add(step[1])
        elif step[0] == "wait":
            now += step[1]
        elif step[0] == "forget caches":
            book.flush()
            book.totals.__init__(book.connection)  # type: ignore[misc]
        elif step[0] == "ask":
            _compare(book, charged, given_back, f"k{step[1]}", step[2] and now - step[2])
    for key in ("k0", "k1", "k2"):
        for since in (None, 1_000, now - 20, now, now + 1):
            _compare(book, charged, given_back, key, since)


def _compare(
    book: FactBook, charged: list[Any], given_back: set[int], key: str, since: int | None
) -> None:
    inside = [c for c in charged if c[1] == key and (since is None or c[4] >= since)]
    kept = [c for c in inside if c[0] not in given_back]
    total = book.totals.total(FactQuery("s", key, since, "EUR"))
    assert total.sum == sum((c[2] for c in kept), Decimal(0))
    assert total.count == len(kept)
    assert total.mixed == any(c[3] != "EUR" for c in inside)


def test_giving_back_twice_gives_back_once() -> None:
    """An agent could grow its budget by reporting the same failure again and again."""
    book, _ = _book()
    rows = [
        DecisionRow(0, "d", "a", None, "allow", None),
        ChargeRow(0, "s", "k", Decimal("10"), "EUR"),
        ChargeRow(0, "t", "k", Decimal("1"), ""),
    ]
    book.write(book.plan(rows, 5))
    for index in (1, 2, 3):
        book.write(book.plan([ReleaseRow(0, index)], 6))
    assert book.totals.total(FactQuery("s", "k", None, "EUR")).sum == 0
    assert book.totals.total(FactQuery("t", "k", None)).count == 0


def test_giving_back_frees_the_window_of_the_charge_and_no_other() -> None:
    """A payment that failed yesterday would raise today's limit."""
    book, _ = _book()
    for index, at in ((0, 100), (1, 200)):
        rows = [
            DecisionRow(index, "d", "a", None, "allow", None),
            ChargeRow(index, "s", "k", Decimal("10"), "EUR"),
        ]
        book.write(book.plan(rows, at))
    book.write(book.plan([ReleaseRow(0, 2)], 300))
    assert book.totals.total(FactQuery("s", "k", 150, "EUR")).sum == 10
    assert book.totals.total(FactQuery("s", "k", None, "EUR")).sum == 10


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1E+90", "sNaN"])
def test_an_amount_that_cannot_be_added_exactly_is_refused(amount: str) -> None:
    """A huge or undefined amount would turn the running total into nonsense."""
    book, db = _book()
    one = [ChargeRow(0, "s", "k", Decimal("0.01"), "EUR")]
    book.write(book.plan(one, 1))
    with pytest.raises((ArithmeticError, ValueError)):
        book.plan([ChargeRow(1, "s", "k", Decimal(amount), "EUR")], 2)
    book.flush()
    assert db.execute("SELECT count(*) FROM totals").fetchone() == (1,)
