"""How values are written on a page: times with zone, grouped figures, inert text.

Law: what is written here can be read only one way. A time names its day and zone; a figure keeps
its digits; text from outside shows each invisible or direction-changing character by its number
(Unicode TR 36), so that nothing on the page can look like something it is not.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, timedelta, tzinfo

from markupsafe import Markup, escape

THIN = "\u202f"
NBSP = "\u00a0"
_LETTERS = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_KEPT = {"\n", "\t"}
_MOST_MARKS = 4
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def inert(value: object) -> object:
    """Text as text: each character that is not seen is replaced by its number in brackets.

    Used as the template engine's `finalize`, so it meets every value that is put on a page;
    escaping follows it. Longer runs of combining marks than any language has are cut.
    """
    if value is None:
        return ""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    if value.isascii() and value.isprintable():
        return value
    out: list[str] = []
    marks = 0
    for letter in value:
        category = unicodedata.category(letter)
        if category in _LETTERS and letter not in _KEPT:
            out.append(f"[U+{ord(letter):04X}]")
            continue
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks <= _MOST_MARKS:
            out.append(letter)
    return "".join(out)


def ticks(text: str) -> Markup:
    """A sentence in which what stands in backticks is set as code; everything is escaped."""
    parts = [str(inert(part)) for part in text.split("`")]
    if len(parts) % 2 == 0:  # an odd backtick is only a backtick
        parts[-2:] = ["`".join(parts[-2:])]
    marked = (
        Markup("<code>{}</code>").format(p) if i % 2 else escape(p) for i, p in enumerate(parts)
    )
    return Markup().join(marked)


def number(value: int) -> str:
    """An integer in groups of three, with thin no-break spaces from five digits on."""
    return f"{value:,}".replace(",", THIN) if abs(value) > 9999 else str(value)


def left(until: datetime, at: datetime) -> str:
    """The time left, in the two largest units that matter; "none" when it is over."""
    seconds = int((until - at).total_seconds())
    if seconds <= 0:
        return "none"
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes = rest // 60
    if days:
        return (
            f"{days}{NBSP}{_s(days, 'day')} {hours}{NBSP}h"
            if hours
            else f"{days}{NBSP}{_s(days, 'day')}"
        )
    if hours:
        return f"{hours}{NBSP}h {minutes}{NBSP}min" if minutes else f"{hours}{NBSP}h"
    return f"{minutes}{NBSP}min" if minutes else f"{seconds}{NBSP}s"


def span(duration: timedelta) -> str:
    """A duration as people say it: "24 h", "15 min", "3 days"."""
    zero = datetime(1, 1, 1, tzinfo=UTC)
    return left(zero + duration, zero) if duration > timedelta(0) else f"0{NBSP}s"


def minutes_up(duration: timedelta) -> str:
    """A wait, rounded up, so that waiting as long as said is enough."""
    seconds = -(-duration // timedelta(seconds=1))
    if seconds < 120:
        return f"{seconds} {_s(seconds, 'second')}"
    minutes = -(-seconds // 60)
    return f"{minutes} {_s(minutes, 'minute')}"


class Clockface:
    """Writes times in one zone. `Fri 20 Nov 2026, 09:42:10 CET`; the zone is never left out."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone

    def zone_name(self, at: datetime) -> str:
        """The zone's short name at a moment; a bare offset is written as `UTC+02:00`."""
        name = at.astimezone(self.zone).tzname() or "UTC"
        return f"UTC{name}:00" if name[:1] in "+-" else name

    def time(self, at: datetime) -> Markup:
        """A `time` element with the exact moment, to the second, as its machine-readable value."""
        return self._element(at, "%H:%M:%S")

    def minute(self, at: datetime) -> Markup:
        """The same to the minute, where seconds would only be in the way."""
        return self._element(at, "%H:%M")

    def plain(self, at: datetime) -> str:
        """The same to the minute without the element, for sentences."""
        return self._said(at, "%H:%M")

    def day(self, day: date) -> str:
        """A day of this zone: `Fri 20 Nov 2026`."""
        # Not strftime's %a and %b: a page must not change with the server's locale.
        return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"

    def _element(self, at: datetime, clock: str) -> Markup:
        exact = at.astimezone(self.zone).isoformat()
        return Markup('<time datetime="{}">{}</time>').format(exact, self._said(at, clock))

    def _said(self, at: datetime, clock: str) -> str:
        local = at.astimezone(self.zone)
        return f"{self.day(local)}, {local.strftime(clock)}{NBSP}{self.zone_name(at)}"


def _s(count: int, word: str) -> str:
    return word if count == 1 else word + "s"
