"""Who was erased, as anything that is left can tell, so that no backup brings anybody back.

The law: when an older vault comes back, every erasure that it does not know is carried out again,
whoever remembers it: the log that is restored, the one that was lost, any backup of either, the
vault that is replaced. Where none of them can tell any more, the older vault is refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from governance.store.backup import Backup, backups, read_backup
from governance.store.errors import CannotOpen, StoreError
from governance.store.paths import Paths
from governance.store.reader import minimum_of
from governance.store.sqlite import connect_reader, explain

_ENTRIES: Final = (
    "SELECT idx, entry FROM log_entries WHERE instr(entry, CAST(? AS BLOB)) > 0 ORDER BY idx"
)
_NEWEST: Final = (
    "SELECT MAX(idx) FROM (SELECT MAX(idx) AS idx FROM vault_values "
    "UNION ALL SELECT MAX(idx) FROM erasures) AS kept"
)
_MARK: Final = '"kind":"data.erased"'


class Erased(NamedTuple):
    """An erasure: of whom; by which entry of the restored log's own history, or by which row of a
    vault. Neither is known of one that an older log tells of."""

    subject: str
    entry: int | None = None
    row: int | None = None


def known(paths: Paths, backup: Backup) -> list[Erased]:
    """Every erasure that logs, vaults and their backups in the workspace still tell of.

    To be asked before the vault is replaced. What cannot be read tells nothing.
    """
    found: dict[Erased, None] = dict.fromkeys(_in_log(backup.database, ours=True))
    found |= dict.fromkeys(_in_log(paths.log, ours=True))
    for folder in backups(paths):
        with suppress(CannotOpen):
            other = read_backup(folder)
            found |= dict.fromkeys(_in_log(other.database, ours=other.origin == backup.origin))
    for path in sorted(paths.archive.glob("*/log.db")):
        found |= dict.fromkeys(_in_log(path, ours=False))
    for path in (paths.vault, *sorted((paths.backups / "vault").glob("*.db"))):
        found |= dict.fromkeys(_in_vault(path))
    return list(found)


def erase_again(db: sqlite3.Connection, erasures: list[Erased], backup: Backup) -> int:
    """Carry out in the vault `db` what it does not know of; how many.

    What the restored log does not tell of either is left to be recorded in the new one.
    """
    done = [erased for erased in erasures if not _knows(db, erased)]
    told = {erased.subject for erased in _in_log(backup.database, ours=True)}
    for subject in dict.fromkeys(erased.subject for erased in done):
        count = _erase(db, subject)
        if subject not in told:
            db.execute("INSERT INTO erasures (subject, count) VALUES (?,?)", (subject, count))
    return len(done)


def _knows(db: sqlite3.Connection, erased: Erased) -> bool:
    """Whether the vault has carried out this very erasure, or a later one of the same subject."""
    subject, entry, row = erased
    if entry is not None:
        sql = "SELECT 1 FROM erasures WHERE subject = ? AND idx >= ?"
        return db.execute(sql, (subject, entry)).fetchone() is not None
    if row is not None:
        sql = "SELECT 1 FROM erasures WHERE subject = ? AND id >= ?"
        return db.execute(sql, (subject, row)).fetchone() is not None
    sql = "SELECT 1 FROM erasures WHERE subject = ?"
    return db.execute(sql, (subject,)).fetchone() is not None


def require_young(vault: Path, backup: Backup) -> None:
    """Refuse a vault from before the log's minimum: who was erased since cannot be told.

    Raises `CannotOpen`.
    """
    with closing(connect_reader(backup.database)) as log:
        minimum = minimum_of(log)
    if not minimum:
        return
    try:
        with closing(connect_reader(vault)) as db:
            (newest,) = db.execute(_NEWEST).fetchone()
    except sqlite3.Error as error:
        raise CannotOpen(explain(error, vault)) from error
    if newest is not None and newest < minimum:
        raise CannotOpen(
            f"the values in `{vault}` are older than what the log keeps: they end at entry {newest}, "
            f"and its entries before {minimum} were pruned, so who was erased since cannot be told"
        )


def _in_log(path: Path, *, ours: bool) -> Iterator[Erased]:
    """Whom a log says was erased; `ours` if its entries are those of the restored log."""
    with suppress(StoreError, sqlite3.Error, ValueError, KeyError), closing(_reading(path)) as db:
        for index, raw in db.execute(_ENTRIES, (_MARK,)):
            subject = str(orjson.loads(raw)["data"]["subject"])
            yield Erased(subject, index) if ours else Erased(subject)


def _in_vault(path: Path) -> Iterator[Erased]:
    with suppress(StoreError, sqlite3.Error), closing(_reading(path)) as db:
        for row, subject in db.execute("SELECT id, subject FROM erasures ORDER BY id"):
            yield Erased(subject, row=row)


def _reading(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise StoreError(f"`{path}` is not there")
    return connect_reader(path)


def _erase(db: sqlite3.Connection, subject: str) -> int:
    """Delete what a vault holds about somebody; how many values went."""
    count = db.execute("DELETE FROM vault_values WHERE subject = ?", (subject,)).rowcount
    db.execute("UPDATE subjects SET wrapped = NULL, erased_at = 0 WHERE pseudonym = ?", (subject,))
    db.execute(
        "DELETE FROM sign_in_failures WHERE bucket IN "
        "(SELECT 'account:' || sign_in FROM accounts WHERE person = ?)",
        (subject,),
    )
    count += db.execute("DELETE FROM people WHERE person = ?", (subject,)).rowcount
    for table in ("accounts", "web_sessions"):
        db.execute(f"DELETE FROM {table} WHERE person = ?", (subject,))  # noqa: S608
    return count
