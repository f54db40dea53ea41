"""One file in force on its page: rules, exceptions, risk points and invariants, none left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from governance.engine.compile import Release, compile_release
from governance.engine.rules import PolicyFile, RiskTable
from governance.service.checking import read_folder
from governance.web.console import ruled_files
from governance.web.console.rule_views import PolicyRow, PolicyView

TODAY = date(2026, 11, 20)
SHIPPED = read_folder(Path(__file__).parents[2] / "policies")
ROW = PolicyRow("x", "x", "x", "x", 0, 0, TODAY, False, 0, None, None)


@pytest.fixture(scope="module")
def release() -> Release:
    """The shipped files."""
    return compile_release(SHIPPED)


def view(release: Release, file: ruled_files.RuledFile, today: date = TODAY) -> PolicyView:
    """Its page."""
    return ruled_files.view(file, release.catalogue.actions, today, ROW)


def test_every_rule_of_every_file_is_on_its_page(release: Release) -> None:
    """A rule that decides would stand on no page, with nobody to ask about it."""
    for file in ruled_files.files(release.bundle):
        made = view(release, file)
        rules, limits = ruled_files.counted(file)
        assert len(made.rules) == rules + limits, ruled_files.name_of(file)
        assert all(rule.words and rule.because for rule in made.rules)
        if isinstance(file, PolicyFile):
            assert [one.id for one in made.exceptions] == [one.id for one in file.exceptions]
            assert made.extends == file.extends


def test_the_risk_points_are_a_table(release: Release) -> None:
    """Nobody could read why a person is asked whom no rule asks for."""
    table = release.bundle.risk
    assert isinstance(table, RiskTable)
    made = view(release, table).matrix
    assert made is not None
    assert {name for name, _ in made.rows} == set(table.matrix)
    assert len(made.levels) == len(table.levels) + 1, "low, and each that can be reached"
    assert made.levels[0] == "low, below that"
    for name, cells in made.rows:
        said = {"Adds nothing", "Person asked", "Refused"}
        assert len(cells) == len(made.levels)
        assert {cell.word for cell in cells} <= said, name
    assert any("Person asked" in {cell.word for cell in cells} for _, cells in made.rows)
    assert len(made.asked) == len(table.clauses)


def test_an_exception_says_whether_it_lifts_today(release: Release) -> None:
    """A lapsed exception would be read as one that holds."""
    file = next((each for each in release.bundle.files if each.exceptions), None)
    assert file is not None, "the shipped files have an exception"
    one = file.exceptions[0]

    def state(today: date) -> str:
        return view(release, file, today).exceptions[0].state.word

    assert state(one.since) == state(one.expires) == f"Lifts {one.lifts}"
    assert state(one.since - (one.expires - one.since)).startswith("From")
    assert state(one.expires.replace(year=2199)).startswith("Lapsed")


def test_the_cells_of_a_case_are_words(release: Release) -> None:
    """A count of one would read as "yes", and what happened before as a program's text."""
    file = next(each for each in release.bundle.files if each.cases)
    cells = {
        "args.count": 1,
        "args.instant": True,
        "args.note": None,
        "args.names": ["a", 0],
        "before": [{"action": "payee.change", "ago": "2d"}],
        "args.whole": {"city": "Berlin", "known": False},
    }
    made = view(release, replace(file, cases=(replace(file.cases[0], cells=cells),)))
    assert made.cases[0].given == (
        "args.count 1, args.instant yes, args.note nothing, args.names a and 0, "
        "before (action payee.change, ago 2d), args.whole (city Berlin, known no)"
    )
