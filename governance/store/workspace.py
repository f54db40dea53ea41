"""A workspace: everything one installation owns, in one folder, opened by one process.

The law: the lock first, then the keys, then the checks, then the log. What cannot be opened is
left exactly as it was found, and the lock is given back.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, create_engine, event

from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.entry import Entry
from audit.head import fitting
from audit.note import Signer, split
from audit.tree import empty_root
from governance.store import repair
from governance.store.backfill import Backfill
from governance.store.batch import Head, Position, Writer
from governance.store.clock import Clock, LogClock, SystemClock
from governance.store.diskwatch import watch
from governance.store.errors import CannotOpen, CannotSign
from governance.store.fold import Fold, State
from governance.store.guards import GUARDED
from governance.store.headfile import HeadFile, sync_directory
from governance.store.keyring import USUAL as USUAL_KEY
from governance.store.keyring import KeyRing, Wanted
from governance.store.lanes import USUAL, Limits
from governance.store.ledger import SERVICE, Ledger
from governance.store.migrations import bring_up_to_date
from governance.store.opening import check_head, read_log
from governance.store.ownership import OwnerLock
from governance.store.paths import Paths
from governance.store.reader import Reader
from governance.store.readmodel import Views
from governance.store.sameday import check_vault, require_vault
from governance.store.sealing import VaultKey
from governance.store.snapshots import EVERY, Snapshots
from governance.store.sqlite import Connection, connect_reader, connect_writer, explain
from governance.store.vault import Vault


def _same(thing: Any) -> Any:
    return thing


@dataclass(frozen=True, slots=True)
class Seams:
    """What tests put between the ledger and the disk."""

    log: Callable[[Connection], Connection] = _same
    vault: Callable[[Connection], Connection] = _same
    head: Callable[[Head], Head] = _same


NO_SEAMS = Seams()


class Workspace:
    """An open workspace; this process is its owner. Make one with `create`, then `open`."""

    def __init__(
        self,
        paths: Paths,
        lock: OwnerLock,
        ledger: Ledger,
        vault: Vault,
        snapshots: Snapshots,
        fold: Fold,
    ) -> None:
        self.paths, self.ledger, self.vault, self.fold = paths, ledger, vault, fold
        self.reader = Reader(paths.log)
        self.vault_engine = vault_engine(paths.vault)
        self._lock, self._snapshots = lock, snapshots
        self.backfill = Backfill(ledger, self.reader)
        self.views = Views(paths.views, self.reader, self.origin)
        ledger.after_commit(lambda position: self.views.notice(position.size))

    @property
    def origin(self) -> str:
        """The log's name, which is also that of its keys."""
        return self.ring.origin

    @property
    def ring(self) -> KeyRing:
        """The keys of the log."""
        return self.ledger.writer.ring

    @property
    def signers(self) -> tuple[Signer, ...]:
        """Who signs the log now, the newest first; two while one key takes over from another."""
        return self.ring.signers(self.fold.log_keys(self.ledger.writer.position.state))

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The verifier keys of `signers`, to be handed out; each of them suffices."""
        return tuple(signer.verifier.vkey for signer in self.signers)

    @classmethod
    def create(
        cls, root: Path, origin: str, *, head: Path | None = None, key: Wanted = USUAL_KEY
    ) -> Paths:
        """Make a new, empty workspace in `root`, whose log is called `origin` and signed by `key`.

        Raises `CannotOpen` if there is one already, or the folder cannot be used.
        """
        paths = Paths(root, head)
        try:
            for folder in (root, paths.keys, paths.policies, paths.reports, paths.backups):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise CannotOpen(f"cannot make the folder `{root}`: {error.strerror}") from error
        lock = OwnerLock(paths.lock)
        try:
            for there in (paths.log, paths.vault, paths.log_key, paths.ring):
                if there.exists():
                    raise CannotOpen(
                        f"`{root}` holds a workspace already (`{there.name}` is there); choose "
                        "another folder"
                    )
            ring = KeyRing.create(paths, origin, key)
            VaultKey.create(paths.vault_key)
            bring_up_to_date(paths.vault, "vault")
            found_log(paths, ring)
            sync_directory(paths.keys)
            ring.close()
        finally:
            lock.release()
        return paths

    @classmethod
    def open(
        cls,
        root: Path,
        fold: Fold,
        *,
        version: str | None = None,
        head: Path | None = None,
        limits: Limits = USUAL,
        clock: Clock | None = None,
        seams: Seams = NO_SEAMS,
        snapshot_every: int = EVERY,
        without_keys: Collection[str] = (),
    ) -> Workspace:
        """Open a workspace and start its ledger. With `version`, the start is recorded.

        `without_keys`: ids of log keys that are lost; the others sign without them.

        Raises `NotOwner` if another process has it, `CannotOpen` for anything that does not fit.
        """
        paths = Paths(root, head)
        _require_log(paths)
        lock = OwnerLock(paths.lock)
        try:
            workspace = _open(
                paths,
                lock,
                fold,
                limits,
                clock or SystemClock(),
                seams,
                snapshot_every,
                without_keys,
            )
        except BaseException:
            lock.release()
            raise
        if version is not None:
            workspace.record_start(version)
        return workspace

    def record_start(self, version: str) -> None:
        """Record that the service was started. Raises what the ledger raises."""
        after, origin, semantics = self.ledger.size, self.origin, self.fold.semantics

        def make(_state: State, at: datetime, _index: int) -> tuple[Entry, ...]:
            data = {
                "version": version,
                "semantics": semantics,
                "origin": origin,
                "after_size": after,
            }
            return (Entry("service.started", at, SERVICE, data),)

        self.ledger.record(make).result()

    def forget_idempotency(self, before: datetime) -> int:
        """Forget idempotency keys used before a time, so that they do not fill the disk; how many.

        A key that is forgotten may be used for another body.
        """
        facts = self.ledger.writer.facts
        return int(self.ledger.chore(lambda _db: facts.prune_idempotency(before)).result())

    def close(self) -> None:
        """Finish what is queued, close everything, give the lock back."""
        self._snapshots.close()
        self.ledger.close()
        self.views.close()
        self.reader.close()
        self.vault_engine.dispose()
        self.vault.close()
        self.ledger.writer.close()
        self.ring.close()
        self._lock.release()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Beginning(NamedTuple):
    """What a restored log begins with: a dumped state, the time of the old log's last entry, and
    the data of the `service.restored` that must be its first entry.
    """

    state: bytes
    last_at: int
    first: dict[str, Any]


def found_log(paths: Paths, ring: KeyRing, beginning: Beginning | None = None) -> None:
    """Make an empty log at `paths`: its schema, its origin, the head of the empty tree."""
    note = sign_checkpoint(Checkpoint(ring.origin, 0, empty_root()), *ring.signers(()))
    bring_up_to_date(paths.log, "log")
    db = connect_writer(paths.log)
    try:
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO meta VALUES ('origin', ?)", (ring.origin.encode(),))
        if beginning is not None:
            state, last_at, first = beginning
            db.execute("INSERT INTO meta VALUES ('carried', ?)", (state,))
            db.execute("INSERT INTO meta VALUES ('carried_at', ?)", (str(last_at).encode(),))
            db.execute("INSERT INTO meta VALUES ('first', ?)", (json.dumps(first).encode(),))
        db.execute("INSERT INTO checkpoints VALUES (0, 0, ?)", (note,))
        db.execute("COMMIT")
    except sqlite3.Error as error:
        raise CannotOpen(explain(error, paths.log)) from error
    finally:
        db.close()
    HeadFile.create(paths.head, note).close()
    sync_directory(paths.root)


def vault_engine(path: Path) -> Engine:
    """An SQLAlchemy engine on the vault, for the rows of local accounts."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 10})

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")

    return engine


