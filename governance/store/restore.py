"""Going on after the log was lost, without pretending that it was not.

The law: a restored log never continues the old one. It has a new origin and a new key; its first
entry names the old origin, the last head known from anywhere, the backup, and the digest of the
state it begins with. The fold turns that entry into a stop of everything: approvals are expired,
sessions closed, windows *cannot tell*, until two people lift the stop. Whatever was there before
is put aside in `archive/`, never deleted.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from audit import checkpoint as checkpoints
from audit.checkpoint import Checkpoint, open_checkpoint
from audit.disk import sync_directory
from audit.errors import LogError
from audit.keys import Verifier
from audit.note import split
from governance.oversight.times import micros
from governance.store import vaults
from governance.store.backup import Backup, back_up, backups, read_backup
from governance.store.clock import Clock
from governance.store.errors import CannotOpen, StoreError
from governance.store.fold import Fold
from governance.store.founding import Beginning, found_log
from governance.store.headfile import read_note
from governance.store.keyring import USUAL, KeyRing, Wanted, public_keys
from governance.store.opening import read_log
from governance.store.ownership import OwnerLock
from governance.store.paths import Paths
from governance.store.snapshots import Folded
from governance.store.sqlite import connect_reader, explain
from governance.store.workspace import Workspace

_CARRIED = ("totals", "given_back")
NEVER = 2**62


class Restored(NamedTuple):
    """What a restore did: new and old origin, the last head known, what it could not bring back."""

    origin: str
    old_origin: str
    known: int
    restored: int
    archive: Path


def _nobody(_origin: str) -> Iterable[str]:
    return ()


def restore(
    root: Path,
    folder: Path,
    fold: Fold,
    at: datetime,
    *,
    acknowledge: bool,
    origin: str | None = None,
    head: Path | None = None,
    vault: Path | None = None,
    known_heads: Iterable[str] = (),
    outside: Callable[[str], Iterable[str]] = _nobody,
    clock: Clock | None = None,
    key: Wanted = USUAL,
) -> Restored:
    """Open a new log in the workspace `root` from the backup in `folder`.

    `known_heads` are checkpoints of the old log from receipts, reports or witnesses; the newest
    one that is genuine is named, so that everybody sees how much is missing. `outside` gives what
    anchors show for the old log's name; what is not genuine there is left out. `origin` names the
    new log, `key` says where the key that signs it is kept. `vault` is a backup of the vault to go back to, for when the vault is lost, too; what
    the log's backup says was erased is erased from it again. Raises `CannotOpen` without
    `acknowledge`, and for a backup that does not hold.
    """
    paths = Paths(root, head)
    if paths.address:
        raise CannotOpen(
            f"the log of `{root}` is on a server (`{paths.log_database}`), which a restore leaves "
            "alone; restore into a new folder with `-w`, then bring that to a new database with "
            "`governance move`"
        )
    backup = read_backup(folder)
    if not acknowledge:
        raise CannotOpen(
            f"a restore opens a new log and leaves the old one behind: entries from {backup.size} "
            "on are lost, open approvals expire, and everything is stopped until two people lift "
            "it. If that is meant, run `governance restore --acknowledge`"
        )
    for place in (paths.root, paths.keys, paths.policies, paths.reports, paths.backups):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = OwnerLock(paths.lock)
    try:
        old = _verifiers(paths, backup)
        folded = _fold(backup, fold, old)
        last = _last_known(paths, backup, old, known_heads, outside)
        name = origin or f"{re.sub('/r[0-9TZ]+$', '', backup.origin)}/r{at:%Y%m%dT%H%M%SZ}"
        staged = _stage(paths, name, backup, last, folded, fold, key)
        archive = _archive(paths, at)
        if not vaults.prepare(paths, backup, vault, archive):
            _forget_who(staged.log, at)
        _put_aside(paths, backup, archive)
        _move_in(staged, paths, backup)
    finally:
        lock.release()
    Workspace.open(root, fold, head=head, clock=clock).close()
    return Restored(name, backup.origin, last.size, backup.size, archive)


def newest(paths: Paths, fold: Fold, at: datetime) -> Path:
    """The backup from which least is lost: a copy of the workspace's own log, made now, if that
    log still holds what it signed, else the largest of its backups. Raises `CannotOpen`."""
    if paths.log.exists():
        lock = OwnerLock(paths.lock)
        try:
            own = back_up(paths, at)
            _fold(own, fold, _verifiers(paths, own))
            others = [read_backup(folder).size for folder in backups(paths) if folder != own.folder]
            if own.size >= max(others, default=0):
                return own.folder
        except (StoreError, LogError):
            pass  # the log is what is damaged: then one of the backups
        finally:
            lock.release()
    sizes = {}
    for folder in backups(paths):
        with suppress(StoreError):
            sizes[folder] = read_backup(folder).size
    if not sizes:
        raise CannotOpen(
            f"there is no backup in `{paths.backups}` and no log to go on from; name the folder of "
            "a backup: `governance restore BACKUP --acknowledge`"
        )
    return max(sizes, key=lambda folder: (sizes[folder], folder.name))


def _stage(
    paths: Paths,
    origin: str,
    backup: Backup,
    last: Checkpoint,
    folded: Folded,
    fold: Fold,
    key: Wanted,
) -> Paths:
    """Build the new log in a folder of its own; nothing of the old one is touched yet."""
    staged = Paths(paths.root / "restoring")
    shutil.rmtree(staged.root, ignore_errors=True)
    staged.keys.mkdir(mode=0o700, parents=True)
    ring = KeyRing.create(staged, origin, key)
    state = fold.dump(folded.state)
    first = {
        "origin": backup.origin,
        "size": last.size,
        "root": last.root.hex(),
        "backup": backup.digest,
        "state": hashlib.sha256(state).hexdigest(),
    }
    found_log(staged, ring, Beginning(state, folded.last_at, first))
    _carry_facts(staged.log, backup.database)
    return staged


def _move_in(staged: Paths, paths: Paths, backup: Backup) -> None:
    """Put the new log in its place, the head last: until then nothing can be opened."""
    try:
        if (backup.folder / "blobs").is_dir():
            shutil.copytree(backup.folder / "blobs", paths.blobs, dirs_exist_ok=True)
        if staged.log_key.exists():  # else the new key is kept elsewhere
            shutil.move(staged.log_key, paths.log_key)
        shutil.move(staged.ring, paths.ring)
        shutil.move(staged.log, paths.log)
        shutil.move(staged.head, paths.head)
        shutil.rmtree(staged.root)
        for folder in (paths.keys, paths.root, paths.head.parent):
            sync_directory(folder)
    except OSError as error:
        raise CannotOpen(
            f"the restored log could not be put in its place ({error}); run the restore again"
        ) from error


def _verifiers(paths: Paths, backup: Backup) -> tuple[Verifier, ...]:
    """The old log's keys, if they are still there."""
    try:
        verifiers = public_keys(paths)
    except CannotOpen:
        return ()
    return tuple(verifier for verifier in verifiers if verifier.name == backup.origin)


