"""The policy sets of the trace benchmark are ordinary policy folders whose promises hold."""

from __future__ import annotations

from datetime import date

import pytest

from benchmarks.traces import guesses, injections, service_rules
from governance.engine import cases
from governance.engine.compile import Release, compile_release

SETS = {
    "agentdojo": injections.policy_set,
    "airline": service_rules.policy_set,
    "toolemu": guesses.policy_set,
}


@pytest.fixture(params=sorted(SETS))
def release(request: pytest.FixtureRequest) -> Release:
    return SETS[request.param]()


def test_every_case_holds(release: Release) -> None:
    """Else the measured set would not be the one whose promises people read."""
    failed = cases.failures(cases.run(release))
    assert not failed, [f"{one.case.name}: {one.problem}" for one in failed]


def test_every_rule_and_limit_is_in_a_case(release: Release) -> None:
    """Else a rule could stand in the set, count in the figures, and never have been shown to work."""
    assert not cases.uncovered(release, cases.run(release))


def test_the_files_are_fit_for_release(release: Release) -> None:
    """Else the figures would be of files that a risk team could not put in force."""
    assert compile_release(dict(release.files), at=date(2026, 11, 20)).digest == release.digest


def test_no_rule_believes_the_agent_about_where_a_value_comes_from(release: Release) -> None:
    """Else an injected agent would simply say that the person named the target."""
    rules = [rule for file in release.bundle.files for rule in file.rules]
    assert rules
    assert not [rule.id for rule in rules if rule.trust_claim]


@pytest.mark.parametrize("path", injections.BASELINES, ids=lambda path: path.stem)
def test_baselines_do_what_they_say(path: object) -> None:
    """Else the comparison would be with rules that nobody meant."""
    made = injections.baseline(path)  # type: ignore[arg-type]
    assert not cases.failures(cases.run(made))


def test_there_are_four_baselines() -> None:
    """Else a baseline could be dropped and the table would still look complete."""
    assert [path.stem for path in injections.BASELINES] == [
        "static-list", "taint-any-write", "taint-external-write", "taint-not-named",
    ]  # fmt: skip


def test_every_tool_that_changes_something_is_known_to_the_gateway() -> None:
    """Else a tool's targets would be nobody's, and `none` would open what no one looked at."""
    made = injections.policy_set()
    known = injections.profile(injections.HERE / "gateway.toml")
    for name in injections.harmful(made):
        declared = made.catalogue.actions[name].args
        said = known[name]
        assert {*said.targets, *said.texts, *said.terms, *said.addresses} <= set(declared), name
        assert said.targets or "create" in name, name
    assert set(known) <= set(made.catalogue.actions)
