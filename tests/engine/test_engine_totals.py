"""Limits and history: what was allowed counts, and what cannot be told counts against the agent."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import engine_world as world
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.engine.decide import charges, confirmed, decide, needs
from governance.engine.keys import json_list
from governance.engine.model import CannotTell, Charge, Effect, FactQuery, Request, Total, Verdict

ALLOW, ASK, DENY = Effect.ALLOW, Effect.REQUIRE_APPROVAL, Effect.DENY
FREE = world.rule(1, "allow", "{action: [pay, look]}")


def limit(per: str = "[args.iban]", window: str = "in_last: 24h", at_most: str = "250 EUR",
          measure: str = "sum args.amount", of: str = "{action: pay}") -> str:  # fmt: skip
    return (
        f"  - {{id: LIM-1, title: L, measure: {measure}, of: {of}, per: {per}, {window}, "
        f"at_most: {at_most}, otherwise: deny, because: test}}"
    )


def used(amount: int, mixed: bool = False) -> dict[str, Total]:
    return {"limit:": Total(Decimal(amount), 1, mixed)}


def test_a_limit_counts_this_request_and_holds_at_its_edge() -> None:
    """The request that breaks the budget would be the one that is not counted."""
    made = world.release(world.file(FREE, limits=limit(), governs="[pay, look]"))
    assert world.ask(made, used=used(150)).effect is ALLOW
    over = world.ask(made, used=used(151))
    assert (over.effect, over.findings[0].name, over.findings[0].certain) == (
        DENY,
        "pay/LIM-1",
        True,
    )


@pytest.mark.parametrize(
    ("arguments", "total", "unknown"),
    [
        ({"amount": "much"}, used(0), ("args.amount",)),
        ({"amount": "1 USD"}, used(0), ("args.amount",)),
        ({"iban": "DE00"}, used(0), ("args.iban",)),
        ({}, used(0, mixed=True), ("limits.LIM-1",)),
    ],
)
def test_a_limit_that_cannot_be_told_holds(
    arguments: dict[str, Any], total: dict[str, Total], unknown: tuple[str, ...]
) -> None:
    """A garbled amount or another currency would pass every budget."""
    made = world.release(world.file(FREE, limits=limit(), governs="[pay, look]"))
    verdict = world.ask(made, "pay", {**world.PAY, **arguments}, used=total)
    found = next(finding for finding in verdict.findings if finding.rule == "LIM-1")
    assert (verdict.effect, found.certain, found.unknown) == (DENY, False, unknown)


def test_a_limit_grants_nothing() -> None:
    """A stranger's payment would become approvable once the budget is spent."""
    text = limit().replace("otherwise: deny", "otherwise: require_approval, "
                           "approval: {needs: [1 boss], answer_within: 1h}")  # fmt: skip
    made = world.release(world.file(limits=text))
    for total in (0, 9_000):
        assert world.ask(made, used=used(total)).effect is DENY


def test_an_allowed_request_is_charged_under_pseudonyms_and_a_denied_one_is_not() -> None:
    """The log would hold account numbers, or refused payments would use up the budget."""
    made = world.release(world.file(FREE, limits=limit(), governs="[pay, look]"))
    (charge,) = world.ask(made).charges
    assert charge.series.startswith("limit:pay/LIM-1:")
    assert (charge.key, charge.amount, charge.unit) == (f'["s-{world.IBAN}"]', Decimal(100), "EUR")
    assert world.ask(made, used=used(999)).charges == ()
    one = world.request(made)
    nameless = Request(one.action, one.fields)
    assert needs(made, nameless, world.AT) == ()
    assert decide(made, nameless, {}, world.AT).effect is DENY


def test_what_cannot_be_told_spoils_the_total_from_then_on() -> None:
    """An approved payment of unknown size would leave the budget looking untouched."""
    made = world.release(world.file(FREE, limits=limit(per="[]"), governs="[pay, look]"))
    lifted = world.request(made, "pay", {**world.PAY, "amount": "5 USD"})
    foreign = charges(made, lifted, world.AT)
    assert [(c.amount, c.unit) for c in foreign] == [(Decimal(5), "USD"), (Decimal(0), "EUR")]
    unknown = charges(made, world.request(made, "pay", {**world.PAY, "amount": "?"}), world.AT)
    assert [(c.amount, c.unit) for c in unknown] == [(Decimal(0), "?"), (Decimal(0), "EUR")]
    keyless = world.release(world.file(FREE, limits=limit(), governs="[pay, look]"))
    (charge,) = charges(
        keyless, world.request(keyless, "pay", {**world.PAY, "iban": "?"}), world.AT
    )
    assert charge.key == "?"


