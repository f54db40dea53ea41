"""What a single pass remembers of the entries it saw.

The law: memory grows by a few bytes an entry, never by an entry. Counts keep three integers,
lists of exceptions keep one integer each, and what must be asked again about an earlier decision
stands in columns, one small number per index.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from reports.counts import Cite, Count
from reports.evidence import Period

ALLOW, REQUIRE, DENY = 1, 2, 3
EFFECT_CODES = {"allow": ALLOW, "require_approval": REQUIRE, "deny": DENY}
COUNTED, OBSERVED, OUTCOME, REDEEMED, ATTESTED = 4, 8, 16, 32, 64
_EFFECT = 3


@dataclass(frozen=True, slots=True)
class Scope:
    """Which entries a report is of: a period, and one agent or None for all."""

    period: Period
    agent: str | None

    def within(self, at: datetime) -> bool:
        """`at` lies in the period."""
        return self.period.start <= at < self.period.end

    def mine(self, agent: str | None) -> bool:
        """The report is of this agent, or of all."""
        return self.agent is None or agent == self.agent

    def where(self, **fields: str) -> tuple[tuple[str, str], ...]:
        """`fields`, and the agent if the report is of one: what a `Cite` counts by."""
        if self.agent is not None:
            fields.setdefault("agent", self.agent)
        return tuple(sorted(fields.items()))


class Mark:
    """A count that knows its first and last entry."""

    __slots__ = ("first", "kinds", "last", "n", "where")

    def __init__(self, *kinds: str, where: tuple[tuple[str, str], ...] = ()) -> None:
        self.kinds, self.where = kinds, where
        self.n, self.first, self.last = 0, -1, -1

    def add(self, index: int) -> None:
        """Count the entry at `index`."""
        if not self.n:
            self.first = index
        self.n += 1
        self.last = index

    def cite(self) -> Cite:
        """The entries counted, as kinds, condition and first to last."""
        none = not self.n
        return Cite(
            self.kinds,
            self.where,
            self.n,
            None if none else self.first,
            None if none else self.last,
        )

    def count(self) -> Count:
        """The count with its citation."""
        return Count(self.n, self.cite())


class Listed:
    """Entries of which each must be named: eight bytes each."""

    __slots__ = ("first_at", "indexes", "kinds", "last_at", "where")

    def __init__(self, *kinds: str, where: tuple[tuple[str, str], ...] = ()) -> None:
        self.kinds, self.where = kinds, where
        self.indexes = array("Q")
        self.first_at: datetime | None = None
        self.last_at: datetime | None = None

    def add(self, index: int, at: datetime | None = None) -> None:
        """Name the entry at `index`, written at `at`."""
        self.indexes.append(index)
        if at is not None:
            self.first_at = self.first_at or at
            self.last_at = at

    @property
    def n(self) -> int:
        """Entries named."""
        return len(self.indexes)

    def cite(self) -> Cite:
        """Every entry named."""
        return listed(self.kinds, self.indexes, self.where)

    def count(self) -> Count:
        """The count with its citation."""
        return Count(self.n, self.cite())


def listed(
    kinds: tuple[str, ...], indexes: array[int] | list[int], where: tuple[tuple[str, str], ...] = ()
) -> Cite:
    """A citation that names every one of `indexes`."""
    runs = ranges(sorted(set(indexes)))
    return Cite(
        kinds,
        where,
        sum(last - first + 1 for first, last in runs),
        runs[0][0] if runs else None,
        runs[-1][1] if runs else None,
        listed=True,
        ranges=runs,
    )


def ranges(indexes: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Ascending indexes as [first, last] pairs, both included."""
    runs: list[tuple[int, int]] = []
    for index in indexes:
        if runs and index == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    return tuple(runs)


class Columns:
    """Per index of the log: effect and fate of a decision, its agent, action and session; and for
    a session its agent and the session that delegated to it."""

    __slots__ = ("_names", "_numbers", "action", "agent", "begin", "flags", "session")

    def __init__(self) -> None:
        self.begin = 0  # entries before were pruned: nothing is known of them
        self.flags = bytearray()
        self.agent, self.action, self.session = array("I"), array("I"), array("Q")
        self._names: list[str] = [""]
        self._numbers: dict[str, int] = {"": 0}

    def put(
        self, index: int, flags: int, agent: str, action: str = "", session: int | None = None
    ) -> None:
        """Remember a decision, or with no flags a session: whose it is, and its parent."""
        short = index + 1 - len(self.flags)
        if short > 0:
            self.flags.extend(bytes(short))
            for column in (self.agent, self.action, self.session):
                column.frombytes(bytes(short * column.itemsize))
        self.flags[index] = flags
        self.agent[index] = self._number(agent)
        self.action[index] = self._number(action)
        self.session[index] = 0 if session is None else session + 1

    def effect(self, index: int) -> int:
        """ALLOW, REQUIRE or DENY; 0 if there is no decision at `index`."""
        return self.flags[index] & _EFFECT if 0 <= index < len(self.flags) else 0

    def has(self, index: int, flag: int) -> bool:
        """The decision at `index` carries `flag`."""
        return 0 <= index < len(self.flags) and bool(self.flags[index] & flag)

    def set(self, index: int, flag: int) -> None:
        """Note `flag` on the decision at `index`; nothing if there is none."""
        if 0 <= index < len(self.flags):
            self.flags[index] |= flag

    def agent_of(self, index: int) -> str:
        """The agent of the decision or session at `index`, or an empty string."""
        return self._names[self.agent[index]] if 0 <= index < len(self.agent) else ""

    def action_of(self, index: int) -> str:
        """The action decided on at `index`, or an empty string."""
        return self._names[self.action[index]] if 0 <= index < len(self.action) else ""

    def session_of(self, index: int) -> int | None:
        """The session of the decision at `index`, or the parent of the session there."""
        known = 0 <= index < len(self.session) and self.session[index]
        return self.session[index] - 1 if known else None

    def _number(self, name: str) -> int:
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self._names)
            self._names.append(name)
        return number
