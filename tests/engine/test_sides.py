"""Gradual files: the same agents, the same side, in every replay; and the stop holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import engine_world as world
import pytest

from governance.engine.cases import failures, run
from governance.engine.compile import Release, compile_release
from governance.engine.decide import decide, needs
from governance.engine.model import (
    CannotTell,
    Charge,
    Effect,
    FactQuery,
    PolicyErrors,
    Total,
    Verdict,
)
from governance.engine.sides import in_share

ROLL = """gradual:
  replaces: old
  share: 30 %
  of: agents
  by: m.keller@corp.example
  from: 2026-11-10
  until: 2026-11-30
  stop_if: {denied: 50 %, out_of: 4, in_last: 1h}
"""
OLD = world.file(world.rule(1, "allow", "{action: pay}"), policy="old")
LIMIT = (
    "  - {id: LIM-1, title: Limit, measure: count, of: {action: pay}, per: [agent.id], "
    "in_last: 24h, at_most: 100, otherwise: deny, because: test}"
)
NEW_RULES = "\n".join(
    (
        world.rule(1, "allow", "{action: pay, args.amount: {at_most: 50 EUR}}"),
        world.rule(2, "deny", "{action: pay, args.country: {is: FR}}"),
    )
)


def new(roll: str = ROLL, **kind: str) -> bytes:
    """Only up to 50 EUR, and nothing to France."""
    given = {"policy": "new", "mode": "gradual", "limits": LIMIT, **kind}
    return world.file(NEW_RULES, more=roll, **given)


def agents(count: int, inside: bool, share: int = 30) -> list[str]:
    """So many agents that are, or are not, in the share."""
    names = (f"agent-{i}" for i in range(10_000))
    found = (name for name in names if in_share("new\0old", name, Decimal(share)) is inside)
    return [next(found) for _ in range(count)]


class Log:
    """What was charged so far: answers queries as the store does."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, Charge]] = []

    def facts(self, made: Release, one: Any, at: datetime) -> dict[FactQuery, Total]:
        out = {}
        for query in needs(made, one, at):
            found = [
                charge for when, charge in self.rows
                if (charge.series, charge.key) == (query.series, query.key)
                and (query.since is None or when >= query.since)
            ]  # fmt: skip
            out[query] = Total(Decimal(len(found)), len(found))
        return out

    def decide(
        self, made: Release, agent: Any, at: datetime = world.AT, **arguments: Any
    ) -> Verdict:
        one = world.request(made, "pay", {**world.PAY, **arguments}, {"agent.id": agent})
        verdict = decide(made, one, self.facts(made, one, at), at)
        stamp = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        self.rows += [(stamp, charge) for charge in verdict.charges]
        return verdict


def test_a_share_of_the_agents_gets_the_new_file_and_the_others_the_old() -> None:
    """Everybody would be tried out on, or nobody."""
    made, log = world.release(OLD, new()), Log()
    for agent in agents(3, True):
        verdict = log.decide(made, agent)
        assert (verdict.effect, verdict.sides) == (Effect.DENY, (("new", "new"),))
        assert {finding.policy for finding in verdict.findings} == {"new"}
    for agent in agents(3, False):
        verdict = log.decide(made, agent)
        assert (verdict.effect, verdict.sides) == (Effect.ALLOW, (("new", "old"),))
        assert {finding.policy for finding in verdict.findings} == {"old"}


def test_the_share_is_about_as_large_as_it_says() -> None:
    """One per cent would be thirty, or another file's share the same unlucky agents."""
    for share in (1, 10, 50, 99):
        inside = sum(in_share("new\0old", f"a-{i}", Decimal(share)) for i in range(10_000))
        assert abs(inside - share * 100) < 250
    both = sum(
        in_share("new\0old", f"a-{i}", Decimal(50)) and in_share("x\0old", f"a-{i}", Decimal(50))
        for i in range(10_000)
    )
    assert abs(both - 2_500) < 250


@pytest.mark.parametrize(
    ("at", "side"),
    [
        (datetime(2026, 11, 9, 23, 59, 59, tzinfo=UTC), "old"),
        (datetime(2026, 11, 10, tzinfo=UTC), "new"),
        (datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), "new"),
        (datetime(2026, 12, 1, tzinfo=UTC), "old"),
    ],
)
def test_outside_its_period_the_old_file_speaks(at: datetime, side: str) -> None:
    """A trial would begin before its day, or never end."""
    (agent,) = agents(1, True)
    assert Log().decide(world.release(OLD, new()), agent, at).sides == (("new", side),)


