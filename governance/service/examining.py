"""What is found out about files before anybody can sign them, in a process of its own.

Law: a proposal is examined before it is made, against the release in force: its cases, its proofs,
what it answers differently and what it would have changed in what already happened.  What could not
be finished in time says so; nothing that was not found out counts as found.  Files with an error, a
failing case or a refuted invariant become no proposal.  One exception: what a case or an invariant
means may change with the product, under files that were released.  So where only a list changes, a
case that fails in the release in force, too, is said and stops nothing; nor does a failing case stop
the way back. An invariant that is refuted in the release in force, too, is said and stops neither,
provided that nothing becomes looser.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, get_args

from governance.engine import meaning
from governance.engine.compile import Release, compile_bundle, compile_release, manifest_digest
from governance.engine.model import LoadFinding
from governance.engine.rules import ListUse
from governance.oversight.times import micros
from governance.service import backtesting, checking, child, comparing, proving, takeover
from governance.service.beside import Beside
from governance.service.disclosing import FAR
from governance.service.problem import Problem
from governance.service.trial import Openings, Trial

EVIDENCE: Final = ("check", "cases", "proofs", "diff", "backtest", "approvals")
"""What is found out about a proposal; each is a file of it, see `path_of`."""
DAYS: Final = 30
WITHIN: Final = 60.0
"""Seconds that proofs, diff and backtest may take together, once the files are checked."""
_CHECKED_WITHIN: Final = 600.0
_WAIT: Final = 30.0
MOST_SHOWN: Final = 1_000
FAILED: Final = "case-failed"

Bears = Literal["", "in force", "all"]
"""Which failing cases of files that were released stop nothing: those that fail in what is in force,
too, or all of them (a release that was in force already). A refuted invariant stops nothing of either
where it is refuted in what is in force, too."""

Tell = Callable[[Any], None]

_one_at_a_time: Final[Mapping[Bears, threading.BoundedSemaphore]] = {
    bears: threading.BoundedSemaphore(1) for bears in get_args(Bears)
}
"""Of each sort by itself: files that take long, or never end, hold up neither the refresh of a list
nor the way back, which need not wait until agents leave the processor alone, either."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be examined.  `root` is the workspace; `current` the files in force (empty: none),
    `compiled` their compiled form (empty: not at hand); `days` how far back the backtest looks; `against` is the digest of those in force, `since` the entry that put their rules in force; `lapsed`: they were checked once, and what has lapsed
    since does not matter; `before` are the same files with older lists, which nothing may be looser than;
    `seconds` is how long the backtest may take."""

    root: str
    files: Mapping[str, bytes]
    current: Mapping[str, bytes]
    at: datetime
    days: int = DAYS
    against: str | None = None
    since: int | None = None
    lapsed: bool = False
    bears: Bears = ""
    before: Mapping[str, bytes] | None = None
    seconds: float = WITHIN / 2
    compiled: bytes = b""


@dataclass(slots=True)
class Examined:
    """What was found: `findings` if the files are no release, else its digest, its compiled form and
    one document for each of `EVIDENCE`, as bytes."""

    findings: tuple[LoadFinding, ...] = ()
    digest: str = ""
    compiled: bytes = b""
    cases: int = 0
    against: str | None = None
    since: int | None = None
    documents: dict[str, bytes] = field(default_factory=dict)

    @property
    def not_looser(self) -> bool:
        """Whether it is proved that nothing becomes looser than what is in force."""
        return not self.doubts

    @property
    def doubts(self) -> list[str]:
        """Why it takes a second person, in sentences: what becomes looser, what could not be proved,
        and which promises are given up.  A promise (an invariant) is no rule in force, so dropping it
        loosens no answer; but it is what stops the releases to come, so nobody drops it alone."""
        diff, proofs = self.document("diff"), self.document("proofs")
        said = []
        if diff.get("looser"):
            said.append(kinds_looser(diff["looser"]))
        if diff["complete"] and diff.get("against") is None:
            said.append("nothing was in force to compare it with")
        elif diff.get("outcome") not in ("same", "tighter", "looser", "changed"):
            said.append("it was not proved that nothing becomes looser")
        given_up = proofs.get("given_up")
        if given_up is None:
            said.append("what must never be allowed was not proved in time")
        elif given_up:
            said.append(no_longer_asked(given_up))
        return said

    def document(self, name: str) -> dict[str, Any]:
        """One document as a value."""
        found: dict[str, Any] = json.loads(self.documents[name])
        return found


def kinds_looser(count: int) -> str:
    """That so many kinds of requests are answered more loosely, as the end of a sentence."""
    kinds = "1 kind of request" if count == 1 else f"{count} kinds of requests"
    return f"{kinds} would be answered more loosely than today"


def no_longer_asked(names: Sequence[str]) -> str:
    """That invariants are given up, as the end of a sentence, with their names."""
    things = (
        "1 thing that must never be allowed is"
        if len(names) == 1
        else (f"{len(names)} things that must never be allowed are")
    )
    return f"{things} no longer asked for, or otherwise: {', '.join(f'`{each}`' for each in names)}"


@dataclass(slots=True)
class Progress:
    """How far an examination has come: the step, and which part of it (0 to 1, None: not known)."""

    step: str = "waiting"
    share: float | None = None
    done: list[str] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        """As an answer."""
        return {"step": self.step, "share": self.share, "done": list(self.done)}


_under_way: Final[dict[str, Progress]] = {}


@contextmanager
def told(who: str) -> Iterator[Progress]:
    """How far it has come can be asked in the name of `who` while this is open."""
    mine = _under_way[who] = Progress()
    try:
        yield mine
    finally:
        if _under_way.get(who) is mine:
            del _under_way[who]


def progress_of(who: str) -> dict[str, Any]:
    """`{step, share, done}` of what `who` proposes just now, in this process; `step` None: nothing."""
    found = _under_way.get(who)
    return {"step": None, "share": None, "done": []} if found is None else found.json()


def examine(job: Job, progress: Progress | None = None, within: float = WITHIN) -> Examined:
    """Examine files; one of each sort (see `Bears`) at a time in each process.

    Raises `Problem` when others are being examined for too long, or the process dies.
    """
    place = _one_at_a_time[job.bears]
    if not place.acquire(timeout=_WAIT):
        raise Problem(
            "not-ready", "other policy files are being examined; try again", retry_after=30
        )
    try:
        return _examined(job, progress or Progress(), within)
    finally:
        place.release()


def _examined(job: Job, progress: Progress, within: float) -> Examined:
    made = Examined(against=job.against, since=job.since)
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

    ended = child.followed(
        _examine, job, told=told, seconds=lambda: limit[0], urgent=job.bears == "all"
    )
    if not ended and not made.digest:
        raise Problem("too-large", f"the files were not checked within {_CHECKED_WITHIN:.0f} s")
    if made.digest:
        for name in EVIDENCE:
            if name not in made.documents:
                why = f"it was not finished within {within:.0f} s"
                if not job.days and name in ("backtest", "approvals"):
                    why = "no days were asked for"
                made.documents[name] = _bytes({"what": name, "complete": False, "why": why})
    return made


# in the child


def _examine(tell: Tell, job: Job) -> None:
    tell(("step", "check", None))
    made = checking.checked(dict(job.files), None if job.lapsed else job.at.date())
    known = _failed_before(job, made.errors)
    if len(made.errors) > len(known) or made.digest is None:
        tell(("findings", made.findings, made.ran))
        return
    bundle = made.bundle
    _document(tell, "check", _check(made))
    _document(tell, "cases", _cases(made, known))
    tell(("compiled", made.digest, takeover.write(bundle), made.ran))
    release = compile_bundle(bundle, dict(job.files), made.digest)
    current = _in_force(job) if job.current else None
    tell(("step", "proofs", None))
    proofs = _proofs(job, current, release)
    borne = _refuted_before(job, current, release, proofs)
    wrong = findings_of(release, proofs)
    if len(wrong) > len(borne):
        tell(("findings", wrong, made.ran))
        return
    if not borne:
        _document(tell, "proofs", proofs)
    tell(("step", "diff", None))
    diff = _diff(job, current, release)
    if borne and (diff.get("outcome") not in ("same", "tighter") or proofs["given_up"]):
        tell(("findings", wrong, made.ran))
        return
    if borne:  # now that nothing becomes looser
        _document(tell, "proofs", {**proofs, "refuted_before": borne})
    _document(tell, "diff", diff)
    if not job.days:
        return
    tell(("step", "backtest", 0.0))
    found = _backtest(job, release, lambda done, all_: tell(("step", "backtest", done / all_)))
    approvals = {"complete": found["complete"], "days": found["days"], **found.pop("approvals")}
    _document(tell, "backtest", found)
    _document(tell, "approvals", approvals)


def _in_force(job: Job) -> Release:
    files = dict(job.current)
    try:
        bundle = takeover.read(job.compiled)
    except takeover.NotPortable:
        return compile_release(files)
    return compile_bundle(bundle, files, manifest_digest(files, bundle.lists))


def _failed_before(job: Job, errors: tuple[LoadFinding, ...]) -> tuple[LoadFinding, ...]:
    """Those of the errors that are failing cases which stop nothing."""
    failing = tuple(each for each in errors if each.code == FAILED)
    if job.bears == "all":
        return failing
    if not job.bears or not failing or not job.current:
        return ()
    now = checking.checked(dict(job.current), None, deep=False)
    places = {(each.path, each.line, each.column) for each in now.errors if each.code == FAILED}
    return tuple(each for each in failing if (each.path, each.line, each.column) in places)


def _refuted_before(
    job: Job, current: Release | None, draft: Release, proofs: Mapping[str, Any]
) -> list[str]:
    """Those of the refuted invariants that are refuted in what is in force, too, and stop nothing."""
    wrong = refuted(proofs)
    if not wrong or not job.bears or current is None:
        return []
    before, after = _invariants(current), _invariants(draft)
    known = refuted(proving.of_release(current, job.at))
    return [name for name in wrong if name in known and after[name] == before[name]]


def _document(tell: Tell, name: str, found: Mapping[str, Any]) -> None:
    tell((name, _bytes({"what": name, **found})))


def _bytes(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def path_of(name: str) -> str:
    """Under which name the entry of a proposal has one of `EVIDENCE` among its files."""
    return f"evidence/{name}.json"


def attached(files: Mapping[str, str]) -> dict[str, str]:
    """The digests of `EVIDENCE` among the files of a proposal's entry (none: an older version)."""
    found = {name: files.get(path_of(name)) for name in EVIDENCE}
    return {name: digest for name, digest in found.items() if digest is not None}


