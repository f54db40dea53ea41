"""Copies to fall back on: the log, and apart from it what can be erased.

The law: a backup of the log is consistent and complete, and holds no names and no values. A backup
of the vault does hold them, so it lies apart. Both have an expiry, after which they must be gone: an
erasure is complete when the last copy of the vault that knew the person has expired, a cut when the
last backup of the log from before it has. Neither holds a key.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from audit import checkpoint as checkpoints
from audit.disk import sync_directory, sync_file
from audit.entry import Entry
from audit.note import split
from governance.store.blobs import blobs_of
from governance.store.copies import copy_log, copy_vault
from governance.store.database import ERRORS
from governance.store.errors import CannotOpen, StoreError
from governance.store.ledger import SERVICE, Ledger, Make
from governance.store.paths import Paths
from governance.store.reader import minimum_of
from governance.store.sqlite import connect_reader

VAULT_KEPT = timedelta(days=30)
"""How long a copy of the vault is kept; the longest time for which what was erased is in one."""

LOG_KEPT = timedelta(days=90)
"""How long a backup of the log is kept."""

STAMP = "%Y-%m-%dT%H-%M-%S"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup of a log: its folder, what it holds, and the SHA-256 (hex) of its database."""

    folder: Path
    origin: str
    size: int
    root: str
    checkpoint: str
    digest: str
    at: str

    @property
    def database(self) -> Path:
        """The copied database."""
        return self.folder / "log.db"


def back_up(paths: Paths, at: datetime, ledger: Ledger | None = None) -> Backup:
    """Copy the log to a new folder under `backups/` and, with `ledger`, record that it was done.

    Reads only, so any process may do it while the owner works. Raises `StoreError`.
    """
    folder = paths.backups / at.strftime(STAMP)
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError as error:
        raise StoreError(f"there is a backup in `{folder}` already") from error
    except OSError as error:
        raise StoreError(f"cannot make the folder `{folder}`: {error.strerror}") from error
    try:
        copy_log(paths.log_database, folder / "log.db")
        _copy_blobs(paths, folder / "blobs")
        backup = _describe(folder, at)
        _write(folder / "backup.json", json.dumps(_manifest(backup), indent=1).encode())
        _write(folder / "checkpoint", backup.checkpoint.encode())
        sync_directory(folder)
        sync_directory(paths.backups)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if ledger is not None:
        ledger.record(recorded(backup)).result()
    return backup


def back_up_vault(paths: Paths, at: datetime, kept: timedelta = VAULT_KEPT) -> Path:
    """Copy the vault to `backups/vault/`; the file's name says when it expires."""
    folder = paths.backups / "vault"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{at.strftime(STAMP)}--until--{(at + kept).strftime(STAMP)}.db"
    copy_vault(paths.vault_database, path)
    sync_directory(folder)
    return path


def vault_copies(paths: Paths, kept: timedelta = VAULT_KEPT) -> dict[Path, datetime]:
    """Every copy of the vault and when it must be gone: backups, and what restores put aside."""
    copies = {}
    for path in sorted((paths.backups / "vault").glob("*--until--*.db")):
        until = _stamped(path.stem.partition("--until--")[2])
        if until is not None:
            copies[path] = until
    for path in sorted(paths.archive.glob("*/vault.db*")):
        put_aside = _stamped(path.parent.name)
        if put_aside is not None:
            copies[path] = put_aside + kept
    return copies


def expire_vault_backups(paths: Paths, at: datetime, kept: timedelta = VAULT_KEPT) -> list[Path]:
    """Delete the copies of the vault whose time is over; which."""
    gone = [path for path, until in vault_copies(paths, kept).items() if until <= at]
    for path in gone:
        path.unlink()
    return gone


def log_copies(
    paths: Paths, minimum: int, kept: timedelta = LOG_KEPT
) -> dict[Path, tuple[datetime, bool]]:
    """The backups of the log, newest first: when each must be gone, and whether it holds entries
    below `minimum`, which were pruned since."""
    copies = {}
    for folder in backups(paths):
        made = _stamped(folder.name)
        if made is not None:
            copies[folder] = (made + kept, _minimum_in(folder) < minimum)
    return copies


def expire_log_backups(
    paths: Paths, at: datetime, minimum: int, kept: timedelta = LOG_KEPT
) -> list[Path]:
    """Delete the backups of the log whose time is over; which.

    The newest one stays, unless it holds what was pruned since.
    """
    gone = [
        folder
        for place, (folder, (until, holds)) in enumerate(log_copies(paths, minimum, kept).items())
        if until <= at and (place or holds)
    ]
    for folder in gone:
        shutil.rmtree(folder)
    return gone


def _minimum_in(folder: Path) -> int:
    """Below which index the log in a backup was pruned."""
    try:
        db = connect_reader(folder / "log.db")
        try:
            return minimum_of(db)
        finally:
            db.close()
    except (CannotOpen, *ERRORS):
        return 0  # what cannot be read may hold anything


def _stamped(name: str) -> datetime | None:
    """The time that a file or folder is called by; None for what somebody renamed."""
    try:
        return datetime.strptime(name, STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def read_backup(folder: Path) -> Backup:
    """The backup in `folder`, its database held against its digest. Raises `CannotOpen`."""
    try:
        manifest = json.loads((folder / "backup.json").read_bytes())
        backup = Backup(
            folder,
            manifest["origin"],
            manifest["size"],
            manifest["root"],
            manifest["checkpoint"],
            manifest["digest"],
            manifest["at"],
        )
        digest = _digest(backup.database)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotOpen(f"`{folder}` is not a complete backup ({error})") from error
    if digest != backup.digest:
        raise CannotOpen(
            f"`{backup.database}` is not the file this backup was made of; it was altered"
        )
    return backup


def backups(paths: Paths) -> Iterator[Path]:
    """The folders of all backups of the log, newest first."""
    found = [path.parent for path in paths.backups.glob("*/backup.json")]
    return iter(sorted(found, reverse=True))


def _describe(folder: Path, at: datetime) -> Backup:
    database = folder / "log.db"
    reading = connect_reader(database)
    try:
        note = reading.execute(
            "SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1"
        ).fetchone()[0]
    finally:
        reading.close()
    head = checkpoints.parse(split(note)[0])
    return Backup(
        folder, head.origin, head.size, head.root.hex(), note, _digest(database), at.isoformat()
    )


def _manifest(backup: Backup) -> dict[str, object]:
    return {
        "origin": backup.origin,
        "size": backup.size,
        "root": backup.root,
        "checkpoint": backup.checkpoint,
        "digest": backup.digest,
        "at": backup.at,
    }


def recorded(backup: Backup) -> Make:
    """The entry that says that `backup` was made, for `Ledger.record`."""

    def make(_state: object, at: datetime, _index: int) -> tuple[Entry, ...]:
        data = {"size": backup.size, "digest": backup.digest}
        return (Entry("service.backup", at, SERVICE, data),)

    return make


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    os.chmod(path, 0o600)
    sync_file(path)


def _copy_blobs(paths: Paths, target: Path) -> None:
    """A blob is never changed; one that arrives meanwhile belongs to no entry copied before."""
    if not paths.log_database.shared:
        if paths.blobs.is_dir():
            shutil.copytree(paths.blobs, target, copy_function=_copy_synced)
        return
    for name, data in blobs_of(paths).everything():
        file = target / (name if "/" in name else f"{name[:2]}/{name}")
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(file, data)


def _copy_synced(source: str, target: str) -> None:
    shutil.copyfile(source, target)
    os.chmod(target, 0o600)
    sync_file(Path(target))