def test_where_the_side_cannot_be_told_both_files_speak() -> None:
    """An agent whose id is not known would get whichever file is looser."""
    made = world.release(OLD, new())
    (agent,) = agents(1, True)
    for asked, facts in ((CannotTell("missing"), {}), (agent, {})):
        one = world.request(made, "pay", {**world.PAY, "amount": "10 EUR"}, {"agent.id": asked})
        verdict = decide(made, one, facts, world.AT)
        assert verdict.sides == (("new", "both"),)
        assert "new/LIM-1" in {finding.name for finding in verdict.findings}
        france = world.request(made, "pay", {**world.PAY, "country": "FR"}, {"agent.id": asked})
        assert decide(made, france, facts, world.AT).effect is Effect.DENY


def test_the_stop_is_counted_from_the_log_and_holds() -> None:
    """A rollout that refuses everything would go on refusing, or begin again an hour later."""
    made, log = world.release(OLD, new()), Log()
    inside = agents(6, True)
    later = world.AT
    for agent, amount, side in (
        (inside[0], "10 EUR", "new"),
        (inside[1], "10 EUR", "new"),
        (inside[2], "100 EUR", "new"),
        (inside[3], "100 EUR", "new"),  # two of four denied: it stops
        (inside[4], "100 EUR", "stopped"),
        (inside[0], "100 EUR", "stopped"),
    ):
        later += timedelta(seconds=1)
        verdict = log.decide(made, agent, later, amount=amount)
        assert verdict.sides == (("new", side),), agent
    assert log.decide(made, inside[0], world.AT + timedelta(days=3)).sides == (("new", "stopped"),)
    assert log.decide(made, inside[0], world.AT + timedelta(days=3)).effect is Effect.ALLOW
    again = world.release(OLD, new(ROLL.replace("2026-11-10", "2026-11-11")))
    assert log.decide(again, inside[0], later).sides == (("new", "new"),)


def test_old_denials_and_too_few_decisions_do_not_stop_it() -> None:
    """One refusal, or those of last week, would end a trial of twenty days."""
    made, log = world.release(OLD, new()), Log()
    inside = agents(9, True)
    for i in range(9):
        at = world.AT + timedelta(minutes=31 * i)
        assert log.decide(made, inside[i], at).sides == (("new", "new"),)


def test_what_brings_people_in_can_stop_it_too() -> None:
    """A file that asks people about everything would never be seen to do so."""
    roll = ROLL.replace("denied: 50 %, out_of: 4", "held_back: 100 %, out_of: 2")
    ask = world.file(
        world.rule(1, "require_approval", "{action: pay}"), policy="new", mode="gradual", more=roll
    )
    made, log = world.release(OLD, ask), Log()
    (agent,) = agents(1, True)
    sides = [log.decide(made, agent, world.AT + timedelta(seconds=i)).sides[0][1] for i in range(3)]
    assert sides == ["new", "new", "stopped"]


def test_what_is_counted_belongs_to_the_release() -> None:
    """The store would refuse a charge to a series that it does not keep."""
    made, log = world.release(OLD, new()), Log()
    for agent in (*agents(4, True), *agents(2, False)):
        log.decide(made, agent)
    assert {charge.series for _, charge in log.rows} <= set(made.series)
    keys = {charge.key for _, charge in log.rows if charge.series.startswith("gradual:")}
    assert keys == {"decided", "denied", "held_back", "stopped"}


def test_both_files_limits_are_charged_on_either_side() -> None:
    """After the trial the new file's limit would begin empty for everybody who was outside."""
    made = world.release(OLD, new())
    (outside,) = agents(1, False)
    verdict = Log().decide(made, outside)
    assert any(charge.series.startswith("limit:new/LIM-1") for charge in verdict.charges)


def test_sessions_can_be_shared_out_instead() -> None:
    """`of: sessions` would be read as agents."""
    made = world.release(OLD, new(ROLL.replace("of: agents", "of: sessions")))
    (agent,) = agents(1, False)
    (session,) = agents(1, True)
    one = world.request(made, "pay", world.PAY, {"agent.id": agent, "session.id": session})
    facts = Log().facts(made, one, world.AT)
    assert decide(made, one, facts, world.AT).sides == (("new", "new"),)


