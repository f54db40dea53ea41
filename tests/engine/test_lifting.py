"""Exceptions and inheritance: only what is certain lifts, and only what says that it may be lifted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import engine_world as world
import pytest

from governance.engine.cases import failures, run
from governance.engine.compile import Release, compile_release
from governance.engine.decide import decide
from governance.engine.model import CannotTell, Effect, PolicyErrors, Verdict

ASK = "approval: {needs: [1 boss], answer_within: 1h}"
EXCEPTION = """
exceptions:
  - id: EXC-1
    title: The tax run
    lifts: R-1
    for: {agent.id: {is: tax-run}, args.country: {is: DE}}
    instead: allow
    reason: it is the month's end
    ticket: T-1
    from: 2026-11-01
    expires: 2026-11-30
"""


def parent(more: str = "", waived: str = "[exception, child]") -> bytes:
    """Pays up to any amount, but above 50 EUR a person decides: R-1, which may be loosened."""
    asks = world.rule(
        1, "require_approval", "{action: pay, args.amount: {above: 50 EUR}}",
        f", may_be_waived_by: {waived}",
    )  # fmt: skip
    allows = world.rule(2, "allow", "{action: pay, args.amount: {at_most: 50 EUR}}")
    return world.file(f"{asks}\n{allows}", policy="org", more=more)


def child(rule: str, more: str = "extends: [org]", governs: str = "[pay]", **kind: str) -> bytes:
    return world.file(rule, policy="team", governs=governs, more=more, **kind)


def answer(
    made: Release, at: datetime = world.AT, agent: str = "tax-run", **arguments: Any
) -> Verdict:
    one = world.request(made, "pay", {**world.PAY, **arguments}, {"agent.id": agent})
    return decide(made, one, {}, at)


def problems(*files: bytes, at: Any = None) -> list[str]:
    """`code:line` of everything that is wrong."""
    paths = {f"policies/f{i}.yaml": data for i, data in enumerate(files)}
    try:
        compile_release({world.CATALOGUE_PATH: world.CATALOGUE, **paths}, at=at)
    except PolicyErrors as errors:
        return [f"{one.code}:{one.line}" for one in errors.findings]
    return []


def line_of(data: bytes, text: str) -> int:
    return data[: data.index(text.encode())].count(b"\n") + 1


def test_an_exception_lifts_its_rule_and_says_so() -> None:
    """What was signed off for the month-end run would not happen, or nobody could see why."""
    verdict = answer(world.release(parent(EXCEPTION)))
    assert verdict.effect is Effect.ALLOW
    found = {finding.name: finding for finding in verdict.findings}
    assert found["org/R-1"].lifted
    assert found["org/R-1"].lifted_by == "org/EXC-1"
    assert found["org/EXC-1"].because == "it is the month's end"
    assert verdict.clauses == ()


@pytest.mark.parametrize(
    ("at", "effect"),
    [
        (datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC), Effect.REQUIRE_APPROVAL),
        (datetime(2026, 11, 1, tzinfo=UTC), Effect.ALLOW),
        (datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), Effect.ALLOW),
        (datetime(2026, 12, 1, tzinfo=UTC), Effect.REQUIRE_APPROVAL),
    ],
)
def test_it_begins_and_ends_by_itself(at: datetime, effect: Effect) -> None:
    """An exception would outlive its last day until somebody reloads, or stop a restart."""
    assert answer(world.release(parent(EXCEPTION)), at).effect is effect


def test_it_is_for_whom_it_names() -> None:
    """Another agent would profit from what was signed off for one."""
    made = world.release(parent(EXCEPTION))
    assert answer(made, agent="other").effect is Effect.REQUIRE_APPROVAL
    assert answer(made, country="FR").effect is Effect.REQUIRE_APPROVAL


@pytest.mark.parametrize(
    "spoilt",
    [{"country": "ZZ"}, {"country": None}, {"amount": "1 USD"}, {"amount": None}, {"bcc": "x"}],
)
def test_what_cannot_be_told_lifts_nothing(spoilt: dict[str, Any]) -> None:
    """An agent could garble a field, or invent one, and get what the exception gives."""
    given = {**world.PAY, **spoilt}
    made = world.release(parent(EXCEPTION))
    one = world.request(
        made, "pay", {k: v for k, v in given.items() if v is not None}, {"agent.id": "tax-run"}
    )
    verdict = decide(made, one, {}, world.AT)
    assert verdict.effect > Effect.ALLOW
    assert not any(finding.lifted for finding in verdict.findings)


def test_the_built_in_findings_and_other_rules_stand() -> None:
    """An exception for one rule would also lift a stop, the ladder or another file."""
    made = world.release(
        parent(EXCEPTION), world.file(world.rule(7, "deny", "{action: pay}"), policy="other")
    )
    assert answer(made).effect is Effect.DENY
    made = world.release(parent(EXCEPTION))
    for facts in (
        {"session.stops": ("3",)},
        {"agent.state": "suspended"},
        {"agent.autonomy": "L1"},
    ):
        one = world.request(made, "pay", world.PAY, {"agent.id": "tax-run", **facts})
        assert decide(made, one, {}, world.AT).effect > Effect.ALLOW


def test_a_lifted_approval_does_not_spare_the_ladders() -> None:
    """At L1 a person approves everything; an exception to one rule would make that nobody."""
    made = world.release(parent(EXCEPTION))
    one = world.request(made, "pay", world.PAY, {"agent.id": "tax-run", "agent.autonomy": "L1"})
    verdict = decide(made, one, {}, world.AT)
    assert "service/autonomy" in {finding.name for finding in verdict.findings}


def test_an_exception_may_ask_somebody_else_instead() -> None:
    """The clause of the exception would be lost, or both would be asked for."""
    more = EXCEPTION.replace(
        "instead: allow",
        "instead: require_approval\n    approval: {needs: [1 deputy], answer_within: 2h}",
    )
    verdict = answer(world.release(parent(more)))
    assert verdict.effect is Effect.REQUIRE_APPROVAL
    assert [clause.rule for clause in verdict.clauses] == ["org/EXC-1"]


def test_a_limit_can_be_lifted_for_somebody() -> None:
    """Only rules could have exceptions, so limits would be raised for everybody instead."""
    limit = (
        "  - {id: LIM-1, title: Limit, measure: sum args.amount, of: {action: pay}, per: [agent.id], "
        "in_last: 24h, at_most: 40 EUR, otherwise: deny, because: test, may_be_waived_by: [exception]}"
    )
    allow = world.rule(1, "allow", "{action: pay}")
    data = world.file(allow, policy="org", more=EXCEPTION.replace("R-1", "LIM-1"), limits=limit)
    made = world.release(data)
    for agent, effect in (("tax-run", Effect.ALLOW), ("other", Effect.DENY)):
        one = world.request(made, "pay", world.PAY, {"agent.id": agent})
        verdict = decide(made, one, world.facts_of(made, one, 3), world.AT)
        assert verdict.effect is effect


BAD_EXCEPTIONS = [
    ("lifts: R-1", "lifts: R-3", "unknown-rule"),
    ("lifts: R-1", "lifts: R-2", "may-not-be-waived"),
    ("expires: 2026-11-30", "expires: 2027-02-28", "exception-too-long"),
    ("expires: 2026-11-30", "expires: 2026-10-31", "exception-too-long"),
    ("expires: 2026-11-30", "expires: 2026-11-31", "wrong-form"),
    ("expires: 2026-11-30", "expiers: 2026-11-30", "unknown-key"),
    ("for: {agent.id: {is: tax-run}, ", "for: {", "for-nobody"),
    ("{is: tax-run}", "{is_not: tax-run}", "for-nobody"),
    ("for: {", "for: {resource.owner: {is: me}, ", "claim-not-trusted"),
    ("for: {", "for: {history: {did: pay, by: any_agent}, ", "does-not-apply"),
    ("instead: allow", "instead: deny", "not-allowed"),
    ("instead: allow", "instead: require_approval", "missing-key"),
    ("    ticket: T-1\n", "", "missing-key"),
    ("id: EXC-1", "id: R-1", "duplicate-id"),
]


@pytest.mark.parametrize(("old", "new", "code"), BAD_EXCEPTIONS)
def test_a_bad_exception_is_found_where_it_is(old: str, new: str, code: str) -> None:
    """An exception without end, person or permission would be signed off unseen."""
    more = EXCEPTION.replace(old, new, 1)
    data = parent(more)
    found = problems(data)
    start = line_of(data, "exceptions:")
    assert any(one.startswith(f"{code}:") and int(one.split(":")[1]) > start for one in found), (
        found
    )


def test_what_is_signed_off_ends_within_ninety_days_of_that_day() -> None:
    """A queue of exceptions, each of ninety days, would be one without an end."""
    later = EXCEPTION.replace("2026-11-01", "2027-01-30").replace("2026-11-30", "2027-03-01")
    day = datetime(2026, 11, 20, tzinfo=UTC).date()
    assert problems(parent(later), at=day)[0].startswith("exception-too-long")
    assert problems(parent(later)) == []  # a restart loads what was signed off
    lapsed = EXCEPTION.replace("2026-11-01", "2026-09-01").replace("2026-11-30", "2026-10-30")
    assert problems(parent(lapsed), at=day)[0].startswith("exception-expired")
    assert problems(parent(lapsed)) == []


def test_nobody_means_nobody() -> None:
    """A rule that says nobody may waive it would be lifted by an exception or a child."""
    assert problems(parent(EXCEPTION, "nobody"))[0].startswith("may-not-be-waived")
    loose = child(world.rule(9, "allow", "{action: pay}", ", instead_of: R-1"))
    for waived in ("nobody", "[exception]"):
        assert problems(parent(waived=waived), loose)[0].startswith("may-not-be-waived")


TEAM = "{action: pay, args.amount: {at_most: 500 EUR}, args.to: {in_domain: corp.example}}"


def test_a_child_replaces_what_its_parent_permits() -> None:
    """Every team would have to copy the whole of the company's policy to change one rule."""
    made = world.release(
        parent(),
        child(world.rule(9, "allow", "{action: pay, args.country: {is: DE}}", ", instead_of: R-1")),
    )
    verdict = answer(made)
    assert verdict.effect is Effect.ALLOW
    assert {f.name: f.lifted_by for f in verdict.findings if f.lifted} == {"org/R-1": "team/R-9"}
    assert answer(made, country="FR").effect > Effect.ALLOW


