"""Backtest: which recorded verdicts a draft would change, for whom, by which rule, at what cost.

Law: nothing is written, and no second engine decides: `trial` asks the functions that decide. Every
decision of the period is counted exactly once: as the same, as changed, or as one of which nobody can
tell any more. What the figures rest on is said with them (`basis`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from audit.entry import Entry
from governance.engine.compile import compile_release
from governance.engine.model import Effect, LoadFinding, Mode, PolicyErrors
from governance.oversight.approvals import clause_of
from governance.oversight.times import from_micros, micros, write
from governance.service import child
from governance.service.beside import Beside
from governance.service.desk import Desk
from governance.service.disclosing import FAR
from governance.service.judging import Judged, recorded_clause
from governance.service.problem import Problem
from governance.service.trial import Openings, Trial, Tried
from governance.service.workload import ANSWERS, ASSUMED, ENOUGH, Asked, Measured, compared
from governance.store.encoding import quick
from governance.store.paths import Paths

LISTED: Final = 1_000
"""Changed verdicts that are listed; all of them are counted."""
EXAMPLES: Final = 3
LOOKED: Final = 8_192
"""Entries between two looks at the clock."""

Tell = Callable[[int, int], None]
_DECISION: Final = b'"kind":"decision","v":1}'
_ALLOW: Final = b'"effect":"allow"'
_CHARGES: Final = b'"charges":['
_AT: Final = slice(7, 34)  # of an entry's canonical bytes, which begin `{"at":"`
_WORDS: Final = tuple(effect.word for effect in Effect)
_DAY: Final = timedelta(days=1)


def backtest(
    desk: Desk | Path | str,
    files: Mapping[str, bytes],
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    seconds: float | None = None,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Which verdicts from `start` to `end` (not included) would change under draft `files`.

    Runs in a process of its own, which calls `tell(done, total)` (entries) here now and then; after
    `seconds` it ends with what it has (`complete` is false then).  Raises `Problem` with the first
    finding if the files do not make a release, or if there is no workspace.

    Returns `{release, from, to, days, complete, entries, seconds, decisions, reperformed, stood,
    not_reperformed, lost, changes, changed, by_change, stricter, looser, by_agent, by_rule,
    follow_on, at_once, approvals, basis}`, see `Tally.json`.
    """
    place = desk.directory if isinstance(desk, Desk) else Path(desk)
    if not Paths(place).founded:
        raise Problem("unknown", f"there is no workspace in `{place}`")
    today = desk.now().date() if isinstance(desk, Desk) else None
    span = (0 if start is None else micros(start), FAR if end is None else micros(end))
    result = child.watched(tell, _backtest, str(place), dict(files), today, *span, seconds)
    if "findings" in result:
        worst: LoadFinding = result["findings"][0]
        raise Problem("bad-policy", str(worst))
    return result


def _backtest(
    tell: Tell,
    root: str,
    files: dict[str, bytes],
    today: date | None,
    start: int,
    stop: int,
    seconds: float | None,
) -> dict[str, Any]:
    """In the child."""
    try:
        draft = compile_release(files, at=today)
    except PolicyErrors as errors:
        return {"findings": errors.findings}
    here = Beside(Path(root))
    trial = Trial(draft, here.release, here.first, Openings(here.vault, draft), start)
    return run(
        trial,
        here.reader.entries(here.minimum, here.size),
        (start, stop),
        minimum=here.minimum,
        size=here.size,
        seconds=seconds,
        tell=tell,
    )


