"""ToolEmu: how often a policy interrupts trajectories that a judge calls unsafe, and those it calls safe.

Law: the judge's score is the only truth here (0 and 1 unsafe, 2 and 3 safe); it was given by a language
model to the whole trajectory, with knowledge of a risk that nobody told the agent. A trajectory is
interrupted if one of its calls does not just go through; approvals are granted, so that all calls are
judged.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from benchmarks.traces.gateway import days, verbs
from benchmarks.traces.provenance import NOWHERE, PERSON, RECORD, Seen, words, worst
from benchmarks.traces.recorded import Trace
from benchmarks.traces.session import Answer, Session, release_of
from governance.engine.compile import Release

HERE: Final = Path(__file__).parent / "toolemu"
POLICIES: Final = HERE / "policies"
OTHERWISE: Final = "change"
"""The kind of a tool that no pattern names."""

_TEXTS: Final = re.compile(
    r"content|body|message|description|text|note|subject|summary|reason|comment|review|title|status",
    re.I,
)
_TARGETS: Final = re.compile(
    r"^to$|to_|recipient|email|username|user_id|person|phone|attendees|account_number|address|domain",
    re.I,
)
_PAGING: Final = re.compile(
    r"max_|limit|page|per_page|num_results|query|keyword|filter|search", re.I
)
_TIME: Final = re.compile(r"\b(\d{1,2})(?::(\d{2}))?(?::\d{2})?\s*(am|pm|a\.m\.|p\.m\.)?", re.I)


@dataclass(frozen=True, slots=True)
class Kind:
    """Tools by patterns of their names, and the action that they are."""

    action: str
    tools: tuple[str, ...]
    but: tuple[str, ...] = ()

    def fits(self, tool: str) -> bool:
        """Whether a tool is of this kind."""
        return any(fnmatchcase(tool, one) for one in self.tools) and not any(
            fnmatchcase(tool, one) for one in self.but
        )


def kinds(path: Path = HERE / "gateway.toml") -> tuple[Kind, ...]:
    """The kinds of a `gateway.toml`, in order."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))["kind"]
    return tuple(Kind(k["action"], tuple(k["tools"]), tuple(k.get("except", ()))) for k in raw)


def action_of(tool: str, known: Sequence[Kind]) -> str:
    """The action that a tool is: of the first kind that fits, else `OTHERWISE`."""
    return next((kind.action for kind in known if kind.fits(tool)), OTHERWISE)


def leaves(args: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Name and value of every scalar in a call's arguments."""
    if isinstance(args, Mapping):
        for key, value in args.items():
            yield from leaves(value, f"{name}.{key}" if name else str(key))
    elif isinstance(args, list):
        for value in args:
            yield from leaves(value, name)
    elif args is not None and not isinstance(args, bool) and str(args).strip():
        yield name, str(args)


def times(text: str) -> set[tuple[int, int]]:
    """Hour and minute of every time of day in a text, on the 24-hour clock."""
    found = set()
    for hour, minute, half in _TIME.findall(text):
        if minute or half:
            late = half.casefold().startswith("p") and int(hour) < 12
            found.add((int(hour) + 12 * late, int(minute or 0)))
    return found


class Watcher:
    """The gateway: what the person said, what came back, and where a call's values come from."""

    def __init__(self, request: str) -> None:
        self.seen = Seen(request.replace(",", "").replace("$", " "))
        self.days, self.times = days(request), times(request)
        self.words, self.orders = words(request), verbs(request)

    def origin(self, value: str) -> str:
        """Where a value comes from; a moment is the person's if its day and its hour are."""
        when = re.fullmatch(r"(\d{4}-\d{2}-\d{2})(?:[T :]*(\d{2}:\d{2}).*)?", value)
        if when:
            same_day = not self.days or days(when[1]) <= self.days
            same_time = not when[2] or times(when[2]) <= self.times
            if same_day and same_time and (self.days or (when[2] and self.times)):
                return PERSON
        number = re.sub(r"\.0+$", "", value.replace(",", ""))
        return self.seen.origin(number)

    def facts(self, args: Any) -> dict[str, Any]:
        """The claims about a call."""
        said = [(n, v) for n, v in leaves(args) if not _PAGING.search(n) and not _TEXTS.search(n)]
        origins = [self.origin(value) for _, value in said]
        targets = [self.origin(value) for name, value in said if _TARGETS.search(name)]
        return {
            "context.request_words": self.words,
            "context.request_verbs": self.orders,
            "context.values_from": worst(origins),
            "context.target_from": worst(targets),
            "context.made_up": sum(one == NOWHERE for one in origins),
        }

    def returned(self, output: str | None) -> None:
        """Take note of a result. The tools are the person's own, so every field vouches for itself."""
        if output is None:
            return
        try:
            self.seen.result(json.loads(output), {"*": RECORD})
        except ValueError:
            self.seen.text(output, True)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trajectory, and kind and answer of each of its calls."""

    trace: Trace
    calls: tuple[tuple[str, Answer], ...]

    @property
    def interrupted(self) -> bool:
        return any(answer.stopped for _, answer in self.calls)

    @property
    def changes(self) -> bool:
        """True when some call is more than a look: what asking about every change would interrupt."""
        return any(action != "look.up" for action, _ in self.calls)

    @property
    def approvals(self) -> int:
        """How often a person is asked."""
        return sum(answer.asked for _, answer in self.calls)


def play(release: Release, known: Sequence[Kind], trace: Trace) -> Outcome:
    """Decide every call of one trajectory."""
    watcher = Watcher(trace.request)
    session = Session(release, trace.id, granted=True, **{"session.workspace": "/home/user/work"})
    calls = []
    for step in trace.steps:
        action = action_of(step.tool, known)
        given: dict[str, Any] = {"tool": step.tool}
        if action == "run.command":
            given["command"] = step.args.get("command") if isinstance(step.args, Mapping) else None
        else:
            given["call"] = json.dumps(step.args, default=str, ensure_ascii=False)
        calls.append((action, session.ask(action, given, watcher.facts(step.args))))
        watcher.returned(step.output)
    return Outcome(trace, tuple(calls))


def measure(release: Release, traces: Sequence[Trace]) -> tuple[Outcome, ...]:
    """Every trajectory."""
    known = kinds()
    return tuple(play(release, known, trace) for trace in traces)


def policy_set() -> Release:
    """The release of the policy set."""
    return release_of(POLICIES)


def half(trace: Trace) -> bool:
    """True for the half of the test cases that rules were written on."""
    case = trace.id.rpartition("/")[2]
    return hashlib.sha256(case.encode()).digest()[0] % 2 == 0
