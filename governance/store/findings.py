"""What a check can find, what it means for people, and whether it can be made again.

The law: every finding names a place, a difference, its consequence and what to do. Only what
follows from entries that a signed head vouches for may be called derivable; an entry never is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """The parts of a workspace that are checked."""

    ENTRY = "entries"
    LEAF = "leaves"
    NODE = "nodes"
    CHECKPOINT = "checkpoints"
    HEAD = "heads"
    GUARD = "guards"
    SNAPSHOT = "snapshots"
    TOTALS = "totals"
    DECISION = "decisions"
    VIEW = "views"
    VALUE = "values"
    BLOB = "blobs"
    FILE = "files"


MEANING = {
    Part.ENTRY: "what was recorded can no longer be shown as it was signed",
    Part.LEAF: "the entry is as it was signed; proofs made from the stored hash would not hold",
    Part.NODE: "entries and signature are sound; proofs made from this hash would not hold",
    Part.CHECKPOINT: "a head that this log never signed would be handed out, or a signed one not",
    Part.HEAD: "whether entries were cut off the end cannot be told from it",
    Part.GUARD: "the database no longer refuses changes to the log by other programs",
    Part.SNAPSHOT: "a start would not use it and fold the log from further back",
    Part.TOTALS: "limits and budgets would be judged by wrong sums",
    Part.DECISION: "permits, outcomes and repetitions would be judged by wrong facts",
    Part.VIEW: "lists and searches would show something else than the log",
    Part.VALUE: "what the entry commits to cannot be shown to anybody",
    Part.BLOB: "a policy file, list or state that entries name by digest cannot be shown",
    Part.FILE: "the database file itself is damaged; what it answers cannot be relied on",
}

REBUILD = "`governance audit fsck --repair` makes it again from the entries"
RESTORE = (
    "nothing can make it again: stop the service, keep a copy of the workspace, put back the file "
    "it was in or go on from the newest backup with `governance restore --acknowledge`"
)
VAULT = "put the vault back from its newest backup in `backups/vault`; if it was erased, ignore it"
BLOBS = "put the file back from the `blobs` folder of a backup"
ASIDE = (
    "find out first which is right: hold a head that was kept elsewhere against an export "
    "(`governance audit verify --head`); if the log is, delete `views.db` and it is made anew"
)
ADOPT = (
    "it began with what entries alone do not give (a backfill, or entries that were pruned): sign a "
    "release without this limit, then one with it, and its history is filled again"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something stored that is not what the log says: where, what, and what to do about it."""

    where: str
    what: str
    part: Part
    cure: str = REBUILD

    @property
    def derivable(self) -> bool:
        """Whether a repair makes it again."""
        return self.cure == REBUILD

    @property
    def meaning(self) -> str:
        """What follows from it for people."""
        return MEANING[self.part]


@dataclass(frozen=True, slots=True)
class Report:
    """How much was looked at, what was found, and what could not be looked at.

    `vouched`: a genuine head signs exactly the entries there are. `derivable` and `lasting` count
    all findings that a repair makes good and does not; `findings` holds the first of each part.
    """

    entries: int
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]
    vouched: bool
    derivable: int
    lasting: int
