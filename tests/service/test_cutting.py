"""A cut: two people, a trace, and a log that goes on where it ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from retention_world import DAY, fill, kinds, old, prune, refused, rules
from service_world import DE, World

from governance.oversight.times import write
from governance.service import cutting, explaining, onboarding, people, retaining, stopping
from governance.service.problem import Problem
from governance.service.reading import opened
from governance.store import pruning
from governance.store.errors import StoreError

pytestmark = pytest.mark.usefixtures("beside")


def test_a_cut_takes_two_people_and_leaves_a_trace(aged: World, in_a_child: None) -> None:
    """One person could make evidence disappear, or nobody could see that it did."""
    desk, start = aged.desk, aged.desk.reader.size
    asked = cutting.prune(desk, aged.maria, reason="The time is over.")
    assert asked["state"] == "prune_asked"
    assert asked["minimum"] == 512
    refused(
        "needs-another", "already asked", lambda: cutting.prune(desk, aged.maria, reason="Again.")
    )
    refused("not-allowed", "takes the role", lambda: cutting.prune(desk, aged.anna, reason="Me."))
    assert desk.reader.minimum == 0
    done = cutting.prune(desk, aged.tom, minimum=512, reason="I looked at the plan.")
    assert (done["state"], done["entries"], done["overwritten"]) == ("pruned", 512, True)
    assert kinds(aged, start) == [
        "retention.prune_asked",
        "service.snapshot",
        "retention.pruned",
        "retention.overwritten",
    ]
    data = desk.reader.entry(done["entry"]).data
    assert data["minimum"] == 512
    assert data["people"] == [aged.maria.id, aged.tom.id]
    assert sum(data["counts"].values()) == 512
    assert data["covered"]["size"] >= 512
    assert data["last_at"] < write(desk.now() - timedelta(days=184))
    last = desk.reader.entry(start + 3).data
    assert last["entries"] == 512
    assert last["values"] > 200
    assert desk.state.retention.overwritten


def test_after_a_cut_everything_goes_on_also_after_a_restart(world: World) -> None:
    """A pruned log could not be opened, or limits and agents would be forgotten with it."""
    rules(world)
    world.pay(amount="600 EUR", iban=DE)
    old(world)
    prune(world)
    purpose = "Pays suppliers."
    for _ in range(2):
        desk = world.desk
        assert desk.reader.minimum == 256
        assert onboarding.agent(desk, "payments-1")["purpose"] == purpose
        assert world.pay(amount="1 EUR", iban=DE)["context"]["effect"] == "allow"
        assert people.listed(desk)["people"]
        world.close()
        world.open()


def test_a_pruned_decision_is_said_to_be_pruned(aged: World, made: list[int]) -> None:
    """It would look as if the decision had never been taken."""
    prune(aged)
    desk = aged.desk
    problem = refused(
        "pruned",
        "keeps its entries from `512` on",
        lambda: explaining.decision(desk, aged.maria, made[0]),
    )
    assert problem.status == 410
    refused(
        "pruned",
        "was pruned",
        lambda: retaining.hold(
            desk, aged.maria, scope="range", first=made[0], last=made[5], reason="Too late."
        ),
    )
    shown = explaining.decision(desk, aged.maria, made[-1])
    assert shown["incomplete"] is None
    assert explaining.decisions(desk, aged.maria)["decisions"][-1]["decision"] >= 512


def test_a_cut_that_was_interrupted_is_finished_at_the_next_start(
    aged: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People would have decided a cut that never happened, and nobody would know."""

    def fails(*_: Any, **__: Any) -> Any:
        raise StoreError("the disk is busy")

    with monkeypatch.context() as patched:
        patched.setattr(pruning, "carry_out", fails)
        done = prune(aged)
    assert done["overwritten"] is False
    assert "busy" in done["trouble"]
    assert not aged.desk.state.retention.overwritten
    aged.close()
    aged.open()
    assert cutting.finish(aged.desk) is True
    assert cutting.finish(aged.desk) is False
    assert aged.desk.state.retention.overwritten
    with monkeypatch.context() as patched:  # and one that was decided, but not even announced
        fill(aged, 300)
        aged.clock.advance(190 * DAY)
        fill(aged, 1)
        patched.setattr(pruning, "announce", fails)
        assert prune(aged)["overwritten"] is False
    assert aged.desk.reader.minimum == 512
    assert cutting.finish(aged.desk) is True
    assert aged.desk.reader.minimum == 768


def test_a_schedule_cuts_only_what_two_people_agreed_to(aged: World) -> None:
    """A job would decide by itself what is forgotten."""
    desk = aged.desk
    assert cutting.scheduled(desk) == 0
    wish = retaining.set_rules(desk, aged.maria, classes={}, schedule=True)
    assert cutting.scheduled(desk) == 0
    retaining.confirm(desk, aged.tom, wish["retention"])
    assert cutting.scheduled(desk) == 512
    entry = desk.reader.entry(desk.state.retention.cut.index)  # type: ignore[union-attr]
    assert entry.by["type"] == "service"
    assert entry.data["people"] == [aged.maria.id, aged.tom.id]
    assert cutting.scheduled(desk) == 0
    longer = retaining.set_rules(desk, aged.tom, classes={"people": None})
    assert longer["state"] == "in_force"
    known = desk.state.retention.rules
    assert known is not None
    assert known.schedule
    assert len(known.people) == 2  # keeping more does not end what two people agreed to


@pytest.mark.parametrize("wrong", [255, 300, -256, 768])
def test_a_minimum_that_is_none_is_refused(aged: World, wrong: int) -> None:
    """Half a bundle would go, or more than was due."""
    with pytest.raises(Problem):
        cutting.prune(aged.desk, aged.maria, minimum=wrong, reason="Please.")


def test_a_stop_and_its_reason_outlive_the_cut(world: World) -> None:
    """Whoever has to lift a stop would not know any more why it was raised."""
    desk = world.desk
    rules(world)
    stopped = stopping.raise_stop(
        desk, world.maria, scope="agent", scope_id="payments-2", reason="It pays twice."
    )
    old(world)
    prune(world)
    assert opened(desk, stopped["stop"], "reason") == "It pays twice."
    assert stopped["stop"] in desk.state.stops
