"""What the pages of retention show.

Law: as `views`: plain values, said in words; a page decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from governance.web.console.views import May


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One retention class: what is in it, and for how long it is kept; `days` empty: for ever."""

    name: str
    holds: str
    days: str


@dataclass(frozen=True, slots=True)
class HoldView:
    """One legal hold in force. `asked` says who asked to lift it, or nothing."""

    index: int
    keeps: str
    reason: str
    placed_by: str
    at: datetime
    asked: str
    may_lift: May


@dataclass(frozen=True, slots=True)
class WaitingRules:
    """Rules that wait for a second person."""

    index: int
    classes: tuple[ClassRow, ...]
    says: str
    proposed_by: str
    may_confirm: May


@dataclass(frozen=True, slots=True)
class RetentionView:
    """How long entries are kept, what is held, and where the log begins.

    `says`: sentences about floor, duty, schedule; `cut`: about the last cut and until when copies may
    exist; `asked`: about a cut that waits for a second person.
    """

    classes: tuple[ClassRow, ...]
    says: tuple[str, ...]
    duty_law: str
    duty_days: str
    schedule: bool
    waiting: WaitingRules | None
    holds: tuple[HoldView, ...]
    cut: tuple[str, ...]
    asked: str
    may: May


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What a hold keeps of what was due."""

    index: int
    first: int
    keeps: int


@dataclass(frozen=True, slots=True)
class CutView:
    """What a cut would take. `second`: this person's yes cuts, because another one asked for
    `minimum`. `minimum` 0: nothing may go."""

    minimum: int
    says: tuple[str, ...]
    counts: tuple[tuple[str, int], ...]
    holds: tuple[HeldBack, ...]
    second: bool
    may: May
