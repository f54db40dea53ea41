"""The ledger: what an answer promises, and who waits for whom."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from audit.checkpoint import open_checkpoint
from audit.keys import Verifier
from audit.proof import verify_inclusion
from audit.tree import leaf_hash
from governance.oversight.commands import IdempotencyRow, Needs, Proposal
from governance.oversight.errors import Refused
from governance.store import batch
from governance.store.errors import Busy, Unavailable
from governance.store.lanes import limits
from governance.store.workspace import Workspace
from tests.store import world
from tests.store.world import Ask, Decide, Fail, Write


def test_an_answer_proves_that_its_entry_is_in_the_signed_log(workspace: Workspace) -> None:
    """A receipt that does not verify against the log's key would be worth nothing to an agent."""
    answers = [workspace.ledger.submit(Decide(str(n))) for n in range(20)]
    verifier = Verifier.from_vkey(workspace.vkeys[0])
    for index, answer in enumerate(future.result(10) for future in answers):
        (receipt,) = answer.receipts
        assert receipt.index == index
        assert receipt.leaf_hash == leaf_hash(workspace.reader.entry_bytes(index))
        head = open_checkpoint(receipt.checkpoint, [verifier], world.ORIGIN)
        proof = workspace.reader.inclusion_proof(index, head.size)
        verify_inclusion(receipt.leaf_hash, index, head.size, proof, head.root)
        assert workspace.reader.receipt(index) == receipt


def test_each_command_sees_what_the_one_before_it_in_the_batch_did(workspace: Workspace) -> None:
    """Two payments arriving together would both fit a budget that only one of them fits."""
    release = _hold(workspace)
    futures = [workspace.ledger.submit(Decide(charges=(world.euro("10"),))) for _ in range(3)]
    seen = workspace.ledger.submit(
        Ask(Needs(totals=(world.FactQuery("pay/LIM-1", "payments-1", None, "EUR"),)))
    )
    release()
    assert [f.result(10).receipts[0].tree_size for f in futures] == [4, 4, 4]
    state, facts, _, index = seen.result(10).value
    (total,) = facts.totals.values()
    assert (total.sum, total.count, index) == (30, 3, 4)
    assert state.kinds["decision"] == 4  # the one that held the ledger, too


def test_a_command_that_raises_writes_nothing_and_disturbs_nobody(workspace: Workspace) -> None:
    """One malformed request would otherwise take the answers of all others with it."""
    release = _hold(workspace)
    good = workspace.ledger.submit(Decide("a"))
    bad = [
        workspace.ledger.submit(Fail(Refused("no", "not now"))),
        workspace.ledger.submit(Fail(ZeroDivisionError("a bug"))),
        workspace.ledger.submit(Decide(charges=(("s", "k", "not a number", "EUR"),))),
        workspace.ledger.submit(Write((("decision", {}),))),
        workspace.ledger.submit(Write((("BAD KIND", {}),))),
        workspace.ledger.submit(Decide(values=(("f", b"v", "s-nobody"),))),
    ]
    after = workspace.ledger.submit(Decide("b"))
    release()
    for future in bad:
        with pytest.raises(Exception):  # noqa: B017  each raises its own
            future.result(10)
    assert good.result(10).receipts[0].index == 1
    assert after.result(10).receipts[0].index == 2
    assert workspace.ledger.size == 3
    assert workspace.ledger.failure is None


def test_a_command_that_only_asks_writes_nothing(workspace: Workspace) -> None:
    """Reading would fill the log."""
    before = workspace.reader.checkpoint()
    assert workspace.ledger.submit(Ask(Needs())).result(10).receipts == ()
    assert workspace.reader.checkpoint() == before


@pytest.mark.parametrize("index", [Decimal("1.0"), 10**30, "one", None, b"1"])
def test_a_senseless_question_is_the_askers_failure(workspace: Workspace, index: object) -> None:
    """One request with a strange number would end the service for everybody."""
    asked = workspace.ledger.submit(Ask(Needs(decisions=(index,))))  # type: ignore[arg-type]
    with contextlib.suppress(ValueError, OverflowError, TypeError):
        assert not asked.result(10).value[1].decisions
    assert workspace.ledger.submit(Decide()).result(10).receipts


def test_rows_without_entries_are_refused(workspace: Workspace) -> None:
    """A fact that follows from no entry could not be derived again."""

    class Sneaky(Ask):
        def run(self, *_: object) -> Proposal:
            return Proposal((), None, (IdempotencyRow("k", "i", "b", 0),))

    with pytest.raises(ValueError, match="without entries"):
        workspace.ledger.submit(Sneaky(Needs())).result(10)


