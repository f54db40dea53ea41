"""Reasons are told with what certainly decided first, and say what to do."""

from __future__ import annotations

import engine_world as world

from governance.engine.compile import Release
from governance.engine.explain import explain
from governance.engine.reasons import doubts, recorded, text_of, ungoverned

RULES = "\n".join(
    [
        world.rule(1, "deny", "{action: pay, args.amount: {above: 250000 EUR}}"),
        world.rule(2, "deny", "{action: pay, args.country: {one_of: [KP]}}"),
        world.rule(3, "allow", "{action: pay, args.amount: {at_most: 500 EUR}}"),
    ]
)


def made() -> Release:
    """Two refusals, of which the second is certain."""
    return world.release(world.file(RULES))


def finding(rule: str, effect: str = "deny", *unknown: str) -> dict[str, object]:
    """A finding as an entry has it."""
    return {
        "policy": "pay", "rule": rule, "effect": effect,
        "certain": not unknown, "unknown": list(unknown),
    }  # fmt: skip


def test_what_certainly_matched_is_told_before_what_could_not_be_told() -> None:
    """Somebody would repair an amount, although the country is what is forbidden."""
    release = made()
    request = world.request(release, "pay", {**world.PAY, "amount": "120", "country": "KP"})
    told = explain(release, request, world.totals(release, request, {}), world.AT)
    assert told.sentence.startswith("Refused: Rule 2 (`pay/R-2`)")
    assert [account.rule for account in told.accounts][:2] == ["R-2", "R-1"]


def test_recorded_findings_are_told_in_the_same_order() -> None:
    """The answer and its explanation would name different reasons first."""
    data = {
        "effect": "deny",
        "findings": [
            finding("R-1", "deny", "args.amount"), finding("default"), finding("R-2"),
            finding("R-3", "allow"),
        ],
    }  # fmt: skip
    assert [f["rule"] for f in recorded(data)] == ["R-2", "default", "R-1", "R-3"]


def test_a_mistyped_action_is_not_called_ungoverned() -> None:
    """Somebody would write a policy for an action that exists under another name."""
    title, because = ungoverned(made(), "payy")
    assert title == "The action `payy` is not in the catalogue; did you mean `pay`?"
    assert "catalogue" in because
    assert "did you mean" not in ungoverned(made(), "quite.another")[0]


def test_a_policy_that_means_other_agents_is_named_with_whom_it_means() -> None:
    """Somebody whose agent has no label would look for a missing policy."""
    release = world.release(world.file(RULES, applies="{labels: {contains_any: [money]}}"))
    title, because = ungoverned(release, "pay")
    assert title.startswith("No policy in force governs `pay` for this agent: `pay` only where ")
    assert "`money`" in title
    assert "label" in because


def test_an_action_of_the_catalogue_without_a_policy_is_the_third_case() -> None:
    """An action nobody thought of would read like a typing error."""
    assert ungoverned(made(), "never")[0] == "No policy in force governs `never`"


def test_built_in_findings_have_words_when_they_are_read_again() -> None:
    """A person would be asked to approve something because of `autonomy`, and nothing else."""
    data = {"action": "pay", "autonomy": "L1"}
    said = text_of(made(), data, {**finding("autonomy"), "policy": "service"})
    assert said == ("At L1 a person approves everything", "It acts on approval.")
    for rule in ("stop", "agent", "obligation", "budget", "governed"):
        text = text_of(None, data, {**finding(rule), "policy": "service"})
        assert text is not None
        assert all(text)


def test_a_doubt_says_what_is_wrong_with_the_value() -> None:
    """An agent would send the same amount without its currency for ever."""
    data = {"args": {"amount": {"spoiled": "currency_missing"}}, "resource": {}, "claims": {}}
    told = doubts(data, finding("R-1", "deny", "args.amount", "args.country", "command.effects"))
    assert told[0] == "args.amount: its currency is missing"
    assert told[1] == "args.country: it is missing"
    assert told[2] == "command.effects"
