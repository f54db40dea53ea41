"""What the console asks of the service, as one narrow door.

Law: pages know nothing of entries, ledgers or policies; they get views and hand over a person's
answer. Reading `approval` records that it was shown; every other read records nothing. Whatever
is refused is raised as `governance.service.problem.Problem`, whose sentence the page prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any, Literal, Protocol

from governance.web.console.decision_views import (
    DecisionFilter,
    DecisionPage,
    DecisionView,
    WhatIfView,
)
from governance.web.console.home_views import HomeView
from governance.web.console.kept_views import CutView, HoldView, RetentionView
from governance.web.console.learned import LearningView
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

Answer = Literal["grant", "refuse"]
Scope = Literal["everything", "team", "agent", "session", "action"]
Undone = Literal["undone", "compensated", "failed"]


class Front(Protocol):
    """Reads and acts in the name of one person; `person` is always the pseudonym `p-…`.

    Every method raises `Problem` where the service refuses.
    """

    @property
    def zone(self) -> tzinfo:
        """The workspace's time zone."""

    def now(self) -> datetime:
        """The moment, aware."""

    def frame(self, person: str) -> Frame | None:
        """What stands around the page, or None when this person left or never was."""

    def home(self, person: str) -> HomeView:
        """What needs this person now."""

    def approvals(self, person: str) -> tuple[ApprovalRow, ...]:
        """All open approvals, least time left first."""

    def closed(self, person: str, before: int | None) -> ClosedPage:
        """A page of approvals that are over, newest first, older than `before`."""

    def approval(self, person: str, index: int) -> ApprovalView:
        """One approval with everything needed to answer; records that it was shown."""

    def note(self, person: str, index: int) -> str:
        """All of what the agent says about an approval."""

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
        """Grant or refuse exactly what was shown (`evidence`) for exactly this action (`digest`).

        `checklist` are the points that the person confirmed; a grant needs all of them, and the
        refusal that says so names the field `checklist`.
        """

    def decisions(self, person: str, wanted: DecisionFilter) -> DecisionPage:
        """A page of decisions, newest first."""

    def decision(self, person: str, index: int) -> DecisionView:
        """One decision explained."""

    def what_if(self, person: str, index: int, given: Mapping[str, str]) -> WhatIfView:
        """The same decision with something else; `given` is field -> text. Records nothing."""

    def proof(self, person: str, index: int) -> str:
        """The proof that a decision is in the log, as C2SP tlog-proof text."""

    def override(
        self, person: str, index: int, *, reason: str, lifts: tuple[str, ...], digest: str
    ) -> None:
        """Let this refused action pass once."""

    def reverse(self, person: str, index: int, *, reason: str, outcome: Undone) -> None:
        """Record that what was carried out has been undone, or could not be."""

    def disregard(self, person: str, index: int, *, reason: str) -> None:
        """Record that nobody should rely on this decision."""

    def review(self, person: str, index: int, *, verdict: str, should_be: str, reason: str) -> None:
        """Judge what the rules said; `should_be` is empty where that is left open."""

    def sample(self, person: str) -> SampleView:
        """The decisions that were drawn for review last."""

    def draw(self, person: str, *, count: int, days: int) -> None:
        """Draw so many decisions of the last days for review."""

    def stops(self, person: str) -> tuple[StopView, ...]:
        """Stops in force, newest first."""

    def stop(self, person: str, index: int) -> StopView:
        """One stop in force."""

    def choices(self, person: str) -> StopChoices:
        """What a stop can be raised for."""

    def raise_stop(self, person: str, scope: Scope, name: str, *, reason: str) -> int:
        """Stop it now; gives the stop's number."""

    def lift(self, person: str, index: int, *, reason: str) -> None:
        """Ask to lift a stop, or, as the second person, lift it."""

    def contradiction(self, person: str, name: str) -> ContradictionView:
        """What an anchor showed that is not in this log."""

    def settle(self, person: str, name: str, *, reason: str, seen: int) -> None:
        """Say what was found about it (the conflict of entry `seen`), or, as the second person, settle
        it."""

    def retention(self, person: str) -> RetentionView:
        """How long entries are kept, what is held, where the log begins."""

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

    def confirm_retention(self, person: str, index: int) -> None:
        """Put waiting rules into force, as the second person."""

    def hold(self, person: str, index: int) -> HoldView:
        """One legal hold in force."""

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

    def release_hold(self, person: str, index: int, *, reason: str) -> None:
        """Ask to lift a legal hold, or, as the second person, lift it."""

    def cut(self, person: str) -> CutView:
        """What a cut would take now."""

    def prune(self, person: str, minimum: int, *, reason: str) -> None:
        """Ask to give up every entry before `minimum`, or, as the second person, do it."""

    def policies(self, person: str) -> PoliciesView:
        """All policies in force, proposals, and what was in force before."""

    def learned(self, person: str) -> LearningView:
        """What people taught, as far as somebody looked."""

    def learn(self, person: str) -> None:
        """Begin to look what people taught."""

    def book(self, person: str) -> bytes:
        """The release in force in sentences, as a PDF."""

    def policy(self, person: str, name: str) -> PolicyView:
        """One policy in force, in words."""

    def proposal(self, person: str, index: int) -> ProposalView:
        """One proposal of a release with everything that was found out about it."""

    def proposed_text(self, person: str, index: int, path: str, first: int) -> TextView:
        """One file of a proposal with its changed lines marked; `first` is where the part begins."""

    def proposed_book(self, person: str, index: int) -> bytes:
        """A whole proposal in sentences, as a PDF."""

    def sign_policies(self, person: str, index: int, evidence: str) -> None:
        """Put a proposal in force exactly as it was shown (`evidence`)."""

    def end_proposal(self, person: str, index: int, *, withdraw: bool, reason: str) -> None:
        """Refuse a proposal, or withdraw one's own."""

    def way_back(self, person: str, release: str) -> BackView:
        """A release that was in force and may be again."""

    def go_back(self, person: str, release: str, *, reason: str) -> int:
        """Return to a release, or propose to; gives the proposal's number."""

    def agents(self, person: str) -> tuple[AgentRow, ...]:
        """All agents by id."""

    def agent_change(self, person: str, name: str) -> AgentChangeView:
        """What waits about an agent for a second person."""

    def confirm_agent(self, person: str, name: str, entry: int) -> None:
        """Confirm what waits about an agent, as the second person: what entry `entry` says."""

    def head(self) -> HeadView:
        """The log's head."""
