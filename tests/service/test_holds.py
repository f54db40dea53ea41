"""Legal holds: what is held stays, however old, and is not erased."""

from __future__ import annotations

from typing import Any

import pytest
from retention_world import HALF_A_YEAR, fill, old, prune, refused, rules
from service_world import DE, NL, World

from governance.oversight.service import OLD_LOG
from governance.oversight.times import from_micros
from governance.service import cutting, erasing, people, retaining, stopping
from governance.service.desk import FOLD
from governance.service.problem import Problem
from governance.service.reading import opened
from governance.store.backup import back_up
from governance.store.restore import restore

pytestmark = pytest.mark.usefixtures("beside")


def test_a_hold_on_a_decision_keeps_it_and_what_follows(aged: World, made: list[int]) -> None:
    """Evidence would be deleted while a court waits for it."""
    desk = aged.desk
    held = retaining.hold(
        desk, aged.tom, scope="decision", scope_id=str(made[300]), reason="7 O 1/26"
    )
    found = cutting.plan(desk, aged.maria)
    assert found["minimum"] == made[300] // 256 * 256 == 256
    assert found["why"] == f"legal hold {held['hold']} keeps it"
    (told,) = found["holds"]
    assert (told["hold"], told["first"]) == (held["hold"], made[300])
    assert told["keeps"] == made[-1] - made[300] + 1
    refused(
        "conflict",
        "legal hold",
        lambda: cutting.prune(desk, aged.maria, minimum=512, reason="All."),
    )


@pytest.mark.parametrize("scope", ["agent", "subject", "range"])
def test_a_hold_keeps_its_scope(world: World, scope: str) -> None:
    """A hold on a person or an agent would hold nothing."""
    rules(world)
    world.pay(by=world.gateway, amount="1 EUR", iban=NL)
    made = old(world, 600)
    desk = world.desk
    named: dict[str, Any] = {
        "agent": {"scope_id": "payments-1"},
        "subject": {"scope_id": DE, "subject_type": "payee"},
        "range": {"first": 5, "last": 9},
    }[scope]
    held = retaining.hold(desk, world.maria, scope=scope, reason="A claim.", **named)
    found = cutting.plan(desk, world.maria)
    assert found["minimum"] == 0
    assert found["holds"][0]["first"] <= made[0]
    asked = retaining.release(desk, world.maria, held["hold"], reason="Settled.")
    assert asked["state"] == "release_asked"
    refused(
        "needs-another",
        "already asked",
        lambda: retaining.release(desk, world.maria, held["hold"], reason="Settled."),
    )
    assert cutting.plan(desk, world.maria)["minimum"] == 0
    assert retaining.release(desk, world.tom, held["hold"], reason="Yes.")["state"] == "released"
    assert cutting.plan(desk, world.maria)["minimum"] == 512


def test_who_is_held_is_not_erased(world: World) -> None:
    """A claim in law would be defeated by asking to be forgotten."""
    desk = world.desk
    decision = fill(world, 1)[0]
    for hold in (
        {"scope": "subject", "scope_id": DE, "subject_type": "payee"},
        {"scope": "decision", "scope_id": str(decision)},
        {"scope": "agent", "scope_id": "payments-1"},
        {"scope": "range", "first": decision, "last": decision},
    ):
        number = retaining.hold(desk, world.tom, reason="A claim.", **hold)["hold"]  # type: ignore[arg-type]
        refused(
            "conflict",
            f"legal hold `{number}`.*17\\(3\\)\\(e\\)",
            lambda: erasing.erase(
                desk, world.tom, subject_type="payee", value=DE, ground="gdpr-17-1-a"
            ),
        )
        retaining.release(desk, world.tom, number, reason="Settled.")
        retaining.release(desk, world.maria, number, reason="Settled.")
    done = erasing.erase(desk, world.tom, subject_type="payee", value=DE, ground="gdpr-17-1-a")
    assert done["values"] > 0


