"""An event loop that drives the ledger promises what the ledger's own thread promises."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from governance.oversight.commands import Answer
from governance.store.errors import StoreError, Unavailable
from governance.store.workspace import Seams, Workspace
from tests.store import world
from tests.store.world import Decide, Write

PATIENCE = 10


class Gate:
    """The log's connection, with a hand on its commits: held back, or failing."""

    def __init__(self) -> None:
        self.inner: Any = None
        self.open, self.reached = threading.Event(), threading.Event()
        self.open.set()
        self.broken = False

    def around(self, connection: Any) -> Any:
        """Stand in front of `connection`."""
        self.inner = connection
        return self

    def hold(self) -> None:
        """Let no commit through until `open` is set."""
        self.open.clear()
        self.reached.clear()

    async def held(self) -> None:
        """Wait until a commit stands before the gate."""
        assert await asyncio.to_thread(self.reached.wait, PATIENCE)

    def execute(self, sql: str, *parameters: Any) -> Any:
        """As the connection does; a commit waits, or fails."""
        if sql == "COMMIT":
            self.reached.set()
            assert self.open.wait(PATIENCE)
            if self.broken:
                raise sqlite3.OperationalError("disk I/O error (injected)")
        return self.inner.execute(sql, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@pytest.fixture
def gate() -> Gate:
    """A gate before the commits of the log."""
    return Gate()


@pytest.fixture
def driven(opened: Callable[..., Workspace], gate: Gate) -> Workspace:
    """A workspace whose log's commits go through the gate."""
    return opened(seams=Seams(log=gate.around))


def drive(workspace: Workspace, work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` on an event loop that drives the ledger meanwhile."""

    async def run() -> None:
        await workspace.ledger.drive()
        try:
            await work()
        finally:
            await workspace.ledger.release()

    asyncio.run(asyncio.wait_for(run(), 6 * PATIENCE))


def _indexes(answers: list[Answer]) -> list[int]:
    return [receipt.index for answer in answers for receipt in answer.receipts]


def test_the_loop_and_other_threads_are_answered_alike(workspace: Workspace) -> None:
    """A person's command from the console's threads would wait for ever while agents are served."""
    ledger = workspace.ledger

    async def work() -> None:
        agents = [ledger.submit_async(Decide(str(n))) for n in range(60)]
        people = [
            asyncio.to_thread(lambda: ledger.submit(Decide("p", lane="human")).result(PATIENCE))
            for _ in range(8)
        ]
        answers = await asyncio.gather(*agents, *people)
        assert sorted(_indexes(answers)) == list(range(68))
        assert ledger.size == 68

    drive(workspace, work)
    assert workspace.reader.size == 68


def test_nobody_is_answered_before_the_commit(driven: Workspace, gate: Gate) -> None:
    """An agent would act on a permit that a power cut takes back."""

    async def work() -> None:
        gate.hold()
        waiting = driven.ledger.submit_async(Decide("first"))
        await gate.held()
        later = [driven.ledger.submit_async(Decide(str(n))) for n in range(40)]
        await asyncio.sleep(0.05)
        assert not waiting.done()
        assert not any(each.done() for each in later)
        assert driven.ledger.size == 0
        assert driven.reader.size == 0
        gate.open.set()
        answers = await asyncio.gather(waiting, *later)
        assert _indexes(answers) == list(range(41))

    drive(driven, work)


def test_what_was_answered_is_let_go_of(workspace: Workspace) -> None:
    """Batches kept alive by a cycle would be collected all at once, and everybody would wait for it."""

    class Weak(Decide):
        """One that can be watched."""

    gone: list[weakref.ref[Decide]] = []

    async def work() -> None:
        for number in range(3):
            command = Weak(str(number))
            gone.append(weakref.ref(command))
            await workspace.ledger.submit_async(command)
            del command
        await workspace.ledger.submit_async(Decide("the next"))

    gc.disable()
    try:
        drive(workspace, work)
        assert [watched() for watched in gone] == [None, None, None]
    finally:
        gc.enable()


def test_a_failing_commit_fails_all_and_ends_the_ledger(driven: Workspace, gate: Gate) -> None:
    """Somebody could be told yes although nobody knows whether it was recorded."""
    heard: list[str] = []
    driven.ledger.on_failure = heard.append

    async def work() -> None:
        gate.hold()
        first = driven.ledger.submit_async(Decide("under way"))
        await gate.held()
        waiting = [driven.ledger.submit_async(Decide(str(n))) for n in range(3)]
        thread = driven.ledger.submit(Decide("from a thread", lane="human"))
        chore = driven.ledger.chore(lambda _db: "done")
        gate.broken = True
        gate.open.set()
        for future in (first, *waiting, asyncio.wrap_future(thread), asyncio.wrap_future(chore)):
            with pytest.raises(Unavailable):
                await asyncio.wait_for(future, PATIENCE)
        with pytest.raises(StoreError):
            driven.ledger.submit_async(Decide("after the failure"))

    drive(driven, work)
    assert heard == [driven.ledger.failure]
    with pytest.raises(StoreError):
        driven.ledger.submit(Decide("after the loop"))


def test_without_its_values_an_entry_is_not_committed(
    opened: Callable[..., Workspace], gate: Gate, root: Path
) -> None:
    """The log would commit to values that nobody can ever show, and the agent be told yes."""
    workspace = opened(seams=Seams(vault=gate.around))
    subject = workspace.vault.pseudonym("payee", "IBAN 1")
    gate.broken = True

    async def work() -> None:
        values = (("args.note", b"kept", subject),)
        with pytest.raises(Unavailable):
            await workspace.ledger.submit_async(Decide("with a value", values=values))

    drive(workspace, work)
    assert workspace.ledger.failure is not None
    workspace.close()
    with world.open_(root) as again:
        assert again.ledger.size == 0


def test_a_stop_goes_before_everything_that_waits(driven: Workspace, gate: Gate) -> None:
    """Forty payments would still be allowed after somebody stopped the agent."""

    async def work() -> None:
        gate.hold()
        under_way = driven.ledger.submit_async(Decide("under way"))
        await gate.held()
        payments = [driven.ledger.submit_async(Decide(str(n))) for n in range(40)]
        stop = driven.ledger.submit(world.stop())
        gate.open.set()
        assert (await under_way).receipts[0].index == 0
        answer = await asyncio.wrap_future(stop)
        assert answer.receipts[0].index == 1
        for payment in payments:
            with pytest.raises(Exception, match="stopped"):
                await payment

    drive(driven, work)


def test_chores_are_done_between_batches(workspace: Workspace) -> None:
    """Snapshots and backfills would wait until the service stops."""
    ledger = workspace.ledger

    async def work() -> None:
        decisions = [ledger.submit_async(Decide(str(n))) for n in range(30)]
        counted = ledger.chore(
            lambda db: db.execute("SELECT count(*) FROM log_entries").fetchone()[0]
        )
        count = await asyncio.wrap_future(counted)
        assert 0 <= count <= 30
        await asyncio.gather(*decisions)
        alone = ledger.chore(lambda _db: threading.current_thread() is threading.main_thread())
        assert await asyncio.wrap_future(alone) is False, "a chore would hold up the loop"

    drive(workspace, work)


def test_release_hands_back_with_nothing_lost(driven: Workspace, gate: Gate) -> None:
    """Commands that came while the service stopped would never be answered, or be recorded twice."""
    ledger = driven.ledger
    late: list[Future[Answer]] = []

    async def work() -> None:
        gate.hold()
        first = ledger.submit_async(Decide("under way"))
        await gate.held()
        late.extend(ledger.submit(Decide(str(n))) for n in range(5))
        releasing = asyncio.create_task(ledger.release())
        await asyncio.sleep(0.02)
        assert not releasing.done(), "the batch under way was left behind"
        gate.open.set()
        await releasing
        assert (await first).receipts[0].index == 0

    drive(driven, work)
    assert _indexes([future.result(PATIENCE) for future in late]) == [1, 2, 3, 4, 5]
    assert ledger.submit(Decide("afterwards")).result(PATIENCE).receipts[0].index == 6
    asyncio.run(_again(ledger))
    assert ledger.size == 8


async def _again(ledger: Any) -> None:
    await ledger.drive()
    await ledger.submit_async(Decide("driven a second time"))
    await ledger.release()


@pytest.mark.parametrize("where", ["on the loop", "on another thread"])
def test_closing_while_driven_finishes_what_is_queued(
    driven: Workspace, gate: Gate, root: Path, where: str
) -> None:
    """A stop of the service in a busy moment would leave a batch half written."""
    ledger = driven.ledger

    async def work() -> None:
        gate.hold()
        first = ledger.submit_async(Decide("under way"))
        await gate.held()
        rest = [ledger.submit_async(Decide(str(n))) for n in range(5)]
        threading.Timer(0.05, gate.open.set).start()
        if where == "on the loop":
            driven.close()
        else:
            await asyncio.to_thread(driven.close)
        with pytest.raises(Unavailable):
            ledger.submit_async(Decide("too late"))
        assert _indexes(await asyncio.gather(first, *rest)) == list(range(6))

    drive(driven, work)
    with world.open_(root) as again:
        assert again.ledger.size == 6


def test_a_loop_that_ended_without_a_word_loses_nothing(root: Path) -> None:
    """A crash of the surface would take acknowledged work, or the lock, with it."""
    with world.open_(root) as workspace:
        ledger = workspace.ledger

        async def work() -> None:
            await ledger.drive()
            await ledger.submit_async(Decide("one"))

        asyncio.run(work())
        waiting = ledger.submit(Decide("two"))
    assert waiting.result(PATIENCE).receipts[0].index == 1
    with world.open_(root) as again:
        assert again.ledger.size == 2


def test_an_erasure_between_sealing_and_commit_leaves_nothing_readable(
    opened: Callable[..., Workspace],
) -> None:
    """What was about to be written when a person was erased would stay readable for ever."""
    workspace = opened()
    ledger, vault = workspace.ledger, workspace.vault
    erased, other = vault.pseudonym("payee", "DE89"), vault.pseudonym("payee", "DE00")

    def about(subject: str) -> Decide:
        return Decide(values=(("args.iban", b'"DE89"', subject), ("args.note", b'"x"', None)))

    async def work() -> None:
        await ledger.submit_async(about(erased))  # both keys are made and on disk
        await ledger.submit_async(about(other))
        sealing = ledger.writer._vault
        seal = sealing.seal

        def sealed_then_erased(rows: Any, recorded: Any) -> Any:
            sealing.seal = seal  # type: ignore[method-assign]
            done = seal(rows, recorded)
            vault.erase(erased)
            return done

        sealing.seal = sealed_then_erased  # type: ignore[method-assign]
        await asyncio.gather(*(ledger.submit_async(about(who)) for who in (erased, other)))
        assert sealing.seal == seal

    drive(workspace, work)
    for index in (0, 2):
        assert vault.value(index, "args.iban") is None
        assert vault.value(index, "args.note") is not None
    assert vault.value(3, "args.iban") is not None, "somebody else's value went, too"
    assert vault.pseudonym("payee", "DE89") == erased
    told = Write((("data.erased", {"subject": erased, "ground": "asked", "values": 1}),))
    ledger.submit(told).result(PATIENCE)
    later = ledger.submit(about(erased)).result(PATIENCE).receipts[0].index
    assert vault.value(later, "args.iban") is not None, "who comes again is served again"
