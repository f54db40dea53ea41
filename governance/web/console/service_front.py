"""`Front` over the real desk.

Law: reading asks the state and the lists, acting calls a verb; this module adds no rule of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from governance.oversight import stops as stop_rules
from governance.service import (
    anchoring,
    anchors,
    asking,
    cutting,
    onboarding,
    overriding,
    proposals,
    proposed_words,
    releasing,
    retaining,
    reviews,
    stopping,
    tiling,
    wording,
)
from governance.service.background import Background
from governance.service.desk import Caller
from governance.service.problem import Problem
from governance.service.reading import entry_of
from governance.web.console import (
    agent_change,
    alarms,
    approving,
    contradiction,
    explaining,
    framing,
    keeping,
    learned,
    review_views,
    ruling,
    trend,
)
from governance.web.console.decision_views import (
    DecisionFilter,
    DecisionPage,
    DecisionView,
    WhatIfView,
)
from governance.web.console.front import Answer, Scope, Undone
from governance.web.console.home_views import HomeView
from governance.web.console.kept_views import CutView, HoldView, RetentionView
from governance.web.console.learned import LearningView
from governance.web.console.outside import Outside, told
from governance.web.console.present import Clockface
from governance.web.console.proposed_words import text as text_of
from governance.web.console.review_views import SampleView
from governance.web.console.rule_views import (
    BackView,
    PoliciesView,
    PolicyView,
    ProposalView,
    TextView,
)
from governance.web.console.views import (
    AgentChangeView,
    AgentRow,
    ApprovalRow,
    ApprovalView,
    ClosedPage,
    ContradictionView,
    Frame,
    HeadView,
    StopChoices,
    StopView,
)

if TYPE_CHECKING:
    from governance.service.desk import Desk


class ServiceFront:
    """The console's door to one desk; see `governance.web.console.front.Front`."""

    def __init__(self, desk: Desk, workspace: str = "") -> None:
        self._desk = desk
        self._workspace = workspace or desk.workspace.origin
        self._zone = ZoneInfo(desk.settings.time_zone)
        self._clock = Clockface(self._zone)
        self._lessons = Background("lesson")

    @property
    def zone(self) -> tzinfo:
        """The workspace's time zone."""
        return self._zone

    def now(self) -> datetime:
        """The machine's time."""
        return self._desk.now()

    # -- reading -------------------------------------------------------------------------------

    def frame(self, person: str) -> Frame | None:
        """What stands around the page, or None when this person left or never was."""
        state = self._desk.state
        if person not in state.people:
            return None
        waiting = approving.waiting_for(state, person, self.now())
        return framing.frame(self._desk, self._workspace, self._outside(), person, waiting)

    def home(self, person: str) -> HomeView:
        """What needs this person now."""
        rows = self.approvals(person)
        return HomeView(
            mine=tuple(row for row in rows if row.may.yes),
            others=tuple(row for row in rows if not row.may.yes),
            stops=self.stops(person),
            alarms=alarms.alarms(self._desk, self._clock, self.now()),
            head=self.head(),
            trend=trend.trend(self._desk, self._clock, self.now()),
            to_sign=ruling.to_sign(self._desk, person),
        )

    def approvals(self, person: str) -> tuple[ApprovalRow, ...]:
        """All open approvals, least time left first."""
        return approving.rows(self._desk, person, self.now())

    def closed(self, person: str, before: int | None) -> ClosedPage:
        """A page of approvals that are over, newest first."""
        return approving.closed(self._desk, before)

    def approval(self, person: str, index: int) -> ApprovalView:
        """One approval; records that it was shown."""
        return approving.view(self._desk, self._clock, person, index, self.now())

    def note(self, person: str, index: int) -> str:
        """All of what the agent says about an approval."""
        return approving.note(self._desk, index)

    def decisions(self, person: str, wanted: DecisionFilter) -> DecisionPage:
        """A page of decisions, newest first."""
        return explaining.page(self._desk, wanted, self._zone)

    def decision(self, person: str, index: int) -> DecisionView:
        """One decision explained."""
        return explaining.view(self._desk, self._clock, self._outside(), person, index)

    def what_if(self, person: str, index: int, given: Mapping[str, str]) -> WhatIfView:
        """The same decision with something else."""
        return explaining.what_if(self._desk, person, index, given)

    def proof(self, person: str, index: int) -> str:
        """The proof that a decision is in the log, as C2SP tlog-proof text."""
        if index >= self._desk.reader.minimum:
            entry_of(self._desk, index, "decision")
        return tiling.proof(self._desk.reader, index)

    def sample(self, person: str) -> SampleView:
        """The decisions that were drawn for review last."""
        return review_views.sample(self._desk, person)

    def stops(self, person: str) -> tuple[StopView, ...]:
        """Stops in force, newest first."""
        found = sorted(self._desk.state.stops.values(), key=lambda stop: -stop.index)
        return tuple(framing.stop_view(self._desk, person, stop) for stop in found)

    def stop(self, person: str, index: int) -> StopView:
        """One stop in force."""
        found = stop_rules.get(self._desk.state, index)
        return framing.stop_view(self._desk, person, found)

    def choices(self, person: str) -> StopChoices:
        """What a stop can be raised for."""
        return framing.choices(self._desk.state, person)

    def contradiction(self, person: str, name: str) -> ContradictionView:
        """What an anchor showed that is not in this log."""
        return contradiction.view(self._desk, person, name)

    def retention(self, person: str) -> RetentionView:
        """How long entries are kept, what is held, where the log begins."""
        return keeping.overview(self._desk, person)

    def hold(self, person: str, index: int) -> HoldView:
        """One legal hold in force."""
        return keeping.hold(self._desk, person, index)

    def cut(self, person: str) -> CutView:
        """What a cut would take now."""
        return keeping.plan(self._desk, person)

    def policies(self, person: str) -> PoliciesView:
        """All policies in force, proposals, and what was in force before."""
        return ruling.policies(self._desk, person)

    def learned(self, person: str) -> LearningView:
        """What people taught, as far as somebody looked."""
        return learned.view(self._desk, self._lessons, person)

    def learn(self, person: str) -> None:
        """Begin to look what people taught."""
        may = learned.may_look(self._desk, person)
        if not may.yes:
            raise Problem("not-allowed", may.why_not)
        learned.look(self._desk, self._lessons)

    def book(self, person: str) -> bytes:
        """The release in force in sentences, as a PDF."""
        return wording.print_in_force(self._desk)

    def policy(self, person: str, name: str) -> PolicyView:
        """One policy in force, in words."""
        return ruling.policy(self._desk, name)

    def proposal(self, person: str, index: int) -> ProposalView:
        """One proposal of a release with everything that was found out about it."""
        return ruling.proposal(self._desk, person, index)

    def proposed_text(self, person: str, index: int, path: str, first: int) -> TextView:
        """One file of a proposal with its changed lines marked."""
        return text_of(self._desk, index, path, first)

    def proposed_book(self, person: str, index: int) -> bytes:
        """A whole proposal in sentences, as a PDF."""
        return proposed_words.print_words(self._desk, index)

    def way_back(self, person: str, release: str) -> BackView:
        """A release that was in force and may be again."""
        return ruling.way_back(self._desk, person, release)

    def agents(self, person: str) -> tuple[AgentRow, ...]:
        """All agents by id."""
        at = self.now()
        found = sorted(self._desk.state.agents.items())
        return tuple(
            framing.agent_row(self._desk, self._clock, person, agent, at) for _, agent in found
        )

    def agent_change(self, person: str, name: str) -> AgentChangeView:
        """What waits about an agent for a second person."""
        return agent_change.view(self._desk, self._clock, person, name)

    def head(self) -> HeadView:
        """The log's head."""
        return framing.head(self._desk, self._outside())

    def _outside(self) -> Outside:
        return told(anchors.outside(self._desk), self.now())

    # -- acting --------------------------------------------------------------------------------

    def answer(
        self,
        person: str,
        index: int,
        answer: Answer,
        *,
        reason: str,
        digest: str,
        evidence: str,
        role: str,
        checklist: tuple[str, ...],
    ) -> None:
        """Grant or refuse exactly what was shown."""
        said: dict[str, Any] = {
            "digest": digest,
            "evidence": evidence,
            "reason": reason,
            "role": role or None,
        }
        caller = Caller("person", person)
        if answer == "grant":
            asking.grant(self._desk, caller, index, **said, checklist=checklist)
        else:
            asking.refuse(self._desk, caller, index, **said)

    def override(
        self, person: str, index: int, *, reason: str, lifts: tuple[str, ...], digest: str
    ) -> None:
        """Let this refused action pass once."""
        explaining.require_same(self._desk, index, digest)
        overriding.override(self._desk, Caller("person", person), index, lifts=lifts, reason=reason)

    def reverse(self, person: str, index: int, *, reason: str, outcome: Undone) -> None:
        """Record that what was carried out has been undone, or could not be."""
        overriding.reverse(
            self._desk, Caller("person", person), index, reason=reason, outcome=outcome
        )

    def disregard(self, person: str, index: int, *, reason: str) -> None:
        """Record that nobody should rely on this decision."""
        overriding.disregard(self._desk, Caller("person", person), index, reason=reason)

    def review(self, person: str, index: int, *, verdict: str, should_be: str, reason: str) -> None:
        """Judge what the rules said."""
        said: dict[str, Any] = {"verdict": verdict, "should_be": should_be or None}
        reviews.review(self._desk, Caller("person", person), index, reason=reason, **said)

    def draw(self, person: str, *, count: int, days: int) -> None:
        """Draw so many decisions of the last days for review."""
        reviews.draw(self._desk, Caller("person", person), count=count, days=days)

    def raise_stop(self, person: str, scope: Scope, name: str, *, reason: str) -> int:
        """Stop it now; gives the stop's number."""
        raised = stopping.raise_stop(
            self._desk,
            Caller("person", person),
            scope=scope,
            scope_id=name or None,
            reason=reason,
        )
        return int(raised["stop"])

    def lift(self, person: str, index: int, *, reason: str) -> None:
        """Ask to lift a stop, or, as the second person, lift it."""
        stopping.lift(self._desk, Caller("person", person), index, reason=reason)

    def confirm_agent(self, person: str, name: str, entry: int) -> None:
        """Confirm what waits about an agent, as the second person."""
        onboarding.confirm(self._desk, Caller("person", person), name, entry=entry)

    def settle(self, person: str, name: str, *, reason: str, seen: int) -> None:
        """Say what was found about it, or, as the second person, settle it."""
        anchoring.settle(self._desk, Caller("person", person), name, seen, reason=reason)

    def set_retention(
        self,
        person: str,
        *,
        classes: Mapping[str, int | None],
        duty: Mapping[str, Any] | None,
        schedule: bool,
        reason: str,
    ) -> None:
        """Say for how many days classes are kept; what keeps less waits for a second person."""
        retaining.set_rules(
            self._desk,
            Caller("person", person),
            classes=classes,
            duty=duty,
            schedule=schedule,
            reason=reason,
        )

    def confirm_retention(self, person: str, index: int) -> None:
        """Put waiting rules into force, as the second person."""
        retaining.confirm(self._desk, Caller("person", person), index)

    def place_hold(
        self,
        person: str,
        *,
        scope: str,
        name: str | None,
        kind: str | None,
        first: int | None,
        last: int | None,
        reason: str,
    ) -> None:
        """Place a legal hold."""
        retaining.hold(
            self._desk,
            Caller("person", person),
            scope=scope,
            scope_id=name,
            subject_type=kind,
            first=first,
            last=last,
            reason=reason,
        )

    def release_hold(self, person: str, index: int, *, reason: str) -> None:
        """Ask to lift a legal hold, or, as the second person, lift it."""
        retaining.release(self._desk, Caller("person", person), index, reason=reason)

    def prune(self, person: str, minimum: int, *, reason: str) -> None:
        """Ask to give up every entry before `minimum`, or, as the second person, do it."""
        cutting.prune(self._desk, Caller("person", person), minimum=minimum, reason=reason)

    def sign_policies(self, person: str, index: int, evidence: str) -> None:
        """Put a proposal in force exactly as it was shown."""
        releasing.sign(self._desk, Caller("person", person), index, evidence)

    def end_proposal(self, person: str, index: int, *, withdraw: bool, reason: str) -> None:
        """Refuse a proposal, or withdraw one's own."""
        end = proposals.withdraw if withdraw else proposals.refuse
        end(self._desk, Caller("person", person), index, reason=reason)

    def go_back(self, person: str, release: str, *, reason: str) -> int:
        """Return to a release, or propose to."""
        wanted = proposals.earlier(self._desk, release)
        made = releasing.rollback(self._desk, Caller("person", person), wanted, note=reason)
        if made["proposal"] is None:
            worst = made["findings"][0]
            raise Problem("bad-policy", f"{worst['path']}:{worst['line']}: {worst['message']}")
        return int(made["proposal"])
