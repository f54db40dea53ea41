"""Remarks are proved, and differences have witnesses that both releases have decided."""

from __future__ import annotations

import engine_world as world
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.engine import amounts
from governance.engine.analyse import remarks
from governance.engine.compile import Release
from governance.engine.difference import diff
from governance.engine.model import PolicyErrors


def _remarks(*rules: str, **more: str) -> list[tuple[str, str, str]]:
    made = world.release(world.file("\n".join(rules), **more))
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


def test_a_notice_of_the_same_name_makes_no_redaction_redundant() -> None:
    """If ids alone were compared, deleting the rule would let through, once somebody lifts the deny,
    what a runtime that cannot redact was refused for good."""
    found = _remarks(
        world.rule(1, "deny", "{action: pay}", ", may_be_waived_by: [boss]"),
        world.rule(2, "allow", "{action: pay}", ", obligations: [{redact: [args.note], id: x}]"),
        world.rule(3, "allow", "{action: pay}", ", obligations: [{notify: boss, id: x}]"),
    )
    assert not [each for each in found if each[1] == "redundant"]


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
    only, watched = found.found
    assert found.complete
    assert (only.action, only.before, only.after, only.looser) == ("pay", "deny", "allow", True)
    assert (watched.before, watched.after, watched.by) == (
        "deny", "require_approval", "service/autonomy"
    )  # fmt: skip
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
    only, watched = diff(one, two, world.AT).found
    assert watched.by == "service/autonomy"
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


def test_several_rules_together_make_one_redundant() -> None:
    """A rule that two others cover would be kept for years, because neither does it alone."""
    assert _remarks(
        world.rule(1, "deny", "{action: pay, args.amount: {above: 10 EUR, at_most: 90 EUR}}"),
        world.rule(2, "deny", "{action: pay, args.amount: {at_most: 50 EUR}}"),
        world.rule(3, "deny", "{action: pay, args.amount: {above: 50 EUR}}"),
        world.rule(4, "allow", "{action: look}"),
        governs="[pay, look]",
    ) == [("R-1", "redundant", "pay/R-2, pay/R-3")]


def test_two_rules_of_one_condition_that_say_the_opposite_are_contradictory() -> None:
    """Whoever reads only the allow would tell people that it is allowed."""
    same = "{action: pay, args.country: {is: DE}}"
    found = _remarks(
        world.rule(1, "allow", same), world.rule(2, "deny", same, ", may_be_waived_by: [boss]")
    )
    assert found == []  # once it was waived, the allow decides
    for effect in ("require_approval", "deny"):
        found = _remarks(world.rule(1, "allow", same), world.rule(2, effect, same))
        assert found == [("R-1", "contradictory", "pay/R-2")]


def test_a_rule_that_matches_only_what_cannot_be_told_is_unreachable() -> None:
    """A deny that never holds would be read as a protection."""
    when = "{action: pay, any: [{args.channel: {is: sepa, is_not: sepa}}]}"
    assert _remarks(world.rule(1, "deny", when)) == [("R-1", "unreachable", "")]


def _limit(of: str, otherwise: str = "deny") -> str:
    approval = ", approval: {needs: [1 boss], answer_within: 1h}" if otherwise != "deny" else ""
    return (
        f"  - {{id: LIM-1, title: L, measure: count, of: {of}, per: [agent.id], in_last: 1h, "
        f"at_most: 3, otherwise: {otherwise}, because: test{approval}}}"
    )


def test_a_limit_that_can_never_bind_is_named() -> None:
    """A limit behind a deny would be counted on, and never be asked."""
    small = world.rule(1, "allow", "{action: pay, args.amount: {at_most: 5 EUR}}")
    deny = world.rule(2, "deny", "{action: pay, args.country: {is: KP}}")
    never = _limit("{action: pay, args.country: {is: KP}}")
    assert ("LIM-1", "never-binds", "pay/R-2") in _remarks(small, deny, limits=never)
    assert not _remarks(small, deny, limits=_limit("{action: pay}"))


def _amounts(*rules: str, **more: str) -> list[tuple[str, str]]:
    made = world.release(world.file("\n".join(rules), **more))
    found = amounts.remarks(made)
    return [(remark.rule, remark.code) for remark in found]


def test_a_larger_amount_that_does_better_is_named() -> None:
    """Whoever is refused would ask for more, and get it."""
    small = world.rule(1, "deny", "{action: pay, args.amount: {at_most: 50 EUR}}")
    every = world.rule(2, "allow", "{action: pay, args.country: {is: DE}}")
    assert ("R-1", "larger-is-looser") in _amounts(small, every)
    gap = world.rule(1, "allow", "{action: pay, args.amount: {between: [50 EUR, 90 EUR]}}")
    assert ("R-1", "larger-is-looser") in _amounts(gap)
    large = world.rule(1, "deny", "{action: pay, args.amount: {above: 50 EUR}}")
    assert ("R-1", "larger-is-looser") not in _amounts(large, every)


SPLIT = [
    world.rule(1, "allow", "{action: pay, args.amount: {at_most: 500 EUR}}"),
    world.rule(2, "require_approval", "{action: pay, args.amount: {above: 500 EUR}}"),
]


@pytest.mark.parametrize(
    ("measure", "per", "most", "evades"),
    [
        ("sum args.amount", "[args.iban]", "900 EUR", False),
        ("sum args.amount", "[agent.team]", "900 EUR", False),
        ("count", "[args.iban]", "3", False),
        ("sum args.amount", "[session.id]", "900 EUR", True),
        ("sum args.amount", "[args.iban, args.channel]", "900 EUR", True),
        ("count", "[session.id]", "9", True),
    ],
)
def test_a_threshold_that_parts_evade_is_named(
    measure: str, per: str, most: str, evades: bool
) -> None:
    """Ten payments of 500 would go where one of 5 000 waits for a person."""
    limit = (
        f"  - {{id: LIM-1, title: L, measure: {measure}, of: {{action: pay}}, per: {per}, "
        f"in_last: 24h, at_most: {most}, otherwise: deny, because: test}}"
    )
    assert (("R-2", "split-evades") in _amounts(*SPLIT, limits=limit)) is evades
    assert ("R-2", "split-evades") in _amounts(*SPLIT)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_all_remarks_can_be_followed_at_once(data: st.DataObject) -> None:
    """Rules that call each other superfluous would all be deleted, and nothing would be left."""
    files = data.draw(world.worlds)
    try:
        made = world.release(*files)
    except PolicyErrors:
        return
    gone = {
        f"{r.policy}/{r.rule}" for r in remarks(made) if r.code in ("redundant", "contradictory")
    }
    left = []
    for raw in files:
        lines = raw.decode().split("\n")
        name = lines[0].removeprefix("policy: ")
        kept = [
            line for line in lines
            if not line.startswith("  - {id: R-")
            or f"{name}/R-{line.split('R-')[1].split(',')[0]}" not in gone
        ]  # fmt: skip
        if not any(line.startswith("  - {id: R-") for line in kept):
            kept = [
                line.replace("rules:", "rules: []") if line == "rules:" else line for line in kept
            ]
        left.append("\n".join(kept).encode())
    found = diff(made, world.release(*left), world.AT)
    assert found.found == (), gone
