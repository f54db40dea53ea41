"""What a verdict is made of: files, defaults, built-in findings, obligations, what people lifted."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import engine_world as world
import pytest

from governance.engine.model import (
    CannotTell,
    Effect,
    Finding,
    Mode,
    PolicyErrors,
    Risk,
    Total,
    Verdict,
)

ALLOW, ASK, DENY = Effect.ALLOW, Effect.REQUIRE_APPROVAL, Effect.DENY
FREE = world.rule(1, "allow", "{action: pay}")


def names(verdict: Verdict) -> list[str]:
    return [finding.name for finding in verdict.findings]


def test_a_verdict_cannot_exist_without_a_reason() -> None:
    """An answer would leave the service that nobody can explain."""
    with pytest.raises(ValueError, match="reason"):
        Verdict(ALLOW, ())


def test_the_strictest_rule_wins_and_every_matching_rule_is_named() -> None:
    """A deny could be outvoted, or a reason be hidden behind another."""
    made = world.release(world.file("\n".join([
        FREE,
        world.rule(2, "require_approval", "{action: pay, args.amount: {above: 50 EUR}}"),
        world.rule(3, "deny", "{action: pay, args.country: {is: DE}}"),
    ])))  # fmt: skip
    verdict = world.ask(made)
    assert verdict.effect is DENY
    assert names(verdict) == ["pay/R-3", "pay/R-2", "pay/R-1"]
    assert [clause.rule for clause in verdict.clauses] == ["pay/R-2"]
    assert (verdict.charges, verdict.labels) == ((), frozenset())


def test_what_no_file_governs_is_denied() -> None:
    """A new tool would be free until somebody thinks of writing a rule."""
    made = world.release(world.file(FREE))
    for action in ("look", "never", "unheard.of"):
        assert names(world.ask(made, action, {})) == ["service/governed"]


def test_the_default_speaks_where_no_rule_does() -> None:
    """An action would be allowed because nobody forbade it."""
    made = world.release(
        world.file(world.rule(1, "allow", "{action: pay, args.country: {is: FR}}"))
    )
    verdict = world.ask(made)
    assert (verdict.effect, names(verdict)) == (DENY, ["pay/default"])
    assert verdict.findings[0].certain
    spoiled = world.ask(made, "pay", {**world.PAY, "country": 7})
    assert spoiled.findings[0].unknown == ("args.country",)
    assert not spoiled.findings[0].certain


def test_an_approval_that_cannot_be_told_does_not_replace_a_default_deny() -> None:
    """Leaving out the amount would turn a refusal into something a person can be talked into."""
    made = world.release(world.file("\n".join([
        world.rule(1, "allow", "{action: pay, args.country: {is: FR}}"),
        world.rule(2, "require_approval", "{action: pay, args.amount: {above: 500 EUR}}"),
    ])))  # fmt: skip
    assert world.ask(made).effect is DENY
    spoiled = world.ask(made, "pay", {**world.PAY, "amount": "much"})
    assert (spoiled.effect, names(spoiled)) == (DENY, ["pay/default", "pay/R-2"])
    assert world.ask(made, "pay", {**world.PAY, "amount": "501 EUR"}).effect is ASK


def test_each_governing_file_must_agree() -> None:
    """A second team's file would open what the first one holds closed."""
    strict = world.file(
        world.rule(1, "allow", "{action: pay, args.country: {is: FR}}"), policy="org"
    )
    made = world.release(strict, world.file(FREE))
    assert names(world.ask(made)) == ["org/default", "pay/R-1"]
    assert world.ask(made, "pay", {**world.PAY, "country": "FR"}).effect is ALLOW


def test_a_deny_reaches_actions_that_its_file_does_not_govern() -> None:
    """A company-wide ban would have to be copied into every team's file."""
    ban = world.file(world.rule(1, "deny", "{tool.labels: {contains_any: [moves_money]}}"),
                     policy="org", governs="[look]")  # fmt: skip
    made = world.release(ban, world.file(FREE))
    assert names(world.ask(made)) == ["org/R-1", "pay/R-1"]


