"""Coverage of cases: rules, branches and uncertainty, counted and not guessed."""

from __future__ import annotations

import engine_world as world

from governance.engine import cases
from governance.engine.compile import compile_release
from governance.engine.coverage import Coverage, cover

ALWAYS = f"always: {{action: pay, args.iban: {world.IBAN}, args.urgent: false}}"


def covered(rules: str, *rows: str, columns: str = "args.amount, args.country") -> Coverage:
    """The coverage of a file with these rules and these cases."""
    text = world.file(rules=rules).decode()
    begin, end = text.index("cases:"), text.index("\n", text.index("cases:"))
    table = f"cases: {{columns: [name, {columns}, expect], {ALWAYS}, rows: [{', '.join(rows)}]}}"
    files = {
        "policies/pay.yaml": (text[:begin] + table + text[end:]).encode(),
        world.CATALOGUE_PATH: world.CATALOGUE,
    }
    made = compile_release(files)
    return cover(made, cases.run(made))


RULE = world.rule(1, "deny", "{action: pay, args.amount: {above: 9 EUR}, args.country: {is: KP}}")


def told(found: Coverage) -> list[tuple[int, int, int, bool]]:
    """Every condition in order: yes, no, cannot tell, and whether it can be that."""
    return [
        (seen.yes, seen.no, seen.doubt, seen.unsure)
        for each in found.looked
        for seen in each.conditions.values()
    ]


def test_each_answer_to_each_condition_is_counted() -> None:
    """A rule would be called tested whose country nobody ever tried."""
    found = covered(RULE, "[a, 10 EUR, KP, deny]", "[b, 10 EUR, DE, deny]", "[c, ~, KP, deny]")
    assert told(found) == [(2, 0, 1, True), (2, 1, 0, True)]
    assert (found.rules.seen, found.rules.of) == (1, 1)
    assert (found.branches.seen, found.branches.of, found.branches.percent) == (3, 4, 75)
    assert (found.uncertainty.seen, found.uncertainty.of) == (1, 2)
    assert found.least == 50


def test_every_part_of_an_any_is_a_branch() -> None:
    """One half of a rule would never have been tried."""
    rule = world.rule(1, "deny", "{action: pay, any: [{args.country: {is: KP}}, "
                      "{args.country: {is: IR}, args.amount: {above: 9 EUR}}]}")  # fmt: skip
    found = covered(rule, "[a, 10 EUR, KP, deny]", "[b, 5 EUR, IR, deny]")
    assert [seen.says for seen in found.looked[0].conditions.values()] == [
        "the country is `KP`",
        "the country is `IR` and the amount is above 9 EUR",
        "the country is `IR`",
        "the amount is above 9 EUR",
    ]
    assert told(found) == [(1, 1, 0, True), (0, 2, 0, False), (1, 1, 0, True), (1, 1, 0, True)]


def test_what_the_service_always_knows_need_not_be_uncertain() -> None:
    """Nobody could reach full coverage, so nobody would ask for it."""
    rule = world.rule(1, "deny", "{action: pay, session.depth: {above: 0}}")
    found = covered(rule, "[a, 5 EUR, DE, deny]")
    assert told(found) == [(0, 1, 0, False)]
    assert found.uncertainty.percent == 100


def test_a_case_about_another_action_looks_at_nothing() -> None:
    """A table about something else would raise the figure."""
    rule = world.rule(1, "deny", "{action: mail, args.country: {is: KP}}")
    other = covered(rule, "[a, 5 EUR, KP, deny]")
    assert other.looked[0].reasons == 0
    assert told(other) == [(0, 0, 0, True)]


def test_a_limit_is_seen_passed_and_not_passed() -> None:
    """A limit would count as tested because some case was below it."""
    limit = (
        "  - {id: LIM-1, title: L, measure: count, of: {action: pay}, in_last: 24h, at_most: 2, "
        "otherwise: deny, because: test}"
    )
    text = world.file(limits=limit).decode()
    begin, end = text.index("cases:"), text.index("\n", text.index("cases:"))
    rows = "[a, 1, deny], [b, 2, deny], [c, cannot tell, deny]"
    table = f"cases: {{columns: [name, limits.LIM-1, expect], {ALWAYS}, rows: [{rows}]}}"
    files = {
        "policies/pay.yaml": (text[:begin] + table + text[end:]).encode(),
        world.CATALOGUE_PATH: world.CATALOGUE,
    }
    made = compile_release(files)
    found = cover(made, cases.run(made))
    assert told(found) == [(1, 1, 1, True)]
