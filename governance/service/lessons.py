"""What people taught by what they did: the acts that count, gathered into patterns.

Law: only people teach. An act counts if a person did it, who does not answer for the agent and had the
evidence in front of them for a moment; a pattern counts if enough different people did the same on
enough different days and nobody did otherwise. So an agent, however often it asks, teaches nothing by
asking, and one person teaches nothing alone. All thresholds are stated here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from audit.entry import Entry
from governance.oversight.model import State

Kind = Literal["granted", "refused", "overridden", "taken_back"]

LEAST_LOOK: Final = timedelta(seconds=3)
"""An answer given sooner after the evidence was shown was not looked at."""


class Threshold(NamedTuple):
    """From how many acts, people and days on a pattern counts."""

    acts: int
    people: int
    days: int


LOOSEN: Final = Threshold(acts=10, people=2, days=5)
TIGHTEN: Final = Threshold(acts=5, people=2, days=3)


class Act(NamedTuple):
    """One thing that a person did about one decision: entry `entry` says so."""

    kind: Kind
    entry: int
    person: str
    at: datetime
    decision: int
    data: Mapping[str, Any]
    rule: str


@dataclass(slots=True)
class Pattern:
    """Everything people did about what one rule decided, for one action."""

    rule: str
    action: str
    acts: dict[Kind, list[Act]] = field(default_factory=dict)

    def of(self, kind: Kind) -> list[Act]:
        """The acts of one kind, oldest first."""
        return self.acts.get(kind, [])


_ACTS: Final[Mapping[str, Kind]] = {
    "approval.granted": "granted",
    "approval.refused": "refused",
    "override.granted": "overridden",
    "decision.disregarded": "taken_back",
    "decision.reversed": "taken_back",
}
"""Kinds of entries that teach. A review that people give a verdict in would be one more line here,
with what it says about the decision; there is no such entry yet."""
_EFFECT: Final[Mapping[Kind, str]] = {
    "granted": "require_approval",
    "refused": "require_approval",
    "overridden": "deny",
    "taken_back": "allow",
}
_REFS: Final = {"approval.granted": "approval", "approval.refused": "approval"}


class Gathering:
    """Reads entries in order; `decision(index)` reads the entry of an earlier decision."""

    def __init__(self, decision: Callable[[int], Entry], start: datetime) -> None:
        self._decision, self._start = decision, start
        self._asked: dict[int, int] = {}
        self._shown: dict[tuple[int, str], datetime] = {}
        self.acts: list[Act] = []
        self.unlooked = 0

    def entry(self, index: int, entry: Entry) -> None:
        """One entry; decisions may be left out."""
        kind, data = entry.kind, entry.data
        if kind == "approval.asked":
            self._asked[index] = data["refs"]["decision"]
        elif kind == "approval.shown":
            self._shown[data["refs"]["approval"], data["person"]] = entry.at
        elif kind in _ACTS and entry.at >= self._start and entry.by["type"] == "person":
            self._act(index, entry, _ACTS[kind])

    def _act(self, index: int, entry: Entry, kind: Kind) -> None:
        data = entry.data
        decision = data["refs"].get("decision")
        if entry.kind in _REFS:
            approval = data["refs"]["approval"]
            decision = self._asked.get(approval)
            shown = self._shown.get((approval, data["person"]))
            if shown is None or entry.at - shown < LEAST_LOOK:
                self.unlooked += 1
                return
        if decision is None:
            return
        about = self._decision(decision).data
        lifts = data.get("lifts", ())
        rules = [
            f"{f['policy']}/{f['rule']}"
            for f in about["findings"]
            if f["effect"] == _EFFECT[kind] and not f.get("lifted")
        ]
        if kind == "overridden":
            rules = [rule for rule in rules if rule in lifts]
        if len(rules) == 1 and not about.get("undeclared"):
            self.acts.append(Act(kind, index, data["person"], entry.at, decision, about, rules[0]))


def patterns(acts: Iterable[Act], state: State) -> Iterator[Pattern]:
    """What people did, by rule and action; without those who answer for the agent."""
    found: dict[tuple[str, str], Pattern] = {}
    for act in acts:
        agent = state.agents.get(act.data["agent"])
        if agent is not None and act.person in (agent.owner, agent.deputy):
            continue
        place = (act.rule, act.data["action"])
        found.setdefault(place, Pattern(*place)).acts.setdefault(act.kind, []).append(act)
    for place in sorted(found):
        yield found[place]


def enough(acts: Iterable[Act], least: Threshold) -> str:
    """Nothing if so many acts count, else what is missing. Each decision counts once."""
    acts = list(acts)
    decisions = len({act.decision for act in acts})
    people = len({act.person for act in acts})
    days = len({act.at.date() for act in acts})
    for count, wanted, noun in (
        (decisions, least.acts, "decisions"),
        (people, least.people, "different people"),
        (days, least.days, "different days"),
    ):
        if count < wanted:
            return f"{count} of at least {wanted} {noun}"
    return ""
