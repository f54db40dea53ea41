"""What is due by itself: told by the log and the backups, not by the memory of a process.

Law: a restart neither skips nor repeats what is due; whoever asks is told when it was last done.
"""

from __future__ import annotations

from datetime import UTC, datetime

from governance.oversight.times import micros
from governance.service.desk import SERVICE_ID, Desk
from governance.store.backup import STAMP, backups

PATIENCE = 5.0
"""Seconds to wait for the lists to have read the newest entries."""


def last_backup(desk: Desk) -> datetime | None:
    """When the newest backup was made, as its folder is called; None if there is none."""
    for folder in backups(desk.workspace.paths):
        try:
            return datetime.strptime(folder.name, STAMP).replace(tzinfo=UTC)
        except ValueError:
            continue  # a folder that somebody renamed
    return None


def reported_since(desk: Desk, at: datetime) -> bool:
    """Whether the service itself has issued a periodic report since `at`."""
    views = desk.workspace.views
    views.wait_for(desk.state.size, PATIENCE)
    newest = views.entries(kind="report.issued", actor=SERVICE_ID, limit=1)
    return any(line.at >= micros(at) for line in newest)
