"""When a case happens, and what happened before it. The law: the past of a case is counted as ours is.

A cell `at` is the moment of the case. Cells `before` are earlier actions, each allowed so long ago;
what they charged and what a gateway reported of them goes through the same functions as recorded
decisions do when they are performed again, so that a case cannot be right where the service is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from governance.engine.compile import Release
from governance.engine.decide import charges, confirmed
from governance.engine.fields import WEEKDAYS
from governance.engine.keys import EPOCH, MICROSECOND
from governance.engine.model import CannotTell, Request, Value
from governance.engine.values import Type, duration
from governance.engine.windows import Windows

AT: Final = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
"""When a case happens that does not say: a Wednesday at ten."""
WHO: Final = ("this_agent", "other_agent", "person")
OUTCOMES: Final = ("executed", "failed", "not_executed")
"""What a gateway reported of an earlier action; without one nobody but the agent knows."""
MOST: Final = 10_000
_OWN: Final = frozenset({"action", "ago", "by", "outcome", "times"})
_OTHER: Final[Mapping[str, Value]] = {"agent.id": "another-agent"}
_PERSON: Final[Mapping[str, Value]] = {"session.acting": "person"}
Make = Callable[[Mapping[str, Any]], tuple[Request, list[str]]]


class BadPast(Exception):
    """A cell that says when, or what happened before, in a way that is not understood."""


def at_of(cells: Mapping[str, Any]) -> datetime:
    """The moment of a case, as a clock on the wall showed it. A day alone means ten o'clock UTC.

    Raises `BadPast` for anything but a date or a point in time with its offset.
    """
    raw = cells.get("at")
    if raw is None:
        return AT
    try:
        found = datetime.fromisoformat(str(raw))
    except ValueError:
        found = None
    if found is None or (found.tzinfo is None and len(str(raw)) > 10):
        raise BadPast(
            f"`at` is `{str(raw)[:60]}`; write a date, or a time such as 2026-11-21T23:30:00+01:00"
        )
    return found if found.tzinfo else datetime.combine(found.date(), time(10), UTC)


def clock(at: datetime) -> dict[str, Value]:
    """The `time.*` fields of a moment."""
    return {"time.hour": at.hour, "time.weekday": WEEKDAYS[at.weekday()], "time.date": at.date()}


def past_of(release: Release, cells: Mapping[str, Any], make: Make) -> Windows | None:
    """The totals that the cell `before` leaves behind; None without such a cell.

    `make` turns a row of cells into a request. Raises `BadPast` with what is wrong with an entry.
    """
    if "before" not in cells:
        return None
    at = at_of(cells)
    entries = cells["before"]
    rows = entries if isinstance(entries, list) else [entries]
    steps: list[tuple[timedelta, Mapping[str, Any]]] = []
    for row in rows:
        steps += _repeated(row)
    if len(steps) > MOST:
        raise BadPast(f"`before` holds {len(steps)} actions, at most {MOST}")
    windows = Windows()
    for index, (ago, row) in enumerate(sorted(steps, key=lambda step: -step[0])):
        then = at - ago
        action = release.catalogue.actions.get(row["action"])
        known = frozenset(f"args.{name}" for name in action.args) if action else frozenset()
        request, problems = make(_cells(cells, row, then, known))
        if problems:
            raise BadPast(f"`before`: {'; '.join(problems)}")
        made = charges(release, request, then)
        moment = (then.astimezone(UTC) - EPOCH) // MICROSECOND
        windows.charge(index, moment, made)
        outcome = row.get("outcome")
        if outcome == "executed":
            windows.charge(index, moment, confirmed(made))
        elif outcome is not None:
            windows.give_back(index)
    return windows


def _repeated(row: Any) -> list[tuple[timedelta, Mapping[str, Any]]]:
    """One entry of `before`, so often as it says; all that is wrong with it is said here."""
    if not isinstance(row, dict):
        raise BadPast("`before` is a list of actions such as {action: payee.change, ago: 2d}")
    ago = duration(str(row.get("ago", "")))
    if ago is None:
        raise BadPast(f"`ago` is `{row.get('ago', '')}`; write how long before, such as 2d or 90m")
    if not isinstance(row.get("action"), str):
        raise BadPast("an action in `before` says which: {action: payee.change, ago: 2d}")
    for name, known in (("by", WHO), ("outcome", OUTCOMES)):
        if row.get(name) is not None and row[name] not in known:
            raise BadPast(f"`{name}` is `{row[name]}`; possible: {', '.join(known)}")
    times = row.get("times", 1)
    if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= MOST:
        raise BadPast(f"`times` is `{times}`; write a whole number from 1 to {MOST}")
    for name in row.keys() - _OWN:
        if name.partition(".")[0] not in ("args", "agent", "session", "resource", "subject"):
            raise BadPast(f"`{name}` says nothing about an earlier action")
    return [(ago, row)] * times


def _cells(
    cells: Mapping[str, Any], row: Mapping[str, Any], then: datetime, known: frozenset[str]
) -> dict[str, Any]:
    """The cells of an earlier action: what it says itself, and the rest as in the case."""
    about = ("agent.", "session.", "resource.", "subject.")
    kept = {name: v for name, v in cells.items() if name in known or name.startswith(about)}
    who = {"other_agent": _OTHER, "person": _PERSON}.get(row.get("by", "this_agent"), {})
    said = {name: value for name, value in row.items() if name not in _OWN}
    return {**kept, **who, **said, "action": row["action"], "at": then.isoformat()}


def age_of(raw: Any) -> timedelta:
    """How old a list is in a case (`lists.x.age`); raises `BadPast`."""
    found = Type("duration").one(raw)
    if isinstance(found, CannotTell) or not isinstance(found, timedelta):
        raise BadPast(f"`{raw}` is not an age; write how old the list is, such as 25h")
    return found