def test_stops_go_before_people_and_people_before_agents(workspace: Workspace) -> None:
    """A stop raised while agents queue would come after the payments it was to prevent."""
    release = _hold(workspace)
    agent = workspace.ledger.submit(Decide("agent"))
    person = workspace.ledger.submit(Write((("person.changed", {}),)))
    stop = workspace.ledger.submit(world.stop())
    release()
    assert stop.result(10).receipts[0].index == 1
    assert person.result(10).receipts[0].index == 2
    with pytest.raises(Refused):
        agent.result(10)


def test_a_person_waits_for_one_batch_at_most_however_many_agents_ask(
    opened: Callable[..., Workspace],
) -> None:
    """A hijacked agent could delay a stop by asking often."""
    workspace = opened(limits=limits(agent_per_second=1e9, queue=5_000, batch=16))
    release = _hold(workspace)
    agents = [workspace.ledger.submit(Decide(str(n))) for n in range(2_000)]
    person = workspace.ledger.submit(Write((("person.changed", {}),)))
    release()
    index = person.result(10).receipts[0].index
    assert index == 1
    for future in agents:
        future.result(20)


def test_a_full_lane_of_agents_leaves_room_for_people(opened: Callable[..., Workspace]) -> None:
    """Agents could lock people out by filling the queue."""
    workspace = opened(limits=limits(agent_per_second=1e9, queue=10))
    release = _hold(workspace)
    for n in range(10):
        workspace.ledger.submit(Decide(str(n)))
    with pytest.raises(Busy) as refused:
        workspace.ledger.submit(Decide("one too many"))
    assert refused.value.retry_after >= 1
    assert not refused.value.own_quota
    stop = workspace.ledger.submit(world.stop())
    release()
    assert stop.result(10).receipts[0].index == 1


def test_a_command_with_many_decisions_counts_as_many(
    opened: Callable[..., Workspace],
) -> None:
    """Asking for a thousand decisions at once would be a way round the quota, and hold up a stop."""

    @dataclass(frozen=True)
    class Many(Decide):
        weight: int = 1

    clock = world.FakeClock()
    workspace = opened(clock=clock, limits=limits(agent_per_second=50, batch=16))
    workspace.ledger.submit(Many("a", weight=60)).result(10)
    workspace.ledger.admit("k-abcdefgh", "agent", 40)
    with pytest.raises(Busy):
        workspace.ledger.admit("k-abcdefgh", "agent", 41)
    workspace.ledger.submit(Many("b", weight=40)).result(10)
    with pytest.raises(Busy) as refused:
        workspace.ledger.submit(Many("c", weight=500))
    assert refused.value.retry_after == 2
    clock.advance(2)
    workspace.ledger.submit(Many("c", weight=500)).result(10)
    with pytest.raises(Busy):
        workspace.ledger.submit(Many("d"))
    clock.advance(8)
    with pytest.raises(Busy):
        workspace.ledger.submit(Many("d"))
    clock.advance(1)
    workspace.ledger.submit(Many("d")).result(10)

    release = _hold(workspace)
    agents = [
        workspace.ledger.submit(Many(str(n), weight=8, key=f"k-0000000{n}")) for n in range(9)
    ]
    person = workspace.ledger.submit(Write((("person.changed", {}),)))
    first = workspace.ledger.size + 1
    assert workspace.ledger.depth()["agent"] == 72
    release()
    assert person.result(10).receipts[0].index == first
    sizes = sorted({future.result(10).receipts[0].tree_size for future in agents})
    assert len(sizes) >= 4, "no batch held more than two of them"
    assert workspace.ledger.depth() == {"stop": 0, "human": 0, "agent": 0}


def test_a_key_beyond_its_quota_is_turned_away_and_that_is_recorded_once(
    opened: Callable[..., Workspace],
) -> None:
    """A hijacked agent could fill the disk, or be throttled without anybody knowing."""
    clock = world.FakeClock()
    workspace = opened(clock=clock, limits=limits(agent_per_second=5))
    for n in range(10):
        workspace.ledger.submit(Decide(str(n))).result(10)
    for _ in range(1_000):
        with pytest.raises(Busy) as refused:
            workspace.ledger.submit(Decide("more"))
        with pytest.raises(Busy):
            workspace.ledger.admit("k-abcdefgh")
    assert refused.value.own_quota
    workspace.ledger.submit(Decide("another key is free", key="k-bbbbbbbb")).result(10)
    clock.advance(61)
    _until(lambda: workspace.ledger.state.kinds.get("service.throttled") == 1)
    entry = workspace.reader.entry(workspace.ledger.size - 1)
    assert entry.data["key"] == "k-abcdefgh"
    assert entry.data["refused"] == 2_000
    assert workspace.ledger.size == 12
    workspace.ledger.submit(Decide("later")).result(10)