def test_a_rule_on_a_field_that_an_action_lacks_does_not_apply_to_it() -> None:
    """A rule about recipients would deny everything that has none."""
    ban = world.file(world.rule(1, "deny", "{args.to: {not_in_domain: [corp.example]}}"), policy="org",
                     governs="[look, mail]")  # fmt: skip
    made = world.release(ban)
    assert names(world.ask(made, "look", {})) == ["org/default"]
    mail = {"to": ["x@evil.example"], "note": "hi"}
    assert names(world.ask(made, "mail", mail)) == ["org/R-1", "org/default"]


def test_a_file_speaks_only_for_the_agents_it_applies_to() -> None:
    """The payment team's allows would hold for every agent of the company."""
    made = world.release(world.file(FREE, applies="{labels: {contains_any: [payments]}}"))
    assert world.ask(made, facts={"agent.labels": ("payments",)}).effect is ALLOW
    assert names(world.ask(made, facts={"agent.labels": ("hr",)})) == ["service/governed"]
    unknown = world.ask(made, facts={"agent.labels": CannotTell("gone")})
    assert set(names(unknown)) == {"service/governed", "pay/default"}
    assert unknown.findings[0].effect is DENY


def test_an_undeclared_argument_silences_every_allow() -> None:
    """A blind copy that no rule knows of would go out with an allowed mail."""
    made = world.release(world.file(FREE))
    verdict = world.ask(made, "pay", {**world.PAY, "bcc": "x"})
    assert names(verdict) == ["pay/default", "pay/undeclared"]
    assert verdict.findings[1].unknown == ("args.bcc",)


def test_people_can_still_decide_about_an_undeclared_argument() -> None:
    """A file that asks people by default would wait for an approval that nobody can give."""
    more = "default_approval: {needs: [1 boss], answer_within: 1h}"
    made = world.release(world.file(FREE, default="require_approval", more=more))
    odd = {**world.PAY, "bcc": "x"}
    verdict = world.ask(made, "pay", odd)
    assert [clause.rule for clause in verdict.clauses] == ["pay/default", "pay/undeclared"]
    assert world.ask(made, "pay", odd, lifted=frozenset(names(verdict))).effect is ALLOW


@pytest.mark.parametrize(
    ("fact", "value", "rule"),
    [
        ("session.stops", ("90",), "stop"),
        ("session.stops", None, "stop"),
        ("session.stops", CannotTell("x"), "stop"),
        ("agent.state", "suspended", "agent"),
        ("agent.state", None, "agent"),
        ("agent.tools", ("look",), "agent"),
        ("agent.tools", (), "agent"),
        ("agent.tools", None, "agent"),
        ("agent.autonomy", "L0", "autonomy"),
        ("agent.autonomy", None, "autonomy"),
        ("agent.autonomy", "L9", "autonomy"),
    ],
)
def test_facts_of_the_service_fail_closed(fact: str, value: Any, rule: str) -> None:
    """A stop, a suspension or a lost fact would be read as permission."""
    made = world.release(world.file(FREE))
    assert world.ask(made).effect is ALLOW
    verdict = world.ask(made, facts={fact: value})
    assert verdict.effect is DENY
    assert verdict.findings[0].name == f"service/{rule}"
    lifted = frozenset({f"service/{rule}"})
    assert world.ask(made, facts={fact: value}, lifted=lifted).effect is DENY


@pytest.mark.parametrize(
    ("level", "severity", "effect"),
    [
        ("L1", "low", ASK), ("L2", "low", ALLOW), ("L2", "medium", ASK), ("L3", "medium", ALLOW),
        ("L3", "high", ASK), ("L3", "critical", ASK), ("L4", "critical", ALLOW),
        ("L5", "critical", ALLOW),
    ],
)  # fmt: skip
def test_the_autonomy_ladder_caps_what_is_done_alone(
    level: str, severity: str, effect: Effect
) -> None:
    """An agent on trial would do what only a trusted one may."""
    made = world.release(world.file(world.rule(1, "allow", "{action: pay}", severity=severity)))
    verdict = world.ask(made, facts={"agent.autonomy": level})
    assert (verdict.effect, verdict.risk) == (effect, severity)
    if effect is ASK:
        clause = verdict.clauses[0]
        assert (clause.rule, clause.needs[0].role) == ("service/autonomy", "agent_manager")
        again = world.ask(made, facts={"agent.autonomy": level}, lifted=frozenset({clause.rule}))
        assert again.effect is ALLOW


