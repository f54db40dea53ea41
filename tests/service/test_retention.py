"""Nothing goes too early, alone or under a hold; what goes is gone, and the log goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from service_world import DE, NL, World

from audit.__main__ import main
from audit.entry import decode
from audit.keys import Verifier
from audit.package import Package
from audit.proof import TlogProof
from audit.tree import leaf_hash
from audit.verify import verify
from governance.oversight import cuts, entries, retention
from governance.oversight.model import Override
from governance.oversight.service import OLD_LOG
from governance.oversight.times import from_micros, write
from governance.service import (
    backing_up,
    child,
    cutting,
    erasing,
    explaining,
    exporting,
    onboarding,
    people,
    reporting,
    retaining,
    stopping,
    tiling,
)
from governance.service.acting import receipt_json
from governance.service.desk import FOLD, SERVICE
from governance.service.problem import Problem
from governance.service.reading import opened
from governance.store import pruning
from governance.store.backup import back_up
from governance.store.errors import StoreError
from governance.store.restore import restore
from governance.web.console.service_front import ServiceFront

DAY = 86_400
CLASSES = ("decisions", "oversight", "agents", "people", "policy", "reports", "service")
HALF_A_YEAR = dict.fromkeys(CLASSES, 184)


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Work for another process is done in this one, which is quicker, but where a test says so."""
    if "in_a_child" not in request.fixturenames:
        monkeypatch.setattr(child, "run", lambda work, *arguments: work(*arguments))


@pytest.fixture
def in_a_child() -> None:
    """Work is done where it is done in production."""


@pytest.fixture(scope="module")
def long_ago(founded: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, list[int]]:
    """A company with rules for every class and 600 decisions that are old enough to go; closed."""
    made = founded.copied(tmp_path_factory.mktemp("aged") / "workspace")
    rules(made)
    decisions = old(made, 600)
    made.close()
    return made, decisions


@pytest.fixture
def made(long_ago: tuple[World, list[int]]) -> list[int]:
    """The old decisions of `aged`."""
    return long_ago[1]


@pytest.fixture
def aged(long_ago: tuple[World, list[int]], tmp_path: Path) -> Iterator[World]:
    """A company with rules and old decisions."""
    copied = long_ago[0].copied(tmp_path / "aged")
    yield copied
    copied.close()


def rules(world: World, **days: int | None) -> None:
    """Rules for every class, decided by Maria and Tom."""
    wanted = {**HALF_A_YEAR, **days}
    made = retaining.set_rules(world.desk, world.maria, classes=wanted)
    if made["state"] == "waits":
        retaining.confirm(world.desk, world.tom, made["retention"])


def fill(world: World, count: int) -> list[int]:
    """So many decisions; their entries."""
    return [number(world.pay(amount="1 EUR", iban=DE)) for _ in range(count)]


def number(answer: dict[str, Any]) -> int:
    """Which entry an answer is."""
    return int(answer["context"]["evaluation_id"])


def old(world: World, count: int = 300, days: float = 190) -> list[int]:
    """Decisions that are old enough to go, and one that is not."""
    made = fill(world, count)
    world.clock.advance(days * DAY)
    fill(world, 1)
    return made


def prune(world: World, **more: Any) -> dict[str, Any]:
    """A cut that Maria asks for and Tom carries out."""
    asked = cutting.prune(world.desk, world.maria, reason="The time is over.", **more)
    assert asked["state"] == "prune_asked"
    return cutting.prune(
        world.desk, world.tom, minimum=asked["minimum"], reason="I looked at the plan."
    )


def kinds(world: World, start: int) -> list[str]:
    """The kinds of the entries from one on."""
    reader = world.desk.reader
    return [reader.entry(index).kind for index in range(start, reader.size)]


def refused(slug: str, said: str, call: Callable[[], Any]) -> Problem:
    """The problem that a call raises."""
    with pytest.raises(Problem, match=said) as raised:
        call()
    assert raised.value.type == slug
    return raised.value


# -- rules -----------------------------------------------------------------------------------------


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


# -- planning --------------------------------------------------------------------------------------


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


# -- holds -----------------------------------------------------------------------------------------


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


# -- the cut ---------------------------------------------------------------------------------------


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


# -- reports ---------------------------------------------------------------------------------------


