"""References that a verifier would not accept are refused while it is still a matter of one command."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit.entry import Entry, encode
from governance.store.errors import WrongReference
from governance.store.references import References
from governance.store.workspace import Workspace
from tests.store import world
from tests.store.references import require_good
from tests.store.world import AGENT, Decide, Write

AT = datetime(2026, 11, 20, tzinfo=UTC)


def pointing(**refs: int) -> Write:
    """A command that writes one entry with these references."""
    return Write((("agent.onboarded", {"refs": refs}),))


def test_the_writer_accepts_exactly_what_the_verifier_does(workspace: Workspace) -> None:
    """One wrong role, once written, would make every later verification call the log tampered."""
    kinds = ("session.opened", "autonomy.granted", "approval.asked", "log_key.proposed")
    for kind in kinds:
        workspace.ledger.submit(Write(((kind, {}),))).result(10)
    workspace.ledger.submit(Decide()).result(10)
    roles = ("session", "autonomy", "approval", "log_key", "decision")
    tries = refused = 0
    for role in (*roles, "agent", "unheard_of"):
        for target in (*range(len(roles)), 2**40):
            size = workspace.ledger.size
            future = workspace.ledger.submit(pointing(**{role: target}))
            tries += 1
            if target < len(roles) and roles[target] == role:
                future.result(10)
            else:
                with pytest.raises(WrongReference, match=rf"refs.{role}. points to entry {target}"):
                    future.result(10)
                refused += 1
                assert workspace.ledger.size == size
    assert (tries - refused, workspace.ledger.misreferred) == (len(roles), refused)
    require_good(workspace.reader)


def test_what_is_refused_is_told_and_disturbs_no_other_command(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    """A defect that nobody hears of is repaired when an auditor finds it; others have to go on."""
    ledger = workspace.ledger
    ledger.submit(Decide()).result(10)
    with caplog.at_level(logging.ERROR, "governance.store.references"):
        wrong = ledger.submit(Write((("stop.raised", {}), ("stop.lifted", {"refs": {"stop": 0}}))))
        after = ledger.submit(Decide())
        with pytest.raises(WrongReference, match="which is a `decision`"):
            wrong.result(10)
    assert after.result(10).receipts[0].index == 1
    assert caplog.messages == [
        "entry 2, a `stop.lifted`, was not written: "
        "`refs.stop` points to entry 0, which is a `decision`"
    ]


def test_no_entry_points_to_itself_or_to_what_follows(workspace: Workspace) -> None:
    """A reader that follows references would go round in circles, and a verifier says tampered."""
    for target in (0, 1):
        both = Write((("stop.raised", {"refs": {"stop": target}}), ("stop.raised", {})))
        with pytest.raises(WrongReference, match="not before it"):
            workspace.ledger.submit(both).result(10)
    assert workspace.ledger.size == 0


def test_entries_of_the_same_command_and_of_the_same_batch_can_be_pointed_to(
    workspace: Workspace,
) -> None:
    """A session and the decision in it are written at once: refusing that would refuse every agent."""
    begun, go = threading.Event(), threading.Event()
    ledger = workspace.ledger
    ledger.chore(lambda _db: (begun.set(), go.wait(10)))
    begun.wait(10)
    futures = [
        ledger.submit(
            Write((("session.opened", {}), ("session.closed", {"refs": {"session": 0}})))
        ),
        ledger.submit(Write((("session.closed", {"refs": {"session": 0}}),))),
        ledger.submit(Decide()),
        ledger.submit(world.outcome(3)),
        ledger.submit(Write((("outcome", {"refs": {"session": 3}}),), lane="agent")),
    ]
    go.set()
    receipts = [future.result(10).receipts[-1] for future in futures[:4]]
    assert [(each.index, each.tree_size) for each in receipts] == [(n, 5) for n in (1, 2, 3, 4)]
    with pytest.raises(WrongReference, match="which is a `decision`"):
        futures[4].result(10)
    require_good(workspace.reader)


def test_what_was_written_before_a_start_can_be_pointed_to(
    root: Path, opened: Callable[..., Workspace]
) -> None:
    """Nothing that was asked before a restart could be answered after it."""
    first = world.open_(root)
    first.ledger.submit(Write((("approval.asked", {}),))).result(10)
    first.close()
    ledger = opened().ledger
    ledger.submit(Write((("approval.granted", {"refs": {"approval": 0}}),))).result(10)
    with pytest.raises(WrongReference):
        ledger.submit(Write((("approval.granted", {"refs": {"decision": 0}}),))).result(10)


def test_only_what_is_committed_is_remembered() -> None:
    """On a server another service may write something else under the number of a batch that failed."""
    log = Entries(Entry("session.opened", AT, AGENT, {}))
    references = References(log)
    references.check([closed(session=0)], 1, 0, ())
    log.encoded[0] = encode(Entry("stop.raised", AT, AGENT, {}))
    with pytest.raises(WrongReference):
        references.check([closed(session=0)], 1, 1, ())


def test_what_a_session_is_asked_again_and_again_is_read_once() -> None:
    """Each decision of a busy session would cost a read, on a server a journey."""
    log = Entries(Entry("session.opened", AT, AGENT, {}), Entry("decision", AT, AGENT, {}))
    references = References(log)
    for _ in range(3):
        references.check([closed(session=0)], 2, 2, ())
    assert log.read == [0]
    references.check([closed(decision=1)], 2, 2, {1: "its record"})
    references.committed(2, [encode(Entry("approval.asked", AT, AGENT, {}))])
    references.check([closed(approval=2)], 3, 3, ())
    assert log.read == [0]


def test_a_pruned_entry_can_be_pointed_to() -> None:
    """A session that is older than the cut could not even be closed."""
    log = Entries(Entry("session.opened", AT, AGENT, {}))
    log.encoded[0] = b""
    References(log).check([closed(session=0)], 1, 1, ())


def closed(**refs: int) -> Entry:
    """An entry with these references."""
    return Entry("session.closed", AT, AGENT, {"refs": refs})


class Entries:
    """A log that can be read, and notes what is."""

    def __init__(self, *entries: Entry) -> None:
        self.encoded = list(map(encode, entries))
        self.read: list[int] = []

    def __call__(self, indexes: Iterable[int]) -> dict[int, Any]:
        wanted = list(indexes)
        self.read += wanted
        return {index: self.encoded[index] for index in wanted}
