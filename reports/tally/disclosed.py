"""What the service disclosed about itself, in words: starts, refusals, the clock, outside anchors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Data = Mapping[str, Any]


def says(kind: str, data: Data) -> str | None:
    """What an entry of this kind discloses, in a few words; None for a kind that discloses nothing."""
    words = _WORDS.get(kind)
    return None if words is None else words(data)


def _until(data: Data) -> str:
    return f"from {str(data.get('since', ''))[:19]} to {str(data.get('until', ''))[:19]}"


def _conflict(data: Data) -> str:
    shown = data.get("shown")
    size = "" if shown is None else f" of {shown} entries"
    return (
        f"anchor `{data.get('anchor')}` showed a head{size} that is not in this log, which had "
        f"{data.get('held')}"
    )


def _looked(data: Data) -> str:
    what = "conflict settled" if data.get("complete") else "first person looked at the conflict"
    return f"{what}, by {data.get('person')}"


_WORDS: Final[Mapping[str, Callable[[Data], str]]] = {
    "service.started": lambda data: f"service started, version {data.get('version')}",
    "service.throttled": lambda data: (
        f"{data.get('refused')} requests refused unanswered {_until(data)}"
    ),
    "service.clock": lambda data: f"clock {data.get('event')}, {data.get('seconds')} s",
    "service.restored": lambda data: (
        f"restored from a backup; the log before it is `{data.get('origin')}`,"
        f" {data.get('size')} entries"
    ),
    "anchor.added": lambda data: (
        f"outside anchor `{data.get('anchor')}` ({data.get('kind')}) added"
    ),
    "anchor.removed": lambda data: f"outside anchor `{data.get('anchor')}` removed",
    "anchor.conflict": _conflict,
    "anchor.looked": _looked,
    "anchor.lost": lambda data: (
        f"unanchored: no anchor confirmed more than {data.get('size')} entries since "
        f"{str(data.get('since', ''))[:19]}"
    ),
    "anchor.restored": lambda data: f"anchored again, {data.get('size')} entries confirmed",
}
