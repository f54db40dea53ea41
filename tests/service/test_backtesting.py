"""A draft tried on the past says what the service would have said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from past_world import drafts, live, slowly
from service_world import DE, FILES, POLICY, World

from governance.engine.compile import compile_release
from governance.oversight.times import from_micros, micros
from governance.service import backtesting, erasing
from governance.service.beside import Beside
from governance.service.problem import Problem
from governance.service.trial import Openings, Trial, Tried

SEEDS = (1, 2, 3)


@pytest.fixture(scope="module", params=SEEDS)
def past(request: Any, founded: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A company with some days behind it."""
    made = founded.copied(tmp_path_factory.mktemp("past") / "workspace")
    live(made, request.param)
    yield made
    made.close()


def tried(here: Beside, files: dict[str, bytes], start: int = 0) -> list[Tried]:
    """Every decision from `start` on under a draft, in this process."""
    draft = compile_release(files)
    trial = Trial(draft, here.release, here.first, Openings(here.vault, draft), start)
    found = (trial.entry(index, each) for index, each in enumerate(here.entries(), here.minimum))
    return [each for each in found if each is not None]


def result(here: Beside, files: dict[str, bytes], start: int = 0) -> dict[str, Any]:
    """The whole backtest, in this process."""
    draft = compile_release(files)
    trial = Trial(draft, here.release, here.first, Openings(here.vault, draft), start)
    raw = here.reader.entries(here.minimum, here.size)
    return backtesting.run(
        trial, raw, (start, backtesting.FAR), minimum=here.minimum, size=here.size
    )


@pytest.mark.parametrize("name", drafts())
def test_a_backtest_says_what_deciding_everything_again_says(past: World, name: str) -> None:
    """If the quick way said anything else than deciding each action again, it would be a guess."""
    here, files = Beside(past.root), drafts()[name]
    want = slowly(here, files)
    got = {each.decision: (each.was, each.now, each.at_once) for each in tried(here, files)}
    assert got == want


@pytest.mark.parametrize("name", ["nothing", "a smaller limit", "a limit of another name",
                                  "a longer window", "one more rule"])  # fmt: skip
