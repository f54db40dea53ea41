"""Read models follow the log, say how far they are, and can be thrown away."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import astuple
from pathlib import Path

import pytest

from governance.store.errors import Damaged
from governance.store.projection import QUARTER
from governance.store.workspace import Workspace
from tests.store import world
from tests.store.world import Decide, Write


def _asked(decision: int) -> Write:
    return Write((("approval.asked", {"refs": {"decision": decision}, "agent": "payments-1"}),))


def _answered(kind: str, approval: int, **data: object) -> Write:
    return Write(((f"approval.{kind}", {"refs": {"approval": approval}, **data}),))


def _filled(workspace: Workspace) -> None:
    for n in range(12):
        effect = ("allow", "deny", "require_approval")[n % 3]
        workspace.ledger.submit(Decide(str(n), effect=effect)).result(10)
    for command in (
        _asked(2),  # 12
        _asked(5),  # 13
        _asked(8),  # 14
        _answered("granted", 12, complete=False),
        _answered("granted", 12, complete=True),  # 16
        _answered("refused", 13),  # 17
        world.outcome(0),
        Write((("decision.reversed", {"refs": {"decision": 0}}),)),  # 19
    ):
        workspace.ledger.submit(command).result(10)
    assert workspace.views.wait_for(workspace.ledger.size)


def test_lists_show_what_the_log_says(workspace: Workspace) -> None:
    """A person would approve, or miss, what is not there."""
    _filled(workspace)
    views = workspace.views
    assert views.lag == 0
    assert [line.index for line in views.decisions(effect="deny")] == [10, 7, 4, 1]
    assert [line.index for line in views.decisions(limit=2, before=7)] == [6, 5]
    assert [line.index for line in views.decisions(agent="nobody")] == []
    assert len(views.decisions(text="payment")) == 12
    assert views.decisions(text="pay%nt") == []
    first = views.decisions(before=1)[0]
    assert (first.outcome, first.reversed_by) == ("executed", 19)
    states = {line.index: (line.state, line.closed_by) for line in views.approvals()}
    assert states == {12: ("granted", 16), 13: ("refused", 17), 14: ("open", None)}
    assert [line.decision for line in views.approvals(state="open")] == [8]
    assert [line.index for line in views.entries(kind="outcome")] == [18]
    assert views.referring_to(0) == [(18, "decision"), (19, "decision")]


def test_decisions_are_counted_by_the_quarter(workspace: Workspace) -> None:
    """A chart would show other numbers than the log has, or send a reader to other entries."""
    _filled(workspace)
    views, at = workspace.views, workspace.views.decisions(limit=1)[0].at
    start = at - at % QUARTER
    assert sorted(map(astuple, views.counted(start, start + QUARTER))) == [
        ("allow", 4, 0, 9),
        ("deny", 4, 1, 10),
        ("require_approval", 4, 2, 11),
    ]
    assert views.counted(start - QUARTER, start) == []
    assert views.counted(start + QUARTER, start + 9 * QUARTER) == []
    assert [line.index for line in views.decisions(effect="deny", since=4, before=10)] == [7, 4]


def test_what_was_just_written_is_not_read_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each service would fetch every entry from the server once more, for lists that nobody may look at."""
    workspace.ledger.submit(Decide("0")).result(10)
    assert workspace.views.wait_for(workspace.ledger.size)

    def read(*_: object) -> None:
        raise AssertionError("the log is read")

    with monkeypatch.context() as patched:
        patched.setattr(workspace.reader, "entries", read)
        patched.setattr(workspace.reader, "frontier", read)
        for n in range(1, 9):
            workspace.ledger.submit(Decide(str(n))).result(10)
        assert workspace.views.wait_for(workspace.ledger.size, 2)
    assert [line.index for line in workspace.views.decisions()] == [*range(8, -1, -1)]


@pytest.mark.parametrize("spoil", ["deleted", "garbage", "other log", "older version"])
def test_read_models_are_made_again_from_the_log(root: Path, spoil: str) -> None:
    """A list that belongs to another log, or is broken, would be believed."""
    with world.open_(root) as workspace:
        _filled(workspace)
        before = (workspace.views.decisions(), workspace.views.approvals())
    path = root / "views.db"
    if spoil == "deleted":
        path.unlink()
    elif spoil == "garbage":
        path.write_bytes(b"garbage" * 1000)
    else:
        change = "root = zeroblob(32)" if spoil == "other log" else "version = 0"
        with sqlite3.connect(path) as db:
            db.execute(f"UPDATE follower SET {change}")
            db.execute("DELETE FROM decision_list WHERE idx > 3")
    with world.open_(root) as workspace:
        assert workspace.views.wait_for(workspace.ledger.size)
        assert (workspace.views.decisions(), workspace.views.approvals()) == before


def test_a_damaged_file_says_that_it_may_be_deleted(root: Path, workspace: Workspace) -> None:
    """A page would show a stack trace, and nobody would dare to delete the file."""
    _filled(workspace)
    with sqlite3.connect(root / "views.db") as db:
        db.execute("DROP TABLE decision_list")
    with pytest.raises(Damaged, match=r"delete that file.*made anew"):
        workspace.views.decisions()


def test_a_text_search_is_no_way_into_the_database(workspace: Workspace) -> None:
    """A search field would read, or change, what it likes."""
    _filled(workspace)
    for text in ("' OR 1=1 --", "%", "_", "\\", '"; DROP TABLE decision_list'):
        assert workspace.views.decisions(text=text) == [] or text == "_"
    assert len(workspace.views.decisions()) == 12


def test_waiting_for_what_is_not_there_ends(workspace: Workspace) -> None:
    """A page would hang for ever."""
    assert not workspace.views.wait_for(5, timeout=0.1)


def test_lists_that_cannot_be_written_say_so_and_go_on_afterwards(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list would show nothing new for ever, as if nothing had happened, also once its file can be
    written again."""
    views = workspace.views
    connect = views._connect

    def read_only() -> sqlite3.Connection:
        db = connect()
        db.execute("PRAGMA query_only=ON")
        return db

    monkeypatch.setattr(views, "_connect", read_only)
    views._db.execute("PRAGMA query_only=ON")
    workspace.ledger.submit(Decide()).result(10)
    assert not views.wait_for(1, timeout=1.5)
    assert views.trouble is not None
    assert "lists and searches end before entry 0" in views.trouble
    assert "views.db` cannot be written" in views.trouble
    monkeypatch.setattr(views, "_connect", connect)
    assert views.wait_for(1, timeout=5)
    end = time.monotonic() + 5
    while views.trouble is not None and time.monotonic() < end:
        time.sleep(0.01)
    assert views.trouble is None
    assert len(views.decisions()) == 1
