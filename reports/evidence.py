"""What a report says, as one value: JSON and PDF are two renderings of the same `Evidence`.

The law: every number stands in a `Count`, a `Rate`, a `Spread` or a row that names entries, and
carries the `Cite` of the entries it was counted from. The same entries and parameters give the
same `Evidence`, and the same `Evidence` gives the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from reports.counts import Cite, Count, Rate, Spread
from reports.outside import NOBODY, Outside

FORMAT: Final = "oversight-report/1"
"""Version of the JSON; a reader refuses one it does not know."""

Status = Literal["evidenced", "partly", "not evidenced", "not applicable", "not yet in force"]
STATUSES: Final[tuple[Status, ...]] = (
    "not evidenced",
    "partly",
    "evidenced",
    "not applicable",
    "not yet in force",
)
"""In the order in which they are printed: what needs a person first."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Decisions of one group by effect. `key` names the group (an agent, an action, a week)."""

    key: tuple[str, ...]
    allow: int
    require_approval: int
    deny: int
    cite: Cite

    @property
    def total(self) -> int:
        """Decisions in the group."""
        return self.allow + self.require_approval + self.deny


@dataclass(frozen=True, slots=True)
class RuleRow:
    """How often a rule had a finding, and how often its finding was the strictest one."""

    policy: str
    rule: str
    title: str
    mode: str
    found: int
    decided: int
    cite: Cite


@dataclass(frozen=True, slots=True)
class Bin:
    """One class of a histogram: seconds, `low` included, `high` not; None is open."""

    low: float
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class AgentRow:
    """An agent as the log has it at the end of the period."""

    agent: str
    team: str
    owner: str | None
    deputy: str | None
    ai_act_class: str
    annex: str | None
    autonomy: str
    state: str
    confirmed: bool
    brief_as_of: datetime | None
    decisions: int
    allowed: int
    outcomes: int
    attested: int
    missing: int
    cite: Cite


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """A policy release of the period. `proved`: one person or connector put it in force, because it
    was proved that nothing becomes looser."""

    index: int
    at: datetime
    release: str
    proposed_by: str
    signed_by: str
    alone: bool
    proved: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """A disclosed irregularity of the service itself."""

    index: int
    at: datetime
    kind: str
    says: str


@dataclass(frozen=True, slots=True)
class Act:
    """One human act upon a decision: an override, a disregard or a reversal.

    `reason` is the opened text, or None where it is committed but not opened for this report.
    """

    index: int
    at: datetime
    kind: str
    agent: str
    decision: int
    by: tuple[str, ...]
    lifts: tuple[str, ...]
    reason: str | None
    complete: bool
    alone: bool
    came_of_it: str
    cite: Cite


@dataclass(frozen=True, slots=True)
class StopRow:
    """A stop or a drill: what it covered, what was refused, what (never anything) passed after."""

    index: int
    at: datetime
    scope: str
    by: str
    drill: bool
    reason: str | None
    refused: int
    passed: Count
    last_allowed: int | None
    seconds: str | None
    lifted: int | None
    lifted_at: datetime | None
    lifted_by: str | None
    cite: Cite


@dataclass(frozen=True, slots=True)
class Erasure:
    """A data subject or person whose values were erased."""

    index: int
    at: datetime
    subject: str
    ground: str
    values: int
    copies_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A legal hold in force at some time of the period; its scope in words."""

    index: int
    at: datetime
    scope: str
    lifted: int | None
    lifted_at: datetime | None


@dataclass(frozen=True, slots=True)
class CutRow:
    """A cut of the period: entries before `minimum` were given up, `counts` by retention class.

    `overwritten`: the entry that says that their bytes are gone, with so many `values`; until
    `copies_until` a backup may hold copies.
    """

    index: int
    at: datetime
    minimum: int
    last_at: datetime
    people: tuple[str, ...]
    counts: tuple[tuple[str, int], ...]
    overwritten: int | None
    overwritten_at: datetime | None
    values: int | None
    copies_until: datetime | None
    cite: Cite


@dataclass(frozen=True, slots=True)
class Kept:
    """How long entries are kept, as the log has it at the end of the period.

    `classes`: days by retention class; one that is missing is kept for ever. `duty`: a law that asks
    for `duty_days`. `rules`: the entry that set them. `minimum`: the first entry that this report
    could read; those before, the last of them written at `pruned_until`, were given up.
    """

    floor_days: int
    classes: tuple[tuple[str, int], ...]
    duty: str | None
    duty_days: int | None
    schedule: bool
    rules: int | None
    holds: tuple[HoldRow, ...]
    cuts: tuple[CutRow, ...]
    minimum: int
    pruned_until: datetime | None


@dataclass(frozen=True, slots=True)
class ExceptionRow:
    """All exceptions of one kind that share an agent and a cause, every index listed."""

    kind: str
    agent: str
    cause: str
    first_at: datetime | None
    last_at: datetime | None
    cite: Cite


@dataclass(frozen=True, slots=True)
class DutyRow:
    """One duty of the catalogue and what the log shows for it; `lacks` says why not evidenced."""

    id: str
    duty: str
    source: str
    who: str
    applies_from: str
    as_of: str
    section: str
    labels: tuple[str, ...]
    status: Status
    k: int
    n: int
    unit: str
    last: datetime | None
    shows: str
    lacks: tuple[str, ...]
    cites: tuple[Cite, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence for people, and the entries behind it."""

    title: str
    text: str
    cites: tuple[Cite, ...] = ()


