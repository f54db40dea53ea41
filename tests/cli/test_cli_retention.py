"""Retention from a terminal: rules, holds and cuts, each by as many people as it takes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
from cli_world import POLICIES, Company, cli, document

from audit.entry import Entry
from governance import config, jobs
from governance.app import open_desk
from governance.oversight.commands import NO_NEEDS, Facts, Needs, Proposal
from governance.service.desk import Desk
from governance.store.clock import SystemClock

CLASSES = ("decisions", "oversight", "agents", "people", "policy", "reports", "service")
ALL = [f"{name}=200" for name in CLASSES]


class LongAgo(SystemClock):
    """The machine's clock, 250 days behind."""

    def wall(self) -> int:
        """Microseconds since the epoch."""
        return super().wall() - 250 * 86_400_000_000


class Earlier(datetime):
    """The day on which the workspace is made, for its lists."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Earlier:
        """As long ago as the log's clock says."""
        return super().now(tz) - timedelta(days=250)


@dataclass(frozen=True)
class Fill:
    """Entries of the service, so that there is something to cut."""

    count: int
    key: str = "service"
    lane: str = "human"
    while_paused: bool = True

    def needs(self, _state: Any, _at: datetime) -> Needs:
        """Nothing."""
        return NO_NEEDS

    def run(self, _state: Any, _facts: Facts, at: datetime, _index: int) -> Proposal:
        """So many of them."""
        data = {"size": 0, "digest": "00" * 32}
        by = {"type": "service", "id": "governance"}
        return Proposal(tuple(Entry("service.backup", at, by, data) for _ in range(self.count)), {})


