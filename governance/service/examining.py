"""What is found out about files before anybody can sign them, in a process of its own.

Law: a proposal is examined before it is made, against the release in force: its cases, its proofs,
what it answers differently and what it would have changed in what already happened.  What could not
be finished in time says so; nothing that was not found out counts as found.  Files with an error, a
failing case or a refuted invariant become no proposal.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from audit.entry import Entry
from governance.engine import analyse, cases, difference, portable
from governance.engine.compile import Release, compile_release
from governance.engine.model import LoadFinding, PolicyErrors
from governance.oversight.entries import EVIDENCE
from governance.oversight.times import micros
from governance.service import child, exporting, replaying
from governance.service.problem import Problem

DAYS: Final = 30
WITHIN: Final = 60.0
"""Seconds that proofs, diff and backtest may take together, once the files are checked."""
_CHECKED_WITHIN: Final = 600.0
_WAIT: Final = 30.0
_EACH: Final = 2_000
MOST_SHOWN: Final = 1_000

_one_at_a_time = threading.BoundedSemaphore(1)


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be examined.  `root` is the workspace; `current` the files in force (empty: none);
    `days` how far back the backtest looks."""

    root: str
    files: Mapping[str, bytes]
    current: Mapping[str, bytes]
    at: datetime
    days: int = DAYS


@dataclass(slots=True)
class Examined:
    """What was found: `findings` if the files are no release, else its digest, its compiled form and
    one document for each of `EVIDENCE`, as bytes."""

    findings: tuple[LoadFinding, ...] = ()
    digest: str = ""
    compiled: bytes = b""
    cases: int = 0
    documents: dict[str, bytes] = field(default_factory=dict)

    def document(self, name: str) -> dict[str, Any]:
        """One document as a value."""
        found: dict[str, Any] = json.loads(self.documents[name])
        return found


@dataclass(slots=True)
class Progress:
    """How far an examination has come: the step, and which part of it (0 to 1, None: not known)."""

    step: str = "waiting"
    share: float | None = None
    done: list[str] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        """As an answer."""
        return {"step": self.step, "share": self.share, "done": list(self.done)}


def examine(job: Job, progress: Progress | None = None, within: float = WITHIN) -> Examined:
    """Examine files; one at a time in each process.

    Raises `Problem` when others are being examined for too long, or the process dies.
    """
    if not _one_at_a_time.acquire(timeout=_WAIT):
        raise Problem(
            "not-ready", "other policy files are being examined; try again", retry_after=30
        )
    try:
        return _examined(job, progress or Progress(), within)
    finally:
        _one_at_a_time.release()


def _examined(job: Job, progress: Progress, within: float) -> Examined:
    made = Examined()
    began = time.monotonic()
    limit = [_CHECKED_WITHIN]

    def told(news: Any) -> None:
        what, *values = news
        if what == "step":
            progress.step, progress.share = values
        elif what == "findings":
            made.findings, made.cases = values
        elif what == "compiled":
            made.digest, made.compiled, made.cases = values
            limit[0] = time.monotonic() - began + within
        else:
            made.documents[what] = values[0]
            progress.done.append(what)

    ended = child.watched(_examine, job, told=told, seconds=lambda: limit[0])
    if not ended and not made.digest:
        raise Problem("too-large", f"the files were not checked within {_CHECKED_WITHIN:.0f} s")
    if made.digest:
        for name in EVIDENCE:
            if name not in made.documents:
                why = f"it was not finished within {within:.0f} s"
                made.documents[name] = _bytes({"what": name, "complete": False, "why": why})
    return made


# in the child


