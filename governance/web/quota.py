"""How often one key may call the routes outside the log's own queue.

Law: a key that asks too much is told to wait and costs nobody else anything. The ledger guards what
is written; this guards what is read and what threads are taken. A token bucket for each key, and no
more buckets than keys that were active lately.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from governance.service.desk import Caller
from governance.service.problem import Problem

MOST = 20_000


class Quotas:
    """Token buckets: `rate` calls a second, `burst` at once, for each key."""

    def __init__(self, rate: int, burst: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._now = now
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: Caller) -> None:
        """Count one call. Raises Problem (429) with the seconds to wait."""
        at = self._now()
        place = f"{caller.key}/{caller.id}"
        with self._lock:
            left, seen = self._buckets.get(place, (float(self._burst), at))
            left = min(float(self._burst), left + (at - seen) * self._rate)
            taken = left >= 1.0
            self._buckets[place] = (left - 1.0 if taken else left, at)
            self._buckets.move_to_end(place)
            if len(self._buckets) > MOST:
                self._buckets.popitem(last=False)
        if not taken:
            wait = max(1, math.ceil((1.0 - left) / self._rate))
            raise Problem(
                "too-many",
                f"this key may call {self._rate} times a second; wait {wait} s",
                retry_after=wait,
            )
