"""The sequencer: one thread through which everything that is ever recorded goes.

The law: no answer leaves before its entries are committed, signed and in the head file; log order
is the order in which verdicts were taken; and after an error while writing this process records
nothing more. Batches form by themselves: whatever arrived while one was being written is the next.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any

from audit.entry import Entry
from governance.oversight.commands import Answer, Command, Lane
from governance.oversight.times import write
from governance.store.batch import Writer
from governance.store.clock import Clock, LogClock, to_datetime, to_microseconds
from governance.store.driver import Driver
from governance.store.errors import Unavailable
from governance.store.fold import State
from governance.store.lanes import Chore, Job, Lanes, Limits, OwnCommand, fulfil, resolve
from governance.store.position import Position, WriteFailed
from governance.store.running import Batch
from governance.store.sqlite import Connection

SERVICE = {"type": "service", "id": "governance"}
"""Who acts when nobody asked: the `by` of the store's own entries."""

Make = Callable[[State, datetime, int], tuple[Entry, ...]]
"""Entries of the service itself, made when state, time and first index are known."""

_IDLE = 0.5
_SHARED_IDLE = 0.1
"""Seconds between two looks at what other processes wrote: how stale a page can be."""

_AGAIN = 500_000
"""Microseconds between two attempts to reach a server that failed."""

_SAY_AGAIN = 30_000_000
_LOOK = 1_000_000
_THROTTLED_EVERY = 60_000_000
_THROTTLED_KEYS = 100

log = logging.getLogger(__name__)


