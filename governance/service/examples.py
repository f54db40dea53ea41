"""The shipped policy files as a new workspace takes them over. Law: an example never lapses.

Reviews fall due and exceptions end, and a release is refused then. Whoever installs later gets the same
files with all their dates moved by the same whole weeks, so that weekdays, spans and cases stay true;
lists are as fresh as the workspace.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

AHEAD: Final = timedelta(days=14)
"""At least so long nothing of a new workspace lapses."""
_DAY: Final = re.compile(r"\b20\d\d-[01]\d-[0-3]\d\b")
_LAPSES: Final = re.compile(r"^\s*(?:review_by|expires|until): *(20\d\d-[01]\d-[0-3]\d)", re.M)
_AS_OF: Final = re.compile(r"^as_of:.*$", re.M)


def dated(files: Mapping[str, str], at: datetime) -> dict[str, str]:
    """The texts of policy files by path, as they would have been written for the moment `at`."""
    today = at.astimezone(UTC).date()
    ends = [date.fromisoformat(day) for text in files.values() for day in _LAPSES.findall(text)]
    short = max((today + AHEAD - end for end in ends), default=timedelta(0))
    weeks = timedelta(weeks=max(0, -(-short.days // 7)))

    def moved(found: re.Match[str]) -> str:
        return (date.fromisoformat(found[0]) + weeks).isoformat()

    now = f"as_of: {at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

    def rewritten(path: str, text: str) -> str:
        return _AS_OF.sub(now, text) if "lists/" in path else _DAY.sub(moved, text)

    return {path: rewritten(path, text) for path, text in files.items()}
