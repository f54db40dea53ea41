"""What the operator watches: Prometheus metrics, without a word about any person or agent.

Law: labels come from closed lists (effect, route, status class), never from a request, so that
nobody can fill the memory with series or read one from them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
EFFECTS = ("allow", "require_approval", "deny", "error")
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.5, 1.0, 5.0)


class Meters:
    """The counters of one process. Gauges are read when they are scraped."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        decisions = Counter(
            "governance_decisions",
            "Decisions answered, by effect; `error` is an answer that is no decision",
            ["effect"],
            registry=self.registry,
        )
        self._effects = {effect: decisions.labels(effect) for effect in EFFECTS}
        self.duration = Histogram(
            "governance_decision_duration_seconds",
            "From the request's last byte to the answer, the commit included",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._requests = Counter(
            "governance_requests",
            "Requests outside the decision routes, by operation and class of status",
            ["operation", "status"],
            registry=self.registry,
        )
        self._webhooks = Counter(
            "governance_webhook_deliveries",
            "Notices to approvers, by result",
            ["result"],
            registry=self.registry,
        )
        self._lock = threading.Lock()

    def decided(self, effect: str, count: int = 1) -> None:
        """Count decisions of one effect."""
        self._effects[effect if effect in self._effects else "error"].inc(count)

    def requested(self, operation: str, status: int) -> None:
        """Count a request outside the decision routes."""
        self._requests.labels(operation, f"{status // 100}xx").inc()

    def delivered(self, result: str) -> None:
        """Count a notice to approvers: `sent`, `failed` or `gave_up`."""
        self._webhooks.labels(result).inc()

    def watch(self, name: str, about: str, read: Callable[[], float]) -> None:
        """A gauge that is read at each scrape; a reading that fails is shown as not a number."""

        def reading() -> float:
            try:
                return float(read())
            except Exception:
                return float("nan")

        with self._lock:
            Gauge(name, about, registry=self.registry).set_function(reading)

    def page(self) -> bytes:
        """The exposition text."""
        return generate_latest(self.registry)
