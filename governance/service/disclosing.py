"""Which committed values an export opens.

Law: nothing is opened that was not asked for, and what was asked for and is gone is counted, never
guessed. A data subject is asked for by pseudonym, which the entry itself bears; of an entry that
names several, the values about the others stay closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from audit.entry import Entry
from governance.service.problem import Problem

FAR: Final = 2**63 - 1
CLASSES: Final = ("identity", "private")
_ABOUT: Final = frozenset({"decision", "approval", "override"})
"""Roles by which an entry belongs to a decision that was asked for."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked for: entries `first` to before `stop`, and of those what every given tuple
    lets through. `fields` are names or beginnings of names at a dot, `classes` are of `CLASSES`,
    `subjects` are pseudonyms, `decisions` are indexes (with the approvals, overrides and outcomes
    that refer to them). An empty tuple narrows nothing; `nothing` opens nothing.
    """

    nothing: bool = False
    first: int = 0
    stop: int = FAR
    fields: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    decisions: tuple[int, ...] = ()

    def check(self) -> None:
        """Raises `Problem` for a class or a pseudonym that cannot be one."""
        for name in self.classes:
            if name not in CLASSES:
                raise Problem(
                    "bad-field",
                    f"`{name}` is no class of committed values; expected {' or '.join(CLASSES)}",
                    field="classes",
                )
        for subject in self.subjects:
            if not subject.startswith("s-"):
                raise Problem(
                    "bad-field",
                    f"`{subject}` is no pseudonym of a data subject; expected `s-…`, as entries "
                    "show it, or KIND=VALUE",
                    field="subjects",
                )


@dataclass(slots=True)
class Chosen:
    """What a selection lets through, entry after entry, and what became of it."""

    selection: Selection
    disclosed: int = 0
    erased: int = 0
    withheld: int = 0
    _related: set[int] = field(default_factory=set)

    def names(self, index: int, entry: Entry) -> tuple[str, ...]:
        """The commitments of an entry that are to be opened. To be asked of every entry, in order."""
        data = entry.data
        committed = data.get("commitments") or ()
        asked = self._entry(index, entry) and not self.selection.nothing
        names = tuple(name for name in committed if asked and self._field(name, data))
        self.withheld += len(committed) - len(names)
        return names

    def count(self, found: bool) -> None:
        """Say whether a value that was asked for is still there."""
        if found:
            self.disclosed += 1
        else:
            self.erased += 1

    def _entry(self, index: int, entry: Entry) -> bool:
        chosen = self.selection
        if chosen.decisions:
            refs = entry.data.get("refs", {})
            own = entry.kind != "decision" and any(
                role in _ABOUT and target in self._related for role, target in refs.items()
            )
            if index not in chosen.decisions and not own:
                return False
            self._related.add(index)
        if chosen.subjects:
            named = {
                who
                for name in entry.data.get("commitments", ())
                for who in pseudonyms(entry.data, name)
            }
            if not named & set(chosen.subjects):
                return False
        return chosen.first <= index < chosen.stop

    def _field(self, name: str, data: Mapping[str, Any]) -> bool:
        chosen = self.selection
        if chosen.fields and not any(name == f or name.startswith(f + ".") for f in chosen.fields):
            return False
        about = pseudonyms(data, name)
        if chosen.classes and ("identity" if about else "private") not in chosen.classes:
            return False
        return not (chosen.subjects and about and not about <= set(chosen.subjects))


def pseudonyms(data: Mapping[str, Any], name: str) -> frozenset[str]:
    """The data subjects that an entry records in the place of a committed field; none for texts."""
    found: Any = data
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    each = found if isinstance(found, list | tuple) else (found,)
    return frozenset(one for one in each if isinstance(one, str) and one.startswith("s-"))
