"""`policy backtest`, `explain` and `learn` against a workspace: what people see of the past."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cli_world import DE, POLICIES, Company


@pytest.fixture
def asked(company: Company) -> int:
    """A payment that was asked for; the number of its decision."""
    answer = company.served.ask(company.agent_key, amount="600 EUR", iban=DE, country="DE")
    return int(answer["context"]["evaluation_id"])


def strict(folder: Path) -> Path:
    """The shipped files, whose treasurer is asked up to 550 EUR only."""
    made = Path(shutil.copytree(POLICIES, folder / "strict"))
    path = made / "payments.yaml"
    text = path.read_text()
    assert "{above: 500 EUR, at_most: 10000 EUR}" in text
    path.write_text(
        text.replace("{above: 500 EUR, at_most: 10000 EUR}", "{above: 500 EUR, at_most: 550 EUR}")
    )
    return made


def test_a_backtest_says_who_what_and_what_it_rests_on(
    company: Company, asked: int, tmp_path: Path
) -> None:
    """If the table had no rules, no people and no basis, nobody could judge a draft by it."""
    done = company.served.run("policy", "backtest", strict(tmp_path), "--days", "30")
    assert done.exit_code == 0, done.output
    for said in ("decisions would change", "From the period's first moment", "stricter"):
        assert said in done.output, said
    told = company.served.json("policy", "backtest", strict(tmp_path / "again"), "--days", "30")
    assert told["decisions"] == told["reperformed"] + told["not_reperformed"]
    assert told["complete"] is True
    assert {"by_agent", "by_rule", "approvals", "basis"} <= told.keys()


@pytest.mark.parametrize(
    "period",
    [("--days", "0"), ("--days", "3", "--from", "2026-01-01"), ("--from", "2026-02-01", "--to", "2026-01-01"),
     ("--from", "soon")],
)  # fmt: skip
def test_a_period_that_makes_no_sense_is_refused(company: Company, period: tuple[str, ...]) -> None:
    """If a misspelt period were dropped, the figures would be of another one."""
    assert company.served.run("policy", "backtest", POLICIES, *period).exit_code == 2


def test_a_decision_is_explained_and_tried_with_something_else(
    company: Company, asked: int, tmp_path: Path
) -> None:
    """If *what if* took an agent and a test system, nobody would ask it."""
    run = company.served.run
    plain = run("policy", "explain", "--decision", str(asked), "--all")
    assert plain.exit_code == 0, plain.output
    assert f"decision {asked}, " in plain.stdout.splitlines()[0]
    other = run("policy", "explain", "--decision", str(asked), "--given", "args.amount=300000 EUR")
    assert other.exit_code == 0, other.output
    assert "It would be:" in other.output
    assert "Refused" in other.output
    draft = run("policy", "explain", strict(tmp_path), "--decision", str(asked))
    assert draft.exit_code == 0, draft.output
    wrong = run("policy", "explain", "--decision", str(asked), "--given", "args.amout=1 EUR")
    assert wrong.exit_code != 0
    assert "did you mean" in wrong.output or "has no `args.amout`" in wrong.output


def test_learning_says_what_it_takes(company: Company, asked: int, tmp_path: Path) -> None:
    """If learning were silent about its thresholds, nobody would know why nothing was learned."""
    done = company.served.run("policy", "learn")
    assert done.exit_code == 0, done.output
    assert "People taught nothing yet." in done.output
    assert "10 decisions, 2 people and 5 days" in done.output
    assert company.served.json("policy", "learn", "--days", "30")["proposals"] == []
    target = tmp_path / "draft.yaml"
    nothing = company.served.run("policy", "learn", "--to", target)
    assert nothing.exit_code == 1
    assert not target.exists()
