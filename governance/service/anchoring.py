"""The log's heads go to its anchors, and what the anchors show is held against the log.

Law: an anchor is asked before it is told. One that shows a later head of this log, or another one of
the same length, is never overwritten: at the start a later head stops it, afterwards it becomes an
entry with the evidence, and the service is not ready until two people looked. Anchors are visited side
by side; one that hangs holds up no other. Only changes and failures are entries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from audit.checkpoint import Checkpoint, open_checkpoint, parse
from audit.errors import LogError
from audit.note import split
from governance.anchoring.anchor import AnchorFailed, Contradicted, Head
from governance.anchoring.station import Anchors, Station
from governance.oversight import anchors as rules
from governance.oversight import people
from governance.oversight.commands import Facts, Proposal
from governance.oversight.errors import Refused
from governance.oversight.model import State
from governance.oversight.times import micros, write
from governance.service.acting import Act, Texts, allowed, do, entry, one, perform, person, stated
from governance.service.anchors import (
    Outside,
    known_as,
    lateness,
    outside,
    remember,
    shown_target,
    verifiers,
)
from governance.service.desk import SERVICE, Caller, Desk
from governance.service.problem import Problem
from governance.store import anchored
from governance.store.anchored import Evidence
from governance.store.errors import CannotOpen, StoreError

START_SECONDS: Final = 5.0
"""How long the start waits for anchors to show their newest heads."""

NOW_SECONDS: Final = 25.0
"""How long a person who asks for it waits for the anchors."""

LAST_SECONDS: Final = 2.0
"""How long the end waits for them."""

_log = structlog.get_logger("governance.anchoring")


# -- at the start ----------------------------------------------------------------------------------


def look(desk: Desk, wait: float = START_SECONDS) -> None:
    """Ask the anchors for their newest heads before anything is written.

    Raises `CannotOpen` if one shows a later head of this log, signed by its key: what is here is an
    older copy, and going on would sign a second log. One that cannot be reached stops nothing.
    """
    shown = shown_heads(desk.anchors, desk.workspace.origin, wait)
    size = desk.reader.size
    for name, note in sorted(shown.items()):
        try:
            head = _ours(desk, note)
        except AnchorFailed:
            continue  # the first visit says so
        if head.size > size:
            raise CannotOpen(_older_copy(desk, name, head.size, size, note))


def shown_heads(outside: Anchors, origin: str, wait: float = START_SECONDS) -> dict[str, str]:
    """What those anchors that can be asked show for a log, by name, within `wait` seconds.

    Nothing is known yet of whether it is genuine.
    """
    shown: dict[str, str] = {}

    def ask(station: Station) -> None:
        try:
            note = station.anchor.newest(origin)
        except AnchorFailed as error:
            _log.warning("anchor cannot be asked", anchor=station.name, error=str(error))
        else:
            if note is not None:
                shown[station.name] = note

    asked = [each for each in outside.stations if each.anchor.tells]
    for station in outside.visit(asked, ask, wait):
        _log.warning("anchor did not answer in time", anchor=station.name)
    return shown.copy()


def _older_copy(desk: Desk, name: str, shown: int, size: int, note: str) -> str:
    kept: Path = desk.directory / f"later-head-{shown}.txt"
    kept.write_text(note, encoding="utf-8")
    return (
        f"the anchor `{name}` holds a head of this log with {shown} entries, but the log has {size}: "
        f"this is an older copy, or {shown - size} entries were cut off. Put the newer database back; "
        f"if it is lost, restore with `governance restore --acknowledge --known-head {kept}`, which "
        "is that head"
    )


def configure(desk: Desk) -> None:
    """Record which anchors were added and removed since the last start."""
    same = {each.name for each in desk.anchors.stations if known_as(desk, each) is not None}
    for name, known in sorted(desk.state.anchors.items()):
        # while it contradicts the log it stays, until people looked: nobody edits that away
        if name not in same and known.conflict is None:
            _record(desk, "anchor.removed", {"refs": {"anchor": known.index}, "anchor": name})
    for station in desk.anchors.stations:
        if station.name not in desk.state.anchors:
            target = Texts.of(target=shown_target(station.settings))
            data = {"anchor": station.name, "kind": station.settings.kind}
            _record(desk, "anchor.added", data, target)
    remember(desk)


def _record(desk: Desk, kind: str, data: dict[str, Any], texts: Texts | None = None) -> None:
    texts = texts or Texts()

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        return one(kind, at, SERVICE, index, data, {}, texts)

    perform(desk, Act(SERVICE.id, run, while_paused=True))


# -- visiting --------------------------------------------------------------------------------------


def anchor(desk: Desk, *, wait: float, due_only: bool = True) -> list[str]:
    """Hand the head to every anchor that is due, or to all; then see whether the log is anchored.

    Which anchors failed and why, and which have not answered within `wait` seconds.
    """
    remember(desk)
    stations = _due(desk) if due_only else desk.anchors.stations
    late = set()
    if stations:
        head = head_of(desk)
        found = desk.anchors.visit(stations, lambda each: _visit(desk, each, head), wait)
        late = {each.name for each in found}
    watch(desk)
    return [
        f"`{each.name}`: {each.error or 'has not answered yet'}"
        for each in desk.anchors.stations
        if each.error or each.name in late
    ]


def last_head(desk: Desk, wait: float = LAST_SECONDS) -> None:
    """Before the end, hand the head to the anchors that are asked at the start: what is altered while
    nothing runs is found then. What cannot be done in time is left.
    """
    asked = [each for each in desk.anchors.stations if each.anchor.tells]
    if asked:
        with suppress(StoreError, LogError):  # the log may be why the service ends
            head = head_of(desk)
            desk.anchors.visit(asked, lambda each: _visit(desk, each, head), wait)


def _due(desk: Desk) -> list[Station]:
    """Those whose time has come; witnesses all together, so that they cosign the same head.

    What another process of this log, or this one before it was started, handed over counts.
    """
    stations, now = desk.anchors.stations, desk.now()
    due = [
        each
        for each in stations
        if each.is_due
        and (
            each.error or each.at is None or now - each.at >= timedelta(seconds=each.settings.every)
        )
    ]
    if any(each.settings.kind == "witness" for each in due):
        due += [each for each in stations if each.settings.kind == "witness" and each not in due]
    return due


def head_of(desk: Desk) -> Head:
    """The newest signed head of this log."""
    note = desk.reader.checkpoint()
    found = parse(split(note)[0])
    at = desk.reader.entry(found.size - 1).at if found.size else desk.now()
    return Head(found.origin, found.size, found.root, note, at, desk.reader.consistency_proof)


def _visit(desk: Desk, station: Station, head: Head) -> None:
    with _told(desk, station):
        held = _shown(desk, station) if station.anchor.tells else station.size
        unproven = station.anchor.proves and station.size != held
        if held is None or held < head.size or (held == head.size and unproven):
            _keep(desk, station, head.size, station.anchor.publish(head))
            held = head.size
        elif not unproven and station.size != held:
            _keep(desk, station, held, b"")
        station.confirmed(held, desk.now())


def _ask(desk: Desk, station: Station) -> None:
    with _told(desk, station):
        _shown(desk, station)
        station.error = ""


@contextmanager
def _told(desk: Desk, station: Station) -> Iterator[None]:
    """Whatever goes wrong with an anchor is remembered, and what contradicts the log recorded."""
    station.tried_at = desk.now()
    try:
        yield
    except Contradicted as error:
        station.failed(str(error))
        _conflict(desk, station, error)
    except AnchorFailed as error:
        station.failed(str(error))
    except Exception as error:  # a thread of its own: nobody above would see it
        _log.error("anchor failed", anchor=station.name, error=repr(error))
        station.failed(str(error) or type(error).__name__)


def _shown(desk: Desk, station: Station) -> int | None:
    """The size of the head of this log that an anchor shows, None if it holds none.

    Raises `AnchorFailed`, `Contradicted`.
    """
    shown = station.anchor.newest(desk.workspace.origin)
    return None if shown is None else _held_against(desk, shown)


def _keep(desk: Desk, station: Station, size: int, data: bytes) -> None:
    found = Evidence(size, station.name, station.settings.kind, micros(desk.now()), data)
    desk.ledger.chore(lambda db: anchored.keep(db, found)).result(desk.settings.patience)


def _held_against(desk: Desk, shown: str) -> int:
    """The size of the head that an anchor shows, which is one of this log.

    Raises `Contradicted` if it is none, `AnchorFailed` if what is shown says nothing about this log.
    """
    found = _ours(desk, shown)
    size = desk.reader.size  # read after the anchor: what it shows was committed before
    if found.size > size:
        raise Contradicted(
            f"shows a later head ({found.size} entries) than this log has ({size})",
            shown.encode("utf-8"),
            found.size,
        )
    if desk.reader.frontier(found.size).root() != found.root:
        raise Contradicted(
            f"shows another head of the first {found.size} entries than this log has (a fork)",
            shown.encode("utf-8"),
            found.size,
        )
    return found.size


def _ours(desk: Desk, note: str) -> Checkpoint:
    """A head of this log, signed by its key. Raises `AnchorFailed`."""
    origin = desk.workspace.origin
    try:
        named = parse(split(note)[0]).origin
    except LogError:
        raise AnchorFailed("it holds no head of a log; move away what is there") from None
    if named != origin:
        raise AnchorFailed(
            f"it holds a head of another log, `{named}`; keep that, and give this log an anchor of "
            "its own"
        )
    try:
        return open_checkpoint(note, verifiers(desk), origin)
    except LogError as error:
        raise AnchorFailed(
            f"it holds a head of this log that no key of this log signed ({error}): somebody else "
            "wrote it. Keep a copy, then move it away"
        ) from None


def _conflict(desk: Desk, station: Station, error: Contradicted) -> None:
    """Record what an anchor showed, unless the log says it already."""
    digest = hashlib.sha256(error.shown).hexdigest()
    held = desk.reader.size

    def news(state: State) -> bool:
        known = state.anchors.get(station.name)
        return known is not None and known.conflict is None and known.shown != digest

    if not news(desk.state):
        return
    try:
        desk.blobs.put(error.shown)

        def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
            if not news(state):
                return Proposal((), {})
            data = {
                "refs": {"anchor": state.anchors[station.name].index},
                "anchor": station.name,
                "held": held,
                "shown": error.size,
                "digest": digest,
            }
            return Proposal((entry("anchor.conflict", at, SERVICE, data),), {})

        perform(desk, Act(SERVICE.id, run, while_paused=True))
    except (Problem, StoreError, OSError) as trouble:
        _log.error("conflict not recorded", anchor=station.name, error=str(trouble))


# -- whether any anchor still confirms -------------------------------------------------------------


def watch(desk: Desk) -> None:
    """Record that no anchor confirmed the newest entries in time, once, and that one does again."""
    stations = desk.anchors.stations
    if not stations:
        return
    lost = _is_lost(desk, desk.now())
    if lost == (desk.state.unanchored is not None):
        return
    size = max(each.size or 0 for each in stations)
    since = desk.now() - min(lateness(desk, each, desk.now()) for each in stations)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        if lost and state.unanchored is None and size < state.size:
            data: dict[str, Any] = {"since": write(since), "size": size}
            return Proposal((entry("anchor.lost", at, SERVICE, data),), {})
        if not lost and state.unanchored is not None:
            data = {"refs": {"anchor": state.unanchored}, "size": size}
            return Proposal((entry("anchor.restored", at, SERVICE, data),), {})
        return Proposal((), {})

    perform(desk, Act(SERVICE.id, run, while_paused=True))


def _is_lost(desk: Desk, now: datetime) -> bool:
    """Whether every anchor is later than its own interval and the alarm allow."""
    return all(
        lateness(desk, each, now) > timedelta(seconds=each.settings.every + desk.anchors.alarm)
        for each in desk.anchors.stations
    )


# -- people ----------------------------------------------------------------------------------------


def settle(desk: Desk, caller: Caller, name: str, seen: int, *, reason: str) -> dict[str, Any]:
    """Say what was found about the conflict that entry `seen` recorded, and no later one.

    Returns `{state: looked | settled, entry}`.

    Administrators and compliance officers; it takes two, or the only person of the workspace.
    """
    who, texts = person(caller), Texts.of(reason=stated(reason))

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, who, "settle a conflict of an anchor")
        conflict, complete = rules.look(state, name, who)
        if seen != conflict:
            raise Refused(
                "not-shown",
                f"entry `{seen}` is not the conflict that the anchor `{name}` has now: that is entry "
                f"`{conflict}`; look at that one",
                field="conflict",
            )
        data = {
            "refs": {"anchor": conflict},
            "person": who,
            "complete": complete,
            "alone": complete and state.single_person,
        }
        answer = {"state": "settled" if complete else "looked", "entry": index}
        return one("anchor.looked", at, caller, index, data, answer, texts)

    return do(desk, Act(who, run, while_paused=True))


def now(desk: Desk, caller: Caller, *, hand_over: bool = True) -> Outside:
    """Visit every anchor at once, at a person's word; what is known afterwards.

    With `hand_over` false they are only asked what they hold.
    """
    allowed(desk, caller, "see to the anchors")
    configure(desk)
    if hand_over:
        anchor(desk, wait=NOW_SECONDS, due_only=False)
    else:
        asked = [each for each in desk.anchors.stations if each.anchor.tells]
        desk.anchors.visit(asked, lambda each: _ask(desk, each), NOW_SECONDS)
    return outside(desk)


def evidence_of(desk: Desk, name: str) -> bytes:
    """What an anchor showed that is not in this log; a Problem if it showed no such thing."""
    known = desk.state.anchors.get(name)
    if known is None or known.shown is None:
        raise Problem("unknown", f"the anchor `{name}` showed nothing that contradicts the log")
    return desk.blobs.get(known.shown)
