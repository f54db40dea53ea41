"""Is there room to go on?

The law: the service stops answering while there is still room left to record why, and for people
to raise a stop; it never finds out by a failed write if it can find out before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

MINIMUM = 64 * 1024 * 1024
"""Free bytes below which nothing but stops is recorded."""


def free_bytes(path: Path) -> int:
    """Bytes an ordinary user may still write on the volume that holds `path`."""
    volume = os.statvfs(path)
    return volume.f_bavail * volume.f_frsize


def watch(paths: Iterable[Path], minimum: int = MINIMUM) -> Callable[[], str | None]:
    """A look at each of the folders: why nothing should be written now, or None."""
    folders = tuple(dict.fromkeys(paths))

    def look() -> str | None:
        for folder in folders:
            try:
                free = free_bytes(folder)
            except OSError as error:
                return f"`{folder}` cannot be reached ({error.strerror})"
            if free < minimum:
                return (
                    f"only {free // 1_000_000} MB are free where `{folder}` is; answers are paused "
                    f"until {minimum // 1_000_000} MB are free again"
                )
        return None

    return look
