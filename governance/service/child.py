"""Work for a processor, done beside the service instead of inside it.

Law: one busy thread would starve everybody who waits for an answer, so compiling, replaying and
exporting run in a process of their own, at low priority.  What it raises is raised here; it ends
when nobody waits for it any more, however the one who waited ended.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, Final, TypeVar

from governance.service.problem import Problem

T = TypeVar("T")
_HEARD: Final = 0.2
_NEXT: Final = 5
"""How much those who wait for an answer go before what is urgent (nice)."""


def run(work: Callable[..., T], *arguments: Any) -> T:
    """`work(*arguments)` in a fresh process; both must be picklable, `work` importable.

    Raises what `work` raises, or a `Problem` if the process died.
    """
    result: T = watched(None, _silent, work, arguments)
    return result


def _silent(_told: Callable[[int, int], None], work: Callable[..., T], given: tuple[Any, ...]) -> T:
    return work(*given)


def watched(tell: Callable[[int, int], None] | None, work: Callable[..., T], *arguments: Any) -> T:
    """As `run`, for work that says how far it is: `work(told, *arguments)` may call `told(done,
    total)`, and `tell(done, total)` is called here with it, at most five times a second."""
    with beside(_telling, work, *arguments) as here:
        while True:
            kind, value = _next(here)
            if kind == "result":
                result: T = value
                return result
            if tell is not None:
                tell(*value)


def _telling(say: Callable[[str, Any], None], work: Callable[..., T], *arguments: Any) -> None:
    """In the child: `work` with a way to be heard, now and then."""
    last = 0.0

    def told(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _HEARD:
            last = now
            say("told", (done, total))

    say("result", work(told, *arguments))


def followed(
    work: Callable[..., None],
    *arguments: Any,
    told: Callable[[Any], None],
    seconds: Callable[[], float],
    urgent: bool = False,
) -> bool:
    """`work(tell, *arguments)` in a fresh process; each value passed to `tell` arrives at `told`.

    `seconds` is asked again and again how long it may take in all; beyond that the process is ended,
    and what it told counts.  What is `urgent` need not wait until nobody else wants the processor.
    Whether it came to its end.  Raises what `work` raises, or a `Problem`
    if the process died.
    """
    began = time.monotonic()
    with beside(_step_by_step, work, *arguments, urgent=urgent) as here:
        while time.monotonic() - began <= seconds():
            if here.poll(_HEARD):
                kind, value = _next(here)
                if kind == "result":
                    return True
                told(value)
    return False


def _step_by_step(
    say: Callable[[str, Any], None], work: Callable[..., None], *arguments: Any
) -> None:
    work(lambda value: say("told", value), *arguments)
    say("result", None)


@contextmanager
def beside(*job: Any, urgent: bool = False) -> Iterator[Connection]:
    """A fresh process that does `job` (a function and its arguments), and where it is heard; it ends
    with the block. What the job takes is handed over once the process runs, by a pipe whose other end
    only the process holds: one that died at its start leaves nobody writing for ever."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, urgent))
    process.start()
    there.close()
    try:
        try:
            here.send(job)
        except ConnectionError:
            raise _died() from None
        yield here
    finally:
        here.close()
        process.join(_HEARD)
        if process.is_alive():
            process.kill()
        process.join()


def _next(here: Connection) -> tuple[str, Any]:
    try:
        kind, value = here.recv()
    except (EOFError, ConnectionError):
        raise _died() from None
    if kind == "raised":
        raise value
    return kind, value


class _Unheard(Exception):
    """Nobody waits for this process any more."""


def _serve(there: Connection, urgent: bool) -> None:
    """In the child: take the job, and say all that comes of it."""
    _yield(urgent)

    def say(kind: str, value: Any) -> None:
        try:
            there.send((kind, value))
        except ConnectionError:
            raise _Unheard from None

    with suppress(EOFError, _Unheard):
        do, *arguments = there.recv()
        threading.Thread(target=_end_with, args=(there,), daemon=True).start()
        try:
            do(say, *arguments)
        except _Unheard:
            raise
        except Exception as error:
            say("raised", _portable(error))


def _portable(error: Exception) -> Exception:
    """What was raised, if it can be handed over; else what it says."""
    try:
        ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:
        traceback.print_exception(error)
        return Problem("not-ready", f"the process that did the work failed: {error}")
    return error


def _end_with(there: Connection) -> None:
    """End with who waits: work that never ends would outlive a service that was killed."""
    with suppress(OSError):
        there.poll(None)  # nothing more is sent here: what comes is the end
    os._exit(1)


def _yield(urgent: bool) -> None:
    """Everybody who waits for an answer goes first: with the processor, and when memory runs out."""
    if urgent:
        os.nice(_NEXT)
    else:
        _last_in_line()
    # What is made here mostly stays until the end: looking for garbage in it, again and again, took
    # half of the time.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    # When memory runs out this process goes first, not the service that started it.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _last_in_line() -> None:
    """Only time that nobody else here wants; where the platform has no such class, the least share."""
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _died() -> Problem:
    return Problem(
        "not-ready",
        "the process that did the work was ended by the system, most likely for want of "
        "memory; try again with less",
        retry_after=60,
    )
