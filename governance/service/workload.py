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
from typing import Any, Final, NamedTuple

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
    names = sorted(was.seats.keys() | would.seats.keys())
    roles = [_role(name, was, would, days, measured, state) for name in names]
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
        "roles": [
            {
                "role": each.name,
                "was": was.seats[each.name],
                "would": would.seats[each.name],
                "added_per_day": round(each.answers, 2),
                "minutes_per_day": round(each.minutes, 1),
                "minutes_each": round(measured.minutes(each.name), 1),
                "holders": len(each.holders),
            }
            for each in roles
        ],
        "people": _people(roles),
        "nobody": [r.name for r in roles if not r.holders and would.seats[r.name]],
    }


class _Role(NamedTuple):
    """A role that is asked in one of the worlds: who holds it, and what is added for all of them
    together, a day."""

    name: str
    holders: tuple[str, ...]
    answers: float
    minutes: float


def _role(
    name: str, was: Asked, would: Asked, days: float, measured: Measured, state: State
) -> _Role:
    return _Role(
        name,
        tuple(person.id for person in state.people.values() if name in person.roles),
        (would.seats[name] - was.seats[name]) / days,
        (would.minutes(name, measured) - was.minutes(name, measured)) / days,
    )


def _people(roles: Iterable[_Role]) -> list[dict[str, Any]]:
    """What is added for each person a day, if everybody in a role answers as often."""
    shares: dict[str, list[_Role]] = {}
    for role in roles:
        for person in role.holders:
            shares.setdefault(person, []).append(role)
    return [
        {
            "person": person,
            "roles": [role.name for role in mine],
            "added_per_day": round(sum(role.answers / len(role.holders) for role in mine), 2),
            "minutes_per_day": round(sum(role.minutes / len(role.holders) for role in mine), 1),
        }
        for person, mine in sorted(shares.items())
    ]


def _minutes(span: timedelta) -> float:
    return span / timedelta(minutes=1)