def test_what_a_rule_brings_before_people_is_not_asked_for_twice() -> None:
    """After a treasurer's approval the same action would wait for the agent's manager, too."""
    made = world.release(world.file(world.rule(1, "require_approval", "{action: pay}")))
    verdict = world.ask(made, facts={"agent.autonomy": "L1"})
    assert names(verdict) == ["pay/R-1"]
    lifted = world.ask(made, facts={"agent.autonomy": "L1"}, lifted=frozenset({"pay/R-1"}))
    assert lifted.effect is ALLOW
    assert lifted.findings[0].lifted


def test_people_lift_approvals_and_waivable_denies_and_nothing_else() -> None:
    """An approval of one rule would lift a deny that nobody may waive."""
    made = world.release(world.file("\n".join([
        FREE,
        world.rule(2, "deny", "{action: pay, args.country: {is: DE}}", ", may_be_waived_by: [boss]"),
        world.rule(3, "deny", "{action: pay, args.country: {is: FR}}"),
    ])))  # fmt: skip
    assert world.ask(made).findings[0].waivable_by == ("boss",)
    assert world.ask(made, lifted=frozenset({"pay/R-2"})).effect is ALLOW
    french = {**world.PAY, "country": "FR"}
    assert world.ask(made, "pay", french, lifted=frozenset({"pay/R-2", "pay/R-3"})).effect is DENY
    closed = world.release(world.file())
    assert world.ask(closed, lifted=frozenset({"pay/default"})).effect is DENY


def test_a_default_approval_can_be_granted() -> None:
    """A file whose default is to ask could never be satisfied."""
    made = world.release(world.file(default="require_approval", more=(
        "default_approval: {needs: [2 boss], answer_within: 1h, not_by: [requester], review_time: 60s,"
        " checklist: [looked], reason: required}")))  # fmt: skip
    verdict = world.ask(made)
    assert verdict.effect is ASK
    clause = verdict.clauses[0]
    assert (clause.needs[0].count, clause.not_by, clause.checklist) == (
        2,
        ("requester",),
        ("looked",),
    )
    assert clause.reason_required
    assert clause.review_time.total_seconds() == 60
    assert world.ask(made, lifted=frozenset({"pay/default"})).effect is ALLOW


def test_obligations_add_up_and_an_unknown_one_denies() -> None:
    """A mail would go out unredacted because the runtime cannot redact."""
    made = world.release(world.file("\n".join([
        world.rule(1, "allow", "{action: pay}", ", obligations: [{redact: [args.note]}]"),
        world.rule(2, "allow", "{action: pay, args.country: {is: DE}}",
                   ", obligations: [{notify: boss}, {id: tell, tell_user: hello}]"),
    ])))  # fmt: skip
    known = {"context.obligations_supported": ("redact", "notify", "tell")}
    verdict = world.ask(made, facts=known)
    assert verdict.effect is ALLOW
    assert [(o.id, o.type) for o in verdict.obligations] == [
        ("notify", "notify"), ("redact", "redact"), ("tell", "tell_user"),
    ]  # fmt: skip
    assert verdict.obligations[1].properties == {"fields": ("args.note",)}
    less = world.ask(made, facts={"context.obligations_supported": ("redact",)})
    assert (less.effect, less.findings[0].name) == (DENY, "service/obligation")
    assert less.obligations == ()
    assert world.ask(made).effect is DENY


def test_an_allow_that_cannot_be_told_still_brings_its_obligations() -> None:
    """Garbling the country would drop the duty to redact and keep the permission."""
    made = world.release(world.file("\n".join([
        world.rule(1, "allow", "{action: pay, args.country: {is: DE}}",
                   ", obligations: [{redact: [args.note]}]"),
        world.rule(2, "allow", "{action: pay}"),
    ])))  # fmt: skip
    known = {"context.obligations_supported": ("redact",)}
    spoiled = world.ask(made, "pay", {**world.PAY, "country": "?"}, known)
    assert spoiled.effect is ALLOW
    assert [obligation.id for obligation in spoiled.obligations] == ["redact"]