def test_windows_start_where_the_words_say() -> None:
    """A day's budget would be a day of another time zone, or slide when it should not."""
    at = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
    for window, since in (
        ("in_last: 24h", at - timedelta(hours=24)),
        ("calendar_day: Europe/Berlin", datetime(2026, 7, 1, 22, tzinfo=UTC)),
        ("calendar_day: UTC", datetime(2026, 7, 1, tzinfo=UTC)),
    ):
        made = world.release(world.file(FREE, limits=limit(window=window), governs="[pay, look]"))
        (query,) = needs(made, world.request(made), at)
        assert query.since == int(since.timestamp()) * 1_000_000
        assert query.unit == "EUR"


def test_counts_are_limited_too() -> None:
    """A loop of a thousand small payments would pass."""
    text = limit(measure="count", at_most="3", per="[agent.id]")
    made = world.release(world.file(FREE, limits=text, governs="[pay, look]"))
    assert [world.ask(made, used=used(n)).effect for n in (2, 3)] == [ALLOW, DENY]
    (charge,) = world.ask(made).charges
    assert (charge.key, charge.amount, charge.unit) == ('["case-agent"]', Decimal(1), "")


def test_a_delegate_is_charged_to_everybody_above_it() -> None:
    """An agent out of budget would spend on through its helpers."""
    text = limit(per="[agent.id]")
    made = world.release(world.file(FREE, limits=text, governs="[pay, look]"))
    chain = {"session.depth": 1, "session.chain_agents": ("boss-agent",)}
    keys = {query.key for query in needs(made, world.request(made, facts=chain), world.AT)}
    assert keys == {'["case-agent"]', '["boss-agent"]'}
    lost = {"session.depth": 1, "session.chain_agents": None}
    assert world.ask(made, facts=lost).effect is DENY
    verdict = world.ask(made, facts=chain)
    assert {charge.key for charge in verdict.charges} == keys


def test_a_limit_per_optional_argument_groups_its_absence() -> None:
    """Leaving the channel out would be a way around the budget of every channel."""
    text = limit(per="[args.channel]")
    made = world.release(world.file(FREE, limits=text, governs="[pay, look]"))
    assert world.ask(made, used=used(0)).charges[0].key == "[null]"
    assert world.ask(made, used=used(999)).effect is DENY


HISTORY = "{{action: pay, history: {{{verb}: look, in_last: 1h, by: {by}}}}}"


def history(verb: str, effect: str, by: str = "this_agent") -> Any:
    text = world.rule(2, effect, HISTORY.format(verb=verb, by=by))
    other = "" if effect == "allow" else FREE
    return world.release(world.file("\n".join(filter(None, [other, text])), governs="[pay, look]"))


def past(allowed: int, done: int) -> dict[str, Total]:
    return {"did:": Total(Decimal(allowed), allowed), "done:": Total(Decimal(done), done)}


@pytest.mark.parametrize(
    ("verb", "effect", "allowed", "done", "expected"),
    [
        ("did", "deny", 0, 0, ALLOW),
        ("did", "deny", 1, 0, DENY),
        ("did", "deny", 1, 1, DENY),
        ("did", "allow", 0, 0, DENY),
        ("did", "allow", 1, 0, DENY),
        ("did", "allow", 1, 1, ALLOW),
        ("did_not", "deny", 0, 0, DENY),
        ("did_not", "deny", 1, 0, DENY),
        ("did_not", "deny", 1, 1, ALLOW),
        ("did_not", "allow", 0, 0, ALLOW),
        ("did_not", "allow", 1, 0, DENY),
        ("did_not", "allow", 1, 1, DENY),
    ],
)
def test_history_believes_only_attested_outcomes(
    verb: str, effect: str, allowed: int, done: int, expected: Effect
) -> None:
    """An agent would satisfy `identity was checked` by having been allowed to check it."""
    assert world.ask(history(verb, effect), used=past(allowed, done)).effect is expected


