"""What the service does by itself: on time, once, and never silently not."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import structlog
from freezegun import freeze_time
from service_world import World

from governance import config, jobs
from governance.anchoring import registry
from governance.anchoring.settings import Anchoring, AnchorSettings
from governance.config import Config, ConfigError
from governance.service import anchoring, asking, child
from governance.service.desk import Desk


@pytest.fixture(autouse=True)
def events_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other test's choice of what is logged reaches these."""
    structlog.reset_defaults()
    monkeypatch.setattr(jobs, "_log", structlog.get_logger("governance.jobs"))


def settings(**changed: object) -> Config:
    """A configuration whose `[jobs]` has these settings."""
    return config.parse({"jobs": {"low_disk_mib": 0, **changed}})


@pytest.fixture
def started(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., jobs.Jobs]]:
    """Plan the jobs of the world without letting the schedule run them."""
    made: list[jobs.Jobs] = []

    def start(given: Config) -> jobs.Jobs:
        monkeypatch.setattr(jobs.BackgroundScheduler, "start", lambda self: None)
        made.append(jobs.start(world.desk, given))
        return made[-1]

    yield start
    for each in made:
        each.stop()


def anchored(world: World, *spelt: str) -> Desk:
    """The world's desk with these anchors."""
    found: list[AnchorSettings] = []
    for text in spelt:
        found.append(config.anchor_of(text, [each.name for each in found]))
    made = registry.anchors(found, Anchoring(), world.root)
    desk = dataclasses.replace(world.desk, anchors=made)
    anchoring.configure(desk)
    return desk


def kinds(world: World) -> list[str]:
    """The kinds of all entries, in order."""
    return [world.desk.reader.entry(i).kind for i in range(world.desk.state.size)]


def micros(at: str) -> int:
    """A time of day as the clock of a world counts it."""
    return int(datetime.fromisoformat(at).timestamp()) * 1_000_000


def test_a_request_that_nobody_answers_expires_as_an_entry(
    world: World, started: Callable[..., jobs.Jobs]
) -> None:
    """Silence would leave a request open for ever, with nothing in the log to show it."""
    running = started(settings())
    asked = world.pay(amount="600 EUR", ask=True)
    number = asked["context"]["access_request"]["approval"]
    running.jobs["expire approvals"]()
    assert "approval.expired" not in kinds(world)
    world.clock.advance(4 * 3600 + 1)
    running.jobs["expire approvals"]()
    assert kinds(world)[-1] == "approval.expired"
    assert asking.status(world.desk, world.anna, number)["state"] == "expired"
    running.jobs["expire approvals"]()
    assert kinds(world).count("approval.expired") == 1


def test_the_head_reaches_its_anchors_and_a_failure_is_counted(
    world: World, started: Callable[..., jobs.Jobs], tmp_path: Path
) -> None:
    """Nobody outside would hold a head, or nobody would be told that one is not taken."""
    world.desk = anchored(world, f"file:{tmp_path / 'head'}", f"file:{tmp_path / 'no' / 'head'}")
    job = started(settings()).jobs["anchor the head"]
    job()
    assert (tmp_path / "head").read_text() == world.desk.reader.checkpoint()
    assert job.failures == 1
    assert "`file-2`" in job.last_error


