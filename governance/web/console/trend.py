"""How many decisions there were on each of the last days, and where they are in the log.

Law: a day is a day of the workspace's zone; a day before the log begins is not a day without
decisions, and what the lists have not followed yet is said to be missing.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Final

from governance.oversight.times import micros
from governance.web.console.home_views import Day, Trend
from governance.web.console.present import Clockface
from governance.web.console.telling import PATIENCE

if TYPE_CHECKING:
    from governance.service.desk import Desk
    from governance.store.readmodel import Counted, Views

DAYS: Final = 14
TALLEST: Final = 108
"""Pixels of the highest bar."""
LEAST: Final = 2
"""Pixels of a bar for one decision among thousands: it must be seen."""
ONE_DAY: Final = timedelta(days=1)


def trend(desk: Desk, clock: Clockface, at: datetime) -> Trend:
    """The last days up to `at`."""
    views, reader = desk.workspace.views, desk.reader
    complete = views.wait_for(desk.state.size, PATIENCE)
    begins = reader.entry(reader.minimum).at if desk.state.size > reader.minimum else None
    today = at.astimezone(clock.zone).date()
    days = [today - ONE_DAY * back for back in range(DAYS - 1, -1, -1)]
    found = [{each.effect: each for each in of_day(views, day, clock.zone)} for day in days]
    most = max(_count(counts, "require_approval") for counts in found)
    every = [each for counts in found for each in counts.values()]
    return Trend(
        days=tuple(
            Day(
                day,
                clock.day(day),
                _count(counts, "allow"),
                asked := _count(counts, "require_approval"),
                _count(counts, "deny"),
                begins is not None and begins.astimezone(clock.zone).date() <= day,
                round(100 * number / DAYS, 2),
                max(LEAST, round(TALLEST * asked / most)) if asked else 0,
            )
            for number, (day, counts) in enumerate(zip(days, found, strict=True))
        ),
        first=min((each.first for each in every), default=None),
        last=max((each.last for each in every), default=None),
        begins=begins,
        lag="" if complete else "The newest decisions are not counted yet; look again shortly.",
    )


def of_day(views: Views, day: date, zone: tzinfo) -> list[Counted]:
    """What was decided on one day of a zone, by effect; nothing for a day that no clock can show."""
    try:
        start, stop = (micros(_midnight(each, zone)) for each in (day, day + ONE_DAY))
    except OverflowError:
        return []
    return views.counted(start, stop)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _count(counts: dict[str, Counted], effect: str) -> int:
    return counts[effect].count if effect in counts else 0
