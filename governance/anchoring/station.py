"""The configured anchors of one process, and what is remembered of each between visits.

Law: memory, not record. What counts is in the log (which anchors there are, conflicts, being
unanchored) and beside it (evidence); everything here can be learnt again by visiting. One visit to
an anchor at a time; a visit that hangs holds up nobody but itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Final

from audit.trust import TrustPolicy
from governance.anchoring.anchor import Anchor
from governance.anchoring.settings import AnchorSettings

RETRY: Final = 60.0
"""Seconds until an anchor that failed is visited again, or its own interval if that is shorter."""


@dataclass
class Station:
    """One anchor. `size`, `at`: the largest head it confirmed to us, and when; `error`: why the last
    visit failed, or nothing; `tried_at`: when that was. `since`: from when on it is expected to keep up.
    """

    settings: AnchorSettings
    anchor: Anchor
    size: int | None = None
    at: datetime | None = None
    error: str = ""
    tried_at: datetime | None = None
    since: datetime | None = None
    next_visit: float = 0.0
    _busy: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        """Its name in the configuration and in the log."""
        return self.settings.name

    @property
    def is_due(self) -> bool:
        """Whether it is time to visit it again."""
        return monotonic() >= self.next_visit

    @property
    def busy(self) -> bool:
        """Whether a visit is going on."""
        return self._busy.locked()

    def confirmed(self, size: int, at: datetime) -> None:
        """The head of `size` entries is held there."""
        self.size, self.at, self.error = max(size, self.size or 0), at, ""
        self.next_visit = monotonic() + self.settings.every

    def failed(self, why: str) -> None:
        """The visit failed."""
        self.error = why
        self.next_visit = monotonic() + min(RETRY, self.settings.every)

    def visit(self, work: Callable[[Station], None]) -> threading.Thread | None:
        """Run `work` on a thread of its own; None if a visit is going on."""
        if not self._busy.acquire(blocking=False):
            return None

        def run() -> None:
            try:
                work(self)
            finally:
                self._busy.release()

        # a daemon: an anchor that hangs must not keep the service from ending
        thread = threading.Thread(target=run, name=f"anchor {self.name}", daemon=True)
        thread.start()
        return thread


@dataclass(frozen=True, slots=True)
class Anchors:
    """All anchors of this process. `alarm` in seconds; `policy` a trust policy, if there is one."""

    stations: tuple[Station, ...] = ()
    alarm: float = 900.0
    policy: TrustPolicy | None = None

    def named(self, name: str) -> Station | None:
        """The anchor of that name."""
        return next((each for each in self.stations if each.name == name), None)

    def visit(
        self, stations: Sequence[Station], work: Callable[[Station], None], wait: float
    ) -> list[Station]:
        """Visit these side by side, for at most `wait` seconds; those that are still under way."""
        begun = [(each, each.visit(work)) for each in stations]
        until = monotonic() + wait
        for _, thread in begun:
            if thread is not None:
                thread.join(max(0.0, until - monotonic()))
        return [each for each, thread in begun if thread is None or thread.is_alive()]


NONE: Final = Anchors()
