"""tau-bench airline: a policy written from prose, measured on recorded conversations of an agent.

Law: what is right is not decided here. A writing call is *in the solution* if the benchmark's own
solution of the task makes the very same call; every other one is not. The recorded calls go on as they
did, whatever the policy says, so that each is judged from the state it was made in; calls that the
reservation system itself refuses are counted apart.

Without the airline's records no fact of theirs can be told, and a call counts as held back only if
something holds it back with certainty.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.traces.airline_records import Records, shown
from benchmarks.traces.provenance import words
from benchmarks.traces.recorded import Trace
from benchmarks.traces.session import Answer, Session, release_of
from governance.engine.compile import Release
from governance.engine.model import Effect

POLICIES: Final = Path(__file__).parent / "airline" / "policies"


@dataclass(frozen=True, slots=True)
class Write:
    """One call that changes something. `refused` = by the reservation system, whatever we say."""

    trace: Trace
    tool: str
    args: Mapping[str, Any]
    answer: Answer
    held: bool
    in_solution: bool
    refused: bool

    @property
    def rules(self) -> tuple[str, ...]:
        """What held the call back; where nothing certain did, what could not be told."""
        if not self.held:
            return ()
        named = self.answer.reasons
        sure = {f.name for f in self.answer.verdict.findings if f.certain}
        return tuple(name for name in named if name in sure) or named


def policy_set() -> Release:
    """The release of the airline's policy."""
    return release_of(POLICIES)


def claims(
    records: Records | None, request: str, tool: str, args: Mapping[str, Any]
) -> dict[str, Any]:
    """What the gateway and the connector say about a call."""
    said: dict[str, Any] = {"context.request_words": words(request), **shown(tool, args)}
    if records is not None:
        # Of a call whose arguments are no arguments nothing can be said.
        with contextlib.suppress(KeyError, TypeError):
            said |= records.facts(tool, args)
    return said


def held_back(answer: Answer, certain_only: bool) -> bool:
    """True when the call is not simply allowed: with certainty, if only that counts."""
    if not certain_only:
        return answer.stopped
    return any(
        finding.certain and finding.effect is not Effect.ALLOW and finding.rule != "default"
        for finding in answer.verdict.findings
    )


def play(release: Release, records: Records | None, trace: Trace) -> list[Write]:
    """The writing calls of one conversation, each decided in the session as it stood."""
    airline = records.fresh() if records is not None else None
    session = Session(release, trace.id, granted=False)
    left = [_same(name, args) for name, args in trace.notes.get("expected", ())]
    out = []
    for step in trace.steps:
        answer = session.ask(
            step.tool, step.args, claims(airline, trace.request, step.tool, step.args)
        )
        done = airline.apply(step.tool, step.args) if airline is not None else True
        if not _writes(release, step.tool):
            continue
        mine = _same(step.tool, step.args)
        expected = mine in left
        if expected and done:
            left.remove(mine)
        out.append(
            Write(trace, step.tool, step.args, answer, held_back(answer, airline is None),
                  expected, not done)
        )  # fmt: skip
    return out


def solution(release: Release, records: Records | None, trace: Trace) -> list[Write]:
    """The benchmark's own solution of a task, decided. It reads what it changes first, which the
    benchmark leaves out because reading changes nothing."""
    airline = records.fresh() if records is not None else None
    session = Session(release, trace.id, granted=False)
    out = []
    for tool, args in trace.notes.get("expected", ()):
        for look, key in (
            ("get_user_details", "user_id"),
            ("get_reservation_details", "reservation_id"),
        ):
            if key in args and tool != look:
                session.ask(look, {key: args[key]}, {})
                if airline is not None:
                    airline.apply(look, {key: args[key]})
        answer = session.ask(tool, args, claims(airline, trace.request, tool, args))
        done = airline.apply(tool, args) if airline is not None else True
        if _writes(release, tool):
            held = held_back(answer, airline is None)
            out.append(Write(trace, tool, args, answer, held, True, not done))
    return out


def _writes(release: Release, tool: str) -> bool:
    known = release.catalogue.actions.get(tool)
    return known is not None and "writes" in known.labels


def _same(tool: str, args: Mapping[str, Any]) -> str:
    return json.dumps([tool, args], sort_keys=True, default=float)


@dataclass(frozen=True, slots=True)
class Found:
    """Counts over writing calls."""

    writes: Sequence[Write]

    def those(self, in_solution: bool) -> list[Write]:
        """Calls that the reservation system accepts, in the solution or not."""
        return [w for w in self.writes if not w.refused and w.in_solution is in_solution]

    @property
    def refused(self) -> list[Write]:
        return [w for w in self.writes if w.refused]

    def rules(self, writes: Iterable[Write]) -> Counter[str]:
        """How often each rule held one of these back."""
        return Counter(rule for write in writes for rule in write.rules)
