"""A decision can be taken up again with something else, and says what it would have been."""

from __future__ import annotations

import pytest
from service_world import DE, FILES, NL, POLICY, World

from governance.service import explaining
from governance.service.problem import Problem


def number(answer: dict[str, object]) -> int:
    """The decision of an answer."""
    context = answer["context"]
    assert isinstance(context, dict)
    return int(context["evaluation_id"])


def test_another_amount_is_tried_on_the_same_day(world: World) -> None:
    """If *what if* were tried on today's totals, it would not be about the decision."""
    world.pay(amount="450 EUR")
    world.pay(amount="450 EUR", iban=NL)
    refused = number(world.pay(amount="300 EUR"))
    assert number(world.pay(amount="450 EUR")) > refused
    world.clock.advance(200_000)
    index = number(world.pay(amount="300 EUR"))
    tried = explaining.what_if(world.desk, world.maria, index, {"limits.LIM-1": "900 EUR"})
    assert (tried["was"], tried["effect"]) == ("allow", "require_approval")
    row = next(r for a in tried["accounts"] for r in a["conditions"] if "used" in r["saw"])
    assert row["saw"] == "900 EUR used, 300 EUR asked for, 100 EUR was left"
    tried = explaining.what_if(world.desk, world.maria, index, {"args.amount": "700 EUR"})
    assert tried["effect"] == "require_approval"
    assert tried["nearest"][0].startswith("If the amount were 500 EUR instead of 700 EUR")
    assert "limits" not in " ".join(tried["notes"])


def test_the_same_decision_under_a_draft(world: World) -> None:
    """If a draft could be tried on the whole past only, nobody would look at one case."""
    index = number(world.pay(amount="300 EUR"))
    strict = {**FILES, "policies/payments.yaml": POLICY.replace(b"at_most: 500 EUR}}", b"at_most: 100 EUR}}")}  # fmt: skip
    tried = explaining.what_if(world.desk, world.maria, index, {}, strict)
    assert (tried["was"], tried["effect"]) == ("allow", "deny")
    assert "100 EUR" in tried["nearest"][0]
    same = explaining.what_if(world.desk, world.maria, index, {}, FILES)
    assert same["effect"] == "allow"


def test_what_happened_before_can_be_supposed(world: World) -> None:
    """If histories could not be supposed, nobody could learn which first step was missing."""
    index = number(world.pay(amount="6000 EUR"))
    was = explaining.decision(world.desk, world.maria, index, everything=True)
    assert was["effect"] == "deny"
    assert any(
        "paid" in line or "back" in line or "before" in line or "24 hours" in line
        for line in was["nearest"] + was["enough"]
    )
    tried = explaining.what_if(world.desk, world.maria, index, {"history.VER-2": "yes"})
    assert tried["effect"] == "require_approval"
    assert {f"{a['policy']}/{a['rule']}" for a in was["accounts"]} >= {
        "payments/PAY-4",
        "payments/LIM-1",
    }


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        ({"args.amout": "1 EUR"}, "args.amout"),
        ({"args.amount": "cheap"}, "args.amount"),
        ({"args.amount": "10.000 EUR"}, "args.amount"),
        ({"limits.LIM-1": "1.000 EUR"}, "limits.LIM-1"),
        ({"limits.LIM-9": "1 EUR"}, "limits.LIM-9"),
        ({"limits.LIM-1": "1 USD"}, "limits.LIM-1"),
        ({"history.PAY-1": "yes"}, "history.PAY-1"),
        ({"history.VER-2": "perhaps"}, "history.VER-2"),
        ({"at": "yesterday"}, "at"),
        ({"tool.labels": "[x]"}, "tool.labels"),
    ],
)
def test_what_cannot_be_supposed_is_said(world: World, cells: dict[str, str], field: str) -> None:
    """If a misspelt name were dropped, the answer would be about something else."""
    index = number(world.pay())
    with pytest.raises(Problem) as caught:
        explaining.what_if(world.desk, world.maria, index, cells)
    assert caught.value.field == field


def test_another_payee_says_what_is_not_looked_at(world: World) -> None:
    """If another payee's limit were taken for this one's, the answer would be an invention."""
    index = number(world.pay(iban="FR1420041010050500013M02606"))
    tried = explaining.what_if(world.desk, world.maria, index, {"args.iban": DE})
    assert tried["effect"] == "allow"
    assert any("another payee" in note for note in tried["notes"])


def test_a_stop_cannot_be_asked_away(world: World) -> None:
    """If people were told to change a request while a stop is in force, they would try for ever."""
    from governance.service import stopping

    stopping.raise_stop(world.desk, world.tom, scope="everything", reason="look")
    index = number(world.pay())
    found = explaining.decision(world.desk, world.maria, index)
    assert found["turning"].startswith("No change of the request can turn it: `service/stop`")
    assert "two people would have to lift the stop" in found["turning"].lower()


def test_an_overspent_budget_is_told_and_not_called_lost(world: World) -> None:
    """If a used-up budget read as *values are gone*, nobody would look at the budget."""
    agent = world.agent("payments-9", budget={"amount": "1", "currency": "EUR", "period": "day"})
    index = number(world.pay(by=agent, agent="payments-9", cost="2 EUR"))
    found = explaining.decision(world.desk, world.maria, index)
    assert found["effect"] == "require_approval"
    assert found["incomplete"] is None
    assert "budget" in found["sentence"].lower()
    assert "agent manager" in found["turning"]
