"""What the pages of policies show.

Law: as `views`: plain values, said in words; a page decides nothing. No rule is shown without its
owner and its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from governance.web.console.views import May, ProposalRow, Verdict


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One policy in force. `fired` is when a rule of it last spoke, as far as was looked back;
    `gradual` says how a file that replaces another by shares stands, or nothing."""

    name: str
    title: str
    owner: str
    mode: str
    rules: int
    limits: int
    review_by: date
    overdue: bool
    findings: int
    fired: datetime | None
    fired_by: int | None
    gradual: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """One release that was in force; `signed` says who put it in force, and on what ground."""

    entry: int
    release: str
    at: datetime
    signed: str
    in_force: bool


@dataclass(frozen=True, slots=True)
class PoliciesView:
    """All policies in force, what waits, and what was in force before. `looked` is how many of the
    newest decisions were looked at for when a rule last spoke. `refuted` must never be allowed, and can
    happen since the product was upgraded."""

    release: str
    rows: tuple[PolicyRow, ...]
    waiting: tuple[ProposalRow, ...]
    over: tuple[ProposalRow, ...]
    history: tuple[ReleaseRow, ...]
    looked: int
    may_go_back: May
    refuted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule or limit in words, with its reason."""

    id: str
    title: str
    effect: Verdict
    words: str
    because: str
    severity: str
    fired: datetime | None
    fired_by: int | None
    points: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case: what must happen."""

    name: str
    given: str
    expect: Verdict
    by: str


@dataclass(frozen=True, slots=True)
class ExceptionView:
    """One exception in words; `state` says whether it lifts today."""

    id: str
    title: str
    state: Verdict
    words: str
    because: str


@dataclass(frozen=True, slots=True)
class MatrixView:
    """The table of risk points: from how many points each level begins, what each level of autonomy
    brings at it, and who is asked."""

    levels: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Verdict, ...]], ...]
    asked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PolicyView:
    """One file in force: a policy, the table of risk points, or what must never be allowed (`kind`).
    `extends` are the policies it adds to."""

    row: PolicyRow
    says: str
    controls: tuple[str, ...]
    rules: tuple[RuleView, ...]
    cases: tuple[CaseRow, ...]
    more_cases: int
    findings: tuple[str, ...]
    changes: tuple[ReleaseRow, ...]
    looked: int
    extends: tuple[str, ...] = ()
    exceptions: tuple[ExceptionView, ...] = ()
    matrix: MatrixView | None = None
    kind: str = "policy"


@dataclass(frozen=True, slots=True)
class DiffRow:
    """One kind of requests that would be answered differently."""

    how: Verdict
    looser: bool
    action: str
    change: str
    because: str
    such: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ProofRow:
    """One invariant and what was found."""

    id: str
    title: str
    verdict: Verdict
    such: str


@dataclass(frozen=True, slots=True)
class Found:
    """What was found out about a proposal in one respect; `missing` says why it was not."""

    says: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalsRow:
    """What a role would have to answer, a day."""

    role: str
    answers: str
    minutes: str
    shared: str


@dataclass(frozen=True, slots=True)
class SideView:
    """What a release says in one place, as it would be or as it is."""

    title: str
    sentence: str
    effect: Verdict | None = None
    points: tuple[str, ...] = ()
    because: str = ""
    beside: str = ""


@dataclass(frozen=True, slots=True)
class ThingView:
    """One rule, limit, exception, list, action ... that is new, changed or gone."""

    kind: str
    id: str
    how: Verdict
    now: SideView | None
    before: SideView | None


@dataclass(frozen=True, slots=True)
class FileView:
    """One file of a proposal. `things` are those shown here, `more` how many are only on its page;
    `note` says what there is to know where no words changed."""

    path: str
    title: str
    how: Verdict
    things: tuple[ThingView, ...] = ()
    more: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class ChangesView:
    """What a proposal changes, in words. `missing` says why it cannot be read."""

    says: str
    files: tuple[FileView, ...] = ()
    same: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of a file: its number (the old one where it goes), its mark, its text."""

    number: int
    mark: str
    text: str


@dataclass(frozen=True, slots=True)
class TextView:
    """One file of a proposal: its words that change, and a part of its text, line by line. `first`
    is the place of the first line shown among `total`; `stretches` are places of changed lines, each
    with the part it is in; `earlier` and `later` are parts (None: there is none)."""

    index: int
    file: FileView
    digest: str
    lines: tuple[LineView, ...]
    first: int
    total: int
    stretches: tuple[tuple[str, int, int], ...]
    more_stretches: int
    earlier: int | None
    later: int | None


@dataclass(frozen=True, slots=True)
class ProposalView:
    """One proposal with everything that was found out about it. `evidence` is what a signature is
    bound to; `ended` says how it ended. `looser` counts kinds of looser answers, `given_up` invariants
    that are no longer asked for: two things. `accepts` is what a signer must tick, each with its
    name and exactly what is accepted; `newer` says which lists were refreshed since."""

    index: int
    release: str
    who: str
    at: datetime
    note: str
    origin: str
    state: Verdict
    open: bool
    evidence: str
    changes: ChangesView
    ended: str
    looser: int
    given_up: int
    accepts: tuple[tuple[str, str], ...]
    check: Found
    cases: Found
    proofs: Found
    proof_rows: tuple[ProofRow, ...]
    diff: Found
    diff_rows: tuple[DiffRow, ...]
    backtest: Found
    backtest_rows: tuple[tuple[str, str, str, str], ...]
    approvals: Found
    approval_rows: tuple[ApprovalsRow, ...]
    warnings: tuple[str, ...]
    may_sign: May
    may_refuse: May
    may_withdraw: May
    old_warnings: tuple[str, ...] = ()
    newer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BackView:
    """A release that one may go back to."""

    row: ReleaseRow
    now: str
    may: May
