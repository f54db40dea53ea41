"""A new limit knows what happened before it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from audit.entry import Entry
from governance.engine.model import Charge
from governance.oversight.commands import AdoptRow
from governance.store.errors import Unprepared
from governance.store.fsck import fsck
from governance.store.workspace import Workspace
from tests.store import world
from tests.store.world import Decide, Write


def _by_action(_index: int, entry: Entry) -> Iterable[Charge]:
    """Under the new release every allowed decision charges 5 EUR and counts one."""
    if entry.kind == "decision" and entry.data["effect"] == "allow":
        yield Charge("new/LIM-2", "payments-1", Decimal("5"), "EUR")
        yield Charge("new/LIM-3", "payments-1", Decimal(1), "")


def _release(workspace: Workspace, *series: str) -> int:
    """The release's entry, which adopts its series."""
    index = workspace.ledger.size

    class Release(Write):
        def run(self, state: object, facts: object, at: object, index: int) -> object:  # type: ignore[override]
            proposal = super().run(state, facts, at, index)  # type: ignore[arg-type]
            return replace(proposal, rows=(AdoptRow(index, series),))

    command = Release((("policy.released", {}),))
    answer = workspace.ledger.submit(command).result(10)
    assert answer.receipts[0].index >= index
    return answer.receipts[0].index


def _decide(workspace: Workspace, count: int, effect: str = "allow") -> None:
    for n in range(count):
        workspace.ledger.submit(Decide(str(n), (world.euro("10"),), effect=effect)).result(10)


def test_a_new_limit_counts_what_was_allowed_before_it(workspace: Workspace) -> None:
    """The day a limit is introduced, everybody would have a full budget again."""
    _decide(workspace, 300)
    _decide(workspace, 50, "deny")
    workspace.backfill.prepare(["new/LIM-2", "new/LIM-3"], _by_action)
    _decide(workspace, 7)
    _release(workspace, "new/LIM-2", "new/LIM-3")
    assert world.total(workspace, "new/LIM-2", "payments-1", None, "EUR") == (1535, 307, False)
    assert world.total(workspace, "new/LIM-3", "payments-1", None) == (307, 307, False)


def test_windows_of_a_new_limit_have_the_times_of_the_decisions(workspace: Workspace) -> None:
    """Everything before the release would count as if it had happened at the release."""
    _decide(workspace, 120)
    middle = workspace.reader.entry(60).at
    workspace.backfill.prepare(["new/LIM-3"], _by_action)
    _release(workspace, "new/LIM-3")
    from governance.store.clock import to_microseconds

    since = to_microseconds(middle)
    assert world.total(workspace, "new/LIM-3", "payments-1", since) == (60, 60, False)


def test_what_was_given_back_before_or_after_is_not_counted(workspace: Workspace) -> None:
    """A payment that failed would eat into a limit that did not exist yet."""
    _decide(workspace, 150)
    workspace.ledger.submit(world.outcome(3, "failed", released=True)).result(10)
    workspace.backfill.prepare(["new/LIM-3"], _by_action)
    workspace.ledger.submit(world.outcome(4, "failed", released=True)).result(10)
    _release(workspace, "new/LIM-3")
    workspace.ledger.submit(world.outcome(5, "failed", released=True)).result(10)
    assert world.total(workspace, "new/LIM-3", "payments-1", None) == (147, 147, False)


def test_a_release_that_was_not_prepared_is_refused(workspace: Workspace) -> None:
    """A limit could come into force with empty windows by a forgotten step."""
    _decide(workspace, 5)
    with pytest.raises(Unprepared, match="prepare it and sign again"):
        _release(workspace, "new/LIM-2")
    workspace.backfill.prepare(["other"], _by_action)
    with pytest.raises(Unprepared):
        _release(workspace, "new/LIM-2")
    assert workspace.ledger.failure is None
    workspace.backfill.prepare(["new/LIM-2"], _by_action)
    _release(workspace, "new/LIM-2")


def test_a_series_that_stays_is_not_filled_twice(root: Path) -> None:
    """Every release would double what counts against the limits it keeps."""
    with world.open_(root) as workspace:
        _decide(workspace, 120)
        workspace.backfill.prepare(["new/LIM-3"], _by_action)
        _release(workspace, "new/LIM-3")
    with world.open_(root) as workspace:
        workspace.backfill.prepare(["new/LIM-3", "new/LIM-2"], _by_action)
        _release(workspace, "new/LIM-3", "new/LIM-2")
        assert world.total(workspace, "new/LIM-3", "payments-1", None) == (120, 120, False)
        assert world.total(workspace, "new/LIM-2", "payments-1", None, "EUR") == (600, 120, False)


def test_a_series_that_went_and_comes_back_is_filled_anew(workspace: Workspace) -> None:
    """What happened while a limit was out of force would be missing from its windows."""
    _decide(workspace, 10)
    workspace.backfill.prepare(["new/LIM-3"], _by_action)
    _release(workspace, "new/LIM-3")
    _release(workspace)
    _decide(workspace, 10)
    workspace.backfill.prepare(["new/LIM-3"], _by_action)
    _release(workspace, "new/LIM-3")
    assert world.total(workspace, "new/LIM-3", "payments-1", None) == (20, 20, False)


def test_filling_while_agents_go_on_misses_nothing(workspace: Workspace) -> None:
    """Under load the windows of a new limit would have a hole."""
    _decide(workspace, 200)
    going = threading.Event()

    def go_on() -> None:
        while not going.is_set():
            _decide(workspace, 5)

    thread = threading.Thread(target=go_on)
    thread.start()
    workspace.backfill.prepare(["new/LIM-3"], _by_action)
    index = _release(workspace, "new/LIM-3")
    going.set()
    thread.join()
    allowed = sum(1 for data in workspace.reader.entries(0, index) if b'"kind":"decision"' in data)
    assert world.total(workspace, "new/LIM-3", "payments-1", None)[1] == allowed


def test_a_backfilled_limit_passes_fsck(workspace: Workspace) -> None:
    """Each release with a new limit would raise a false alarm for ever."""
    _decide(workspace, 120)
    workspace.backfill.prepare(["pay/LIM-1", "new/LIM-3"], _by_action)
    _release(workspace, "pay/LIM-1", "new/LIM-3")
    _decide(workspace, 20)
    workspace.ledger.submit(world.outcome(130, "failed", released=True)).result(10)
    report = fsck(workspace.paths, workspace.vkeys)
    assert report.findings == ()
    assert len(report.unchecked) == 2
