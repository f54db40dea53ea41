"""What the pages of decisions show: the list, one decision explained, and one supposed.

Law: as `views`: plain values, said in words; a page decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from governance.web.console.views import Fact, Known, May, Source, Step, Verdict

if TYPE_CHECKING:
    from governance.web.console.review_views import ReviewsView

Holds = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision in a list."""

    index: int
    at: datetime
    agent: str
    action: str
    summary: str
    verdict: Verdict
    rule: str
    outcome: str


@dataclass(frozen=True, slots=True)
class DecisionFilter:
    """What a list of decisions is narrowed to; empty means all. `day` is one of the workspace's zone;
    `before` pages towards older."""

    agent: str = ""
    effect: str = ""
    day: date | None = None
    before: int | None = None

    @property
    def narrows(self) -> bool:
        """Whether anything is left out."""
        return self != DecisionFilter()


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """A page of decisions, newest first; `older` is the `before` of the next page."""

    rows: tuple[DecisionRow, ...]
    older: int | None
    agents: tuple[str, ...]
    lag: str = ""
    """Why the newest entries may be missing, or nothing."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a rule: what it tests, what was seen, who says so, whether it holds."""

    text: str
    seen: str
    source: Source | None
    who: str
    holds: Holds
    note: str = ""
    level: int = 0
    """How deep it stands below an "at least one of these" or a "not this"."""


@dataclass(frozen=True, slots=True)
class FindingView:
    """A rule that spoke, with its conditions; `decided` marks those the verdict rests on."""

    rule: str
    policy: str
    title: str
    because: str
    owner: str
    verdict: Verdict
    decided: bool
    conditions: tuple[Condition, ...]
    lifted: bool = False
    """Whether people had lifted it, so that it held nothing back."""


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """What proves an entry: its place, its leaf hash and the tree it is in."""

    index: int
    leaf: str
    origin: str
    size: int
    is_anchored: bool
    anchored: str
    release: str
    kept: str = "unanchored"


@dataclass(frozen=True, slots=True)
class DecisionView:
    """One decision explained."""

    index: int
    at: datetime
    title: str
    sentence: str
    verdict: Verdict
    observed: bool
    agent: str
    attested: bool
    """Whether a gateway asked, which carries out exactly what it asked for."""
    facts: tuple[Fact, ...]
    stated: tuple[Fact, ...]
    """What was said beside the action's arguments, each with who says so."""
    findings: tuple[FindingView, ...]
    incomplete: str
    """Why the conditions cannot be shown any more, or nothing."""
    known: tuple[Known, ...]
    """What limits and histories held at that moment."""
    nearest: tuple[str, ...]
    """The smallest changes that would have turned it, each tried."""
    turning: str
    """What people would have to do where no change of the request turns it, or nothing."""
    enough: tuple[str, ...]
    story: tuple[Step, ...]
    receipt: ReceiptView
    digest: str
    lifts: tuple[str, ...]
    """The findings an override would have to lift, as `policy/rule`."""
    may_override: May
    may_reverse: May
    may_disregard: May
    reviews: ReviewsView
    approval: int | None


@dataclass(frozen=True, slots=True)
class WhatIfView:
    """A decision taken up again with something else; nothing of it is recorded."""

    index: int
    was: Verdict
    now: Verdict
    sentence: str
    changed: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    findings: tuple[FindingView, ...]
    nearest: tuple[str, ...]
    turning: str
    enough: tuple[str, ...]
