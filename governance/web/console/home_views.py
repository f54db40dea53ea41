"""What the page of now shows: open answers, alarms, stops, and how often a person was asked.

Law: as `views`: plain values, said in words; a figure names the entries that it was counted from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from governance.web.console.views import ApprovalRow, HeadView, ProposalRow, StopView


@dataclass(frozen=True, slots=True)
class AlarmItem:
    """One of the things that an alarm is about; `link` is the page of its entries, or empty."""

    name: str
    note: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that somebody should look at: the first `items`, and how many `more` there are."""

    heading: str
    text: str
    items: tuple[AlarmItem, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """The decisions of one day by what was answered; `recorded` is False before the log begins.

    `x` (per cent of the chart) and `height` (pixels) place its bar.
    """

    day: date
    said: str
    allowed: int
    asked: int
    refused: int
    recorded: bool
    x: float
    height: int


@dataclass(frozen=True, slots=True)
class Trend:
    """The last days, oldest first; the last of them is today.

    `first` and `last` are the entries of the first and the last decision that is counted, None
    when there is none; `begins` is when the log does; `lag` says what is not counted yet, or nothing.
    """

    days: tuple[Day, ...]
    first: int | None
    last: int | None
    begins: datetime | None
    lag: str = ""

    @property
    def asked(self) -> int:
        """How often a person was asked in all these days."""
        return sum(day.asked for day in self.days)

    @property
    def most(self) -> Day:
        """The day on which a person was asked most often."""
        return max(self.days, key=lambda day: day.asked)


@dataclass(frozen=True, slots=True)
class HomeView:
    """What needs the reader now."""

    mine: tuple[ApprovalRow, ...]
    others: tuple[ApprovalRow, ...]
    stops: tuple[StopView, ...]
    alarms: tuple[Alarm, ...]
    head: HeadView
    trend: Trend
    to_sign: tuple[ProposalRow, ...] = ()
