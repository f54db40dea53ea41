"""What tests about retention share: rules, old decisions, a cut by two people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from service_world import DE, World

from governance.service import cutting, retaining
from governance.service.problem import Problem

DAY = 86_400
CLASSES = ("decisions", "oversight", "agents", "people", "policy", "reports", "service")
HALF_A_YEAR = dict.fromkeys(CLASSES, 184)


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
