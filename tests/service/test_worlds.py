"""Totals in memory are the totals that counting one by one gives, in both worlds."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from governance.engine.model import NOTHING, Charge, FactQuery, Total
from governance.service.worlds import Worlds
from governance.store.totals import EXACT

_AMOUNTS = st.decimals("0", "1e6", places=2) | st.just(Decimal("1e-30"))
_STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),  # how much later
        st.sampled_from(["a", "b"]),
        _AMOUNTS,
        st.sampled_from(["EUR", "EUR", "EUR", "USD"]),
        st.sampled_from(["both", "both", "was", "would", "back", "done"]),
        st.integers(0, 30),
    ),
    max_size=40,
)
_QUERIES = st.lists(st.tuples(st.none() | st.integers(0, 60), st.sampled_from(["EUR", "USD", ""])))


def _counted(rows: list[tuple[int, int, Charge]], query: FactQuery, gone: set[int]) -> Total:
    found = [
        (entry, charge) for entry, at, charge in rows
        if (charge.series, charge.key) == (query.series, query.key)
        and (query.since is None or at >= query.since)
    ]  # fmt: skip
    if not found:
        return NOTHING
    left = [charge for entry, charge in found if entry not in gone]
    amount = reduce(EXACT.add, (charge.amount for charge in left), Decimal(0))
    mixed = any(charge.unit != query.unit for _, charge in found)
    return Total(amount, len(left), mixed)


@given(_STEPS, _QUERIES)
def test_two_worlds_are_two_lists(steps: Any, queries: Any) -> None:
    """If a total were off by one charge, a backtest would pass or fail a limit for no reason."""
    worlds, now = Worlds(), 0
    was: list[tuple[int, int, Charge]] = []
    would: list[tuple[int, int, Charge]] = []
    gone: set[int] = set()
    for entry, (later, key, amount, unit, what, which) in enumerate(steps):
        now += later
        charge = Charge("did:x", key, amount, unit)
        if what == "back":
            worlds.give_back(which)
            if any(row[0] == which for row in was):
                gone.add(which)
        elif what == "done":
            worlds.confirm(entry, now, which)
            for rows in (was, would):
                own = [row for row in was if row[0] == which and row[0] not in gone]
                if own and (rows is was or any(row[0] == which for row in would)):
                    rows += [(entry, now, Charge("done:x", row[2].key, Decimal(1), "")) for row in own
                             if row[2].series == "did:x"]  # fmt: skip
        else:
            flags = {"was": what != "would", "would": what != "was"}
            worlds.charge(entry, now, (charge,), **flags)
            was += [(entry, now, charge)] if flags["was"] else []
            would += [(entry, now, charge)] if flags["would"] else []
    for since, unit in [*queries, (None, "EUR")]:
        for series in ("did:x", "done:x"):
            for key in ("a", "b"):
                query = FactQuery(series, key, since, unit)
                assert worlds.was(query) == _counted(was, query, gone)
                assert worlds.would(query) == _counted(would, query, gone)
