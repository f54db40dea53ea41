"""What a page is made of: frozen values, ready to be shown.

Law: a view says who says so. Each fact carries its source, each verdict its word beside its kind,
each thing a person may not do the sentence why. Nothing in here is markup, and nothing decides.
Times are aware `datetime`s; texts are plain and may be hostile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

VerdictKind = Literal["allow", "deny", "ask", "unknown", "stopped", "plain"]
Source = Literal["exact", "ours", "vouched", "claimed"]


@dataclass(frozen=True, slots=True)
class May:
    """Whether the signed-in person may do something, and if not the sentence why."""

    yes: bool
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict or state: the kind picks icon and colour, the word is always written."""

    kind: VerdictKind
    word: str


ANSWERED: Final[Mapping[str, Verdict]] = {
    "allow": Verdict("allow", "Allowed"),
    "require_approval": Verdict("ask", "Person asked"),
    "deny": Verdict("deny", "Refused"),
}
"""What a decision said, by its effect."""


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person: pseudonym, the name if it is still kept, roles."""

    id: str
    name: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogKeyView:
    """A key of the log: its id, the verifier key to be pinned, and what it does, in words."""

    id: str
    vkey: str
    algorithm: str
    does: str
    signs: bool


@dataclass(frozen=True, slots=True)
class AnchorView:
    """An outside anchor: the largest head it confirmed and when, and what is to be said about it."""

    name: str
    kind: str
    where: str
    size: int | None
    at: datetime | None
    state: Verdict
    said: str


@dataclass(frozen=True, slots=True)
class ContradictionView:
    """An anchor that showed a head of `size` entries (None: it told none) which is not in this log.

    `held` entries when it was found, `now` today; `our_root` is the root of this log's first `size`.
    `signed`, `means` and `shown` are texts; `looked_by` said first what they found, and with
    `settles` the next sentence ends it.
    """

    name: str
    kind: str
    where: str
    index: int
    at: datetime
    size: int | None
    root: str | None
    signed: str
    held: int
    now: int
    our_root: str | None
    means: str
    shown: str
    looked_by: str
    settles: bool
    may: May


@dataclass(frozen=True, slots=True)
class HeadView:
    """The log's head: entries so far, the signed note, and what is known outside."""

    origin: str
    size: int
    root: str
    at: datetime | None
    checkpoint: str
    keys: tuple[LogKeyView, ...]
    anchored: str
    """A sentence: who outside has seen this head, if anybody."""
    is_anchored: bool
    kept: str = "unanchored"
    """The same in a few words."""
    keys_wait: str = ""
    """What a second administrator has to confirm about the keys, or nothing."""
    anchors: tuple[AnchorView, ...] = ()
    quorum: str = ""
    """Whether the trust policy's quorum is met, in a sentence, or nothing without a policy."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around every page of a signed-in person."""

    workspace: str
    person: PersonView
    waiting: int
    stops: int
    log_size: int
    is_anchored: bool
    release: str
    may_stop: May
    trouble: str = ""
    """Why no agent is getting a yes now, or nothing."""
    kept: str = "unanchored"
    """Where the log's head is kept, in a few words."""
    warning: str = ""
    """What is wrong with the log's anchors, or nothing."""
    contradicted_by: tuple[str, ...] = ()
    """The anchors that contradict the log; each has a page."""
    proposals: int = 0
    """How many proposals of releases this person may sign."""
    to_review: int = 0
    """How many drawn decisions nobody has reviewed, of agents that others answer for. This person may
    have had a part in some; the page of each says so."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value; `unit` names its type, `look` how large or how exact it is set."""

    label: str
    value: str
    source: Source | None = None
    unit: str = ""
    note: str = ""
    look: Literal["plain", "amount", "mono"] = "plain"
    who: str = ""
    """Who says so, in words, where the source alone does not say it."""


@dataclass(frozen=True, slots=True)
class Known:
    """A row of "what is known": about what, the fact, who says so (`who` in words)."""

    about: str
    fact: str
    source: Source | None
    who: str


