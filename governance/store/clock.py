"""The time of the log.

The law: `at` never goes back. It is max(previous `at`, anchor + time elapsed on the monotonic
clock), so that setting the wall clock moves nothing. The wall clock is only compared: a difference
of more than two seconds makes the service not ready, a jump of more than a minute pauses answers
until people confirm which clock is right. Only then, and at the start of a process, is the anchor
taken from the wall clock. A process that starts behind the log waits until its clock has passed it.

All values are microseconds since the epoch, UTC.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

DRIFT = 2_000_000
"""Beyond this difference between wall clock and log time the service is not ready."""

JUMP = 60_000_000
"""Beyond this difference answers stop until confirmed."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """Where time comes from."""

    def wall(self) -> int:
        """Microseconds since the epoch, as the machine believes."""
        ...

    def monotonic(self) -> int:
        """Microseconds since some fixed moment; never steps."""
        ...


class SystemClock:
    """The machine's clocks. The monotonic one goes on while the machine is suspended."""

    def wall(self) -> int:
        """Microseconds since the epoch."""
        return time.time_ns() // 1000

    def monotonic(self) -> int:
        """Microseconds since some fixed moment."""
        return time.clock_gettime_ns(_STEADY) // 1000


def to_datetime(microseconds: int) -> datetime:
    """The aware UTC time of a number of microseconds since the epoch."""
    return EPOCH + timedelta(microseconds=microseconds)


def to_microseconds(at: datetime) -> int:
    """Microseconds since the epoch of an aware time, exactly."""
    return (at - EPOCH) // _MICROSECOND


class LogClock:
    """Stamps `at`, and watches the wall clock. Used by one thread, read by any."""

    def __init__(self, clock: Clock, previous: int, *, jumped: bool = False) -> None:
        """`previous` is the newest `at` in the log, `jumped` an unconfirmed jump found in it.

        A wall clock that is `behind` the log by more than a minute is waited for: once it has passed
        the newest entry, this is a start like any other.
        """
        self._clock = clock
        self._previous = previous
        self._anchor = clock.wall() - clock.monotonic()
        self.drift = self._difference()
        self.behind = not jumped and self.drift < -JUMP
        self.jumped = jumped or self.behind

    @property
    def ready(self) -> bool:
        """False while the wall clock and the log's time differ by more than two seconds."""
        return not self.jumped and abs(self.drift) <= DRIFT

    def stamp(self) -> int:
        """The next `at`; equal to the one before when no time has passed."""
        now = self._anchor + self._clock.monotonic()
        if now > self._previous:
            self._previous = now
        return self._previous

    def follow(self, at: int) -> None:
        """Somebody else recorded an entry at `at`: nothing is stamped before it."""
        self._previous = max(self._previous, at)

    @property
    def log_time(self) -> datetime:
        """The log's time, as it was when the clocks were last compared."""
        return to_datetime(self._clock.wall() - self.drift)

    def watch(self) -> int | None:
        """Compare with the wall clock; seconds of a jump that is seen for the first time."""
        self.drift = self._difference()
        if self.behind:
            if self.drift >= -DRIFT:
                self.confirm()
            return None
        if abs(self.drift) > JUMP and not self.jumped:
            self.pause()
            return self.drift // 1_000_000
        return None

    def pause(self) -> None:
        """The log tells of a jump, which people have to confirm."""
        self.jumped, self.behind = True, False

    def confirm(self) -> None:
        """The wall clock is right, people say: start from it again (never before the last `at`)."""
        self._anchor = self._clock.wall() - self._clock.monotonic()
        self.drift = self._difference()
        self.jumped = self.behind = False

    def _difference(self) -> int:
        """Wall clock minus log time; negative while the log is ahead."""
        log = max(self._previous, self._anchor + self._clock.monotonic())
        return self._clock.wall() - log