@pytest.fixture(scope="module")
def long_ago(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of one person with 600 entries, made 250 days ago."""
    directory = tmp_path_factory.mktemp("old") / "w"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("governance.store.workspace.SystemClock", LongAgo)
        patched.setattr("governance.service.desk.SystemClock", LongAgo)
        patched.setattr("governance.wiring.datetime", Earlier)
        # Files whose dates (an exception's, a list's) are of today could not be released so long ago.
        rules = tmp_path_factory.mktemp("rules")
        shutil.copytree(POLICIES / "actions", rules / "actions")
        for name in ("code-agent.yaml", "cases/code-agent.yaml"):
            (rules / name).parent.mkdir(exist_ok=True)
            shutil.copy(POLICIES / name, rules / name)
        document(
            cli(
                "init",
                directory,
                "--name",
                "Mia Lind",
                "--email",
                "mia@corp.example",
                "--policies",
                rules,
                "-o",
                "json",
            )
        )
        with open_desk(directory, config.load(directory), record_start=False) as desk:
            desk.ledger.submit(Fill(600)).result(30)  # type: ignore[arg-type]
    return directory


@pytest.fixture
def old(long_ago: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(long_ago, tmp_path / "w")
    return tmp_path / "w"


def test_the_life_of_an_entry_ends_at_a_terminal(old: Path) -> None:
    """An operator could set no time, or would not see what a cut takes before it is made."""
    place = ("-w", str(old))
    shown = cli("retention", "show", *place)
    assert shown.exit_code == 0
    assert "for ever" in shown.stdout
    assert "184 days" in shown.stderr
    short = cli("retention", "set", "decisions=30", *place)
    assert short.exit_code == 2
    assert "at least six months" in short.stderr
    made = document(cli("retention", "set", *ALL, "--reason", "rules", *place, "-o", "json"))
    assert made["state"] == "in_force"  # there is nobody else
    plan = document(cli("retention", "plan", *place, "-o", "json"))
    assert plan["minimum"] == 512
    assert plan["counts"]["service"] > 400
    said = cli("retention", "plan", *place)
    assert "Entries 0 to 511 may go" in said.stderr
    assert "unanchored" in said.stderr
    assert cli("retention", "prune", "--reason", "over", *place).exit_code == 1  # nobody said yes
    done = document(cli("retention", "prune", "--reason", "over", "--yes", *place, "-o", "json"))
    assert (done["state"], done["minimum"], done["overwritten"]) == ("pruned", 512, True)
    assert "keeps its entries from 512 on" in cli("retention", "show", *place).stderr
    found = cli("audit", "fsck", *place)
    assert found.exit_code == 0, found.output
    with open_desk(old, config.load(old), record_start=True) as desk:
        _still_good(desk)


def _still_good(desk: Desk) -> None:
    assert desk.reader.minimum == 512
    assert desk.reader.receipt(3).index == 3


def test_what_was_pruned_is_said_where_it_is_asked_for(old: Path) -> None:
    """A pruned entry would look like one that never was, or like a defect."""
    place = ("-w", str(old))
    document(cli("retention", "set", *ALL, *place, "-o", "json"))
    document(cli("retention", "prune", "--reason", "over", "--yes", *place, "-o", "json"))
    told = cli("decision", "show", "5", *place)
    assert told.exit_code == 1
    assert "was pruned: this log keeps its entries from `512` on" in told.stderr
    held = cli("retention", "hold", "range", "--first", "3", "--last", "9", "--reason", "x", *place)
    assert held.exit_code == 1
    assert "was pruned" in held.stderr
    tail = document(cli("audit", "tail", "-n", "5000", *place, "-o", "json"))["entries"]
    assert tail[0]["index"] == 512
    found = document(cli("audit", "search", "--kind", "person.", *place, "-o", "json"))["entries"]
    assert found == []


def test_the_daily_job_cuts_what_the_schedule_says(old: Path) -> None:
    """Entries would stay for ever although everybody agreed to a schedule."""
    place = ("-w", str(old))
    document(cli("retention", "set", *ALL, "--schedule", *place, "-o", "json"))
    with open_desk(old, config.load(old), record_start=False) as desk:
        jobs.retain(desk)
        assert desk.reader.minimum == 512
        jobs.retain(desk)
        assert desk.state.retention.overwritten


def test_rules_and_holds_take_two_people(company: Company) -> None:
    """One person could let evidence expire, or lift what a court asked for."""
    served = company.served
    made = served.json("retention", "set", *ALL, "--duty", "hgb-257=190", "--reason", "tax law")
    assert made["state"] == "waits"
    number = str(made["retention"])
    assert served.run("retention", "confirm", number).exit_code == 1
    waiting = served.run("retention", "show").stderr
    assert f"retention confirm {number}" in waiting
    assert "decisions 200 days" in waiting
    assert "`hgb-257` asks for 190 days" in waiting
    assert served.json("retention", "confirm", number, key=company.tom_key)["state"] == "in_force"
    again = served.run("retention", "confirm", number, key=company.tom_key).stderr
    assert "they are in force, or others were set since" in again
    shown = served.run("retention", "show")
    assert "hgb-257" in shown.stderr
    longer = served.json("retention", "set", "people=ever", "--duty", "none")
    assert longer["state"] == "waits"  # the duty is gone
    assert "dropped" not in longer
    other = served.run("retention", "set", "people=ever", "agents=300")
    assert f"Rules {longer['retention']}, which waited for a second person, are" in other.stderr
    hold = str(
        served.json("retention", "hold", "agent", "payments-1", "--reason", "7 O 1/26")["hold"]
    )
    assert "agent payments-1" in served.run("retention", "show").stdout
    release = ("retention", "release", hold, "--reason", "closed")
    asked = served.run(*release)
    assert "state    release_asked" in asked.stdout
    assert f"Another person lifts it: governance retention release {hold}" in asked.stderr
    assert served.json(*release, key=company.tom_key)["state"] == "released"
    refused = served.run("retention", "prune", "--reason", "over", "--yes")
    assert refused.exit_code == 1
    assert "nothing can go" in refused.stderr
    until = datetime.now(UTC) + timedelta(days=150)
    assert f"{until:%Y}" in refused.stderr or f"{until + timedelta(days=60):%Y}" in refused.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ("set", "decisions=soon"),
        ("set", "letters=400"),
        ("set", "decisions"),
        ("set", "=400"),
        ("set", "decisions=400", "decisions=800"),
        ("set",),
        ("hold", "team"),
    ],
)
def test_what_was_mistyped_is_exit_2(old: Path, wrong: tuple[str, ...]) -> None:
    """A typing error would set another time than was meant."""
    done = cli("retention", *wrong, "-w", old, *(("--reason", "x") if wrong[0] == "hold" else ()))
    assert done.exit_code == 2
