"""Work for a processor, done beside the service instead of inside it.

Law: one busy thread would starve everybody who waits for an answer, so compiling, replaying and
exporting run in a process of their own, at low priority.  What it raises is raised here.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, TypeVar

from governance.service.problem import Problem

T = TypeVar("T")


def run(work: Callable[..., T], *arguments: Any) -> T:
    """`work(*arguments)` in a fresh process; both must be picklable, `work` importable.

    Raises what `work` raises, or a `Problem` if the process died.
    """
    with ProcessPoolExecutor(
        max_workers=1, mp_context=multiprocessing.get_context("spawn"), initializer=_yield
    ) as pool:
        try:
            return pool.submit(work, *arguments).result()
        except BrokenProcessPool:
            raise _died() from None


def watched(tell: Callable[[int, int], None] | None, work: Callable[..., T], *arguments: Any) -> T:
    """As `run`, for work that says how far it is: `work(told, *arguments)` may call `told(done,
    total)`, and `tell(done, total)` is called here with the newest of it, at most five times a
    second."""
    heard, says = multiprocessing.get_context("spawn").Pipe(duplex=False)
    with (
        heard,
        says,
        ProcessPoolExecutor(
            max_workers=1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_yield_and_tell,
            initargs=(says,),
        ) as pool,
    ):
        done = pool.submit(_telling, work, *arguments)
        while not wait((done,), timeout=_HEARD).done:
            newest = None
            while heard.poll():
                newest = heard.recv()
            if newest is not None and tell is not None:
                tell(*newest)
        try:
            return done.result()
        except BrokenProcessPool:
            raise _died() from None


def _telling(work: Callable[..., T], *arguments: Any) -> T:
    """In the child: `work` with a way to be heard, which never makes it wait."""
    last = 0.0

    def told(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if _says is not None and now - last >= _HEARD:
            last = now
            _says.send((done, total))

    return work(told, *arguments)


def followed(
    work: Callable[..., None],
    *arguments: Any,
    told: Callable[[Any], None],
    seconds: Callable[[], float],
) -> bool:
    """`work(tell, *arguments)` in a fresh process; each value passed to `tell` arrives at `told`.

    `seconds` is asked again and again how long it may take in all; beyond that the process is ended,
    and what it told counts.  Whether it came to its end.  Raises what `work` raises, or a `Problem`
    if the process died.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_step_by_step, args=(there, work, arguments))
    began = time.monotonic()
    process.start()
    there.close()
    try:
        while time.monotonic() - began <= seconds():
            if not here.poll(_HEARD):
                continue
            try:
                kind, value = here.recv()
            except EOFError:
                raise _died() from None
            if kind == "told":
                told(value)
            elif kind == "raised":
                raise value
            else:
                return True
        return False
    finally:
        here.close()
        process.join(_HEARD)
        if process.is_alive():
            process.kill()
        process.join()


def _step_by_step(there: Connection, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """In the child: do the work, and send all that it tells."""
    _yield()
    try:
        work(lambda value: there.send(("told", value)), *arguments)
    except BrokenPipeError:
        return  # nobody waits any more
    except Exception as error:
        there.send(("raised", error))
        return
    there.send(("done", None))


_HEARD: Final = 0.2
_says: Connection | None = None


def _yield_and_tell(says: Connection) -> None:
    global _says
    _yield()
    _says = says


def _yield() -> None:
    os.nice(10)
    # When memory runs out this process goes first, not the service that started it.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _died() -> Problem:
    return Problem(
        "not-ready",
        "the process that did the work was ended by the system, most likely for want of "
        "memory; try again with less",
        retry_after=60,
    )
