"""What goes wrong on a witness's disk: what certainly did not happen, and what may have.

The law: only what failed before a file got its name may be tried again without reading the disk.
"""

from __future__ import annotations

import os
from pathlib import Path

from audit.disk import sync_directory, write_draft
from audit.errors import LogError


class WitnessError(LogError):
    """The witness cannot work: its directory is missing, damaged, in use. Says what to do."""


class Uncertain(WitnessError):
    """A write failed after it may have taken effect: only reading the disk again will tell."""


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step, and return when it is on disk.

    Raises `OSError` if `path` is certainly as it was, `Uncertain` if it may not be.
    """
    draft = write_draft(path, data)
    try:
        os.replace(draft, path)
        sync_directory(path.parent)
    except OSError as error:
        raise Uncertain(
            f"whether `{path}` was written is not certain ({error.strerror}): start again, which "
            "reads it from the disk"
        ) from error
