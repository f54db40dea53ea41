"""Which version of the program this is. Law: asked in one place, so that the log, the reports and
the surfaces never name two."""

from __future__ import annotations

from importlib import metadata
from typing import Final

DISTRIBUTION: Final = "agent-governance"


def version() -> str:
    """The installed version; `0+unknown` only where nothing was installed, as in a bare checkout."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "0+unknown"
