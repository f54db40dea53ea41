"""A small world for the ledger: a state that counts, commands that write, a clock that obeys.

The ledger knows nothing of oversight, so its tests bring a state of their own: how many entries
of each kind there were, and whether everything is stopped.
"""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from audit.commit import commitment
from audit.encoding import b64url
from audit.entry import Entry
from governance.engine.model import FactQuery
from governance.oversight.commands import Facts, Lane, Needs, Proposal, VaultRow
from governance.oversight.errors import Refused
from governance.store.fold import Fold
from governance.store.lanes import USUAL, Limits
from governance.store.workspace import Seams, Workspace

ORIGIN = "test.example/log"
SALT = b"s" * 16
START = 1_790_000_000_000_000
AGENT = {"type": "agent", "id": "payments-1", "key": "k-abcdefgh"}


@dataclass(frozen=True)
class Count:
    """How many entries of each kind, whether stopped, whether blind, whether the clock jumped."""

    kinds: Mapping[str, int] = field(default_factory=dict)
    stopped: bool = False
    blind: bool = False
    jumped: bool = False


def apply(state: Count, index: int, entry: Entry) -> Count:
    """Count the entry; stops and clock entries switch their flags."""
    if entry.kind == "service.restored":
        return Count({entry.kind: 1}, stopped=True, blind=True)
    assert index == sum(state.kinds.values())
    kinds = {**state.kinds, entry.kind: state.kinds.get(entry.kind, 0) + 1}
    state = replace(state, kinds=kinds)
    if entry.kind == "stop.raised":
        return replace(state, stopped=True)
    if entry.kind == "stop.lifted":
        return replace(state, stopped=False, blind=False)
    if entry.kind == "service.clock":
        return replace(state, jumped=entry.data["event"] == "jumped")
    return state


def dump(state: Count) -> bytes:
    """The state as sorted JSON."""
    value = [dict(state.kinds), state.stopped, state.blind, state.jumped]
    return json.dumps(value, sort_keys=True).encode()


def load(data: bytes) -> Count:
    """The state that `dump` wrote."""
    return Count(*json.loads(data))


FOLD = Fold(
    genesis=Count,
    apply=apply,
    dump=dump,
    load=load,
    semantics="1",
    blind=lambda state: state.blind,
    clock_jumped=lambda state: state.jumped,
)


class FakeClock:
    """Wall and monotonic clock in microseconds, moved by hand."""

    def __init__(self) -> None:
        self.now, self.offset = START, 0

    def wall(self) -> int:
        """The wall clock, which may have been set."""
        return self.now + self.offset

    def monotonic(self) -> int:
        """The steady clock."""
        return self.now - START

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * 1e6)


def decision(at: datetime, **data: Any) -> Entry:
    """A decision as the derivation of rows needs it."""
    base = {
        "refs": {},
        "digest": "ab" * 32,
        "agent": "payments-1",
        "action": "payment.create",
        "effect": "allow",
        "charges": [],
    }
    return Entry("decision", at, AGENT, {**base, **data})


def committed_to(name: str, value: bytes) -> str:
    """The commitment to a value in JSON, or 43 characters for one that is none."""
    try:
        return commitment(b64url(SALT), name, json.loads(value))
    except ValueError:
        return "c" * 43


@dataclass(frozen=True)
class Decide:
    """Records one decision, with charges; refused while stopped. Answers the totals it saw."""

    text: str = ""
    charges: tuple[tuple[str, str, str, str], ...] = ()
    queries: tuple[FactQuery, ...] = ()
    effect: str = "allow"
    lane: Lane = "agent"
    key: str = "k-abcdefgh"
    values: tuple[tuple[str, bytes, str | None], ...] = ()
    rows: tuple[Any, ...] = ()

    def needs(self, _state: Count, _at: datetime) -> Needs:
        """The totals asked for."""
        return Needs(totals=self.queries)

    def run(self, state: Count, facts: Facts, at: datetime, index: int) -> Proposal:
        """One decision entry."""
        if state.stopped:
            raise Refused("stopped", "everything is stopped")
        committed = {name: committed_to(name, value) for name, value, _ in self.values}
        entry = decision(
            at,
            note=self.text,
            charges=[list(c) for c in self.charges],
            effect=self.effect,
            **({"commitments": committed} if committed else {}),
        )
        values = tuple(
            VaultRow(index, name, value, SALT, subject) for name, value, subject in self.values
        )
        return Proposal((entry,), dict(facts.totals), self.rows, values)


