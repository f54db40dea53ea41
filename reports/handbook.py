"""The rules as a book for an auditor: facts in, nothing looked up.

The law: a rule has its owner and its reason, or there is no rule (`Rule` cannot be made without).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, limit, exception, factor or invariant, in a sentence."""

    kind: str
    id: str
    title: str
    does: str
    severity: str
    sentence: str
    because: str
    owner: str
    controls: tuple[str, ...] = ()
    points: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.owner.strip() and self.because.strip()):
            raise ValueError(f"`{self.id}` is not printed without its owner and its reason")


@dataclass(frozen=True, slots=True)
class NamedList:
    """One list that rules look into."""

    name: str
    source: str
    members: int
    shown: tuple[str, ...]
    as_of: str
    max_age: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """One file."""

    name: str
    title: str
    owner: str
    review_by: date
    mode: str
    about: str
    rules: tuple[Rule, ...]
    more: tuple[str, ...] = ()
    lists: tuple[NamedList, ...] = ()
    controls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Handbook:
    """A release. `standing` says whether it is in force, and since which entry; `people` are
    (what they did, who, when) from the log; both are empty-handed for files nobody released."""

    workspace: str
    release: str
    made_at: datetime
    software: str
    standing: str
    people: tuple[tuple[str, str, str], ...]
    chapters: tuple[Chapter, ...]
    actions: tuple[tuple[str, str, str, str], ...] = field(default_factory=tuple)
    """(name, title, labels, base risk) of every action of the catalogue."""
    in_force: bool = False
    """Whether these files are the release in force; of others no page says that anything is."""

    @property
    def rules(self) -> int:
        """How many rules, limits, exceptions, factors and invariants there are."""
        return sum(len(chapter.rules) for chapter in self.chapters)


def to_json(book: Handbook) -> bytes:
    """The book for machines: what is attached to its print."""
    return json.dumps(_plain(asdict(book)), ensure_ascii=False, indent=1, sort_keys=True).encode()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value