def test_windows_reach_back_before_the_period(past: World, name: str) -> None:
    """If limits began empty on the period's first day, a draft would look laxer than it is."""
    here, files = Beside(past.root), drafts()[name]
    entries = list(here.entries())
    start = micros(entries[len(entries) // 2].at)
    want = slowly(here, files, start)
    got = {each.decision: (each.was, each.now, each.at_once) for each in tried(here, files, start)}
    assert got == want
    if name == "a limit of another name":
        assert all(was == now for was, now, _ in want.values()), "the same limit, told otherwise"


def test_the_release_in_force_changes_nothing(past: World) -> None:
    """If a backtest of what is in force found changes, nobody could believe one of a draft."""
    found = result(Beside(past.root), dict(FILES))
    assert found["changes"] == 0
    assert found["by_change"] == {}
    assert found["at_once"] == {}
    assert found["decisions"] == found["reperformed"] > 100
    assert found["approvals"]["added"] == 0


def test_every_decision_is_counted_once(past: World) -> None:
    """If counts did not add up, a change could hide between them."""
    for name, files in drafts().items():
        found = result(Beside(past.root), files)
        assert found["decisions"] == found["reperformed"] + found["not_reperformed"], name
        assert found["changes"] == sum(found["by_change"].values()) == len(found["changed"])
        assert found["changes"] == found["stricter"] + found["looser"]
        assert sum(each["decisions"] for each in found["by_agent"]) == found["decisions"]
        assert found["changes"] == sum(
            each["stricter"] + each["looser"] for each in found["by_agent"]
        )


def test_what_the_draft_refuses_fills_no_limit(founded: World, tmp_path: Path) -> None:
    """If payments that a draft refuses filled its limits, it would seem to refuse those after them."""
    world = founded.copied(tmp_path / "w")
    world.pay(amount="450 EUR")
    world.pay(amount="400 EUR")
    world.pay(amount="90 EUR")
    policy = POLICY.replace(b"at_most: 500 EUR}}", b"at_most: 420 EUR}}")
    policy = policy.replace(b"at_most: 1000 EUR\n", b"at_most: 500 EUR\n")
    found = result(Beside(world.root), {**FILES, "policies/payments.yaml": policy})
    world.close()
    assert [(each["was"], each["now"]) for each in found["changed"]] == [("allow", "deny")]
    assert found["at_once"] == {"allow -> deny": 1, "allow -> require_approval": 2}
    assert found["follow_on"] == 2


def test_approvals_that_a_draft_adds_have_people_and_minutes(past: World) -> None:
    """If a draft's approvals had no cost, a team would learn it from a full inbox."""
    files = {**FILES, "policies/payments.yaml": POLICY.replace(b"at_most: 500 EUR}}", b"at_most: 100 EUR}}")
             .replace(b"args.amount: {above: 500 EUR, at_most", b"args.amount: {above: 100 EUR, at_most")}  # fmt: skip
    found = result(Beside(past.root), files)
    cost = found["approvals"]
    assert cost["added"] > 0
    assert cost["would"] == cost["was"] + cost["added"]
    treasurer = next(each for each in cost["roles"] if each["role"] == "treasurer")
    assert treasurer["holders"] == 1
    assert treasurer["minutes_per_day"] > 0
    assert [each["person"] for each in cost["people"] if each["minutes_per_day"] > 0] == [
        past.anna.id
    ]
    assert cost["measured"] == (cost["answers"] >= 20)
    assert any(
        ("assumed" in line) != cost["measured"] for line in found["basis"] if "inutes" in line
    )


def test_erased_arguments_are_counted_apart(founded: World, tmp_path: Path) -> None:
    """If a decision whose values are gone were judged, the figure would be made up."""
    world = founded.copied(tmp_path / "w")
    live(world, 5, 60)
    erasing.erase(world.desk, world.tom, subject_type="payee", value=DE, ground="gdpr-17")
    here = Beside(world.root)
    found = result(
        here, {**FILES, "policies/payments.yaml": POLICY.replace(b"500 EUR", b"400 EUR")}
    )
    same = result(here, dict(FILES))
    unasked = result(here, {**FILES, "policies/payments.yaml": POLICY.replace(
        b"    when: {action: payee.verify}\n", b"    when: {action: payee.verify, agent.team: {is: x}}\n")})  # fmt: skip
    world.close()
    assert found["not_reperformed"] > 5
    assert set(found["lost"]) == {"args.iban"}
    assert found["reperformed"] + found["not_reperformed"] == found["decisions"]
    assert same["not_reperformed"] == 0
    assert same["changes"] == 0
    assert unasked["not_reperformed"] == 0
    assert {each["now"] for each in unasked["changed"]} == {"deny"}


def test_it_runs_beside_and_says_how_far_it_is(past: World) -> None:
    """If a long backtest were silent, people would end it, or the service would wait for it."""
    heard: list[tuple[int, int]] = []
    found = backtesting.backtest(
        past.root, drafts()["smaller payments"], tell=lambda *far: heard.append(far)
    )
    assert found["complete"]
    assert found["changes"] > 0
    with pytest.raises(Problem, match="no workspace"):
        backtesting.backtest(past.root / "nowhere", dict(FILES))
    broken = {**FILES, "policies/payments.yaml": POLICY.replace(b"effect: deny", b"effect: no")}
    with pytest.raises(Problem) as caught:
        backtesting.backtest(past.root, broken)
    assert caught.value.type == "bad-policy"


def test_time_that_runs_out_is_said(past: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a backtest that was cut short looked whole, what it did not read would count as unchanged."""
    monkeypatch.setattr(backtesting, "LOOKED", 64)
    draft = compile_release(dict(FILES))
    here = Beside(past.root)
    trial = Trial(draft, here.release, here.first, Openings(here.vault, draft), 0)
    told: list[tuple[int, int]] = []
    found = backtesting.run(
        trial, here.reader.entries(0, here.size), (0, backtesting.FAR),
        minimum=0, size=here.size, seconds=0.0, tell=lambda *far: told.append(far),
    )  # fmt: skip
    assert not found["complete"]
    assert found["entries"] == 64
    assert told == [(64, here.size)]


def test_a_period_ends_where_it_was_said(past: World) -> None:
    """If entries after the period counted, two months could not be compared."""
    here = Beside(past.root)
    at = [micros(entry.at) for entry in here.entries() if entry.kind == "decision"]
    span = (at[len(at) // 3], at[2 * len(at) // 3])
    draft = compile_release(dict(FILES))
    trial = Trial(draft, here.release, here.first, Openings(here.vault, draft), span[0])
    found = backtesting.run(
        trial, here.reader.entries(0, here.size), span, minimum=0, size=here.size
    )
    assert found["decisions"] == sum(span[0] <= each < span[1] for each in at)
    assert from_micros(span[1]) - from_micros(span[0]) >= timedelta(days=found["days"]) - timedelta(
        days=1
    )


def test_the_drafts_change_something(past: World) -> None:
    """If the drafts of these tests changed nothing, agreeing about them would show nothing."""
    here, quiet = Beside(past.root), {"nothing", "a title", "a limit of another name"}
    idle = {name for name, files in drafts().items() if not result(here, files)["changes"]}
    assert quiet <= idle
    assert len(idle - quiet) <= 2, idle
