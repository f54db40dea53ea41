"""What becomes of the vault when a log is restored.

The law: the values of the old log stay where they can be erased, at places that no entry of the
new log has. A vault that comes from a backup forgets again whoever was erased since (`forgotten`);
a vault that is lost altogether is begun anew, and with it every pseudonym: that is one reason why
nothing may be decided before two people have looked.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import orjson

from governance.store import forgotten
from governance.store.backup import Backup
from governance.store.errors import CannotOpen, StoreError
from governance.store.migrations import bring_up_to_date
from governance.store.paths import Paths
from governance.store.sameday import MARKS, NEWEST
from governance.store.sealing import VaultKey
from governance.store.sqlite import connect_reader, connect_writer, explain
from governance.store.vault import MOVED

_FILES = ("vault.db", "vault.db-wal", "vault.db-shm")


def prepare(paths: Paths, backup: Backup, source: Path | None, archive: Path) -> bool:
    """Make the vault ready for the new log; `source` is a backup of the vault to go back to.

    Answers whether it knows everybody whom the log in the backup knows; with a new or an older one
    somebody may come under a second pseudonym, and what was counted under the first is not theirs.
    Raises `CannotOpen` for a vault that cannot be used, saying what to do.
    """
    erasures = forgotten.known(paths, backup)
    if source is not None:
        forgotten.require_young(source, backup)
        _replace(paths, source, archive)
    new = not paths.vault.exists()
    if not paths.vault_key.exists():
        if not new:
            VaultKey.open(paths.vault_key)
        VaultKey.create(paths.vault_key)
    try:
        bring_up_to_date(paths.vault, "vault")
        with closing(connect_writer(paths.vault, overwrite=True)) as db:
            whole = not new and _knows_all(db, backup)
            if source is not None:
                forgotten.erase_again(db, erasures, backup)
            _set_values_apart(db)
    except (StoreError, sqlite3.Error) as error:
        sentence = str(error) if isinstance(error, StoreError) else explain(error, paths.vault)
        raise CannotOpen(
            f"the vault cannot be used: {sentence}. Give a backup of it with "
            f"`governance restore --vault FILE` (they lie in `{paths.backups / 'vault'}`)"
        ) from error
    return whole


def _knows_all(db: sqlite3.Connection, backup: Backup) -> bool:
    """Whether the vault holds what the newest entry that needed it left there."""
    with closing(connect_reader(backup.database)) as log:
        row = log.execute(NEWEST, MARKS).fetchone()
    if row is None:
        return True
    entry = orjson.loads(row[1])
    if entry["kind"] == "data.erased":
        sql = "SELECT 1 FROM erasures WHERE subject = ? AND (idx IS NULL OR idx >= ?)"
        return db.execute(sql, (entry["data"]["subject"], row[0])).fetchone() is not None
    sql = "SELECT 1 FROM vault_values WHERE idx = ?"
    return db.execute(sql, (row[0],)).fetchone() is not None


def _replace(paths: Paths, source: Path, archive: Path) -> None:
    try:
        for name in _FILES:
            if (paths.root / name).exists():
                shutil.move(paths.root / name, archive / name)
        shutil.copyfile(source, paths.vault)
        paths.vault.chmod(0o600)
    except OSError as error:
        raise CannotOpen(f"the vault `{source}` cannot be put in its place: {error}") from error


def _set_values_apart(db: sqlite3.Connection) -> None:
    """Values move out of the way of the new log's indexes; secrets of closed sessions go."""
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE vault_values SET idx = idx - ?", (MOVED,))
    db.execute("UPDATE erasures SET idx = idx - ? WHERE idx IS NOT NULL", (MOVED,))
    db.execute("DELETE FROM session_secrets")
    db.execute("COMMIT")
    if db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        raise StoreError("the vault is being read by another program; end it and try again")