def test_a_report_over_pruned_entries_says_so_instead_of_counting_zero(
    aged: World, made: list[int]
) -> None:
    """An auditor would read that nothing was decided where everything was only no longer kept."""
    desk = aged.desk
    whole = report(aged)
    assert whole["kept"]["minimum"] == 0
    assert whole["head"]["recomputed"] == "same"
    retaining.hold(desk, aged.tom, scope="range", first=600, last=610, reason="A claim.")
    prune(aged)
    cut = report(aged)
    assert cut["head"]["recomputed"] == "same"
    assert cut["kept"]["minimum"] == 512
    assert cut["kept"]["pruned_until"] < write(desk.now() - timedelta(days=189))
    assert cut["population"]["missing"] == []
    assert cut["decisions"]["total"]["n"] == len([n for n in made if n >= 512]) + 1
    assert {agent["agent"] for agent in cut["agents"]} == {"payments-1", "payments-2"}
    assert cut["agents"][0]["owner"] == aged.owen.id
    assert {row["cite"]["where"][0][1] for row in cut["roles"]} >= {"treasurer", "cfo"}
    assert not [row for row in cut["exceptions"] if row["kind"] in ("unconfirmed", "ownerless")]
    (said,) = [each for each in cut["not_shown"] if each["title"] == "What was pruned."]
    assert "Entries before index 512" in said["text"]
    assert "does not mean that there were none" in said["text"]
    (row,) = cut["kept"]["cuts"]
    assert row["people"] == [aged.maria.id, aged.tom.id]
    assert sum(count for _, count in row["counts"]) == 512
    assert row["overwritten"] is not None
    assert dict(cut["kept"]["classes"]) == HALF_A_YEAR
    assert [each["scope"] for each in cut["kept"]["holds"]] == ["entries 600 to 610"]
    complete = next(each for each in cut["controls"] if each["id"] == "C2")
    assert complete["k"] == complete["n"] == cut["head"]["size"] - 512


def test_a_report_of_what_was_pruned_altogether_is_refused(aged: World) -> None:
    """Its zeros would be taken for peace and quiet."""
    before = aged.desk.now() - timedelta(days=191)
    prune(aged)
    refused(
        "pruned",
        "zeros for what is no longer here",
        lambda: reporting.periodic(
            aged.desk, aged.tom, start=before - timedelta(days=9), end=before
        ),
    )
    part = report(aged, start=before - timedelta(days=9))
    lacking = [each["lacks"] for each in part["controls"] if each["status"] == "partly"]
    assert any("what came before was pruned" in str(lacks) for lacks in lacking)


def report(world: World, **options: Any) -> dict[str, Any]:
    """The periodic report as JSON."""
    made = reporting.periodic(world.desk, world.tom, **options)
    world.clock.advance(1)
    content = (world.root / "reports" / f"{made['report']}.json").read_bytes()
    return dict(json.loads(content))


def test_the_pages_show_the_plan_and_carry_the_cut_out(aged: World) -> None:
    """What a compliance officer sees before the last yes would not be what goes."""
    front = ServiceFront(aged.desk)
    held = retaining.hold(
        aged.desk, aged.tom, scope="range", first=520, last=530, reason="A claim."
    )
    first = front.cut(aged.maria.id)
    assert (first.minimum, first.second) == (512, False)
    assert "Entries 0 to 511 may go" in first.says[0]
    assert (
        first.says[1] == f"The first that stays is entry 520: legal hold {held['hold']} keeps it."
    )
    assert "unanchored" in first.says[2]
    assert sum(count for _, count in first.counts) == 512
    assert [(each.index, each.first) for each in first.holds] == [(held["hold"], 520)]
    front.prune(aged.maria.id, first.minimum, reason="The time is over.")
    again = front.cut(aged.maria.id)
    assert not again.may.yes
    assert "another person" in again.may.why_not
    second = front.cut(aged.tom.id)
    assert (second.minimum, second.second) == (512, True)
    assert (
        "Maria Fischer asked to give up every entry before 512"
        in front.retention(aged.tom.id).asked
    )
    front.prune(aged.tom.id, second.minimum, reason="I looked at the plan.")
    assert aged.desk.reader.minimum == 512
    assert "keeps its entries from 512 on" in front.retention(aged.tom.id).cut[0]
    assert front.cut(aged.tom.id).minimum == 0
    assert not front.cut(aged.anna.id).may.yes


# -- handing it on -----------------------------------------------------------------------------------