def test_labels_attach_when_an_action_is_allowed() -> None:
    """A session that read private data would still count as clean."""
    made = world.release(world.file(FREE))
    assert world.ask(made).labels == frozenset({"paid"})


def test_a_claim_counts_only_as_far_as_the_rule_trusts_it() -> None:
    """An agent would own whatever it says it owns."""
    mine = "{action: pay, resource.owner: {is: anna}}"
    claim = {"resource.owner": "anna"}
    trusting = world.release(world.file(world.rule(1, "allow", mine, ", trust_claim: harmless")))
    assert world.ask(trusting, facts=claim).effect is ALLOW
    attested = world.release(world.file(world.rule(1, "allow", mine, ", attested_only: true")))
    assert world.ask(attested, facts=claim).effect is DENY
    assert world.ask(attested, facts=claim, attested=True).effect is ALLOW
    with pytest.raises(PolicyErrors, match="claim-not-trusted"):
        world.release(world.file(world.rule(1, "allow", mine)))


OBSERVE = "observe: {by: r.risk@corp.example, from: 2026-11-10, until: 2026-11-25}"


def test_a_file_that_only_watches_reports_and_does_not_hold() -> None:
    """A trial of a new rule would stop the work it is tried on."""
    made = world.release(world.file(world.rule(1, "deny", "{action: pay}"), mode="observe",
                                    more=OBSERVE))  # fmt: skip
    verdict = world.ask(made)
    assert (verdict.effect, verdict.observed, verdict.would_be) == (ALLOW, True, DENY)
    assert {f.name: f.mode for f in verdict.findings}["pay/R-1"] is Mode.OBSERVE
    assert "pay/observe" in names(verdict)
    assert world.ask(made, facts={"session.stops": ("1",)}).effect is DENY


def test_watching_ends_on_its_day_and_then_the_file_holds() -> None:
    """A trial would stay a trial for ever because nobody ended it."""
    made = world.release(world.file(world.rule(1, "deny", "{action: pay}"), mode="observe",
                                    more=OBSERVE))  # fmt: skip
    for day, effect in ((9, DENY), (10, ALLOW), (25, ALLOW), (26, DENY)):
        verdict = world.ask(made, at=datetime(2026, 11, day, 12, tzinfo=UTC))
        assert verdict.effect is effect, day
        assert verdict.observed is (effect is ALLOW)


def test_a_watching_file_loosens_nothing_that_another_one_governs() -> None:
    """Adding a file in observe mode would switch the enforced one off."""
    watching = world.file(FREE, policy="watch", mode="observe", more=OBSERVE)
    made = world.release(world.file(), watching)
    verdict = world.ask(made)
    assert (verdict.effect, verdict.observed) == (DENY, False)


def test_a_draft_is_checked_and_has_no_effect() -> None:
    """A half-written file would be in force, or its mistakes be found only later."""
    draft = world.file(world.rule(1, "deny", "{action: pay}"), policy="draft", mode="draft")
    assert names(world.ask(world.release(world.file(FREE), draft))) == ["pay/R-1"]
    with pytest.raises(PolicyErrors, match="unknown-action"):
        world.release(world.file(world.rule(1, "deny", "{action: nothing}"), mode="draft"))


LIST = b"list: %s\nas_of: 2026-11-20T08:00:00Z\ntype: iban\nmembers: [DE89370400440532013000]\n"


def test_a_stale_list_cannot_be_told() -> None:
    """A payee removed from the list yesterday would still be paid today."""
    text = world.file(
        world.rule(1, "allow", "{action: pay, args.iban: {one_of: $known}}"),
        more="lists: {known: {from: known, max_age: 4h}}",
    )
    made = world.release(text, known=LIST % b"known")
    fresh, stale = (datetime(2026, 11, 20, hour, 0, tzinfo=UTC) for hour in (12, 13))
    assert world.ask(made, at=fresh).effect is ALLOW
    verdict = world.ask(made, at=stale)
    assert (verdict.effect, verdict.findings[0].unknown) == (DENY, ("args.iban",))
    negative = world.file("\n".join([FREE, world.rule(2, "deny",
        "{action: pay, args.iban: {none_of: $known}}")]), more="lists: {known: {from: known, max_age: 4h}}")  # fmt: skip
    made = world.release(negative, known=LIST % b"known")
    assert [world.ask(made, at=at).effect for at in (fresh, stale)] == [ALLOW, DENY]


