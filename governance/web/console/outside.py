"""What is known of the log's head outside the service's own disk.

Law: a head counts as kept outside as far as a copy at its outside place reaches, and no further; a
copy that cannot be read is no copy. That somebody watches the copy is not claimed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from governance.web.console.present import number, span

FRESH = timedelta(minutes=15)
"""How old the copy may be before the head counts as unanchored."""
LONGEST_COPY = 16_384


@dataclass(frozen=True, slots=True)
class Outside:
    """How far the log is known outside: `size` entries at `at`; `said` in a sentence or two."""

    size: int
    is_fresh: bool
    said: str

    def covers(self, index: int) -> bool:
        """Whether entry `index` is in the copied head."""
        return index < self.size


def look(sink: Path | None, at: datetime) -> Outside:
    """Read the copy of the head at its outside place; `sink` is None where none is set up."""
    if sink is None:
        return Outside(
            0,
            False,
            "Nothing outside has seen this head: whoever holds the key and the disk could still"
            " rewrite the log unnoticed.",
        )
    try:
        written = datetime.fromtimestamp(sink.stat().st_mtime, UTC)
        with sink.open(encoding="utf-8") as copy:
            size = int(copy.read(LONGEST_COPY).split("\n")[1])
    except (OSError, ValueError, IndexError):
        return Outside(0, False, "The copy of the head outside cannot be read; tell the operator.")
    age = max(at - written, timedelta(seconds=1))
    said = f"The first {number(size)} entries are fixed by a copy of the head outside, made {span(age)} ago."
    if age > FRESH:
        return Outside(size, False, said + " It is old: what came since could still be rewritten.")
    return Outside(size, True, said)