def test_history_is_charged_by_who_acts_and_keyed_by_what_is_the_same() -> None:
    """A change of one payee would count for another, or an agent's act for a person's."""
    same = world.rule(
        2, "deny", "{action: pay, history: {did: pay, same: args.iban, by: any_agent}}"
    )
    person = world.rule(3, "deny", "{action: pay, history: {did: pay, by: any_person}}")
    made = world.release(world.file("\n".join([FREE, same, person]), governs="[pay, look]"))
    asked = needs(made, world.request(made), world.AT)
    assert {query.since for query in asked} == {None}
    assert {query.key for query in asked} == {f'["s-{world.IBAN}"]', "[]", "?"}
    nothing = dict.fromkeys(asked, Total(Decimal(0), 0))
    allowed = decide(made, world.request(made), nothing, world.AT)
    assert [charge.key for charge in allowed.charges] == [f'["s-{world.IBAN}"]']
    by_person = world.request(made, facts={"session.acting": "person"})
    assert [charge.key for charge in charges(made, by_person, world.AT)] == ["[]"]
    assert [c.series.split(":")[0] for c in confirmed(allowed.charges)] == ["done"]
    assert confirmed([Charge("limit:x", "[]", Decimal(1), "")]) == ()


def test_an_act_on_an_unknown_payee_may_have_been_on_any() -> None:
    """An agent would hide which payee it changed by garbling the account, and then pay it."""
    same = world.rule(
        2, "deny", "{action: pay, history: {did: pay, same: args.iban, by: any_agent}}"
    )
    made = world.release(world.file("\n".join([FREE, same]), governs="[pay, look]"))
    garbled = world.request(made, "pay", {**world.PAY, "iban": "?"})
    assert charges(made, garbled, world.AT)[0].key == "?"
    one = world.request(made)
    facts = {query: Total(Decimal(0), 0) for query in needs(made, one, world.AT)}
    assert decide(made, one, facts, world.AT).effect is ALLOW
    somewhere = {query: Total(Decimal(query.key == "?"), int(query.key == "?")) for query in facts}
    verdict = decide(made, one, somewhere, world.AT)
    assert (verdict.effect, verdict.findings[0].unknown) == (DENY, ("args.iban", "history"))


def test_a_spoiled_key_makes_history_unknown() -> None:
    """A payment to a garbled account would have no history and therefore pass."""
    same = world.rule(
        2, "deny", "{action: pay, history: {did: pay, same: args.iban, by: any_agent}}"
    )
    made = world.release(world.file("\n".join([FREE, same]), governs="[pay, look]"))
    verdict: Verdict = world.ask(made, "pay", {**world.PAY, "iban": "?"})
    assert verdict.effect is DENY
    assert world.ask(made, facts={"agent.id": CannotTell("x")}).effect is ALLOW


def test_a_new_limit_is_filled_from_recorded_actions() -> None:
    """A limit added at noon would know nothing of the morning."""
    made = world.release(world.file(FREE, limits=limit(), governs="[pay, look]"))
    recorded = {"amount": "100.00 EUR", "iban": "s-1", "country": "DE", "urgent": False,
                "note": "commitment"}  # fmt: skip
    past_request = made.catalogue.recall("pay", recorded, {"agent.id": "a", "session.depth": 0})
    (series,) = made.series
    (charge,) = [c for c in charges(made, past_request, world.AT) if c.series == series]
    assert (charge.key, charge.amount, charge.unit) == ('["s-1"]', Decimal("100.00"), "EUR")
    spec = made.series[series]
    assert (spec.actions, spec.keys, spec.measure) == (("pay",), ("args.iban",), "args.amount")
    live = world.request(made)
    assert charges(made, live, world.AT)[0].series == series


def test_the_name_of_a_series_follows_what_is_counted_and_not_how_much() -> None:
    """Raising a limit would forget what was used, or changing what it counts would keep it."""

    def series(text: str) -> set[str]:
        return set(world.release(world.file(FREE, limits=text, governs="[pay, look]")).series)

    assert series(limit()) == series(limit(at_most="9 EUR", window="in_last: 7d"))
    assert series(limit()) != series(limit(per="[]"))
    assert series(limit()) != series(limit(of="{action: pay, args.country: {is: DE}}"))


@given(st.lists(st.none() | st.booleans() | st.integers() | st.text(), max_size=4))
def test_a_key_is_the_json_of_its_parts(parts: list[Any]) -> None:
    """Two different payees could share a key through a quote or a comma in their name."""
    assert json_list(parts) == json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def test_a_query_is_found_again_without_its_unit() -> None:
    """A recorded total would not be found on replay, and every replay would differ."""
    assert {FactQuery("s", "k", 1, "EUR"): 1}[FactQuery("s", "k", 1)] == 1
