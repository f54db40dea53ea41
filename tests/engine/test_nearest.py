"""The nearest change is the nearest, it was tried, and *cannot* is never said of what can."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import combinations, product

import engine_world as world
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.engine.compile import Release
from governance.engine.decide import decide
from governance.engine.explain import Explanation, explain
from governance.engine.model import ABSENT, Effect, Money, Request, Total, Value
from governance.engine.nearest import search

RULES = "\n".join(
    [
        world.rule(1, "deny", "{action: pay, args.country: {one_of: [KP, IR]}}"),
        world.rule(2, "allow", "{action: pay, args.amount: {at_most: 500 EUR}}"),
        world.rule(3, "require_approval", "{action: pay, args.amount: {above: 500 EUR}}"),
        world.rule(
            4, "deny", "{action: pay, agent.labels: {contains_any: [red]}}",
            ", may_be_waived_by: [boss, cfo]",
        ),
        world.rule(5, "deny", "{action: pay, agent.team: {is: banned}}"),
        world.rule(6, "deny", "{action: pay, args.amount: {above: 400 EUR}, agent.autonomy: {below: L3}}"),
        world.rule(
            7, "require_approval",
            "{action: pay, args.amount: {above: 90 EUR}, history: {did_not: pay, same: args.iban, in_last: 24h, by: any_agent}}",
        ),
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def made() -> Release:
    """A small release."""
    return world.release(world.file(RULES))


def told(made: Release, facts: dict[str, object] | None = None, **changed: object) -> Explanation:
    """The explanation of a payment to a payee who was paid before."""
    request = world.request(made, "pay", {**world.PAY, **changed}, facts)
    known = world.totals(made, request, {"d": Total(Decimal(1), 1)})
    return explain(made, request, known, world.AT)


def test_the_nearest_amount_is_the_threshold_itself(made: Release) -> None:
    """If the nearest change were any amount that does, people would ask for far too little."""
    found = told(made, amount="700 EUR")
    assert found.nearest == (
        "If the amount were 500 EUR instead of 700 EUR, it would have been allowed by `pay/R-2`.",
    )
    assert found.turning == ""


def test_one_change_of_one_fact_comes_before_two(made: Release) -> None:
    """If two changes were told where one does, the one that matters would be lost among them."""
    found = told(made, {"agent.autonomy": "L2"}, amount="450 EUR")
    assert found.nearest[0].startswith(
        "If the amount were 400 EUR instead of 450 EUR, it would have been allowed"
    )


def test_what_cannot_be_read_is_repaired_before_facts_are_changed() -> None:
    """An agent's owner would book business class because of a comma in a price."""
    limit = (
        "  - {id: LIM-1, title: L, measure: sum args.amount, of: {action: pay}, per: [args.iban], "
        "in_last: 24h, at_most: 1000 EUR, otherwise: deny, because: test}"
    )
    rules = [
        world.rule(1, "deny", "{action: pay, args.amount: {above: 500 EUR}, args.channel: {is_not: sepa}}"),
        world.rule(2, "allow", "{action: pay, args.amount: {at_most: 500 EUR}, args.urgent: {is: false}}"),
        world.rule(3, "require_approval", "{action: pay, args.channel: {is: sepa}}"),
    ]  # fmt: skip
    made = world.release(world.file("\n".join(rules)))
    found = told(made, amount="400,00 EUR", channel="swift")
    assert found.nearest[0] == (
        "If the amount could be read (such as 500 EUR), it would have been allowed by `pay/R-2`."
    )
    capped = world.release(world.file("\n".join(rules), limits=limit))
    both = told(capped, amount="400,00 EUR", channel="swift", urgent="perhaps")
    assert both.nearest[0].startswith("If ")
    assert both.nearest[0].count("could be read") == 2
    assert "allowed" in both.nearest[0]


def test_what_is_missing_is_asked_for() -> None:
    """Somebody would hear of other facts where a field was only forgotten."""
    made = world.release(
        world.file(world.rule(1, "allow", "{action: pay, args.country: {is: DE}}"))
    )
    given = {name: value for name, value in world.PAY.items() if name != "country"}
    request = world.request(made, "pay", given)
    found = explain(made, request, world.totals(made, request, {}), world.AT)
    assert found.nearest[0].startswith("If the country were given (such as")


def test_what_happened_before_can_be_the_nearest(made: Release) -> None:
    """If a missing first step were not named, people would change the amount instead."""
    request = world.request(made, "pay", {**world.PAY, "country": "DE"})
    facts = world.totals(made, request, {})
    found = explain(made, request, facts, world.AT)
    assert found.nearest[0].startswith("If the amount were 90 EUR instead of 100 EUR")
    assert any(
        "before" in line or "in the last 24 hours" in line for line in found.nearest + found.enough
    )


def test_what_stands_whatever_is_asked_for_says_who_could(made: Release) -> None:
    """If people were told to change a request that nothing can turn, they would try for ever."""
    found = told(made, {"agent.labels": ("red",)})
    assert found.turning == (
        "No change of the request can turn it: `pay/R-4` stands whatever is asked for. Somebody "
        "with the role boss or cfo would have to lift `pay/R-4`, once."
    )
    found = told(made, {"agent.team": "banned"})
    assert "Nobody may waive `pay/R-5`" in found.turning
    assert "two people would have to change the policy" in found.turning
    found = told(made, {"session.stops": ("7",)})
    assert "wo people would have to lift the stop" in found.turning


