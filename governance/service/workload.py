"""What approvals cost the people who answer them: how many a day, from whom, and how many minutes.

Law: one request for a yes counts once, however often the agent comes back for it while it waits; a
figure that was not measured in this log says so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final

from audit.entry import Entry
from governance.oversight.model import Clause, State

ASSUMED: Final = 3.0
"""Minutes for one answer where too few were measured."""
ENOUGH: Final = 20
"""Answers from which a median is believed."""
LONGEST: Final = timedelta(minutes=30)
"""A page that stays open longer than this was left alone; the answer counts as this long."""
ANSWERS: Final = frozenset({"approval.granted", "approval.refused"})
_MICROSECONDS: Final = 60_000_000


@dataclass(slots=True)
class Measured:
    """How long people looked before they answered, by role (minutes), and how long agents waited."""

    looked: dict[str, list[float]] = field(default_factory=dict)
    waited: list[float] = field(default_factory=list)

    def answer(self, state: State, entry: Entry) -> None:
        """One answer; `state` is the one before it."""
        approval = state.approvals.get(entry.data["refs"]["approval"])
        if approval is None:
            return
        self.waited.append(_minutes(entry.at - approval.asked_at))
        shown = approval.shown_at.get(entry.data["person"])
        if shown is not None:
            looked = self.looked.setdefault(entry.data["role"], [])
            looked.append(_minutes(min(entry.at - shown, LONGEST)))

    @property
    def answers(self) -> int:
        """How many answers were measured."""
        return sum(map(len, self.looked.values()))

    def minutes(self, role: str) -> float:
        """Minutes for one answer by `role`: its own median, else everybody's, else assumed."""
        own = self.looked.get(role, [])
        if len(own) >= ENOUGH:
            return median(own)
        everybody = [each for some in self.looked.values() for each in some]
        return median(everybody) if len(everybody) >= ENOUGH else ASSUMED


@dataclass(slots=True)
class Asked:
    """The requests for a yes of one world."""

    count: int = 0
    days: Counter[str] = field(default_factory=Counter)
    seats: Counter[str] = field(default_factory=Counter)
    reviewing: dict[str, list[int]] = field(default_factory=dict)
    _waiting: dict[tuple[int, str], datetime] = field(default_factory=dict)

    def see(
        self, data: Mapping[str, Any], at: datetime, asks: bool, clauses: Iterable[Clause]
    ) -> None:
        """One decision: whether it asks people, and for what."""
        if not asks:
            if self._waiting:  # it was granted and used, or needs nobody any more
                self._waiting.pop((data["refs"].get("session", -1), data["digest"]), None)
            return
        place = (data["refs"].get("session", -1), data["digest"])
        clauses = tuple(clauses)
        until = self._waiting.get(place)
        if until is not None and at < until:
            return
        within = min((clause.answer_within for clause in clauses), default=0)
        self._waiting[place] = at + timedelta(microseconds=within)
        self.count += 1
        self.days[at.astimezone(UTC).date().isoformat()] += 1
        for role, number in seats_of(clauses).items():
            self.seats[role] += number
            reviewing = max(c.review_time for c in clauses if role in {s.role for s in c.needs})
            self.reviewing.setdefault(role, []).extend([reviewing] * number)

    def minutes(self, role: str, measured: Measured) -> float:
        """Minutes of work for everybody of a role together."""
        each = measured.minutes(role)
        return math.fsum(max(each, least / _MICROSECONDS) for least in self.reviewing.get(role, ()))


def seats_of(clauses: Iterable[Clause]) -> dict[str, int]:
    """How many answers each role gives: the most demanding clause counts, for one answer meets every
    clause that it fits."""
    seats: dict[str, int] = {}
    for clause in clauses:
        for role, number in Counter({seat.role: seat.count for seat in clause.needs}).items():
            seats[role] = max(seats.get(role, 0), number)
    return seats


def compared(
    was: Asked, would: Asked, days: float, measured: Measured, state: State
) -> dict[str, Any]:
    """Both worlds beside each other, per day, per role and per person who holds the role now.

    `{was, would, added, per_day: {was, would, added}, busiest, minutes_each, measured, answers,
    waited, roles: [...], people: [...], nobody: [...]}`; minutes and counts of roles and people are
    what is added per day.
    """
    roles = []
    added: dict[str, list[float]] = {}
    for role in sorted(was.seats.keys() | would.seats.keys()):
        holders = [person.id for person in state.people.values() if role in person.roles]
        answers = (would.seats[role] - was.seats[role]) / days
        minutes = (would.minutes(role, measured) - was.minutes(role, measured)) / days
        roles.append(
            {
                "role": role,
                "was": was.seats[role],
                "would": would.seats[role],
                "added_per_day": round(answers, 2),
                "minutes_per_day": round(minutes, 1),
                "minutes_each": round(measured.minutes(role), 1),
                "holders": len(holders),
            }
        )
        for person in holders:
            mine = added.setdefault(person, [0.0, 0.0])
            mine[0] += answers / len(holders)
            mine[1] += minutes / len(holders)
    busiest = max(would.days.items(), key=lambda day: (day[1], day[0]), default=None)
    return {
        "was": was.count,
        "would": would.count,
        "added": would.count - was.count,
        "per_day": {
            "was": round(was.count / days, 2),
            "would": round(would.count / days, 2),
            "added": round((would.count - was.count) / days, 2),
        },
        "busiest": None if busiest is None else {"day": busiest[0], "would": busiest[1]},
        "measured": measured.answers >= ENOUGH,
        "answers": measured.answers,
        "waited": round(median(measured.waited), 1) if measured.waited else None,
        "roles": roles,
        "people": [
            {
                "person": person,
                "roles": sorted(
                    state.people[person].roles & (was.seats.keys() | would.seats.keys())
                ),
                "added_per_day": round(answers, 2),
                "minutes_per_day": round(minutes, 1),
            }
            for person, (answers, minutes) in sorted(added.items())
        ],
        "nobody": [each["role"] for each in roles if not each["holders"] and each["would"]],
    }


def _minutes(span: timedelta) -> float:
    return span / timedelta(minutes=1)