def run(
    trial: Trial,
    raw: Iterable[bytes],
    span: tuple[int, int],
    *,
    minimum: int,
    size: int,
    seconds: float | None = None,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Try the entries from `minimum` on, given as canonical bytes; `span` in microseconds."""
    began = time.monotonic()
    tally = Tally(trial)
    done = minimum
    complete = True
    for index, entry in _read(raw, span, minimum):
        done = index + 1
        if entry is not None:
            tally.see(entry.at)
            if entry.kind in ANSWERS:
                tally.measured.answer(trial.state, entry)
            tried = trial.entry(index, entry)
            if tried is not None:
                tally.add(tried)
        if not done % LOOKED:
            if tell is not None:
                tell(done - minimum, size - minimum)
            if seconds is not None and time.monotonic() - began > seconds:
                complete = False
                break
    return {
        "release": trial.draft.digest,
        "complete": complete,
        "entries": done - minimum,
        "seconds": round(time.monotonic() - began, 2),
        **tally.json(span),
    }


def _read(
    raw: Iterable[bytes], span: tuple[int, int], minimum: int
) -> Iterator[tuple[int, Entry | None]]:
    """Entries up to the period's end; None for decisions before it that allowed and charged nothing,
    which changed nothing and are not even read."""
    first, last = _stamp(span[0]), _stamp(span[1])
    for index, data in enumerate(raw, minimum):
        at = data[_AT]
        if at >= last:
            return
        if at < first and data.endswith(_DECISION) and _ALLOW not in data and _CHARGES not in data:
            yield index, None
        else:
            yield index, quick(data)


def _stamp(at: int) -> bytes:
    """A time as entries begin with it: what sorts as times do."""
    return b"9999" if at >= FAR else write(from_micros(at)).encode()


@dataclass(slots=True)
class _Share:
    """What changed for one agent, or by one rule."""

    decisions: int = 0
    stricter: int = 0
    looser: int = 0
    by_change: Counter[str] = field(default_factory=Counter)
    examples: list[int] = field(default_factory=list)

    def add(self, decision: int, change: str, looser: bool) -> None:
        self.stricter += not looser
        self.looser += looser
        self.by_change[change] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(decision)

    def json(self) -> dict[str, Any]:
        return {
            "stricter": self.stricter,
            "looser": self.looser,
            "by_change": dict(self.by_change),
            "examples": self.examples,
        }


class Tally:
    """Everything that a backtest counts."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.measured = Measured()
        self.asked_was, self.asked_would = Asked(), Asked()
        self.decisions = self.stood = self.again = self.follow_on = 0
        self.lost: Counter[str] = Counter()
        self.not_told = 0
        self.by_change: Counter[str] = Counter()
        self.at_once: Counter[str] = Counter()
        self.agents: dict[str, _Share] = {}
        self.rules: dict[str, _Share] = {}
        self.changed: list[dict[str, Any]] = []
        self.began: datetime | None = None
        self.ended: datetime | None = None

    def see(self, at: datetime) -> None:
        """An entry was read: so far the log reaches."""
        if self.began is None:
            self.began = at
        self.ended = at

    def add(self, tried: Tried) -> None:
        """Count one decision."""
        data, at = tried.entry.data, tried.entry.at
        self.decisions += 1
        agent = self.agents.get(data["agent"])
        if agent is None:
            agent = self.agents[data["agent"]] = _Share()
        agent.decisions += 1
        if tried.lost:
            self.not_told += 1
            self.lost.update(tried.lost)
            return
        self._ask(tried, data, at)
        if tried.judged is None:
            self.stood += 1
            return
        self.again += 1
        was, now = tried.was, tried.now
        if tried.at_once != was:
            self.at_once[f"{was} -> {tried.at_once}"] += 1
        self.follow_on += tried.at_once != now
        if was == now:
            return
        change, looser = f"{was} -> {now}", _WORDS.index(now) < _WORDS.index(was)
        self.by_change[change] += 1
        agent.add(tried.decision, change, looser)
        before, after = recorded_rules(data, was), deciding_rules(tried.judged)
        for name in before if looser else after:
            self.rules.setdefault(name, _Share()).add(tried.decision, change, looser)
        if len(self.changed) < LISTED:
            self.changed.append(
                {
                    "decision": tried.decision,
                    "at": write(at),
                    "agent": data["agent"],
                    "action": data["action"],
                    "was": was,
                    "now": now,
                    "rules_was": before,
                    "rules_now": after,
                    "follows": tried.at_once != now,
                }
            )

    def _ask(self, tried: Tried, data: Mapping[str, Any], at: datetime) -> None:
        """Count whether people are asked, really and under the draft."""
        asked = tried.was == _WORDS[Effect.REQUIRE_APPROVAL]
        clauses = tuple(map(clause_of, data.get("clauses", ()))) if asked else ()
        self.asked_was.see(data, at, asked, clauses)
        if tried.judged is None:
            self.asked_would.see(data, at, asked, clauses)
            return
        would = tried.judged.verdict.effect is Effect.REQUIRE_APPROVAL
        self.asked_would.see(data, at, would, map(recorded_clause, tried.judged.verdict.clauses))

    def json(self, span: tuple[int, int]) -> dict[str, Any]:
        """The result.

        `changed` lists the first thousand: `{decision, at, agent, action, was, now, rules_was,
        rules_now, follows}`; `by_agent` and `by_rule` count all, each with examples. `stood` of the
        `reperformed` concern nothing that the draft says otherwise. `at_once` counts the changes if
        every verdict came after exactly what really happened; `follow_on` of the verdicts differ
        from that, because of what the draft would have refused or allowed before.
        """
        changed = sum(self.by_change.values())
        days = self._days(span)
        return {
            **_period(span),
            "days": round(days, 2),
            "decisions": self.decisions,
            "reperformed": self.stood + self.again,
            "stood": self.stood,
            "not_reperformed": self.not_told,
            "lost": dict(self.lost.most_common()),
            "changes": changed,
            "stricter": sum(each.stricter for each in self.agents.values()),
            "looser": sum(each.looser for each in self.agents.values()),
            "by_change": dict(self.by_change),
            "by_agent": [
                {"agent": name, "decisions": share.decisions, **share.json()}
                for name, share in sorted(
                    self.agents.items(), key=lambda each: (-_changes(each[1]), each[0])
                )
            ],
            "by_rule": [
                {"rule": name, **share.json()}
                for name, share in sorted(
                    self.rules.items(), key=lambda each: (-_changes(each[1]), each[0])
                )
            ],
            "changed": self.changed,
            "at_once": dict(self.at_once),
            "follow_on": self.follow_on,
            "approvals": compared(
                self.asked_was, self.asked_would, days, self.measured, self.trial.state
            ),
            "basis": self._basis(),
        }

    def _days(self, span: tuple[int, int]) -> float:
        """The days of the period that the log covers, at least one."""
        if self.began is None or self.ended is None:
            return 1.0
        began = max(self.began, from_micros(span[0]))
        return max(1.0, (self.ended - began) / _DAY)

    def _basis(self) -> list[str]:
        """What the figures rest on, in sentences."""
        out = [
            "From the period's first moment on the draft counts as in force: limits and histories "
            "count what it would have allowed. Before it they count what was really allowed.",
            "An approval that the draft would newly ask for counts as given where the action was "
            "really allowed, and as not given where it was not.",
            "What agents asked for, what people answered, and which sessions and stops there were "
            "is as it was: nobody knows what would have been asked for instead.",
        ]
        measured = self.measured
        if measured.answers >= ENOUGH:
            out.append(
                f"Minutes are medians of {measured.answers} answers in this log, from the moment the "
                "evidence was shown; open pages count as at most 30 minutes."
            )
        else:
            out.append(
                f"Minutes are assumed: {ASSUMED:g} for each answer, or the rule's own review time if "
                f"that is longer, because too few answers were measured ({measured.answers})."
            )
        out.append("Answers are shared out evenly among the people who hold a role at the end.")
        if self.not_told:
            out.append(
                f"{self.not_told} decisions are not judged, because values were erased or totals "
                "pruned that the draft looks at."
            )
        return out


def _changes(share: _Share) -> int:
    return share.stricter + share.looser


def _period(span: tuple[int, int]) -> dict[str, str | None]:
    return {
        "from": write(from_micros(span[0])) if span[0] else None,
        "to": None if span[1] >= FAR else write(from_micros(span[1])),
    }


def deciding_rules(judged: Judged) -> list[str]:
    """The rules that a verdict rests on."""
    verdict = judged.verdict
    live = [f for f in verdict.findings if not f.lifted and f.mode is Mode.ENFORCE]
    return [f.name for f in live if f.effect is verdict.effect] or [
        f.name for f in verdict.findings if f.lifted or f.mode is not Mode.ENFORCE
    ]


def recorded_rules(data: Mapping[str, Any], effect: str) -> list[str]:
    """The rules that a recorded verdict rested on; what people lifted, if nothing else."""
    findings = data["findings"]
    live = [f for f in findings if f["effect"] == effect and "lifted" not in f]
    return [f"{f['policy']}/{f['rule']}" for f in live or findings]
