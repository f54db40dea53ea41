"""Is everything that is derived what the log says?

The law: nothing stored is believed. Leaf hashes, tree, checkpoints, facts and read models are made
again from the bytes of the entries and compared with what is there; every difference is named, with
what it means and whether `repair` can make it again. What cannot be made again is said, too.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from audit.keys import Verifier
from governance.store.copies import copy_database, copy_log
from governance.store.findings import RESTORE, Finding, Part, Report
from governance.store.fsck_beside import check_beside
from governance.store.fsck_facts import Facts, Vouched, check_facts, check_views
from governance.store.fsck_log import Log, check_log
from governance.store.fsck_server import check_apart
from governance.store.headfile import read_note
from governance.store.paths import Paths
from governance.store.reader import Reader
from governance.store.snapshots import unsound
from governance.store.sqlite import connect_reader

_MOST = 100


class Checked(NamedTuple):
    """Everything a check found, in the form a repair needs."""

    report: Report
    log: Log
    facts: Facts
    snapshots: list[int]
    views: bool
    row: str | None = None
    """What the head's row on a server must be, if it is not."""


def fsck(paths: Paths, vkeys: Sequence[str], *, scratch: Path | None = None) -> Report:
    """Check a copy of the workspace at `paths`; seconds for each 100,000 entries.

    `vkeys`: every key the log signs or ever signed with. `scratch`: a folder with room for a second
    log (else where temporary files go). May run beside the owner. Raises
    `StoreError` if the log cannot be read at all, `audit.errors.BadKey` for a bad vkey.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        return check(paths, Path(folder), vkeys).report


def check(paths: Paths, scratch: Path, vkeys: Sequence[str]) -> Checked:
    """The same in a folder of the caller's, which afterwards holds `facts.db`, made again."""
    verifiers = [Verifier.from_vkey(vkey) for vkey in vkeys]
    unchecked: list[str] = []
    followed = paths.views.exists()
    if followed:  # first: the read models must not be ahead of the copy of the log
        copy_database(paths.views, scratch / "views.db")
    head = read_note(paths.head)  # before the log: the log must contain it, and may be ahead
    copy_log(paths.log_database, scratch / "stored.db")
    stored = connect_reader(scratch / "stored.db")
    with closing(stored), closing(Reader(scratch / "stored.db")) as reader:
        log = check_log(stored, verifiers, head)
        row, apart = check_apart(paths, stored, verifiers, log)
        findings = list(_file(stored)) + log.findings + apart
        facts, snapshots, views = Facts([], [], [], []), unsound(stored), []
        findings += [
            Finding(f"the snapshot of size {size}", "no entry names it", Part.SNAPSHOT)
            for size in snapshots
        ]
        if log.signed is None:
            unchecked.append(
                "facts, read models, values and blobs: the entries they follow from are not sound"
            )
        else:
            facts = check_facts(reader, log.size, scratch / "facts.db")
            if followed:
                hashes = {(0, index): leaf for index, leaf in log.leaves} | dict(log.nodes)
                views = list(check_views(Vouched(reader, log.size, hashes), scratch))
            else:
                unchecked.append("read models: there are none yet")
            beside = check_beside(paths, reader, log.size)
            findings += beside.findings
            unchecked += beside.unchecked
    findings += facts.findings + views
    unchecked += facts.unchecked
    derivable = sum(finding.derivable for finding in findings)
    report = Report(
        log.size,
        tuple(_first_of_each(findings)),
        tuple(unchecked),
        log.signed is not None,
        derivable,
        len(findings) - derivable,
    )
    return Checked(report, log, facts, snapshots, bool(views), row)


def _first_of_each(findings: list[Finding]) -> Iterator[Finding]:
    """At most so many of one part, so that many of one do not hide another."""
    shown: Counter[Part] = Counter()
    for finding in findings:
        shown[finding.part] += 1
        if shown[finding.part] <= _MOST:
            yield finding


def _file(db: sqlite3.Connection) -> Iterator[Finding]:
    """What the database itself says about its file."""
    for (what,) in db.execute("PRAGMA integrity_check(10)").fetchall():
        if what != "ok":
            yield Finding("the file of the log", str(what).splitlines()[-1], Part.FILE, RESTORE)
