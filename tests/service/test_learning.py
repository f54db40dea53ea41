"""What people decide again and again becomes a proposal; what an agent wants never does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from service_world import DE, FILES, GB, NL, POLICY, World

from governance.engine.compile import compile_release
from governance.service import asking, learning, overriding
from governance.service.desk import Caller
from governance.service.lessons import LOOSEN, Act, enough
from governance.service.problem import Problem

DAY = 86_400


@pytest.fixture
def staffed(world: World) -> World:
    """The company with a second treasurer and a second CFO."""
    world.berta = world.person("Berta Kern", "treasurer")  # type: ignore[attr-defined]
    world.dora = world.person("Dora Lang", "cfo")  # type: ignore[attr-defined]
    return world


def answer(
    world: World, who: Caller, amount: str, *, yes: bool = True, look: float = 20, iban: str = DE,
    agent: str = "payments-1",
) -> None:  # fmt: skip
    """An agent asks for a payment, and somebody answers."""
    by = world.agent_key if agent == "payments-1" else world.agent_2
    asked = world.pay(by=by, agent=agent, amount=amount, iban=iban, ask=True)
    approval = asked["context"]["access_request"]["approval"]
    shown = asking.show(world.desk, who, approval)
    world.clock.advance(look)
    how = {"digest": shown["digest"], "evidence": shown["evidence"], "reason": "looked at it"}
    (asking.grant if yes else asking.refuse)(world.desk, who, approval, **how)
    if yes:
        assert world.pay(by=by, agent=agent, amount=amount, iban=iban)["decision"]


def approvals(world: World, count: int = 12, **how: Any) -> None:
    """So many approvals by two treasurers, two a day."""
    people = (world.anna, world.berta)  # type: ignore[attr-defined]
    for number in range(count):
        answer(
            world, people[number % 2], f"{600 + number}.50 EUR", iban=(DE, NL)[number % 2], **how
        )
        world.clock.advance(DAY / 2 + 3_600)


def found(world: World) -> dict[str, Any]:
    """What was learned."""
    return learning.learn(world.desk)


def test_what_is_always_approved_is_proposed_with_its_bound(staffed: World) -> None:
    """If people approved the same for months and nobody noticed, approvals would become a habit."""
    approvals(staffed)
    result = found(staffed)
    (made,) = result["proposals"]
    assert made["rule"] == "payments/PAY-2"
    assert (made["effect"], made["loosens"], made["amends"]) == ("allow", True, "PAY-2")
    assert made["condition"]["args.amount"] == {"between": ["600.50 EUR", "611.50 EUR"]}
    assert made["condition"]["agent.id"] == {"one_of": ["payments-1"]}
    assert made["support"] == {"decisions": 12, "people": 2, "days": made["support"]["days"]}
    assert made["support"]["days"] >= 5
    assert all(str(entry) in made["because"] for entry in made["entries"][:3])
    assert "mode: draft" in made["draft"]
    assert made["owner"] == "risk@corp.example"
    assert made["backtest"]["looser"] > 0
    assert made["backtest"]["stricter"] == 0
    assert made["backtest"]["approvals"]["added"] < 0
    draft = compile_release({
        **FILES,
        made["path"]: made["draft"].replace("mode: draft", "mode: enforce").encode(),
        "policies/cases/learned.yaml": made["cases"].encode(),
    })  # fmt: skip
    assert made["id"].partition("/")[2] in {rule.id for rule in draft.bundle.files[0].rules}
    assert result == found(staffed), "the same log teaches the same"


def test_nothing_beyond_what_was_seen_is_let_through(staffed: World) -> None:
    """If a learned rule reached further than what people approved, it would approve for them."""
    approvals(staffed)
    (made,) = found(staffed)["proposals"]
    from governance.service.drafting import suppose

    files = {**FILES, made["path"]: made["draft"].replace("mode: draft", "mode: enforce").encode()}
    base = {"action": "payment.create", "args.iban": DE, "agent.id": "payments-1"}
    for amount, agent, effect in (
        ("611.50 EUR", "payments-1", "allow"),
        ("600.50 EUR", "payments-1", "allow"),
        ("611.51 EUR", "payments-1", "require_approval"),
        ("600.49 EUR", "payments-1", "require_approval"),
        ("605 EUR", "payments-2", "require_approval"),
    ):
        cells = {**base, "args.amount": amount, "agent.id": agent}
        assert suppose(files, cells, "payments")["effect"] == effect, (amount, agent)
    gb = {**base, "args.amount": "605 EUR", "args.iban": GB}
    assert suppose(files, gb, "payments")["effect"] == "deny"


def test_one_person_or_one_day_teaches_nothing(staffed: World) -> None:
    """If one person could teach alone, one account taken over would be the policy."""
    for number in range(12):
        answer(staffed, staffed.anna, f"{600 + number} EUR")
        staffed.clock.advance(DAY + 60)
    (left,) = [e for e in found(staffed)["left_out"] if e["rule"] == "payments/PAY-2"]
    assert "different people" in left["why"]


def test_a_flood_of_requests_on_one_day_teaches_nothing(staffed: World) -> None:
    """If asking often were teaching, a hijacked agent would write the policy in an afternoon."""
    at = datetime(2026, 11, 20, tzinfo=UTC)
    acts = [
        Act("granted", n, f"p-{n % 3}", at + timedelta(seconds=n), n, {}, "payments/PAY-2")
        for n in range(500)
    ]
    assert "different days" in enough(acts, LOOSEN)
    again = [act._replace(at=act.at + timedelta(days=act.entry % 9), decision=7) for act in acts]
    assert "decisions" in enough(again, LOOSEN), "one decision, answered again and again, is one"
    alone = [act._replace(at=act.at + timedelta(days=act.entry), person="p-1") for act in acts]
    assert "different people" in enough(alone, LOOSEN)
    assert enough([a._replace(at=a.at + timedelta(days=a.entry % 9)) for a in acts], LOOSEN) == ""


def test_an_answer_without_a_look_teaches_nothing(staffed: World) -> None:
    """If rubber stamps counted, the least attentive approver would teach the most."""
    approvals(staffed, look=1)
    result = found(staffed)
    assert result["proposals"] == []
    assert result["unlooked"] == 12


def test_what_one_person_alone_reached_is_said_to_the_signer(staffed: World) -> None:
    """One careless yes far above the others would open the range up to it, and whoever signs would
    read that two people had taught all of it."""
    approvals(staffed, 11)
    answer(staffed, staffed.berta, "640 EUR", iban=NL)  # type: ignore[attr-defined]
    (made,) = found(staffed)["proposals"]
    assert made["condition"]["args.amount"]["between"][1] == "640.00 EUR"
    last = max(made["entries"])
    assert f"one person alone did so for `args.amount` above 610.50: entries {last}" in made["note"]
    assert "`args.amount` below 601.50: entries" in made["note"]
    assert "agent.id" not in made["note"]


def test_the_agents_own_owner_teaches_nothing(staffed: World) -> None:
    """If whoever answers for an agent could teach for it, they would widen their own rights."""
    from governance.service import people

    people.set_roles(staffed.desk, staffed.maria, staffed.owen.id, roles=("agent_owner", "cfo"))
    for number in range(12):
        refused = staffed.pay(amount=f"{10 + number} EUR", iban=GB)
        index = int(refused["context"]["evaluation_id"])
        try:
            overriding.override(staffed.desk, staffed.owen, index, reason="mine, after all")
        except Problem:
            return  # the service does not even let them
        staffed.clock.advance(DAY / 2)
    assert found(staffed)["proposals"] == []


def test_a_refusal_bounds_what_is_learned(staffed: World) -> None:
    """If a refused amount lay inside what is proposed, the proposal would overrule people."""
    approvals(staffed, 14)
    answer(staffed, staffed.anna, "611 EUR", yes=False)
    result = found(staffed)
    (made,) = result["proposals"]
    assert made["condition"]["args.amount"] == {"between": ["600.50 EUR", "610.50 EUR"]}
    assert "refused some from 611" in made["note"]


def test_what_is_always_refused_is_proposed_as_a_deny(staffed: World) -> None:
    """If people refused the same for ever, an agent would go on asking for ever."""
    people = (staffed.anna, staffed.berta)  # type: ignore[attr-defined]
    for number in range(6):
        answer(staffed, people[number % 2], f"{700 + number} EUR", yes=False)
        staffed.clock.advance(DAY)
    (made,) = found(staffed)["proposals"]
    assert (made["effect"], made["loosens"], made["amends"]) == ("deny", False, None)
    assert made["condition"]["args.amount"] == {"at_least": "700.00 EUR"}
    assert made["backtest"]["looser"] == 0
    assert "may_be_waived_by: [treasurer]" in made["draft"]


def test_repeated_overrides_become_a_question_not_a_yes(staffed: World) -> None:
    """If overrides taught an allow, a rule that people lift with care would vanish."""
    people = (staffed.carl, staffed.dora)  # type: ignore[attr-defined]
    for number in range(10):
        amount = f"{50 + number} EUR"
        refused = staffed.pay(amount=amount, iban=GB)
        index = int(refused["context"]["evaluation_id"])
        overriding.override(staffed.desk, people[number % 2], index, reason="the payee is known")
        assert staffed.pay(amount=amount, iban=GB)["decision"]
        staffed.clock.advance(DAY)
    result = found(staffed)
    made = [each for each in result["proposals"] if each["rule"] == "payments/PAY-4"]
    assert [(m["effect"], m["amends"]) for m in made] == [("require_approval", "PAY-4")]
    assert "needs: [1 cfo]" in made[0]["draft"]


def test_payees_that_no_rule_names_cannot_be_bounded(staffed: World) -> None:
    """If overrides for some payees opened the rule for all, strangers would be paid."""
    people = (staffed.carl, staffed.dora)  # type: ignore[attr-defined]
    for number in range(10):
        refused = staffed.pay(amount=f"{5100 + number} EUR")
        index = int(refused["context"]["evaluation_id"])
        overriding.override(staffed.desk, people[number % 2], index, reason="the payee is known")
        staffed.clock.advance(DAY)
    result = found(staffed)
    assert result["proposals"] == []
    assert "does not say which" in result["left_out"][0]["why"]


def test_what_nobody_may_waive_is_never_loosened(staffed: World) -> None:
    """If learning could loosen what nobody may waive, repetition would beat the law."""
    rules = compile_release(FILES).bundle.files[0].rules
    never = next(rule for rule in rules if rule.id == "WEB-3")
    with pytest.raises(ValueError, match="nobody may waive"):
        learning._require_loosenable(never)
    critical = POLICY.replace(b"because: A person looks.\n    severity: medium", b"because: A person looks.\n    severity: critical")  # fmt: skip
    file = compile_release({**FILES, "policies/payments.yaml": critical}).bundle.files[0]
    with pytest.raises(ValueError, match="critical"):
        learning._require_loosenable(next(rule for rule in file.rules if rule.id == "PAY-2"))


def test_a_quiet_log_teaches_nothing(world: World) -> None:
    """If a log without people taught something, it would have been the agents."""
    for number in range(30):
        world.pay(amount=f"{number + 1} EUR")
        world.clock.advance(DAY / 3)
    result = found(world)
    assert (result["proposals"], result["left_out"], result["acts"]) == ([], [], 0)
