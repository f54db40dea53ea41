"""The queue before the log: three lanes, bounded, with a quota for each key.

The law: a command of a person never waits for more than the batch that is being written; stops go
before other commands of people, and both before agents. Each lane has its own room, so that no
load of agents can fill the room of people. A key that asks for more than its quota is turned away
before the queue, and what was turned away is counted, not stored.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

from audit.entry import Entry
from governance.oversight.commands import Answer, Lane
from governance.store.errors import Busy
from governance.store.fold import State
from governance.store.sqlite import Connection

LANES: tuple[Lane, ...] = ("stop", "human", "agent")
_KEYS = 8_192

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may wait, and how much one key may ask for.

    Counted in decisions: a command that takes several at once weighs as many. `room`: waiting in
    each lane. `per_second`: of one key, sustained, and `burst` times that at once. `batch`: of
    agents written together; one heavy command may go beyond.
    """

    room: Mapping[Lane, int]
    per_second: Mapping[Lane, float]
    burst: float = 2.0
    batch: int = 256


def limits(
    *,
    agent_per_second: float = 2_000,
    person_per_second: float = 50,
    queue: int = 4_096,
    batch: int = 256,
) -> Limits:
    """Usual limits: `queue` agents waiting, beside reserved room for people and for stops."""
    return Limits(
        {"stop": 256, "human": 1_024, "agent": queue},
        {
            "stop": person_per_second,
            "human": person_per_second,
            "agent": agent_per_second,
        },
        batch=batch,
    )


USUAL = limits()


class OwnCommand(NamedTuple):
    """What the store itself wants recorded: entries made once time and index are known.

    `also` writes rows beside the entries, in the same transaction, given connection and index.
    """

    make: Callable[[State, Any, int], tuple[Entry, ...]]
    also: Callable[[Connection, int], None] | None = None
    lane: str = "human"
    key: str = "service"
    while_paused: bool = True


