"""The nouns of the engine: what is asked, what is known, what is answered.

Law: everything here is frozen, compares by value and says nothing about how it was made. A verdict
cannot exist without a finding, so there is never an answer without its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Final, Literal

SEMANTICS: Final = "2"
"""Version of what `decide` means. The log names it, so that an old verdict is replayed with the
engine that gave it. Raise it with every change that can change a verdict.

2: the order of everything in a verdict follows names, no longer the order in which files are written.
"""

SERVICE: Final = "service"
"""The policy name of the built-in findings (see `Finding`)."""


class Effect(IntEnum):
    """What may happen, ordered from loosest to strictest; the strictest finding wins."""

    ALLOW = 0
    REQUIRE_APPROVAL = 1
    DENY = 2

    @property
    def word(self) -> str:
        """The effect as policy files and answers write it: `allow`, `require_approval`, `deny`."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Effect:
        """The effect a word names; raises KeyError for any other word."""
        return cls[word.upper()]


class Mode(Enum):
    """How far a policy file counts: checked only, watched, for a share, or enforced."""

    DRAFT = "draft"
    OBSERVE = "observe"
    GRADUAL = "gradual"
    ENFORCE = "enforce"


class Risk(IntEnum):
    """Risk levels, also used for the severity of rules."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Risk:
        return cls[word.upper()]


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""An optional argument that was not given. A value, not an error: it is known to be absent."""


