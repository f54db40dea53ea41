"""What the log adds up to: agents, people, keys, sessions, approvals, overrides, stops.

Law: the state holds what is alive and nothing else.  A used approval, a closed session, a lifted
stop, a person who left are in the log, not here; so the state grows with the workspace, never
with the number of entries.  All of it is frozen; `oversight.state.apply` is the only thing that
makes a new state out of an old one.

Times are aware UTC datetimes; an *index* is the number of the entry that made the thing and is its
id for ever after.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from immutables import Map

AgentState = Literal["draft", "active", "suspended", "retired"]
ScopeType = Literal["everything", "team", "agent", "session", "action"]
Opener = Literal["agent", "person", "gateway"]
HoldScope = Literal["decision", "agent", "subject", "range"]

NO_LABELS: Final[frozenset[str]] = frozenset()
LATER: Final[Mapping[str, bool]] = {"later": True}
"""Metadata of a field that came after the first release; it must have a default (see `snapshot`)."""


@dataclass(frozen=True, slots=True)
class Brief:
    """When an agent was last told what it is for: `as_of` the sources' date, `index` the entry."""

    index: int
    as_of: datetime
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that an agent may claim to cost in one calendar period (UTC)."""

    amount: Decimal
    currency: str
    period: Literal["day", "week", "month"]


@dataclass(frozen=True, slots=True)
class Change:
    """A change that loosens, proposed by one person and waiting for another; `files` has what was
    found out about it, and `overtaken` is the entry that changed the agent since."""

    index: int
    person: str
    fields: Mapping[str, Any]
    files: Mapping[str, str] | None = field(default=None, metadata=LATER)
    overtaken: int | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class Refusal:
    """How often people refused an action or its variants, and until when it may not come back."""

    count: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent and the person who answers for it.

    `residue`: labels that sessions opened by the agent's own key took on; each later one starts
    with them.  `standing`: the session used when a request names none.  `sessions`: its live
    sessions, oldest first.  `index`: the entry that proposed it, `proposed_by` that person.
    `texts`: the entries with newer texts about it than that one's, by field.
    """

    id: str
    index: int
    state: AgentState
    team: str
    owner: str
    deputy: str | None
    agent_class: str
    annex: str | None
    tools: frozenset[str]
    labels: frozenset[str]
    model: str | None
    autonomy: str
    autonomy_until: datetime | None
    budget: Budget | None
    proposed_by: str
    workspace: str | None = None
    brief: Brief | None = None
    pending: Change | None = None
    residue: frozenset[str] = NO_LABELS
    standing: int | None = None
    sessions: tuple[int, ...] = ()
    refusals: Map[str, Refusal] = field(default_factory=Map)
    texts: Map[str, int] = field(default_factory=Map, metadata=LATER)


@dataclass(frozen=True, slots=True)
class Wish:
    """Roles that an administrator gave somebody and a second one has not confirmed: no rights."""

    index: int
    person: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Person:
    """An active person under a pseudonym; the name is in the vault, where it can be erased.

    `enrolled`: a key was issued to them once; from then on only they issue further ones.
    `waiting`: roles that do not count yet.
    """

    id: str
    index: int
    roles: frozenset[str]
    enrolled: bool = False
    waiting: Wish | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """An API credential.  `digest` is SHA-256 of the secret, which nobody here has ever stored.

    `agents`: for a gateway, the agents it may speak for (`*` = all); `obligations`: ids that the
    runtime behind it is registered to carry out; `lists`: lists it may refresh.
    """

    id: str
    index: int
    digest: str
    holder_type: Literal["agent", "gateway", "person"]
    holder_id: str
    agents: frozenset[str] = NO_LABELS
    obligations: frozenset[str] = NO_LABELS
    lists: frozenset[str] = field(default=NO_LABELS, metadata=LATER)


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key that signs the log, or signed it until entry `retired`.

    `id`: 8 hexadecimal digits; `index`: the entry that announced it, -1 for the key that the log was
    founded with; `why` it was retired.
    """

    id: str
    vkey: str
    index: int
    post_quantum: bool
    retired: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class KeyWish:
    """A change of the log's keys that one administrator proposed and a second must confirm."""

    index: int
    person: str
    change: Literal["add", "retire"]
    vkey: str
    custody: str | None