def test_a_childs_rule_that_asks_replaces_the_clause() -> None:
    """Both the company's and the team's people would be asked."""
    ask = world.rule(9, "require_approval", "{action: pay}", ", instead_of: org/R-1")
    verdict = answer(world.release(parent(), child(ask)))
    assert [clause.rule for clause in verdict.clauses] == ["team/R-9"]


@pytest.mark.parametrize("to", [["a@corp.example", "eve@evil.example"], [], ["A@corp"], None])
def test_one_member_of_a_list_does_not_lift(to: Any) -> None:
    """One colleague among the recipients would lift the rule for the strangers beside him."""
    ask = world.rule(9, "require_approval", TEAM, ", instead_of: R-1")
    made = world.release(parent(), child(ask))
    given = {**world.PAY, **({} if to is None else {"to": to})}
    one = world.request(made, "pay", given)
    verdict = decide(made, one, {}, world.AT)
    assert "org/R-1" in {clause.rule for clause in verdict.clauses}
    fits = decide(
        made, world.request(made, "pay", {**given, "to": ["a@corp.example"]}), {}, world.AT
    )
    assert "org/R-1" not in {clause.rule for clause in fits.clauses}


def test_a_child_that_only_watches_or_is_a_draft_lifts_nothing() -> None:
    """A file that is tried out would already loosen what is in force."""
    loose = world.rule(9, "allow", "{action: pay}", ", instead_of: R-1")
    watch = "extends: [org]\nobserve: {by: me, from: 2026-11-01, until: 2026-11-30}"
    for data in (child(loose, mode="draft"), child(loose, watch, mode="observe")):
        assert answer(world.release(parent(), data)).effect is Effect.REQUIRE_APPROVAL