def refuted(proofs: Mapping[str, Any]) -> list[str]:
    """The invariants that do not hold, by name."""
    return [each["name"] for each in proofs.get("proofs", ()) if each["result"] == "refuted"]


def stops(proofs: Mapping[str, Any]) -> bool:
    """Whether an invariant does not hold that held before."""
    return not set(refuted(proofs)) <= set(proofs.get("refuted_before", ()))


def _proofs(job: Job, current: Release | None, draft: Release) -> dict[str, Any]:
    """What must never be allowed, proved of the files; and which of it they no longer ask for."""
    found = proving.of_release(draft, job.at)
    before = {} if current is None else _invariants(current)
    after = _invariants(draft)
    given_up = [name for name in sorted(before) if after.get(name) != before[name]]
    return {"complete": True, **found, "given_up": given_up}


def _invariants(release: Release) -> dict[str, Any]:
    """What each invariant says, by name, without prose and places."""
    prose = ("title", "because", "controls", "line", "column")
    said = {}
    for file in release.bundle.invariants:
        lists = {name: meaning.of_parts(_use(use)) for name, use in file.lists.items()}
        for one in file.never:
            parts = {each.name: getattr(one, each.name) for each in fields(one)}
            bare = {name: value for name, value in parts.items() if name not in prose}
            said[f"{file.name}/{one.id}"] = (meaning.of_parts(bare), lists)
    return said


