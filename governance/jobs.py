"""What the owner process does by itself, on a schedule.

Law: a job never decides. It calls a verb or carries bytes outside; what it changes is an entry like any
other, and a job that fails is logged, counted and tried again at its next turn, never silently dropped.
Jobs run in the one process that owns the log, and none beside itself; heavy work is done in child
processes by the verbs. What is due is told by the log and the backups, so that a restart neither skips
nor repeats it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from governance.config import Config, ConfigError
from governance.service import anchoring, asking, backing_up, cutting, due, erasing, reporting
from governance.service.desk import SERVICE, Desk

EXPIRY_SECONDS = 1
ANCHOR_SECONDS = 5
"""How long one turn waits for anchors; one that takes longer goes on by itself."""

DISK_SECONDS = 30
IDEMPOTENCY_KEPT = timedelta(days=7)

REPORT_SECONDS = 600
RETENTION_SECONDS = 3_600
FIRST_BACKUP = timedelta(minutes=5)

PERIODS: Final = ("weekly", "monthly", "quarterly")
SETTLED: Final = timedelta(hours=5)
"""How long after a period has ended its report is made."""

AGAIN: Final = 60.0
"""Seconds until the same failure of a job is said again; it is counted each time."""

_log = structlog.get_logger("governance.jobs")


@dataclass
class Job:
    """One job and how it last went."""

    name: str
    run: Callable[[], None]
    runs: int = 0
    failures: int = 0
    last_error: str = ""

    _said: float = 0.0

    def __call__(self) -> None:
        self.runs += 1
        try:
            self.run()
        except Exception as error:  # a job must never take the scheduler down
            self._failed(str(error) or type(error).__name__)
        else:
            if self.last_error:
                _log.info("job works again", job=self.name)
            self.last_error = ""

    def _failed(self, error: str) -> None:
        self.failures += 1
        if error != self.last_error or monotonic() - self._said >= AGAIN:
            self._said = monotonic()
            _log.error("job failed", job=self.name, error=error, failures=self.failures)
        self.last_error = error


@dataclass
class Jobs:
    """The running schedule; `jobs` by name, for the health page and the metrics."""

    jobs: dict[str, Job] = field(default_factory=dict)
    scheduler: BackgroundScheduler = field(
        default_factory=lambda: BackgroundScheduler(
            # What takes long must not hold up what is due each second.
            executors={
                "default": ThreadPoolExecutor(2),
                "heavy": ThreadPoolExecutor(1),
                "anchors": ThreadPoolExecutor(1),
            },
            # A job that is late runs once, now; it never runs beside itself.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )
    )

    def every(
        self,
        seconds: float,
        job: Job,
        *,
        first: float = 0.0,
        heavy: bool = False,
        pool: str = "default",
    ) -> None:
        """Run `job` every so many seconds, the first time after `first`."""
        self.jobs[job.name] = job
        start = datetime.now(UTC) + timedelta(seconds=first)  # noqa: TID251 - a surface
        self.scheduler.add_job(
            job,
            IntervalTrigger(seconds=seconds, timezone=UTC),
            id=job.name,
            next_run_time=start,
            executor="heavy" if heavy else pool,
        )

    def stop(self) -> None:
        """End the schedule; a job that runs is waited for."""
        if self.scheduler.running:
            self.scheduler.shutdown(wait=True)


def start(desk: Desk, config: Config) -> Jobs:
    """Schedule everything for one open workspace and begin. Raises ConfigError."""
    jobs = Jobs()
    jobs.every(EXPIRY_SECONDS, Job("expire approvals", lambda: _expire(desk)))
    jobs.every(DISK_SECONDS, Job("watch the disk", lambda: watch_disk(desk, config)))
    jobs.every(86_400, Job("forget erased subjects", lambda: _forget(desk)), first=600)
    job = Job("keep what must be kept", lambda: retain(desk))
    jobs.every(RETENTION_SECONDS, job, first=300, heavy=True)
    if desk.anchors.stations:
        job = Job("anchor the head", lambda: anchor(desk))
        jobs.every(config.anchoring.every_seconds, job, pool="anchors")
    if config.jobs.backup_hours:
        every = timedelta(hours=config.jobs.backup_hours)
        first = backup_due(desk, every).total_seconds()
        job = Job("back up", lambda: _back_up(desk))
        jobs.every(every.total_seconds(), job, first=first, heavy=True)
    if config.jobs.report:
        period, zone = known_period(config.jobs.report), ZoneInfo(config.workspace.time_zone)
        job = Job("periodic report", lambda: report(desk, period, zone))
        jobs.every(REPORT_SECONDS, job, first=30, heavy=True)
    jobs.scheduler.start()
    return jobs


def known_period(name: str) -> str:
    """`jobs.report` as configured; raises ConfigError for a period nobody knows."""
    if name not in PERIODS:
        told = ", ".join(f"`{each}`" for each in PERIODS)
        raise ConfigError(f"`jobs.report` is `{name}`; write one of {told}, or nothing")
    return name


def backup_due(desk: Desk, every: timedelta) -> timedelta:
    """How long until the next backup, counted from the last one wherever that was made."""
    last = due.last_backup(desk)
    wait = FIRST_BACKUP if last is None else last + every - desk.now()
    return max(wait, FIRST_BACKUP)


def _expire(desk: Desk) -> None:
    asking.expire(desk)


def _forget(desk: Desk) -> None:
    erasing.forget(desk)
    desk.workspace.forget_idempotency(desk.now() - IDEMPOTENCY_KEPT)


def retain(desk: Desk) -> None:
    """Finish a cut that was decided, delete copies whose time is over, once a day cut by schedule."""
    cutting.finish(desk)
    backing_up.expire(desk)
    cut = desk.state.retention.cut
    if cut is None or desk.now() - cut.at >= timedelta(days=1):
        cutting.scheduled(desk)


def _back_up(desk: Desk) -> None:
    backing_up.backup(desk, SERVICE)


def report(desk: Desk, period: str, zone: ZoneInfo) -> None:
    """Make the report of the last whole period, once, some hours after the period has ended."""
    start, end = last_period(period, desk.now().astimezone(zone))
    settled = desk.now() >= end + SETTLED
    began_before = desk.reader.entry(desk.reader.minimum).at < end
    if settled and began_before and not due.reported_since(desk, end):
        reporting.periodic(desk, SERVICE, start=start, end=end)


def last_period(period: str, at: datetime) -> tuple[datetime, datetime]:
    """The bounds of the last whole week, month or quarter before `at`, in the time zone of `at`.

    Midnights of that zone; the end is not included. Weeks begin on Mondays (ISO 8601).
    """
    day = at.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if period == "weekly":
        end = day - timedelta(days=day.weekday())
        return end - timedelta(days=7), end
    months = 1 if period == "monthly" else 3
    end = day.replace(day=1, month=(day.month - 1) // months * months + 1)
    back = end.month - months
    begin = end.replace(month=back) if back > 0 else end.replace(year=end.year - 1, month=back + 12)
    return begin, end


def anchor(desk: Desk) -> None:
    """Hand the head to the anchors that are due; raises for those that fail."""
    failed = anchoring.anchor(desk, wait=ANCHOR_SECONDS)
    if failed:
        raise RuntimeError("; ".join(failed))


def watch_disk(desk: Desk, config: Config) -> None:
    """Warn while there is still time; the ledger itself pauses when room is nearly gone."""
    free = shutil.disk_usage(desk.directory).free // (1024 * 1024)
    if free < config.jobs.low_disk_mib:
        raise RuntimeError(
            f"{free} MiB are free beside `{desk.directory}`, less than `jobs.low_disk_mib`; make room "
            "before answers have to pause"
        )
