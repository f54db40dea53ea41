"""Writing a file so that a crash leaves the old one or the new one, whole.

The law: bytes are synced before they get their name, and the folder is synced before anybody is
told. What failed before the name changed did not happen; what failed after may have.
"""

from __future__ import annotations

import os
from pathlib import Path

from audit.errors import LogError


class WitnessError(LogError):
    """The witness cannot work: its directory is missing, damaged, in use. Says what to do."""


class Uncertain(WitnessError):
    """A write failed after it may have taken effect: only reading the disk again will tell."""


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step, and return when it is on disk.

    Raises `OSError` if `path` is certainly as it was, `Uncertain` if it may not be.
    """
    fresh = path.with_name(path.name + ".new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]
        os.fsync(fd)
    finally:
        os.close(fd)
    try:
        os.replace(fresh, path)
        sync_directory(path.parent)
    except OSError as error:
        raise Uncertain(
            f"whether `{path}` was written is not certain ({error.strerror}): start again, which "
            "reads it from the disk"
        ) from error


def sync_file(path: Path) -> None:
    """Wait until the file's bytes are on disk."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_directory(path: Path) -> None:
    """Wait until the names in a folder are on disk."""
    sync_file(path)
