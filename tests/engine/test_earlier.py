"""Frozen time and a real past in cases."""

from __future__ import annotations

from datetime import UTC, datetime

import engine_world as world
import pytest

from governance.engine import cases
from governance.engine.compile import Release, compile_release
from governance.engine.earlier import AT, BadPast, at_of
from governance.engine.model import PolicyErrors

IBAN = world.IBAN
POLICY = """policy: pay
title: T
owner: o@corp.example
review_by: 2099-01-01
governs: [pay, look]
applies_to: {{agents: all}}
mode: enforce
default: deny
lists: {{known: {{from: safe, max_age: 24h}}}}
rules:
  - {{id: R-1, title: Known, effect: allow, because: b, severity: low,
     when: {{action: pay, args.iban: {{one_of: $known}}, time.weekday: {{none_of: [sat, sun]}}}}}}
  - {{id: R-2, title: Not right after a look, effect: deny, because: b, severity: low,
     when: {{action: pay, history: {{did: look, in_last: 1h, by: this_agent}}}}}}
  - {{id: R-3, title: Looking is free, effect: allow, because: b, severity: low,
     when: {{action: look}}}}
limits:
  - {{id: LIM-1, title: L, measure: sum args.amount, of: {{action: pay}}, per: [args.iban],
     calendar_day: Europe/Berlin, at_most: 200 EUR, otherwise: deny, because: b}}
cases:
  columns: [name, {columns}, expect, by]
  before:
    hundred: {{action: pay, ago: 2h, args.amount: 100 EUR}}
    twice: [{{action: pay, ago: 3h, args.amount: 100 EUR}}, {{action: pay, ago: 2h, args.amount: 50 EUR}}]
  always: {{action: pay, args.amount: 100 EUR, args.iban: {iban}, args.country: DE, args.urgent: false}}
  rows:
    - [{row}]
"""
SAFE = f"list: safe\nas_of: 2026-11-18T09:00:00Z\ntype: iban\nmembers: [{IBAN}]\n".encode()


def release(columns: str, row: str) -> Release:
    """A release whose only case has these columns and cells."""
    text = POLICY.format(columns=columns, row=row, iban=IBAN)
    files = {
        "policies/pay.yaml": text.encode(),
        "policies/lists/safe.yaml": SAFE,
        world.CATALOGUE_PATH: world.CATALOGUE,
    }
    return compile_release(files)


def problem(columns: str, row: str) -> str:
    """What came out of the only case; empty if it passed."""
    (result,) = cases.run(release(columns, row))
    return result.problem


PASSED = [
    # a Wednesday, unless it says otherwise
    ("args.channel", "today, ~, allow, R-1"),
    ("at", "saturday, 2026-11-21, deny, default"),
    ("at", "friday night in Berlin, 2026-11-20T23:30:00+01:00, allow, R-1"),
    ("at", "the same moment in Tokyo, 2026-11-21T07:30:00+09:00, deny, default"),
    # what happened before is counted
    ("before", "one before, hundred, allow, R-1"),
    ("before", "two before, [hundred, hundred], deny, LIM-1"),
    ("before", "two before by name, twice, deny, LIM-1"),
    ("before", "written out, [{action: pay, ago: 1m, args.amount: 100.01 EUR}], deny, LIM-1"),
    ("before", "so often, [{action: pay, ago: 1m, args.amount: 1 EUR, times: 101}], deny, LIM-1"),
    ("before", "another agent counts too, [{action: pay, ago: 1m, args.amount: 101 EUR, "
     "by: other_agent}], deny, LIM-1"),
    ("before", "another payee does not, [{action: pay, ago: 1m, args.amount: 101 EUR, "
     f"args.iban: {world.OTHER_IBAN}}}], allow, R-1"),
    ("before", "given back, [{action: pay, ago: 1m, args.amount: 101 EUR, outcome: failed}], "
     "allow, R-1"),
    ("before", "yesterday in Berlin, [{action: pay, ago: 12h, args.amount: 101 EUR}], allow, R-1"),
    ("at, before", "just after midnight, 2026-11-18T00:30:00+01:00, [{action: pay, ago: 29m, "
     "args.amount: 101 EUR}], deny, LIM-1"),
    ("at, before", "midnight lies between, 2026-11-18T00:30:00+01:00, [{action: pay, ago: 31m, "
     "args.amount: 101 EUR}], allow, R-1"),
    ("before", "looked and nobody confirmed it, [{action: look, ago: 5m}], deny, R-2"),
    ("before", "looked, [{action: look, ago: 5m, outcome: executed}], deny, R-2"),
    ("before", "looked long ago, [{action: look, ago: 61m, outcome: executed}], allow, R-1"),
    ("before", "another agent looked, [{action: look, ago: 5m, by: other_agent, "
     "outcome: executed}], allow, R-1"),
    # what a cell says of one limit goes before
    ("before, limits.LIM-1", "said, twice, 0 EUR, allow, R-1"),
    # how old a list is
    ("lists.known.age", "a day old, 24h, allow, R-1"),
    ("lists.known.age", "a second too old, 24h1s, deny, default"),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "row"), PASSED)