def _use(use: ListUse) -> ListUse:
    """A list as it is asked for: who is on one from elsewhere changes, and is compared by itself."""
    return use if use.source is None else replace(use, members=(), as_of=None)


def findings_of(release: Release, proofs: Mapping[str, Any]) -> tuple[LoadFinding, ...]:
    """Refuted invariants as findings: such files become no proposal."""
    places = {
        f"{file.name}/{one.id}": (file.path, one.line, one.column)
        for file in release.bundle.invariants
        for one in file.never
    }
    wrong = []
    for each in proofs["proofs"]:
        if each["result"] != "refuted":
            continue
        such = ", ".join(f"{name} {value}" for name, value in each["witness"].items())
        said = f"`{each['name']}` does not hold: `{each['action']}` is {each['effect']}"
        said += f" by `{each['by']}`" + (f", such as with {such}" if such else "")
        hint = "change the rule, or what must never be allowed"
        path, line, column = places[each["name"]]
        wrong.append(LoadFinding(path, line, column, "invariant-refuted", said, hint))
    return tuple(wrong)


def _check(made: checking.Checked) -> dict[str, Any]:
    warnings = [checking.plain(each) for each in made.findings if each.severity != "error"]
    return {
        "complete": True,
        "release": made.digest,
        "engine": takeover.engine_digest(),
        "warnings": warnings[:MOST_SHOWN],
        "more": max(0, len(warnings) - MOST_SHOWN),
    }


