"""Remarks are proved, and differences have witnesses that both releases have decided."""

from __future__ import annotations

import engine_world as world
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.engine.analyse import field_classes, remarks
from governance.engine.compile import Release
from governance.engine.difference import diff
from governance.engine.model import PolicyErrors


def _remarks(*rules: str) -> list[tuple[str, str, str]]:
    made = world.release(world.file("\n".join(rules)))
    return [(remark.rule, remark.code, remark.by) for remark in remarks(made)]


def test_an_allow_that_is_always_denied_is_named() -> None:
    """If an allow without effect were silent, people would believe what its title says."""
    assert _remarks(
        world.rule(
            1, "allow", "{action: pay, args.amount: {at_most: 5 EUR}, args.country: {is: KP}}"
        ),
        world.rule(2, "deny", "{action: pay, args.country: {one_of: [KP, IR]}}"),
    ) == [("R-1", "no-effect", "pay/R-2")]


def test_an_approval_that_never_decides_is_named() -> None:
    """If a shadowed approval were silent, people would wait to be asked."""
    assert _remarks(
        world.rule(1, "require_approval", "{action: pay, args.amount: {above: 900 EUR}}"),
        world.rule(2, "deny", "{action: pay, args.amount: {above: 500 EUR}}"),
    ) == [("R-1", "shadowed", "pay/R-2")]


def test_a_deny_that_people_may_lift_leaves_the_approval_its_say() -> None:
    """If a waivable deny counted as final, the remark would be wrong after the waiver."""
    assert (
        _remarks(
            world.rule(1, "require_approval", "{action: pay, args.amount: {above: 900 EUR}}"),
            world.rule(
                2,
                "deny",
                "{action: pay, args.amount: {above: 500 EUR}}",
                ", may_be_waived_by: [boss]",
            ),
        )
        == []
    )


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("args.amount: {at_most: 5 EUR}", "args.amount: {at_most: 6 EUR}"),
        ("args.amount: {above: 6 EUR}", "args.amount: {at_least: 6 EUR}"),
        ("args.amount: {between: [5 EUR, 6 EUR]}", "args.amount: {below: 6.01 EUR}"),
        ("args.country: {is: DE}", "args.country: {one_of: [DE, FR]}"),
        ("args.country: {none_of: [KP, IR]}", "args.country: {is_not: KP}"),
        ("args.country: {is: DE}, args.urgent: {is: true}", "args.urgent: {is: true}"),
        ("args.path: {under: 'workspace:/a'}", "args.path: {under: 'workspace:/'}"),
        ("agent.autonomy: {at_least: L4}", "agent.autonomy: {above: L2}"),
        ("args.channel: {is: sepa}", "args.channel: {is_set: true}"),
    ],
)
def test_a_rule_that_another_covers_is_redundant(narrow: str, wide: str) -> None:
    """If a redundant allow were silent, removing the other rule would not do what people think."""
    found = _remarks(
        world.rule(1, "allow", f"{{action: pay, {narrow}}}"),
        world.rule(2, "allow", f"{{action: pay, {wide}}}"),
    )
    assert found == [("R-1", "redundant", "pay/R-2")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("args.amount: {at_most: 6 EUR}", "args.amount: {at_most: 5 EUR}"),
        ("args.amount: {at_most: 6 EUR}", "args.amount: {at_most: 6 USD}"),
        ("args.country: {one_of: [DE, FR]}", "args.country: {one_of: [DE, IT]}"),
        ("args.urgent: {is: true}", "args.urgent: {is: false}"),
        ("args.to: {contains_any: [a@b.example]}", "args.to: {contains_any: [c@b.example]}"),
        ("args.note: {name_like: ['a*']}", "args.note: {name_like: ['*b']}"),
        ("args.path: {under: 'workspace:/'}", "args.path: {under: 'workspace:/a'}"),
    ],
)
def test_nothing_is_said_where_both_rules_decide(one: str, other: str) -> None:
    """If a remark were a guess, people would delete a rule that they need."""
    found = _remarks(
        world.rule(1, "allow", f"{{action: pay, {one}}}"),
        world.rule(2, "allow", f"{{action: pay, {other}}}"),
    )
    assert "R-1" not in [name for name, _, _ in found]


