"""Work for a processor, done beside the service instead of inside it.

Law: one busy thread would starve everybody who waits for an answer, so compiling, replaying and
exporting run in a process of their own, at low priority.  What it raises is raised here.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

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
            raise Problem(
                "not-ready",
                "the process that did the work was ended by the system, most likely for want of "
                "memory; try again with less",
                retry_after=60,
            ) from None


def _yield() -> None:
    os.nice(10)
