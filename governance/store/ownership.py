"""One process owns a workspace, and holds a lock on `owner.lock` while it does.

The law: the lock is taken before the database is opened, is advisory (flock), belongs to the open
file and not to its name, and is therefore gone when the process is, however it ended. The file is
never deleted: deleting it would let two processes lock two files of one name.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from governance.store.errors import CannotOpen, NotOwner


class OwnerLock:
    """The exclusive right to write a workspace."""

    def __init__(self, path: Path) -> None:
        """Take the lock at `path`.

        Raises `NotOwner` when another process has it, `CannotOpen` when the file cannot be made.
        """
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CannotOpen(f"cannot open `{path}`: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            number = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            owner = f"process {number or 'unknown'}"
            os.close(self._fd)
            raise NotOwner(
                f"`{path.parent}` is already open in {owner}; a folder "
                "has one owner. Send the command to that process (its socket is "
                f"`{path.parent / 'governance.sock'}`) or stop it first. Several processes "
                "on one log need a folder each (`governance join`) and PostgreSQL",
                owner,
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the right back; calling it twice changes nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
