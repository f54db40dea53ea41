"""How long the log is kept: rules, legal holds and cuts, as its entries have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reports.evidence import CutRow, HoldRow, Kept
from reports.standing import Standing
from reports.tally.marks import Scope, listed

FLOOR_DAYS = 184
"""The longest that six months can be: AI Act, Articles 19 and 26(6)."""


@dataclass(slots=True)
class Hold:
    """One legal hold while the log is read."""

    index: int
    at: datetime
    scope: str
    lifted: int | None = None
    lifted_at: datetime | None = None


@dataclass(slots=True)
class Cut:
    """One cut while the log is read."""

    index: int
    at: datetime
    minimum: int
    last_at: datetime
    people: tuple[str, ...]
    counts: tuple[tuple[str, int], ...]
    overwritten: int | None = None
    overwritten_at: datetime | None = None
    values: int | None = None
    copies_until: datetime | None = None


class Keeping:
    """Folds `retention.*` up to the end of the period."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._classes: dict[str, int] = {}
        self._duty: tuple[str, int] | None = None
        self._schedule = False
        self._rules: int | None = None
        self._holds: dict[int, Hold] = {}
        self._cuts: dict[int, Cut] = {}
        self._standing: Standing | None = None

    def begin(self, standing: Standing) -> None:
        """Go on from what stood at a cut."""
        self._standing = standing
        self._classes = dict(standing.classes)
        self._duty, self._schedule = standing.duty, standing.schedule
        self._rules = standing.rules
        self._holds = {h.index: Hold(h.index, h.at, h.scope) for h in standing.holds}

    def take(self, index: int, kind: str, at: datetime, data: Mapping[str, Any]) -> None:
        """A `retention.*` entry; what came after the period changes nothing, but that a cut of the
        period was carried out."""
        if kind == "retention.overwritten":
            self._overwritten(index, at, data)
        elif at >= self._scope.period.end:
            return
        elif kind == "retention.set" and not data["pending"]:
            self._classes, self._schedule, self._rules = data["classes"], data["schedule"], index
            duty = data["duty"]
            self._duty = None if duty is None else (duty["law"], duty["days"])
        elif kind == "retention.held":
            self._holds[index] = Hold(index, at, words_of(data["scope"]))
        elif kind == "retention.released":
            number = int(data.get("older", data["refs"].get("retention", -1)))
            hold = self._holds.get(number)
            if hold is not None:
                hold.lifted, hold.lifted_at = index, at
        elif kind == "retention.pruned":
            self._cuts[index] = Cut(
                index,
                at,
                data["minimum"],
                datetime.fromisoformat(data["last_at"]),
                tuple(data["people"]),
                tuple(sorted(data["counts"].items())),
            )

    def _overwritten(self, index: int, at: datetime, data: Mapping[str, Any]) -> None:
        cut = self._cuts.get(data["refs"]["retention"])
        if cut is not None:
            until = data["copies_until"]
            cut.overwritten, cut.overwritten_at, cut.values = index, at, data["values"]
            cut.copies_until = None if until is None else datetime.fromisoformat(until)

    def kept(self) -> Kept:
        """What the report says of it."""
        start, standing = self._scope.period.start, self._standing
        holds = [h for h in self._holds.values() if h.lifted_at is None or h.lifted_at >= start]
        return Kept(
            FLOOR_DAYS,
            tuple(sorted(self._classes.items())),
            None if self._duty is None else self._duty[0],
            None if self._duty is None else self._duty[1],
            self._schedule,
            self._rules,
            tuple(HoldRow(h.index, h.at, h.scope, h.lifted, h.lifted_at) for h in holds),
            tuple(_row(cut) for cut in self._cuts.values() if cut.at >= start),
            0 if standing is None else standing.minimum,
            None if standing is None else standing.last_at,
        )


def words_of(scope: Mapping[str, Any]) -> str:
    """The scope of a legal hold, in words."""
    if scope["type"] == "range":
        return f"entries {scope['first']} to {scope['last']}"
    return f"{scope['type']} {scope['id']}"


def _row(cut: Cut) -> CutRow:
    entries = [cut.index] if cut.overwritten is None else [cut.index, cut.overwritten]
    return CutRow(
        cut.index,
        cut.at,
        cut.minimum,
        cut.last_at,
        cut.people,
        cut.counts,
        cut.overwritten,
        cut.overwritten_at,
        cut.values,
        cut.copies_until,
        listed(("retention.pruned", "retention.overwritten"), entries),
    )
