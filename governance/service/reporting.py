"""Reports: made beside the service, from entries and nothing else, and recorded as issued.

Law: what is recorded (`report.issued`) is the digest of a report without names and reasons, which
anybody with the log can make again; a copy with names is for reading, and can be thrown away.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from audit.checkpoint import parse
from audit.disk import replace_file
from audit.entry import decode
from audit.note import split
from audit.tree import leaf_hash
from governance.engine.compile import Release
from governance.engine.points import RULE
from governance.engine.rules import Limit, Rule
from governance.oversight import people
from governance.oversight.commands import Facts, Proposal
from governance.oversight.model import State
from governance.oversight.times import MICROSECOND
from governance.service import anchors, child, tiling
from governance.service.acting import Act, do, one
from governance.service.desk import Caller, Desk
from governance.service.problem import Problem
from governance.service.releases import Releases
from governance.service.standing import standing
from governance.service.version import version
from governance.store.blobs import BlobError, BlobStore, blobs_of
from governance.store.paths import Paths
from governance.store.reader import Reader
from reports import opening
from reports.evidence import Evidence, Period, to_json
from reports.outside import NOBODY, AnchorRow, Outside
from reports.pdf import render
from reports.periodic import Parameters, RuleFact
from reports.periodic import periodic as report_of
from reports.tally import Row

_ONE: Final = threading.Lock()
"""One report at a time: each is recorded before the next begins, so no two have the same head, and
with it the same name."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a child process needs to make a report. `start` None: since the log began."""

    paths: Paths
    workspace: str
    checkpoint: str
    made_at: datetime
    start: datetime | None
    end: datetime | None
    agent: str | None
    outside: Outside = NOBODY


def periodic(
    desk: Desk,
    caller: Caller,
    *,
    agent: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    names: bool = False,
) -> dict[str, Any]:
    """Make the periodic oversight report of `start` (included) to `end` (not included), aware times.

    Without them it covers the log from its first entry until now. With `names`, a second pair of
    files holds the names and reasons that the vault still has. Returns `{report, digest, period,
    files, receipt}`; `files` are names in the workspace's folder of reports. Raises `Problem`.
    """
    _check(desk, caller, agent, start, end)
    if not _ONE.acquire(timeout=desk.settings.patience):
        raise Problem("too-many", "another report is being made", retry_after=30)
    try:
        return _periodic(desk, caller, agent, start, end, names)
    finally:
        _ONE.release()


def _periodic(
    desk: Desk,
    caller: Caller,
    agent: str | None,
    start: datetime | None,
    end: datetime | None,
    names: bool,
) -> dict[str, Any]:
    order = Order(
        desk.workspace.paths,
        desk.workspace.origin,
        tiling.checkpoint(desk.reader),
        desk.now(),
        start,
        end,
        agent,
        _outside(desk),
    )
    evidence, data, pdf = child.run(make, order)
    files = {f"{evidence.header.id}.pdf": pdf, f"{evidence.header.id}.json": data}
    if names:
        files |= _named(desk, evidence)
    folder = desk.workspace.paths.reports
    for name, content in files.items():
        _write(folder / name, content)
    period = evidence.header.period
    made = {
        "report": evidence.header.id,
        "digest": hashlib.sha256(data).hexdigest(),
        "period": {"from": period.start.isoformat(), "to": period.end.isoformat()},
        "files": list(files),
    }
    return do(desk, _issued(caller, evidence, made))


def _outside(desk: Desk) -> Outside:
    known = anchors.outside(desk)
    return Outside(
        tuple(
            AnchorRow(each.name, each.kind, each.apart, each.size, each.at)
            for each in known.anchors
        ),
        known.kept != anchors.ANCHORED,
        tuple(each.name for each in known.conflicts),
    )


def make(order: Order) -> tuple[Evidence, bytes, bytes]:
    """The report without names: evidence, JSON and PDF. Runs in a child process."""
    reader = Reader(order.paths.log_database)
    try:
        size = parse(split(order.checkpoint)[0]).size
        now = _now(reader, order, size)
        parameters = Parameters(
            order.workspace,
            _period(reader, order, size, now),
            now,
            order.checkpoint,
            order.agent,
            _RuleFacts(blobs_of(order.paths)),
            version(),
            standing(reader),
            order.outside,
        )
        evidence = report_of(_rows(reader, size), parameters)
    finally:
        reader.close()
    return evidence, to_json(evidence), render(evidence)


def _rows(reader: Reader, size: int) -> Iterator[Row]:
    """Every entry under the head that is kept, with the hash of the bytes that were read."""
    minimum = reader.minimum
    for index, data in enumerate(reader.entries(minimum, size), minimum):
        yield index, leaf_hash(data), decode(data)


def _now(reader: Reader, order: Order, size: int) -> datetime:
    """After the last entry: a period that ends now leaves none out."""
    last = reader.entry(size - 1).at if size else order.made_at
    return max(order.made_at, last + MICROSECOND)


