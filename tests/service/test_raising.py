"""Raising autonomy: what one person may do alone, whatever happens while it is looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from service_world import FILES, World

from audit.verify import verify
from governance.oversight.model import State
from governance.service import exporting, onboarding, registering, releasing
from governance.service.desk import Caller, Desk
from governance.service.problem import Problem

ENDS = "2027-06-01T00:00:00Z"
"""When the autonomy of the world's agents ends."""


def raised(world: World, level: str, until: str = ENDS, by: Caller | None = None) -> dict[str, Any]:
    """Tom, or another manager, raises the poster's autonomy."""
    return onboarding.set_autonomy(
        world.desk,
        by or world.tom,
        "poster-1",
        level=level,
        until=until,
        evidence={"reviewed": 200},
    )


def lowered(world: World, level: str) -> dict[str, Any]:
    """Owen, who owns the poster, lowers it."""
    return onboarding.set_autonomy(world.desk, world.owen, "poster-1", level=level, why="drift")


def stands(world: World) -> tuple[str, str]:
    """The poster's autonomy and its end."""
    told = onboarding.agent(world.desk, "poster-1")
    return told["autonomy"], str(told["autonomy_until"])[:10]


def meanwhile(patch: pytest.MonkeyPatch, name: str, act: Callable[[], object]) -> None:
    """Let something happen between finding out and recording, once."""
    looked = getattr(registering, name)

    def slow(*given: object) -> object:
        found = looked(*given)
        patch.setattr(registering, name, looked)
        act()
        return found

    patch.setattr(registering, name, slow)


def refused(act: Callable[[], object]) -> str:
    """The type of the problem that an act ends in."""
    with pytest.raises(Problem) as caught:
        act()
    return caught.value.type


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A company before its first release."""
    with monkeypatch.context() as patch:
        patch.setattr(releasing, "first", lambda *_: None)
        return World(tmp_path / "bare")


def test_an_agent_that_another_service_took_on_just_now_is_looked_at_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One person would raise an agent that the service they reach has not read about yet."""
    before = world.desk.state
    world.agent("poster-1", tools=["web.post"], autonomy="L1", autonomy_until=None)
    with monkeypatch.context() as patch:
        patch.setattr(Desk, "state", property(lambda _: before))
        assert refused(lambda: raised(world, "L5")) == "conflict"
        assert refused(
            lambda: onboarding.change(world.desk, world.tom, "poster-1", labels=["x"])
        ) == "conflict"  # fmt: skip
    assert stands(world) == ("L1", "None")
    assert raised(world, "L5")["pending"]


def test_a_renewal_does_not_undo_what_was_lowered_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same level again, which opens nothing, would take back the owner's lowering of a second ago."""
    world.agent("poster-1", tools=["web.post"])
    meanwhile(monkeypatch, "raised", lambda: lowered(world, "L1"))
    assert refused(lambda: raised(world, "L4")) == "conflict"
    assert stands(world) == ("L1", "None")


def test_an_earlier_end_is_not_prolonged_by_what_was_looked_at_before_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """November, tighter than December, would be recorded over the October of somebody else."""
    world.agent("poster-1", tools=["web.post"])
    sooner = lambda: raised(world, "L4", "2027-04-01T00:00:00Z", world.maria)  # noqa: E731
    meanwhile(monkeypatch, "raised", sooner)
    assert refused(lambda: raised(world, "L4", "2027-05-01T00:00:00Z")) == "conflict"
    assert stands(world) == ("L4", "2027-04-01")


def test_the_log_of_a_confirmed_raise_verifies(world: World, tmp_path: Path) -> None:
    """An auditor's program would call the log tampered with: its entry points to one of another kind."""
    world.agent("poster-1", tools=["web.post"], autonomy="L1", autonomy_until=None)
    made = raised(world, "L4")
    assert made["pending"]
    onboarding.confirm(world.desk, world.maria, "poster-1", entry=made["entry"])
    assert stands(world) == ("L4", "2027-06-01")
    package = exporting.export(world.desk, world.tom, tmp_path / "package.zip")
    assert verify(tmp_path / "package.zip", package["vkeys"]).form == "re-performable"
    assert exporting.replay(world.root)["different"] == 0