def _examine(tell: child.Tell, job: Job) -> None:
    tell(("step", "check", None))
    files = dict(job.files)
    try:
        release = compile_release(files, at=job.at.date())
    except PolicyErrors as errors:
        tell(("findings", errors.findings, 0))
        return
    tell(("step", "cases", None))
    results = cases.run(release)
    failed = tuple(map(_failed, cases.failures(results)))
    if failed:
        tell(("findings", failed, len(results)))
        return
    _document(tell, "check", _check(release))
    _document(tell, "cases", _cases(release, results))
    tell(("compiled", release.digest, portable.write(release.bundle), len(results)))
    current = compile_release(dict(job.current)) if job.current else None
    tell(("step", "proofs", None))
    _document(tell, "proofs", {"complete": True, "proofs": []})
    tell(("step", "diff", None))
    _document(tell, "diff", _diff(current, release, job.at))
    tell(("step", "backtest", 0.0))
    found = _backtest(job, release, lambda share: tell(("step", "backtest", share)))
    _document(tell, "backtest", found)
    _document(tell, "approvals", approvals_added(found))


def _failed(each: cases.CaseResult) -> LoadFinding:
    return LoadFinding(
        each.case.path,
        each.case.line,
        each.case.column,
        "case-failed",
        f"case `{each.case.name}` of `{each.policy}`: {each.problem}",
        "change the rule or what the case expects",
    )


def _document(tell: child.Tell, name: str, found: Mapping[str, Any]) -> None:
    tell((name, _bytes({"what": name, **found})))


def _bytes(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def digest_of(document: bytes) -> str:
    """SHA-256 (hex) of a document: what the entry names."""
    return hashlib.sha256(document).hexdigest()


def _check(release: Release) -> dict[str, Any]:
    remarks = [
        {"path": each.path, "line": each.line, "message": each.message}
        for each in analyse.remarks(release)
    ]
    return {
        "complete": True,
        "release": release.digest,
        "engine": portable.engine_digest(),
        "remarks": remarks[:MOST_SHOWN],
        "more": max(0, len(remarks) - MOST_SHOWN),
    }


def _cases(release: Release, results: tuple[cases.CaseResult, ...]) -> dict[str, Any]:
    by_policy: dict[str, int] = {}
    for each in results:
        by_policy[each.policy] = by_policy.get(each.policy, 0) + 1
    return {
        "complete": True,
        "ran": len(results),
        "held": sum(each.passed for each in results),
        "by_policy": by_policy,
        "uncovered": list(cases.uncovered(release, results))[:MOST_SHOWN],
    }


def _diff(current: Release | None, draft: Release, at: datetime) -> dict[str, Any]:
    """What the files answer differently from those in force, looser first."""
    if current is None:
        return {"complete": True, "against": None, "looser": 0, "differences": []}
    found = difference.diff(current, draft, at)
    return {
        "complete": found.complete,
        "against": current.digest,
        "looser": sum(each.looser for each in found.found),
        "differences": [asdict(each) for each in found.found[:MOST_SHOWN]],
        "more": max(0, len(found.found) - MOST_SHOWN),
    }


def _backtest(job: Job, draft: Release, share: Callable[[float], None]) -> dict[str, Any]:
    """What the files would have said about the decisions of the last days."""
    here = exporting.recorded(job.root)
    start = job.at - timedelta(days=job.days)
    total = max(1, here.size - here.minimum)
    found = replaying.backtest(
        _counted(here.entries(), total, share),
        here.first,
        draft,
        here.opened,
        micros(start),
        micros(job.at),
        here.minimum,
    )
    return {"complete": True, "days": job.days, "release": draft.digest, **found}


def _counted(
    entries: Iterable[Entry], total: int, share: Callable[[float], None]
) -> Iterator[Entry]:
    for number, entry in enumerate(entries):
        if number % _EACH == 0:
            share(min(1.0, number / total))
        yield entry


def approvals_added(found: Mapping[str, Any]) -> dict[str, Any]:
    """How many approvals a release adds and saves a day, from its backtest."""
    added = saved = 0
    for change, count in found.get("by_change", {}).items():
        was, _, now = change.partition(" -> ")
        added += count if now == "require_approval" else 0
        saved += count if was == "require_approval" else 0
    days = int(found.get("days", DAYS))
    return {
        "complete": bool(found.get("complete")),
        "days": days,
        "added": added,
        "saved": saved,
    }
