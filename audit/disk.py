"""Writing a file so that a crash leaves the old one or the new one, whole.

The law: bytes are synced before they get their name, and the folder is synced before anybody is
told. What failed before the name changed did not happen; what failed after may have.
"""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put `data` at `path` in one step, and return when it is on disk. Raises `OSError`."""
    os.replace(write_draft(path, data, mode), path)
    sync_directory(path.parent)


def write_draft(path: Path, data: bytes, mode: int = 0o600) -> Path:
    """Put `data` on disk beside `path`, as `<name>.new`; where. Raises `OSError`.

    `mode` is that of a new file, without the bits in the process's umask.
    """
    draft = path.with_name(path.name + ".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(draft, flags, mode)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]
        os.fsync(fd)
    finally:
        os.close(fd)
    return draft


def sync_file(path: Path) -> None:
    """Wait until the file's bytes are on disk. Raises `OSError`."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_directory(path: Path) -> None:
    """Wait until the names in a folder are on disk. Raises `OSError`."""
    sync_file(path)
