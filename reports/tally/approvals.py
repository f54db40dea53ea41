"""Approvals and acts upon decisions: what people were asked, shown, answered, lifted and undid."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reports.evidence import Act
from reports.tally.exceptions import Exceptions
from reports.tally.marks import ALLOW, OUTCOME, Columns, Listed, Mark, Scope, listed

_MICROSECONDS = 1_000_000


@dataclass(slots=True)
class Ask:
    """One approval while the log is read; dropped once it is used or over."""

    index: int
    at: datetime
    agent: str
    digest: str
    seats: int
    floor: float
    counted: bool
    shown: dict[str, datetime] = field(default_factory=dict)
    grants: set[str] = field(default_factory=set)
    complete: bool = False


class Approvals:
    """Folds `approval.*`, and notes whether a decision that used one had its quorum."""

    def __init__(self, scope: Scope, columns: Columns, exceptions: Exceptions) -> None:
        self._scope, self._columns, self._exceptions = scope, columns, exceptions
        self._asks: dict[int, Ask] = {}
        where = scope.where()
        self.asked = Mark("approval.asked", where=where)
        self.ended = {
            "granted": Listed("approval.granted", where=scope.where(complete="true")),
            "refused": Listed("approval.refused", where=where),
            "expired": Listed("approval.expired", where=where),
            "cancelled": Listed("approval.cancelled", where=where),
        }
        self.answers = Mark("approval.granted", "approval.refused", where=where)
        self.grants = Mark("approval.granted", where=where)
        self.shown_first = Mark("approval.granted", where=scope.where(shown="first"))
        self.timed = Mark("approval.granted", where=scope.where(shown="first", floor="set"))
        self.fast = Listed("approval.granted", where=scope.where(below="floor"))
        self.floors: set[float] = set()
        self.to_decide, self.waited = array("d"), array("d")
        self.used = Mark("decision", where=scope.where(approval="used"))
        self.quorate = Mark("decision", where=scope.where(approval="quorate"))
        self.people: set[str] = set()
        self.last_answer_at: datetime | None = None
        self.last_used_at: datetime | None = None

    def take(self, index: int, kind: str, at: datetime, data: Mapping[str, Any]) -> None:
        """One `approval.*` entry; answers count with the request they answer, up to the head."""
        if kind == "approval.asked":
            self._asked(index, at, data)
            return
        ask = self._asks.get(data["refs"]["approval"])
        if ask is None:
            return
        if kind == "approval.shown":
            ask.shown.setdefault(str(data["person"]), at)
            return
        if kind in ("approval.granted", "approval.refused") and ask.counted:
            self._answer(ask, index, kind, at, str(data["person"]))
        settled = ask.complete
        if kind == "approval.granted":
            ask.grants.add(str(data["person"]))
            if not data["complete"]:
                return
            ask.complete = True
        elif kind.partition(".")[2] in self.ended:
            del self._asks[ask.index]
        else:
            return
        if ask.counted and not settled:
            self.ended[kind.partition(".")[2]].add(index, at)
            if kind in ("approval.granted", "approval.refused"):
                self.waited.append((at - ask.at).total_seconds())

    def use(self, index: int, at: datetime, data: Mapping[str, Any]) -> None:
        """A decision that names an approval in its `refs`; nothing is said of one that was pruned."""
        if data["refs"]["approval"] < self._columns.begin:
            return
        if data["effect"] != "allow":
            return
        ask = self._asks.pop(data["refs"]["approval"], None)
        agent = data["agent"]
        if not (self._scope.within(at) and self._scope.mine(agent)):
            return
        self.used.add(index)
        self.last_used_at = at
        why = _why_not(ask, data)
        if why is None:
            self.quorate.add(index)
        else:
            self._exceptions.note("quorum", agent, why, index, at, "decision")

    def _asked(self, index: int, at: datetime, data: Mapping[str, Any]) -> None:
        clauses = data["clauses"]
        seats = max((sum(seat["count"] for seat in c["needs"]) for c in clauses), default=1)
        floor = max((c["review_time"] for c in clauses), default=0) / _MICROSECONDS
        counted = self._scope.within(at) and self._scope.mine(data["agent"])
        self._asks[index] = Ask(index, at, data["agent"], data["digest"], seats, floor, counted)
        if counted:
            self.asked.add(index)
            if floor:
                self.floors.add(floor)

    def _answer(self, ask: Ask, index: int, kind: str, at: datetime, person: str) -> None:
        self.answers.add(index)
        self.people.add(person)
        self.last_answer_at = at
        shown = ask.shown.get(person)
        if shown is not None:
            self.to_decide.append((at - shown).total_seconds())
        if kind != "approval.granted":
            return
        self.grants.add(index)
        if shown is None:
            self._exceptions.note("unread", ask.agent, "", index, at, kind)
            return
        self.shown_first.add(index)
        if not ask.floor:
            return
        self.timed.add(index)
        if (at - shown).total_seconds() < ask.floor:
            self.fast.add(index)
            cause = f"floor {ask.floor:g} s"
            self._exceptions.note("fast", ask.agent, cause, index, at, kind)


def _why_not(ask: Ask | None, data: Mapping[str, Any]) -> str | None:
    """Why the log does not show that `ask` covers the decision `data`; None if it does."""
    if ask is None:
        return "approval unknown, over or used before"
    if ask.agent != data["agent"] or ask.digest != data["digest"]:
        return "approval was for another action"
    if not ask.complete:
        return "approval was not complete"
    if len(ask.grants) < ask.seats:
        return f"{len(ask.grants)} of {ask.seats} people"
    return None


@dataclass(slots=True)
class Deed:
    """An act upon a decision while the log is read."""

    index: int
    at: datetime
    kind: str
    decision: int
    by: list[str]
    lifts: tuple[str, ...]
    complete: bool
    alone: bool
    outcome: str
    entries: list[int]
    used_by: int | None = None


class Acts:
    """Folds overrides, disregards and reversals; all of them are listed."""

    def __init__(self, scope: Scope, columns: Columns, exceptions: Exceptions) -> None:
        self._scope, self._columns, self._exceptions = scope, columns, exceptions
        self._overrides: dict[int, Deed] = {}
        self._deeds: list[Deed] = []

    def take(self, index: int, kind: str, at: datetime, data: Mapping[str, Any]) -> None:
        """An `override.granted`, `decision.disregarded` or `decision.reversed` entry."""
        first = self._overrides.get(data["refs"].get("override", -1))
        if first is not None:
            first.by.append(str(data["person"]))
            first.entries.append(index)
            first.complete = first.complete or bool(data["complete"])
            return
        decision = data["refs"]["decision"]
        agent = self._columns.agent_of(decision)
        deed = Deed(
            index,
            at,
            kind,
            decision,
            [str(data["person"])],
            tuple(data.get("lifts", ())),
            bool(data.get("complete", True)),
            bool(data.get("alone", False)),
            str(data.get("outcome", "")),
            [index, decision],
        )
        if kind == "override.granted":
            self._overrides[index] = deed
        if not (self._scope.within(at) and self._scope.mine(agent)):
            return
        self._deeds.append(deed)
        if deed.alone:
            self._exceptions.note("alone", agent, "overriding a denial", index, at, kind)

    def use(self, index: int, data: Mapping[str, Any]) -> None:
        """A decision that names an override in its `refs`."""
        deed = self._overrides.get(data["refs"]["override"])
        if deed is not None and data["effect"] == "allow":
            deed.used_by = index
            deed.entries.append(index)

    def rows(self) -> tuple[Act, ...]:
        """Every act of the period, in the order of the log."""
        return tuple(self._row(deed) for deed in self._deeds)

    def _row(self, deed: Deed) -> Act:
        kinds = (deed.kind, "decision") if deed.kind != "decision" else ("decision",)
        return Act(
            deed.index,
            deed.at,
            deed.kind,
            self._columns.agent_of(deed.decision),
            deed.decision,
            tuple(deed.by),
            deed.lifts,
            None,
            deed.complete,
            deed.alone,
            self._came_of(deed),
            listed(kinds, deed.entries),
        )

    def _came_of(self, deed: Deed) -> str:
        if deed.kind == "decision.reversed":
            return deed.outcome
        if deed.kind == "decision.disregarded":
            return "not followed"
        if not deed.complete:
            return "quorum not reached"
        if deed.used_by is None:
            return "not used"
        if self._columns.effect(deed.used_by) != ALLOW:
            return "denied again"
        known = self._columns.has(deed.used_by, OUTCOME)
        return "allowed, outcome reported" if known else "allowed, outcome not known"