def _cases(made: checking.Checked, known: tuple[LoadFinding, ...]) -> dict[str, Any]:
    """All of them hold, but for those that are borne, each of which is named."""
    by_policy = {file.policy: len(file.cases) for file in made.bundle.files}
    return {
        "complete": True,
        "ran": made.ran,
        "held": made.ran - len(known),
        "by_policy": by_policy,
        "failed_before": [checking.plain(each) for each in known],
    }


def _diff(job: Job, current: Release | None, draft: Release) -> dict[str, Any]:
    """What the files answer differently from those in force, looser first."""
    if current is None:
        return {"complete": True, "against": None, "looser": 0, "tighter": 0, "differences": []}
    found = comparing.differences(current, draft, job.at)
    newer = {}
    if job.before is not None:
        over = comparing.differences(compile_release(dict(job.before)), draft, job.at)
        looser = [comparing.plain(each) for each in over.found if each.looser]
        newer = {"newer_lists": {"outcome": over.outcome, "looser": looser[:MOST_SHOWN]}}
    return {
        **newer,
        "complete": found.complete,
        "outcome": found.outcome,
        "open": dict(found.open),
        "against": job.against,
        "looser": sum(each.looser for each in found.found),
        "tighter": sum(not each.looser for each in found.found),
        "differences": [comparing.plain(each) for each in found.found[:MOST_SHOWN]],
        "more": max(0, len(found.found) - MOST_SHOWN),
    }


def _backtest(job: Job, draft: Release, tell: Callable[[int, int], None]) -> dict[str, Any]:
    """What the files would have said about the decisions of the last days."""
    here = Beside(Path(job.root))
    start = micros(job.at - timedelta(days=job.days))
    return backtesting.run(
        Trial(draft, here.release, here.first, Openings(here.vault, draft), start),
        here.reader.entries(here.minimum, here.size),
        (start, FAR),
        minimum=here.minimum,
        size=here.size,
        seconds=job.seconds,
        tell=tell,
    )
