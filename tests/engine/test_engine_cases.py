"""Case tables: what a policy promises is tried before it is in force."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import engine_world as world
import pytest

from governance.engine import cases
from governance.engine.boundaries import around, boundaries
from governance.engine.compile import Release, compile_bundle, compile_release
from governance.engine.model import Effect, Money

POLICY = """policy: pay
title: T
owner: o@corp.example
review_by: 2099-01-01
governs: [pay, look]
applies_to: {agents: {labels: {contains_any: [payments]}}}
mode: %s
default: deny
lists: {known: [DE89370400440532013000]}
rules:
  - {id: R-1, title: Known and small, effect: allow, because: b, severity: low,
     when: {action: pay, args.iban: {one_of: $known}, args.amount: {at_most: 500 EUR}}}
  - {id: R-2, title: Not twice, effect: deny, because: b, severity: low,
     when: {action: pay, history: {did: look, in_last: 1h, by: this_agent}}}
  - {id: R-3, title: Mine, effect: allow, because: b, severity: low, attested_only: true,
     when: {action: pay, resource.owner: {is: anna}, args.amount: {below: 9 EUR}}}
  - {id: R-4, title: Nobody tries this, effect: allow, because: b, severity: low,
     when: {action: look, session.depth: {above: 3}}}
limits:
  - {id: LIM-1, title: L, measure: sum args.amount, of: {action: pay}, per: [args.iban],
     in_last: 24h, at_most: 2000 EUR, otherwise: deny, because: b}
cases:
  columns: [name, args.amount, args.iban, expect, by]
  always: {action: pay, args.country: DE, args.urgent: false}
  rows:
"""
KNOWN = "DE89370400440532013000"
STRANGE = "NL91ABNA0417164300"


def run(*rows: str, head: str = "", mode: str = "enforce") -> list[cases.CaseResult]:
    return list(cases.run(release(*rows, head=head, mode=mode)))


def release(*rows: str, head: str = "", mode: str = "enforce") -> Release:
    text = POLICY % mode
    if head:
        start, always = text.index("  columns"), text.index("  rows")
        text = text[:start] + head + text[always:]
    text += "".join(f"    - [{row}]\n" for row in rows)
    files = {"policies/pay.yaml": text.encode(), world.CATALOGUE_PATH: world.CATALOGUE}
    return compile_release(files)


def test_a_case_that_holds_passes_and_one_that_does_not_says_why() -> None:
    """A policy could be released that does not do what its table says."""
    good, wrong_effect, wrong_rule = run(
        f"small, 5 EUR, {KNOWN}, allow, R-1",
        f"stranger, 50 EUR, {STRANGE}, allow, R-1",
        f"stranger, 50 EUR, {STRANGE}, deny, R-2",
    )
    assert good.passed
    assert wrong_effect.problem == "expected allow by pay/R-1, got deny by pay/default"
    assert wrong_rule.problem == "expected deny by pay/R-2, got deny by pay/default"
    assert cases.failures((good, wrong_effect, wrong_rule)) == (wrong_effect, wrong_rule)
    assert (wrong_effect.case.path, wrong_effect.case.line) == ("policies/pay.yaml", 27)


def test_an_empty_cell_is_a_field_that_is_not_given() -> None:
    """Nobody could write down what happens when a field is missing."""
    (missing,) = run(f"no amount, , {KNOWN}, deny, default")
    assert missing.passed
    assert missing.verdict.findings[0].unknown == ("args.amount",)


def test_cells_speak_about_lists_limits_history_and_who_attests() -> None:
    """What depends on the past or on a list could not be promised."""
    head = (
        "  columns: [name, args.amount, limits.LIM-1, history.R-2, lists.known, attested,"
        " resource.owner, expect, by]\n"
        f"  always: {{action: pay, args.iban: {STRANGE}, args.country: DE, args.urgent: false}}\n"
    )
    results = run(
        f"listed, 5 EUR, ~, ~, [{STRANGE}], ~, ~, allow, R-1",
        f"listed alone, 5 EUR, ~, ~, {STRANGE}, ~, ~, allow, R-1",
        "stale, 5 EUR, ~, ~, stale, ~, ~, deny, default",
        f"spent, 5 EUR, 1995.01 EUR, ~, [{STRANGE}], ~, ~, deny, LIM-1",
        f"not quite, 5 EUR, 1995 EUR, no, [{STRANGE}], ~, ~, allow, R-1",
        f"unknown total, 5 EUR, cannot tell, ~, [{STRANGE}], ~, ~, deny, LIM-1",
        f"mixed total, 5 EUR, 1 USD, ~, [{STRANGE}], ~, ~, deny, LIM-1",
        f"happened, 5 EUR, ~, yes, [{STRANGE}], ~, ~, deny, R-2",
        f"may have, 5 EUR, ~, cannot tell, [{STRANGE}], ~, ~, deny, [R-2]",
        "attested, 5 EUR, ~, ~, ~, true, anna, allow, R-3",
        "claimed, 5 EUR, ~, ~, ~, ~, anna, deny, default",
        head=head,
    )
    assert [(r.case.name, r.problem) for r in results if r.problem] == []


def test_cells_speak_about_the_agent_and_its_session() -> None:
    """A case could not say for which agent it holds."""
    head = (
        "  columns: [name, agent.labels, agent.autonomy, session.stops, expect, by]\n"
        f"  always: {{action: pay, args.iban: {KNOWN}, args.country: DE, args.urgent: false,"
        " args.amount: 5 EUR}\n"
    )
    results = run(
        "of another team, [hr], ~, ~, deny, governed",
        "labels unknown, cannot tell, ~, ~, deny, [governed, default]",
        "on trial, ~, L1, ~, require_approval, autonomy",
        "watched, ~, L0, ~, deny, service/autonomy",
        "stopped, ~, ~, [7], deny, stop",
        "a typo, ~, L7, ~, deny, autonomy",
        head=head,
    )
    assert [r.case.name for r in results if r.problem] == ["stopped", "a typo"]
    assert results[-1].problem == "`L7` is not a value of `agent.autonomy`"


def test_a_draft_is_tried_as_if_it_were_in_force() -> None:
    """A draft's cases would all fail, or none be run, until the day it is released."""
    made = release(f"small, 5 EUR, {KNOWN}, allow, R-1", mode="draft")
    assert [result.problem for result in cases.run(made)] == [""]
    assert cases.run(made, "other") == ()