@dataclass(frozen=True, slots=True)
class Session:
    """A stretch of work of one agent.  `opener` is the id of who opened it.

    `depth` is the length of the delegation chain, `ancestors` the sessions it came from,
    `parent` the decision that delegated.
    """

    index: int
    agent: str
    opened_by: Opener
    opener: str
    opened_at: datetime
    labels: frozenset[str]
    depth: int
    parent: int | None
    ancestors: tuple[int, ...] = ()
    workspace: str | None = None


@dataclass(frozen=True, slots=True)
class Seat:
    """So many people of one role."""

    role: str
    count: int


@dataclass(frozen=True, slots=True)
class Clause:
    """What one rule asks of people; the recorded form of the engine's clause (microseconds)."""

    rule: str
    needs: tuple[Seat, ...]
    answer_within: int
    not_by: tuple[str, ...]
    reason_required: bool
    checklist: tuple[str, ...] = ()
    review_time: int = 0


@dataclass(frozen=True, slots=True)
class Grant:
    """One person's yes."""

    index: int
    person: str
    role: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """A request for a human yes, open or granted and not yet used.

    `shown` maps a person to the digest of exactly what that person last saw, `shown_at` to when.  `until` is the
    latest time for an answer while open, and for the use once granted.
    """

    index: int
    decision: int
    agent: str
    session: int
    digest: str
    variant: str
    asked_at: datetime
    until: datetime
    clauses: tuple[Clause, ...]
    refused_before: int
    requester: str | None
    release: str | None
    shown: Map[str, str] = field(default_factory=Map)
    shown_at: Map[str, datetime] = field(default_factory=Map)
    grants: tuple[Grant, ...] = ()
    granted: bool = False