def test_a_backup_is_made_in_a_process_of_its_own_and_recorded(
    world: World, started: Callable[..., jobs.Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There would be nothing to fall back on, no proof that there is, or a service that stutters."""
    children = []
    run = child.run
    monkeypatch.setattr(
        child, "run", lambda work, *args: (children.append(work), run(work, *args))[1]
    )
    job = started(settings(backup_hours=24)).jobs["back up"]
    job()
    assert job.last_error == ""
    assert len(children) == 1
    assert kinds(world)[-1] == "service.backup"
    folder = next(path for path in (world.root / "backups").iterdir() if path.name != "vault")
    assert (folder / "log.db").exists()
    assert list((world.root / "backups" / "vault").iterdir())


def test_a_restart_does_not_put_off_the_backup(world: World) -> None:
    """A service that restarts every hour would never make one, or make one at each start."""
    day = timedelta(hours=24)
    assert jobs.backup_due(world.desk, day) == jobs.FIRST_BACKUP
    now = world.desk.now()
    (made := world.root / "backups" / f"{now - timedelta(hours=20):%Y-%m-%dT%H-%M-%S}").mkdir()
    (made / "backup.json").write_text("{}")
    assert abs(jobs.backup_due(world.desk, day) - timedelta(hours=4)) < timedelta(seconds=2)
    assert jobs.backup_due(world.desk, timedelta(hours=10)) == jobs.FIRST_BACKUP


@pytest.mark.parametrize(
    ("period", "zone", "at", "start", "end"),
    [
        ("weekly", "UTC", "2026-11-23T05:00", "2026-11-16T00:00", "2026-11-23T00:00"),
        ("weekly", "UTC", "2027-01-01T00:00", "2026-12-21T00:00", "2026-12-28T00:00"),
        ("weekly", "Asia/Tokyo", "2026-11-22T20:00", "2026-11-15T15:00", "2026-11-22T15:00"),
        ("monthly", "UTC", "2027-01-01T05:00", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("monthly", "UTC", "2028-03-31T23:59", "2028-02-01T00:00", "2028-03-01T00:00"),
        # Midnight in Berlin is 23:00 UTC in winter and 22:00 in summer.
        ("monthly", "Europe/Berlin", "2026-04-15T12:00", "2026-02-28T23:00", "2026-03-31T22:00"),
        ("quarterly", "UTC", "2026-11-20T06:00", "2026-07-01T00:00", "2026-10-01T00:00"),
        ("quarterly", "UTC", "2027-01-01T00:00", "2026-10-01T00:00", "2027-01-01T00:00"),
        (
            "quarterly",
            "America/New_York",
            "2027-01-01T02:00",
            "2026-07-01T04:00",
            "2026-10-01T04:00",
        ),
    ],
)
def test_the_last_period(period: str, zone: str, at: str, start: str, end: str) -> None:
    """A report would cover other days than its title says, or leave days between two reports out."""
    with freeze_time(at):
        bounds = jobs.last_period(period, datetime.now(ZoneInfo(zone)))
    found = [bound.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") for bound in bounds]
    assert found == [start, end]


@pytest.mark.parametrize("period", jobs.PERIODS)
def test_periods_follow_each_other_without_a_gap(period: str) -> None:
    """Decisions between two reports would be in none, or in both."""
    zone = ZoneInfo("Europe/Berlin")
    at = datetime(2026, 1, 1, 12, tzinfo=zone)
    _, before = jobs.last_period(period, at)
    for _ in range(800):
        at += timedelta(days=1)
        start, end = jobs.last_period(period, at)
        assert start < end <= at
        assert before in (start, end)
        before = end


def test_the_report_is_made_once_for_each_period(world: World) -> None:
    """A period would have no report because the service was down at five, or one at each restart."""
    zone = ZoneInfo("UTC")
    world.clock.now = micros("2026-11-30T23:00:00+00:00")
    world.pay()
    for at, issued in [
        ("2026-12-01T04:59:00+00:00", 0),  # the period has ended, but is not settled yet
        ("2026-12-01T09:30:00+00:00", 1),  # nobody was there at five: it is made late
        ("2026-12-01T09:40:00+00:00", 1),  # and not again
        ("2026-12-31T23:00:00+00:00", 1),
    ]:
        world.clock.now = micros(at)
        jobs.report(world.desk, "monthly", zone)
        assert kinds(world).count("report.issued") == issued, at
    names = [path.name for path in (world.root / "reports").iterdir()]
    assert all("20261101-20261201" in name for name in names)
    assert len(names) == 2


def test_no_report_of_a_time_before_the_log(world: World) -> None:
    """The first thing a new workspace shows would be a report of nothing."""
    world.clock.now = micros("2026-11-20T09:00:00+00:00")
    jobs.report(world.desk, "monthly", ZoneInfo("UTC"))
    assert "report.issued" not in kinds(world)


def test_a_report_that_failed_is_tried_again(
    world: World, started: Callable[..., jobs.Jobs], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bad minute would cost a period its report."""
    world.clock.now = micros("2026-12-01T09:00:00+00:00")
    job = started(settings(report="monthly")).jobs["periodic report"]
    with monkeypatch.context() as broken:
        broken.setattr(child, "run", _fail)
        job()
    assert (job.failures, job.last_error) == (1, "the disk is full")
    job()
    assert (job.failures, job.last_error) == (1, "")
    assert "report.issued" in kinds(world)


def _fail(*_: object) -> Any:
    raise OSError("the disk is full")


def test_a_period_that_nobody_knows_stops_the_start(started: Callable[..., jobs.Jobs]) -> None:
    """A typo would mean that no report is ever made."""
    with pytest.raises(ConfigError, match="`weekly`, `monthly`, `quarterly`"):
        started(settings(report="yearly"))


def test_a_failing_job_is_said_counted_and_not_repeated_each_second() -> None:
    """A failure would go unseen, or fill the operator's log with the same line."""
    job = jobs.Job("fails", _fail)
    with structlog.testing.capture_logs() as said:
        for _ in range(5):
            job()
        job.run = lambda: None
        job()
        job()
    assert job.failures == 5
    assert [line["event"] for line in said] == ["job failed", "job works again"]
    assert said[0]["error"] == "the disk is full"


def test_a_failing_job_is_said_again_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure that lasts would be said once and forgotten."""
    seconds = iter([100.0, 101.0, 161.0, 161.0, 162.0])
    monkeypatch.setattr(jobs, "monotonic", lambda: next(seconds))
    job = jobs.Job("fails", _fail)
    with structlog.testing.capture_logs() as said:
        for _ in range(3):
            job()
    assert [line["failures"] for line in said] == [1, 3]


def test_a_job_never_runs_beside_itself_and_holds_up_no_other() -> None:
    """Two backups would write over each other, or a long one would let approvals lie."""
    running = jobs.Jobs()
    at_once, most, quick = [0], [0], threading.Event()
    lock = threading.Lock()

    def slow() -> None:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.3)
        with lock:
            at_once[0] -= 1

    heavy = jobs.Job("slow", slow)
    running.every(0.05, heavy, heavy=True)
    running.every(0.05, jobs.Job("quick", quick.set), first=0.05)
    running.scheduler.start()
    began = time.monotonic()
    assert quick.wait(5)
    assert time.monotonic() - began < 2
    time.sleep(0.5)
    running.stop()
    assert heavy.runs >= 2
    assert most[0] == 1
    assert at_once[0] == 0


def test_a_disk_that_fills_up_is_said_in_time(world: World) -> None:
    """The first sign of a full disk would be that no agent is answered."""
    jobs.watch_disk(world.desk, settings(low_disk_mib=0))
    with pytest.raises(RuntimeError, match=r"MiB are free .* make room"):
        jobs.watch_disk(world.desk, settings(low_disk_mib=1_000_000))


def test_the_schedule_holds_what_is_configured(
    world: World, tmp_path: Path, started: Callable[..., jobs.Jobs]
) -> None:
    """A configured job would never run, or one that was switched off would."""
    least = started(settings(backup_hours=0)).jobs
    assert set(least) == {
        "expire approvals",
        "watch the disk",
        "forget erased subjects",
        "keep what must be kept",
    }
    outside = tmp_path / "head"
    world.desk = anchored(world, f"file:{outside}")
    more = config.parse({"jobs": {"report": "weekly"}})
    planned = started(more).jobs
    assert {"back up", "periodic report", "anchor the head"} <= set(planned)
    for name in ("anchor the head", "forget erased subjects"):
        planned[name]()
        assert planned[name].last_error == ""
    assert outside.exists()


def test_the_schedule_really_runs_and_ends(world: World) -> None:
    """Everything above would be planned and never done, or outlive the service."""
    running = jobs.start(world.desk, settings(backup_hours=0))
    until = time.monotonic() + 10
    while not running.jobs["expire approvals"].runs and time.monotonic() < until:
        time.sleep(0.02)
    running.stop()
    assert running.jobs["expire approvals"].runs >= 1
    assert running.jobs["expire approvals"].last_error == ""
