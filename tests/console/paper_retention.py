"""Retention on paper: the part of `Front` about times, holds and cuts, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paper_views import HOSTILE, LONG, MARIA, START, YES

from governance.service.problem import Problem
from governance.web.console.kept_views import (
    ClassRow,
    CutView,
    HeldBack,
    HoldView,
    RetentionView,
    WaitingRules,
)
from governance.web.console.views import May

NO = May(False, "To decide about retention takes the role `compliance officer`.")


@dataclass
class PaperRetention:
    """Times, holds and cuts; `kept` lists what reached it."""

    kept: list[tuple[Any, ...]] = field(default_factory=list)
    asked_cut: str = ""

    def retention(self, person: str) -> RetentionView:
        rows = (
            ClassRow("decisions", "what agents asked", "730"),
            ClassRow("people", HOSTILE, ""),
        )
        may = YES if person == MARIA else NO
        return RetentionView(
            classes=rows,
            says=(
                "No class is kept for less than six months.",
                HOSTILE,
                "Each cut takes two people.",
            ),
            duty_law=HOSTILE,
            duty_days="3650",
            schedule=True,
            waiting=WaitingRules(91, rows, HOSTILE, LONG, May(person == MARIA, HOSTILE)),
            holds=(self.hold(person, 92), self.hold(person, -17)),
            cut=("The log keeps its entries from 4096 on.", HOSTILE),
            asked=HOSTILE,
            may=may,
        )

    def hold(self, person: str, index: int) -> HoldView:
        if index not in (92, -17):
            raise Problem("unknown", f"there is no legal hold `{index}` in force")
        asked = "Jonas Weber asked to lift it." if index == 92 else ""
        return HoldView(index, HOSTILE, LONG, HOSTILE, START, asked, YES if person == MARIA else NO)

    def cut(self, person: str) -> CutView:
        may = YES if person == MARIA else NO
        return CutView(
            8192,
            (HOSTILE, "The first that stays is entry 8200."),
            (("decisions", 4000), (HOSTILE, 96)),
            (HeldBack(92, 8200, 1200),),
            bool(self.asked_cut) and self.asked_cut != person,
            may,
        )

    def set_retention(
        self,
        person: str,
        *,
        classes: Mapping[str, int | None],
        duty: Mapping[str, Any] | None,
        schedule: bool,
        reason: str,
    ) -> None:
        self.kept.append(("set", person, dict(classes), duty, schedule, reason))

    def confirm_retention(self, person: str, index: int) -> None:
        self.kept.append(("confirm", person, index))

    def place_hold(self, person: str, **asked: Any) -> None:
        self.kept.append(("hold", person, asked))

    def release_hold(self, person: str, index: int, *, reason: str) -> None:
        self.kept.append(("release", person, index, reason))

    def prune(self, person: str, minimum: int, *, reason: str) -> None:
        self.kept.append(("prune", person, minimum, reason))
        self.asked_cut = person
