"""Replay: the same functions again over the same entries, giving the same state and verdicts.

Law: state replay always succeeds.  Verdict replay re-performs every decision whose disclosed values
suffice and compares effect, findings, clauses, charges, labels and obligations byte for byte; the
others are counted, never assumed.  A draft is tried in the same way (backtest), on the same past.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from audit.canonical import canonical
from audit.entry import Entry
from governance.engine.compile import Release
from governance.engine.decide import charges, confirmed
from governance.engine.model import SEMANTICS, Charge, FactQuery, Total
from governance.oversight.model import State
from governance.oversight.state import apply
from governance.oversight.times import micros
from governance.service import judging, recalling
from governance.service.judging import Judged, charges_of, written
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

    `first` is the state that the entries begin with (`minimum` is the index of the first), `releases` finds a release by digest (None if its
    files are not there), `opened` gives the disclosed values of an entry by field.
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


class Windows:
    """Totals of every series, kept in memory while a log is read: what the facts would have been."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], list[tuple[int, Decimal, str, int]]] = {}
        self._gone: set[int] = set()
        self.now = 0

    def get(self, query: FactQuery, default: Total, /) -> Total:
        """The total for a query over everything charged so far."""
        rows = self._rows.get((query.series, query.key), ())
        start = 0 if query.since is None else bisect_left(rows, query.since, key=_at)
        total, count, mixed = Decimal(0), 0, False
        for _, amount, unit, index in rows[start:]:
            if index not in self._gone:
                total, count = total + amount, count + 1
                mixed = mixed or unit != query.unit
        return Total(total, count, mixed)

    def charge(self, index: int, at: int, charges: Iterable[Charge]) -> None:
        """Add what entry `index` charges at a time (microseconds)."""
        for charge in charges:
            rows = self._rows.setdefault((charge.series, charge.key), [])
            rows.append((at, charge.amount, charge.unit, index))

    def give_back(self, index: int) -> None:
        """Forget what decision `index` charged."""
        self._gone.add(index)


def _at(row: tuple[int, Decimal, str, int]) -> int:
    return row[0]


def backtest(
    entries: Iterable[Entry],
    first: State,
    draft: Release,
    opened: Opened,
    start: int,
    stop: int,
    minimum: int = 0,
) -> dict[str, Any]:
    """What `draft` would have said about the decisions from time `start` to `stop` (microseconds).

    Windows are counted from the beginning of the log, over what was really allowed.  Returns
    `{decisions, reperformed, not_reperformed, changed: [...], by_change: {"allow -> deny": n}}`;
    every changed verdict is counted, the first 1,000 are listed.
    """
    windows, state = Windows(), first
    made: dict[int, tuple[Charge, ...]] = {}
    out: dict[str, Any] = {"decisions": 0, "reperformed": 0, "not_reperformed": 0}
    changes: dict[str, int] = {}
    changed: list[dict[str, Any]] = []
    for index, entry in enumerate(entries, minimum):
        at = micros(entry.at)
        if entry.kind == "decision":
            judged, hidden = perform(draft, state, entry, windows, opened(index))
            if start <= at < stop:
                _compare(out, changes, changed, index, entry, judged, hidden)
            if entry.data["effect"] == "allow" and judged is not None:
                made[index] = _charged(draft, judged, entry)
                windows.charge(index, at, made[index])
        elif entry.kind == "outcome":
            _outcome(windows, made, index, at, entry)
        state = apply(state, index, entry)
    return out | {"changed": changed, "by_change": changes}


def _charged(draft: Release, judged: Judged, entry: Entry) -> tuple[Charge, ...]:
    budget = tuple(c for c in charges_of(entry.data) if c.series == judging.BUDGET)
    return (*charges(draft, judged.request, entry.at), *budget)


def _outcome(
    windows: Windows, made: dict[int, tuple[Charge, ...]], index: int, at: int, entry: Entry
) -> None:
    decision = entry.data["refs"]["decision"]
    if entry.data["released"]:
        windows.give_back(decision)
    elif entry.data["attested"] and entry.data["status"] == "executed":
        windows.charge(index, at, confirmed(made.get(decision, ())))


def _compare(
    out: dict[str, Any],
    changes: dict[str, int],
    changed: list[dict[str, Any]],
    index: int,
    entry: Entry,
    judged: Judged | None,
    hidden: tuple[str, ...],
) -> None:
    out["decisions"] += 1
    data = entry.data
    doubtful = judged is None or any(
        name in hidden for finding in judged.verdict.findings for name in finding.unknown
    )
    if judged is None or doubtful:
        out["not_reperformed"] += 1
        return
    out["reperformed"] += 1
    was, now = data["effect"], judged.verdict.effect.word
    if was == now:
        return
    name = f"{was} -> {now}"
    changes[name] = changes.get(name, 0) + 1
    if len(changed) < 1_000:
        changed.append(
            {
                "decision": index,
                "agent": data["agent"],
                "action": data["action"],
                "was": was,
                "now": now,
                "rules_was": _rules(data["findings"], was),
                "rules_now": [
                    finding.name
                    for finding in judged.verdict.findings
                    if finding.effect is judged.verdict.effect and not finding.lifted
                ],
            }
        )


def _rules(findings: Iterable[Mapping[str, Any]], effect: str) -> list[str]:
    return [
        f"{finding['policy']}/{finding['rule']}"
        for finding in findings
        if finding["effect"] == effect and "lifted" not in finding
    ]
