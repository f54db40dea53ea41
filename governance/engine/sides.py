"""Which of two files speaks, while one replaces the other for a share.

Law: the share is decided by the digest of an id, the stop by what the log has counted, so that a
replay takes the same side. Where either cannot be told both files speak, and the stricter wins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from governance.engine.keys import EPOCH, MICROSECOND
from governance.engine.model import Charge, Effect, FactQuery
from governance.engine.rules import Gradual

if TYPE_CHECKING:
    from governance.engine.keys import Context
    from governance.engine.vocabulary import Fields

NEW: Final = "new"
OLD: Final = "old"
BOTH: Final = "both"
STOPPED: Final = "stopped"
_DECIDED, _DENIED, _HELD = "decided", "denied", "held_back"
_ONE: Final = Decimal(1)
_FIELD: Final = {"agents": "agent.id", "sessions": "session.id"}


@dataclass(frozen=True, slots=True, eq=False)
class Rollout:
    """One file in gradual mode, with its period (from, before)."""

    policy: str
    gradual: Gradual
    when: tuple[datetime, datetime]

    @property
    def pair(self) -> frozenset[str]:
        """The two policies of which one speaks."""
        return frozenset((self.policy, self.gradual.replaces))

    def silent(self, side: str) -> str | None:
        """The policy that does not speak on a side."""
        if side == BOTH:
            return None
        return self.gradual.replaces if side == NEW else self.policy

    def excludes(self, fields: Fields) -> bool:
        """Whether these fields alone say that the request is not in the share."""
        name = fields.get(_FIELD[self.gradual.of])
        if self.gradual.forced or not isinstance(name, str):
            return False
        return not in_share(f"{self.policy}\0{self.gradual.replaces}", name, self.gradual.share)

    def _asks(self, key: str, context: Context, window: bool) -> FactQuery:
        since = (self.when[0] - EPOCH) // MICROSECOND
        if window:
            since = max(since, context.now - self.gradual.in_last // MICROSECOND)
        return FactQuery(self.gradual.series, key, since)

    def queries(self, fields: Fields, context: Context) -> Iterator[FactQuery]:
        """What must be known to decide the side, and whether this decision stops the share."""
        if self._standing(fields, context) != NEW or self.gradual.forced:
            return
        yield self._asks(STOPPED, context, False)
        yield self._asks(_DECIDED, context, True)
        if self.gradual.denied is not None:
            yield self._asks(_DENIED, context, True)
        if self.gradual.held_back is not None:
            yield self._asks(_HELD, context, True)

    def _standing(self, fields: Fields, context: Context) -> str:
        """The side before anything is counted."""
        if self.gradual.forced:
            return self.gradual.forced
        if not self.when[0] <= context.at < self.when[1]:
            return OLD
        name = fields.get(_FIELD[self.gradual.of])
        if not isinstance(name, str):
            return BOTH
        salt = f"{self.policy}\0{self.gradual.replaces}"
        return NEW if in_share(salt, name, self.gradual.share) else OLD

    def side(self, fields: Fields, context: Context) -> str:
        """The side that this request is on: `new`, `old`, `both` or `stopped`."""
        standing = self._standing(fields, context)
        if standing != NEW or self.gradual.forced:
            return standing
        stopped = context.facts.get(self._asks(STOPPED, context, False))
        if stopped is None or stopped.mixed:
            return BOTH
        return STOPPED if stopped.count else NEW

    def charges(self, effect: Effect, context: Context) -> Iterator[Charge]:
        """What a decision on the new side is counted as, and the stop that it brings about."""
        if self.gradual.forced:
            return
        series = self.gradual.series
        own = {_DECIDED: 1, _DENIED: int(effect is Effect.DENY), _HELD: int(effect > Effect.ALLOW)}
        for key, counted in own.items():
            if counted:
                yield Charge(series, key, _ONE, "")
        if self._stops(own, context):
            yield Charge(series, STOPPED, _ONE, "")

    def _stops(self, own: dict[str, int], context: Context) -> bool:
        """True once a share of the decisions is passed, and where that cannot be told."""
        totals: dict[str, int] = {}
        wanted = {_DENIED: self.gradual.denied, _HELD: self.gradual.held_back}
        for key in (_DECIDED, *(key for key, most in wanted.items() if most is not None)):
            total = context.facts.get(self._asks(key, context, True))
            if total is None or total.mixed:
                return True
            totals[key] = total.count + own[key]
        if totals[_DECIDED] < self.gradual.out_of:
            return False
        return any(
            most is not None and totals[key] * 100 >= most * totals[_DECIDED]
            for key, most in wanted.items()
        )


@lru_cache(maxsize=65_536)
def in_share(salt: str, name: str, share: Decimal) -> bool:
    """Whether an id falls into a share (per cent), by the first 64 bits of a SHA-256."""
    digest = hashlib.sha256(f"{salt}\0{name}".encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:8]) * 100 < share * 2**64
