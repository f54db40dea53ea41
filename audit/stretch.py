"""What is found in one stretch of a package, and the two rules that need more than one entry.

The law: what needs other stretches (times across their border, references backwards, the log's keys)
is handed on, small, for `audit.joined` to join. Nothing here decides who is right when an entry and
its leaf disagree; `audit.locate` does.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field

from audit.errors import LogError
from audit.succession import KeyChange


@dataclass(slots=True)
class Unreadable:
    """A bundle that does not hold as many entries as its name says."""

    file: str
    index: int
    found: int
    expected: int
    missing: bool
    """All that is there is right, and the rest is not there."""


@dataclass(slots=True, order=True)
class Wrong:
    """An entry that is hashed and signed as it is, and is not as an entry must be."""

    index: int
    why: str
    shown: bool = False
    """It is not the entry that is wrong but what `disclosures.jsonl` shows of it."""


@dataclass(slots=True)
class Stretch:
    """What one stretch holds."""

    start: int
    stop: int
    first: int
    """The first entry that is here: `start`, unless entries were pruned."""
    groups: list[bytes] = field(default_factory=list)
    """The root of each complete group of 256 leaves."""
    tail: list[bytes] = field(default_factory=list)
    """The leaf hashes after the last complete group."""
    mismatch: int | None = None
    """The first entry whose hash is not the one in its leaf tile."""
    unreadable: Unreadable | None = None
    unsealed: str | None = None
    """The first file for which the container holds another checksum, in words."""
    wrong: Wrong | None = None
    """The first entry that is not as an entry must be."""
    first_at: str = ""
    last_at: str = ""
    kinds: Counter[str] = field(default_factory=Counter)
    roles: list[str] = field(default_factory=list)
    """The roles of this stretch, numbered by position."""
    role_of: array[int] = field(default_factory=lambda: array("H"))
    """For each entry from `first` on the number of its role."""
    references: int = 0
    backward: dict[tuple[str, int], int] = field(default_factory=dict)
    """References to before the stretch: role and target, and the first entry that has it."""
    unseen: int = 0
    """References to entries that were pruned, whose kind nobody can look up."""
    pruned: int = 0
    """The greatest minimum that an entry announces (`retention.pruned`)."""
    changes: list[KeyChange] = field(default_factory=list)
    """What the entries say of the keys that sign the log."""
    commitments: int = 0
    disclosed: int = 0
    blobs: set[str] = field(default_factory=set)


def check_order(index: int, role: str, target: int) -> None:
    """Raises `LogError` unless a reference points backwards."""
    if target >= index:
        raise LogError(f"`refs.{role}` points to entry {target}, which is not before it")


def check_role(role: str, target: int, found: str) -> None:
    """Raises `LogError` unless the entry referred to has the role."""
    if found != role:
        raise LogError(f"`refs.{role}` points to entry {target}, which is a `{found}`")
