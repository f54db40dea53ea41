"""Making what an empty workspace begins with: keys, a log of no entries, a vault of no values.

The law: nothing is founded where something is. The head of the empty tree is signed and kept before
anybody can add to it.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.disk import sync_directory
from audit.tree import empty_root
from governance.store.database import ERRORS
from governance.store.errors import CannotOpen
from governance.store.headfile import HeadFile
from governance.store.keyring import USUAL, KeyRing, Wanted
from governance.store.migrations import bring_up_to_date
from governance.store.ownership import OwnerLock
from governance.store.paths import Paths
from governance.store.sealing import VaultKey


class Beginning(NamedTuple):
    """What a restored log begins with: a dumped state, the time of the old log's last entry, and
    the data of the `service.restored` that must be its first entry.
    """

    state: bytes
    last_at: int
    first: dict[str, Any]


def found(
    root: Path,
    origin: str,
    *,
    head: Path | None = None,
    key: Wanted = USUAL,
    database: str | None = None,
) -> Paths:
    """Make a new, empty workspace in `root`, whose log is called `origin` and signed by `key`.

    `database` is the address of a server that was prepared, if the log is to be there. Raises
    `CannotOpen` if there is a log already, or the folder cannot be used.
    """
    paths = make_folder(Paths(root, head, database))
    lock = OwnerLock(paths.lock)
    try:
        for there in (paths.log, paths.vault, paths.log_key, paths.ring):
            if there.exists():
                raise CannotOpen(
                    f"`{root}` holds a workspace already (`{there.name}` is there); choose "
                    "another folder"
                )
        require_empty(paths)
        ring = KeyRing.create(paths, origin, key)
        VaultKey.create(paths.vault_key)
        bring_up_to_date(paths.vault_database, "vault")
        found_log(paths, ring)
        sync_directory(paths.keys)
        ring.close()
    finally:
        lock.release()
    return paths


def make_folder(paths: Paths) -> Paths:
    """The folders of a workspace, private. Raises `CannotOpen`."""
    try:
        for folder in (paths.root, paths.keys, paths.policies, paths.reports, paths.backups):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotOpen(f"cannot make the folder `{paths.root}`: {error.strerror}") from error
    return paths


def require_empty(paths: Paths) -> None:
    """Refuse a server's database that holds a log already. Raises `CannotOpen`."""
    database = paths.log_database
    if not database.shared:
        return
    bring_up_to_date(database, "log")
    try:
        with closing(database.reader()) as db:
            row = db.execute("SELECT value FROM meta WHERE name = 'origin'").fetchone()
    except ERRORS as error:
        raise CannotOpen(database.explain(error)) from error
    if row is not None:
        raise CannotOpen(
            f"`{database}` holds the log `{bytes(row[0]).decode()}` already; make another folder for "
            "it with `governance join`, or choose another database"
        )


def found_log(paths: Paths, ring: KeyRing, beginning: Beginning | None = None) -> None:
    """Make an empty log at `paths`: its schema, its origin, the head of the empty tree."""
    note = sign_checkpoint(Checkpoint(ring.origin, 0, empty_root()), *ring.signers(()))
    database = paths.log_database
    bring_up_to_date(database, "log")
    with closing(database.writer()) as db:
        try:
            db.execute(database.begin)
            db.execute("INSERT INTO meta VALUES ('origin', ?)", (ring.origin.encode(),))
            if beginning is not None:
                state, last_at, first = beginning
                db.execute("INSERT INTO meta VALUES ('carried', ?)", (state,))
                db.execute("INSERT INTO meta VALUES ('carried_at', ?)", (str(last_at).encode(),))
                db.execute("INSERT INTO meta VALUES ('first', ?)", (json.dumps(first).encode(),))
            db.execute("INSERT INTO checkpoints VALUES (0, 0, ?)", (note,))
            if database.shared:
                db.execute("INSERT INTO log_head (id, size, note) VALUES (1, 0, ?)", (note,))
            db.execute("COMMIT")
        except ERRORS as error:
            raise CannotOpen(database.explain(error)) from error
    HeadFile.create(paths.head, note).close()
    sync_directory(paths.root)