@dataclass(frozen=True, slots=True)
class Override:
    """A human lifting of named deny rules for one action digest, unused so far.

    `people` have signed; until `complete` it lifts nothing.
    """

    index: int
    decision: int
    digest: str
    lifts: tuple[str, ...]
    until: datetime
    people: tuple[str, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """Decisions that were drawn to be reviewed, and which of them somebody has reviewed."""

    index: int
    person: str
    at: datetime
    decisions: tuple[int, ...]
    reviewed: frozenset[int] = frozenset()

    @property
    def waiting(self) -> tuple[int, ...]:
        """Those that nobody has reviewed."""
        return tuple(each for each in self.decisions if each not in self.reviewed)


@dataclass(frozen=True, slots=True)
class Stop:
    """Nothing in its scope is allowed while it is here.

    `person` is None for the stop that a restore raises; `asked_by` is who asked to lift it,
    with entry `asked_index`.
    """

    index: int
    scope: ScopeType
    scope_id: str | None
    person: str | None
    at: datetime
    drill: bool = False
    asked_by: str | None = None
    asked_index: int | None = None


@dataclass(frozen=True, slots=True)
class PolicyProposal:
    """A release that one person proposed and that nobody signed yet."""

    index: int
    release: str
    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ClockPause:
    """The wall clock jumped at entry `index`; `confirmed_by` is the first who looked."""

    index: int
    confirmed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Duty:
    """A law that asks for longer than the floor: its name as one word, and its days."""

    law: str
    days: int


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """For how many days each class of entries is kept; a class without days is kept for ever.

    `schedule`: a daily job may cut by these rules without being asked. `people` decided them.
    """

    index: int
    classes: Map[str, int]
    duty: Duty | None
    schedule: bool
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RetentionWish:
    """Rules that keep less than those in force, and wait for a second person."""

    index: int
    rules: RetentionRules


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: nothing of its scope goes while it is here.

    `scope_id` is a decision's number, an agent's id or a data subject's pseudonym; a range has
    `first` and `last`. `asked_by` asked to lift it, with entry `asked_index`.
    """

    index: int
    scope: HoldScope
    scope_id: str | None
    first: int | None
    last: int | None
    person: str
    at: datetime
    asked_by: str | None = None
    asked_index: int | None = None


@dataclass(frozen=True, slots=True)
class CutAsked:
    """A cut that one person asked for and that takes another."""

    index: int
    person: str
    minimum: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Cut:
    """The last cut: its entry, the first index that is kept, the SHA-256 of the state there, and
    the time of the last entry given up."""

    index: int
    minimum: int
    snapshot: str
    last_at: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept for how long, what is held, and what was cut.

    `overwritten`: the bytes of everything below the cut are gone from the databases. No window that
    begins up to `told_from` can be told, nor one without a beginning over what is counted only since
    after entry `first_cut`.
    """

    rules: RetentionRules | None = None
    waiting: RetentionWish | None = None
    holds: Map[int, Hold] = field(default_factory=Map)
    asked: CutAsked | None = None
    cut: Cut | None = None
    overwritten: bool = True
    told_from: str | None = None
    first_cut: int | None = None

    @property
    def minimum(self) -> int:
        """The first index that is kept."""
        return 0 if self.cut is None else self.cut.minimum


@dataclass(frozen=True, slots=True)
class Anchor:
    """An outside anchor as configured at the last start, since entry `index`.

    `conflict` is the entry that says it showed a head that is not in this log, while nobody settled
    that; `looked_by` the first person who looked.  `shown` is the digest of what it showed last,
    settled or not: the same again is no news.
    """

    name: str
    kind: str
    index: int
    at: datetime
    conflict: int | None = None
    looked_by: str | None = None
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """Everything that governs at one index; `size` is that index, the number of entries folded.

    `open_actions` finds an approval by (session, action digest), `lifted_actions` an override by
    action digest.  `halts` are the newest stops and suspensions, lifted or not, oldest first: what was
    allowed before one of them is not carried out after it; what was allowed before `halted_before`
    neither.  `authors` are those who proposed and signed the release in force.  `restored`
    is true from a restore until two people lift its stop: meanwhile no window can be told.
    `log_keys` are the keys that sign the log by id, retired ones included (they are few, and what they
    signed is still verified); empty until a second one is announced.
    `unanchored` is the entry since which no outside anchor has confirmed a head in time.
    `sample` is the newest one drawn for review.
    `rules_since` is the entry since which nothing but lists was refreshed; None: that of the release.
    """

    size: int = 0
    origin: str = ""
    semantics: str = ""
    release: str | None = None
    release_index: int | None = None
    time_zone: str = "UTC"
    authors: tuple[str, ...] = ()
    agents: Map[str, Agent] = field(default_factory=Map)
    people: Map[str, Person] = field(default_factory=Map)
    keys: Map[str, Key] = field(default_factory=Map)
    sessions: Map[int, Session] = field(default_factory=Map)
    approvals: Map[int, Approval] = field(default_factory=Map)
    open_actions: Map[tuple[int, str], int] = field(default_factory=Map)
    overrides: Map[int, Override] = field(default_factory=Map)
    lifted_actions: Map[str, int] = field(default_factory=Map)
    stops: Map[int, Stop] = field(default_factory=Map)
    halts: tuple[Stop, ...] = ()
    halted_before: int = -1
    proposals: Map[int, PolicyProposal] = field(default_factory=Map)
    clock: ClockPause | None = None
    restored: bool = False
    retention: Retention = field(default_factory=Retention, metadata=LATER)
    log_keys: Map[str, LogKey] = field(default_factory=Map, metadata=LATER)
    log_key_wish: KeyWish | None = field(default=None, metadata=LATER)
    anchors: Map[str, Anchor] = field(default_factory=Map, metadata=LATER)
    unanchored: int | None = field(default=None, metadata=LATER)
    sample: Sample | None = field(default=None, metadata=LATER)
    rules_since: int | None = field(default=None, metadata=LATER)

    @property
    def single_person(self) -> bool:
        """Exactly one active person: who then may act alone, marked `alone` in the log."""
        return len(self.people) == 1
