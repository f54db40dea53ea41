"""Risk points: what cannot be told counts as present, and the points only ever tighten."""

from __future__ import annotations

from typing import Any

import engine_world as world
import pytest

from governance.engine.cases import failures, run
from governance.engine.compile import Release, compile_release
from governance.engine.decide import decide, needs
from governance.engine.model import Effect, PolicyErrors, Total, Verdict

TABLE = """risk: company
title: Risk points
owner: risk@corp.example
review_by: 2099-01-01
factors:
  - {id: RISK-1, title: Moves money, points: 20, when: {tool.labels: {contains_any: [moves_money]}}, because: a}
  - {id: RISK-2, title: A large sum, points: 30, when: {args.amount: {above: 50 EUR}}, because: b}
  - {id: RISK-3, title: Foreign text, points: 40, when: {session.labels: {contains_any: [untrusted]}}, because: c}
levels: {medium: 20, high: 50, critical: 90}
matrix:
  L4: {critical: require_approval}
  L3: {high: require_approval, critical: deny}
approval:
  high: {needs: [1 risk_officer], answer_within: 4h}
  critical: {needs: [2 risk_officer], answer_within: 1d, reason: required}
cases:
  columns: [name, args.amount, session.labels, agent.autonomy, points, expect, by]
  always: {action: pay, args.iban: DE89370400440532013000, args.country: DE, args.urgent: false}
  rows:
    - [little, 50 EUR, [], L4, 20, allow, pay/R-1]
    - [much, 51 EUR, [], L4, 50, allow, pay/R-1]
    - [much at L3, 51 EUR, [], L3, 50, require_approval, risk]
    - [all of it, 51 EUR, [untrusted], L4, 90, require_approval, risk]
    - [all of it at L3, 51 EUR, [untrusted], L3, 90, deny, risk]
    - [no amount, , [], L3, 50, require_approval, risk]
"""
ALLOW = world.rule(1, "allow", "{action: [pay, look]}")
PATH = "policies/risk.yaml"


def release(table: str = TABLE, *files: bytes) -> Release:
    pays = world.file(ALLOW, policy="pay", governs="[pay, look]")
    paths = {f"policies/f{i}.yaml": data for i, data in enumerate((pays, *files))}
    return compile_release({world.CATALOGUE_PATH: world.CATALOGUE, PATH: table.encode(), **paths})


def answer(made: Release, amount: Any = "100 EUR", **facts: Any) -> Verdict:
    given = {**world.PAY, "amount": amount}
    one = world.request(
        made, "pay", {k: v for k, v in given.items() if v is not None},
        {name.replace("_", ".", 1): value for name, value in facts.items()},
    )  # fmt: skip
    return decide(made, one, {}, world.AT)


def codes(table: str) -> list[tuple[str, int]]:
    try:
        release(table)
    except PolicyErrors as errors:
        return [(one.code, one.line) for one in errors.findings]
    return []


def test_its_cases_run_as_those_of_a_policy() -> None:
    """The table would promise nothing, and a change of points would be seen by nobody."""
    results = run(release())
    assert len([r for r in results if r.policy == "company"]) == 6
    mine = [result for result in failures(results) if result.policy == "company"]
    assert [(r.case.name, r.problem) for r in mine] == []
    wrong = failures(run(release(TABLE.replace("above: 50 EUR", "above: 51 EUR"))))
    assert {result.case.name for result in wrong} >= {"much", "much at L3"}


def test_points_give_a_level_and_the_matrix_its_oversight() -> None:
    """The sum, the level or the matrix would be read wrongly, and too little be asked."""
    made = release()
    for level, labels, effect, risk in (
        ("L4", (), Effect.ALLOW, "high"),
        ("L3", (), Effect.REQUIRE_APPROVAL, "high"),
        ("L4", ("untrusted",), Effect.REQUIRE_APPROVAL, "critical"),
        ("L3", ("untrusted",), Effect.DENY, "critical"),
        ("L5", ("untrusted",), Effect.ALLOW, "critical"),
        ("L2", ("untrusted",), Effect.DENY, "critical"),
    ):
        verdict = answer(made, agent_autonomy=level, session_labels=labels)
        assert (verdict.effect, verdict.risk) == (effect, risk), (level, labels)


@pytest.mark.parametrize("amount", [None, "1 USD", "x"])
def test_an_unknown_factor_counts_as_present(amount: Any) -> None:
    """An agent would leave the amount out and get fewer points."""
    made = release()
    verdict = answer(made, amount, agent_autonomy="L3", session_labels=("untrusted",))
    (found,) = [finding for finding in verdict.findings if finding.name == "company/risk"]
    assert found.effect is Effect.DENY
    assert not found.certain
    assert found.unknown == ("args.amount",)


def test_an_unknown_autonomy_is_the_strictest() -> None:
    """A level that is not known would be held to no row at all."""
    verdict = answer(release(), agent_autonomy=None, session_labels=("untrusted",))
    (found,) = [finding for finding in verdict.findings if finding.name == "company/risk"]
    assert found.effect is Effect.DENY