@dataclass(frozen=True)
class Write:
    """Records entries of given kinds and data."""

    entries: tuple[tuple[str, dict[str, Any]], ...]
    lane: Lane = "human"
    key: str = "p-abcdefghij"
    while_paused: bool = False

    def needs(self, _state: Count, _at: datetime) -> Needs:
        """Nothing."""
        return Needs()

    def run(self, _state: Count, _facts: Facts, at: datetime, index: int) -> Proposal:
        """The entries as given."""
        made = tuple(Entry(kind, at, AGENT, data) for kind, data in self.entries)
        return Proposal(made, index)


@dataclass(frozen=True)
class Ask:
    """Writes nothing; answers the facts."""

    wanted: Needs
    lane: Lane = "agent"
    key: str = "k-abcdefgh"

    def needs(self, _state: Count, _at: datetime) -> Needs:
        """What was given."""
        return self.wanted

    def run(self, state: Count, facts: Facts, at: datetime, index: int) -> Proposal:
        """State, facts, time and index, as seen."""
        return Proposal((), (state, facts, at, index))


@dataclass(frozen=True)
class Fail:
    """Raises."""

    error: Exception
    lane: Lane = "agent"
    key: str = "k-abcdefgh"

    def needs(self, _state: Count, _at: datetime) -> Needs:
        """Nothing."""
        return Needs()

    def run(self, *_: Any) -> Proposal:
        """What was asked for."""
        raise self.error


def stop() -> Write:
    """A stop of everything."""
    return Write((("stop.raised", {}),), lane="stop")


def lift() -> Write:
    """The stop is lifted."""
    return Write((("stop.lifted", {}),))


def redeem(decision: int) -> Write:
    """The permit of a decision is redeemed."""
    return Write((("permit.redeemed", {"refs": {"decision": decision}}),), lane="agent")


def outcome(decision: int, status: str = "executed", *, released: bool = False) -> Write:
    """An outcome is reported."""
    data = {
        "refs": {"decision": decision},
        "status": status,
        "attested": True,
        "released": released,
    }
    return Write((("outcome", data),), lane="agent")


def total(workspace: Workspace, series: str, key: str, since: int | None, unit: str = "") -> Any:
    """(sum, count, mixed) of one window, through the ledger."""
    query = FactQuery(series, key, since, unit)
    answer = workspace.ledger.submit(Ask(Needs(totals=(query,)))).result(10)
    found = answer.value[1].totals[query]
    return found.sum, found.count, found.mixed


def euro(amount: str, series: str = "pay/LIM-1", key: str = "payments-1") -> Any:
    """A charge in euro."""
    return (series, key, amount, "EUR")


def make(root: Path) -> None:
    """A new workspace: a copy of one made once, which is quicker."""
    shutil.copytree(_template(), root, dirs_exist_ok=True)


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="workspace-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    Workspace.create(folder, ORIGIN)
    return folder


def open_(
    root: Path,
    *,
    clock: Any = None,
    limits: Limits = USUAL,
    fold: Fold = FOLD,
    snapshot_every: int = 1_000_000,
    seams: Seams | None = None,
    head: Path | None = None,
) -> Workspace:
    """Open a workspace with the world's fold."""
    return Workspace.open(
        root,
        fold,
        head=head,
        clock=clock,
        limits=limits,
        snapshot_every=snapshot_every,
        seams=seams or Seams(),
    )


def decimal(text: str) -> Decimal:
    """Short for Decimal."""
    return Decimal(text)
