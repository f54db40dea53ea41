"""What stood where a log's entries begin, when those before were pruned.

The law: a report counts entries that are there. What it must know of earlier ones (who was governed,
which rules, stops and holds were in force) comes from the state sealed at the cut, is marked as such,
and proves nothing: what only a pruned entry could show is not evidenced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from audit.tree import Frontier


@dataclass(frozen=True, slots=True)
class StandingAgent:
    """An agent as the state at the cut has it; `index` is the entry that proposed it."""

    agent: str
    index: int
    team: str
    owner: str
    deputy: str | None
    ai_act_class: str
    annex: str | None
    autonomy: str
    state: str
    brief_as_of: datetime | None
    brief_until: datetime | None


@dataclass(frozen=True, slots=True)
class StandingStop:
    """A stop that was in force at the cut."""

    index: int
    at: datetime
    type: str
    id: str
    by: str
    drill: bool


@dataclass(frozen=True, slots=True)
class StandingHold:
    """A legal hold that was in force at the cut, its scope in words."""

    index: int
    at: datetime
    scope: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything a report takes from the state at `minimum`.

    `frontier`: the tree over the pruned entries, from their leaf hashes. `last_at`: when the last of
    them was written. `roles`: person -> (entry, roles). `release`: digest and entry of the one in
    force. `classes`: days by retention class.
    """

    minimum: int
    last_at: datetime
    frontier: Frontier
    agents: tuple[StandingAgent, ...]
    roles: Mapping[str, tuple[int, tuple[str, ...]]]
    release: tuple[str, int] | None
    stops: tuple[StandingStop, ...]
    classes: Mapping[str, int]
    duty: tuple[str, int] | None
    schedule: bool
    rules: int | None
    holds: tuple[StandingHold, ...]
