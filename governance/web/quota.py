"""How often one key may call, beside the quota of the log's own queue.

Law: a key that asks too much is told to wait and costs nobody else anything. The ledger guards each
second of what is written; this guards what is read, what threads are taken, and how many decisions
one key may put on the disk in an hour. A token bucket for each key, and no more buckets than keys
that were active lately.
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
    """Token buckets for each key: `rate` calls in `per` seconds, `burst` at once."""

    def __init__(
        self,
        rate: int,
        burst: int,
        *,
        per: int = 1,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._per = per
        self._burst = float(burst)
        self._now = now
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: Caller, weight: int = 1) -> None:
        """Count `weight` calls. Raises Problem (429) with the seconds to wait."""
        at = self._now()
        place = f"{caller.key}/{caller.id}"
        speed = self._rate / self._per
        needed = min(float(weight), self._burst)
        with self._lock:
            left, seen = self._buckets.get(place, (self._burst, at))
            left = min(self._burst, left + (at - seen) * speed)
            taken = left >= needed
            self._buckets[place] = (left - weight if taken else left, at)
            self._buckets.move_to_end(place)
            if len(self._buckets) > MOST:
                self._buckets.popitem(last=False)
        if not taken:
            wait = max(1, math.ceil((needed - left) / speed))
            every = "a second" if self._per == 1 else f"in {self._per} seconds"
            raise Problem(
                "too-many",
                f"this key may ask {self._rate} times {every}; wait {wait} s",
                retry_after=wait,
            )
