"""What people taught by what they did: the acts that count, gathered into patterns.

Law: only people teach. An act counts if a person did it, who does not answer for the agent and had the
evidence in front of them for a moment; a pattern counts if enough different people did the same on
enough different days and nobody did otherwise. A review is such an act; what reviewers disagree about
is nobody's lesson. So an agent, however often it asks, teaches nothing by
asking, and one person teaches nothing alone. All thresholds are stated here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final, Literal, NamedTuple

from audit.entry import Entry
from governance.oversight.model import State

Kind = Literal["granted", "refused", "overridden", "taken_back", "right", "too_strict", "too_loose"]

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
    """One thing that a person did about one decision: entry `entry` says so.

    `should_be` is what a review says it should have been instead, or empty.
    """

    kind: Kind
    entry: int
    person: str
    at: datetime
    decision: int
    data: Mapping[str, Any]
    rule: str
    should_be: str = ""

    @property
    def effect(self) -> str:
        """The effect of the rule that it is about."""
        return _EFFECT.get(self.kind) or str(self.data["effect"])


@dataclass(slots=True)
class Pattern:
    """Everything people did about what one rule decided, for one action."""

    rule: str
    action: str
    acts: dict[Kind, list[Act]] = field(default_factory=dict)

    def of(self, *kinds: Kind, effect: str) -> list[Act]:
        """The acts of these kinds about the rule when it had this effect, oldest first."""
        found = [act for kind in kinds for act in self.acts.get(kind, ()) if act.effect == effect]
        return sorted(found, key=attrgetter("entry"))


_ACTS: Final[Mapping[str, Kind | None]] = {
    "approval.granted": "granted",
    "approval.refused": "refused",
    "override.granted": "overridden",
    "decision.disregarded": "taken_back",
    "decision.reversed": "taken_back",
    "decision.reviewed": None,
}
"""Kinds of entries that teach, and what each says; a review says it itself."""
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
        self._acts: dict[object, Act] = {}
        self.unlooked = 0

    @property
    def acts(self) -> list[Act]:
        """The acts that count, oldest first; of the reviews of a decision each person's newest."""
        return list(self._acts.values())

    def entry(self, index: int, entry: Entry) -> None:
        """One entry; decisions may be left out."""
        kind, data = entry.kind, entry.data
        if kind == "approval.asked":
            self._asked[index] = data["refs"]["decision"]
        elif kind == "approval.shown":
            self._shown[data["refs"]["approval"], data["person"]] = entry.at
        elif kind in _ACTS and entry.at >= self._start and entry.by["type"] == "person":
            self._act(index, entry, _ACTS[kind] or data["verdict"])

    def _act(self, index: int, entry: Entry, kind: Kind) -> None:
        data = entry.data
        key: object = index
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
        if entry.kind == "decision.reviewed":
            key = decision, data["person"]
            self._acts.pop(key, None)
            if not _by_rules_alone(about):
                return
        lifts = data.get("lifts", ())
        should_be = data.get("should_be", "")
        act = Act(kind, index, data["person"], entry.at, decision, about, "", should_be)
        rules = [
            f"{f['policy']}/{f['rule']}"
            for f in about["findings"]
            if f["effect"] == act.effect and not f.get("lifted")
        ]
        if kind == "overridden":
            rules = [rule for rule in rules if rule in lifts]
        if len(rules) == 1 and not about.get("undeclared"):
            self._acts[key] = act._replace(rule=rules[0])


def _by_rules_alone(about: Mapping[str, Any]) -> bool:
    """Whether no person had let a decision pass, and no rule on trial spoke otherwise."""
    let_pass = about["refs"].keys() & {"approval", "override"}
    return not let_pass and about["would_be"] == about["effect"]


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