def test_coverage_names_what_no_case_reaches() -> None:
    """A rule could stay untried for ever."""
    made = release(f"small, 5 EUR, {KNOWN}, allow, R-1", f"small, 6 EUR, {KNOWN}, allow, R-1")
    results = cases.run(made)
    assert cases.coverage(results) == {"pay/R-1": 2}
    assert cases.uncovered(made, results) == ("pay/R-2", "pay/R-3", "pay/R-4", "pay/LIM-1")


def test_each_threshold_is_tried_on_both_sides() -> None:
    """Whether 500 euros exactly are allowed would be found out in production."""
    made = release(f"small, 5 EUR, {KNOWN}, allow, R-1")
    found = [(str(b.value.amount), b.matches, b.effect) for b in boundaries(made, cases.run(made))
             if b.field == "args.amount"]  # fmt: skip
    assert found == [
        ("499.99", True, Effect.ALLOW), ("500.00", True, Effect.ALLOW), ("500.01", False, Effect.DENY),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("bound", "sides"),
    [
        (Money(Decimal(0), "EUR"), ("0", "0.01")),
        (Money(Decimal(5), "JPY"), ("4", "5", "6")),
        (3, ("2", "3", "4")),
        (Decimal("0.8"), ("0.7", "0.8", "0.9")),
        ("L0", ("L0", "L1")),
        ("high", ("medium", "high", "critical")),
        (True, ("True",)),
        (date(2026, 1, 1), ("2025-12-31", "2026-01-01", "2026-01-02")),
        (timedelta(0), ("0:00:00", "0:00:01")),
    ],
)
def test_the_sides_of_a_threshold_are_its_nearest_values(
    bound: Any, sides: tuple[str, ...]
) -> None:
    """The value tried would be so far away that the edge is not seen."""
    assert tuple(str(v.amount if isinstance(v, Money) else v) for v in around(bound)) == sides


def test_rows_that_need_the_same_release_share_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of two hundred rows in a file that only watches would be compiled two hundred times."""
    made: list[object] = []

    def counted(*args: Any) -> Release:
        made.append(args)
        return compile_bundle(*args)

    monkeypatch.setattr(cases, "compile_bundle", counted)
    head = (
        "  columns: [name, args.amount, lists.known, expect, by]\n"
        f"  always: {{action: pay, args.iban: {STRANGE}, args.country: DE, args.urgent: false}}\n"
    )
    rows = [f"{i}, {i} EUR, {listed}, {expect}"
            for i in range(1, 6)
            for listed, expect in ((f"[{STRANGE}]", "allow, R-1"), ("~", "deny, default"))]  # fmt: skip
    assert all(result.passed for result in run(*rows, head=head, mode="draft"))
    assert len(made) == 2
