"""Stops and drills: after a stop, nothing of its scope is allowed or redeemed until it is lifted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reports.evidence import StopRow
from reports.standing import Standing
from reports.tally.exceptions import Exceptions
from reports.tally.marks import Columns, Listed, Scope, listed
from reports.tally.registry import Registry

_KINDS = ("stop.raised", "stop.lift_asked", "stop.lifted", "stop.drilled", "decision")


@dataclass(slots=True)
class Stop:
    """One stop while the log is read."""

    index: int
    at: datetime
    type: str
    id: str
    by: str
    drill: bool
    counted: bool
    refused: int = 0
    passed: Listed = field(default_factory=lambda: Listed("decision", "permit.redeemed"))
    entries: list[int] = field(default_factory=list)
    last_allowed: int | None = None
    seconds: str | None = None
    lifted: int | None = None
    lifted_at: datetime | None = None
    lifted_by: str | None = None


class Stops:
    """Folds `stop.*` and holds every later allow and redemption against the stops in force."""

    def __init__(
        self, scope: Scope, columns: Columns, registry: Registry, exceptions: Exceptions
    ) -> None:
        self._scope, self._columns = scope, columns
        self._registry, self._exceptions = registry, exceptions
        self._stops: dict[int, Stop] = {}
        self._active: dict[int, Stop] = {}

    def begin(self, standing: Standing) -> None:
        """Stops that were in force at a cut are in force here."""
        for s in standing.stops:
            self._start(s.index, s.at, s.type, s.id, s.by, drill=s.drill)

    def take(self, index: int, kind: str, at: datetime, data: Mapping[str, Any]) -> None:
        """A `stop.*` entry, or `service.restored`, which starts stopped.

        Stops in force at any time of the period are in the report.
        """
        if kind == "stop.raised":
            self._raise(index, at, data)
            return
        if kind == "service.restored":
            self._start(index, at, "everything", "", "service", drill=False)
            return
        refs = data["refs"]
        stop = self._stops.get(refs.get("stop", refs.get("service", -1)))
        if stop is None:
            return
        stop.entries.append(index)
        if kind == "stop.lifted":
            self._active.pop(stop.index, None)
            stop.lifted, stop.lifted_at, stop.lifted_by = index, at, str(data["person"])
            stop.counted = stop.counted and at >= self._scope.period.start
            if data.get("alone") and self._scope.within(at):
                self._exceptions.note("alone", "", "lifting a stop", index, at, kind)
        elif kind == "stop.drilled":
            stop.drill = True
            stop.last_allowed, stop.seconds = data["last_allowed"], str(data["seconds"])

    def decided(self, index: int, at: datetime, data: Mapping[str, Any]) -> None:
        """A decision: an allow inside a stop's scope is what must never be."""
        if not self._active:
            return
        agent, action = data["agent"], data["action"]
        for stop in self._active.values():
            if not self._covers(stop, agent, action, data["refs"].get("session")):
                continue
            if data["effect"] == "allow":
                self._passed(stop, agent, index, at, "decision")
            elif any(finding["rule"] == "stop" for finding in data["findings"]):
                stop.refused += 1
                stop.entries.append(index)

    def redeemed(self, index: int, at: datetime, data: Mapping[str, Any]) -> None:
        """A permit redeemed: of a decision before the stop or after, it must not be."""
        if not self._active:
            return
        decision, columns = data["refs"]["decision"], self._columns
        agent, action = columns.agent_of(decision), columns.action_of(decision)
        for stop in self._active.values():
            if self._covers(stop, agent, action, columns.session_of(decision)):
                self._passed(stop, agent, index, at, "permit.redeemed")

    def rows(self) -> tuple[StopRow, ...]:
        """Every stop and drill in force during the period, in the order they were raised."""
        return tuple(_row(s) for s in self._stops.values() if s.counted)

    def _raise(self, index: int, at: datetime, data: Mapping[str, Any]) -> None:
        scope, by = data["scope"], str(data["person"])
        type_, id_ = str(scope["type"]), str(scope.get("id", ""))
        self._start(index, at, type_, id_, by, drill=bool(data["drill"]))

    def _start(
        self, index: int, at: datetime, type_: str, id_: str, by: str, *, drill: bool
    ) -> None:
        counted = at < self._scope.period.end and self._concerns(type_, id_)
        stop = Stop(index, at, type_, id_, by, drill, counted, entries=[index])
        self._stops[index] = self._active[index] = stop

    def _concerns(self, type_: str, id_: str) -> bool:
        """A stop of this scope belongs into the report."""
        agent = self._scope.agent
        if agent is None or type_ in ("everything", "action"):
            return True
        if type_ == "team":
            known = self._registry.get(agent)
            return known is not None and known.team == id_
        if type_ == "session":
            return id_.isdecimal() and self._columns.agent_of(int(id_)) == agent
        return id_ == agent

    def _covers(self, stop: Stop, agent: str, action: str, session: int | None) -> bool:
        if stop.type == "everything":
            return True
        if stop.type == "team":
            known = self._registry.get(agent)
            return known is not None and known.team == stop.id
        if stop.type == "session":
            return stop.id in self._chain(session)
        if stop.type == "agent":
            return agent == stop.id
        family = stop.id.removesuffix(".*")
        return action == family or action.startswith(family + ".")

    def _chain(self, session: int | None) -> set[str]:
        """A session and those that delegated to it: a stop of one covers all below it."""
        chain: set[str] = set()
        while session is not None and str(session) not in chain:
            chain.add(str(session))
            session = self._columns.session_of(session)
        return chain

    def _passed(self, stop: Stop, agent: str, index: int, at: datetime, kind: str) -> None:
        stop.passed.add(index, at)
        if self._scope.within(at) and self._scope.mine(agent):
            cause = f"stop {stop.index}"
            self._exceptions.note("stopped", agent, cause, index, at, kind)


def _row(stop: Stop) -> StopRow:
    return StopRow(
        stop.index,
        stop.at,
        f"{stop.type} {stop.id}".strip(),
        stop.by,
        stop.drill,
        None,
        stop.refused,
        stop.passed.count(),
        stop.last_allowed,
        stop.seconds,
        stop.lifted,
        stop.lifted_at,
        stop.lifted_by,
        listed(_KINDS, stop.entries),
    )
