"""Who outside held a head of the log when a report was made, as the service knew it.

The law: only what an anchor confirmed is here, and a report says that it is the service's word. A copy
on the log's own disk is marked and holds nobody back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AnchorRow:
    """Somebody outside who confirmed a head: the first `size` entries at `at`, or none yet.

    `apart` is false for a copy on the log's own disk. `kind` is that of `[[anchors]]`.
    """

    name: str
    kind: str
    apart: bool
    size: int | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Outside:
    """The outside anchors. `unanchored`: there was none apart from the log's disk, or none had
    confirmed the newest entries in time; `contradicted` names those that showed another log under
    this log's name and that nobody has settled.
    """

    anchors: tuple[AnchorRow, ...] = ()
    unanchored: bool = True
    contradicted: tuple[str, ...] = ()

    def upto(self, size: int) -> Outside:
        """The same for the first `size` entries: what an anchor holds beyond is no concern of them."""
        rows = [
            replace(row, size=None if row.size is None else min(row.size, size))
            for row in self.anchors
        ]
        return replace(self, anchors=tuple(rows))


NOBODY = Outside()