def test_a_child_applies_to_its_own_agents_only() -> None:
    """One team's rule would loosen the company's for everybody."""
    loose = world.rule(9, "allow", "{action: pay}", ", instead_of: R-1")
    made = world.release(parent(), child(loose, applies="{team: {is: blue}}"))
    for team, effect in (("blue", Effect.ALLOW), ("red", Effect.REQUIRE_APPROVAL)):
        one = world.request(made, "pay", world.PAY, {"agent.team": team})
        assert decide(made, one, {}, world.AT).effect is effect
    one = world.request(made, "pay", world.PAY, {"agent.team": CannotTell("missing")})
    assert decide(made, one, {}, world.AT).effect > Effect.ALLOW


def test_a_childs_limit_replaces_its_parents() -> None:
    """A team with a larger budget would still be held to the company's."""
    limit = (
        "  - {id: LIM-1, title: Limit, measure: sum args.amount, of: {action: pay}, per: [agent.id], "
        "in_last: 24h, at_most: AMOUNT, otherwise: deny, because: test, MORE}"
    )
    allow = world.rule(1, "allow", "{action: pay}")
    org = world.file(
        allow, policy="org",
        limits=limit.replace("AMOUNT", "50 EUR").replace("MORE", "may_be_waived_by: [child]"),
    )  # fmt: skip
    team = child(
        allow, applies="{team: {is: blue}}",
        limits=limit.replace("AMOUNT", "150 EUR").replace("MORE", "instead_of: LIM-1"),
    )  # fmt: skip
    made = world.release(org, team)
    for name, amount, effect in (
        ("blue", "100 EUR", Effect.ALLOW),
        ("blue", "151 EUR", Effect.DENY),
        ("red", "100 EUR", Effect.DENY),
    ):
        one = world.request(made, "pay", {**world.PAY, "amount": amount}, {"agent.team": name})
        facts = {
            query: world.Total(world.Decimal(0), 0) for query in world.needs(made, one, world.AT)
        }
        assert decide(made, one, facts, world.AT).effect is effect


