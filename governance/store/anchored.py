"""What outside anchors gave back for heads of the log.

The law: evidence lies beside the log, not in it: an entry for each anchoring would make a new head
each time. A row proves itself (a cosignature, a time-stamp) or proves nothing (a confirmation that
a copy was taken), so losing one loses proof and altering one fools nobody. An anchor's rows only
ever grow in size; of those that came in the same hour the newest is kept.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from governance.store.reader import Reader
from governance.store.sqlite import Connection

HOUR: Final = 3_600_000_000
"""Microseconds."""

_COLUMNS: Final = "size, anchor, kind, at, data"


class Evidence(NamedTuple):
    """What the anchor called `anchor` gave back for the head of the first `size` entries.

    `at`: when, in microseconds since the epoch, by the clock of the log. `data` by kind: `witness`
    cosignature lines (UTF-8, each `— name base64` and a line feed), `timestamp` a DER
    TimeStampResp (RFC 3161), empty for the others.
    """

    size: int
    anchor: str
    kind: str
    at: int
    data: bytes


def keep(db: Connection, found: Evidence) -> bool:
    """Keep `found`, instead of what came from the same anchor in the same hour; within a chore.

    False, and nothing is changed, if that anchor has already confirmed a larger head.
    """
    later = db.execute(
        "SELECT 1 FROM anchor_evidence WHERE anchor = ? AND size > ? LIMIT 1",
        (found.anchor, found.size),
    ).fetchone()
    if later is not None:
        return False
    hour = found.at - found.at % HOUR
    db.execute(
        "DELETE FROM anchor_evidence WHERE anchor = ? AND (size = ? OR (at >= ? AND at < ?))",
        (found.anchor, found.size, hour, hour + HOUR),
    )
    db.execute(f"INSERT INTO anchor_evidence ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)", found)  # noqa: S608
    return True


def evidence(reader: Reader, upto: int) -> list[Evidence]:
    """What is kept for heads of at most `upto` entries, by size and name; one an hour per anchor."""
    with reader.connection() as db:
        rows = db.execute(
            f"SELECT {_COLUMNS} FROM anchor_evidence WHERE size <= ? ORDER BY size, anchor",  # noqa: S608
            (upto,),
        ).fetchall()
    return [Evidence(*row) for row in rows]


def newest(reader: Reader) -> dict[str, Evidence]:
    """The evidence for the largest head that each anchor has confirmed, by the anchor's name."""
    with reader.connection() as db:
        rows = db.execute(
            "SELECT e.size, e.anchor, e.kind, e.at, e.data FROM anchor_evidence e JOIN "
            "(SELECT anchor, MAX(size) AS size FROM anchor_evidence GROUP BY anchor) n "
            "ON n.anchor = e.anchor AND n.size = e.size"
        ).fetchall()
    return {row[1]: Evidence(*row) for row in rows}


def cosignatures(reader: Reader, size: int) -> list[str]:
    """The cosignature lines of witnesses over the head of exactly `size` entries, each once."""
    with reader.connection() as db:
        rows = db.execute(
            "SELECT data FROM anchor_evidence WHERE kind = 'witness' AND size = ? ORDER BY anchor",
            (size,),
        ).fetchall()
    lines = [line for (data,) in rows for line in bytes(data).decode().splitlines()]
    return list(dict.fromkeys(lines))


def cosigned(reader: Reader, index: int) -> list[int]:
    """The sizes of heads that cover entry `index` and that some witness cosigned, newest first."""
    with reader.connection() as db:
        rows = db.execute(
            "SELECT DISTINCT size FROM anchor_evidence WHERE kind = 'witness' AND size > ? "
            "ORDER BY size DESC",
            (index,),
        ).fetchall()
    return [int(size) for (size,) in rows]


def witnessed(reader: Reader, index: int) -> int | None:
    """The size of a head that covers entry `index` and most witnesses have cosigned; of several the
    newest. None if no witness has cosigned one."""
    with reader.connection() as db:
        row = db.execute(
            "SELECT size, COUNT(*) AS seen FROM anchor_evidence WHERE kind = 'witness' AND size > ? "
            "GROUP BY size ORDER BY seen DESC, size DESC LIMIT 1",
            (index,),
        ).fetchone()
    return None if row is None else int(row[0])
