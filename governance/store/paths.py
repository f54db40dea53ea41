"""Where everything of a workspace lies.

The law: one folder holds everything one process owns, readable by its owner only. Only the head file
is better kept elsewhere, and log and vault may be on a server that several folders share: then the
settings (`[store]` in `config.toml`) say so, or the environment (`GOVERNANCE_DATABASE`), or whoever
opens the folder.
"""

from __future__ import annotations

import os
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any

from governance.store.database import LOG_SCHEMA, VAULT_SCHEMA, Database, server
from governance.store.errors import CannotOpen
from governance.store.sqlite import SqliteFile


class Paths:
    """The places in a workspace `root`; `head` may be given a place of its own.

    `database` is the address of a server, empty for files; without it the settings are asked.
    """

    def __init__(self, root: Path, head: Path | None = None, database: str | None = None) -> None:
        self.root = root
        self.log = root / "log.db"
        self.vault = root / "vault.db"
        self.views = root / "views.db"
        self.head = head if head is not None else root / "head"
        self.lock = root / "owner.lock"
        self.socket = root / "governance.sock"
        self.keys = root / "keys"
        self.log_key = self.keys / "log.key"
        self.ring = self.keys / "ring.json"
        self.vault_key = self.keys / "vault.key"
        self.blobs = root / "blobs"
        self.policies = root / "policies"
        self.config = root / "config.toml"
        self.reports = root / "reports"
        self.backups = root / "backups"
        self.archive = root / "archive"
        self._given = database

    @property
    def address(self) -> str:
        """The address of the server as given or configured; empty for files."""
        return self._configured if self._given is None else self._given

    @cached_property
    def log_database(self) -> Database:
        """Where the log is. Raises `CannotOpen` for an address that cannot be used."""
        address = self.address
        return server(address, LOG_SCHEMA) if address else SqliteFile(self.log)

    @cached_property
    def vault_database(self) -> Database:
        """Where the vault is: in a file of its own, or in a schema of its own beside the log's."""
        address = self.address
        return server(address, VAULT_SCHEMA) if address else SqliteFile(self.vault)

    @property
    def founded(self) -> bool:
        """Whether there is a log to be opened here, as far as can be told without opening it."""
        return bool(self.address) or self.log.exists()

    @cached_property
    def _configured(self) -> str:
        if os.environ.get("GOVERNANCE_DATABASE"):
            return os.environ["GOVERNANCE_DATABASE"]
        try:
            found: dict[str, Any] = tomllib.loads(self.config.read_text(encoding="utf-8"))
            return str(found.get("store", {}).get("database", ""))
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except (OSError, ValueError, AttributeError) as error:
            raise CannotOpen(f"`{self.config}` cannot be read ({error}); correct it") from error
