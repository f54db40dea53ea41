"""Every rule reads as a sentence, and the sentence holds everything the rule holds."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import engine_world as world
import pytest

from governance.engine import words, words_of_files
from governance.engine.command import DOUBTS
from governance.engine.model import Money
from governance.engine.rules import Test as Comparison


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(0), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(minutes=90), "1 hour and 30 minutes"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=7), "1 week"),
        (timedelta(days=30), "30 days"),
        (timedelta(days=1, hours=1, minutes=1), "1 day, 1 hour and 1 minute"),
    ],
)
def test_durations_are_said_in_exact_units(span: timedelta, said: str) -> None:
    """If a duration were rounded in words, people would sign another deadline."""
    assert words.duration(span) == said


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("500", "500 EUR"),
        ("0.50", "0.50 EUR"),
        ("10000", "10\u202f000 EUR"),
        ("1234567.80", "1\u202f234\u202f567.80 EUR"),
    ],
)
def test_amounts_keep_every_digit(amount: str, said: str) -> None:
    """If a cent were lost in words, the sentence would name another threshold."""
    assert words.money(Money(Decimal(amount), "EUR")) == said


def test_a_rule_says_when_what_who_and_why() -> None:
    """If a clause were left out of the words, it would be signed without being read."""
    approval = (
        "approval: {needs: [1 treasurer, 2 cfo], answer_within: 4h, not_by: [requester, agent.owner], "
        "reason: required, review_time: 60s, checklist: [I called the payee]}"
    )
    text = (
        "  - {id: R-1, title: Ask, effect: require_approval, when: {action: pay, args.amount: "
        f"{{above: 500 EUR}}}}, because: It is much., severity: high, {approval}, "
        "obligations: [{tell_user: A person looks.}]}"
    )
    made = world.release(world.file(text))
    said = words_of_files.file(made.bundle.files[0], made.catalogue.actions)[1]
    for part in (
        "If an agent wants to pay and the amount is above 500 EUR, or if that cannot be told",
        "a person decides",
        "1 treasurer and 2 cfo must agree within 4 hours (different people)",
        "Not by whoever asked for it or the agent's owner.",
        "A reason must be given.",
        "At least 1 minute to look.",
        "I called the payee",
        "The user is told: A person looks.",
        "Why: It is much.",
    ):
        assert part in said


def test_a_deny_says_who_may_lift_it() -> None:
    """If the words hid a waiver, a deny would look firmer than it is."""
    rules = "\n".join(
        [
            world.rule(
                1, "deny", "{action: pay, args.urgent: {is: true}}", ", may_be_waived_by: [boss]"
            ),
            world.rule(2, "deny", "{action: pay, args.urgent: {is: false}}"),
        ]
    )
    made = world.release(world.file(rules))
    first, second = words_of_files.file(made.bundle.files[0], made.catalogue.actions)[1:]
    assert "Only somebody with the role boss may lift this." in first
    assert "Nobody may lift this." in second


def test_a_trusted_claim_is_said_to_be_one() -> None:
    """If the words did not say that a claim is believed, an auditor would take it for a fact."""
    rules = world.rule(
        1, "deny", "{action: pay, resource.owner: {is: eve}}", ", trust_claim: The bank checks it."
    )
    made = world.release(world.file(rules))
    said = words_of_files.file(made.bundle.files[0], made.catalogue.actions)[1]
    assert "The agent's own word is believed here: The bank checks it." in said


def test_a_rule_names_every_constant_and_a_short_answer_says_how_many_more() -> None:
    """An auditor would read that a rule is about eight labels `or 5 more`, and the five would stand
    nowhere; a short answer that ended in silence would look whole."""
    constants = tuple(f"c{n}" for n in range(12))
    test = Comparison("args.x", "text", "one_of", constants)
    said = words.comparison(test)
    assert all(f"`{each}`" in said for each in constants)
    assert said.endswith("or `c11`")
    assert words.comparison(test, None, words.SHOWN).endswith("`c7` or 4 more")


def test_every_doubt_has_words() -> None:
    """If a reason for doubt had no words, the answer to a person would be a code."""
    for code in DOUBTS:
        assert words.unknown(code) != code.replace("_", " ") or " " in words.unknown(code)
    assert words.unknown("missing") == "it is missing"
    assert words.unknown("a_new_code") == "a new code"
