"""When rules last spoke, from the recorded log.

Law: nothing is said about a rule that was not in force for the whole time, nor from a log that does
not reach back so far. Read beside the service, in a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

from governance.engine.compile import Release
from governance.engine.lints import SILENT
from governance.service import child
from governance.service.releases import Releases
from governance.store.blobs import BlobError, blobs_of
from governance.store.encoding import quick
from governance.store.paths import Paths
from governance.store.reader import Reader

_RELEASED: Final = b'"kind":"policy.released"'
_DECISION: Final = b'"kind":"decision"'


def spoken(directory: Path, today: date) -> tuple[dict[str, date | None], date] | None:
    """For each `policy/rule` in force these 90 days: the last day it was a reason (None: not once);
    and the day from which on decisions were looked at. None if the log does not reach back so far,
    or nothing was in force then."""
    return child.run(_spoken, str(directory), today)


def _spoken(root: str, today: date) -> tuple[dict[str, date | None], date] | None:
    paths = Paths(Path(root))
    reader = Reader(paths.log_database)
    since = today - SILENT
    first, size = reader.minimum, reader.size
    start = _first_at(reader, first, size, datetime.combine(since, time(), UTC))
    before = _last_release(reader.entries(first, start))
    if start == first or before is None:
        return None
    releases = Releases(blobs_of(paths))
    signed, last = [before], dict[str, date]()
    for data in reader.entries(start, size):
        if _DECISION in data:
            entry = quick(data)
            if entry.kind == "decision":
                for name in _reasons(entry.data):
                    last[name] = entry.at.date()
        elif _RELEASED in data:
            entry = quick(data)
            if entry.kind == "policy.released":
                signed.append(str(entry.data["release"]))
    try:
        names = [_names(releases.get(digest).release) for digest in signed]
    except BlobError:
        return None
    always = frozenset.intersection(*names)
    return {name: last.get(name) for name in sorted(always)}, since


def _first_at(reader: Reader, first: int, size: int, when: datetime) -> int:
    """The index of the first kept entry that is not before a time; entries stand in time's order."""
    low, high = first, size
    while low < high:
        middle = (low + high) // 2
        if quick(next(iter(reader.entries(middle, middle + 1)))).at < when:
            low = middle + 1
        else:
            high = middle
    return low


def _last_release(entries: Iterator[bytes]) -> str | None:
    found: str | None = None
    for data in entries:
        if _RELEASED in data:
            entry = quick(data)
            if entry.kind == "policy.released":
                found = str(entry.data["release"])
    return found


def _reasons(data: Mapping[str, Any]) -> Iterator[str]:
    for finding in data["findings"]:
        yield f"{finding['policy']}/{finding['rule']}"


def _names(release: Release) -> frozenset[str]:
    return frozenset(
        f"{file.policy}/{each.id}" for file in release.bundle.files for each in file.speakers
    )