def test_the_approval_it_asks_for_is_the_levels_and_can_be_given() -> None:
    """Two risk officers would be written, and one be asked; or nobody could ever agree."""
    made = release()
    verdict = answer(made, agent_autonomy="L4", session_labels=("untrusted",))
    (clause,) = verdict.clauses
    assert (clause.rule, clause.needs[0].count, clause.reason_required) == ("company/risk", 2, True)
    one = world.request(made, "pay", world.PAY, {"session.labels": ("untrusted",)})
    assert decide(made, one, {}, world.AT, frozenset({"company/risk"})).effect is Effect.ALLOW


def test_an_action_that_cannot_reach_a_level_is_left_alone() -> None:
    """Every decision would pay for a table that says nothing about it."""
    made = release()
    assert made.plans["pay"].extras is not None
    few = release(
        TABLE.replace("{medium: 20, high: 50, critical: 90}", "{critical: 90}")
        .replace("L3: {high: require_approval, critical: deny}", "L3: {critical: deny}")
        .replace("  high: {needs: [1 risk_officer], answer_within: 4h}\n", "")
    )
    assert few.plans["look"].extras is None
    assert few.plans["look"].risk is not None


def test_a_factor_may_look_back() -> None:
    """What happened before would be the one thing that gives no points."""
    table = TABLE.replace(
        "when: {args.amount: {above: 50 EUR}}",
        "when: {action: pay, history: {did: look, in_last: 1h, by: this_agent}}",
    )
    made = release(table)
    one = world.request(made, "pay", world.PAY, {"agent.autonomy": "L3"})
    queries = needs(made, one, world.AT)
    assert {query.series for query in queries} <= set(made.series)
    assert queries
    for count, effect in ((0, Effect.ALLOW), (1, Effect.REQUIRE_APPROVAL)):
        facts = {query: Total(world.Decimal(count), count) for query in queries}
        assert decide(made, one, facts, world.AT).effect is effect
    assert decide(made, one, {}, world.AT).effect is Effect.REQUIRE_APPROVAL
    looked = decide(made, world.request(made, "look", {}), {}, world.AT)
    assert {charge.series[:4] for charge in looked.charges} == {"did:"}


def test_an_agents_claim_lowers_nothing() -> None:
    """An agent would say that the resource is its own and get fewer points."""
    factor = "when: {action: pay, resource.owner: {is_not: anna}}"
    bare = TABLE.replace("when: {args.amount: {above: 50 EUR}}", factor)
    assert ("claim-not-trusted", 7) in codes(bare)
    made = release(bare.replace("because: b", "because: b, attested_only: true"))
    for attested, effect in ((True, Effect.ALLOW), (False, Effect.REQUIRE_APPROVAL)):
        one = world.request(
            made, "pay", world.PAY, {"resource.owner": "anna", "agent.autonomy": "L3"}, attested
        )
        assert decide(made, one, {}, world.AT).effect is effect


BAD = [
    ("matrix:", "matirx:", "unknown-key", 10),
    ("L4: {critical: require_approval}", "L4: {critical: ask}", "not-allowed", 11),
    ("L4: {critical", "L7: {critical", "unknown-key", 11),
    ("points: 30", "points: 0", "wrong-size", 7),
    ("points: 30", "points: thirty", "wrong-shape", 7),
    ("{medium: 20, high: 50", "{medium: 60, high: 50", "not-monotone", 9),
    ("L3: {high: require_approval, critical: deny}", "L3: {critical: nothing}", "not-monotone", 12),
    ("critical: 90}", "critical: 91}", "never-matches", 11),
    ("  high: {needs: [1 risk_officer], answer_within: 4h}\n", "", "missing-key", 11),
    (
        "approval:\n",
        "approval:\n  medium: {needs: [1 a], answer_within: 1h}\n",
        "does-not-apply",
        14,
    ),
    ("critical: {needs: [2 risk_officer]", "critical: {needs: [1 boss]", "not-monotone", 15),
    ("id: RISK-2", "id: RISK-1", "duplicate-id", 7),
    ("args.amount: {above", "args.amout: {above", "unknown-field", 7),
    ("risk: company", "risk: pay", "duplicate-risk", 1),
    ("review_by: 2099-01-01", "review_by: 2099-02-30", "wrong-form", 4),
]


@pytest.mark.parametrize(("old", "new", "code", "line"), BAD)
def test_each_fault_is_found_where_it_is(old: str, new: str, code: str, line: int) -> None:
    """A typo in the table would give fewer points, and nobody would be told."""
    assert old in TABLE
    found = codes(TABLE.replace(old, new, 1))
    assert (code, line) in found, found


def test_there_is_one_table() -> None:
    """Two tables would each speak half of the truth about an action's risk."""
    files = {
        world.CATALOGUE_PATH: world.CATALOGUE,
        "policies/pay.yaml": world.file(ALLOW, policy="pay", governs="[pay, look]"),
        "policies/risk.yaml": TABLE.encode(),
        "policies/risk2.yaml": TABLE.replace("risk: company", "risk: other").encode(),
    }
    with pytest.raises(PolicyErrors) as error:
        compile_release(files)
    assert [one.code for one in error.value.findings] == ["duplicate-risk"]