def test_of_two_equal_rules_one_is_redundant() -> None:
    """If twins called each other redundant, deleting both would look right."""
    rules = [world.rule(n, "allow", "{action: pay, args.urgent: {is: true}}") for n in (1, 2)]
    assert len(_remarks(*rules)) == 1


def _release(amount: int, country: str = "KP") -> Release:
    rules = [
        world.rule(1, "allow", f"{{action: pay, args.amount: {{at_most: {amount} EUR}}}}"),
        world.rule(2, "deny", f"{{action: pay, args.country: {{is: {country}}}}}"),
    ]
    return world.release(world.file("\n".join(rules)))


def test_a_raised_threshold_is_a_looser_release_with_a_witness() -> None:
    """If a loosening were not named before it is signed, nobody would have agreed to it."""
    found = diff(_release(500), _release(600), world.AT)
    (only,) = found.found
    assert found.complete
    assert (only.action, only.before, only.after, only.looser) == ("pay", "deny", "allow", True)
    assert only.witness["args.amount"] in ("500.01 EUR", "599.99 EUR", "600 EUR")


def test_a_changed_country_loosens_and_tightens() -> None:
    """If a swap looked like one change, its loosening half would pass unseen."""
    found = diff(_release(500), _release(500, "IR"), world.AT)
    assert {(each.looser, each.witness["args.country"]) for each in found.found} == {
        (True, "`KP`"),
        (False, "`IR`"),
    }


def test_the_same_release_has_no_difference() -> None:
    """If a release differed from itself, every sign-off would begin with noise."""
    found = diff(_release(500), _release(500), world.AT)
    assert found.found == ()
    assert found.complete


def test_a_new_action_in_force_is_a_difference() -> None:
    """If opening an action were no difference, an agent would gain a tool without a signature."""
    one = _release(500)
    two = world.release(
        world.file(
            "\n".join(
                [
                    world.rule(1, "allow", "{action: pay, args.amount: {at_most: 500 EUR}}"),
                    world.rule(2, "deny", "{action: pay, args.country: {is: KP}}"),
                    world.rule(3, "allow", "{action: look}"),
                ]
            ),
            governs="[pay, look]",
        )
    )
    (only,) = diff(one, two, world.AT).found
    assert (only.action, only.before, only.after) == ("look", "deny", "allow")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_is_called_redundant_can_be_removed(data: st.DataObject) -> None:
    """If removing a redundant rule changed a verdict, the remark would have been false."""
    effects = ["allow", "allow", "deny", "require_approval"]
    rules = [
        world.rule(
            n,
            effect,
            data.draw(world.conditions(False)).replace("{", "{action: pay, ", 1),
            ", trust_claim: x",
        )
        for n, effect in enumerate(effects, start=1)
    ]
    try:
        made = world.release(world.file("\n".join(rules)))
    except PolicyErrors:
        return
    for remark in remarks(made)[:1]:
        left = [rule for n, rule in enumerate(rules, start=1) if f"R-{n}" != remark.rule]
        try:
            smaller = world.release(world.file("\n".join(left)))
        except PolicyErrors:
            return
        assert diff(made, smaller, world.AT, budget=800).found == ()


def test_classes_tell_every_comparison_apart() -> None:
    """If a threshold had no value on each side, a difference there would stay unseen."""
    tested = field_classes((_release(500), _release(600)), "pay")
    amounts = {str(value.amount) for value in tested["args.amount"] if hasattr(value, "amount")}
    assert len(tested["args.amount"]) >= 3
    assert {"500.00", "500.01"} & {f"{float(a):.2f}" for a in amounts}
