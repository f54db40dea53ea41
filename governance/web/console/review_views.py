"""Reviews in words: what may be said of a decision, what was said, and what waits to be looked at.

Law: who may still review a decision is not shown what others said of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from governance.oversight import people
from governance.oversight.times import parse
from governance.service import reviews
from governance.service.desk import Caller
from governance.service.people import name_of
from governance.web.console.framing import YES, allowed
from governance.web.console.saying import capped, sentence
from governance.web.console.stating import title_of
from governance.web.console.views import ANSWERED, May, Verdict

if TYPE_CHECKING:
    from governance.service.desk import Desk

RIGHT: Final = "review decisions"
SAID: Final = {"right": "Right", "too_strict": "Too strict", "too_loose": "Too loose"}
_SHOULD: Final = {
    "allow": "it should have been allowed",
    "require_approval": "a person should have been asked",
    "deny": "it should have been refused",
}
_LOOSEST_FIRST: Final = tuple(_SHOULD)


@dataclass(frozen=True, slots=True)
class ReviewView:
    """What one person said of a decision."""

    index: int
    at: datetime
    who: str
    said: str
    reason: str
    sampled: bool


@dataclass(frozen=True, slots=True)
class ReviewsView:
    """What was said of a decision: `note` a sentence about it, `choices` what the reader may say.

    A choice is `(value, words)`; the value is the verdict and, after a blank, what it should be.
    """

    rows: tuple[ReviewView, ...]
    note: str
    choices: tuple[tuple[str, str], ...]
    may: May


@dataclass(frozen=True, slots=True)
class SampledRow:
    """One decision of the sample. `part`: which part the reader had in it, who then may not review it."""

    index: int
    at: datetime
    agent: str
    title: str
    action: str
    verdict: Verdict
    reviewed: bool
    part: str


@dataclass(frozen=True, slots=True)
class SampleView:
    """The newest sample; `said` tells where it comes from."""

    waiting: tuple[SampledRow, ...]
    done: tuple[SampledRow, ...]
    said: str
    may: May


def of_decision(desk: Desk, person: str, index: int, effect: str) -> ReviewsView:
    """What was said of a decision, and what this person may say."""
    given = reviews.given(desk, Caller("person", person), index)
    why_not = reviews.why_not(desk, person, index)
    count = given["given"]
    note = "Nobody has reviewed it." if not count else ""
    if given["hidden"]:
        people_ = "1 person has" if count == 1 else f"{count} people have"
        note = f"{people_} reviewed it. You see what they said once you have said it yourself."
    elif given["disputed"]:
        note = "People disagree about it."
    return ReviewsView(
        rows=tuple(_row(desk, each) for each in given["reviews"]),
        note=note,
        choices=choices(effect),
        may=May(False, sentence(why_not)) if why_not else YES,
    )


def choices(effect: str) -> tuple[tuple[str, str], ...]:
    """What may be said of a decision with this effect: value and words."""
    at = _LOOSEST_FIRST.index(effect)
    out = [("right", "It was right")]
    for verdict, better in (
        ("too_strict", reversed(_LOOSEST_FIRST[:at])),
        ("too_loose", iter(_LOOSEST_FIRST[at + 1 :])),
    ):
        out += [(f"{verdict} {each}", f"{SAID[verdict]}: {_SHOULD[each]}") for each in better]
    return tuple(out)


def _row(desk: Desk, given: Mapping[str, Any]) -> ReviewView:
    should = given["should_be"]
    return ReviewView(
        index=given["review"],
        at=parse(given["at"]),
        who=name_of(desk, given["person"]),
        said=SAID[given["verdict"]] + (f": {_SHOULD[should]}" if should else ""),
        reason=capped(given["reason"] or "", 600),
        sampled=given["sampled"],
    )


def sample(desk: Desk, person: str) -> SampleView:
    """What was drawn for review last."""
    found = reviews.sample(desk)
    rows = [_sampled(desk, person, each) for each in found["decisions"]]
    said = "Nothing has been drawn yet."
    if found["sample"] is not None:
        said = (
            f"{len(found['decisions'])} decisions, drawn by {name_of(desk, found['person'])} across "
            f"agents and verdicts, entry {found['sample']}. What is drawn follows from the log and "
            "a nonce, which that entry has: anybody can draw it again."
        )
    return SampleView(
        waiting=tuple(row for row in rows if not row.reviewed),
        done=tuple(row for row in rows if row.reviewed),
        said=said,
        may=allowed(desk.state, person, RIGHT),
    )


def _sampled(desk: Desk, person: str, row: Mapping[str, Any]) -> SampledRow:
    return SampledRow(
        index=row["decision"],
        at=parse(row["at"]),
        agent=row["agent"],
        title=title_of(desk, row["decision"]) or row["action"],
        action=row["action"],
        verdict=ANSWERED[row["effect"]],
        reviewed=row["reviewed"],
        part=_part(desk, person, row),
    )


def _part(desk: Desk, person: str, row: Mapping[str, Any]) -> str:
    agent = desk.state.agents.get(row["agent"])
    if agent is not None and people.answers_for(agent, person):
        return "you answer for its agent"
    if reviews.took_part(desk, person, row["decision"]):
        return "you asked for it or let it pass"
    return ""
