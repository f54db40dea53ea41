"""Idempotency-Key on the `/v1` writes: the same call sent twice is done once.

Law: the same key, route and body by the same caller give the first answer again; another body
under the same key is refused (draft-ietf-httpapi-idempotency-key-header-07 §2.6), and so is a second
call while the first is still running. Answers are kept in memory for a day and never on disk,
because some hold a secret that is shown once; the decision routes keep their own record in the log,
where a stop takes effect on it.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from governance.service.problem import Problem

KEEP_SECONDS = 24 * 3600
MOST = 5_000


@dataclass(slots=True)
class Earlier:
    """What is known of a call; `answer` is (body, status) once it was answered."""

    digest: bytes
    since: float
    answer: tuple[bytes, int] | None = None


class Repeats:
    """Answers by (key, operation, Idempotency-Key)."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic, most: int = MOST) -> None:
        self._now = now
        self._most = most
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str, str], Earlier] = OrderedDict()

    @contextlib.contextmanager
    def once(
        self, caller: str, operation: str, key: str, body: bytes, given: Mapping[str, Any]
    ) -> Iterator[Earlier]:
        """Yields what is known; the caller fills `answer` in if it is None.

        A call that fails is forgotten, so that it may be sent again. Raises Problem (422, 409 for
        access requests as their profile says; 409 while the first call runs).
        """
        place = (caller, operation, key)
        digest = hashlib.sha256(repr(sorted(given.items())).encode() + b"\0" + body).digest()
        earlier, mine = self._enter(place, digest, operation)
        try:
            yield earlier
        finally:
            if mine and earlier.answer is None:
                with self._lock:
                    self._known.pop(place, None)

    def _enter(
        self, place: tuple[str, str, str], digest: bytes, operation: str
    ) -> tuple[Earlier, bool]:
        with self._lock:
            self._forget()
            earlier = self._known.get(place)
            if earlier is None:
                earlier = self._known[place] = Earlier(digest, self._now())
                return earlier, True
        if earlier.digest != digest:
            raise _another_body(operation)
        if earlier.answer is None:
            raise Problem(
                "conflict",
                "the first call with this `Idempotency-Key` is still running; wait for its answer",
                retry_after=1,
            )
        return earlier, False

    def _forget(self) -> None:
        oldest = self._now() - KEEP_SECONDS
        while self._known:
            place = next(iter(self._known))
            if self._known[place].since > oldest and len(self._known) < self._most:
                return
            del self._known[place]


def _another_body(operation: str) -> Problem:
    detail = (
        "this `Idempotency-Key` was used for another body; use a new key for a new request, or"
        " send the same body again"
    )
    if operation == "requestAccess":
        return Problem(
            "urn:openid:authzen:access-request:error:duplicate_request",
            detail,
            status=409,
            title="the idempotency key was used for another request",
        )
    return Problem("key-reused", detail, field="Idempotency-Key")