@dataclass(frozen=True, slots=True)
class CannotTell:
    """A value that is missing where it is required, or spoiled; `why` is a short code such as
    `missing`, `not_a_number`, `unknown_member` and never contains the value itself."""

    why: str


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in one ISO 4217 currency; amounts in two currencies cannot be compared."""

    amount: Decimal
    currency: str


Scalar = str | bool | int | Decimal | Money | date | timedelta
Value = Scalar | tuple[Scalar, ...] | Absent | CannotTell


@dataclass(frozen=True, slots=True)
class Request:
    """One proposed action, read against the catalogue.

    `fields` is flat with dotted names: `args.*`, `command.*`, `resource.*`, `subject.*`,
    `context.*` from the caller; `agent.*`, `session.*`, `tool.*`, `time.*` from the service.
    `undeclared` are the names (`args.bcc`) of arguments that the catalogue does not declare.
    `attested` says that the caller is a gateway or connector, so that its claims are facts.
    `pseudonyms` maps identity arguments to `s-...`; limits and history are keyed by these only, and
    an identity argument without one makes every such key *cannot tell*.
    """

    action: str
    fields: Mapping[str, Value]
    undeclared: tuple[str, ...] = ()
    attested: bool = False
    pseudonyms: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FactQuery:
    """A question to the facts: the total of `series` under `key` since a time.

    `since` is in microseconds since the epoch, exclusive of nothing: charges at `since` count.
    None means ever. `unit` is the unit the asker counts in (a currency, a unit, or "" for counts):
    any charge of another unit in the window makes the total `mixed`. It is no part of the query's
    identity, so that a recorded query finds its answer again.
    """

    series: str
    key: str
    since: int | None
    unit: str = field(default="", compare=False)

    def __hash__(self) -> int:
        # Texts remember their hash, so this is several times cheaper than a tuple's.
        return hash(self.series) ^ hash(self.key)


@dataclass(frozen=True, slots=True)
class Total:
    """The answer to a `FactQuery`; `mixed` = charges of another unit are in the window."""

    sum: Decimal
    count: int
    mixed: bool = False


NOTHING: Final = Total(Decimal(0), 0, False)


@dataclass(frozen=True, slots=True)
class Charge:
    """What an allowed action adds to a series. History charges have amount 1 and unit ""."""

    series: str
    key: str
    amount: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Seat:
    """So many different people who hold a role."""

    role: str
    count: int


@dataclass(frozen=True, slots=True)
class ApprovalClause:
    """Who must agree, and how, before an action that one rule holds back may go on.

    `rule` is `policy/rule`, the name under which the finding is lifted. No answer within
    `answer_within` is a no. `not_by` names who may not answer: `requester`, `agent.owner`,
    `agent.deputy`. `checklist` items must each be confirmed; `review_time` is the least time
    between seeing the evidence and answering.
    """

    rule: str
    needs: tuple[Seat, ...]
    answer_within: timedelta
    not_by: tuple[str, ...] = ()
    reason_required: bool = False
    checklist: tuple[str, ...] = ()
    review_time: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Obligation:
    """Something the runtime must do with an allowed action. One it does not know is a deny."""

    id: str
    type: Literal["redact", "notify", "log", "tell_user"]
    properties: Mapping[str, str | tuple[str, ...]] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule, limit, default or built-in says about a request, and why.

    `rule` is the rule's or limit's id, `default` for a file's default, or, with policy `service`:
    `governed` (no file in force governs the action), `stop`, `agent` (unknown, suspended or not
    given this tool), `autonomy`, `obligation`; `undeclared` carries the policy whose allows it
    silenced; `observe` (with the policy's name) is the allow of a file that only watches.
    `certain` is False when the rule matched because it could not be told; then `unknown` names the
    fields. `fields` are all fields the rule tests. `lifted` = an approval or override took it away,
    or the policies themselves did: then `lifted_by` names the exception or the child's rule.
    """

    policy: str
    rule: str
    title: str
    effect: Effect
    because: str
    severity: Risk
    certain: bool = True
    unknown: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    mode: Mode = Mode.ENFORCE
    clause: ApprovalClause | None = None
    waivable_by: tuple[str, ...] = ()
    lifted: bool = False
    lifted_by: str = ""

    @property
    def name(self) -> str:
        """`policy/rule`: how approvals, overrides and the log name this finding."""
        return f"{self.policy}/{self.rule}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer. `findings` is never empty: strictest first, then by policy and rule; obligations
    are by id, charges by policy and limit, then the histories'.

    `charges` and `labels` are what an ALLOW adds to the series and to the session; otherwise there
    are no labels, and no charges but the counters of files in gradual mode. `clauses` are the
    approval clauses that are still unmet. `observed` = only files in observe mode govern the action;
    `would_be` is what they (and everything else) would have said. `sides` says of each gradual file that matters here which side spoke: `new`, `old`, `both`
    (it cannot be told) or `stopped`.
    """

    effect: Effect
    findings: tuple[Finding, ...]
    obligations: tuple[Obligation, ...] = ()
    clauses: tuple[ApprovalClause, ...] = ()
    charges: tuple[Charge, ...] = ()
    labels: frozenset[str] = frozenset()
    risk: str = "low"
    observed: bool = False
    would_be: Effect = Effect.DENY
    sides: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not self.findings:
            raise ValueError("a verdict needs at least one finding: an answer has a reason")


Severity = Literal["error", "warning", "note"]
"""How bad a finding is: an `error` keeps the files from being released, a `warning` asks a person to
look, a `note` is said for completeness."""


@dataclass(frozen=True, slots=True)
class Fix:
    """A replacement of one stretch of a file, which answers a finding.

    Lines and columns (in characters) start at 1; the end is exclusive, so that start = end inserts.
    `text` may be empty. `safe` = it may be made without asking: it changes how a thing is written and
    never what a file means, beyond what the finding says. Any other fix is offered, not made.
    """

    start_line: int
    start_column: int
    end_line: int
    end_column: int
    text: str
    safe: bool = False


@dataclass(frozen=True, slots=True)
class LoadFinding:
    """One thing wrong with a policy file, where a person can find it.

    `line` and `column` start at 1. `code` is stable (`unknown-key`, `wrong-unit`, …) and has a
    section in `policies/findings.md`; `message` is one sentence; `hint` says what to do or is empty.
    """

    path: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""
    severity: Severity = "error"
    fix: Fix | None = None

    def __str__(self) -> str:
        tail = f" ({self.hint})" if self.hint else ""
        kind = "" if self.severity == "error" else f"{self.severity}: "
        return f"{self.path}:{self.line}:{self.column}: {kind}{self.code}: {self.message}{tail}"


class PolicyErrors(Exception):
    """Policy files cannot become a release. `findings` holds every reason, in file order."""

    def __init__(self, findings: tuple[LoadFinding, ...]) -> None:
        self.findings = findings
        super().__init__("\n".join(str(finding) for finding in findings))

    def __reduce__(self) -> tuple[type[PolicyErrors], tuple[tuple[LoadFinding, ...]]]:
        return (PolicyErrors, (self.findings,))
