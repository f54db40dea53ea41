"""Policies on paper: the part of `Front` about rules, proposals and the way back, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from paper_views import DIGEST, HOSTILE, LONG, MARIA, START, YES

from governance.service.problem import Problem
from governance.web.console.learned import LearningView, LessonView
from governance.web.console.rule_views import (
    ApprovalsRow,
    BackView,
    CaseRow,
    ChangesView,
    DiffRow,
    ExceptionView,
    FileView,
    Found,
    LineView,
    MatrixView,
    PoliciesView,
    PolicyRow,
    PolicyView,
    ProofRow,
    ProposalView,
    ReleaseRow,
    RuleView,
    SideView,
    TextView,
    ThingView,
)
from governance.web.console.views import May, ProposalRow, Verdict

ALLOWED = Verdict("allow", "Allowed")
REFUSED = Verdict("deny", "Refused")
NO = May(False, "To sign policies takes the role `compliance officer`.")
ROW = PolicyRow(
    "payments", HOSTILE, LONG, "in force", 5, 1, date(2020, 1, 1), True, 2, START, 1042, HOSTILE
)
RELEASES = (
    ReleaseRow(290, "3f" * 32, START, f"{HOSTILE}, signed by Jonas Weber", True),
    ReleaseRow(200, "ab" * 32, START, "Jonas Weber alone", False),
)


SIDE = SideView(HOSTILE, HOSTILE, REFUSED, (HOSTILE, LONG), HOSTILE, LONG)
FILE = FileView(
    f"policies/{LONG}.yaml",
    HOSTILE,
    Verdict("ask", "Changed"),
    (
        ThingView("rule", LONG, Verdict("ask", "Changed"), SIDE, SIDE),
        ThingView("list", "payees", Verdict("allow", "New"), SIDE, None),
        ThingView("invariant", "INV-1", Verdict("deny", "Gone"), None, SIDE),
    ),
    3,
    HOSTILE,
)
CHANGES = ChangesView("1 thing is new.", (FILE,), ("policies/payments.yaml", LONG))
TEXT = TextView(
    300,
    FILE,
    DIGEST,
    (
        LineView(9, "same", "rules:"),
        LineView(10, "gone", HOSTILE),
        LineView(10, "new", f"    {LONG}{LONG}"),
        LineView(11, "new", ""),
    ),
    0,
    1_200,
    (("lines 10 to 11", 0, 1),),
    2,
    None,
    1_000,
)


@dataclass
class PaperPolicies:
    """Two proposals, one with everything hostile; `ruled` lists what reached it."""

    ruled: list[tuple[Any, ...]] = field(default_factory=list)
    over: dict[int, str] = field(default_factory=dict)
    to_sign: tuple[int, ...] = ()

    def _row(self, index: int) -> ProposalRow:
        waits = index not in self.over
        state = Verdict("ask", "Waits for a signature") if waits else REFUSED
        note = HOSTILE if index == 300 else ""
        return ProposalRow(
            index, LONG, START, note, "Back to an earlier release", state, "2 looser"
        )

    def learned(self, person: str) -> LearningView:
        lesson = LessonView(
            id="payments/PAY-012",
            title=HOSTILE,
            verdict=ALLOWED,
            loosens=True,
            rule="payments/PAY-003",
            owner=LONG,
            because=HOSTILE,
            support="12 decisions, 2 people, 6 days",
            bounds=(("args.amount", "from 600 EUR to 800 EUR"),),
            evidence=((1043, 1042, HOSTILE, "approved it"),),
            more=3,
            tried="On the past: 12 answers looser, 0 stricter, of 900; approvals -0.4 a day.",
            adapt=(HOSTILE,),
            note=HOSTILE,
            draft=HOSTILE,
        )
        left = (("payments/PAY-004 (payment.create)", HOSTILE),)
        may = YES if person == MARIA else NO
        return LearningView(
            "done", "12 acts of people count.", "Only people teach.", (lesson,), left, may
        )

    def learn(self, person: str) -> None:
        self.ruled.append(("learn", person))

    def book(self, person: str) -> bytes:
        return b"%PDF-1.7"

    def policies(self, person: str) -> PoliciesView:
        rows = tuple(self._row(index) for index in (300, 301))
        return PoliciesView(
            "3f" * 6,
            (ROW,),
            tuple(row for row in rows if row.index not in self.over),
            tuple(row for row in rows if row.index in self.over),
            RELEASES,
            1_000,
            YES if person == MARIA else NO,
            ("all/INV-1", LONG),
        )

    def policy(self, person: str, name: str) -> PolicyView:
        if name != "payments":
            raise Problem("unknown", f"there is no policy `{name}` in force")
        rule = RuleView(
            "PAY-1", HOSTILE, REFUSED, HOSTILE, HOSTILE, "critical", START, 1042, (HOSTILE, LONG)
        )
        return PolicyView(
            ROW,
            HOSTILE,
            (LONG,),
            (rule, RuleView("PAY-2", "Small", ALLOWED, "If so.", LONG, "low", None, None)),
            (CaseRow(HOSTILE, LONG, REFUSED, "PAY-1"),),
            3,
            (HOSTILE,),
            RELEASES,
            1_000,
            (LONG, "payments"),
            (ExceptionView(LONG, HOSTILE, Verdict("ask", "Lifts PAY-1"), HOSTILE, LONG),),
            MatrixView(
                ("low, below that", "high, from 30 points"),
                (("L1", (Verdict("plain", "Adds nothing"), ALLOWED)), (LONG, (REFUSED, REFUSED))),
                (HOSTILE,),
            ),
        )

    def proposal(self, person: str, index: int) -> ProposalView:
        if index not in (300, 301):
            raise Problem("unknown", f"there is no proposal `{index}`")
        row, bad = self._row(index), index == 300
        is_open = index not in self.over
        nothing = Found(missing="Not found out: it was not finished within 60 s.")
        return ProposalView(
            index=index,
            release="cd" * 32,
            who=row.who,
            at=row.at,
            note=row.note,
            origin=row.origin,
            state=row.state,
            open=is_open,
            evidence=DIGEST,
            changes=CHANGES if bad else ChangesView("", missing="The files cannot be read."),
            ended=self.over.get(index, ""),
            looser=2 if bad else 0,
            given_up=1 if bad else 0,
            accepts=(("looser", "I accept that 2 kinds."), ("given_up", HOSTILE)) if bad else (),
            check=Found(("No error. 1 warning:", HOSTILE)),
            cases=Found(("7 of 7 cases hold.",)),
            proofs=Found(("0 of 1 invariants are proved.",)) if bad else nothing,
            proof_rows=(ProofRow("INV-1", HOSTILE, Verdict("unknown", "Not proved"), LONG),),
            diff=Found(("Some are looser.",)) if bad else nothing,
            diff_rows=(
                DiffRow(REFUSED, True, LONG, "refused, then allowed", HOSTILE, ((LONG, HOSTILE),)),
                DiffRow(Verdict("plain", "Stricter"), False, "a", "still refused", "x", ()),
            )
            if bad
            else (),
            backtest=Found((HOSTILE,)),
            backtest_rows=(("1042", HOSTILE, "allowed, then refused", LONG),),
            approvals=Found(("+2 a day; so far 1 a day.",)),
            approval_rows=(ApprovalsRow(LONG, "+2", "+6 min", "+3.0 min each of 2"),),
            warnings=(HOSTILE,),
            may_sign=YES if person == MARIA else NO,
            may_refuse=YES if person == MARIA else NO,
            may_withdraw=May(not bad),
            old_warnings=(HOSTILE, LONG) if bad else (),
            newer=("`bank/blocked` was refreshed since.", HOSTILE, LONG) if bad else (),
        )

    def proposed_text(self, person: str, index: int, path: str, first: int) -> TextView:
        if path not in (FILE.path, "policies/payments.yaml"):
            raise Problem("unknown", f"there is no file `{path}`")
        self.ruled.append(("text", index, path, first))
        return TEXT

    def proposed_book(self, person: str, index: int) -> bytes:
        return b"%PDF-1.7 proposal"

    def sign_policies(self, person: str, index: int, evidence: str) -> None:
        if evidence != DIGEST:
            raise Problem("not-shown", f"proposal `{index}` is not what this signature names")
        if not self.proposal(person, index).may_sign.yes:
            raise Problem("not-allowed", NO.why_not)
        self.ruled.append(("sign", person, index))
        self.over[index] = "Signed."

    def end_proposal(self, person: str, index: int, *, withdraw: bool, reason: str) -> None:
        self.ruled.append(("withdraw" if withdraw else "refuse", person, index, reason))
        self.over[index] = reason

    def way_back(self, person: str, release: str) -> BackView:
        if not RELEASES[1].release.startswith(release[:2]):
            raise Problem("unknown", f"no release that was in force begins with `{release}`")
        return BackView(RELEASES[1], "3f" * 6, YES if person == MARIA else NO)

    def go_back(self, person: str, release: str, *, reason: str) -> int:
        self.ruled.append(("back", person, release, reason))
        return 301
