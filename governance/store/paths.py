"""Where everything of a workspace lies.

The law: one folder holds everything one installation owns, readable by its owner only. Only the
head file is better kept elsewhere.
"""

from __future__ import annotations

from pathlib import Path


class Paths:
    """The places in a workspace `root`; `head` may be given a place of its own."""

    def __init__(self, root: Path, head: Path | None = None) -> None:
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