def _fold(backup: Backup, fold: Fold, verifiers: tuple[Verifier, ...]) -> Folded:
    """What the backup adds up to; the backup must hold what its checkpoint signs."""
    db = connect_reader(backup.database)
    try:
        folded, _ = read_log(backup.database, db, fold, verifiers)
    finally:
        db.close()
    return folded


def _last_known(
    paths: Paths,
    backup: Backup,
    verifiers: tuple[Verifier, ...],
    known: Iterable[str],
    outside: Callable[[str], Iterable[str]],
) -> Checkpoint:
    """The largest genuine head: of the backup, the head file, what people brought or anchors show."""
    heads = [checkpoints.parse(split(backup.checkpoint)[0])]
    for note in (read_note(paths.head), *known):
        if note is None:
            continue
        try:
            if not verifiers:
                head = checkpoints.parse(split(note)[0])
            else:
                head = open_checkpoint(note, verifiers, backup.origin)
        except LogError as error:
            raise CannotOpen(f"a head of `{backup.origin}` is not genuine: {error}") from error
        if head.origin == backup.origin:
            heads.append(head)
    for note in outside(backup.origin) if verifiers else ():
        with suppress(LogError):  # anybody may have written there
            heads.append(open_checkpoint(note, verifiers, backup.origin))
    return max(heads, key=lambda head: head.size)


def _archive(paths: Paths, at: datetime) -> Path:
    """A folder for what is put aside."""
    archive = paths.archive / f"{at:%Y-%m-%dT%H-%M-%S}"
    try:
        archive.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise CannotOpen(f"cannot make the folder `{archive}`: {error.strerror}") from error
    return archive


def _put_aside(paths: Paths, backup: Backup, archive: Path) -> None:
    """Move the old log, its head and its keys to `archive`, beside a copy of what was restored."""
    try:
        shutil.copyfile(backup.database, archive / "restored-from.db")
        for path in (
            paths.log,
            paths.log.with_name("log.db-wal"),
            paths.log.with_name("log.db-shm"),
            paths.views,
            paths.head,
            paths.log_key,
            paths.ring,
            *paths.keys.glob("log-*.key"),
        ):
            if path.exists():
                shutil.move(path, archive / path.name)
        for suffix in ("-wal", "-shm"):
            paths.views.with_name(paths.views.name + suffix).unlink(missing_ok=True)
        os.chmod(archive / "restored-from.db", 0o600)
        sync_directory(archive)
        sync_directory(paths.root)
    except OSError as error:
        raise CannotOpen(f"cannot put the old log aside in `{archive}`: {error}") from error


def _forget_who(log: Path, at: datetime) -> None:
    """What was counted for a data subject before `at` cannot be told: pseudonyms may be new."""
    db = sqlite3.connect(log, isolation_level=None)
    try:
        db.execute("INSERT INTO meta VALUES ('forgotten', ?)", (str(micros(at)).encode(),))
    except sqlite3.Error as error:
        raise StoreError(explain(error, log)) from error
    finally:
        db.close()


def _first_cut(db: sqlite3.Connection) -> int | None:
    """Which entry first cut the attached old log; None if it was never cut."""
    if db.execute("SELECT 1 FROM old.sqlite_master WHERE name = 'cuts'").fetchone() is None:
        return None
    found: int | None = db.execute("SELECT MIN(entry) FROM old.cuts").fetchone()[0]
    return found


def _carry_facts(log: Path, old: Path) -> None:
    """Take the running totals along: a restore gives nobody a fresh budget."""
    db = sqlite3.connect(log, isolation_level=None)
    try:
        db.execute("ATTACH ? AS old", (str(old),))
        db.execute("BEGIN IMMEDIATE")
        for table in _CARRIED:
            db.execute(f"INSERT INTO {table} SELECT * FROM old.{table}")  # noqa: S608
        first = _first_cut(db)
        # 1: counted only since after the old log was first cut, so that its whole cannot be told
        db.execute(
            "INSERT INTO series (series, since) "
            "SELECT series, CASE WHEN since > ? THEN 1 ELSE 0 END FROM old.series",
            (NEVER if first is None else first,),
        )
        db.execute("COMMIT")
    except sqlite3.Error as error:
        raise StoreError(explain(error, log)) from error
    finally:
        db.close()
