"""What a command has proposed so far, and what its next decision therefore sees.

Law: a decision sees the state and the totals as they will be at its own index, as if the decisions
before it in the same command had been commands of their own.
"""

from __future__ import annotations

from typing import Any

from audit.entry import Entry
from governance.engine.model import FactQuery, Total
from governance.oversight.commands import Facts, VaultRow
from governance.oversight.model import State
from governance.oversight.state import effect_of


class Uncommitted:
    """What a command has proposed so far, and what its next decision therefore sees.

    A mapping of totals: those that the ledger fetched, plus the charges made in this command.
    """

    __slots__ = (
        "_added",
        "_totals",
        "changed",
        "decisions",
        "decisions_known",
        "entries",
        "first",
        "index",
        "state",
        "values",
    )

    def __init__(self, state: State, facts: Facts, index: int) -> None:
        self.first = self.state = state
        self.changed = False
        self.index = index
        self.entries: list[Entry] = []
        self.values: list[VaultRow] = []
        self.decisions: list[int] = []
        self.decisions_known = facts.decisions
        self._totals = facts.totals
        self._added: dict[tuple[str, str], list[tuple[Any, str]]] = {}

    def add(self, entry: Entry) -> None:
        """Number `entry` and let the state know it, where it changes more than the size."""
        self.entries.append(entry)
        data, index = entry.data, self.index
        self.index += 1
        if entry.kind == "decision":
            if data["effect"] != "allow" or not (
                "labels" in data or "approval" in data["refs"] or "override" in data["refs"]
            ):
                return
            self.changed = True
        elif entry.kind != "session.opened":
            self.changed = True
        self.state = effect_of(self.state, index, entry)

    def charge(self, series: str, key: str, amount: Any, unit: str) -> None:
        """Remember a charge of this command for the decisions after it."""
        self._added.setdefault((series, key), []).append((amount, unit))

    def get(self, query: FactQuery, default: Total, /) -> Total:
        """The total for `query`, charges of this command included."""
        found = self._totals.get(query)
        if found is None:
            return default
        added = self._added.get((query.series, query.key)) if self._added else None
        if added is None:
            return found
        return Total(
            found.sum + sum(amount for amount, _ in added),
            found.count + len(added),
            found.mixed or any(unit != query.unit for _, unit in added),
        )
