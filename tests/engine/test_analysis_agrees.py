"""The search agrees with brute force, and with a solver that knows nothing of the engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import product

import engine_world as world
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.engine.cases import AGENT
from governance.engine.catalogue import MISSING
from governance.engine.compile import Release, compile_release
from governance.engine.decide import decide, needs
from governance.engine.difference import diff
from governance.engine.model import ABSENT, Effect, Money, PolicyErrors, Request, Total, Value
from governance.engine.prove import prove

EFFECTS = ("allow", "allow", "require_approval", "deny")
SEVERITIES = ("low", "medium", "high")
LEVELS = ("L1", "L2", "L3", "L4")
COUNTRIES = ("DE", "KP", "IR", "FR")
HEAD = "invariants: all\ntitle: T\nowner: o@corp.example\nreview_by: 2099-01-01\nnever:\n"


@dataclass(frozen=True)
class Written:
    """One random rule: what it says, as plain values that text and formulas are made from."""

    effect: str
    severity: str
    amount: tuple[str, int] | None
    country: tuple[str, tuple[str, ...]] | None
    label: tuple[str, str] | None
    channel: tuple[str, str] | None
    level: str | None

    def when(self) -> str:
        """The condition in the language."""
        tests = ["action: pay"]
        if self.amount:
            tests.append(f"args.amount: {{{self.amount[0]}: {self.amount[1]} EUR}}")
        if self.country:
            tests.append(f"args.country: {{{self.country[0]}: [{', '.join(self.country[1])}]}}")
        if self.label:
            tests.append(f"session.labels: {{{self.label[0]}: [{self.label[1]}]}}")
        if self.channel:
            tests.append(f"args.channel: {{{self.channel[0]}: {self.channel[1]}}}")
        if self.level:
            tests.append(f"agent.autonomy: {{at_least: {self.level}}}")
        return "{" + ", ".join(tests) + "}"

    def text(self, number: int) -> str:
        return world.rule(number, self.effect, self.when(), "", self.severity)


maybe = st.sampled_from([False, True, True])


@st.composite
def written(draw: st.DrawFn) -> Written:
    """A random rule over five fields."""
    pick = st.sampled_from
    return Written(
        draw(pick(EFFECTS)),
        draw(pick(SEVERITIES)),
        (draw(pick(["above", "at_least", "below", "at_most"])), draw(pick([5, 6, 9])))
        if draw(maybe)
        else None,
        (draw(pick(["one_of", "none_of"])), draw(pick([("DE",), ("KP", "IR"), ("IR", "DE")])))
        if draw(maybe)
        else None,
        (draw(pick(["contains_any", "contains_none"])), draw(pick(["untrusted", "private"])))
        if draw(maybe)
        else None,
        (draw(pick(["is", "is_not"])), draw(pick(["sepa", "swift"])))
        if draw(st.booleans())
        else None,
        draw(pick(["L2", "L3"])) if draw(st.booleans()) else None,
    )


def released(rules: Sequence[Written], never: str = "") -> Release:
    """A release of one file with these rules."""
    files = {
        world.CATALOGUE_PATH: world.CATALOGUE,
        "policies/f.yaml": world.file("\n".join(r.text(n) for n, r in enumerate(rules, start=1))),
    }
    if never:
        files["policies/invariants.yaml"] = (HEAD + never).encode()
    return compile_release(files)


# ---- brute force ----

AMOUNTS: tuple[Value, ...] = (
    *(Money(Decimal(n), "EUR") for n in ("4.99", "5", "5.01", "6", "6.01", "9", "9.01")),
    Money(Decimal(7), "USD"),
    MISSING,
)
LABELS: tuple[Value, ...] = ((), ("untrusted",), ("private",), ("private", "untrusted"), MISSING)
CHANNELS: tuple[Value, ...] = ("sepa", "swift", ABSENT, MISSING)


def everything(releases: Sequence[Release], limits: bool) -> Iterator[dict[str, Effect | Request]]:
    """Every request of the small world there is, with all verdicts on it."""
    used = (Decimal(0), Decimal(100)) if limits else (Decimal(0),)
    for amount, country, labels, channel, level, strange, sum_ in product(
        AMOUNTS, (*COUNTRIES, MISSING), LABELS, CHANNELS, LEVELS, (False, True), used
    ):
        fields: dict[str, Value] = {
            **AGENT, "args.amount": amount, "args.country": country, "session.labels": labels,
            "args.channel": channel, "agent.autonomy": level, "args.iban": world.IBAN,
            "args.urgent": False, "tool.labels": ("moves_money",), "tool.risk": "low",
        }  # fmt: skip
        asked = Request("pay", fields, ("args.x",) if strange else (), True, {"args.iban": "s-1"})
        verdicts = []
        for release in releases:
            facts = {q: Total(sum_, 1) for q in needs(release, asked, world.AT)}
            verdicts.append(decide(release, asked, facts, world.AT).effect)
        yield {"before": verdicts[0], "after": verdicts[-1]}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
@given(st.lists(written(), min_size=2, max_size=5), st.data())
def test_the_search_finds_exactly_what_brute_force_finds(
    rules: list[Written], data: st.DataObject
) -> None:
    """A difference in a corner would be missed, or one would be told that is none."""
    others = list(rules)
    others[data.draw(st.integers(0, len(rules) - 1))] = data.draw(written())
    try:
        old, new = released(rules), released(others)
    except PolicyErrors:
        return
    found = diff(old, new, world.AT)
    assert found.complete
    told = {each.looser for each in found.found if each.kind == "verdict"}
    truth = set()
    for each in everything((old, new), limits=False):
        if each["after"] != each["before"]:
            truth.add(each["after"] < each["before"])  # type: ignore[operator]
    assert told == truth


# ---- a solver ----


def formulas(rules: Sequence[Written], v: dict[str, object], z3: object) -> dict[str, object]:
    """What the rules decide, written for a solver from the plain rules alone."""
    z = z3
    truth, falsehood = z.BoolVal(True), z.BoolVal(False)  # type: ignore[attr-defined]
    orders = {
        "above": lambda a, b: a > b, "at_least": lambda a, b: a >= b,
        "below": lambda a, b: a < b, "at_most": lambda a, b: a <= b,
    }  # fmt: skip

    def matches(rule: Written) -> tuple[object, object]:
        """(perhaps, for certain), as a rule of its effect is read."""
        perhaps, sure = [], []

        def add(yes: object, unknown: object) -> None:
            perhaps.append(z.Or(yes, unknown))  # type: ignore[attr-defined]
            sure.append(z.And(yes, z.Not(unknown)))  # type: ignore[attr-defined]

        if rule.amount:
            unknown = z.Or(v["no amount"], v["dollars"])  # type: ignore[attr-defined]
            add(orders[rule.amount[0]](v["amount"], rule.amount[1] * 100), unknown)
        if rule.country:
            here = z.Or([v["country"] == COUNTRIES.index(c) for c in rule.country[1]])  # type: ignore[attr-defined]
            negative = rule.country[0] == "none_of"
            add(z.Not(here) if negative else here, v["no country"])  # type: ignore[attr-defined]
        if rule.label:
            has = v[rule.label[1]]
            add(z.Not(has) if rule.label[0] == "contains_none" else has, v["no labels"])  # type: ignore[attr-defined]
        if rule.channel:
            same = v["channel"] == ("sepa", "swift").index(rule.channel[1])
            negative = rule.channel[0] == "is_not"
            away = z.BoolVal(negative and rule.effect != "allow")  # type: ignore[attr-defined]
            said = z.Not(same) if negative else same  # type: ignore[attr-defined]
            add(z.If(v["no channel"], away, said), v["odd channel"])  # type: ignore[attr-defined]
        if rule.level:
            add(v["level"] >= int(rule.level[1]), falsehood)  # type: ignore[operator]
        return z.And([truth, *perhaps]), z.And([truth, *sure])  # type: ignore[attr-defined]

    seen = [(rule, *matches(rule)) for rule in rules]
    strange = v["strange"]
    spoke = z.Or(  # type: ignore[attr-defined]
        [falsehood]
        + [s for r, _, s in seen if r.effect == "require_approval"]
        + [z.And(s, z.Not(strange)) for r, _, s in seen if r.effect == "allow"]  # type: ignore[attr-defined]
    )
    deny = z.Or([falsehood, z.Not(spoke), *(p for r, p, _ in seen if r.effect == "deny")])  # type: ignore[attr-defined]
    asked = z.Or([falsehood, *(p for r, p, _ in seen if r.effect == "require_approval")])  # type: ignore[attr-defined]
    medium = z.Or([falsehood, *(p for r, p, _ in seen if r.severity in ("medium", "high"))])  # type: ignore[attr-defined]
    high = z.Or([falsehood, *(p for r, p, _ in seen if r.severity == "high")])  # type: ignore[attr-defined]
    level = v["level"]
    ladder = z.Or(level == 1, z.And(level == 2, medium), z.And(level == 3, high))  # type: ignore[attr-defined]
    return {"deny": deny, "ask": z.Or(asked, ladder), "ask by a rule": asked}  # type: ignore[attr-defined]


def unknowns(z3: object) -> tuple[dict[str, object], object]:
    """The variables of a request, and what holds of all requests."""
    z = z3
    v: dict[str, object] = {
        name: z.Int(name)  # type: ignore[attr-defined]
        for name in ("amount", "country", "channel", "level")
    }
    flags = ("no amount", "dollars", "no country", "untrusted", "private", "no labels",
             "no channel", "odd channel", "strange")  # fmt: skip
    v |= {name: z.Bool(name) for name in flags}  # type: ignore[attr-defined]
    world_ = z.And(  # type: ignore[attr-defined]
        v["amount"] >= 0, v["country"] >= 0, v["country"] <= 3, v["channel"] >= 0,  # type: ignore[operator]
        v["channel"] <= 1, v["level"] >= 1, v["level"] <= 5,  # type: ignore[operator]
    )  # fmt: skip
    return v, world_


@settings(max_examples=40, deadline=None)
@given(st.lists(written(), min_size=2, max_size=8), st.data())
def test_a_solver_comes_to_the_same_differences(rules: list[Written], data: st.DataObject) -> None:
    """An error that engine and search share would stay unseen for ever."""
    z3 = pytest.importorskip("z3")
    others = list(rules)
    for _ in range(data.draw(st.integers(1, 2))):
        others[data.draw(st.integers(0, len(rules) - 1))] = data.draw(written())
    try:
        old, new = released(rules), released(others)
    except PolicyErrors:
        return
    found = diff(old, new, world.AT)
    assert found.complete
    told = {each.looser for each in found.found if each.kind == "verdict"}
    v, holds = unknowns(z3)
    one, other = formulas(rules, v, z3), formulas(others, v, z3)

    def rank(said: dict[str, object]) -> object:
        return z3.If(said["deny"], 2, z3.If(said["ask"], 1, 0))

    truth = set()
    for looser in (True, False):
        solver = z3.Solver()
        before, after = rank(one), rank(other)
        solver.add(holds, after < before if looser else after > before)  # type: ignore[operator]
        if solver.check() == z3.sat:
            truth.add(looser)
    assert told == truth


@settings(max_examples=40, deadline=None)
@given(st.lists(written(), min_size=2, max_size=8), written(), st.sampled_from([0, 1, 2]))
def test_a_solver_comes_to_the_same_proofs(
    rules: list[Written], wish: Written, people: int
) -> None:
    """Something would be called proved that a request breaks."""
    z3 = pytest.importorskip("z3")
    without = f", without: {{people: {people}}}" if people else ""
    never = f"  - {{id: INV-1, title: Never, when: {wish.when()}, because: test{without}}}\n"
    try:
        release = released(rules, never)
    except PolicyErrors:
        return
    (only,) = prove(release, None, world.AT)
    v, holds = unknowns(z3)
    said = formulas(rules, v, z3)
    deny_wish = Written(
        "deny", "low", wish.amount, wish.country, wish.label, wish.channel, wish.level
    )
    meant = formulas([deny_wish, Written("require_approval", "low", *[None] * 5)], v, z3)["deny"]
    kept = {0: said["deny"], 1: z3.Or(said["deny"], said["ask"]), 2: said["deny"]}[people]
    solver = z3.Solver()
    solver.add(holds, meant, z3.Not(kept))
    assert only.result == ("refuted" if solver.check() == z3.sat else "proved")


# ---- everything else a file can hold ----

MORE = [
    "",
    "exceptions:\n  - {id: EXC-001, title: E, lifts: R-9, for: {agent.labels: {contains_any: [blue]}}, "
    "instead: allow, reason: r, ticket: T-1, from: 2026-11-18, expires: 2026-12-01}",
    "exceptions:\n  - {id: EXC-001, title: E, lifts: R-9, for: {agent.id: {is: other}, "
    "args.amount: {at_most: 120 EUR}}, instead: require_approval, approval: {needs: [1 aide], "
    "answer_within: 2h}, reason: r, ticket: T-1, from: 2026-11-18, expires: 2026-12-01}",
]
LIFTABLE = (
    "  - {id: R-9, title: T, effect: deny, when: {action: pay, args.amount: {above: 50 EUR}}, "
    "because: test, severity: high, may_be_waived_by: [exception]}"
)
RISK = """risk: points
title: R
owner: o@corp.example
review_by: 2099-01-01
factors:
  - {id: RISK-1, title: A, points: 30, when: {args.amount: {above: 80 EUR}}, because: b}
  - {id: RISK-2, title: B, points: 30, when: {session.labels: {contains_any: [untrusted]}}, because: b}
  - {id: RISK-3, title: C, points: %d, when: {tool.labels: {contains_any: [moves_money]}}, because: b}
