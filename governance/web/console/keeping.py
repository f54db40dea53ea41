"""Retention, holds and cuts, read from the desk for their pages.

Law: what is shown is what `retaining` and `cutting` say, in words; who may do what is asked of the
same rules as the verbs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from governance.oversight import retention
from governance.oversight.times import parse
from governance.service import cutting, retaining
from governance.service.desk import Caller
from governance.service.people import name_of
from governance.service.reading import opened
from governance.web.console.framing import YES, allowed
from governance.web.console.kept_views import (
    ClassRow,
    CutView,
    HeldBack,
    HoldView,
    RetentionView,
    WaitingRules,
)
from governance.web.console.views import May

if TYPE_CHECKING:
    from governance.service.desk import Desk

FLOOR = (
    f"No class is kept for less than six months ({retention.FLOOR_DAYS} days; AI Act, Articles 19 and"
    " 26(6)). The law of your sector may ask for longer."
)


def overview(desk: Desk, person: str) -> RetentionView:
    """Everything about how long this log is kept."""
    told = retaining.show(desk, Caller("person", person))
    rules = told["rules"] or {"duty": None, "schedule": False}
    duty = rules["duty"]
    return RetentionView(
        classes=_classes({each["name"]: each["days"] for each in told["classes"]}),
        says=(FLOOR, _duty(duty), _schedule(rules["schedule"])),
        duty_law=duty["law"] if duty else "",
        duty_days=str(duty["days"]) if duty else "",
        schedule=rules["schedule"],
        waiting=_waiting(desk, person, told["waiting"]),
        holds=tuple(_hold(desk, person, each) for each in told["holds"]),
        cut=_cut(told),
        asked=_asked(desk, told["asked"]),
        may=allowed(desk.state, person, retaining.RIGHT),
    )


def hold(desk: Desk, person: str, number: int) -> HoldView:
    """One hold in force; raises `Problem` when there is none."""
    retention.hold(desk.state, number)
    found = retaining.show(desk, Caller("person", person))["holds"]
    return next(_hold(desk, person, each) for each in found if each["hold"] == number)


def plan(desk: Desk, person: str) -> CutView:
    """What a cut would take now."""
    told = cutting.plan(desk, Caller("person", person))
    asked = desk.state.retention.asked
    other = asked is not None and asked.person != person and asked.person in desk.state.people
    second = (other or desk.state.single_person) and bool(told["entries"])
    may = allowed(desk.state, person, retaining.RIGHT)
    if may.yes and asked is not None and not second and told["entries"]:
        may = May(False, "You have asked for this cut; it takes another person.")
    minimum = told["minimum"] if told["entries"] else 0
    if minimum and other and asked is not None:
        minimum = min(minimum, asked.minimum)
    return CutView(
        minimum=minimum,
        says=_plan_says(told),
        counts=tuple(told["counts"].items()),
        holds=tuple(HeldBack(each["hold"], each["first"], each["keeps"]) for each in told["holds"]),
        second=second,
        may=may,
    )


def _classes(days: Mapping[str, int | None]) -> tuple[ClassRow, ...]:
    return tuple(
        ClassRow(name, said, str(days.get(name) or "")) for name, said in retention.CLASSES.items()
    )


def _duty(duty: Mapping[str, Any] | None) -> str:
    if duty is None:
        return "No longer duty of your sector is recorded."
    return f"Recorded as a duty of your sector: {duty['law']}, {duty['days']} days."


def _schedule(schedule: bool) -> str:
    if schedule:
        return "A daily job cuts by these times, as two people decided."
    return "Each cut takes two people."


def _waiting(desk: Desk, person: str, rules: Mapping[str, Any] | None) -> WaitingRules | None:
    if rules is None:
        return None
    may = allowed(desk.state, person, retaining.RIGHT)
    if may.yes and person in rules["decided_by"]:
        may = May(False, "You proposed these times; another person confirms them.")
    return WaitingRules(
        rules["entry"],
        _classes(rules["classes"]),
        f"{_duty(rules['duty'])} {_schedule(rules['schedule'])}",
        name_of(desk, rules["decided_by"][0]),
        may,
    )


def _hold(desk: Desk, person: str, told: Mapping[str, Any]) -> HoldView:
    keeps = f"{told['scope'].capitalize()} {told['id']}"
    if told["scope"] == "range":
        keeps = f"Entries {told['first']} to {told['last']}"
    said = opened(desk, told["hold"], "reason")
    asked = told["release_asked_by"]
    may = allowed(desk.state, person, retaining.RIGHT)
    if may.yes and asked == person and not desk.state.single_person:
        may = May(False, "You have asked to lift this hold; it takes another person.")
    return HoldView(
        told["hold"],
        keeps,
        said if isinstance(said, str) else "The reason is not kept any more.",
        name_of(desk, told["placed_by"]),
        parse(told["at"]),
        f"{name_of(desk, asked)} asked to lift it." if asked else "",
        may if not may.yes else YES,
    )


def _cut(told: Mapping[str, Any]) -> tuple[str, ...]:
    cut, said = told["cut"], []
    if cut is None:
        return ("Nothing was ever given up: the log begins with entry 0.",)
    said.append(
        f"The log keeps its entries from {cut['minimum']} on, since {cut['at'][:10]}; the last one "
        f"given up was of {cut['last_at'][:10]}. Every proof about those before still holds."
    )
    if not cut["overwritten"]:
        said.append("Their bytes are still being overwritten.")
    for what, until in told["copies_until"].items():
        if until:
            said.append(f"Backups of the {what} may hold what is gone until {until[:10]}.")
    return tuple(said)


def _asked(desk: Desk, asked: Mapping[str, Any] | None) -> str:
    if asked is None:
        return ""
    who = name_of(desk, asked["asked_by"])
    return f"{who} asked to give up every entry before {asked['minimum']}; another person does it."


def _plan_says(told: Mapping[str, Any]) -> tuple[str, ...]:
    until = f" until {told['until'][:10]}" if told["until"] else ""
    covered = told["covered"]
    outside = ", ".join(covered["anchors"]) or "nobody outside: it is unanchored"
    first = "Nothing may go now."
    if told["entries"]:
        first = (
            f"Entries {told['current']} to {told['minimum'] - 1} may go, the last of them of "
            f"{told['last_at'][:10]}, and {told['values']} values with them."
        )
    return (
        first,
        f"The first that stays is entry {told['first_kept']}: {told['why']}{until}.",
        f"A signed head of {covered['size']} entries covers them; it is held by {outside}.",
    )