def test_a_release_is_named_by_its_bytes_and_survives_a_process() -> None:
    """Two different sets of rules could have one name, or a child process check other rules."""
    first, second = world.release(world.file(FREE)), world.release(world.file(FREE + " "))
    assert first.digest != second.digest
    assert len(first.digest) == 64
    again = pickle.loads(pickle.dumps(first))
    assert again.digest == first.digest
    assert world.ask(again) == world.ask(first)


def test_findings_say_what_was_tested_and_what_is_missing() -> None:
    """A denied agent's manager would not know which field to fill in."""
    made = world.release(world.file(world.rule(1, "deny",
        "{action: pay, args.country: {is: KP}, any: [{args.amount: {above: 5 EUR}},"
        " {args.channel: {is: swift}}]}")))  # fmt: skip
    verdict = world.ask(made, "pay", {**world.PAY, "country": "??", "amount": 5})
    found = next(finding for finding in verdict.findings if finding.rule == "R-1")
    assert found.fields == ("args.amount", "args.channel", "args.country")
    assert found.unknown == ("args.amount", "args.country")
    assert not found.certain
    assert (found.title, found.because, found.severity) == ("Rule 1", "test", Risk.LOW)


def test_the_index_reaches_denies_under_a_spoiled_field() -> None:
    """A garbled country would make the rules about countries disappear from view."""
    listed = [world.rule(i, "deny", f"{{action: pay, args.country: {{is: {code}}}}}")
              for i, code in enumerate(["KP", "IR", "SY", "CU", "RU", "BY", "FR", "IT", "ES", "PL"], 2)]  # fmt: skip
    made = world.release(world.file("\n".join([FREE, *listed])))
    assert len(made.plans["pay"].index.rest) < 3
    assert world.ask(made).effect is ALLOW
    assert names(world.ask(made, "pay", {**world.PAY, "country": "IR"}))[0] == "pay/R-3"
    spoiled = world.ask(made, "pay", {**world.PAY, "country": "no"})
    assert sum(1 for finding in spoiled.findings if finding.effect is DENY) == 0
    spoiled = world.ask(made, "pay", {**world.PAY, "country": "xx"})
    assert sum(1 for finding in spoiled.findings if not finding.certain) == 10


def test_cost_follows_the_rules_that_can_match() -> None:
    """Ten thousand rules about other agents would slow every decision down."""
    many = "\n".join(
        world.rule(i, "deny", f"{{action: pay, agent.id: {{is: agent-{i % 300}}}}}")
        for i in range(1, 1500)
    )
    general = "\n".join(
        world.rule(i, "deny", f"{{agent.team: {{is: team-{i}}}}}") for i in range(1500, 2000)
    )
    made = world.release(world.file(f"{FREE.replace('R-1', 'R-9999')}\n{many}\n{general}"))
    one = world.request(made, facts={"agent.id": "agent-7", "agent.team": "team-1600"}).fields
    assert len(made.plans["pay"].index.reach(one)) == 6
    assert len(made.shared.reach(one)) == 1
    lost = {**one, "agent.id": CannotTell("x"), "agent.team": CannotTell("x")}
    assert len(made.plans["pay"].index.reach(lost)) == 1500
    assert len(made.shared.reach(lost)) == 500


def test_facts_that_were_not_given_cannot_be_told() -> None:
    """A limit would be skipped because nobody looked the total up."""
    limit = ("  - {id: LIM-1, title: L, measure: count, of: {action: pay}, in_last: 1h, at_most: 5,"
             " otherwise: deny, because: x}")  # fmt: skip
    made = world.release(world.file(FREE, limits=limit))
    assert world.ask(made).effect is ALLOW
    from governance.engine.decide import decide

    one = world.request(made)
    verdict = decide(made, one, {}, world.AT)
    assert (verdict.effect, verdict.findings[0].unknown) == (DENY, ("limits.LIM-1",))
    assert isinstance(verdict.findings[0], Finding)
    assert Total(Decimal(0), 0) != Total(Decimal(0), 0, True)