def _period(reader: Reader, order: Order, size: int, now: datetime) -> Period:
    start = order.start or (reader.entry(reader.minimum).at if size else now - MICROSECOND)
    end = order.end or now
    if order.start is None and order.end is None:
        return Period(start, end, f"since {start:%Y-%m-%d}")
    return Period(start, end, label_of(start, end))


def label_of(start: datetime, end: datetime) -> str:
    """`third quarter 2026`, `October 2026`, or both days."""
    midnight = all((t.day, t.hour, t.minute, t.second) == (1, 0, 0, 0) for t in (start, end))
    months = (end.year - start.year) * 12 + end.month - start.month
    if midnight and months == 1:
        return f"{start:%B %Y}"
    if midnight and months == 3 and start.month % 3 == 1:
        quarter = ("first", "second", "third", "fourth")[start.month // 3]
        return f"{quarter} quarter {start.year}"
    return f"{start:%Y-%m-%d} to {end:%Y-%m-%d}"


class _RuleFacts(Mapping[str, Sequence[RuleFact]]):
    """The rules of releases, compiled when they are asked for."""

    def __init__(self, blobs: BlobStore) -> None:
        self._releases = Releases(blobs)

    def __getitem__(self, digest: str) -> Sequence[RuleFact]:
        try:
            return facts_of(self._releases.get(digest).release)
        except BlobError:
            raise KeyError(digest) from None  # the report says that it does not know the rules

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def facts_of(release: Release) -> list[RuleFact]:
    """What a report says of the rules and limits of a release; drafts are not in force."""
    facts: list[RuleFact] = []
    for file in release.bundle.files:
        mode = file.mode.value
        if mode == "draft":
            continue
        parts: tuple[Rule | Limit, ...] = (*file.rules, *file.limits)
        facts += [RuleFact(file.policy, p.id, p.title, mode, p.trust_claim or None) for p in parts]
        facts += [RuleFact(file.policy, e.id, e.title, mode) for e in file.exceptions]
        facts.append(RuleFact(file.policy, "default", "nothing else said anything", mode))
    table = release.bundle.risk
    if table is not None:
        facts.append(RuleFact(table.risk, RULE, table.title, "enforce"))
    return facts


def _check(
    desk: Desk, caller: Caller, agent: str | None, start: datetime | None, end: datetime | None
) -> None:
    if caller.type == "person":
        people.require(desk.state, caller.id, "report")
    elif caller.type != "service":
        raise Problem("not-allowed", "reports are made by people; the key belongs to no person")
    for name, at in (("from", start), ("to", end)):
        if at is not None and at.tzinfo is None:
            raise Problem("bad-field", f"`{name}` needs a time zone", field=name)
    if start is not None and end is not None and start >= end:
        raise Problem("bad-field", "`from` must be before `to`", field="from")
    if start is not None and start >= desk.now():
        raise Problem("bad-field", "`from` lies in the future", field="from")
    minimum = desk.reader.minimum
    began = desk.reader.entry(minimum).at
    if minimum and end is not None and end <= began:
        raise Problem(
            "pruned",
            f"entries before `{minimum}` were pruned, the last of them from before {began:%Y-%m-%d}; of "
            "this period nothing is kept, and a report would show zeros for what is no longer here",
            field="to",
        )
    if start is None and end is not None and end <= began:
        raise Problem("bad-field", f"`to` is before the log began, {began}", field="to")
    if agent is not None and agent not in desk.state.agents:
        raise Problem("unknown", f"there is no agent `{agent}`", field="agent")


def _named(desk: Desk, evidence: Evidence) -> dict[str, bytes]:
    """The files of the copy with names and reasons, as far as the vault still has them."""
    names = {}
    for pseudonym in opening.people(evidence):
        person = desk.vault.person(pseudonym)
        if person is not None:
            names[pseudonym] = person.name
    texts = {}
    for index in opening.reasons(evidence):
        found = desk.vault.value(index, "reason")
        if found is not None:
            texts[index] = str(json.loads(found.value))
    copy = opening.opened(evidence, names, texts)
    stem = f"{evidence.header.id}-named"
    return {f"{stem}.pdf": child.run(render, copy), f"{stem}.json": to_json(copy)}


def _issued(caller: Caller, evidence: Evidence, made: dict[str, Any]) -> Act:
    key = caller.id if caller.type == "person" else caller.key
    cite = evidence.population.entries.cite
    first, last = (0, evidence.head.size - 1) if cite.first is None else (cite.first, cite.last)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        if caller.type == "person":
            people.require(state, caller.id, "report")
        data = {"report": made["report"], "digest": made["digest"], "first": first, "last": last}
        return one("report.issued", at, caller, index, data, made)

    return Act(key, run, while_paused=True)


def _write(path: Path, content: bytes) -> None:
    """Put a file in place whole, readable by its owner only."""
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        raise Problem(
            "not-ready", f"cannot write the report to `{path}`: {error.strerror}; make room"
        ) from error