BAD_CHILDREN = [
    ("extends: [org]", "extends: [orgg]", "unknown-parent"),
    ("extends: [org]", "extends: [team]", "parent-loop"),
    ("extends: [org]", "extends: [org, org]", "parent-loop"),
    ("extends: [org]", "extends: []", "wrong-size"),
    ("extends: [org]", "extends: org", "wrong-shape"),
    ("instead_of: R-1", "instead_of: R-9", "unknown-rule"),
    ("instead_of: R-1", "instead_of: team/R-9", "unknown-rule"),
    ("instead_of: R-1", "instead_of: R-2", "may-not-be-waived"),
    ("instead_of: R-1", "instead_of: [R-1, R-3]", "unknown-rule"),
    ("effect: allow", "effect: deny", "does-not-apply"),
    ("extends: [org]", "", "unknown-rule"),
]


@pytest.mark.parametrize(("old", "new", "code"), BAD_CHILDREN)
def test_a_bad_child_is_found_where_it_is(old: str, new: str, code: str) -> None:
    """A child would name a rule that is not there, and nobody would see that it lifts nothing."""
    good = child(world.rule(9, "allow", "{action: pay}", ", instead_of: R-1")).decode()
    assert problems(parent(), good.encode()) == []
    bad = good.replace(old, new, 1).encode()
    found = problems(parent(), bad)
    assert any(one.startswith(f"{code}:") for one in found), found


def test_claims_replace_nothing_on_an_agents_word() -> None:
    """An agent would talk itself out of the company's rule."""
    when = "{action: pay, resource.owner: {is: me}}"
    said = child(world.rule(9, "allow", when, ", instead_of: R-1, trust_claim: because"))
    assert any(one.startswith("does-not-apply") for one in problems(parent(), said))
    attested = child(world.rule(9, "allow", when, ", instead_of: R-1, attested_only: true"))
    made = world.release(parent(), attested)
    for sure, effect in ((True, Effect.ALLOW), (False, Effect.DENY)):
        one = world.request(made, "pay", world.PAY, {"resource.owner": "me"}, sure)
        assert decide(made, one, {}, world.AT).effect is effect


def test_lists_and_the_default_clause_come_from_the_parent() -> None:
    """Every child would copy the company's lists, and copies grow old."""
    org = world.file(
        world.rule(1, "allow", "{action: pay, args.country: {one_of: $home}}"), policy="org",
        default="require_approval",
        more="lists: {home: [DE, FR]}\ndefault_approval: {needs: [1 boss], answer_within: 1h}",
    )  # fmt: skip
    team = child(
        world.rule(9, "allow", "{action: pay, args.country: {one_of: $home}}"),
        default="require_approval",
    )
    made = world.release(org, team)
    (file,) = [one for one in made.bundle.files if one.policy == "team"]
    assert file.lists["home"].inherited == "org"
    assert file.default_clause is not None
    assert file.default_clause.rule == "team/default"
    assert answer(made, country="FR").effect is Effect.ALLOW
    assert answer(made, country="IT").effect is Effect.REQUIRE_APPROVAL


def test_the_risk_of_what_was_lifted_still_counts() -> None:
    """Lifting a critical rule would make a critical action one of low risk."""
    data = parent(EXCEPTION).replace(b"severity: low", b"severity: critical", 1)
    assert answer(world.release(data)).risk == "critical"


def test_a_case_can_say_when_it_happens() -> None:
    """Nobody could test the day after an exception ends."""
    rows = (
        "cases: {columns: [name, agent.id, at, expect, by], always: {action: pay, args.amount: 100 "
        "EUR, args.country: DE, args.iban: DE89370400440532013000, args.urgent: false}, rows: "
        "[[in time, tax-run, 2026-11-30, allow, EXC-1], [too late, tax-run, 2026-12-01, "
        "require_approval, R-1], [another, b, 2026-11-30T10:00:00Z, require_approval, R-1]]}"
    )
    data = parent(EXCEPTION).decode()
    start = data.index("cases:")
    data = data[:start] + rows + data[data.index("\n", start) :]
    results = run(world.release(data.encode()))
    assert [result.problem for result in failures(results)] == []
    wrong = world.release(data.replace("2026-12-01", "tomorrow").encode())
    assert "tomorrow" in failures(run(wrong))[0].problem


def test_a_lifted_verdict_is_whole() -> None:
    """A verdict of lifted findings alone would have no reason that holds."""
    verdict = answer(world.release(parent(EXCEPTION)))
    assert any(not finding.lifted for finding in verdict.findings)
    assert verdict.charges == ()