def test_both_ways_out_are_told_where_only_people_can(made: Release) -> None:
    """If an unwaivable rule hid behind a waivable one, an override would be asked for in vain."""
    found = told(made, {"agent.labels": ("red",), "agent.team": "banned"})
    assert "lift" not in found.turning
    assert "nobody may waive" in found.turning.lower()


def test_limits_and_histories_are_told_with_their_figures(made: Release) -> None:
    """If an explanation of a limit had no figures, nobody could check it."""
    limits = (
        "  - {id: LIM-1, title: Three a day, measure: count, of: {action: pay}, per: [agent.id], "
        "in_last: 24h, at_most: 3, otherwise: deny, because: test}"
    )
    own = world.release(world.file(RULES, limits=limits))
    request = world.request(own, "pay", dict(world.PAY))
    facts = world.totals(own, request, {"limit:": Total(Decimal(3), 3), "d": Total(Decimal(2), 2)})
    found = explain(own, request, facts, world.AT, everything=True)
    rows = [row for account in found.accounts for row in account.rows]
    assert any(row.saw == "3 used, 1 asked for, 0 was left" for row in rows)
    assert any(row.saw == "it did happen: confirmed twice, allowed twice" for row in rows)
    assert any("held none of these" in line or "held fewer" in line for line in found.nearest)
    quiet = {account.rule for account in found.accounts if not account.matters}
    assert {"R-1", "R-4", "R-5"} <= quiet


AMOUNTS: list[Value] = [Money(Decimal(n), "EUR") for n in ("5", "9.99", "10", "49.99", "50", "50.01", "100",
                        "120", "120.01", "200", "200.01", "999")]  # fmt: skip
COUNTRIES: list[Value] = ["DE", "FR", "KP", "IR", "US"]
CHANNELS: list[Value] = ["sepa", "swift", ABSENT]
DOMAIN: dict[str, list[Value]] = {
    "args.amount": AMOUNTS,
    "args.country": COUNTRIES,
    "args.channel": CHANNELS,
    "args.urgent": [True, False],
}
_CLAUSES = [
    "args.amount: {above: 50 EUR}", "args.amount: {at_most: 120 EUR}",
    "args.amount: {between: [10 EUR, 200 EUR]}", "args.country: {one_of: [DE, FR]}",
    "args.country: {is: KP}", "args.country: {none_of: [KP, IR]}", "args.channel: {is: sepa}",
    "args.channel: {is_not: swift}", "args.channel: {is_set: false}", "args.urgent: {is: true}",
    "agent.labels: {contains_any: [red]}", "agent.autonomy: {below: L3}",
]  # fmt: skip


@st.composite
def releases(draw: st.DrawFn) -> Release:
    """A release over a few fields, so that every request of its world can be tried."""
    rules = []
    for number in range(1, draw(st.integers(2, 5)) + 1):
        effect = draw(st.sampled_from(["deny", "allow", "require_approval"]))
        picked = draw(st.lists(st.sampled_from(_CLAUSES), min_size=1, max_size=2,
                               unique_by=lambda c: c.partition(":")[0]))  # fmt: skip
        rules.append(world.rule(number, effect, "{action: pay, " + ", ".join(picked) + "}"))
    return world.release(world.file("\n".join(rules), default=draw(st.sampled_from(["deny"]))))


def requests(made: Release, data: st.DataObject) -> Request:
    """A request of the world."""
    facts: dict[str, object] = {
        "agent.labels": data.draw(st.sampled_from([(), ("red",)])),
        "agent.autonomy": data.draw(st.sampled_from(["L2", "L4"])),
    }
    asked = world.request(made, "pay", dict(world.PAY), facts)
    fields = {name: data.draw(st.sampled_from(values)) for name, values in DOMAIN.items()}
    return replace(asked, fields={**asked.fields, **fields})


@settings(max_examples=120, deadline=None)
@given(releases(), st.data())
def test_the_nearest_is_as_near_as_trying_everything_finds(
    made: Release, data: st.DataObject
) -> None:
    """If a nearer change existed, the one that was told would be the wrong advice."""
    request = requests(made, data)
    verdict = decide(made, request, {}, world.AT)
    found = search(made, request, {}, world.AT, frozenset(), verdict)
    own = [near for near in found.found if near.of_request]
    fewest = None
    for count in (1, 2, 3):
        for names in combinations(DOMAIN, count):
            for values in product(*(DOMAIN[name] for name in names)):
                fields = {**request.fields, **dict(zip(names, values, strict=True))}
                tried = decide(made, replace(request, fields=fields), {}, world.AT)
                if tried.effect < verdict.effect:
                    fewest = count
                    break
            if fewest:
                break
        if fewest:
            break
    assert found.complete
    assert (min((len(near.different) for near in own), default=None)) == fewest
    for near in found.found:
        fields = dict(request.fields)
        for each in near.different:
            fields |= each.fields
        assert decide(made, replace(request, fields=fields), {}, world.AT).effect is near.effect
        assert near.effect < verdict.effect


@settings(max_examples=80, deadline=None)
@given(releases(), st.data())
def test_what_cannot_be_turned_is_not_turned_by_anything(
    made: Release, data: st.DataObject
) -> None:
    """If *no change can turn it* were ever wrong, somebody would stop looking who should not."""
    request = requests(made, data)
    said = explain(made, request, {}, world.AT)
    if not said.turning.startswith("No change of the request can"):
        return
    before = Effect.of(said.effect)
    for values in product(*DOMAIN.values()):
        fields = {**request.fields, **dict(zip(DOMAIN, values, strict=True))}
        assert decide(made, replace(request, fields=fields), {}, world.AT).effect >= before
