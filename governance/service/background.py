"""Backtests that a surface asked for: one at a time, beside the service; their results for a while.

Law: what takes minutes is never waited for by a request. Whoever asks gets a number, and asks with it
how far it is; a process remembers its own backtests only, and a restart forgets them: nothing that
governs rests on one (what a proposal rests on is attached to the proposal).
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from governance.service import backtesting
from governance.service.desk import Desk
from governance.service.problem import Problem

KEPT: Final = 8
"""Results that are remembered; older ones are forgotten."""
SECONDS: Final = 900.0
"""A backtest ends after so long with what it has."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Running:
    """One backtest; `done` of `total` entries were read."""

    id: str
    done: int = 0
    total: int = 0
    result: Mapping[str, Any] | None = None
    problem: Problem | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    def json(self) -> dict[str, Any]:
        """`{backtest, state: running | done | failed, done, total, result?, problem?}`."""
        out: dict[str, Any] = {"backtest": self.id, "done": self.done, "total": self.total}
        if not self.ended.is_set():
            return out | {"state": "running"}
        if self.problem is not None:
            told = {"type": self.problem.type, "detail": self.problem.detail}
            return out | {"state": "failed", "problem": told}
        return out | {"state": "done", "result": self.result}


class Backtests:
    """The backtests of one process."""

    def __init__(self, work: Callable[..., dict[str, Any]] = backtesting.backtest) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._known: dict[str, Running] = {}

    def start(
        self,
        desk: Desk,
        files: Mapping[str, bytes],
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Running:
        """Begin one; raises `Problem` while another one runs."""
        with self._lock:
            if any(not each.ended.is_set() for each in self._known.values()):
                raise Problem(
                    "too-many", "a backtest is running; wait until it has ended", retry_after=10
                )
            made = Running(secrets.token_hex(8))
            self._known[made.id] = made
            while len(self._known) > KEPT:
                del self._known[next(iter(self._known))]
        thread = threading.Thread(
            target=self._run,
            args=(made, desk, dict(files), start, end),
            name="backtest",
            daemon=True,
        )
        thread.start()
        return made

    def get(self, name: str) -> Running:
        """One that was begun here; raises `Problem` if it is not known (any more)."""
        with self._lock:
            found = self._known.get(name)
        if found is None:
            raise Problem(
                "unknown",
                f"there is no backtest `{name}`: it was not begun by this process, which remembers "
                f"the last {KEPT} of its own; begin it again",
            )
        return found

    def _run(
        self,
        made: Running,
        desk: Desk,
        files: dict[str, bytes],
        start: datetime | None,
        end: datetime | None,
    ) -> None:
        def tell(done: int, total: int) -> None:
            made.done, made.total = done, total

        try:
            made.result = self._work(desk, files, start=start, end=end, seconds=SECONDS, tell=tell)
            made.done = made.total = made.result["entries"]
        except Problem as problem:
            made.problem = problem
        except Exception:
            log.exception("a backtest failed")
            made.problem = Problem("not-ready", "the backtest failed; the service's log says why")
        finally:
            made.ended.set()
