"""Whether a vault is as new as the log beside it.

The law: a vault that knows less than the log has seen is not used. Pseudonyms live in the vault
alone: with an older one, or a new one, the same payee would get another pseudonym, and every limit
and history about that payee would begin at zero. What an entry needs is in the vault before the
entry is in the log, so the newest entry that needed the vault tells how new the vault must be; an
erasure is in the vault before its entry, too, so an older vault cannot bring back what was erased.
"""

from __future__ import annotations

from typing import Final

from audit.entry import decode
from governance.store.database import dialect_of
from governance.store.errors import CannotOpen, StoreError
from governance.store.paths import Paths
from governance.store.sqlite import Connection
from governance.store.vault import Vault

NEWEST: Final = (
    "SELECT idx, entry FROM log_entries WHERE instr(entry, CAST(? AS BLOB)) > 0"
    " OR instr(entry, CAST(? AS BLOB)) > 0 ORDER BY idx DESC LIMIT 1"
)
NEWEST_ON_SERVER: Final = (
    "SELECT idx, entry FROM log_entries WHERE position(convert_to(?, 'UTF8') in entry) > 0"
    " OR position(convert_to(?, 'UTF8') in entry) > 0 ORDER BY idx DESC LIMIT 1"
)
MARKS: Final = ('"commitments":{"', '"kind":"data.erased"')
"""The newest entry that needed the vault. In canonical JSON a quotation mark within a text is escaped, so these stand for themselves."""


def require_vault(paths: Paths) -> None:
    """Refuse a workspace whose `vault.db` is gone; a new one would know nobody."""
    if not paths.vault_database.exists():
        raise CannotOpen(
            f"`{paths.vault.name}` is missing from `{paths.root}`: names, private values and the "
            f"pseudonyms that limits are counted by are in it. {_what_to_do(paths)}"
        )


def check_vault(paths: Paths, log: Connection, vault: Vault) -> None:
    """Refuse a vault that is older than the log, or another log's. Raises `CannotOpen`."""
    sql = NEWEST if dialect_of(log) == "sqlite" else NEWEST_ON_SERVER
    row = log.execute(sql, MARKS).fetchone()
    if row is None:
        return
    index, entry = row[0], decode(row[1])
    try:
        if entry.kind == "data.erased":
            there = vault.has_erased(str(entry.data["subject"]), index)
        else:
            there = bool(vault.values(index)) or bool(vault.unrecorded(index + 1))
    except (StoreError, ValueError) as error:
        raise CannotOpen(
            f"`{paths.vault_database}` does not belong to this log or to this key: what entry {index} keeps "
            f"there cannot be opened. {_what_to_do(paths)}"
        ) from error
    if not there:
        raise CannotOpen(
            f"`{paths.vault_database}` is older than the log: it does not know entry {index} "
            f"({entry.kind}). With it, people and payees would be unknown again and their limits "
            f"would begin at zero. {_what_to_do(paths)}"
        )


def _what_to_do(paths: Paths) -> str:
    return (
        "Put the newest one back, with its `-wal` file if there is one. If it is lost, open a new "
        "log with `governance restore --acknowledge`, which stops everything until two people "
        f"have looked; `--vault FILE` brings back older values (they lie in "
        f"`{paths.backups / 'vault'}`)"
    )
