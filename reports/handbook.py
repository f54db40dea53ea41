"""The rules as a book for an auditor: facts in, nothing looked up.

The law: its chapters are those that every other surface shows, so no rule is without its owner and
its reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime

from governance.engine.book import Chapter


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
        return sum(len(chapter.said) for chapter in self.chapters)


def to_json(book: Handbook) -> bytes:
    """The book for machines: what is attached to its print."""
    return json.dumps(_plain(asdict(book)), ensure_ascii=False, indent=1, sort_keys=True).encode()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value
