"""Explanations say what the verdict says, show nothing they must not, and are true when tried."""

from __future__ import annotations

import json
from decimal import Decimal

import engine_world as world
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.engine.compile import Release
from governance.engine.decide import decide
from governance.engine.explain import Explanation, explain, plain
from governance.engine.model import Effect, Request, Total
from governance.engine.reasons import told as told_order

RULES = "\n".join(
    [
        world.rule(1, "deny", "{action: pay, args.country: {one_of: [KP, IR]}}"),
        world.rule(2, "allow", "{action: pay, args.amount: {at_most: 500 EUR}}"),
        world.rule(3, "require_approval", "{action: pay, args.amount: {above: 500 EUR}}"),
        world.rule(
            4,
            "deny",
            "{action: pay, args.note: {name_like: ['*geheim*']}}",
            ", may_be_waived_by: [boss]",
        ),
    ]
)
LIMITS = (
    "  - {id: LIM-1, title: At most 1000 EUR a day, measure: sum args.amount, of: {action: pay}, "
    "per: [agent.id], in_last: 24h, at_most: 1000 EUR, otherwise: deny, because: test}"
)


@pytest.fixture(scope="module")
def made() -> Release:
    """A small release with a deny, an allow, an approval and a limit."""
    return world.release(world.file(RULES, limits=LIMITS))


def told(
    made: Release, used: dict[str, Total] | None = None, drop: str = "", **changed: object
) -> tuple[Explanation, Request]:
    """The explanation of the world's payment with some arguments changed."""
    arguments = {**world.PAY, **changed}
    arguments.pop(drop, None)
    request = world.request(made, "pay", arguments)
    facts = world.totals(made, request, used or {})
    return explain(made, request, facts, world.AT), request


def test_an_allow_says_which_rule_allows(made: Release) -> None:
    """If an allow came without its rule, nobody could say who let it happen."""
    found, _ = told(made)
    assert found.sentence == "Allowed: Rule 2 (`pay/R-2`)."
    assert found.enough == ()


def test_a_deny_says_which_rule_and_what_would_have_been_enough(made: Release) -> None:
    """If a refusal did not say what was missing, people would guess and ask again."""
    found, _ = told(made, country="KP")
    assert found.sentence == "Refused: Rule 1 (`pay/R-1`)."
    assert found.enough == (
        "If the country is none of `KP` or `IR`, it would have been allowed by `pay/R-2`.",
    )


def test_a_missing_field_is_named_with_its_reason(made: Release) -> None:
    """If *cannot tell* looked like a match, people would argue with the wrong rule."""
    found, _ = told(made, drop="country")
    assert found.sentence == (
        "Refused: Rule 1 (`pay/R-1`); the country cannot be told: it is missing."
    )
    row = found.accounts[0].rows[-1]
    assert (row.saw, row.holds) == ("cannot tell: it is missing", "cannot tell")


def test_an_approval_says_who_decides_and_until_when(made: Release) -> None:
    """If the sentence did not name the person, the request would wait for nobody."""
    found, _ = told(made, amount="500.01 EUR")
    assert found.sentence == "To be approved by 1 boss within 1 hour: Rule 3 (`pay/R-3`)."
    assert found.enough == (
        "If the amount is at most 500 EUR, it would have been allowed by `pay/R-2`.",
    )


def test_a_limit_says_what_is_used_and_what_is_left(made: Release) -> None:
    """If a limit did not show its count, nobody could tell a limit from a fault."""
    used = {"limit:": Total(Decimal(950), 9)}
    found, _ = told(made, used)
    row = found.accounts[0].rows[-1]
    assert row.saw == "950 EUR used, 100 EUR asked for, 50 EUR was left"
    assert row.holds == "yes"
    assert found.enough[0].startswith("If the amount were at most 50 EUR, which is left")


def test_two_obstacles_are_removed_together(made: Release) -> None:
    """If only single changes were tried, a request with two faults would look hopeless."""
    found, _ = told(made, country="KP", amount="600 EUR")
    assert any(
        "country" in line and "amount" in line and "allowed" in line for line in found.enough
    )


def test_an_argument_nobody_declared_is_named(made: Release) -> None:
    """If an undeclared argument were not named, the refusal would have no visible reason."""
    found, _ = told(made, bcc="x")
    assert "`args.bcc` is not in the catalogue" in found.sentence


def test_an_action_nobody_governs_says_so(made: Release) -> None:
    """If an ungoverned action looked like a refused one, nobody would write its policy."""
    request = world.request(made, "never")
    found = explain(made, request, {}, world.AT)
    assert found.sentence.startswith("Refused: No policy in force governs `never`")


def test_who_says_so_is_part_of_every_row(made: Release) -> None:
    """If the speaker of a value were not shown, a claim would pass for a fact."""
    found, _ = told(made, country="KP")
    assert {row.who for row in found.accounts[0].rows} <= {
        "the action itself (bound)",
        "the service",
        "",
    }


SECRET = "geheim-7f3a"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    country=st.sampled_from(["DE", "KP", None]),
    amount=st.sampled_from(["5 EUR", "600 EUR", "5 USD", None]),
    note=st.sampled_from([SECRET, SECRET.upper(), f"x {SECRET}"]),
)
def test_private_values_and_identities_are_never_shown(
    made: Release, country: str | None, amount: str | None, note: str
) -> None:
    """If an explanation repeated a private value, erasing it from the log would not erase it."""
    found, _ = told(made, country=country, amount=amount, note=note)
    text = json.dumps(plain(found))
    assert SECRET not in text.lower()
    assert world.IBAN not in text


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_explanations_agree_with_the_decider_on_random_files(data: st.DataObject) -> None:
    """If an explanation and its verdict disagreed, one of them would be an invention."""
    rules = "\n".join(
        world.rule(
            n,
            effect,
            data.draw(world.conditions(False)).replace("{", "{action: pay, ", 1),
            ", trust_claim: x",
        )
        for n, effect in enumerate(["deny", "allow", "require_approval", "allow"], start=1)
    )
    try:
        made = world.release(world.file(rules))
    except Exception:
        return
    request = world.request(made, "pay", dict(world.PAY), {"resource.owner": "anna"})
    facts = world.totals(made, request, {})
    verdict = decide(made, request, facts, world.AT)
    found = explain(made, request, facts, world.AT)
    assert found.effect == verdict.effect.word
    names = [f"{a.policy}/{a.rule}" for a in found.accounts if a.matters]
    order = told_order(verdict.findings, verdict.effect.word)
    assert sorted(names) == sorted(finding.name for finding in verdict.findings)
    assert names == [finding.name for finding in order]
    for account, finding in zip(found.accounts, order, strict=False):
        assert account.holds == ("yes" if finding.certain else "cannot tell")
    assert (found.enough == ()) or verdict.effect is not Effect.ALLOW
    json.dumps(plain(found))


def test_the_ladder_is_told_beside_the_rule_that_asks(made: Release) -> None:
    """A reader would think that a smaller amount had gone through, where L1 asks for everything."""

    def ladder(level: str, amount: str) -> list[tuple[str, bool]]:
        request = world.request(made, "pay", {**world.PAY, "amount": amount}, {"agent.autonomy": level})  # fmt: skip
        found = explain(made, request, world.totals(made, request, {}), world.AT)
        return [(a.title, a.matters) for a in found.accounts if a.rule == "autonomy"]

    title = "At L1 a person approves everything"
    assert ladder("L1", "600 EUR") == [(title, False)]
    assert ladder("L1", "100 EUR") == [(title, True)]
    assert ladder("L4", "600 EUR") == []
