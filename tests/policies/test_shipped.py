"""The shipped policies do what they promise, and so do the neighbours of what they forbid."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

import pytest
from shipped import files, neighbours, policy, release, results, with_cases
from spoil import spoilt

from governance.engine import cases, meaning, reach, words_of_files
from governance.engine.analyse import remarks
from governance.engine.compile import compile_release
from governance.engine.model import Effect
from governance.engine.rules import Case

NAMES = (
    "code-agent",
    "data-egress",
    "hr-annex3",
    "mcp-tools",
    "payments",
    "payroll",
    "support-refunds",
)


def test_the_files_are_one_release_that_checks_clean() -> None:
    """If the shipped files did not load together, nobody could start from them."""
    made = compile_release(files(), at=date(2026, 11, 20))
    assert tuple(file.policy for file in made.bundle.files) == NAMES
    assert made.bundle.risk is not None


@pytest.mark.parametrize("result", results(), ids=lambda r: f"{r.policy}: {r.case.name}")
def test_every_case_goes_as_its_table_says(result: cases.CaseResult) -> None:
    """If a case failed, a file would not do what its owner was shown."""
    assert result.problem == ""


def test_every_rule_and_every_limit_is_the_reason_of_some_case() -> None:
    """If a rule had no case, nobody would notice the day it stops matching."""
    assert cases.uncovered(release(), results()) == ()


def test_no_shipped_rule_is_without_effect() -> None:
    """If a rule could never decide anything, its title would promise what does not happen."""
    assert remarks(release()) == ()


def test_every_action_of_the_catalogue_is_governed() -> None:
    """If an action had no file, it would be denied and nobody would know why it is there."""
    governed = {name for file in release().bundle.files for name in file.governs}
    assert governed == set(release().catalogue.actions)


def _denies() -> list[tuple[str, str]]:
    return [
        (file.policy, rule.id)
        for file in release().bundle.files
        for rule in file.rules
        if rule.effect is Effect.DENY
    ]


def _kinds(name: str, rule: str) -> Counter[str]:
    return Counter(n.kind for n in neighbours() if (n.policy, n.rule) == (name, rule))


def _wanted(name: str, rule_id: str) -> set[str]:
    """The kinds of neighbours that a deny must have, from the fields it tests."""
    rule = next(rule for rule in policy(name).rules if rule.id == rule_id)
    fields = reach.fields_of(rule.when)
    tests = [test for test in reach.tests_of(rule.when) if not test.op.startswith("count_")]
    kinds = {test.kind.removeprefix("list of ") for test in tests}
    wanted = {"plain"}
    if any(field.startswith(("args.", "command.", "resource.")) for field in fields):
        wanted.add("missing field")
    if kinds & {"money", "count", "duration"}:
        wanted |= {"larger amount", "negative amount"}
    if kinds & {"choice", "country"} and "agent.class" not in fields:
        wanted.add("other case")
    if "command.reads" in fields or "command.deletes" in fields:
        wanted |= {"absolute path", "other case", "other program", "short flag"}
    if {"command.effects", "command.piped_to_shell"} & set(fields):
        wanted |= {"other program", "short flag"}
    return wanted


@pytest.mark.parametrize(("name", "rule"), _denies(), ids=lambda part: part)
def test_every_deny_has_its_neighbours(name: str, rule: str) -> None:
    """If a deny were only tested on its own example, the next spelling would walk past it."""
    found = _kinds(name, rule)
    assert found, f"`{name}/{rule}` has no neighbour cases"
    assert _wanted(name, rule) <= set(found)


def test_neighbours_of_every_kind_are_counted() -> None:
    """If one kind of evasion were forgotten everywhere, every file would have the same hole."""
    kinds = Counter(near.kind for near in neighbours())
    least = {
        "missing field": 40,
        "other program": 60,
        "other case": 20,
        "absolute path": 12,
        "short flag": 12,
        "wrong type": 20,
        "larger amount": 6,
        "negative amount": 5,
        "wrong currency": 3,
        "look-alike": 10,
        "undeclared field": 4,
        "other side": 35,
    }
    short = {kind: kinds[kind] for kind, number in least.items() if kinds[kind] < number}
    assert not short


def test_no_neighbour_of_a_deny_is_allowed() -> None:
    """If a near miss were allowed, the deny would be a matter of spelling."""
    loose = [n for n in neighbours() if n.kind != "other side" and n.expect == "allow"]
    assert loose == []


SERVICE_FACTS = (
    "agent.labels",
    "agent.autonomy",
    "agent.class",
    "agent.state",
    "agent.tools",
    "session.labels",
    "session.stops",
)


@pytest.mark.parametrize("name", NAMES)
def test_less_or_invented_information_never_loosens(name: str) -> None:
    """If spoiling a field ever helped, a hijacked agent would spoil it."""
    file = policy(name)
    made: list[tuple[str, Case, Effect]] = []
    for result in (r for r in results() if r.policy == name):
        cells = result.case.cells
        action = release().catalogue.actions[str(cells["action"])]
        given = {k.removeprefix("args."): v for k, v in cells.items() if k.startswith("args.")}
        others = {k: v for k, v in cells.items() if not k.startswith("args.")}
        for what, arguments, _ in spoilt(action, given, {}):
            if "over-long" in what and len(made) % 7:
                continue
            spoiled = {**others, **{f"args.{k}": v for k, v in arguments.items()}}
            made.append((what, replace(result.case, cells=spoiled), result.verdict.effect))
        for fact in SERVICE_FACTS:
            spoiled = {**cells, fact: cases.CANNOT_TELL}
            made.append((fact, replace(result.case, cells=spoiled), result.verdict.effect))
        for claim in (k for k in cells if k.startswith("resource.")):
            spoiled = {k: v for k, v in cells.items() if k != claim}
            made.append((claim, replace(result.case, cells=spoiled), result.verdict.effect))
        for series in (k for k in cells if k.startswith(("limits.", "history."))):
            spoiled = {**cells, series: cases.CANNOT_TELL}
            made.append((series, replace(result.case, cells=spoiled), result.verdict.effect))
    after = cases.run(with_cases({name: [case for _, case, _ in made]}), name)
    assert len(after) == len(made) > 100
    loosened = [
        (result.case.name, what, before.word, result.verdict.effect.word)
        for (what, _, before), result in zip(made, after, strict=True)
        if result.verdict.effect < before
    ]
    assert loosened == []
    assert file.cases


def test_the_order_of_rules_and_files_changes_nothing() -> None:
    """If order mattered, a verdict would depend on who edited the file last."""
    bundle = release().bundle
    turned = tuple(
        replace(
            file,
            rules=file.rules[::-1],
            limits=file.limits[::-1],
            exceptions=file.exceptions[::-1],
        )
        for file in reversed(bundle.files)
    )
    other = replace(release(), bundle=replace(bundle, files=turned))
    assert meaning.of_bundle(other.bundle) == meaning.of_bundle(bundle)
    before = {(r.policy, r.case.path, r.case.line): r.verdict for r in results()}
    after = {(r.policy, r.case.path, r.case.line): r.verdict for r in cases.run(other)}
    for place, verdict in before.items():
        assert after[place].effect is verdict.effect
        said = [replace(f, unknown=tuple(sorted(f.unknown))) for f in verdict.findings]
        again = [replace(f, unknown=tuple(sorted(f.unknown))) for f in after[place].findings]
        assert again == said


def test_every_shipped_rule_can_be_said_in_words() -> None:
    """If a rule could not be said in a sentence, the people who answer for it could not read it."""
    for file in release().bundle.files:
        said = words_of_files.file(file, release().catalogue.actions)
        assert len(said) == 1 + len(file.rules) + len(file.limits) + len(file.exceptions)
        assert all("Why:" in line for line in said[1:])
    table = release().bundle.risk
    assert table is not None
    said = words_of_files.risk(table, release().catalogue.actions)
    assert len([line for line in said if "Why:" in line]) == len(table.factors)


def test_what_nobody_may_waive_stays_so() -> None:
    """If prohibited practices or sanctions could be waived, law would be a matter of mood."""
    for name, rule_id in [
        ("hr-annex3", "HR-001"),
        ("hr-annex3", "HR-002"),
        ("hr-annex3", "HR-003"),
        ("payments", "PAY-001"),
        ("code-agent", "SH-001"),
        ("code-agent", "SH-005"),
    ]:
        rule = next(rule for rule in policy(name).rules if rule.id == rule_id)
        assert rule.effect is Effect.DENY
        assert rule.waivable_by == ()