def test_a_case_says_when_and_after_what(columns: str, row: str) -> None:
    """What depends on the calendar or on the past could be tried in production only."""
    assert problem(columns, row) == ""


@pytest.mark.parametrize(
    ("columns", "row", "says"),
    [
        ("at", "x, tomorrow, allow, R-1", "write a date, or a time"),
        ("at", "x, 2026-11-21T10:00:00, allow, R-1", "write a date, or a time"),
        ("before", "x, [{action: pay}], allow, R-1", "`ago` is ``"),
        ("before", "x, [{action: pay, ago: soon}], allow, R-1", "`ago` is `soon`"),
        ("before", "x, [{ago: 1h}], allow, R-1", "says which"),
        ("before", "x, [{action: pya, ago: 1h}], allow, R-1", "not an action"),
        ("before", "x, [{action: pay, ago: 1h, by: me}], allow, R-1", "possible: this_agent"),
        ("before", "x, [{action: pay, ago: 1h, outcome: done}], allow, R-1", "possible: executed"),
        ("before", "x, [{action: pay, ago: 1h, times: 0}], allow, R-1", "from 1 to"),
        ("before", "x, [{action: pay, ago: 1h, when: y}], allow, R-1", "says nothing about"),
        ("before", "x, [{action: pay, ago: 1h, times: 9999}, {action: pay, ago: 1h, times: 9999}], "
         "allow, R-1", "at most 10000"),
        ("lists.known.age", "x, old, allow, R-1", "is not an age"),
    ],
)  # fmt: skip
def test_a_past_that_is_not_understood_fails_its_case(columns: str, row: str, says: str) -> None:
    """A misspelt past would be an empty one, and the case would pass."""
    assert says in problem(columns, row)


def test_a_name_that_the_table_does_not_explain_does_not_load() -> None:
    """The past of the case would be left out without a word."""
    with pytest.raises(PolicyErrors, match=r"unknown-before: `hundrd`.*did you mean `hundred`"):
        release("before", "x, hundrd, allow, R-1")


def test_a_moment_is_taken_as_written() -> None:
    """An hour of the day would be that of another place."""
    assert at_of({}) == AT
    assert at_of({"at": "2026-11-21"}) == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert at_of({"at": "2026-11-21T23:30:00+01:00"}).hour == 23
    with pytest.raises(BadPast):
        at_of({"at": 7})


def test_the_first_and_the_last_day_of_an_exception_can_be_tried() -> None:
    """Whether an exception ends on its day or before would be found out on that day."""
    rules = world.rule(1, "require_approval", "{action: pay}", ", may_be_waived_by: [exception]")
    more = (
        "exceptions:\n  - {id: EXC-001, title: T, lifts: R-1, for: {agent.id: {is: case-agent}, "
        "action: pay}, instead: allow, reason: r, ticket: t, from: 2026-11-20, expires: 2026-12-01}"
    )
    text = world.file(rules=rules, more=more).decode()
    rows = ", ".join(
        f"[d, pay, {day}, {expect}]"
        for day, expect in (
            ("2026-11-19", "require_approval"), ("2026-11-20", "allow"),
            ("2026-12-01", "allow"), ("2026-12-02", "require_approval"),
        )
    )  # fmt: skip
    text = text.replace("columns: [name, action, expect], rows: [[x, look, deny]]",
                        "columns: [name, action, at, expect], always: {args.amount: 5 EUR, "
                        f"args.iban: {IBAN}, args.country: DE, args.urgent: false}}, rows: [{rows}]")  # fmt: skip
    made = compile_release(
        {"policies/pay.yaml": text.encode(), world.CATALOGUE_PATH: world.CATALOGUE}
    )
    assert [result.problem for result in cases.run(made)] == ["", "", "", ""]