class Job:
    """A command that waits, and where its answer goes."""

    __slots__ = ("command", "error", "future", "loop", "value", "weight")

    def __init__(
        self,
        command: Any,
        future: Future[Answer] | asyncio.Future[Answer],
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        """`command` is a `Command`, or one of the store's own."""
        self.command = command
        self.weight: int = getattr(command, "weight", 1)
        self.future = future
        self.loop = loop
        self.value: Answer | None = None
        self.error: BaseException | None = None


class Chore(NamedTuple):
    """Work of the store itself between two batches, in a transaction of its own."""

    work: Callable[[Connection], Any]
    future: Future[Any]


class Refusals(NamedTuple):
    """How often a key was turned away, and since when (microseconds)."""

    times: int
    since: int


class Lanes:
    """Where commands wait. Any thread may put, one thread takes."""

    def __init__(self, limits: Limits, monotonic: Callable[[], int]) -> None:
        """`monotonic` gives microseconds."""
        self._limits = limits
        self._now = monotonic
        self._waiting: dict[Lane, deque[Job]] = {lane: deque() for lane in LANES}
        self._load: dict[Lane, int] = dict.fromkeys(LANES, 0)
        self._chores: deque[Chore] = deque()
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._asleep = False
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._refused: OrderedDict[str, Refusals] = OrderedDict()
        self._closed: BaseException | None = None
        self.on_arrival: Callable[[], None] | None = None
        """Called whenever something was put here, by whoever put it."""

    def admit(self, key: str, lane: Lane, weight: int = 1) -> None:
        """Would a command of `key` be let in now? Raises `Busy` if not; uses up nothing."""
        with self._lock:
            now = self._now()
            self._check(key, lane, weight, self._tokens(key, lane, now), now)

    def put(self, job: Job) -> None:
        """Queue a job. Raises `Busy`, or the error the queue was closed with."""
        command = job.command
        lane, key = command.lane, command.key
        with self._lock:
            if self._closed is not None:
                raise self._closed
            now = self._now()
            tokens = self._tokens(key, lane, now)
            self._check(key, lane, job.weight, tokens, now)
            self._buckets[key] = (tokens - job.weight, now)
            self._buckets.move_to_end(key)
            if len(self._buckets) > _KEYS:
                self._buckets.popitem(last=False)
            self._waiting[lane].append(job)
            self._load[lane] += job.weight
            self._wake()
        if self.on_arrival is not None:
            self.on_arrival()

    def put_chore(self, chore: Chore) -> None:
        """Queue work of the store itself; done between batches, one piece at a time."""
        with self._lock:
            if self._closed is not None:
                raise self._closed
            self._chores.append(chore)
            self._wake()
        if self.on_arrival is not None:
            self.on_arrival()

    def take(self, timeout: float) -> tuple[list[Job], Chore | None]:
        """Wait for work, at most `timeout` seconds: all of the people's, some of the agents'.

        Returns the jobs in the order they are to be run, and at most one chore.
        """
        with self._lock:
            waiting = self._waiting
            idle = not any(waiting.values()) and not self._chores and self._closed is None
            if idle and timeout > 0:
                self._asleep = True
                self._arrived.wait(timeout)
                self._asleep = False
            jobs = self._next(self._limits.batch)
            return jobs, self._chores.popleft() if self._chores else None

    def join(self, jobs: list[Job]) -> None:
        """What arrived since `jobs` were taken and none of them has run yet goes with them, in the
        same order of lanes, within the same bounds."""
        agents = sum(job.weight for job in jobs if job.command.lane == "agent")
        with self._lock:
            late = self._next(self._limits.batch - agents)
        if late:
            jobs += late
            jobs.sort(key=_lane)

    def _next(self, left: int) -> list[Job]:
        """All of the people's, and agents' up to a weight of `left`; the lock is held."""
        waiting = self._waiting
        jobs: list[Job] = [*waiting["stop"], *waiting["human"]]
        waiting["stop"].clear()
        waiting["human"].clear()
        self._load["stop"] = self._load["human"] = 0
        agents = waiting["agent"]
        while agents and left > 0:
            job = agents.popleft()
            left -= job.weight
            self._load["agent"] -= job.weight
            jobs.append(job)
        return jobs

    def refuse(self, error: BaseException) -> None:
        """Let nothing in any more; what waits is still handed out."""
        with self._lock:
            self._closed = error
            self._arrived.notify_all()

    def close(self, error: BaseException) -> tuple[list[Job], list[Chore]]:
        """Let nothing in any more; what was waiting comes back."""
        with self._lock:
            self._closed = error
            jobs = [job for lane in LANES for job in self._waiting[lane]]
            chores = list(self._chores)
            for lane in LANES:
                self._waiting[lane].clear()
                self._load[lane] = 0
            self._chores.clear()
            self._arrived.notify_all()
            return jobs, chores

    def refusals(self, older_than: int) -> dict[str, Refusals]:
        """Take the counts of keys first turned away before `older_than` (monotonic)."""
        with self._lock:
            due = {key: r for key, r in self._refused.items() if r.since <= older_than}
            for key in due:
                del self._refused[key]
            return due

    @property
    def waiting(self) -> int:
        """How many decisions of agents wait."""
        return self._load["agent"]

    def depth(self) -> dict[str, int]:
        """How much waits in each lane: decisions, or commands of other kinds."""
        return {lane: self._load[lane] for lane in LANES}

    def _wake(self) -> None:
        """Wake the one thread that takes, if it sleeps: asking for it costs more than the rest."""
        if self._asleep:
            self._arrived.notify()

    def _tokens(self, key: str, lane: Lane, now: int) -> float:
        rate = self._limits.per_second[lane]
        full = rate * self._limits.burst
        known = self._buckets.get(key)
        if known is None:
            return full
        return min(full, known[0] + (now - known[1]) * rate / 1e6)

    def _check(self, key: str, lane: Lane, weight: int, tokens: float, now: int) -> None:
        rate = self._limits.per_second[lane]
        # what is larger than a full bucket may go when the bucket is full, and is paid off after
        needed = min(weight, rate * self._limits.burst)
        if tokens < needed:
            self._count(key, now)
            wait = max(1, ceil((needed - tokens) / rate))
            raise Busy(
                f"key `{key}` asks for more than {rate:g} a second; ask again in {wait} s",
                wait,
                own_quota=True,
            )
        if self._load[lane] >= self._limits.room[lane]:
            self._count(key, now)
            raise Busy(
                f"{self._load[lane]} commands are waiting already; ask again in 1 s",
                1,
                own_quota=False,
            )

    def _count(self, key: str, now: int) -> None:
        count, since = self._refused.get(key, Refusals(0, now))
        self._refused[key] = Refusals(count + 1, since)
        if len(self._refused) > _KEYS:
            self._refused.popitem(last=False)


def _lane(job: Job) -> int:
    return LANES.index(job.command.lane)


def resolve(jobs: Sequence[Job]) -> None:
    """Hand out results: at once to threads, in one call for each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        if job.loop is None:
            fulfil(job.future, job.value, job.error)
        else:
            by_loop.setdefault(job.loop, []).append(job)
    for loop, waiting in by_loop.items():
        try:
            loop.call_soon_threadsafe(_fulfil_all, waiting)
        except RuntimeError:
            log.debug("an event loop ended while %d answers were on their way", len(waiting))


def _fulfil_all(jobs: list[Job]) -> None:
    for job in jobs:
        fulfil(job.future, job.value, job.error)


def fulfil(future: Any, value: Any, error: BaseException | None) -> None:
    """Give one future its result, unless it has one."""
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)