def test_before_the_first_release_a_raise_takes_two_people(bare: World) -> None:
    """The first rules would meet an agent that one person alone let go as far as it likes."""
    bare.agent("poster-1", tools=["web.post"], autonomy="L1", autonomy_until=None)
    made = raised(bare, "L5", "2099-01-01T00:00:00Z")
    assert (made["pending"], stands(bare)) == (True, ("L1", "None"))
    onboarding.confirm(bare.desk, bare.maria, "poster-1", entry=made["entry"])
    assert stands(bare) == ("L5", "2099-01-01")
    assert not raised(bare, "L5", "2098-01-01T00:00:00Z")["pending"]
    assert raised(bare, "L5", "2099-01-01T00:00:00Z")["pending"]


def test_a_raise_that_waits_does_not_outlive_a_lowering(bare: World) -> None:
    """Who confirms would put back an agent that its owner lowered after they looked."""
    bare.agent("poster-1", tools=["web.post"], autonomy="L3")
    made = raised(bare, "L5")
    assert made["pending"]
    lowered(bare, "L1")
    confirm = onboarding.confirm
    assert refused(lambda: confirm(bare.desk, bare.maria, "poster-1", entry=made["entry"])) == (
        "conflict"
    )
    assert stands(bare) == ("L1", "None")


def test_the_first_release_comes_while_a_raise_is_looked_at(
    bare: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no rules answered would be recorded as if those of now had been asked."""
    bare.agent("poster-1", tools=["web.post"], autonomy="L1", autonomy_until=None)

    def released() -> None:
        made = releasing.propose(bare.desk, bare.maria, FILES, days=0)
        releasing.sign(bare.desk, bare.tom, made["proposal"], made["evidence"])

    meanwhile(monkeypatch, "raised", released)
    assert refused(lambda: raised(bare, "L5")) == "conflict"


def test_a_draft_is_confirmed_as_it_was_shown(world: World) -> None:
    """The second person would confirm an agent at L1, or for a purpose, and take on another one."""
    onboarding.propose(
        world.desk, world.maria, agent="poster-1", team="it", owner=world.owen.id, purpose="Posts"
    )
    shown = onboarding.agent(world.desk, "poster-1")
    assert refused(lambda: raised(world, "L5")) == "conflict"
    made = onboarding.change(world.desk, world.maria, "poster-1", purpose="Posts what it likes")
    assert made["pending"]
    onboarding.confirm(world.desk, world.tom, "poster-1", entry=shown["entry"])
    assert stands(world) == ("L1", "None")
    assert onboarding.agent(world.desk, "poster-1")["purpose"] == "Posts"
    onboarding.confirm(world.desk, world.tom, "poster-1", entry=made["entry"])
    assert onboarding.agent(world.desk, "poster-1")["purpose"] == "Posts what it likes"


@pytest.mark.parametrize("level", ["L4", "L2"])
def test_who_lowers_an_agent_does_not_let_it_stay_there_for_ever(world: World, level: str) -> None:
    """An owner would give an agent its level for good, by lowering it the day before it ends."""
    world.agent("poster-1", tools=["web.post"])
    assert lowered(world, level)["until"] == "2027-06-01T00:00:00.000000Z"
    assert stands(world) == (level, "2027-06-01")
    assert exporting.replay(world.root)["different"] == 0
    world.clock.advance(365 * 24 * 3600)
    assert stands(world)[0] == "L1"


def test_what_is_refused_anyway_is_not_looked_at_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that nobody may make would keep everybody else's waiting for their examination."""
    world.agent("poster-1", tools=["web.post"], autonomy="L1", autonomy_until=None)

    def looked(*_: object) -> State:
        raise AssertionError("it was looked at")

    for name in ("raised", "changed"):
        monkeypatch.setattr(registering, name, looked)
    assert refused(lambda: raised(world, "L5", "2026-01-01T00:00:00Z")) == "bad-field"
    assert refused(lambda: raised(world, "L5", by=world.anna)) == "not-allowed"
    change = onboarding.change
    onboarding.retire(world.desk, world.tom, "poster-1", why="over")
    assert refused(lambda: raised(world, "L5")) == "conflict"
    assert refused(lambda: change(world.desk, world.tom, "poster-1", labels=["x"])) == "conflict"
