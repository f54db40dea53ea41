"""Instants as the log writes them: UTC, microseconds, a `Z`.

Law: a time is written in exactly one way, so that equal times are equal bytes.
"""

from datetime import UTC, datetime, timedelta

MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write(at: datetime) -> str:
    """`at` (aware, UTC) as `2026-11-20T08:00:00.000000Z`."""
    return at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse(text: str) -> datetime:
    """The instant that `write` wrote; raises ValueError for anything else."""
    return datetime.fromisoformat(text[:-1]).replace(tzinfo=UTC)


def parse_or_none(text: str | None) -> datetime | None:
    """Like `parse`, and nothing for nothing."""
    return None if text is None else parse(text)


def micros(at: datetime) -> int:
    """Microseconds since the epoch."""
    return (at - EPOCH) // MICROSECOND


def from_micros(value: int) -> datetime:
    """The instant `value` microseconds after the epoch."""
    return EPOCH + timedelta(microseconds=value)