levels: {medium: 30, high: 60, critical: 90}
matrix: {L3: {high: require_approval}, L4: {critical: %s}}
approval: {high: {needs: [1 risk], answer_within: 1h}}
cases: {columns: [name, action, expect], rows: [[x, look, deny]]}
"""
GRADUAL = (
    "gradual: {replaces: pay, share: %d %%, of: agents, by: a, from: 2026-11-18, until: 2026-11-30, "
    "stop_if: {denied: 20 %%, out_of: 20, in_last: 1h}}"
)


@st.composite
def rich(draw: st.DrawFn) -> dict[str, bytes]:
    """Files with exceptions, risk points, a share, or a file that only watches."""
    rules = [draw(world.rules(n)).replace("[pay, mail]", "pay") for n in (1, 2)]
    more = draw(st.sampled_from(MORE))
    mode, extra = "enforce", ""
    if draw(st.integers(0, 3)) == 0:
        mode, extra = "observe", "observe: {by: a, from: 2026-11-19, until: 2026-11-22}\n"
    files = {
        world.CATALOGUE_PATH: world.CATALOGUE,
        "policies/f.yaml": world.file("\n".join([*rules, LIFTABLE]), more=extra + more, mode=mode),
    }
    if draw(st.booleans()):
        points, cell = (
            draw(st.sampled_from([10, 30])),
            draw(st.sampled_from(["require_approval", "deny"])),
        )
        files["policies/risk.yaml"] = (RISK % (points, cell)).encode()
    if mode == "enforce" and draw(st.booleans()):
        share = draw(st.sampled_from([30, 60]))
        text = world.file(draw(world.rules(1)).replace("[pay, mail]", "pay"), policy="next",
                          mode="gradual", more=GRADUAL % share)  # fmt: skip
        files["policies/next.yaml"] = text
    return files


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
@given(
    rich(),
    rich(),
    st.booleans(),
    st.lists(
        st.tuples(world.asked(), st.integers(0, 50), st.sampled_from([0, 3, 20])),
        min_size=12,
        max_size=12,
    ),
)
def test_claims_hold_with_exceptions_points_shares_and_watching(
    first: dict[str, bytes],
    second: dict[str, bytes],
    mixed: bool,
    requests: list[tuple[tuple[str, dict[str, object], dict[str, object], bool], int, int]],
) -> None:
    """A release would be *only stricter* but for the exception that it brings."""
    if mixed:  # one file changed, the rest the same
        second = {**first, "policies/f.yaml": second["policies/f.yaml"]}
    try:
        old, new = compile_release(first), compile_release(second)
    except PolicyErrors:
        return
    found = diff(old, new, world.AT)
    for each in found.found:
        seen = each.situation
        if seen is not None:
            verdicts = [decide(r, seen.request, seen.facts, seen.at) for r in (old, new)]
            assert [verdict.effect.word for verdict in verdicts] == [each.before, each.after]
    known = {each.looser for each in found.found if each.action == "pay"}
    for (action, arguments, facts, attested), seed, days in requests:
        if action != "pay" or "pay" in found.open:
            continue
        asked = world.request(old, action, arguments, facts, attested)
        at = world.AT + timedelta(days=days)
        totals = {
            query: world.total_of(query, seed)
            for release in (old, new)
            for query in needs(release, asked, at)
        }
        before, after = (decide(r, asked, totals, at) for r in (old, new))
        if before.effect is not after.effect:
            assert (after.effect < before.effect) in known
