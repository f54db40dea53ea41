"""What was counted before a decision, as pages say it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from service_world import World

from audit.entry import decode
from governance.web.console.present import Clockface
from governance.web.console.stating import windows


def said(world: World, answer: dict) -> list[tuple[str, str]]:
    """The rows that a page has for a decision."""
    index = int(answer["context"]["evaluation_id"])
    data = decode(next(iter(world.desk.reader.entries(index, index + 1)))).data
    clock = Clockface(ZoneInfo("UTC"))
    rows = windows(world.desk, clock, data["facts"], data["release"])
    return [(row.about, row.fact) for row in rows]


def test_a_history_is_one_row_in_words(world: World) -> None:
    """A person would read `payee.verify allowed before (?)`, twice, and have to guess."""
    rows = said(world, world.pay(amount="6000 EUR"))
    (about, value) = next(row for row in rows if "for the same" in row[0])
    assert about.endswith(", for the same IBAN")
    assert "payee.verify" not in about
    assert value.startswith("No, not since ")
    assert not any("(?" in row[0] or "s-" in row[0] for row in rows)
    assert len([row for row in rows if "for the same" in row[0]]) == 1


def test_once_is_not_one_times(world: World) -> None:
    """A page would say `1 times`."""
    world.pay(amount="10 EUR")
    rows = said(world, world.pay(amount="20 EUR"))
    (_, value) = next(row for row in rows if row[0].startswith("LIM-1"))
    assert value.startswith("once since ")
