"""Reviews of past decisions, and what was drawn to be reviewed.

The law: of the reviews that one person gave of one decision in the period the newest counts; those it
replaced are counted apart. A verdict is never averaged: where people differ, the decision is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from reports.counts import Count
from reports.evidence import Reviews
from reports.tally.marks import Columns, Scope, listed


class Reviewed:
    """Folds `decision.reviewed` and `sample.drawn`."""

    def __init__(self, scope: Scope, columns: Columns) -> None:
        self._scope, self._columns = scope, columns
        self._newest: dict[tuple[int, str], tuple[int, str]] = {}
        self._replaced: list[int] = []
        self._drawn: set[int] = set()
        self._seen: set[int] = set()

    def take(self, index: int, kind: str, at: datetime, data: Mapping[str, Any]) -> None:
        """One entry of either kind."""
        within = self._scope.within(at)
        if kind == "sample.drawn":
            mine = (d for d in data["decisions"] if self._scope.mine(self._columns.agent_of(d)))
            self._drawn.update(mine if within else ())
            return
        decision = data["refs"]["decision"]
        self._seen.add(decision)
        if not (within and self._scope.mine(self._columns.agent_of(decision))):
            return
        key = decision, str(data["person"])
        if key in self._newest:
            self._replaced.append(self._newest[key][0])
        self._newest[key] = index, str(data["verdict"])

    def counted(self) -> Reviews:
        """What the period has."""
        said: dict[int, set[str]] = {}
        for (decision, _), (_, verdict) in self._newest.items():
            said.setdefault(decision, set()).add(verdict)
        disputed = (decision for decision, words in said.items() if len(words) > 1)
        return Reviews(
            given=self._reviews(index for index, _ in self._newest.values()),
            right=self._of("right"),
            too_strict=self._of("too_strict"),
            too_loose=self._of("too_loose"),
            replaced=self._reviews(self._replaced),
            decisions=self._decisions(said),
            disputed=self._decisions(disputed),
            drawn=self._decisions(self._drawn),
            looked_at=self._decisions(self._drawn & self._seen),
        )

    def _of(self, verdict: str) -> Count:
        found = [index for index, said in self._newest.values() if said == verdict]
        return self._reviews(found, verdict=verdict)

    def _reviews(self, indexes: Iterable[int], **where: str) -> Count:
        return self._count("decision.reviewed", indexes, **where)

    def _decisions(self, indexes: Iterable[int]) -> Count:
        return self._count("decision", indexes)

    def _count(self, kind: str, indexes: Iterable[int], **where: str) -> Count:
        cite = listed((kind,), list(indexes), self._scope.where(**where))
        return Count(cite.count, cite)
