"""Rules of retention: two people for less, a floor for all, and a plan that names what goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from retention_world import HALF_A_YEAR, old, refused, rules
from service_world import World

from governance.oversight import cuts, entries, retention
from governance.oversight.model import Override
from governance.oversight.times import write
from governance.service import cutting, retaining

pytestmark = pytest.mark.usefixtures("beside")


def test_less_than_six_months_is_refused(world: World) -> None:
    """Logs of a high-risk system would be gone before the law allows it."""
    for days in (1, 30, 183):
        refused(
            "bad-field",
            r"at least six months \(184 days; AI Act, Articles 19 and 26\(6\)\).*sector",
            lambda days=days: retaining.set_rules(  # type: ignore[misc]
                world.desk, world.maria, classes={"decisions": days}
            ),
        )
    assert world.desk.state.retention.rules is None


def test_a_longer_duty_raises_the_floor(world: World) -> None:
    """A bank would delete after six months what its sector keeps for ten years."""
    duty = {"law": "hgb-257", "days": 3650}
    refused(
        "bad-field",
        "`hgb-257` asks for 3650",
        lambda: retaining.set_rules(
            world.desk, world.maria, classes={"decisions": 3649}, duty=duty
        ),
    )
    made = retaining.set_rules(world.desk, world.maria, classes={"decisions": 3650}, duty=duty)
    retaining.confirm(world.desk, world.tom, made["retention"])
    refused(
        "bad-field",
        "`hgb-257` asks for 3650",
        lambda: retaining.set_rules(world.desk, world.maria, classes={"people": 400}),
    )


def test_keeping_less_takes_two_people_and_keeping_more_takes_one(world: World) -> None:
    """One person could have the evidence against themselves expire."""
    desk = world.desk
    made = retaining.set_rules(desk, world.maria, classes=HALF_A_YEAR, reason="Half a year.")
    assert made["state"] == "waits"
    assert desk.state.retention.rules is None
    refused(
        "needs-another",
        "you proposed",
        lambda: retaining.confirm(desk, world.maria, made["retention"]),
    )
    refused(
        "not-allowed",
        "takes the role",
        lambda: retaining.confirm(desk, world.anna, made["retention"]),
    )
    assert retaining.confirm(desk, world.tom, made["retention"])["state"] == "in_force"
    longer = retaining.set_rules(desk, world.tom, classes={"decisions": 400})
    assert longer["state"] == "in_force"
    found = desk.state.retention.rules
    assert found is not None
    assert retention.days_of(found, "decisions") == 400
    assert retention.days_of(found, "people") == 184
    for less in ({"decisions": 399}, {"people": 183 + 1, "decisions": 399}):
        assert retaining.set_rules(desk, world.tom, classes=less)["state"] == "waits"
    assert retaining.set_rules(desk, world.tom, classes={}, schedule=True)["state"] == "waits"
    for_ever = retaining.set_rules(desk, world.tom, classes={"people": None})
    assert for_ever["state"] == "in_force"
    assert retention.days_of(desk.state.retention.rules, "people") is None


def test_rules_that_wait_are_dropped_by_others_and_that_is_said(world: World) -> None:
    """Somebody would go on waiting for a confirmation that can no longer be given."""
    desk = world.desk
    first = retaining.set_rules(desk, world.maria, classes=HALF_A_YEAR)
    assert "dropped" not in first
    second = retaining.set_rules(desk, world.maria, classes={"decisions": 200})
    assert (second["state"], second["dropped"]) == ("waits", first["retention"])
    third = retaining.set_rules(desk, world.maria, classes={"decisions": None})
    assert (third["state"], third["dropped"]) == ("in_force", second["retention"])
    assert desk.state.retention.waiting is None


def test_every_kind_of_entry_has_a_class() -> None:
    """Entries of a forgotten kind would be kept by nobody's rule."""
    assert {retention.class_of(kind) for kind in entries.KINDS} == set(retention.CLASSES)
    assert retention.class_of("decision.reversed") == "oversight"
    assert retention.class_of("decision") == "decisions"
    assert retention.class_of("retention.pruned") == "service"


