"""What a use case and the ledger say to each other.

The law of this module: a use case is a pure function. It says which facts it needs, gets exactly
those, and returns the entries it wants written, the answer it wants given, and the rows that make
the next use case's facts. It never learns whether or when they reach the disk; whoever runs it
(the ledger, a replay, a test) takes care of order, time, indexes, signatures and storage. Nothing
here does input or output, reads a clock, or knows what a database is.

Times are timezone-aware UTC `datetime`s; `since` in a fact query is microseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from audit.proof import TlogProof
from audit.tree import NodeSource, inclusion_proof

if TYPE_CHECKING:
    from audit.entry import Entry
    from governance.engine.model import FactQuery, Total
    from governance.oversight.state import State

Lane = Literal["stop", "human", "agent"]
"""Which queue a command waits in: stops go first, then acts of people, then agents."""

OutcomeStatus = Literal["executed", "failed", "not_executed"]

_EMPTY: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Needs:
    """The facts one command asks for.

    `totals`: sums and counts over windows. `decisions`: indexes whose decision record (permit,
    outcome, charges) is wanted. `entries`: indexes whose recorded entry is wanted, as canonical
    bytes. `idempotency`: (key id, Idempotency-Key) or None.
    """

    totals: tuple[FactQuery, ...] = ()
    decisions: tuple[int, ...] = ()
    entries: tuple[int, ...] = ()
    idempotency: tuple[str, str] | None = None


NO_NEEDS = Needs()


@dataclass(frozen=True, slots=True)
class DecisionFact:
    """What became of one recorded decision so far.

    `effect` is the word ("allow", "require_approval", "deny"); `digest` the action digest (hex);
    `valid_until` the end of its permit, None without a permit; `redeemed` the index of the entry
    that redeemed the permit, `outcome` the status last reported, `outcome_index` that report's
    index, `released` whether its charges were given back.
    """

    index: int
    digest: str
    agent: str
    session: int | None
    effect: str
    at: datetime
    valid_until: datetime | None
    redeemed: int | None = None
    outcome: OutcomeStatus | None = None
    outcome_index: int | None = None
    attested: bool = False
    released: bool = False


@dataclass(frozen=True, slots=True)
class IdempotencyFact:
    """An earlier command under the same Idempotency-Key: its body's digest and its index."""

    body: str
    index: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """The answers to one `Needs`, rows of earlier commands of the same batch included.

    `totals` has every query that was asked. `decisions` and `entries` leave out indexes that do
    not exist (a decision that is no decision, an index beyond the log). `entries` holds canonical
    bytes. `idempotency` is None when the key was never used.
    """

    totals: Mapping[FactQuery, Total] = field(default_factory=lambda: _EMPTY)
    decisions: Mapping[int, DecisionFact] = field(default_factory=lambda: _EMPTY)
    entries: Mapping[int, bytes] = field(default_factory=lambda: _EMPTY)
    idempotency: IdempotencyFact | None = None


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """Add `amount` (in `unit`, "" for bare counts) to a series under a key, at the entry's time.

    `index` is the entry that caused it: a decision for limits and *allowed* history, an outcome
    for *confirmed* history. Giving back a decision's charges (`ReleaseRow`) names that index.
    """

    index: int
    series: str
    key: str
    amount: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """Open the record of one decision (see `DecisionFact`)."""

    index: int
    digest: str
    agent: str
    session: int | None
    effect: str
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class RedeemRow:
    """The permit of `decision` was redeemed by entry `index`."""

    decision: int
    index: int


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """Entry `index` reported what became of `decision`."""

    decision: int
    index: int
    status: OutcomeStatus
    attested: bool


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """Give back every charge that `decision` made, once, counted at the charges' own time."""

    decision: int
    index: int


@dataclass(frozen=True, slots=True)
class IdempotencyRow:
    """Remember that `idempotency_key` of `key_id` stands for this body and this entry."""

    key_id: str
    idempotency_key: str
    body: str
    index: int


@dataclass(frozen=True, slots=True)
class AdoptRow:
    """Series that were filled from recorded decisions become live at this entry.

    `series` must have been prepared by the ledger's backfill; what was recorded between the end
    of that preparation and this entry is added under the lock before anything else is charged.
    """

    index: int
    series: tuple[str, ...]


FactRow = ChargeRow | DecisionRow | RedeemRow | OutcomeRow | ReleaseRow | IdempotencyRow | AdoptRow


@dataclass(frozen=True, slots=True)
class VaultRow:
    """A value that an entry only commits to, to be kept where it can be erased.

    `index` and `field` say which commitment it opens; `value` are the committed bytes, `salt` the
    commitment's salt. `subject` is the pseudonym of the person it is about (erasing the person
    erases the value), None when it is about nobody in particular.
    """

    index: int
    field: str
    value: bytes
    salt: bytes
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a command wants: entries (numbered from the `index` it was given), answer and rows.

    No entries means: answer from what is there, write nothing (then `rows` and `values` must be
    empty, too).
    """

    entries: tuple[Entry, ...]
    answer: Any
    rows: tuple[FactRow, ...] = ()
    values: tuple[VaultRow, ...] = ()


class Command(Protocol):
    """A use case with its arguments, ready to be run by the ledger.

    `lane` is the queue, `key` the quota's bucket (the API credential's public id, a person's
    pseudonym, or "service"). Both methods are pure and may be called more than once.
    """

    @property
    def lane(self) -> Lane: ...

    @property
    def key(self) -> str: ...

    def needs(self, state: State, at: datetime) -> Needs:
        """Which facts the use case wants, given the state and the time it will be run at."""
        ...

    def run(self, state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        """The entries and the answer; the first entry gets `index`, the next `index + 1`, ...

        Raises `governance.oversight.errors.Refused` to write nothing and tell the caller why.
        """
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof material for one entry: its index, leaf hash (RFC 6962) and a signed checkpoint.

    `tree_size` is the size the checkpoint signs, always greater than `index`; `checkpoint` is the
    signed note's text (C2SP tlog-checkpoint). `nodes` gives the hashes that its inclusion proof
    needs.
    """

    index: int
    leaf_hash: bytes
    tree_size: int
    checkpoint: str
    nodes: NodeSource = field(compare=False, repr=False)

    def proof(self) -> str:
        """The proof that the entry is in the checkpoint's tree, as C2SP tlog-proof text."""
        hashes = inclusion_proof(self.index, self.tree_size, self.nodes)
        return TlogProof(self.index, tuple(hashes), self.checkpoint).encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller of a command gets once everything is on disk: the answer, and receipts.

    `receipts` has one item for each entry that was written, in order.
    """

    value: Any
    receipts: tuple[Receipt, ...]
