"""Where the log may be cut: the first entry that somebody still keeps.

Law: entries go in order and only from the beginning, so the cut lies before the first entry that a
retention class, a legal hold, a window that rules look back over, or something open still keeps.
The plan names that entry and who keeps it; it counts what would go and what each hold keeps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from governance.oversight import retention, times
from governance.oversight.model import Hold, State

BUNDLE: Final = 256
"""Entries in a full bundle (C2SP tlog-tiles); a minimum is a multiple of it."""

_NAMES: Final = tuple(retention.CLASSES)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a hold keeps: its number, the first entry it covers, how many entries that were due."""

    hold: int
    first: int
    entries: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A cut that is possible: entries from `current` up to `minimum` would go, `counts` by class.

    `first_kept` is the entry that keeps the rest and `why` says by what, `until` till when if time
    decides. `minimum == current`: nothing can go. `last_at`: when the last one that goes was
    written (RFC 3339, as in the entry).
    """

    current: int
    minimum: int
    first_kept: int
    why: str
    until: str | None
    counts: Mapping[str, int]
    last_at: str | None
    holds: tuple[Kept, ...]

    @property
    def entries(self) -> int:
        """How many entries would go."""
        return self.minimum - self.current


def plan(state: State, entries: Iterable[bytes], at: datetime, look: timedelta, size: int) -> Plan:
    """Where the log of `size` entries may be cut at time `at`; pure.

    `entries` are the canonical bytes from the current minimum on; they are read as far as something
    is due. `look` is how far back rules and limits in force look.
    """
    current = state.retention.minimum
    rules = state.retention.rules
    ends = {
        name: None if days is None else times.write(at - timedelta(days=days))
        for name in _NAMES
        for days in (retention.days_of(rules, name),)
    }
    seen = times.write(at - look)
    classes, stamps = bytearray(), dict[int, str]()  # of the last entry of each bundle
    found = _Holds(state.retention.holds)
    stop, why, until = size, "the log ends there", None
    for index, raw in enumerate(entries, current):
        kind, stamp, data = _parts(raw)
        name = retention.class_of(kind)
        end = ends[name]
        if end is None or stamp > end:
            days = retention.days_of(rules, name)
            keeps = "is kept for ever" if days is None else "keeps it"
            stop, why, until = index, f"class `{name}` {keeps}", _until(stamp, days)
            break
        if stamp > seen:
            stop, why = index, "a limit or a history in force still looks at it"
            break
        found.look(index, raw, data)
        classes.append(_NAMES.index(name))
        if (index + 1) % BUNDLE == 0:
            stamps[index + 1] = stamp
    due = stop
    for first, what in (retention.first_needed(state, at) or (stop, ""), *found.firsts()):
        if first < stop:
            stop, why, until = first, what, None
    minimum = max(current, stop // BUNDLE * BUNDLE)
    gone = classes[: minimum - current]
    return Plan(
        current,
        minimum,
        stop,
        why,
        until,
        {name: n for place, name in enumerate(_NAMES) if (n := gone.count(place))},
        stamps[minimum] if minimum > current else None,
        tuple(Kept(number, first, max(0, due - first)) for number, first in found.first.items()),
    )


def covers(hold: Hold, index: int, raw: bytes, entry: Mapping[str, Any]) -> bool:
    """Whether the entry at `index` is in the scope of a hold; `raw` are its bytes, `entry` what they say."""
    if hold.scope == "decision":
        return index == int(hold.scope_id or -1)
    if hold.scope == "range":
        return (hold.first or 0) <= index <= (-1 if hold.last is None else hold.last)
    name = str(hold.scope_id)
    if hold.scope == "subject":
        return name.encode() in raw
    by = entry["by"]
    acted = by["id"] if by["type"] == "agent" else by.get("for")
    return name in (entry["data"].get("agent"), acted)


def counted(entries: Iterable[bytes]) -> dict[str, int]:
    """How many of these entries are of each class."""
    found = Counter(retention.class_of(_parts(raw)[0]) for raw in entries)
    return {name: found[name] for name in _NAMES if found[name]}


def in_older_log(hold: Hold) -> bool:
    """Whether a hold may keep values of a log that this one was restored from."""
    if hold.scope == "decision":
        return int(hold.scope_id or 0) < 0
    if hold.scope == "range":
        return (hold.first or 0) < 0
    return True


class _Holds:
    """The first entry in the scope of each hold."""

    def __init__(self, holds: Mapping[int, Hold]) -> None:
        self._open = {number: holds[number] for number in sorted(holds)}
        self.first: dict[int, int] = {}

    def look(self, index: int, raw: bytes, data: Mapping[str, Any]) -> None:
        for number, each in list(self._open.items()):
            if covers(each, index, raw, data):
                self.first[number] = index
                del self._open[number]

    def firsts(self) -> Iterable[tuple[int, str]]:
        return ((first, f"legal hold {number} keeps it") for number, first in self.first.items())


def _parts(raw: bytes) -> tuple[str, str, Mapping[str, Any]]:
    value = orjson.loads(raw)
    return value["kind"], value["at"], value


def _until(stamp: str, days: int | None) -> str | None:
    if days is None:
        return None
    return times.write(times.parse(stamp) + timedelta(days=days))
