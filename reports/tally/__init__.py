"""One pass over a log: everything a report counts, counted once.

The law: an entry is looked at once, in the order of the log, and then forgotten but for the few
bytes of `reports.tally.marks`. Nothing is sampled. What an entry says is taken as the log's closed
list of kinds shapes it; an entry of a kind unknown to this version is counted, and only counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from audit.tree import Frontier
from reports.standing import Standing
from reports.tally.approvals import Acts, Approvals
from reports.tally.decisions import Decisions
from reports.tally.exceptions import Exceptions
from reports.tally.kept import Keeping
from reports.tally.marks import Columns, Mark, Scope
from reports.tally.registry import Registry
from reports.tally.reviews import Reviewed
from reports.tally.stops import Stops


class EntryLike(Protocol):
    """What a report needs of an entry; `audit.entry.Entry` is one."""

    @property
    def kind(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def by(self) -> Mapping[str, Any]: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


Row = tuple[int, bytes | None, EntryLike]
"""Index, leaf hash (None if not at hand), entry."""

_UPON = ("override.granted", "decision.disregarded", "decision.reversed")


class Tally:
    """The books of one report."""

    def __init__(self, scope: Scope, standing: Standing | None = None) -> None:
        self.scope = scope
        self.minimum = 0 if standing is None else standing.minimum
        self.columns, self.exceptions = Columns(), Exceptions()
        self.registry = Registry(scope, self.exceptions)
        self.decisions = Decisions(scope, self.columns, self.registry, self.exceptions)
        self.approvals = Approvals(scope, self.columns, self.exceptions)
        self.acts = Acts(scope, self.columns, self.exceptions)
        self.reviews = Reviewed(scope, self.columns)
        self.stops = Stops(scope, self.columns, self.registry, self.exceptions)
        self.keeping = Keeping(scope)
        self.entries, self.kinds = Mark("any"), dict[str, Mark]()
        self.before = self.after = self.seen = self.repeated = 0
        self.missing: list[tuple[int, int]] = []
        self.next_index = 0
        self.began: datetime | None = None
        self.ends: datetime | None = None
        self._frontier: Frontier | None = Frontier()
        if standing is not None:
            self._begin(standing)

    def _begin(self, standing: Standing) -> None:
        """Go on from where the entries before were pruned."""
        self.next_index, self._frontier = standing.minimum, standing.frontier.copy()
        self.columns.begin = standing.minimum
        self.registry.begin(standing)
        self.stops.begin(standing)
        self.keeping.begin(standing)

    def read(self, rows: Iterable[Row]) -> None:
        """Count every row; indexes ascend, and what is missing or repeated is noted."""
        for index, leaf, entry in rows:
            if self._sequence(index, leaf, entry.at):
                self._take(index, entry)

    def root(self) -> bytes | None:
        """The tree's root over all leaves seen; None if one was missing or not given."""
        return self._frontier.root() if self._frontier is not None else None

    def _sequence(self, index: int, leaf: bytes | None, at: datetime) -> bool:
        """Whether the row is new; coverage of the sequence is counted here."""
        if index < self.next_index:
            self.repeated += 1
            self._frontier = None
            return False
        if index > self.next_index:
            self.missing.append((self.next_index, index - 1))
            self._frontier = None
        if leaf is None:
            self._frontier = None
        elif self._frontier is not None:
            self._frontier.append(leaf)
        self.next_index = index + 1
        self.seen += 1
        self.began = self.began or at
        self.ends = at
        return True

    def _take(self, index: int, entry: EntryLike) -> None:
        kind, at, data = entry.kind, entry.at, entry.data
        self._count(index, kind, at)
        if kind == "decision":
            self._decision(index, at, data)
        elif kind == "permit.redeemed":
            self.stops.redeemed(index, at, data)
            self.decisions.redeem(index, at, data)
        elif kind == "outcome":
            self.decisions.outcome(index, at, data)
        elif kind == "session.opened":
            self.columns.put(index, 0, data["agent"], session=data["refs"].get("session"))
        elif kind in _UPON:
            self.acts.take(index, kind, at, data)
        elif kind in ("decision.reviewed", "sample.drawn"):
            self.reviews.take(index, kind, at, data)
        elif kind.startswith("approval."):
            self.approvals.take(index, kind, at, data)
        elif kind.startswith("stop."):
            self.stops.take(index, kind, at, data)
        elif kind.startswith("retention."):
            self.keeping.take(index, kind, at, data)
        else:
            if kind == "service.restored":
                self.stops.take(index, kind, at, data)
            self.registry.take(index, kind, at, data)
            self.registry.granted(index, kind, at, entry.by, data)

    def _count(self, index: int, kind: str, at: datetime) -> None:
        """Whatever it says: of which kind it is, and on which side of the period it lies."""
        if self.scope.within(at):
            self.entries.add(index)
            mark = self.kinds.get(kind)
            if mark is None:
                mark = self.kinds[kind] = Mark(kind)
            mark.add(index)
        elif at < self.scope.period.start:
            self.before += 1
        else:
            self.after += 1

    def _decision(self, index: int, at: datetime, data: Mapping[str, Any]) -> None:
        self.stops.decided(index, at, data)
        self.decisions.take(index, at, data)
        refs = data["refs"]
        if "approval" in refs:
            self.approvals.use(index, at, data)
        if "override" in refs:
            self.acts.use(index, data)
