"""What the owner process does by itself, on a schedule.

Law: a job never decides. It calls a verb or carries bytes outside; what it changes is an entry like any
other, and a job that fails is logged, counted and tried again at its next turn, never silently dropped.
Jobs run in the one process that owns the log, so none runs twice; heavy work is done in child processes
by the verbs themselves. The schedule lives in memory: after a restart everything that is due is simply
due again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from governance.config import Config, ConfigError
from governance.service import asking, backing_up, erasing, reporting
from governance.service.desk import SERVICE, Desk

EXPIRY_SECONDS = 1
ANCHOR_SECONDS = 10
DISK_SECONDS = 30

# `jobs.report` in config.toml -> when, in the workspace's time zone: after the period has ended.
REPORTS: Mapping[str, dict[str, Any]] = {
    "weekly": {"day_of_week": "mon", "hour": 5},
    "monthly": {"day": 1, "hour": 5},
    "quarterly": {"month": "1,4,7,10", "day": 1, "hour": 5},
}

_log = structlog.get_logger("governance.jobs")


@dataclass
class Job:
    """One job and how it last went."""

    name: str
    run: Callable[[], None]
    runs: int = 0
    failures: int = 0
    last_error: str = ""

    def __call__(self) -> None:
        self.runs += 1
        try:
            self.run()
            self.last_error = ""
        except Exception as error:  # a job must never take the scheduler down
            self.failures += 1
            self.last_error = str(error) or type(error).__name__
            _log.error("job failed", job=self.name, error=self.last_error)


@dataclass
class Jobs:
    """The running schedule; `jobs` by name, for the health page and the metrics."""

    jobs: dict[str, Job] = field(default_factory=dict)
    scheduler: BackgroundScheduler = field(
        default_factory=lambda: BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(2)},
            # A job that is late runs once, now; it never runs beside itself.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )
    )

    def every(self, seconds: float, job: Job, *, first: float = 0.0) -> None:
        """Run `job` every so many seconds, the first time after `first`."""
        start = datetime.now(UTC) + timedelta(seconds=first)  # noqa: TID251 - a surface
        self._add(job, IntervalTrigger(seconds=seconds, timezone=UTC), start)

    def at(self, when: Mapping[str, Any], zone: str, job: Job) -> None:
        """Run `job` at the times of a cron-like mapping in a time zone."""
        self._add(job, CronTrigger(**when, timezone=zone), None)

    def _add(self, job: Job, trigger: Any, start: datetime | None) -> None:
        self.jobs[job.name] = job
        late = {"next_run_time": start} if start else {}
        self.scheduler.add_job(job, trigger, id=job.name, **late)

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
    if config.log.head_sink:
        sink = Path(config.log.head_sink)
        jobs.every(ANCHOR_SECONDS, Job("anchor the head", lambda: anchor(desk, sink)))
    if config.jobs.backup_hours:
        seconds = config.jobs.backup_hours * 3600
        jobs.every(seconds, Job("back up", lambda: _back_up(desk)), first=min(seconds, 3600))
    if config.jobs.report:
        _schedule_report(jobs, desk, config)
    jobs.scheduler.start()
    return jobs


def _schedule_report(jobs: Jobs, desk: Desk, config: Config) -> None:
    when = REPORTS.get(config.jobs.report)
    if when is None:
        known = ", ".join(f"`{name}`" for name in REPORTS)
        raise ConfigError(f"`jobs.report` is `{config.jobs.report}`; write {known}, or nothing")
    zone = config.workspace.time_zone
    jobs.at(when, zone, Job("periodic report", lambda: _report(desk, config.jobs.report)))


def _expire(desk: Desk) -> None:
    asking.expire(desk)


def _forget(desk: Desk) -> None:
    erasing.forget(desk)


def _back_up(desk: Desk) -> None:
    backing_up.backup(desk, SERVICE)


def _report(desk: Desk, period: str) -> None:
    start, end = last_period(period, desk.now())
    reporting.periodic(desk, SERVICE, start=start, end=end)


def last_period(period: str, at: datetime) -> tuple[datetime, datetime]:
    """The bounds of the last whole week, month or quarter before `at` (UTC, end not included)."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "weekly":
        end = day - timedelta(days=day.weekday())
        return end - timedelta(days=7), end
    months = 1 if period == "monthly" else 3
    end = day.replace(day=1, month=(day.month - 1) // months * months + 1)
    back = end.month - months
    begin = end.replace(month=back) if back > 0 else end.replace(year=end.year - 1, month=back + 12)
    return begin, end


def anchor(desk: Desk, sink: Path) -> None:
    """Put the signed head where the database's owner cannot take it back unnoticed.

    A fresh file, then a rename, both synced: whoever reads the sink sees a whole head. The sink only
    ever gets a larger log; one that holds more than we do means that this log was rolled back.
    """
    note = desk.reader.checkpoint()
    if sink.exists() and _size(sink.read_text(encoding="utf-8")) > _size(note):
        raise RuntimeError(
            f"`{sink}` holds a later head than this log has; compare them before going on"
        )
    fresh = sink.with_name(sink.name + ".new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(note)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(sink)
    folder = os.open(sink.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _size(checkpoint: str) -> int:
    return int(checkpoint.split("\n")[1])


def watch_disk(desk: Desk, config: Config) -> None:
    """Warn while there is still time; the ledger itself pauses when room is nearly gone."""
    free = shutil.disk_usage(desk.directory).free // (1024 * 1024)
    if free < config.jobs.low_disk_mib:
        raise RuntimeError(
            f"{free} MiB are free beside `{desk.directory}`, less than `jobs.low_disk_mib`; make room "
            "before answers have to pause"
        )
