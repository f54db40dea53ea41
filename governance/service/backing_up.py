"""Backing a workspace up while it works: the log, and apart from it the values that can be erased.

Law: both copies are consistent, neither holds a key, and that a backup was made is an entry. Backups
expire, because what was erased or pruned must not come back; until when copies may exist is told. The
copying is done beside the service.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from governance.oversight import people
from governance.service import child
from governance.service.acting import person
from governance.service.desk import SERVICE, Caller, Desk
from governance.service.problem import Problem
from governance.store.backup import (
    Backup,
    back_up,
    back_up_vault,
    expire_log_backups,
    expire_vault_backups,
    log_copies,
    recorded,
    vault_copies,
)
from governance.store.errors import StoreError
from governance.store.paths import Paths

_one_at_a_time = threading.Lock()


def backup(desk: Desk, caller: Caller) -> dict[str, Any]:
    """Copy log and vault into the workspace's `backups/`; administrators, or the service's own job.

    Returns `{folder, size, digest, values, expired}`: the log's copy with its number of entries and
    SHA-256, the vault's copy, and how many older copies had to go. Raises `Problem`.
    """
    if caller is not SERVICE:
        people.require(desk.state, person(caller), "back up")
    if not _one_at_a_time.acquire(blocking=False):
        raise Problem("conflict", "a backup is being made; wait for it")
    try:
        kept = desk.settings.values_kept
        made, values = child.run(copy, desk.workspace.paths, desk.now(), kept)
        expired = expire(desk)
        desk.ledger.record(recorded(made)).result()
    except StoreError as error:
        raise Problem("not-ready", str(error)) from error
    finally:
        _one_at_a_time.release()
    return {
        "folder": str(made.folder),
        "size": made.size,
        "digest": made.digest,
        "values": str(values),
        "expired": expired,
    }


def copy(paths: Paths, at: datetime, kept: timedelta) -> tuple[Backup, Path]:
    """Both copies; that of the values is kept for so long. Runs in a child process."""
    return back_up(paths, at), back_up_vault(paths, at, kept)


def expire(desk: Desk) -> int:
    """Delete the copies of log and values whose time is over; how many. With each backup, and daily."""
    paths, at, settings = desk.workspace.paths, desk.now(), desk.settings
    gone = expire_vault_backups(paths, at, settings.values_kept)
    gone += expire_log_backups(paths, at, desk.state.retention.minimum, settings.log_kept)
    return len(gone)


def values_copied_until(desk: Desk) -> datetime | None:
    """Until when a copy may hold values that are erased or pruned now; None: there is no copy."""
    kept = desk.settings.values_kept
    until = list(vault_copies(desk.workspace.paths, kept).values())
    if _one_at_a_time.locked():  # one that is being made may still hold them
        until.append(desk.now() + kept)
    return max(until, default=None)


def log_copied_until(desk: Desk) -> datetime | None:
    """Until when a backup of the log may hold what was pruned; None: there is no such backup."""
    settings, minimum = desk.settings, desk.state.retention.minimum
    copies = log_copies(desk.workspace.paths, minimum, settings.log_kept).values()
    until = [end for end, holds in copies if holds]
    if minimum and _one_at_a_time.locked():
        until.append(desk.now() + settings.log_kept)
    return max(until, default=None)
