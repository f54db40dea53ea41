"""What policy files say, as values: conditions, rules, limits, files.

Law: these are what the loader makes and everything else reads (compile, explain, words, analyse).
Every name in them has been checked against the catalogue; every constant has its field's type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from governance.engine.fields import AUTONOMY
from governance.engine.model import (
    ApprovalClause,
    Effect,
    Mode,
    Money,
    Obligation,
    Risk,
    Scalar,
    Seat,
)
from governance.engine.values import Type

_TEXT = Type("text")


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison: `field op constants`.

    `kind` is the field's type in words (`money`, `list of path`). `constants` are literal values of
    that type (patterns for `name_like`, a number for `count_*`, one bool for `is_set`, two for
    `between`). `lists` are names of lists of the same file whose members count as constants, too.
    `other` is the second field of `same_as_field` and `not_same_as_field`.
    """

    field: str
    kind: str
    op: str
    constants: tuple[Scalar, ...] = ()
    lists: tuple[str, ...] = ()
    other: str | None = None


@dataclass(frozen=True, slots=True)
class ActionIs:
    """The action is one of these."""

    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class History:
    """Whether one of `actions` happened before: `did` or (negative) `did_not`.

    `same` are fields whose value must be the same then and now. `in_last` None means ever. `by` is
    `this_agent`, `any_agent` or `any_person`. `series` is the name of the series of what was
    allowed; `confirmed_series` of what was attested to be executed.
    """

    actions: tuple[str, ...]
    negative: bool
    same: tuple[str, ...]
    in_last: timedelta | None
    by: str
    series: str
    confirmed_series: str


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds. No part: always holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """At least one part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Condition


Condition = Test | ActionIs | History | All | Any | Not


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `trust_claim` is the reason for believing claims ("" = it tests none);
    `attested_only` = claims of an agent are *cannot tell*, those of a gateway count.
    `waivable_by` are roles; `loosened_by` says whether an `exception` or a `child` may lift it;
    `instead_of` names the parents' rules (`policy/rule`) that this one replaces where it holds."""

    id: str
    title: str
    effect: Effect
    when: Condition
    because: str
    severity: Risk
    clause: ApprovalClause | None = None
    obligations: tuple[Obligation, ...] = ()
    waivable_by: tuple[str, ...] = ()
    trust_claim: str = ""
    attested_only: bool = False
    controls: tuple[str, ...] = ()
    line: int = 1
    column: int = 1
    loosened_by: frozenset[str] = frozenset()
    instead_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so much. `measure` is None for a count, else the field that is summed.

    `window` is a duration, or `calendar_day` is the name of a time zone, never both. `at_most` has
    the measured field's type (or is a whole number of actions). `series` names where charges go.
    """

    id: str
    title: str
    measure: str | None
    of: Condition
    per: tuple[str, ...]
    window: timedelta | None
    calendar_day: str | None
    at_most: Money | Decimal
    unit: str
    otherwise: Effect
    because: str
    severity: Risk
    series: str
    clause: ApprovalClause | None = None
    waivable_by: tuple[str, ...] = ()
    trust_claim: str = ""
    attested_only: bool = False
    controls: tuple[str, ...] = ()
    line: int = 1
    column: int = 1
    loosened_by: frozenset[str] = frozenset()
    instead_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListUse:
    """A list as one file uses it: inline members, or `source` (a list file) with `max_age`.
    `kind` is the type of its members; `inherited` is the parent policy that declares it."""

    name: str
    members: tuple[Scalar, ...]
    source: str | None = None
    max_age: timedelta | None = None
    as_of: datetime | None = None
    kind: Type = _TEXT
    inherited: str = ""


@dataclass(frozen=True, slots=True)
class Exemption:
    """One entry of `exceptions`: for whom (`who`) which rule or limit of the same file is lifted,
    what holds `instead`, why, and from which day to which (both included, UTC)."""

    id: str
    title: str
    lifts: str
    who: Condition
    instead: Effect
    reason: str
    ticket: str
    since: date
    expires: date
    clause: ApprovalClause | None = None
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Gradual:
    """A file that speaks for a share only, instead of the policy that it `replaces`.

    `share`, `denied` and `held_back` are per cent. Once at least `out_of` decisions of the share in
    `in_last` were denied (or denied or brought before people) in so large a part, it stops. `series`
    is where it is counted. `forced` decides the side without asking: `new`, `old` or `both`.
    """

    replaces: str
    share: Decimal
    of: str
    by: str
    since: date
    until: date
    denied: Decimal | None
    held_back: Decimal | None
    out_of: int
    in_last: timedelta
    series: str
    forced: str = ""


@dataclass(frozen=True, slots=True)
class Factor:
    """One risk factor: so many points where it holds, or where that cannot be told."""

    id: str
    title: str
    points: int
    when: Condition
    because: str
    trust_claim: str = ""
    attested_only: bool = False
    controls: tuple[str, ...] = ()
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Observing:
    """Who watches instead of enforcing, and from which day to which (both included)."""

    by: str
    since: date
    until: date


@dataclass(frozen=True, slots=True)
class Case:
    """One row of a case table: dotted cells as written (without the empty ones), the effect that is
    expected, the rules that must be among the reasons, and where it stands. `columns` are the names
    of all cells, the empty ones included."""

    name: str
    cells: Mapping[str, object] = field(hash=False)
    expect: Effect
    by: tuple[str, ...]
    path: str
    line: int
    column: int
    columns: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """One policy file. `applies_to` is a condition over `agent.*` (`All(())` = every agent)."""

    policy: str
    title: str
    owner: str
    review_by: date
    governs: tuple[str, ...]
    applies_to: Condition
    mode: Mode
    observing: Observing | None
    default: Effect
    default_clause: ApprovalClause | None
    controls: tuple[str, ...]
    lists: Mapping[str, ListUse] = field(hash=False)
    rules: tuple[Rule, ...]
    limits: tuple[Limit, ...]
    cases: tuple[Case, ...]
    path: str
    extends: tuple[str, ...] = ()
    exceptions: tuple[Exemption, ...] = ()
    gradual: Gradual | None = None

    @property
    def speakers(self) -> tuple[Rule | Limit, ...]:
        """Everything in the file that has an id of its own and can be a reason."""
        return (*self.rules, *self.limits)


@dataclass(frozen=True, slots=True)
class RiskTable:
    """Risk points: the factors, from how many points each level begins, and the least oversight
    that each level of autonomy and of risk brings (what is not written brings none). `clauses` say
    who is asked at a level of risk."""

    risk: str
    title: str
    owner: str
    review_by: date
    factors: tuple[Factor, ...]
    levels: Mapping[Risk, int] = field(hash=False)
    matrix: Mapping[str, Mapping[Risk, Effect]] = field(hash=False)
    clauses: Mapping[Risk, ApprovalClause] = field(hash=False)
    lists: Mapping[str, ListUse] = field(hash=False)
    cases: tuple[Case, ...]
    path: str

    def level(self, points: int) -> Risk:
        """The level that so many points reach."""
        reached = [level for level, least in self.levels.items() if points >= least]
        return max(reached, default=Risk.LOW)

    def oversight(self, autonomy: object, level: Risk) -> Effect:
        """The least oversight; an autonomy that is not known is treated as the strictest row."""
        rows = list(self.matrix.values())
        if isinstance(autonomy, str) and autonomy in AUTONOMY:
            rows = [self.matrix.get(autonomy, {})]
        return max((row.get(level, Effect.ALLOW) for row in rows), default=Effect.ALLOW)

    @property
    def shell(self) -> PolicyFile:
        """A policy without rules around the cases, so that they run as those of a policy do."""
        return PolicyFile(
            policy=self.risk,
            title=self.title,
            owner=self.owner,
            review_by=self.review_by,
            governs=(),
            applies_to=All(()),
            mode=Mode.ENFORCE,
            observing=None,
            default=Effect.DENY,
            default_clause=None,
            controls=(),
            lists=self.lists,
            rules=(),
            limits=(),
            cases=self.cases,
            path=self.path,
        )


@dataclass(frozen=True, slots=True)
class Invariant:
    """What must never be allowed: `when`, read as a deny is read.

    Without `people` and `needs` only a deny is enough, else an approval, too, that one clause makes
    at least `people` different people give, and these seats. A deny is enough if nobody but
    `waivable_by` may lift it.
    """

    id: str
    title: str
    when: Condition
    because: str
    people: int = 0
    needs: tuple[Seat, ...] = ()
    waivable_by: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Invariants:
    """One file of invariants. They decide nothing; they are proved of the files that do."""

    name: str
    title: str
    owner: str
    review_by: date
    never: tuple[Invariant, ...]
    lists: Mapping[str, ListUse] = field(hash=False)
    path: str
