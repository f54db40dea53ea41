"""Work that a surface asked for: one piece at a time, beside the service; results for a while.

Law: what takes minutes is never waited for by a request. Whoever asks gets a number, and asks with it
how far it is; a process remembers its own work only, and a restart forgets it: nothing that governs
rests on it (what a proposal rests on is attached to the proposal).
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from governance.service.problem import Problem

KEPT: Final = 8
"""Results that are remembered; older ones are forgotten."""
SECONDS: Final = 900.0
"""Work that can end early ends after so long, with what it has."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Running:
    """One piece of work; `done` of `total` entries were read."""

    id: str
    done: int = 0
    total: int = 0
    result: Mapping[str, Any] | None = None
    problem: Problem | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    def json(self) -> dict[str, Any]:
        """`{id, state: running | done | failed, done, total, result?, problem?}`."""
        out: dict[str, Any] = {"id": self.id, "done": self.done, "total": self.total}
        if not self.ended.is_set():
            return out | {"state": "running"}
        if self.problem is not None:
            told = {"type": self.problem.type, "detail": self.problem.detail}
            return out | {"state": "failed", "problem": told}
        return out | {"state": "done", "result": self.result}


Work = Callable[[Callable[[int, int], None]], dict[str, Any]]
"""What is run: it calls its argument with (done, total) now and then."""


class Background:
    """What one process runs beside the service, one piece of work at a time; `what` names it."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = threading.Lock()
        self._known: dict[str, Running] = {}

    def start(self, work: Work) -> Running:
        """Begin; raises `Problem` while another one runs."""
        with self._lock:
            if any(not each.ended.is_set() for each in self._known.values()):
                raise Problem(
                    "too-many",
                    f"a {self._what} is running; wait until it has ended",
                    retry_after=10,
                )
            made = Running(secrets.token_hex(8))
            self._known[made.id] = made
            while len(self._known) > KEPT:
                del self._known[next(iter(self._known))]
        thread = threading.Thread(target=self._run, args=(made, work), name=self._what, daemon=True)
        thread.start()
        return made

    def get(self, name: str) -> Running:
        """One that was begun here; raises `Problem` if it is not known (any more)."""
        with self._lock:
            found = self._known.get(name)
        if found is None:
            raise Problem(
                "unknown",
                f"there is no {self._what} `{name}`: it was not begun by this process, which "
                f"remembers the last {KEPT} of its own; begin it again",
            )
        return found

    def newest(self) -> Running | None:
        """The one that was begun last, if any is remembered."""
        with self._lock:
            return next(reversed(self._known.values()), None)

    def _run(self, made: Running, work: Work) -> None:
        def tell(done: int, total: int) -> None:
            made.done, made.total = done, total

        try:
            made.result = work(tell)
            made.done = made.total
        except Problem as problem:
            made.problem = problem
        except Exception:
            log.exception("a %s failed", self._what)
            made.problem = Problem(
                "not-ready", f"the {self._what} failed; the service's log says why"
            )
        finally:
            made.ended.set()