def test_a_pruned_log_is_exported_verified_and_performed_again(
    aged: World, made: list[int], tmp_path: Path
) -> None:
    """Whoever keeps no longer than allowed could prove nothing to an auditor any more."""
    whole = exporting.export(aged.desk, aged.tom, tmp_path / "before.zip")
    receipt = aged.desk.reader.receipt(made[0])
    prune(aged)
    held = aged.pay(amount="600 EUR", arguments={"note": "kept"})
    pruned = exporting.export(aged.desk, aged.tom, tmp_path / "after.zip")
    assert (whole["minimum"], pruned["minimum"]) == (0, 512)
    assert Path(pruned["package"]).stat().st_size < Path(whole["package"]).stat().st_size
    kept = {
        "index": receipt.index,
        "leaf_hash": receipt.leaf_hash.hex(),
        "tree_size": receipt.tree_size,
        "checkpoint": receipt.checkpoint,
    }
    proven = verify(tmp_path / "after.zip", pruned["vkeys"], receipts=[json.dumps(kept)])
    assert (proven.minimum, proven.form) == (512, "re-performable")
    package = Package.open(tmp_path / "after.zip")
    cut = next(e for e in map(decode, package.entries(512)) if e.kind == "retention.pruned")
    assert cut.data["snapshot"] in package.blobs()
    before, after = (
        exporting.replay(path) for path in (tmp_path / "before.zip", tmp_path / "after.zip")
    )
    assert before["different"] == after["different"] == after["not_disclosed"] == 0
    assert 0 < after["decisions"] < before["decisions"]
    assert after["same"] == after["decisions"]
    assert exporting.replay(aged.desk)["same"] == after["same"]
    assert held["context"]["effect"] == "require_approval"


def test_what_was_handed_out_before_a_cut_still_verifies_offline(
    aged: World, made: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who kept a receipt of a decision could prove nothing any more once we pruned it."""
    desk = aged.desk
    vkey = desk.workspace.vkeys[0]
    old_ = made[3]
    entry = desk.reader.entry_bytes(old_)
    (tmp_path / "receipt.json").write_text(json.dumps(receipt_json(desk.reader.receipt(old_))))
    (tmp_path / "old.tlog-proof").write_text(tiling.proof(desk.reader, old_), encoding="utf-8")
    exporting.export(desk, aged.tom, tmp_path / "before.zip")
    prune(aged)
    fill(aged, 3)
    exporting.export(desk, aged.tom, tmp_path / "after.zip")
    kept = [
        "--receipt",
        str(tmp_path / "receipt.json"),
        "--receipt",
        str(tmp_path / "old.tlog-proof"),
    ]
    for package in ("before.zip", "after.zip"):
        words = ["verify", str(tmp_path / package), "--key", vkey, *kept, "--workers", "1"]
        assert main(words) == 0, capsys.readouterr()
    assert "were pruned" in capsys.readouterr().out
    # and without any package: the proof of today for the bytes of then
    proof = tiling.proof(desk.reader, old_)
    (tmp_path / "new.tlog-proof").write_text(proof, encoding="utf-8")
    parsed = TlogProof.parse(proof)
    parsed.verify(leaf_hash(entry), [Verifier.from_vkey(vkey)])


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


def test_an_erasure_says_until_when_copies_may_exist(world: World) -> None:
    """Somebody would be told that their data are gone while a backup still has them."""
    desk = world.desk
    fill(world, 1)
    world.pay(amount="1 EUR", iban=NL)
    backing_up.backup(desk, SERVICE)
    until = desk.now() + timedelta(days=30)
    done = erasing.erase(desk, world.tom, subject_type="payee", value=DE, ground="gdpr-17-1-a")
    assert done["copies_until"] == write(until.replace(microsecond=0))
    assert desk.reader.entry(done["entry"]).data["copies_until"] == done["copies_until"]
    shown = retaining.show(desk, world.tom)["copies_until"]
    assert shown == {"values": done["copies_until"], "log": None}
    world.clock.advance(30 * DAY)
    assert backing_up.expire(desk) == 1
    done = erasing.erase(desk, world.tom, subject_type="payee", value=NL, ground="gdpr-17-1-a")
    assert done["copies_until"] is None
    shown = report(world)["erasures"]
    assert [row["copies_until"] for row in shown] == [write(until.replace(microsecond=0)), None]


def test_a_cut_says_until_when_backups_of_the_log_hold_what_went(aged: World) -> None:
    """An operator would report as deleted what last week's backup still shows."""
    desk = aged.desk
    backing_up.backup(desk, SERVICE)
    until = write((desk.now() + timedelta(days=90)).replace(microsecond=0))
    prune(aged)
    last = desk.reader.entry(desk.reader.size - 1)
    assert (last.kind, last.data["copies_until"]) == ("retention.overwritten", until)
    assert retaining.show(desk, aged.tom)["copies_until"]["log"] == until
    aged.clock.advance(91 * DAY)
    assert backing_up.expire(desk) == 2
    assert retaining.show(desk, aged.tom)["copies_until"] == {"values": None, "log": None}