def test_an_idempotency_key_is_remembered_until_it_is_forgotten(
    opened: Callable[..., Workspace],
) -> None:
    """A retried payment would be made twice; or keys would fill the disk."""
    clock = world.FakeClock()
    workspace = opened(clock=clock)
    rows = (IdempotencyRow("k-abcdefgh", "order 17", "ab", 0),)
    workspace.ledger.submit(Decide(rows=rows)).result(10)
    asked = Ask(Needs(idempotency=("k-abcdefgh", "order 17")))
    facts = workspace.ledger.submit(asked).result(10).value[1]
    assert (facts.idempotency.body, facts.idempotency.index) == ("ab", 0)
    assert facts.decisions[0].agent == "payments-1"
    assert facts.entries[0] == workspace.reader.entry_bytes(0)
    now = facts.idempotency.at
    assert workspace.forget_idempotency(now) == 0
    assert workspace.forget_idempotency(now + timedelta(seconds=1)) == 1
    assert workspace.ledger.submit(asked).result(10).value[1].idempotency is None


def test_answers_reach_callers_on_an_event_loop(workspace: Workspace) -> None:
    """The hot lane would wait for ever."""

    async def ask() -> list[int]:
        futures = [workspace.ledger.submit_async(Decide(str(n))) for n in range(50)]
        answers = await asyncio.gather(*futures)
        with pytest.raises(Refused):
            await workspace.ledger.submit_async(Fail(Refused("no", "no")))
        return [answer.receipts[0].index for answer in answers]

    assert asyncio.run(ask()) == list(range(50))


def test_a_caller_that_went_away_does_not_harm_the_ledger(workspace: Workspace) -> None:
    """A client that hangs up would stop the service for everybody."""

    async def leave() -> None:
        task = asyncio.ensure_future(workspace.ledger.submit_async(Decide("gone")))
        await asyncio.sleep(0)
        task.cancel()

    for _ in range(20):
        asyncio.run(leave())
    assert workspace.ledger.submit(Decide("still here")).result(10).receipts


def test_after_closing_nothing_is_taken_and_what_was_queued_is_done(
    opened: Callable[..., Workspace],
) -> None:
    """A restart would lose decisions that were already on their way."""
    workspace = opened()
    futures = [workspace.ledger.submit(Decide(str(n))) for n in range(100)]
    workspace.ledger.close()
    assert [future.result(10).receipts[0].index for future in futures] == list(range(100))
    with pytest.raises(Unavailable):
        workspace.ledger.submit(Decide("late"))


@pytest.mark.parametrize("what", ["the stored entry", "the tree in memory"])
def test_nothing_is_signed_but_what_was_written(
    opened: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A bad disk or bad memory would be signed, and the whole log accused of being forged for ever."""
    workspace = opened()
    workspace.ledger.submit(Decide("before")).result(10)
    head = workspace.reader.checkpoint()
    if what == "the tree in memory":
        workspace.ledger.position.frontier._hashes[0] = bytes(32)
    else:
        real = batch.insert_rows

        def bad(db: Any, table: str, columns: Any, rows: Any) -> None:
            if table == "log_entries":
                rows = [
                    (index, data.replace(b"after", b"other"), leaf) for index, data, leaf in rows
                ]
            real(db, table, columns, rows)

        monkeypatch.setattr(batch, "insert_rows", bad)
    with pytest.raises(Unavailable, match="nothing was signed"):
        workspace.ledger.submit(Decide("after")).result(10)
    assert workspace.reader.checkpoint() == head
    workspace.close()
    monkeypatch.undo()
    opened().ledger.submit(Decide("after")).result(10)


def _hold(workspace: Workspace) -> Callable[[], None]:
    """Keep the ledger busy with one entry, so that what follows queues up; returns its release."""
    go, started = threading.Event(), threading.Event()

    class Hold(Decide):
        def run(self, *arguments: object) -> Proposal:
            started.set()
            go.wait(10)
            return super().run(*arguments)  # type: ignore[arg-type]

    workspace.ledger.submit(Hold("held", lane="human", key="p-holdholdho"))
    started.wait(10)
    return go.set


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
