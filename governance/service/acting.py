"""How a verb becomes a command: a pure function in the right queue, with its texts committed.

Law: whatever is random (salts, pseudonyms, secrets) is drawn before the command is submitted, so
that running it again gives the same entries.  Texts of people go into entries as commitments and
into the vault as values, never anywhere else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from audit.canonical import canonical
from audit.commit import commitment
from audit.encoding import b64url
from audit.entry import Entry
from governance.oversight import people
from governance.oversight.commands import (
    NO_NEEDS,
    Answer,
    Facts,
    Lane,
    Needs,
    Proposal,
    Receipt,
    VaultRow,
)
from governance.oversight.errors import Refused
from governance.oversight.model import State
from governance.oversight.shapes import IllFormed
from governance.service.desk import Caller, Desk
from governance.service.problem import Problem
from governance.store.errors import Busy, StoreError

LONGEST_TEXT: Final = 4_000

Run = Callable[[State, Facts, datetime, int], Proposal]
Wants = Callable[[State, datetime], Needs]


def _nothing(state: State, at: datetime) -> Needs:
    return NO_NEEDS


@dataclass(frozen=True, slots=True)
class Act:
    """A use case with its arguments bound; see `governance.oversight.commands.Command`."""

    key: str
    do: Run
    lane: Lane = "human"
    wants: Wants = _nothing
    while_paused: bool = False

    def needs(self, state: State, at: datetime) -> Needs:
        """The facts that `run` wants."""
        return self.wants(state, at)

    def run(self, state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        """The entries and the answer."""
        return self.do(state, facts, at, index)


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of one entry: name -> (salt, text).  Empty texts are left out."""

    items: Mapping[str, tuple[bytes, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, **texts: str | None) -> Texts:
        """Texts with fresh salts; refuses one that is too long."""
        return cls.named({name: text for name, text in texts.items() if text is not None})

    @classmethod
    def named(cls, texts: Mapping[str, str]) -> Texts:
        """Like `of`, for names that are no identifiers (`source.0`)."""
        items = {}
        for name, text in texts.items():
            if type(text) is not str:
                raise Problem("bad-field", f"`{name}` must be text", field=name)
            if len(text) > LONGEST_TEXT:
                raise Problem(
                    "too-large",
                    f"`{name}` has {len(text)} characters; at most {LONGEST_TEXT} fit",
                    field=name,
                )
            try:
                text.encode()
            except UnicodeEncodeError:
                raise Problem(
                    "bad-field", f"`{name}` holds half of a surrogate pair", field=name
                ) from None
            if text:
                items[name] = (os.urandom(16), text)
        return cls(items)

    def commitments(self) -> dict[str, str]:
        """field name -> commitment."""
        return {
            name: commitment(b64url(salt), name, text) for name, (salt, text) in self.items.items()
        }

    def into(self, data: dict[str, Any]) -> dict[str, Any]:
        """`data` with its `commitments`, if there are any."""
        if self.items:
            data["commitments"] = self.commitments()
        return data

    def rows(self, index: int) -> tuple[VaultRow, ...]:
        """What the vault keeps for entry `index`."""
        return tuple(
            VaultRow(index, name, canonical(text), salt)
            for name, (salt, text) in self.items.items()
        )


REASON: Final = 10
"""Characters that a reason has at least where somebody has to act on it; the pages ask for as many."""


def stated(text: str | None, name: str = "reason", *, shortest: int = 1) -> str:
    """A reason that somebody will read later; refuses an empty one, and one that is too short."""
    if type(text) is not str or not text.strip():
        raise Problem("bad-field", f"say why: `{name}` must not be empty", field=name)
    if len(text.strip()) < shortest:
        raise Problem(
            "bad-field", f"say why in at least {shortest} characters: `{name}`", field=name
        )
    return text.strip()


def person(caller: Caller) -> str:
    """The pseudonym of the person who calls; refuses agents, gateways and the service."""
    if caller.type != "person":
        raise Problem("not-allowed", "this is for people; the key belongs to no person")
    return caller.id


def allowed(desk: Desk, caller: Caller, right: str) -> str:
    """The person who calls, if a role of theirs carries `right` now; raises `Problem`.

    For verbs that do work before they submit anything; under the lock it is asked again.
    """
    who = person(caller)
    as_problem(people.require, desk.state, who, right)
    return who


def as_problem(check: Callable[..., object], *arguments: Any) -> None:
    """Make a check outside the lock: what it refuses is a `Problem`."""
    try:
        check(*arguments)
    except Refused as refused:
        raise Problem.of(refused) from None


def entry(kind: str, at: datetime, caller: Caller, data: Mapping[str, Any]) -> Entry:
    """An entry by `caller`."""
    return Entry(kind, at, caller.by(), data)


def one(
    kind: str,
    at: datetime,
    caller: Caller,
    index: int,
    data: dict[str, Any],
    answer: Mapping[str, Any],
    texts: Texts = Texts(),
) -> Proposal:
    """The proposal of a single entry with its texts."""
    return Proposal((entry(kind, at, caller, texts.into(data)),), answer, values=texts.rows(index))


def perform(desk: Desk, act: Any) -> Answer:
    """Submit `act` and wait until it is on disk; raises `Problem`.

    A time-out means that nothing is known: the command may still be carried out.
    """
    try:
        return desk.ledger.submit(act).result(timeout=desk.settings.patience)
    except FutureTimeout:
        raise Problem(
            "not-ready",
            "the log did not answer in time; look whether it happened before you try again",
            retry_after=5,
        ) from None
    except (Refused, StoreError, IllFormed) as error:
        raise problem_of(error) from error


def problem_of(error: Exception) -> Problem:
    """The problem that a refusal or an error of the store is for callers."""
    if isinstance(error, Refused):
        return Problem.of(error)
    if isinstance(error, IllFormed):
        return Problem("bad-field", str(error), field=error.path.removeprefix("data."))
    if isinstance(error, Busy):
        slug = "too-many" if error.own_quota else "not-ready"
        return Problem(slug, str(error), retry_after=error.retry_after)
    return Problem("not-ready", str(error), retry_after=getattr(error, "retry_after", 5))


def lane_of(caller: Caller) -> tuple[str, Lane]:
    """The quota bucket and the queue of whoever calls."""
    return (caller.id, "human") if caller.type == "person" else (caller.key, "agent")


def do(desk: Desk, act: Any) -> dict[str, Any]:
    """Perform `act` and give its answer with the receipt of its last entry."""
    answer = perform(desk, act)
    value = dict(answer.value)
    if answer.receipts:
        value["receipt"] = receipt_json(answer.receipts[-1])
    return value


def receipt_json(receipt: Receipt, *, proof: bool = False) -> dict[str, Any]:
    """A receipt as JSON: index, leaf hash (hex), tree size and the signed checkpoint.

    With `proof` also the text of a C2SP tlog-proof, which needs nothing else to be kept.
    """
    made: dict[str, Any] = {
        "index": receipt.index,
        "leaf_hash": receipt.leaf_hash.hex(),
        "tree_size": receipt.tree_size,
        "checkpoint": receipt.checkpoint,
    }
    if proof:
        made["proof"] = receipt.proof()
    return made
