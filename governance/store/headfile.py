"""The newest checkpoint, the log's signed head, kept outside the database.

The law: once `write` returns, the new head is on disk and the one before can still be read if the
write was torn (two slots, `audit.head`), and nobody else writes the file meanwhile (flock). Start-up compares the database with this file, so a
database that was put back to an older day is noticed; on another volume it also survives the first.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from audit.disk import sync_directory
from audit.errors import BadHead
from audit.head import FILE_SIZE, encode_slot, fitting, last_slot, slot_offset
from governance.store.errors import CannotOpen


class HeadFile:
    """A head file that is open for writing."""

    def __init__(self, path: Path) -> None:
        """Open the file at `path`. Raises `CannotOpen` if there is none, or none that can be read."""
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise CannotOpen(_missing(path)) from error
        except OSError as error:
            raise CannotOpen(
                f"the head file `{path}` cannot be written ({error.strerror}); make it writable"
            ) from error
        try:
            _lock(self._fd)
        except BlockingIOError as error:
            os.close(self._fd)
            raise CannotOpen(
                f"the head file `{path}` is in use by another service: a copy of this workspace is "
                "running, and the two would make two logs of one. Stop it; a service beside it needs "
                "`governance join` and PostgreSQL"
            ) from error
        try:
            slot = last_slot(os.pread(self._fd, FILE_SIZE, 0))
        except BadHead as error:
            os.close(self._fd)
            raise CannotOpen(f"{_missing(path)} ({error})") from error
        self._sequence, self.note = slot.sequence, slot.note

    @classmethod
    def create(cls, path: Path, note: str) -> HeadFile:
        """A new head file holding `note`. Raises `CannotOpen` if there is one already."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError as error:
            raise CannotOpen(
                f"there is a head file at `{path}` already; it belongs to another log. Choose "
                "another place for this one"
            ) from error
        except OSError as error:
            raise CannotOpen(f"cannot make the head file `{path}`: {error.strerror}") from error
        try:
            first = encode_slot(fitting(note), 0)
            os.pwrite(fd, first + bytes(FILE_SIZE - len(first)), 0)
            os.fsync(fd)
        finally:
            os.close(fd)
        sync_directory(path.parent)
        return cls(path)

    def write(self, note: str) -> None:
        """Put `note`, with as many signatures as fit, in the other slot and wait for the disk.

        Raises `OSError`.
        """
        note = fitting(note)
        sequence = self._sequence + 1
        slot = encode_slot(note, sequence)
        written = os.pwrite(self._fd, slot, slot_offset(sequence))
        if written != len(slot):
            raise OSError(f"only {written} of {len(slot)} bytes of the head were written")
        os.fdatasync(self._fd)
        self._sequence, self.note = sequence, note

    def close(self) -> None:
        """Close the file; calling it twice changes nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def read_note(path: Path) -> str | None:
    """The newest note in a head file, not verified; None if there is none to be read."""
    try:
        return last_slot(path.read_bytes()).note
    except (OSError, BadHead):
        return None


def _lock(fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a volume that knows no locks; the folder has its own (`OwnerLock`)
        return


def _missing(path: Path) -> str:
    return (
        f"the head file `{path}` is missing or unreadable, though the log has entries: without "
        "it nobody can tell whether entries were cut off. Put the file back from where it was "
        "kept; if it is lost, take the last checkpoint from a receipt, a report or a witness and "
        "run `governance restore --acknowledge`"
    )
