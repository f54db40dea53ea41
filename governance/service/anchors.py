"""What is known of the log outside: which anchors there are, how far each reaches, how late it is.

Law: what is told is what an anchor confirmed, never what was sent to it. A copy on the workspace's
own disk is called that. *Unanchored* means that no anchor is configured, or that the log itself says
that none confirmed a head in time (`anchor.lost`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from audit.errors import LogError, Pruned
from audit.keys import Verifier
from audit.note import open_note
from governance.oversight.times import from_micros, micros, write
from governance.service.reading import opened
from governance.store import anchored

if TYPE_CHECKING:
    from governance.anchoring.settings import AnchorSettings
    from governance.anchoring.station import Station
    from governance.oversight.model import Anchor
    from governance.service.desk import Desk

ANCHORED: Final = "anchored"
SAME_DISK: Final = "copied to the same disk"
UNANCHORED: Final = "unanchored"
CONTRADICTED: Final = "contradicted by an anchor"
_REMOTE: Final = re.compile(r"^\[remote [^\]]*\]\s+url = (\S+)$", re.M).search


@dataclass(frozen=True, slots=True)
class Conflict:
    """An anchor showed a head that is not in this log: `entry` says so, `shown` entries against
    `held`; `digest` names the blob with the evidence, `looked_by` who looked first.
    """

    entry: int
    held: int
    shown: int | None
    digest: str
    looked_by: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """One anchor: the largest head it confirmed (`size`, None for none) and when; `late` is since when
    it lacks entries; `error` why the last visit failed.
    """

    name: str
    kind: str
    target: str
    apart: bool
    size: int | None
    at: datetime | None
    late: timedelta
    error: str
    tried_at: datetime | None
    conflict: Conflict | None


@dataclass(frozen=True, slots=True)
class Quorum:
    """Whether the newest cosigned head (`size`) meets the trust policy; `said` explains it."""

    met: bool
    size: int | None
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outside:
    """How far the first `size` entries of the log are known outside. `kept` is one of ANCHORED,
    SAME_DISK, UNANCHORED; `reaches` the largest head that an anchor apart from this disk confirmed.
    """

    size: int
    kept: str
    reaches: int
    reached_at: datetime | None
    anchors: tuple[Known, ...]
    quorum: Quorum | None

    @property
    def conflicts(self) -> tuple[Known, ...]:
        """The anchors that contradict this log."""
        return tuple(each for each in self.anchors if each.conflict is not None)

    @property
    def state(self) -> str:
        """`kept`, or CONTRADICTED while people have not settled what an anchor showed."""
        return CONTRADICTED if self.conflicts else self.kept


def outside(desk: Desk) -> Outside:
    """What is known now. For surfaces: what it says may be a moment old."""
    now = desk.now()
    known = tuple(_known(desk, station, now) for station in desk.anchors.stations)
    apart = [each for each in known if each.apart and each.size is not None]
    best = max(apart, key=lambda each: each.size or 0, default=None)
    kept = UNANCHORED
    if known and desk.state.unanchored is None:
        confirmed = [each for each in known if each.size is not None]
        kept = ANCHORED if apart else SAME_DISK if confirmed else UNANCHORED
    return Outside(
        size=desk.state.size,
        kept=kept,
        reaches=0 if best is None else best.size or 0,
        reached_at=None if best is None else best.at,
        anchors=known,
        quorum=quorum(desk),
    )


def degraded(desk: Desk) -> str | None:
    """Why the log counts as unanchored, in a sentence; None while it is anchored."""
    if not desk.anchors.stations:
        return (
            "unanchored: nobody outside holds a head of this log; name an anchor under "
            "`[[anchors]]` in config.toml"
        )
    if desk.state.unanchored is None:
        return None
    failed = [each for each in desk.anchors.stations if each.error]
    why = "; ".join(f"`{each.name}`: {each.error}" for each in failed)
    return "unanchored: no anchor has confirmed the newest entries in time" + (
        f" ({why})" if why else ""
    )


def contradictors(desk: Desk) -> tuple[str, ...]:
    """The anchors that contradict the log and wait for people."""
    known = desk.state.anchors.values()
    return tuple(sorted(each.name for each in known if each.conflict is not None))


def contradicted(desk: Desk) -> str | None:
    """Which anchors contradict the log and wait for people, in a sentence; None if none does."""
    names = contradictors(desk)
    if not names:
        return None
    said = ", ".join(f"`{name}`" for name in names)
    return (
        f"{said} showed a head of this log that is not in this log: another copy of it is running, or "
        "it was altered. Compare them (`governance anchor list`), then two people say what they "
        "found with `governance anchor settle NAME ENTRY`"
    )


def age(desk: Desk) -> float:
    """Seconds for which the newest entries have been outside nowhere; nan without anchors."""
    now = desk.now()
    late = [lateness(desk, each, now).total_seconds() for each in desk.anchors.stations]
    return min(late, default=float("nan"))


def lateness(desk: Desk, station: Station, now: datetime) -> timedelta:
    """Since when the oldest entry that `station` has not confirmed has been waiting for it."""
    confirmed = station.size or 0
    if confirmed >= desk.state.size:
        return timedelta(0)
    known = desk.state.anchors.get(station.name)
    try:
        since = desk.reader.entry(confirmed).at
    except (IndexError, Pruned):
        since = station.at or now
    if known is not None:
        since = max(since, known.at)
    if station.since is not None:  # what waited while nothing ran is no fault of the anchor
        since = max(since, station.since)
    return max(now - since, timedelta(0))


def quorum(desk: Desk) -> Quorum | None:
    """Whether the newest cosigned head meets the configured trust policy; None without one."""
    policy = desk.anchors.policy
    if policy is None:
        return None
    lines: dict[int, str] = {}
    for found in anchored.newest(desk.reader).values():
        if found.kind == "witness":
            lines[found.size] = lines.get(found.size, "") + found.data.decode("utf-8")
    for size in sorted(lines, reverse=True):
        note = next(iter(desk.reader.checkpoints(size - 1, size)), None)
        if note is None:
            continue
        try:
            opened = open_note(note + lines[size], {*policy.verifiers(), *verifiers(desk)})
            return Quorum(policy.satisfied_by(opened), size, policy.explain(opened))
        except LogError as error:
            return Quorum(False, size, (str(error),))
    return Quorum(False, None, ("no witness has cosigned a head yet",))


def verifiers(desk: Desk) -> tuple[Verifier, ...]:
    """The keys that signed or sign this log."""
    return tuple(desk.workspace.ring.verifiers)


def shown_target(settings: AnchorSettings) -> str:
    """Where heads go, without a password that a URL may hold."""
    parts = urlsplit(settings.target)
    if "@" not in parts.netloc:
        return settings.target
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def as_json(found: Outside) -> dict[str, Any]:
    """`found` as the API tells it."""
    return {
        "state": found.state,
        "size": found.size,
        "reaches": found.reaches,
        "reached_at": _instant(found.reached_at),
        "anchors": [
            {
                "name": each.name,
                "kind": each.kind,
                "target": each.target,
                "apart": each.apart,
                "size": each.size,
                "at": _instant(each.at),
                "late_seconds": int(each.late.total_seconds()),
                "error": each.error or None,
                "tried_at": _instant(each.tried_at),
                "conflict": _conflict_json(each.conflict),
            }
            for each in found.anchors
        ],
        "quorum": None
        if found.quorum is None
        else {
            "met": found.quorum.met,
            "size": found.quorum.size,
            "said": list(found.quorum.said),
        },
    }


def _conflict_json(conflict: Conflict | None) -> dict[str, Any] | None:
    if conflict is None:
        return None
    return {
        "entry": conflict.entry,
        "held": conflict.held,
        "shown": conflict.shown,
        "digest": conflict.digest,
        "looked_by": conflict.looked_by,
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else write(at)


def _known(desk: Desk, station: Station, now: datetime) -> Known:
    settings = station.settings
    return Known(
        name=station.name,
        kind=settings.kind,
        target=shown_target(settings),
        apart=is_apart(settings, desk.directory),
        size=station.size,
        at=station.at,
        late=lateness(desk, station, now),
        error=station.error,
        tried_at=station.tried_at,
        conflict=_conflict(desk, station.name),
    )


def _conflict(desk: Desk, name: str) -> Conflict | None:
    found = desk.state.anchors.get(name)
    if found is None or found.conflict is None:
        return None
    data = desk.reader.entry(found.conflict).data
    return Conflict(found.conflict, data["held"], data["shown"], data["digest"], found.looked_by)


def is_apart(settings: AnchorSettings, directory: Path) -> bool:
    """Whether what is kept there survives whoever can write the workspace's disk, as far as a
    machine can tell: a folder or file on the same volume does not.
    """
    if settings.kind == "file":
        return _elsewhere(Path(settings.target).parent, directory)
    if settings.kind != "git":
        return True
    place = _folder(settings.target)
    if place is None:
        return True
    pushed = _pushed_to(place)
    if pushed is not None:
        place = _folder(pushed)
    return place is None or _elsewhere(place, directory)


def _folder(target: str) -> Path | None:
    """The folder that a repository's address names on this machine; None for one elsewhere."""
    place = Path(target.removeprefix("file://"))
    return place if target.startswith("file://") or place.is_dir() else None


def _elsewhere(place: Path, directory: Path) -> bool:
    try:
        return place.stat().st_dev != directory.stat().st_dev
    except OSError:
        return False


def _pushed_to(repository: Path) -> str | None:
    """The address of the first remote of a repository in a folder."""
    for path in (repository / "config", repository / ".git" / "config"):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found = _REMOTE(text)
        return found[1] if found else None
    return None


def remember(desk: Desk) -> None:
    """What each anchor, as configured now, confirmed before this process began."""
    kept = anchored.newest(desk.reader)
    for station in desk.anchors.stations:
        if station.since is None:
            station.since = desk.now()
        found, known = kept.get(station.name), known_as(desk, station)
        if found is None or known is None or found.at < micros(known.at):
            continue
        if station.size is None or station.size < found.size:
            station.size, station.at = found.size, from_micros(found.at)


def known_as(desk: Desk, station: Station) -> Anchor | None:
    """The anchor that the log knows, if it is this one: same name, kind and target."""
    known = desk.state.anchors.get(station.name)
    if known is None or known.kind != station.settings.kind:
        return None
    same = opened(desk, known.index, "target") == shown_target(station.settings)
    return known if same else None
