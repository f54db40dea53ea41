"""What is known of the log's head outside the service's own disk.

Law: a head counts as kept outside as far as a copy on another volume reaches, and no further; a copy
on the workspace's own disk is called that, and a copy that cannot be read is no copy. That somebody
watches the copy is not claimed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from governance.web.console.present import number, span

FRESH = timedelta(minutes=15)
"""How old the copy may be before the head counts as unanchored."""
LONGEST_COPY = 16_384
UNANCHORED = "unanchored"
SAME_DISK = "copied to a file on the same disk"
APART = "kept on another volume"


@dataclass(frozen=True, slots=True)
class Outside:
    """How far the log is known outside: the first `size` entries; `said` in a sentence or two, `kept`
    in a few words. `is_fresh`: the copy is on another volume and not old."""

    size: int
    is_fresh: bool
    said: str
    kept: str = UNANCHORED
    is_apart: bool = False

    def covers(self, index: int) -> bool:
        """Whether entry `index` is in a head that is kept on another volume."""
        return self.is_apart and index < self.size


def look(sink: Path | None, at: datetime, workspace: Path) -> Outside:
    """Read the copy of the head at its outside place; `sink` is None where none is set up.

    `workspace` is the folder of the log, to tell whether the copy shares its disk.
    """
    if sink is None:
        return Outside(
            0,
            False,
            "Nothing outside has seen this head: whoever holds the key and the disk could still"
            " rewrite the log unnoticed.",
        )
    try:
        found = sink.stat()
        written = datetime.fromtimestamp(found.st_mtime, UTC)
        apart = found.st_dev != workspace.stat().st_dev
        with sink.open(encoding="utf-8") as copy:
            size = int(copy.read(LONGEST_COPY).split("\n")[1])
    except (OSError, ValueError, IndexError):
        return Outside(0, False, "The copy of the head outside cannot be read; tell the operator.")
    age = max(at - written, timedelta(seconds=1))
    said = f"The first {number(size)} entries are in a copy of the head, made {span(age)} ago"
    if age > FRESH:
        end = " It is old: what came since could still be rewritten."
    else:
        end = ""
    if not apart:
        said += (
            ", in a file on the same disk: whoever can rewrite the log can rewrite the copy, too."
        )
        return Outside(size, False, said + end, UNANCHORED if end else SAME_DISK)
    said += " and kept on another volume."
    return Outside(size, not end, said + end, UNANCHORED if end else APART, is_apart=True)
