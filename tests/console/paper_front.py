"""The console's door on paper: three people, a few approvals, stops and hostile strings.

`PaperFront` keeps the promises of `Front` in memory, so that pages, forms and the browser are
tested against exactly what they may rely on, without a log. What the real service makes of the
same acts is tested in `test_console_service.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from paper_policies import PaperPolicies
from paper_retention import PaperRetention
from paper_views import (
    AGENTS,
    DIGEST,
    FINDINGS,
    HOSTILE,
    JONAS,
    LONG,
    MARIA,
    OTTO,
    START,
    TREND,
    YES,
)

from governance.service.problem import Problem
from governance.web.console.decision_views import (
    DecisionFilter,
    DecisionPage,
    DecisionRow,
    DecisionView,
    ReceiptView,
    WhatIfView,
)
from governance.web.console.home_views import Alarm, AlarmItem, HomeView
from governance.web.console.review_views import (
    ReviewsView,
    ReviewView,
    SampledRow,
    SampleView,
    choices,
)
from governance.web.console.views import (
    AgentChangeView,
    AgentRow,
    ApprovalRow,
    ApprovalView,
    Claim,
    ClosedPage,
    ClosedRow,
    ContradictionView,
    Fact,
    Frame,
    HeadView,
    Known,
    LogKeyView,
    May,
    PersonView,
    RuleWhy,
    Seat,
    Step,
    StopChoices,
    StopView,
    Verdict,
)


def evidence(state: str) -> str:
    """The digest of what is shown while an approval is in this state."""
    return hashlib.sha256(b"shown " + state.encode()).hexdigest()


@dataclass
class PaperFront(PaperRetention, PaperPolicies):
    """`Front` on paper; `acts` lists every act that reached it."""

    at: datetime = START
    zone: tzinfo = ZoneInfo("Europe/Berlin")  # noqa: RUF009 - a value
    acts: list[tuple[Any, ...]] = field(default_factory=list)
    shown: list[tuple[str, int]] = field(default_factory=list)
    answers: dict[int, dict[str, str]] = field(default_factory=lambda: {1043: {}, 2044: {}})
    changed: str = ""
    trouble: str = ""
    stopped: dict[int, StopView] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    people: dict[str, PersonView] = field(
        default_factory=lambda: {
            MARIA: PersonView(MARIA, "Maria Lindqvist", ("treasurer",)),
            JONAS: PersonView(JONAS, "Jonas Weber", ("cfo", "agent-manager")),
            OTTO: PersonView(OTTO, "Otto <b>Bold</b>", ()),
        }
    )

    def now(self) -> datetime:
        return self.at

    def frame(self, person: str) -> Frame | None:
        if person in self.left or person not in self.people:
            return None
        may = (
            YES
            if self.people[person].roles
            else May(False, "Raising a stop takes a role; you have none.")
        )
        waiting = len([row for row in self.approvals(person) if row.may.yes])
        return Frame(
            "Corp Example, production",
            self.people[person],
            waiting,
            len(self.stopped),
            48211,
            False,
            "3f" * 32,
            may,
            self.trouble,
        )

    def home(self, person: str) -> HomeView:
        rows = self.approvals(person)
        return HomeView(
            tuple(r for r in rows if r.may.yes),
            tuple(r for r in rows if not r.may.yes),
            self.stops(person),
            (
                Alarm(
                    HOSTILE,
                    HOSTILE,
                    (AlarmItem(LONG, HOSTILE, "/decisions?agent=travel-desk"),),
                    7,
                ),
            ),
            self.head(),
            TREND,
            tuple(self._row(index) for index in self.to_sign),
        )

    # -- approvals

    def _may(self, person: str, index: int) -> May:
        said = self.answers[index]
        if "refuse" in said.values() or len(said) == 2:
            return May(False, "This request is answered.")
        if person in said:
            return May(False, "You granted it already; it waits for the CFO.")
        if not self.people[person].roles:
            return May(False, "It takes a treasurer and the CFO; you have neither role.")
        return YES

    def _state(self, index: int) -> Verdict:
        said = self.answers[index]
        if "refuse" in said.values():
            return Verdict("deny", "Refused")
        return Verdict("allow", "Granted") if len(said) == 2 else Verdict("ask", "Open")

    def approvals(self, person: str) -> tuple[ApprovalRow, ...]:
        return tuple(
            ApprovalRow(
                index,
                "Pay 18\u202f400.00 EUR to Halvorsen Maritime AS" if index == 1043 else HOSTILE,
                "pay-runner" if index == 1043 else LONG,
                "Above 10\u202f000 EUR a treasurer and the CFO.",
                "PAY-004",
                "1 treasurer, 1 cfo",
                START - timedelta(hours=22),
                START + timedelta(hours=1, minutes=38),
                True,
                self._may(person, index),
            )
            for index in self.answers
            if self._state(index).word == "Open"
        )

    def closed(self, person: str, before: int | None) -> ClosedPage:
        rows = (
            ClosedRow(40, "Pay 12.00 EUR", 39, "pay-runner", Verdict("deny", "Refused"), START, 44),
            ClosedRow(30, "", 29, HOSTILE, Verdict("allow", "Granted and used"), START, None),
        )
        shown = tuple(row for row in rows if before is None or row.index < before)
        return ClosedPage(shown, None if before else 30)

    def approval(self, person: str, index: int) -> ApprovalView:
        if index not in self.answers:
            raise Problem("unknown", f"there is no approval `{index}`; the log ends at 48211")
        self.shown.append((person, index))
        said = self.answers[index]
        hostile = index != 1043
        state = self._state(index)
        return ApprovalView(
            index=index,
            decision=1042,
            title=HOSTILE + "?" if hostile else "Pay 18\u202f400.00 EUR to Halvorsen Maritime AS?",
            state=state,
            open=state.word == "Open",
            asked_at=START - timedelta(hours=22),
            answer_by=START + timedelta(hours=1, minutes=38),
            soon=True,
            risk="critical",
            agent=HOSTILE if hostile else "pay-runner",
            autonomy="L3",
            attested=not hostile,
            notice=HOSTILE if hostile else "Refused once before, on Thu 19 Nov 2026.",
            facts=(
                Fact("amount", "18\u202f400.00 EUR", "exact", "money", look="amount"),
                Fact(
                    "to account",
                    HOSTILE if hostile else "NO93 8601 1117 947",
                    "exact",
                    "IBAN",
                    look="mono",
                ),
                Fact(
                    LONG if hostile else "payee",
                    HOSTILE if hostile else "Halvorsen Maritime AS",
                    "exact",
                ),
                Fact("reference", "Invoice H-20931", "exact", note="kept out of the log"),
            ),
            rules=(
                RuleWhy(
                    "PAY-004",
                    "payments",
                    HOSTILE if hostile else "Above 10\u202f000 EUR a treasurer and the CFO.",
                    "Four eyes before an irreversible transfer.",
                    LONG if hostile else "treasury-risk@corp.example",
                    "high",
                    ("args.payee_known",) if hostile else (),
                ),
            ),
            known=(
                Known(
                    "This session",
                    "The agent read untrusted text before it asked.",
                    "ours",
                    "Recorded here",
                ),
                Known(
                    "Invoice",
                    HOSTILE if hostile else "18 400.00 EUR, due Mon 30 Nov 2026",
                    "vouched",
                    "Vouched for by erp",
                ),
                Known("Call-back to the payee", "", None, "Nobody"),
            ),
            agent_facts=(Fact("Accountable", "Amara Okafor"),),
            history=(
                Fact(
                    "Asked for approval",
                    "57 times in 90 days",
                    "ours",
                    note="55 granted, 2 refused",
                ),
                Fact("Owner", "Amara Okafor", "ours"),
            ),
            seats=tuple(
                Seat(
                    f"One {role}",
                    len(said) > place,
                    "not answered" if len(said) <= place else "granted",
                )
                for place, role in enumerate(("treasurer", "cfo"))
            ),
            barred=("Amara Okafor, who answers for the agent",),
            filled=len(said),
            claim=Claim(
                HOSTILE * 2 if hostile else "The supplier asked by e-mail.",
                1260 if hostile else 29,
                (Fact("Confidence", "0.97"),),
            ),
            checklist=("the account was called back",) if hostile else (),
            story=(
                Step(1043, START - timedelta(hours=22), "ask", "Asked."),
                Step(
                    1044,
                    START - timedelta(hours=2),
                    "ours",
                    "Shown",
                    "to Jonas Weber.",
                    HOSTILE if hostile else "",
                ),
            ),
            release="3f3f3f3f",
            digest=DIGEST,
            evidence=evidence(state.word + self.changed + str(len(said))),
            roles=tuple(self.people[person].roles),
            after_grant=(
                "Nothing is paid yet: the CFO must grant too.",
                "Then the agent may make exactly this payment, once.",
            ),
            after_refuse=("Nothing is paid and the request closes.",),
            may=self._may(person, index),
        )

    def note(self, person: str, index: int) -> str:
        return HOSTILE * 20

    def answer(
        self,
        person: str,
        index: int,
        answer: str,
        *,
        reason: str,
        digest: str,
        evidence: str,
        role: str,
        checklist: tuple[str, ...],
    ) -> None:
        view = self.approval(person, index)
        if not view.may.yes:
            raise Problem(
                "conflict", "`1043` was answered while you were reading; yours was not recorded"
            )
        if digest != view.digest or evidence != view.evidence:
            raise Problem(
                "not-shown", "the request is no longer what was shown; nothing was recorded"
            )
        if answer == "grant" and not set(view.checklist) <= set(checklist):
            raise Problem("bad-field", "confirm each point of the checklist", field="checklist")
        self.acts.append((answer, person, index, reason, role))
        self.answers[index][person] = answer

    # -- decisions

    def decisions(self, person: str, wanted: DecisionFilter) -> DecisionPage:
        rows = [
            DecisionRow(
                i,
                START - timedelta(minutes=i),
                "pay-runner",
                "payment.create",
                "18 400.00 EUR",
                Verdict("ask", "Person asked"),
                "PAY-004",
                "",
            )
            for i in range(60, 0, -1)
            if (wanted.before is None or i < wanted.before)
            and wanted.agent in ("", "pay-runner")
            and wanted.effect in ("", "require_approval")
        ]
        page = rows[:25]
        return DecisionPage(
            tuple(page), page[-1].index if len(rows) > 25 else None, ("pay-runner", HOSTILE)
        )

    def proof(self, person: str, index: int) -> str:
        if index > 48211:
            raise Problem("unknown", f"there is no entry `{index}`; the log ends at 48210")
        return f"c2sp.org/tlog-proof@v1\nindex {index}\n\n"

    def what_if(self, person: str, index: int, given: Mapping[str, str]) -> WhatIfView:
        self.decision(person, index)
        if "args.amout" in given:
            raise Problem("bad-field", "`refund.create` has no `args.amout`", field="args.amout")
        return WhatIfView(
            index=index,
            was=Verdict("deny", "Refused"),
            now=Verdict("allow", "Allowed"),
            sentence=HOSTILE,
            changed=tuple(given.items()),
            notes=(HOSTILE,),
            findings=FINDINGS,
            nearest=(HOSTILE,),
            turning="",
            enough=(),
        )

    def decision(self, person: str, index: int) -> DecisionView:
        if index > 48211:
            raise Problem("unknown", f"there is no entry `{index}`; the log ends at 48210")
        return DecisionView(
            index=index,
            at=START,
            title="refund-desk asked for refund.create",
            sentence=HOSTILE,
            verdict=Verdict("deny", "Refused"),
            observed=False,
            agent="refund-desk",
            attested=False,
            stated=(Fact("note", HOSTILE, "claimed"),),
            facts=(
                Fact("action", "refund.create", "exact"),
                Fact("customer", "s-" + "a" * 26, "exact", "identity", "a pseudonym", "mono"),
                Fact("note", HOSTILE, "claimed"),
            ),
            findings=FINDINGS,
            incomplete="",
            known=(
                Known(
                    "LIM-3, at most 500 EUR a day",
                    "3 times, in all 212.50",
                    "ours",
                    "Recorded here",
                ),
            ),
            nearest=(HOSTILE,),
            turning="No change of the request can turn it. " + HOSTILE,
            enough=("a list returning_customers refreshed within 24 h", HOSTILE),
            story=(Step(index, START, "deny", "Refused.", "This decision."),),
            receipt=ReceiptView(
                index,
                "ab" * 32,
                "corp.example/governance",
                48211,
                False,
                "Nothing outside has seen this head.",
                "3f3f",
            ),
            digest=DIGEST,
            lifts=("support-refunds/REF-009",),
            may_override=YES
            if self.people[person].roles
            else May(False, "Lifting REF-009 takes a support-lead."),
            may_reverse=May(False, "It was not carried out, so there is nothing to take back."),
            may_disregard=YES,
            reviews=ReviewsView(
                rows=(ReviewView(1050, START, HOSTILE, "Too strict", HOSTILE, True),),
                note="People disagree about it.",
                choices=choices("deny"),
                may=YES
                if self.people[person].roles
                else May(False, "To review decisions takes a role; you have none."),
            ),
            approval=1043,
        )

    def override(
        self, person: str, index: int, *, reason: str, lifts: tuple[str, ...], digest: str
    ) -> None:
        self.acts.append(("override", person, index, reason, lifts, digest))

    def reverse(self, person: str, index: int, *, reason: str, outcome: str) -> None:
        self.acts.append(("reverse", person, index, reason, outcome))

    def disregard(self, person: str, index: int, *, reason: str) -> None:
        self.acts.append(("disregard", person, index, reason))

    # -- stops, agents, log

    def review(self, person: str, index: int, *, verdict: str, should_be: str, reason: str) -> None:
        self.acts.append(("review", person, index, verdict, should_be, reason))

    def sample(self, person: str) -> SampleView:
        asked, refused = Verdict("ask", "Person asked"), Verdict("deny", "Refused")
        row = SampledRow(
            1042, START, "refund-desk", "Refund an order", "refund.create", refused, False, ""
        )
        done = SampledRow(
            1041, START, "pay-runner", HOSTILE, HOSTILE, asked, True, "you answer for its agent"
        )
        return SampleView((row,), (done,), HOSTILE, YES)

    def draw(self, person: str, *, count: int, days: int) -> None:
        self.acts.append(("draw", person, count, days))

    def stops(self, person: str) -> tuple[StopView, ...]:
        return tuple(self.stop(person, index) for index in sorted(self.stopped, reverse=True))

    def stop(self, person: str, index: int) -> StopView:
        if index not in self.stopped:
            raise Problem("unknown", f"no stop `{index}` is in force")
        found = self.stopped[index]
        mine = found.lift_asked.startswith(self.people[person].name)
        return replace(
            found,
            may_ask=May(not found.lift_asked),
            may_lift=May(False, "You asked to lift it; another person must agree.")
            if mine
            else May(bool(found.lift_asked)),
        )

    def choices(self, person: str) -> StopChoices:
        return StopChoices(
            ("pay-runner", "refund-desk", HOSTILE), ("payments",), ("payment.create", "shell.run")
        )

    def raise_stop(self, person: str, scope: str, name: str, *, reason: str) -> int:
        index = 90 + len(self.stopped)
        self.acts.append(("stop", person, scope, name, reason))
        self.stopped[index] = StopView(
            index,
            f"{scope} {name}".strip(),
            reason,
            self.at,
            self.people[person].name,
            False,
            "Nothing allowed since.",
            "",
            "",
            YES,
            May(False),
        )
        return index

    def lift(self, person: str, index: int, *, reason: str) -> None:
        view = self.stop(person, index)
        if view.may_lift.yes:
            self.acts.append(("lift", person, index, reason))
            del self.stopped[index]
        elif view.may_ask.yes:
            self.acts.append(("ask-lift", person, index, reason))
            self.stopped[index] = replace(
                self.stopped[index],
                lift_asked=f"{self.people[person].name} asked.",
                lift_reason=reason,
            )
        else:
            raise Problem("needs-another", "you asked to lift it; another person must agree")

    def agents(self, person: str) -> tuple[AgentRow, ...]:
        stopped = 90 if 90 in self.stopped else None
        return tuple(
            replace(row, stopped_by=stopped) if row.id == "pay-runner" else row for row in AGENTS
        )

    def agent_change(self, person: str, name: str) -> AgentChangeView:
        if name != "travel-desk":
            raise Problem("unknown", f"nothing about an agent `{name}` waits")
        rows = (("Purpose", "", HOSTILE), ("Tools", LONG, HOSTILE), ("Owner", HOSTILE, LONG))
        may = YES if person == MARIA else May(False, HOSTILE)
        return AgentChangeView(name, 95, HOSTILE, False, rows, (HOSTILE, LONG), may)

    def confirm_agent(self, person: str, name: str, entry: int) -> None:
        self.acts.append(("confirm", person, name, entry))

    def contradiction(self, person: str, name: str) -> ContradictionView:
        if name != "dept":
            raise Problem("unknown", f"no anchor `{name}` contradicts this log")
        return ContradictionView(
            name,
            "a witness",
            HOSTILE,
            93,
            START,
            48300,
            "q83v" * 10 + "abc=",
            "It is signed with this log's key.",
            48211,
            48211,
            None,
            HOSTILE,
            HOSTILE,
            HOSTILE,
            True,
            YES if person == MARIA else May(False, HOSTILE),
        )

    def settle(self, person: str, name: str, *, reason: str, seen: int) -> None:
        self.contradiction(person, name)
        self.acts.append(("settle", person, name, reason, seen))

    def head(self) -> HeadView:
        return HeadView(
            "corp.example/governance",
            48211,
            "q83v" * 10 + "abc=",
            START,
            "corp.example/governance\n48211\nq83v\n\n— corp.example/governance AAAA\n",
            (
                LogKeyView(
                    "aabbccdd", "corp.example/governance+aabbccdd+AbCd", "Ed25519", "signs", True
                ),
            ),
            "Nothing outside has seen this head: whoever holds key and disk could still rewrite it.",
            False,
        )
