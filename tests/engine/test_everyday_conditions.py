"""Twenty-two conditions that people write every day, and that a leading toolkit misjudged in silence.

Each is what somebody means (a sentence), how it is written here, and what it must say about values;
or how people write it elsewhere, which must be refused when it is loaded.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import engine_world as world
import pytest

from governance.engine.decide import decide
from governance.engine.model import Effect, PolicyErrors

CATALOGUE = world.CATALOGUE.replace(
    b"      urgent: {type: boolean, class: category}",
    b"      urgent: {type: boolean, class: category}\n"
    b"      rows: {type: integer, class: quantity, required: false}\n"
    b"      score: {type: number, class: quantity, required: false}\n"
    b"      tags: {type: list of text, class: category, required: false}",
)
Row = tuple[dict[str, Any], bool]

RIGHT: list[tuple[str, str, list[Row]]] = [
    ("the amount equals 100", "args.amount: {is: 100 EUR}",
     [({"amount": "100 EUR"}, True), ({"amount": "100.00 EUR"}, True),
      ({"amount": "100.01 EUR"}, False), ({"amount": "99.99 EUR"}, False)]),
    ("a whole number equals 100", "args.rows: {is: 100}",
     [({"rows": 100}, True), ({"rows": 101}, False), ({"rows": 10}, False)]),
    ("(a and b) or c, with brackets", "any: [{args.country: {is: DE}, args.urgent: {is: true}}, "
     "{args.amount: {above: 500 EUR}}]",
     [({"country": "DE", "urgent": True}, True), ({"country": "DE", "urgent": False}, False),
      ({"country": "FR", "urgent": True}, False),
      ({"country": "FR", "urgent": False, "amount": "501 EUR"}, True)]),
    ("a and (b or c), with brackets", "args.country: {is: DE}, any: [{args.urgent: {is: true}}, "
     "{args.amount: {above: 500 EUR}}]",
     [({"country": "DE", "urgent": True}, True), ({"country": "DE", "urgent": False}, False),
      ({"country": "FR", "urgent": True, "amount": "900 EUR"}, False)]),
    ("not this", "not: {args.country: {is: DE}}",
     [({"country": "FR"}, True), ({"country": "DE"}, False)]),
    ("not (a and b)", "not: {args.country: {is: DE}, args.urgent: {is: true}}",
     [({"country": "DE", "urgent": True}, False), ({"country": "DE", "urgent": False}, True),
      ({"country": "FR", "urgent": True}, True)]),
    ("equals false", "args.urgent: {is: false}",
     [({"urgent": False}, True), ({"urgent": True}, False)]),
    ("is not true", "args.urgent: {is_not: true}",
     [({"urgent": False}, True), ({"urgent": True}, False)]),
    ("not in a list", "args.country: {none_of: [DE, FR]}",
     [({"country": "IT"}, True), ({"country": "DE"}, False)]),
    ("a number such as 1e6", "args.rows: {above: 1e6}",
     [({"rows": 1_000_001}, True), ({"rows": 1_000_000}, False), ({"rows": 2}, False)]),
    ("a number with decimals", "args.score: {at_least: 0.80}",
     [({"score": Decimal("0.8")}, True), ({"score": Decimal("0.7999999")}, False), ({"score": 1}, True)]),
    ("a text that holds the word or", "args.note: {is: 'this or that'}",
     [({"note": "this or that"}, True), ({"note": "this"}, False), ({"note": "that"}, False)]),
    ("a text that holds a quotation mark", "args.note: {is: 'say \"yes\" == true'}",
     [({"note": 'say "yes" == true'}, True), ({"note": "say yes == true"}, False)]),
    ("a text that looks like a number", "args.note: {is: '100'}",
     [({"note": "100"}, True), ({"note": "100.0"}, False)]),
    ("Norway", "args.country: {is: NO}",
     [({"country": "NO"}, True), ({"country": "DE"}, False)]),
    ("between, both ends counted", "args.amount: {between: [10 EUR, 20 EUR]}",
     [({"amount": "10 EUR"}, True), ({"amount": "20 EUR"}, True), ({"amount": "20.01 EUR"}, False)]),
    ("a list that has something", "args.tags: {contains_any: [red]}",
     [({"tags": ["red", "blue"]}, True), ({"tags": ["redder"]}, False), ({"tags": []}, False)]),
]  # fmt: skip

REFUSED: list[tuple[str, str]] = [
    ("an expression", '"amount == 100"'),
    ("an expression as a value", "args.amount: {is: '100 or 200'}"),
    ("a bare value without operator", "args.amount: 100 EUR"),
    ("two conditions joined by OR", "OR: [{args.country: {is: DE}}, {args.country: {is: FR}}]"),
    ("two conditions joined by &&", "args.country: {is: DE} && args.urgent: {is: true}"),
    ("a number with an underscore", "args.rows: {above: 100_000}"),
    ("an amount with an underscore", "args.amount: {above: 100_000 EUR}"),
    ("an amount in 1e6 form with a comma", "args.amount: {above: '1,000,000 EUR'}"),
    ("a comparison with nothing", "args.country: {is: null}"),
    ("yes for true", "args.urgent: {is: yes}"),
    ("a text for a truth", "args.urgent: {is: 'false'}"),
    ("a field that is not there", "args.amuont: {above: 1 EUR}"),
    ("an operator in capitals", "args.country: {ONE_OF: [DE]}"),
    ("`in` for one_of", "args.country: {in: [DE]}"),
    ("`not in` for none_of", "args.country: {not in: [DE]}"),
    ("one value where a list belongs, cut into letters", "args.country: {one_of: DE, FR}"),
    ("an amount without currency", "args.amount: {above: 500}"),
]


def release(when: str, effect: str = "deny") -> world.Release:
    condition = when if when.startswith('"') else f"{{action: pay, {when}}}"
    paths = {"policies/actions/world.yaml": CATALOGUE,
             "policies/a.yaml": world.file(world.rule(1, effect, condition))}  # fmt: skip
    return world.compile_release(paths)


@pytest.mark.parametrize(("means", "when", "rows"), RIGHT, ids=[means for means, _, _ in RIGHT])
def test_the_condition_says_what_it_means(means: str, when: str, rows: list[Row]) -> None:
    """An ordinary condition would load, and say something else than the person meant."""
    for effect in ("deny", "allow"):
        made = release(when, effect)
        for given, holds in rows:
            one = world.request(made, "pay", {**world.PAY, **given})
            verdict = decide(made, one, {}, world.AT)
            found = {finding.rule for finding in verdict.findings if finding.certain}
            assert ("R-1" in found) is holds, (means, effect, given)
            assert not [f for f in verdict.findings if f.unknown and f.rule == "R-1"]


@pytest.mark.parametrize(("means", "when"), REFUSED, ids=[means for means, _ in REFUSED])
def test_what_could_be_misread_does_not_load(means: str, when: str) -> None:
    """A condition of another language would load here and never match."""
    with pytest.raises(PolicyErrors) as error:
        release(when)
    assert all(finding.path == "policies/a.yaml" for finding in error.value.findings)
    assert all(finding.line >= 11 for finding in error.value.findings)


def test_a_missing_attribute_denies_and_never_allows() -> None:
    """A rule about a field that was left out would be skipped, and the action go through."""
    given = {name: value for name, value in world.PAY.items() if name != "amount"}
    when = "args.amount: {above: 500 EUR}"
    for effect, expected in (
        ("deny", Effect.DENY), ("require_approval", Effect.DENY), ("allow", Effect.DENY),
    ):  # fmt: skip
        made = release(when, effect)
        verdict = decide(made, world.request(made, "pay", given), {}, world.AT)
        assert verdict.effect is expected
        if effect != "allow":
            assert "R-1" in {finding.rule for finding in verdict.findings}


def test_there_are_twenty_two_and_more() -> None:
    """Some of the conditions that are misjudged elsewhere would be forgotten here."""
    assert len(RIGHT) + len(REFUSED) + 1 >= 22
