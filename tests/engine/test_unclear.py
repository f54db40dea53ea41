"""Amounts that may be two: not taken from a person, read as ever from a program and out of the log."""

from __future__ import annotations

from datetime import date

import engine_world as world
import pytest
from test_engine_load import GOOD, errors

from governance.engine.model import LoadFinding
from governance.engine.unclear import meanings, says


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10.000 EUR", ("10 EUR", "10000 EUR")),
        ("10.000EUR", ("10 EUR", "10000 EUR")),
        ("1.500 eur", ("1.50 EUR", "1500 EUR")),
        ("-1.000 EUR", ("-1 EUR", "-1000 EUR")),
        ("10.000", ("10", "10000")),
        ("1.500 km", ("1.5 km", "1500 km")),
        ("10.000 KWD", ("10 KWD", "10000 KWD")),
        ("100.000 JPY", ("100 JPY", "100000 JPY")),
        ("2000.0000 EUR", ("2000 EUR",)),
        ("0.500 EUR", ("0.50 EUR",)),
        ("1234.500 EUR", ("1234.50 EUR",)),
        ("100.0 JPY", ("100 JPY",)),
        ("1.255 KWD", ()),
        ("10.005 EUR", ()),
        ("10000 EUR", ()),
        ("300.50 EUR", ()),
        ("300.5 EUR", ()),
        ("0.125", ()),
        ("1.125", ()),
        ("1234.500", ()),
        ("10,000 EUR", ()),
        ("1.500 is much", ()),
        ("2026-11-20", ()),
    ],
)
def test_an_amount_has_one_meaning_or_is_asked_about(text: str, found: tuple[str, ...]) -> None:
    """Ten thousand would be let through as ten, or a plain amount be refused."""
    assert meanings(text) == found
    assert bool(says(text)[0]) is bool(found)
    assert all(meanings(each) == () for each in found), "the advice would be refused, too"


def unclear(text: str, at: date | None = date(2026, 11, 20)) -> list[LoadFinding]:
    """The findings about unclear amounts of one file."""
    return [each for each in errors(text, at) if each.code == "unclear-amount"]


@pytest.mark.parametrize(
    ("old", "new", "points_at"),
    [
        ("at_most: 500 EUR", "at_most: 10.000 EUR", "10.000 EUR"),
        ("at_most: 500 EUR", "at_most: '10.000 EUR'", "'10.000 EUR'"),
        ("at_most: 500 EUR", "between: [1 EUR, 10.000 EUR]", "10.000 EUR"),
        ("at_most: 500 EUR", "below: 1.000EUR", "1.000EUR"),
        ("{at_most: 500 EUR}", "{at_most: 500 EUR}, session.depth: {at_most: 10.000}", "10.000}"),
        ("at_most: 2000 EUR", "at_most: 2.000 EUR", "2.000 EUR"),
        ("[small, 1 EUR", "[small, 1.000 EUR", "1.000 EUR"),
        ("[small, 1 EUR", "[small, {amount: 1.000, currency: EUR}", "1.000"),
    ],
)
def test_an_unclear_amount_is_found_wherever_something_is_compared(
    old: str, new: str, points_at: str
) -> None:
    """A limit would be a thousand times what its title says, and every case would hold."""
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    (found,) = unclear(text)
    assert text.splitlines()[found.line - 1][found.column - 1 :].startswith(points_at)
    assert " or " in found.message


def test_both_readings_are_said() -> None:
    """The author would not learn which two things the line may say."""
    (found,) = unclear(GOOD.replace("at_most: 500 EUR", "at_most: 10.000 EUR"))
    assert found.message == "`10.000 EUR`: is it 10 EUR or 10000 EUR?"
    assert found.hint == "write `10000 EUR` or `10 EUR`"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: Never there", "title: 10.000 EUR"),
        ("because: sanctions", "because: 1.500 EUR"),
        ("[small, 1 EUR", "[10.000 EUR, 1 EUR"),
        ("KP, NO]}", 'KP, NO]}\n      agent.model: {one_of: ["1.500", "2.000 km"]}'),
    ],
)
def test_prose_and_quoted_texts_are_left_alone(old: str, new: str) -> None:
    """A title or the version of a model would keep a file from being released."""
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    assert errors(text) == []


def test_a_release_out_of_the_log_still_loads() -> None:
    """The service would not start any more on a log that holds an older file."""
    text = GOOD.replace("at_most: 500 EUR", "at_most: 10.000 EUR")
    assert unclear(text)
    assert errors(text, None) == []


def test_what_a_request_says_is_read_as_ever() -> None:
    """Recorded decisions would not come out the same when they are performed again."""
    made = world.release(
        world.file(world.rule(1, "allow", "{action: pay, args.amount: {at_most: 10 EUR}}"))
    )
    for text, effect in (("10.000 EUR", "allow"), ("10.005 EUR", "deny"), ("10.01 EUR", "deny")):
        arguments = {**world.PAY, "amount": text}
        assert world.ask(made, arguments=arguments).effect.word == effect
