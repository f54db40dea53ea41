"""A workspace: everything one installation owns, in one folder, opened by one process.

The law: the lock first, then the keys, then the checks, then the log. What cannot be opened is
left exactly as it was found, and the lock is given back.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event

from audit.entry import Entry
from audit.head import fitting
from audit.note import Signer, split
from governance.store import repair
from governance.store.backfill import Backfill
from governance.store.batch import Writer
from governance.store.blobs import blobs_of
from governance.store.clock import Clock, LogClock, SystemClock
from governance.store.database import ERRORS, Database
from governance.store.diskwatch import watch
from governance.store.errors import CannotOpen, CannotSign
from governance.store.fold import Fold, State
from governance.store.founding import found
from governance.store.fsck_server import other_functions
from governance.store.guards import GUARDED
from governance.store.headfile import HeadFile
from governance.store.keyring import USUAL as USUAL_KEY
from governance.store.keyring import KeyRing, Wanted
from governance.store.lanes import USUAL, Limits
from governance.store.ledger import SERVICE, Ledger, Make, own
from governance.store.migrations import bring_up_to_date
from governance.store.moving import require_not_moving
from governance.store.opening import check_head, read_log
from governance.store.ownership import OwnerLock
from governance.store.paths import Paths
from governance.store.position import Head, Position
from governance.store.reader import Reader
from governance.store.readmodel import Views
from governance.store.sameday import check_vault, require_vault
from governance.store.sealing import VaultKey
from governance.store.snapshots import EVERY, Folded, Snapshots
from governance.store.sqlite import Connection, SqliteFile
from governance.store.turns import Turns
from governance.store.vault import Vault

log = logging.getLogger(__name__)


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
        self.reader = Reader(paths.log_database)
        self.blobs = blobs_of(paths)
        self.vault_engine = vault_engine(paths.vault_database)
        self._lock, self._snapshots = lock, snapshots
        self.on_news(self._elsewhere)
        self.backfill = Backfill(ledger, self.reader)
        self.views = Views(paths.views, self.reader, self.origin, ledger.writer.tail)
        ledger.after_commit(self.views.notice)

    def on_news(self, tell: Callable[[int, Entry], None]) -> None:
        """Have `tell` called with index and entry of whatever other processes record, if it is more than
        an inert entry (see `Fold`).

        On the ledger's thread, before anything is decided from the state after it; it must be quick.
        """
        self.ledger.writer.on_news(tell)

    def _elsewhere(self, _index: int, entry: Entry) -> None:
        if entry.kind == "data.erased":
            self.vault.forgotten_elsewhere(str(entry.data["subject"]))
        elif entry.kind == "service.snapshot":
            self._snapshots.seen(int(entry.data["size"]))

    @property
    def kind(self) -> str:
        """Which product holds the log: `sqlite` or `postgresql`."""
        return "postgresql" if self.shared else "sqlite"

    @property
    def shared(self) -> bool:
        """Whether other processes may serve the same log."""
        return self.paths.log_database.shared

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
        """The verifier keys that the log names now, the newest first; also one that is not here."""
        return self.ring.named(self.fold.log_keys(self.ledger.writer.position.state))

    @classmethod
    def create(
        cls,
        root: Path,
        origin: str,
        *,
        head: Path | None = None,
        key: Wanted = USUAL_KEY,
        database: str | None = None,
    ) -> Paths:
        """Make a new, empty workspace in `root`; see `governance.store.founding.found`."""
        return found(root, origin, head=head, key=key, database=database)

    @classmethod
    def open(
        cls,
        root: Path,
        fold: Fold,
        *,
        version: str | None = None,
        head: Path | None = None,
        database: str | None = None,
        limits: Limits = USUAL,
        clock: Clock | None = None,
        seams: Seams = NO_SEAMS,
        snapshot_every: int = EVERY,
        without_keys: Collection[str] = (),
    ) -> Workspace:
        """Open a workspace and start its ledger. With `version`, the start is recorded.

        `database` is the address of a server, if not the one in the settings. `without_keys`: ids of
        log keys that are lost; the others sign without them. Raises `NotOwner` if another process
        has the folder, `CannotOpen` for anything that does not fit.
        """
        paths = Paths(root, head, database)
        require_not_moving(paths)
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
        self.ledger.record(_started(self.fold, self.origin, version, self.ledger.size)).result()

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


def vault_engine(database: Database) -> Engine:
    """An SQLAlchemy engine on the vault, for the rows of local accounts."""
    if not isinstance(database, SqliteFile):
        from governance.store.postgres import Server, engine_of  # see `database.server`

        assert isinstance(database, Server)
        return engine_of(database)
    engine = create_engine(f"sqlite:///{database.path}", connect_args={"timeout": 10})

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
    database = paths.log_database
    require_vault(paths)
    for place, name in ((database, "log"), (paths.vault_database, "vault")):
        bring_up_to_date(place, name)
    head = HeadFile(paths.head)
    try:
        db = database.writer(guarded=GUARDED)
    except BaseException:
        head.close()
        raise
    try:
        if database.shared:  # as of one moment, though others write
            db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        folded, note, repaired = _proven(paths, db, fold, ring, head)
        vault = _open_vault(paths, vault_key, clock, seams, db, folded.frontier.size)
        if database.shared:
            db.execute("COMMIT")
            _look_at_guards(database, db)
        position = Position(folded.frontier, folded.frontier.root(), folded.state)
        log_clock = LogClock(clock, folded.last_at, jumped=fold.clock_jumped(folded.state))
        turns = None
        if database.shared:
            started = _started(fold, ring.origin, "outage")
            turns = Turns(str(database), fold, ring, log_clock, lambda: own(started))
            turns.note = note
        writer = Writer(
            seams.log(db), vault, seams.head(head), fold, ring, position, database, turns
        )
        volumes = (paths.root, paths.head.parent)
        ledger = Ledger(writer, clock, log_clock, limits, watch=watch(volumes))
        snapshots = Snapshots(ledger, fold, folded.snapshot, snapshot_every)
        workspace = Workspace(paths, lock, ledger, vault, snapshots, fold)
        workspace.views.start()
    except BaseException as error:
        db.close()
        head.close()
        if isinstance(error, ERRORS):
            raise CannotOpen(database.explain(error)) from error
        raise
    ledger.start()
    snapshots.start()
    try:
        if position.size == 0:
            _record_restore(db, ledger)
        if repaired is not None:
            repair.record(ledger, repaired)
    except BaseException:
        workspace.close()
        raise
    return workspace


def _look_at_guards(database: Database, db: Connection) -> None:
    """Say it if a server's guards are of another version: the service's role cannot replace them."""
    if other_functions(db):
        log.warning(
            "the guards in `%s` are not those of this version; have the owner run "
            "`governance database prepare`",
            database,
        )


def _prove(ring: KeyRing, vkeys: tuple[str, ...], note: str) -> None:
    """Every key that is to sign does so now, over what the log has signed. Raises `CannotOpen`."""
    try:
        ring.prove(vkeys, split(note)[0])
    except CannotSign as error:
        raise CannotOpen(str(error)) from error
    ring.follow(vkeys)


def _started(fold: Fold, origin: str, version: str, after: int | None = None) -> Make:
    """The entry that says that a service begins to write after so many entries."""

    def make(_state: State, at: datetime, index: int) -> tuple[Entry, ...]:
        data = {
            "version": version,
            "semantics": fold.semantics,
            "origin": origin,
            "after_size": index if after is None else after,
        }
        return (Entry("service.started", at, SERVICE, data),)

    return make


def _record_restore(db: Connection, ledger: Ledger) -> None:
    """The first entry of a restored log, before anything else can be asked."""
    row = db.execute("SELECT value FROM meta WHERE name = 'first'").fetchone()
    if row is None:
        return
    data = json.loads(row[0])

    def make(_state: State, at: datetime, _index: int) -> tuple[Entry, ...]:
        return (Entry("service.restored", at, SERVICE, data),)

    ledger.record(make).result()


def _proven(
    paths: Paths, db: Connection, fold: Fold, ring: KeyRing, head: HeadFile
) -> tuple[Folded, str, dict[str, Any] | None]:
    """The log, its newest checkpoint and a repair nobody recorded yet; the head file follows it."""
    database = paths.log_database
    folded, note = read_log(database, db, fold, ring.followed)
    repaired = repair.pending(db)
    check_head(database, db, folded.frontier.size, head.note, ring.followed)
    _prove(ring, fold.log_keys(folded.state), note)
    if head.note != fitting(note):
        try:
            head.write(note)
        except OSError as error:
            raise CannotOpen(f"the head file `{paths.head}` cannot be written: {error}") from error
    return folded, note, repaired


def _open_vault(
    paths: Paths, key: VaultKey, clock: Clock, seams: Seams, log: Connection, size: int
) -> Vault:
    """The vault, held against the log; rows of a batch that never was are swept from a file."""
    database = paths.vault_database
    writer = seams.vault(database.writer(overwrite=True))
    vault = Vault(database, writer, database.reader(), key, clock.wall)
    try:
        check_vault(paths, log, vault)
        if not database.shared:
            vault.sweep(size)
    except BaseException:
        vault.close()
        raise
    return vault


def _require_log(paths: Paths) -> None:
    """Tell a folder that never was a workspace from one whose log is gone. Raises `CannotOpen`."""
    if paths.log_database.shared and paths.log.exists():
        raise CannotOpen(
            f"`{paths.root}` holds a log of its own (`{paths.log.name}`) and names the one in "
            f"`{paths.log_database}`, too; move the file away, or take `store.database` out of the "
            "settings. `governance move` brings a log to a server"
        )
    if paths.founded:
        return
    kept = (paths.head, paths.vault, paths.log_key, paths.ring)
    left = [path for path in kept if path.exists()]
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