@dataclass(frozen=True, slots=True)
class Period:
    """Half open, UTC: `start` <= at < `end`."""

    start: datetime
    end: datetime
    label: str


@dataclass(frozen=True, slots=True)
class Header:
    """What the report is of. `agent` is None for all agents."""

    id: str
    workspace: str
    period: Period
    agent: str | None
    made_at: datetime
    software: str
    catalogue_as_of: str


@dataclass(frozen=True, slots=True)
class Head:
    """The checkpoint everything was counted under.

    `recomputed` is "same" if the root over the leaves seen is the root signed, "differs" if it is
    not, "not done" if leaves were not given or entries are missing. `witnesses` are the names of
    those who signed besides the log, `keys` the ids of the log's own that did, as they claim; their
    signatures are printed, not verified here.
    """

    origin: str
    size: int
    root: str
    checkpoint: str
    witnesses: tuple[str, ...]
    keys: tuple[str, ...]
    recomputed: Literal["same", "differs", "not done"]
    outside: Outside = NOBODY


@dataclass(frozen=True, slots=True)
class Population:
    """Everything counted, and whether anything is missing from it."""

    entries: Count
    before: int
    after: int
    present: int
    missing: tuple[tuple[int, int], ...]
    repeated: int
    log_began: datetime | None
    log_ends: datetime | None
    covered_seconds: int
    period_seconds: int
    kinds: tuple[Count, ...]
    gaps: tuple[Gap, ...]
    allowed: Count
    with_outcome: Rate
    without_outcome: Count
    redeemed: Count
    outcomes: Count
    attested: Rate
    outcomes_without_allow: Count
    outcomes_observed: Count


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions of the period, cut five ways; each cut adds up to `total`."""

    total: Count
    allow: Count
    require_approval: Count
    deny: Count
    observed: Count
    agents: tuple[Verdicts, ...]
    actions: tuple[Verdicts, ...]
    matrix: tuple[Verdicts, ...]
    series: tuple[Verdicts, ...]
    series_seconds: int
    rules: tuple[RuleRow, ...]
    never_fired: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Oversight:
    """What people were asked and how they answered; approvals asked in the period."""

    asked: Count
    granted: Rate
    refused: Rate
    expired: Rate
    cancelled: Rate
    open: Count
    answers: Count
    shown_first: Rate
    too_fast: Rate
    floor_seconds: tuple[float, ...]
    to_decide: Spread | None
    waited: Spread | None
    histogram: tuple[Bin, ...]
    used: Count
    quorum: Rate
    people: Count


@dataclass(frozen=True, slots=True)
class Reviews:
    """What people said of past decisions in the period, the newest of each person and decision.

    `replaced` are reviews that a newer one replaced, `decisions` those that were reviewed, `disputed`
    those of which people said different things, `drawn` those that a sample of the period named,
    `looked_at` the drawn ones that somebody had reviewed by the head.
    """

    given: Count
    right: Count
    too_strict: Count
    too_loose: Count
    replaced: Count
    decisions: Count
    disputed: Count
    drawn: Count
    looked_at: Count


@dataclass(frozen=True, slots=True)
class Evidence:
    """A periodic oversight report."""

    format: str
    header: Header
    head: Head
    shows: tuple[Statement, ...]
    attention: tuple[Statement, ...]
    agents: tuple[AgentRow, ...]
    roles: tuple[Count, ...]
    releases: tuple[ReleaseRow, ...]
    population: Population
    kept: Kept
    decisions: Decisions
    oversight: Oversight
    reviews: Reviews
    acts: tuple[Act, ...]
    stops: tuple[StopRow, ...]
    erasures: tuple[Erasure, ...]
    exceptions: tuple[ExceptionRow, ...]
    controls: tuple[DutyRow, ...]
    duties: tuple[DutyRow, ...]
    not_shown: tuple[Statement, ...]
    names: tuple[tuple[str, str], ...]


def to_json(evidence: Evidence) -> bytes:
    """The report as UTF-8 JSON: keys sorted, times ISO 8601 with microseconds and Z, one newline
    at the end. Interval limits are numbers with six decimals, everything else counts exactly."""
    text = json.dumps(_plain(evidence), ensure_ascii=False, sort_keys=True, indent=1)
    return text.encode() + b"\n"


def as_instant(at: datetime) -> str:
    """`2026-11-20T10:00:00.000000Z`, the log's own way of writing a time."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {f.name: _plain(getattr(value, f.name)) for f in fields}
    if isinstance(value, datetime):
        return as_instant(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value
