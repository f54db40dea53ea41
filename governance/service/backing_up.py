"""Backing a workspace up while it works: the log, and apart from it the values that can be erased.

Law: both copies are consistent, neither holds a key, and that a backup was made is an entry. A backup of
values expires, because what was erased must not come back. The copying is done beside the service.
"""

from __future__ import annotations

import threading
from datetime import datetime
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
    expire_vault_backups,
    recorded,
)
from governance.store.errors import StoreError
from governance.store.paths import Paths

_one_at_a_time = threading.Lock()


def backup(desk: Desk, caller: Caller) -> dict[str, Any]:
    """Copy log and vault into the workspace's `backups/`; administrators, or the service's own job.

    Returns `{folder, size, digest, values, expired}`: the log's copy with its number of entries and
    SHA-256, the vault's copy, and how many copies of the vault had to go. Raises `Problem`.
    """
    if caller is not SERVICE:
        people.require(desk.state, person(caller), "back up")
    if not _one_at_a_time.acquire(blocking=False):
        raise Problem("conflict", "a backup is being made; wait for it")
    try:
        made, values, expired = child.run(copy, desk.workspace.paths, desk.now())
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


def copy(paths: Paths, at: datetime) -> tuple[Backup, Path, int]:
    """Both copies, and how many old ones of the vault had to go. Runs in a child process."""
    made = back_up(paths, at)
    values = back_up_vault(paths, at)
    return made, values, len(expire_vault_backups(paths, at))
