"""Evidence of outside anchors, kept beside the log."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from governance.store import anchored
from governance.store.anchored import HOUR, Evidence
from governance.store.migrations import bring_up_to_date
from governance.store.workspace import Workspace
from tests.store import world


def keep(workspace: Workspace, *found: Evidence) -> list[bool]:
    """Keep each in a chore of its own."""
    return [
        workspace.ledger.chore(lambda db, each=each: anchored.keep(db, each)).result(10)
        for each in found
    ]


def test_evidence_is_read_back_up_to_a_size(workspace: Workspace) -> None:
    """A package of an older head would hold evidence for entries it does not have."""
    first = Evidence(3, "dept", "witness", 10, "— w AAAA\n".encode())
    second = Evidence(5, "dept", "witness", 10 + HOUR, b"")
    other = Evidence(4, "tsa", "timestamp", 11, b"\x30\x00")
    assert keep(workspace, first, second, other) == [True, True, True]
    assert anchored.evidence(workspace.reader, 5) == [first, other, second]
    assert anchored.evidence(workspace.reader, 4) == [first, other]
    assert anchored.newest(workspace.reader) == {"dept": second, "tsa": other}


def test_of_each_hour_only_the_newest_is_kept(workspace: Workspace) -> None:
    """Anchoring every ten seconds would fill the disk of a log that hardly grows."""
    hours = [Evidence(size, "file", "file", size * HOUR // 4, b"") for size in range(1, 13)]
    other = Evidence(2, "git", "git", HOUR // 2, b"")
    assert all(keep(workspace, *hours, other))
    kept = anchored.evidence(workspace.reader, 100)
    assert [(each.anchor, each.size) for each in kept] == [
        ("git", 2),
        ("file", 3),
        ("file", 7),
        ("file", 11),
        ("file", 12),
    ]


def test_an_anchor_never_goes_back(workspace: Workspace) -> None:
    """Evidence for a smaller head would hide that a larger one was confirmed."""
    later = Evidence(9, "file", "file", 5, b"")
    assert keep(workspace, later, later._replace(size=8, at=6)) == [True, False]
    assert anchored.evidence(workspace.reader, 9) == [later]


def test_the_same_head_confirmed_again_is_one_row(workspace: Workspace) -> None:
    """A log at rest could not be confirmed twice."""
    first = Evidence(4, "file", "file", 1, b"")
    again = first._replace(at=3 * HOUR)
    assert keep(workspace, first, again) == [True, True]
    assert anchored.evidence(workspace.reader, 4) == [again]


def test_evidence_makes_no_entry_and_no_head(workspace: Workspace) -> None:
    """Each anchoring would make a head that has to be anchored."""
    before = workspace.reader.size, workspace.reader.checkpoint()
    keep(workspace, Evidence(0, "file", "file", 1, b""))
    assert (workspace.reader.size, workspace.reader.checkpoint()) == before


def test_a_log_of_an_older_version_gets_the_table(tmp_path: Path) -> None:
    """An installation that is upgraded could not keep evidence, or would lose its guards."""
    world.make(tmp_path)
    path = tmp_path / "log.db"
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE anchor_evidence")
        db.execute("DROP TABLE cuts")
        db.execute("UPDATE alembic_version SET version_num = '0001_log'")
    db.close()
    bring_up_to_date(path, "log")
    workspace = world.open_(tmp_path)
    try:
        assert keep(workspace, Evidence(0, "file", "file", 1, b"")) == [True]
    finally:
        workspace.close()