BAD = [
    ("replaces: old", "replaces: odl", "unknown-replaced"),
    ("replaces: old", "replaces: new", "unknown-replaced"),
    ("share: 30 %", "share: 30", "wrong-shape"),
    ("share: 30 %", "share: 100 %", "wrong-form"),
    ("share: 30 %", "share: 0 %", "wrong-form"),
    ("share: 30 %", "share: 30 per cent", "wrong-form"),
    ("of: agents", "of: agent", "not-allowed"),
    ("  by: m.keller@corp.example\n", "", "missing-key"),
    ("until: 2026-11-30", "until: 2026-12-11", "gradual-too-long"),
    ("until: 2026-11-30", "until: 2026-11-09", "gradual-too-long"),
    ("until: 2026-11-30", "untill: 2026-11-30", "unknown-key"),
    ("denied: 50 %, ", "", "missing-key"),
    ("denied: 50 %", "denied: a lot", "wrong-form"),
    ("in_last: 1h", "in_last: 31d", "gradual-too-long"),
]


def codes(*files: bytes, at: Any = None) -> list[str]:
    paths = {f"policies/f{i}.yaml": data for i, data in enumerate(files)}
    try:
        compile_release({world.CATALOGUE_PATH: world.CATALOGUE, **paths}, at=at)
    except PolicyErrors as errors:
        return [one.code for one in errors.findings]
    return []


@pytest.mark.parametrize(("old", "changed", "code"), BAD)
def test_each_fault_is_found(old: str, changed: str, code: str) -> None:
    """A share of nobody, or without a stop, would be signed off."""
    assert old in ROLL
    assert code in codes(OLD, new(ROLL.replace(old, changed, 1)))


def test_what_it_replaces_must_be_replaced_whole() -> None:
    """Actions or agents would be without any policy inside the share."""
    assert codes(OLD, new(governs="[pay, look]")) == []
    look = OLD.replace(b"governs: [pay]", b"governs: [pay, look]")
    assert codes(look, new()) == ["governs-less"]
    assert codes(OLD, new(applies="{team: {is: blue}}")) == ["governs-less"]
    blue = "{team: {is: blue}, labels: {contains_any: [b, a]}}"
    same = "{labels: {contains_any: [a, b]}, team: {is: blue}}"
    parts = OLD.decode().replace("{agents: all}", f"{{agents: {same}}}").encode()
    assert codes(parts, new(applies=blue)) == []
    assert codes(OLD.replace(b"mode: enforce", b"mode: draft"), new()) == ["unknown-replaced"]
    other = new(policy="other")
    assert codes(OLD, new(), other) == ["unknown-replaced"]
    assert codes(OLD, new(), at=datetime(2026, 12, 1, tzinfo=UTC).date()) == ["gradual-ended"]
    assert codes(OLD, new()) == []  # a restart after the end loads what was signed off
    assert "does-not-apply" in codes(OLD, new(mode="enforce"))
    assert "missing-key" in codes(OLD, new(roll=""))


def test_cases_choose_the_side() -> None:
    """A case would be decided by the digest of the case agent's name."""
    rows = (
        "cases: {columns: [name, args.amount, gradual.new, expect, by], always: {action: pay, "
        "args.country: DE, args.iban: DE89370400440532013000, args.urgent: false}, rows: ["
        "[a, 10 EUR, ~, allow, X/R-1], [b, 100 EUR, new, deny, new/default], "
        "[c, 100 EUR, old, allow, old/R-1], [d, 100 EUR, cannot tell, deny, new/default]]}"
    )

    def with_rows(data: bytes, own: str) -> bytes:
        text = data.decode()
        start = text.index("cases:")
        return (text[:start] + rows.replace("X", own) + text[text.index("\n", start) :]).encode()

    made = world.release(with_rows(OLD, "old"), with_rows(new(), "new"))
    results = run(made)
    assert len(results) == 8
    assert [(r.policy, r.case.name, r.problem) for r in failures(results)] == []


def test_a_share_is_the_same_with_and_without_a_blank() -> None:
    """`30%` would be refused, or count as another share than `30 %`."""
    shares = set()
    for text in (ROLL, ROLL.replace(" %", "%")):
        made = world.release(world.file(world.rule(1, "deny", "{action: pay}"), policy="new",
                                        mode="gradual", more=text), OLD)  # fmt: skip
        found = next(file.gradual for file in made.bundle.files if file.gradual is not None)
        shares.add((found.share, found.denied))
    assert len(shares) == 1