class Ledger:
    """The one writer of a log, and the queue before it."""

    def __init__(
        self,
        writer: Writer,
        clock: Clock,
        log_clock: LogClock,
        limits: Limits,
        *,
        watch: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`watch` is asked every second and says why nothing should be written now, if so."""
        self._writer = writer
        self._clock, self._log_clock = clock, log_clock
        self._lanes = Lanes(limits, clock.monotonic)
        self._watch = watch
        self._looked = self._throttled = clock.monotonic()
        self._trouble: str | None = None
        self._after: list[Callable[[Position], None]] = []
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._stop = threading.Event()
        self._driver: Driver | None = None
        self.failure: str | None = None
        self.outage: str | None = None
        self._tried = self._said = 0
        self._told = writer.position.size
        self.on_failure: Callable[[str], None] = lambda _reason: None
        self.batches = self.commands = 0

    # -- asking ------------------------------------------------------------------------------------

    def submit(self, command: Command) -> Future[Answer]:
        """Queue a command; the future resolves once everything is on disk.

        Raises `Busy` beyond quota or room, `Unavailable` when nothing can be recorded. The future
        raises what the command raised, or `Unavailable` when nobody knows whether it happened.
        """
        future = _pending()
        self._lanes.put(Job(command, future, None))
        return future

    def submit_async(self, command: Command) -> asyncio.Future[Answer]:
        """The same on the running event loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._lanes.put(Job(command, future, loop))
        return future

    def admit(self, key: str, lane: Lane = "agent", weight: int = 1) -> None:
        """Would a command of `key` with so many decisions be let in? Raises `Busy` if not.

        Uses up nothing.
        """
        self._lanes.admit(key, lane, weight)

    def record(
        self,
        make: Make,
        also: Callable[[Connection, int], None] | None = None,
    ) -> Future[Answer]:
        """Queue entries of the service itself. `make` gets state, time and first index."""
        future = _pending()
        self._lanes.put(Job(OwnCommand(make, also), future, None))
        return future

    def chore(self, work: Callable[[Connection], Any]) -> Future[Any]:
        """Queue work on rows beside the log, done between batches in its own transaction."""
        future = _pending()
        self._lanes.put_chore(Chore(work, future))
        return future

    # -- looking -----------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The state after the newest committed entry."""
        return self._writer.position.state

    @property
    def size(self) -> int:
        """How many entries are committed."""
        return self._writer.position.size

    @property
    def position(self) -> Position:
        """Tree, root and state, as of one moment."""
        return self._writer.position

    @property
    def writer(self) -> Writer:
        """What only chores may touch: it belongs to the ledger's thread."""
        return self._writer

    @property
    def misreferred(self) -> int:
        """How many commands were refused for a reference that no verifier would accept."""
        return self._writer.misreferred

    @property
    def lacking(self) -> str | None:
        """Which key that has to sign is not here (a sentence), or None; then nothing is recorded."""
        return self._writer.lacking

    @property
    def paused(self) -> str | None:
        """Why answers are paused (a sentence), or None."""
        if self.outage is not None:
            return self.outage
        if self.lacking is not None:
            return self.lacking
        if self._log_clock.jumped:
            return _clocks_differ(self._log_clock)
        return self._trouble

    @property
    def ready(self) -> str | None:
        """Why the ledger is not ready to answer (a sentence), or None when it is."""
        if self.failure is not None:
            return self.failure
        if self.paused is not None:
            return self.paused
        if not self._log_clock.ready:
            return (
                f"the machine's clock differs from the log's by {self._log_clock.drift / 1e6:.1f} s; "
                "at most 2 s are accepted. Synchronise it"
            )
        return None

    def depth(self) -> dict[str, int]:
        """How much waits, by lane: decisions, or commands of other kinds."""
        return self._lanes.depth()

    @property
    def waiting(self) -> int:
        """How many decisions of agents wait."""
        return self._lanes.waiting

    def after_commit(self, call: Callable[[Position], None]) -> None:
        """Have `call` called on the ledger's thread after each commit. It must be quick."""
        self._after.append(call)

    # -- living ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to work, on a thread of its own."""
        self._thread.start()

    async def drive(self) -> None:
        """Let the running event loop run the batches from now on, instead of the thread.

        Commands come from the loop and answers go to it, so nothing has to change hands but the
        commits, which wait for the disk on a thread of their own. Where other processes write, too,
        the thread goes on: every statement may wait for them or for the network.
        """
        if self._writer.shared:
            return
        driver = Driver(self, self._lanes, asyncio.get_running_loop())
        self._driver = driver
        await driver.loop.run_in_executor(None, self._thread.join)
        if self.failure is None:
            driver.begin()

    async def release(self) -> None:
        """Back to a thread: before the loop that drives ends."""
        driver = self._driver
        if driver is None:
            return
        await driver.end()
        self._driver = None
        if self.failure is None and not self._stop.is_set():
            self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Finish what is queued, refuse what comes, end the thread; also while a loop drives."""
        self._stop.set()
        self._abandon(Unavailable("the service is stopping; ask again shortly"), finish=True)
        if self._thread.is_alive():
            self._thread.join()
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.finish()

    def _work(self) -> None:
        shared = self._writer.shared
        while self.failure is None and self._driver is None:
            jobs, chore = self.take(_SHARED_IDLE if shared else _IDLE)
            idle = not jobs and chore is None
            waiting: Sequence[Job] = jobs
            try:
                if self.outage is not None:
                    self._return(jobs, chore)
                else:
                    batch = self.run(jobs)
                    if batch is not None:
                        self._writer.keep(batch)
                        self._writer.write(batch)
                        self._writer.commit(batch)
                    elif shared and not idle:  # what the answers rest on was read with the turn
                        self._writer.keep_head()
                    self.land(jobs, batch)
                    waiting = ()  # answered: what goes wrong from here on is not theirs
                    if chore is not None:
                        fulfil(chore.future, self._writer.chore(chore.work), None)
                    if idle and shared:
                        self._writer.follow()
                        self._tell()
            except Exception as error:
                if not getattr(error, "outage", False):
                    self.fail(error, waiting, chore)
                    return
                self._interrupt(error, waiting, chore)
            if self._stop.is_set() and idle:
                return

    # -- a server that fails -----------------------------------------------------------------------

    def _interrupt(self, error: Exception, jobs: Sequence[Job], chore: Chore | None) -> None:
        """A server failed: nobody knows what of this batch it kept. Say so; then ask it."""
        self.outage = (
            f"the log cannot be written now ({error}); whether the last commands were recorded is "
            "found out as soon as the database answers again"
        )
        log.error("%s", self.outage)
        self._tried = self._said = 0
        self._turn_away(jobs, chore)

    def _return(self, jobs: Sequence[Job], chore: Chore | None) -> None:
        """Turn everybody away until the server has said what it has. Raises what is not its fault."""
        self._turn_away(jobs, chore)
        now = self._clock.monotonic()
        if self._tried and now - self._tried < _AGAIN:
            return
        self._tried = now
        try:
            self._writer.recover()
        except WriteFailed as error:
            if not error.outage:
                raise
            if not self._said or now - self._said >= _SAY_AGAIN:
                self._said = now
                log.warning("the database still fails: %s", error)
            return
        log.warning("the database answers again; the log has %d entries", self.size)
        self.outage = None
        self._tell()

    def _turn_away(self, jobs: Sequence[Job], chore: Chore | None) -> None:
        unknown = Unavailable(self.outage or "", 1)
        for job in jobs:
            job.value, job.error = None, unknown
        resolve(jobs)
        if chore is not None:
            fulfil(chore.future, None, unknown)

    def _tell(self) -> None:
        """Call those who follow, if there is something new."""
        position = self._writer.position
        if position.size != self._told:
            self._told = position.size
            for call in self._after:
                call(position)

    # -- the steps of a batch, for whoever drives --------------------------------------------------

    def take(self, timeout: float) -> tuple[list[Job], Chore | None]:
        """What is to be run next; waits at most `timeout` seconds for it."""
        return self._lanes.take(timeout)

    def run(self, jobs: list[Job]) -> Batch | None:
        """Run the jobs; None if there is nothing to write. May add to `jobs`."""
        self._look(jobs)
        if not jobs:
            return None
        if self._writer.shared:
            self._writer.turn()
            self._lanes.join(jobs)
        return self._writer.run(self._held_back(jobs), self._log_clock.stamp())

    def land(self, jobs: list[Job], batch: Batch | None) -> None:
        """Everything is on disk: answer."""
        if batch is not None and self._writer.land(batch):
            self._log_clock.confirm()
        if jobs:
            self.batches += 1
            self.commands += len(jobs)
            resolve(jobs)
        if batch is not None or self._writer.shared:
            self._tell()

    def _held_back(self, jobs: list[Job]) -> list[Job]:
        """The jobs that may run now; the others are told why not.

        Not even a stop may, while a key is lacking that would have to sign it: nothing of it is
        written, and another service of this log can be asked.
        """
        lacking = self.lacking
        if lacking is not None:
            for job in jobs:
                job.error = Unavailable(f"nothing was recorded: {lacking}", 30)
            return []
        reason = self.paused
        if reason is None:
            return jobs
        runnable = []
        for job in jobs:
            command = job.command
            if command.lane == "stop" or getattr(command, "while_paused", False):
                runnable.append(job)
            else:
                job.error = Unavailable(reason, 30)
        return runnable

    def _look(self, jobs: list[Job]) -> None:
        """Once a second: the clock, the disk, who was turned away."""
        now = self._clock.monotonic()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        self._trouble = self._watch()
        if self.lacking is not None:
            return  # what would be said of the clock and of refusals is not lost, but said later
        seconds = self._log_clock.watch()
        if seconds is not None:
            log.warning("the clock jumped by %d s; answers are paused", seconds)
            jobs.insert(0, own(_jumped(seconds)))
        if now - self._throttled >= _LOOK and self._trouble is None:
            self._throttled = now
            self._note_refusals(now, jobs)

    def _note_refusals(self, now: int, jobs: list[Job]) -> None:
        due = self._lanes.refusals(now - _THROTTLED_EVERY)
        if due:
            jobs.append(own(_throttled(dict(list(due.items())[:_THROTTLED_KEYS]), now)))

    def fail(self, error: BaseException, jobs: Sequence[Job], chore: Chore | None) -> None:
        """Nobody knows what is on disk: say so to all who wait, and never write again."""
        self.failure = (
            f"the log could not be written ({error}); whether the last commands were recorded is "
            "found out at the next start. Remove the cause and start the service again"
        )
        log.error("%s", self.failure)
        self._writer.undo()
        unknown = Unavailable(self.failure)
        self._abandon(unknown)  # first: whoever hears of the failure finds the door closed
        for job in jobs:
            job.value, job.error = None, unknown
        resolve(jobs)
        if chore is not None:
            fulfil(chore.future, None, unknown)
        self.on_failure(self.failure)

    def _abandon(self, error: BaseException, *, finish: bool = False) -> None:
        if finish and self._working and self.failure is None:
            self._lanes.refuse(error)
            return
        jobs, chores = self._lanes.close(error)
        for job in jobs:
            job.error = error
        resolve(jobs)
        for chore in chores:
            fulfil(chore.future, None, error)

    @property
    def _working(self) -> bool:
        return self._thread.is_alive() or self._driver is not None


def own(make: Make) -> Job:
    """A job of the service's own that nobody waits for."""
    return Job(OwnCommand(make), _pending(), None)


def _pending() -> Future[Any]:
    """A future that cannot be cancelled: what is queued is going to happen."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future


def _clocks_differ(clock: LogClock) -> str:
    """What a jump means, and what to do."""
    differ = f"the machine's clock differs from the log's by {clock.drift / 1e6:.0f} s"
    confirm = "two people confirm it with `governance clock confirm`"
    if clock.drift >= 0:
        return f"{differ}; set it right, then {confirm}"
    known = f"{clock.log_time:%Y-%m-%d %H:%M:%S} UTC"
    way = (
        f"set it right, and answers go on; if it is right, they go on once it has passed {known}"
        if clock.behind
        else f"set it right, then {confirm}; if it is right, do so once it has passed {known}"
    )
    return f"{differ}; {way}: then the log was written by a clock that was ahead"


def _jumped(seconds: int) -> Make:
    def make(_state: State, at: datetime, _index: int) -> tuple[Entry, ...]:
        data = {"event": "jumped", "seconds": str(seconds)}
        return (Entry("service.clock", at, SERVICE, data),)

    return make


def _throttled(refusals: dict[str, Any], now: int) -> Make:
    def make(_state: State, at: datetime, _index: int) -> tuple[Entry, ...]:
        return tuple(
            Entry(
                "service.throttled",
                at,
                SERVICE,
                {
                    "key": key if key.startswith("k-") else None,
                    "refused": times,
                    "since": write(to_datetime(to_microseconds(at) - (now - since))),
                    "until": write(at),
                },
            )
            for key, (times, since) in refusals.items()
        )

    return make