def test_without_rules_nothing_goes(world: World) -> None:
    """A new installation would forget by itself."""
    old(world)
    found = cutting.plan(world.desk, world.maria)
    assert (found["minimum"], found["entries"], found["first_kept"]) == (0, 0, 0)
    assert found["why"].endswith("is kept for ever")
    refused(
        "conflict",
        "nothing can go",
        lambda: cutting.prune(world.desk, world.maria, reason="Please."),
    )


def test_a_plan_says_what_would_go_and_what_keeps_the_rest(aged: World, made: list[int]) -> None:
    """People would sign a cut without knowing what it takes."""
    found = cutting.plan(aged.desk, aged.maria)
    assert found["minimum"] == 512
    assert found["entries"] == sum(found["counts"].values()) == 512
    assert found["counts"]["decisions"] > 200
    assert set(found["counts"]) >= {"decisions", "people", "agents", "policy"}
    assert found["first_kept"] == made[-1] + 1
    assert found["values"] > 200
    assert found["last_at"] == write(aged.desk.reader.entry(511).at)
    assert found["covered"]["anchors"] == []
    assert aged.desk.reader.minimum == 0
    before = aged.desk.reader.size
    cutting.plan(aged.desk, aged.maria)
    assert aged.desk.reader.size == before


def test_the_cut_lies_where_every_class_allows_it(world: World) -> None:
    """Who was responsible would be forgotten with the decisions, though people are kept longer."""
    old(world)
    rules(world, people=3650)
    found = cutting.plan(world.desk, world.maria)
    assert found["minimum"] == 0
    assert found["why"] == "class `people` keeps it"
    assert found["until"] > "2036"
    rules(world, people=184)
    assert cutting.plan(world.desk, world.maria)["minimum"] == 256


def test_a_window_that_rules_look_back_over_is_not_cut_into(aged: World) -> None:
    """A limit would begin at zero on the morning after the cut."""
    state, size = aged.desk.state, aged.desk.reader.size
    raw = list(aged.desk.reader.entries(0, size))
    far = cuts.plan(state, raw, aged.desk.now(), timedelta(days=365), size)
    assert far.minimum == 0
    assert far.why == "a limit or a history in force still looks at it"
    assert cuts.plan(state, raw, aged.desk.now(), timedelta(days=100), size).minimum == 512


def test_something_open_keeps_what_it_looks_at(aged: World, made: list[int]) -> None:
    """A person would lift a rule from a decision that is no longer there."""
    state = aged.desk.state
    override = Override(made[400], made[300], "ab" * 32, (), aged.desk.now(), (), complete=True)
    open_ = replace(state, overrides=state.overrides.set(made[400], override))
    size = state.size
    raw = list(aged.desk.reader.entries(0, size))
    found = cuts.plan(open_, raw, aged.desk.now(), timedelta(days=10), size)
    assert (found.minimum, found.first_kept) == (256, made[300])
    assert found.why == f"override {made[400]} is open"


def test_what_opens_while_the_state_is_sealed_stops_the_cut(
    aged: World, made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An override on an old decision, asked for in that second, would point at nothing."""
    denied = made[0]
    monkeypatch.setattr(
        retention, "first_needed", lambda _state, _at: (denied, f"override {denied} is open")
    )
    monkeypatch.setattr(cutting, "planned", lambda _desk: replace(plan, minimum=256))
    plan = cuts.Plan(0, 256, 300, "", None, {}, None, ())
    cutting.prune(aged.desk, aged.maria, reason="The time is over.")
    refused(
        "conflict",
        f"override {denied} is open and looks at entry {denied}",
        lambda: cutting.prune(aged.desk, aged.tom, minimum=256, reason="Yes."),
    )
    assert aged.desk.reader.minimum == 0
