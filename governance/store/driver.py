"""The event loop as the ledger's thread: everything but waiting for the disk happens on it.

The law: one batch at a time, the same steps as on the ledger's own thread, and whoever takes the
ledger back finds it between two batches with nothing lost. Commands come from the loop and answers go
to it, so nothing changes hands but the commits.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

from governance.store.batch import Writer
from governance.store.lanes import Chore, Job, Lanes, fulfil
from governance.store.running import Batch

_ENOUGH = 24
_IDLE = 0.5
_SWITCH = 0.0001
"""Seconds one thread keeps the interpreter while another waits. A commit lets go of it some ten times
and needs it back each time, from a loop that is busy preparing: with Python's 5 ms the disk was idle
half the time, and the loop waited for it afterwards."""


class Steps(Protocol):
    """The steps of a batch, as the ledger offers them."""

    failure: str | None

    @property
    def writer(self) -> Writer: ...

    def take(self, timeout: float) -> tuple[list[Job], Chore | None]: ...

    def run(self, jobs: list[Job]) -> Batch | None: ...

    def land(self, jobs: list[Job], batch: Batch | None) -> None: ...

    def fail(self, error: BaseException, jobs: Sequence[Job], chore: Chore | None) -> None: ...


class _UnderWay(NamedTuple):
    """A batch that was handed to the commits' thread."""

    done: Future[Any]
    jobs: list[Job]
    batch: Batch | None
    chore: Chore | None


class Driver:
    """Runs a ledger's batches on an event loop; the loop's thread only, but for the commits."""

    def __init__(self, ledger: Steps, lanes: Lanes, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._ledger, self._lanes = ledger, lanes
        self._thread = threading.get_ident()
        self._usual = sys.getswitchinterval()
        self._commits = ThreadPoolExecutor(1, thread_name_prefix="commits")
        self._under_way: _UnderWay | None = None
        self._called = self._over = False
        self._ended: asyncio.Future[None] | None = None
        self._tick: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Take over; from now on arriving commands call for a batch."""
        if not self._over:
            sys.setswitchinterval(min(self._usual, _SWITCH))
            self._lanes.on_arrival = self._arrived
            self._ticking()

    async def end(self) -> None:
        """Stop after the batch that is under way."""
        self._quit()
        if self._under_way is not None:
            self._ended = self.loop.create_future()
            await self._ended
        self._commits.shutdown(wait=True)

    def finish(self) -> None:
        """Do what is under way and all that waits before this returns: the ledger is closing.

        On the loop itself, or on any thread once the loop has ended; on another thread while it runs,
        the loop does it.
        """
        if threading.get_ident() == self._thread or not self.loop.is_running():
            self._finish()
            return
        finished: Future[None] = Future()

        def there() -> None:
            try:
                self._finish()
            finally:
                finished.set_result(None)

        with contextlib.suppress(RuntimeError):  # it has ended in between
            self.loop.call_soon_threadsafe(there)
            finished.result()

    def _quit(self) -> None:
        """Begin no batch any more."""
        self._lanes.on_arrival = None
        self._over = True
        sys.setswitchinterval(self._usual)
        if self._tick is not None:
            self._tick.cancel()

    def _finish(self) -> None:
        self._quit()
        ledger = self._ledger
        self._commits.shutdown(wait=True)
        if self._under_way is not None:
            self._land(self._under_way)
        while ledger.failure is None:
            jobs, chore = ledger.take(0)
            if not jobs and chore is None:
                return
            try:
                batch = ledger.run(jobs)
                if batch is not None:
                    ledger.writer.keep(batch)
                    ledger.writer.write(batch)
                result = self._on_disk(batch, chore)
                ledger.land(jobs, batch)
                if chore is not None:
                    fulfil(chore.future, result, None)
            except Exception as error:
                ledger.fail(error, jobs, chore)

    def _arrived(self) -> None:
        """Something waits. Called by whoever put it there, on any thread.

        Usually the loop first finishes what it has at hand, so that batches form; but a batch of some
        size goes to the disk at once, and the rest is prepared while it is on its way.
        """
        here = threading.get_ident() == self._thread
        if here and self._under_way is None and self._lanes.waiting >= _ENOUGH:
            self._next()
        if self._called:
            return
        self._called = True
        if here:
            with contextlib.suppress(RuntimeError):  # it has ended; see `_call`
                self.loop.call_soon(self._next)
        else:
            self._call(self._next)

    def _ticking(self) -> None:
        """Look at clock and disk even when nobody asks."""
        self._tick = self.loop.call_later(_IDLE, self._ticking)
        self._arrived()

    def _next(self) -> None:
        self._called = False
        ledger = self._ledger
        if self._under_way is not None or self._over or ledger.failure is not None:
            return
        jobs, chore = ledger.take(0)
        kept: Future[None] | None = None
        try:
            batch = ledger.run(jobs)
            if batch is not None:
                kept = self._commits.submit(ledger.writer.keep, batch)
                ledger.writer.write(batch)
        except Exception as error:
            ledger.fail(error, jobs, chore)
            return
        if batch is None and chore is None:
            ledger.land(jobs, None)
            if jobs:
                self._arrived()
            return
        done = self._commits.submit(self._on_disk, batch, chore, kept)
        self._under_way = _UnderWay(done, jobs, batch, chore)
        # What the callback holds the future holds: were that the batch, which holds the future, each
        # batch would stay in memory until a collection, which then takes a tenth of a second.
        done.add_done_callback(lambda future: self._call(self._landed, future))

    def _call(self, what: Callable[..., None], *arguments: Any) -> None:
        """Have the loop call something; nothing if it has ended, for then `finish` sees to it."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(what, *arguments)

    def _on_disk(
        self, batch: Batch | None, chore: Chore | None, kept: Future[None] | None = None
    ) -> Any:
        """On the commits' thread: wait for the disk, then do the store's own work.

        `kept` came before on the same thread; without its values there is no entry.
        """
        if kept is not None:
            kept.result()
        if batch is not None:
            self._ledger.writer.commit(batch)
        return None if chore is None else self._ledger.writer.chore(chore.work)

    def _landed(self, done: Future[Any]) -> None:
        under_way = self._under_way
        if under_way is not None and under_way.done is done:  # else `finish` landed it
            self._land(under_way)
            self._next()

    def _land(self, under_way: _UnderWay) -> None:
        done, jobs, batch, chore = under_way
        self._under_way = None
        error = done.exception()
        if error is None:
            self._ledger.land(jobs, batch)
            if chore is not None:
                fulfil(chore.future, done.result(), None)
        else:
            self._ledger.fail(error, jobs, chore)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
