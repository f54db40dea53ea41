"""What came of a decision or a request, entry by entry.

Law: every line is an entry and says its number, its time and who did it; what nobody recorded is
not told. The order is the log's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from governance.service.people import name_of
from governance.service.reading import opened
from governance.web.console import saying
from governance.web.console.views import ANSWERED, Step

if TYPE_CHECKING:
    from audit.entry import Entry
    from governance.service.desk import Desk

MOST_STEPS = 60
PATIENCE = 2.0
"""Seconds to wait until the lists include what was recorded just before."""

FOLLOWED = ("decision", "approval.asked", "override.granted")
OUTCOMES = {"executed": "Done", "failed": "Tried, and failed", "not_executed": "Not carried out"}
UNDONE = {"undone": "undone", "compensated": "made good", "failed": "it could not be taken back"}


@dataclass(frozen=True, slots=True)
class Told:
    """The entry whose story is told."""

    index: int
    entry: Entry


def story(desk: Desk, told: Told) -> tuple[Step, ...]:
    """The entry and whatever refers to it, directly or through a request, in the log's order."""
    views = desk.workspace.views
    views.wait_for(desk.state.size, PATIENCE)
    found: dict[int, Entry] = {told.index: told.entry}
    ahead = [told.index]
    while ahead and len(found) < MOST_STEPS:
        for index, _ in views.referring_to(ahead.pop(0), MOST_STEPS):
            if index in found:
                continue
            found[index] = desk.reader.entry(index)
            if found[index].kind in FOLLOWED:
                ahead.append(index)
    steps = (_step(desk, told, index, entry) for index, entry in sorted(found.items()))
    return tuple(step for step in steps if step is not None)[:MOST_STEPS]


def _step(desk: Desk, told: Told, index: int, entry: Entry) -> Step | None:
    data = entry.data
    say = _SAY.get(entry.kind)
    if say is None:
        return None
    icon, what, text, link = say(desk, data)
    reason = opened(desk, index, "reason")
    if entry.kind == "outcome":
        reason = opened(desk, index, "note")
    own = index == told.index
    if entry.kind == "decision":
        link = "" if own else f"/decisions/{index}"
        text = "This decision." if own else text
    elif entry.kind == "approval.asked":
        link = "" if own else f"/approvals/{index}"
    return Step(
        index=index,
        at=entry.at,
        icon=icon,
        what=what,
        text=text,
        quote=saying.capped(reason, 600) if isinstance(reason, str) else "",
        link=link,
        link_text=f"{'Decision' if 'decisions' in link else 'Approval'} {index}" if link else "",
    )


_Said = tuple[str, str, str, str]


def _by(desk: Desk, data: Mapping[str, Any]) -> str:
    return name_of(desk, data["person"])


def _decided(desk: Desk, data: Mapping[str, Any]) -> _Said:
    said = ANSWERED[data["effect"]]
    refs = data["refs"]
    under = "" if "approval" not in refs else "under that grant."
    if "override" in refs:
        under = "under that override."
    return said.kind, f"{said.word}{'' if under else '.'}", under, ""


def _asked(desk: Desk, data: Mapping[str, Any]) -> _Said:
    return "ask", "People were asked.", "", ""


def _shown(desk: Desk, data: Mapping[str, Any]) -> _Said:
    return "ours", "Shown", f"to {_by(desk, data)}.", ""


def _granted(desk: Desk, data: Mapping[str, Any]) -> _Said:
    more = "." if data["complete"] else "; more people are needed."
    return "allow", "Granted", f"by {_by(desk, data)}, {saying.words(data['role'])}{more}", ""


def _refused(desk: Desk, data: Mapping[str, Any]) -> _Said:
    return "deny", "Refused", f"by {_by(desk, data)}, {saying.words(data['role'])}.", ""


def _expired(desk: Desk, data: Mapping[str, Any]) -> _Said:
    return "clock", "Nobody answered in time.", "That is a no.", ""


def _cancelled(desk: Desk, data: Mapping[str, Any]) -> _Said:
    return "plain", "Withdrawn", f"({saying.words(data['why'])}).", ""


def _overridden(desk: Desk, data: Mapping[str, Any]) -> _Said:
    more = "" if data["complete"] else " More people are needed."
    rules = saying.listing(list(data["lifts"]))
    return "look", "Let through once", f"by {_by(desk, data)}, lifting {rules}.{more}", ""


def _disregarded(desk: Desk, data: Mapping[str, Any]) -> _Said:
    return "look", "Not to be relied on,", f"says {_by(desk, data)}.", ""


def _reversed(desk: Desk, data: Mapping[str, Any]) -> _Said:
    return "back", "Taken back", f"by {_by(desk, data)}: {UNDONE[data['outcome']]}.", ""


def _redeemed(desk: Desk, data: Mapping[str, Any]) -> _Said:
    return "ours", "Begun:", "the runtime used its permit.", ""


def _outcome(desk: Desk, data: Mapping[str, Any]) -> _Said:
    who = "vouched for by the gateway" if data["attested"] else "says the agent itself"
    return (
        "vouched" if data["attested"] else "claimed",
        f"{OUTCOMES[data['status']]},",
        f"{who}.",
        "",
    )


_SAY = {
    "decision": _decided,
    "approval.asked": _asked,
    "approval.shown": _shown,
    "approval.granted": _granted,
    "approval.refused": _refused,
    "approval.expired": _expired,
    "approval.cancelled": _cancelled,
    "override.granted": _overridden,
    "decision.disregarded": _disregarded,
    "decision.reversed": _reversed,
    "permit.redeemed": _redeemed,
    "outcome": _outcome,
}
