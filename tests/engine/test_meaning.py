"""The digest of meaning: the same for other words, another for another decision."""

from __future__ import annotations

import engine_world as world
import pytest

from governance.engine import meaning
from governance.engine.compile import compile_release

FILE = world.file(
    world.rule(1, "allow", "{action: pay, args.country: {one_of: [DE, FR]}, args.urgent: {is: true}}")
    + "\n"
    + world.rule(2, "deny", "{action: pay, any: [{args.amount: {above: 50 EUR}}, {args.country: {is: KP}}]}")
).decode()  # fmt: skip


def of(text: str) -> str:
    made = compile_release(
        {world.CATALOGUE_PATH: world.CATALOGUE, "policies/a.yaml": text.encode()}
    )
    return meaning.of_bundle(made.bundle)


SAME = [
    ("[DE, FR]", "[FR, DE]"),
    ("[DE, FR]", "[DE, FR, DE]"),
    ("{is: KP}", "{one_of: [KP]}"),
    ("50 EUR", "50.00 EUR"),
    ("title: Rule 1", "title: Another title"),
    ("because: test", "because: 'for another reason'"),
    ("owner: test@corp.example", "owner: other@corp.example  # a comment"),
    ("review_by: 2099-01-01", "review_by: 2098-01-01"),
    ("[{args.amount: {above: 50 EUR}}, {args.country: {is: KP}}]",
     "[{args.country: {is: KP}}, {args.amount: {above: 50 EUR}}]"),
    ("{action: pay, args.country: {one_of: [DE, FR]}, args.urgent: {is: true}}",
     "{args.urgent: {is: true}, action: pay, args.country: {one_of: [DE, FR]}}"),
]  # fmt: skip
OTHER = [
    ("[DE, FR]", "[DE]"),
    ("one_of: [DE, FR]", "none_of: [DE, FR]"),
    ("50 EUR", "50.01 EUR"),
    ("50 EUR", "50 USD"),
    ("above: 50 EUR", "at_least: 50 EUR"),
    ("effect: allow", "effect: deny"),
    ("severity: low", "severity: high"),
    ("default: deny", "default: require_approval\ndefault_approval: {needs: [1 a], answer_within: 1h}"),
    ("governs: [pay]", "governs: [pay, look]"),
    ("mode: enforce", "mode: draft"),
    ("{agents: all}", "{agents: {team: {is: a}}}"),
    ("id: R-1,", "id: R-7,"),
    ("severity: low}", "severity: low, obligations: [{log: [args.note]}]}"),
]  # fmt: skip


@pytest.mark.parametrize(("was", "became"), SAME)
def test_other_words_mean_the_same(was: str, became: str) -> None:
    """Every reformatting would be signed off as a change of what is enforced."""
    assert was in FILE
    assert of(FILE.replace(was, became, 1)) == of(FILE)


@pytest.mark.parametrize(("was", "became"), OTHER)
def test_another_decision_is_another_meaning(was: str, became: str) -> None:
    """A change of what is enforced would pass for a reformatting."""
    assert was in FILE
    assert of(FILE.replace(was, became, 1)) != of(FILE)


def test_the_catalogue_is_part_of_it() -> None:
    """An argument that became optional would change verdicts, and no digest."""
    paths = {"policies/a.yaml": FILE.encode()}
    one = compile_release({world.CATALOGUE_PATH: world.CATALOGUE, **paths})
    changed = world.CATALOGUE.replace(
        b"labels: [moves_money, irreversible]", b"labels: [moves_money]"
    )
    two = compile_release({world.CATALOGUE_PATH: changed, **paths})
    assert meaning.of_bundle(one.bundle) != meaning.of_bundle(two.bundle)
