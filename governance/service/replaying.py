"""Replay: the same functions again over the same entries, giving the same state and verdicts.

Law: state replay always succeeds.  Verdict replay re-performs every decision whose disclosed values
suffice and compares effect, findings, clauses, charges, labels and obligations byte for byte; the
others are counted, never assumed.  A draft is tried on the same past in `trial`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from audit.canonical import canonical
from audit.entry import Entry
from governance.engine.compile import Release
from governance.engine.model import SEMANTICS, FactQuery, Total
from governance.oversight.model import State
from governance.oversight.state import apply
from governance.service import judging, recalling
from governance.service.judging import Judged, written
from governance.service.releases import zone_of

COMPARED: Final = (
    "effect", "would_be", "observed", "findings", "clauses", "obligations", "charges", "labels",
    "risk", "sides",
)  # fmt: skip
SHOWN: Final = 100

Opened = Callable[[int], Mapping[str, Any]]
Known = Callable[[str], Release | None]


@dataclass(slots=True)
class Counts:
    """What a replay found; `differences` holds the first hundred."""

    entries: int = 0
    decisions: int = 0
    same: int = 0
    different: int = 0
    not_disclosed: int = 0
    other_semantics: int = 0
    without_release: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        """As an answer; `state` is `same` because the fold would have raised otherwise."""
        return {
            "entries": self.entries,
            "decisions": self.decisions,
            "same": self.same,
            "different": self.different,
            "not_disclosed": self.not_disclosed,
            "other_semantics": self.other_semantics,
            "without_release": self.without_release,
            "state": "same",
            "differences": self.differences,
        }


def replay(
    entries: Iterable[Entry], first: State, releases: Known, opened: Opened, minimum: int = 0
) -> tuple[Counts, State]:
    """Fold every entry and re-perform every decision that can be.

    `first` is the state that the entries begin with (`minimum` is the index of the first),
    `releases` finds a release by digest (None if its files are not there), `opened` gives the
    disclosed values of an entry by field.
    """
    counts, state = Counts(), first
    for index, entry in enumerate(entries, minimum):
        if entry.kind == "decision":
            counts.decisions += 1
            _decision(counts, state, index, entry, releases, opened)
        state = apply(state, index, entry)
        counts.entries += 1
    return counts, state


def _decision(
    counts: Counts, state: State, index: int, entry: Entry, releases: Known, opened: Opened
) -> None:
    data = entry.data
    if data["semantics"] != SEMANTICS:
        counts.other_semantics += 1
        return
    release = releases(data["release"])
    if release is None:
        counts.without_release += 1
        return
    facts = dict(map(total_of, data.get("facts", ())))
    judged, hidden = perform(release, state, entry, facts, opened(index))
    again = {} if judged is None else written(judged)
    wrong = [name for name in COMPARED if canonical(again.get(name)) != canonical(data.get(name))]
    if not wrong:
        counts.same += 1
    elif hidden:
        counts.not_disclosed += 1
    else:
        counts.different += 1
        if len(counts.differences) < SHOWN:
            counts.differences.append(
                {
                    "decision": index,
                    "fields": wrong,
                    "was": data["effect"],
                    "now": again.get("effect"),
                }
            )


def total_of(row: Any) -> tuple[FactQuery, Total]:
    """One recorded fact of a decision's entry, as the engine takes it."""
    series, key, since, total, count, mixed = row
    return FactQuery(series, key, since), Total(Decimal(total), count, mixed)


def perform(
    release: Release,
    state: State,
    entry: Entry,
    facts: judging.Totals,
    opened: Mapping[str, Any],
) -> tuple[Judged | None, tuple[str, ...]]:
    """One recorded decision judged again under `release`, and the fields that stay hidden.

    None when the state has no such agent or session, which no honest log brings about.
    """
    data = entry.data
    both = recalling.standing(state, data)
    if both is None:
        return None, ()
    place = recalling.place_of(state, data)
    recalled = recalling.recall(release, data, opened, place)
    agent, session = both
    zone = zone_of(state.time_zone)
    request = judging.complete(recalled.request, state, agent, session, zone, entry.at)
    judged = judging.judge(release, request, state, agent, session, facts, data["digest"], entry.at)
    return judged, recalled.hidden