@dataclass(frozen=True, slots=True)
class RuleWhy:
    """A rule that asks: where it stands, what it says, why it exists, and who answers for it."""

    rule: str
    policy: str
    title: str
    because: str
    owner: str
    severity: str
    unsure: tuple[str, ...] = ()
    """Names of the fields that nobody could tell; not empty when the rule spoke out of caution."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One place in the quorum: what is needed, who sits or may sit, and what became of it."""

    need: str
    filled: bool
    note: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What the agent says: `text` capped, `whole` its length in characters before the cap.

    `stated` are the values it gave beside the action, which nobody vouches for.
    """

    text: str
    whole: int
    stated: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """An entry in a story: what happened, when, under which number."""

    index: int
    at: datetime
    icon: str
    what: str
    text: str = ""
    quote: str = ""
    link: str = ""
    link_text: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """One open approval in a list."""

    index: int
    title: str
    agent: str
    why: str
    rule: str
    needed: str
    asked_at: datetime
    answer_by: datetime
    soon: bool
    may: May


@dataclass(frozen=True, slots=True)
class ClosedRow:
    """One approval that is over, in a list; `title` is empty when its decision is no longer kept."""

    index: int
    title: str
    decision: int
    agent: str
    state: Verdict
    asked_at: datetime
    closed_by: int | None
    """The entry that closed it."""


@dataclass(frozen=True, slots=True)
class ClosedPage:
    """A page of approvals that are over, newest first; `older` is the `before` of the next page."""

    rows: tuple[ClosedRow, ...]
    older: int | None


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """Everything a person needs to answer one approval, and what binds the answer."""

    index: int
    decision: int
    title: str
    state: Verdict
    open: bool
    asked_at: datetime
    answer_by: datetime
    soon: bool
    risk: str
    agent: str
    autonomy: str
    notice: str
    attested: bool
    """Whether a gateway vouches that exactly this is carried out; else the agent says so itself."""
    facts: tuple[Fact, ...]
    rules: tuple[RuleWhy, ...]
    known: tuple[Known, ...]
    agent_facts: tuple[Fact, ...]
    history: tuple[Fact, ...]
    """How the agent's last requests ended; counted at this moment, not part of the evidence."""
    seats: tuple[Seat, ...]
    barred: tuple[str, ...]
    """Who may not answer, each with the reason."""
    filled: int
    claim: Claim | None
    checklist: tuple[str, ...]
    story: tuple[Step, ...]
    release: str
    digest: str
    evidence: str
    roles: tuple[str, ...]
    """Roles of the reader that still have a free seat; more than one means a choice."""
    after_grant: tuple[str, ...]
    after_refuse: tuple[str, ...]
    may: May


@dataclass(frozen=True, slots=True)
class StopView:
    """A stop: its scope in words, who raised it and why, and how far lifting has come."""

    index: int
    scope: str
    reason: str
    raised_at: datetime
    raised_by: str
    drill: bool
    last_allowed: str
    lift_asked: str
    lift_reason: str
    may_ask: May
    may_lift: May


@dataclass(frozen=True, slots=True)
class StopChoices:
    """What the reader can stop; `wide` means more than the agents they answer for."""

    agents: tuple[str, ...]
    teams: tuple[str, ...]
    actions: tuple[str, ...]
    wide: bool = True


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One agent in the list: who answers for it, how far it may go, whether it may act; `waits` says
    what about it waits for a second person, or nothing."""

    id: str
    purpose: str
    team: str
    owner: str
    autonomy: str
    autonomy_note: str
    state: Verdict
    waits: str
    risk_class: str
    stopped_by: int | None
    can_be_stopped: bool


@dataclass(frozen=True, slots=True)
class AgentChangeView:
    """What waits about an agent for a second person: a `new` one, or a change of its record.

    `rows` are `(what, as it is, as it would be)`; `opens` says what that opens, looser first.
    """

    name: str
    index: int
    who: str
    new: bool
    rows: tuple[tuple[str, str, str], ...]
    opens: tuple[str, ...]
    may: May


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """One proposal in a list; `looser` says whether something becomes looser, in words, and `given_up`
    whether something that must never be allowed is no longer asked for."""

    index: int
    who: str
    at: datetime
    note: str
    origin: str
    state: Verdict
    looser: str
    is_looser: bool = False
    given_up: str = ""