def _open(
    paths: Paths,
    lock: OwnerLock,
    fold: Fold,
    limits: Limits,
    clock: Clock,
    seams: Seams,
    snapshot_every: int,
    without_keys: Collection[str],
) -> Workspace:
    ring = KeyRing.open(paths, clock=lambda: clock.wall() // 1_000_000, without=without_keys)
    vault_key = VaultKey.open(paths.vault_key)
    require_vault(paths)
    for path, database in ((paths.log, "log"), (paths.vault, "vault")):
        bring_up_to_date(path, database)
    head = HeadFile(paths.head)
    db = connect_writer(paths.log, guarded=GUARDED)
    try:
        folded, note = read_log(paths.log, db, fold, ring.verifiers)
        repaired = repair.pending(db)
        check_head(paths.log, db, folded.frontier.size, head.note, ring.verifiers)
        _prove(ring, fold.log_keys(folded.state), note)
        if head.note != fitting(note):
            head.write(note)
        size = folded.frontier.size
        vault = _open_vault(paths, vault_key, clock, seams)
        try:
            check_vault(paths, db, vault)
            vault.sweep(size)
        except BaseException:
            vault.close()
            raise
    except OSError as error:
        db.close()
        raise CannotOpen(f"the head file `{paths.head}` cannot be written: {error}") from error
    except BaseException:
        db.close()
        head.close()
        raise
    position = Position(folded.frontier, folded.frontier.root(), folded.state)
    writer = Writer(seams.log(db), vault, seams.head(head), fold, ring, position, paths.log)
    log_clock = LogClock(clock, folded.last_at, jumped=fold.clock_jumped(folded.state))
    volumes = (paths.root, paths.head.parent)
    ledger = Ledger(writer, clock, log_clock, limits, watch=watch(volumes))
    snapshots = Snapshots(ledger, fold, folded.snapshot, snapshot_every)
    workspace = Workspace(paths, lock, ledger, vault, snapshots, fold)
    ledger.start()
    snapshots.start()
    workspace.views.start()
    try:
        if size == 0:
            _record_restore(db, ledger)
        if repaired is not None:
            repair.record(ledger, repaired)
    except BaseException:
        workspace.close()
        raise
    return workspace


def _prove(ring: KeyRing, vkeys: tuple[str, ...], note: str) -> None:
    """Every key that is to sign does so now, over what the log has signed. Raises `CannotOpen`."""
    try:
        ring.prove(vkeys, split(note)[0])
    except CannotSign as error:
        raise CannotOpen(str(error)) from error
    ring.follow(vkeys)


def _record_restore(db: sqlite3.Connection, ledger: Ledger) -> None:
    """The first entry of a restored log, before anything else can be asked."""
    row = db.execute("SELECT value FROM meta WHERE name = 'first'").fetchone()
    if row is None:
        return
    data = json.loads(row[0])

    def make(_state: State, at: datetime, _index: int) -> tuple[Entry, ...]:
        return (Entry("service.restored", at, SERVICE, data),)

    ledger.record(make).result()


def _open_vault(paths: Paths, key: VaultKey, clock: Clock, seams: Seams) -> Vault:
    writer = seams.vault(connect_writer(paths.vault, overwrite=True))
    return Vault(paths.vault, writer, connect_reader(paths.vault), key, clock.wall)


def _require_log(paths: Paths) -> None:
    """Tell a folder that never was a workspace from one whose log is gone. Raises `CannotOpen`."""
    if paths.log.exists():
        return
    left = [path for path in (paths.head, paths.vault, paths.log_key) if path.exists()]
    if not left:
        raise CannotOpen(
            f"there is no workspace in `{paths.root}`; make one with `governance init {paths.root}`"
        )
    there = ", ".join(f"`{path.name}`" for path in left)
    raise CannotOpen(
        f"the log `{paths.log.name}` is missing from `{paths.root}`, but {there} of a workspace "
        "are there. Put the log back, with its `-wal` file if there is one; if it is lost, go on "
        "from the newest backup with `governance restore --acknowledge`"
    )
