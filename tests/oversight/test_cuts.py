"""Where a log may be cut, against a reference that asks every entry by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from immutables import Map

from audit.entry import Entry, encode
from governance.oversight import cuts, retention, snapshot
from governance.oversight.errors import Refused
from governance.oversight.model import Duty, Hold, Override, Retention, RetentionRules, State
from governance.oversight.times import write

NOW = datetime(2028, 1, 1, tzinfo=UTC)
KINDS = ("decision", "stop.raised", "agent.proposed", "person.left", "policy.released", "outcome")
SUBJECT = "s-" + "a" * 26


def entry(kind: str, age: float, agent: str, subject: bool) -> Entry:
    """An entry so many days old."""
    data = {"agent": agent, "about": SUBJECT if subject else "nobody"}
    return Entry(kind, NOW - timedelta(days=age), {"type": "service", "id": "s"}, data)


entries_of = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.floats(1, 900).map(lambda days: round(days, 3)),
        st.sampled_from(("a", "b", "c")),
        st.booleans(),
    ),
    max_size=60,
).map(lambda rows: [entry(*row) for row in sorted(rows, key=lambda row: -row[1])])
classes_of = st.dictionaries(
    st.sampled_from(sorted(retention.CLASSES)), st.integers(184, 800), max_size=7
)
holds_of = st.lists(
    st.one_of(
        st.tuples(st.just("decision"), st.integers(0, 60).map(str), st.none(), st.none()),
        st.tuples(st.just("agent"), st.sampled_from(("b", "c")), st.none(), st.none()),
        st.tuples(st.just("subject"), st.just(SUBJECT), st.none(), st.none()),
        st.tuples(st.just("range"), st.none(), st.integers(10, 30), st.integers(20, 60)),
    ),
    max_size=2,
)


def state_of(classes: dict[str, int], holds: list[Any], needed: int | None) -> State:
    """A state with these rules and holds, and perhaps an open override on an entry."""
    rules = RetentionRules(0, Map(classes), None, False, ())
    placed = {n: Hold(n, *hold, "p-aaaaaaaaaa", NOW) for n, hold in enumerate(holds)}
    state = State(retention=Retention(rules=rules, holds=Map(placed)))
    if needed is not None:
        override = Override(needed, needed, "00" * 32, (), NOW, (), True)
        state = State(retention=state.retention, overrides=Map({needed: override}))
    return state


def kept_by(state: State, index: int, each: Entry, look: timedelta) -> bool:
    """Whether anything keeps one entry; the reference."""
    name = retention.class_of(each.kind)
    days = state.retention.rules.classes.get(name)  # type: ignore[union-attr]
    if days is None or each.at > NOW - timedelta(days=days) or each.at > NOW - look:
        return True
    if any(index in (o.index, o.decision) for o in state.overrides.values()):
        return True
    for hold in state.retention.holds.values():
        held = {
            "decision": lambda h: index == int(h.scope_id),
            "range": lambda h: h.first <= index <= h.last,
            "agent": lambda h: each.data["agent"] == h.scope_id,
            "subject": lambda h: each.data["about"] == h.scope_id,
        }[hold.scope](hold)
        if held:
            return True
    return False


@given(entries_of, classes_of, holds_of, st.integers(0, 700), st.none() | st.integers(0, 60))
@settings(max_examples=300, deadline=None)
def test_nothing_goes_that_anything_keeps_and_nothing_stays_without_reason(
    log: list[Entry], classes: dict[str, int], holds: list[Any], look: int, needed: int | None
) -> None:
    """An entry would go under a hold or before its time, or everything would stay for ever."""
    state = state_of(classes, holds, needed)
    window = timedelta(days=look)
    with patch.object(cuts, "BUNDLE", 4):
        plan = cuts.plan(state, map(encode, log), NOW, window, len(log))
    kept = [n for n, each in enumerate(log) if kept_by(state, n, each, window)]
    first = min(kept, default=len(log))
    assert plan.first_kept == first or (needed is not None and needed < first)
    assert plan.minimum == min(first, plan.first_kept) // 4 * 4
    assert sum(plan.counts.values()) == plan.entries == plan.minimum
    if plan.minimum:
        assert plan.last_at == write(log[plan.minimum - 1].at)
    for each in plan.holds:
        assert each.first >= plan.minimum


@pytest.mark.parametrize(
    ("old", "new", "less"),
    [
        ({}, {"decisions": 400}, True),
        ({"decisions": 400}, {"decisions": 400}, False),
        ({"decisions": 400}, {"decisions": 401}, False),
        ({"decisions": 400}, {"decisions": 399}, True),
        ({"decisions": 400}, {}, False),
        ({"decisions": 400}, {"decisions": 500, "people": 9000}, True),
    ],
)
def test_what_keeps_less_is_told_from_what_keeps_more(
    old: dict[str, int], new: dict[str, int], less: bool
) -> None:
    """One person could shorten a class in the shadow of another that is lengthened."""
    before = RetentionRules(0, Map(old), None, False, ())
    assert retention.keeps_less(before, RetentionRules(1, Map(new), None, False, ())) is less
    assert retention.keeps_less(before, RetentionRules(1, Map(old), None, True, ()))
    duty = RetentionRules(0, Map(old), Duty("hgb-257", 400), False, ())
    assert retention.keeps_less(duty, RetentionRules(1, Map(old), None, False, ()))


@pytest.mark.parametrize("days", [0, 1, 183])
def test_the_floor_holds_for_every_class(days: int) -> None:
    """One class would be forgotten by the check of the law."""
    for name in retention.CLASSES:
        with pytest.raises(Refused, match="six months"):
            retention.require_rules({name: days}, None)
        retention.require_rules({name: 184}, None)
        with pytest.raises(Refused, match="`hgb-257` asks for 400"):
            retention.require_rules({name: 399}, Duty("hgb-257", 400))


def test_a_snapshot_from_before_retention_can_still_be_read() -> None:
    """A workspace of the version before could not be opened, or only by folding it anew."""
    state = State(size=7, origin="old.example/log")
    older = snapshot.dump(state)
    assert b"retention" not in older
    assert snapshot.load(older) == state
    rules = RetentionRules(
        3, Map({"decisions": 400}), Duty("hgb-257", 400), True, ("p-aaaaaaaaaa",)
    )
    hold = Hold(4, "range", None, 1, 2, "p-aaaaaaaaaa", NOW, "p-bbbbbbbbbb", 5)
    later = State(size=9, retention=Retention(rules=rules, holds=Map({4: hold}), first_cut=6))
    assert snapshot.load(snapshot.dump(later)) == later