def test_what_a_held_agent_recorded_otherwise_is_not_erased(world: World) -> None:
    """Erasing would look at decisions only, where a cut looks at everything of a held agent."""
    desk = world.desk
    fill(world, 1)
    hold = retaining.hold(desk, world.tom, scope="agent", scope_id="payments-1", reason="A claim.")
    state = desk.state.retention.holds[hold["hold"]]
    opened = next(
        index
        for index in range(desk.state.size)
        if desk.reader.entry(index).kind == "session.opened"
    )
    assert retaining.covers(desk, state, opened)
    assert not retaining.covers(desk, state, 0)  # the service's own


def test_the_name_of_a_held_person_is_not_erased(world: World) -> None:
    """Who approved what a court asks about would have no name any more."""
    desk = world.desk
    number = retaining.hold(
        desk, world.tom, scope="subject", scope_id=world.anna.id, reason="A claim."
    )["hold"]
    people.leave(desk, world.maria, world.anna.id)

    def erase() -> Any:
        return erasing.erase(
            desk, world.tom, subject_type="person", value=world.anna.id, ground="gdpr-17-1-a"
        )

    refused("conflict", f"legal hold `{number}`", erase)
    for who in (world.tom, world.maria):
        retaining.release(desk, who, number, reason="Settled.")
    assert erase()["values"] == 1


def test_what_cannot_be_held_is_refused(world: World) -> None:
    """A mistyped number would give a false sense of safety."""
    desk = world.desk
    for scope, more, said in (
        ("team", {"scope_id": "x"}, "is no scope"),
        ("decision", {"scope_id": "9999999"}, "no decision `9999999`"),
        ("decision", {}, "say which decision"),
        ("agent", {"scope_id": "nobody"}, "no agent `nobody`"),
        ("subject", {"scope_id": "FR14", "subject_type": "payee"}, "nothing is kept"),
        ("subject", {"scope_id": "FR14"}, "what kind of data subject"),
        ("subject", {"scope_id": "p-aaaaaaaaaa"}, "nothing is known about"),
        ("range", {"first": 9, "last": 5}, "in this order"),
        ("range", {"first": 0, "last": 10**9}, "there is no entry"),
    ):
        with pytest.raises(Problem, match=said):
            retaining.hold(desk, world.tom, scope=scope, reason="A claim.", **more)  # type: ignore[arg-type]
    assert not desk.state.retention.holds


def test_a_hold_placed_before_the_second_yes_stops_the_cut(aged: World, made: list[int]) -> None:
    """A court's letter that arrives between two signatures would come too late."""
    desk = aged.desk
    cutting.prune(desk, aged.maria, reason="The time is over.")
    retaining.hold(desk, aged.tom, scope="decision", scope_id=str(made[0]), reason="A letter.")
    refused(
        "conflict",
        "legal hold",
        lambda: cutting.prune(desk, aged.tom, minimum=256, reason="Yes."),
    )
    assert desk.reader.minimum == 0


def test_rules_and_holds_outlive_a_restore(aged: World, made: list[int]) -> None:
    """After a fire the court's hold would be gone, and what it holds could go next."""
    desk = aged.desk
    prune(aged)
    number = retaining.hold(
        desk, aged.tom, scope="decision", scope_id=str(made[-1]), reason="A claim."
    )["hold"]
    backup = back_up(aged.workspace.paths, desk.now(), aged.workspace.ledger)
    aged.close()
    aged.clock.advance(5)
    now = from_micros(aged.clock.now)
    restore(aged.root, backup.folder, FOLD, now, acknowledge=True, clock=aged.clock)
    aged.open()
    desk, known = aged.desk, aged.desk.state.retention
    assert known.rules is not None
    assert dict(known.rules.classes) == HALF_A_YEAR
    assert known.minimum == 0
    (held,) = known.holds.values()
    assert held.index == number - OLD_LOG
    stop = next(iter(desk.state.stops))
    for who in (aged.maria, aged.tom):
        stopping.lift(desk, who, stop, reason="We looked.")
    retaining.release(desk, aged.maria, held.index, reason="Settled.")
    retaining.release(desk, aged.tom, held.index, reason="Yes.")
    assert not desk.state.retention.holds
    assert opened(desk, made[-1] - OLD_LOG, "args.iban") is not None
