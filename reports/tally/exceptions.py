"""Every exception, grouped by kind, agent and cause, each index kept."""

from __future__ import annotations

from datetime import datetime

from reports.evidence import ExceptionRow
from reports.tally.marks import Listed

KINDS = {
    "stopped": "allowed or redeemed while stopped",
    "no-decision": "executed without an allowed decision",
    "quorum": "allowed on an approval whose quorum the log does not show",
    "unconfirmed": "decided for an agent no second person confirmed",
    "ownerless": "decided for an agent without a named owner",
    "unread": "granted without having been shown",
    "fast": "granted faster than the reading time",
    "alone": "signed off by one person alone",
    "credential": "key of a person issued by somebody else, who could have used it",
    "roles": "roles of a person given or changed by one administrator alone",
    "observe": "allowed in observe mode, would have been stopped",
    "trust-claim": "rule that believes what the agent claims",
    "cannot-tell": "denied because a fact could not be told",
    "unattested": "outcome reported by the agent, not attested",
    "no-outcome": "allowed, outcome not known",
}
"""Kind -> what it means, in the order in which a reader should meet them."""


class Exceptions:
    """The lists, filled during the pass."""

    def __init__(self) -> None:
        self._lists: dict[tuple[str, str, str], Listed] = {}

    def note(
        self, kind: str, agent: str, cause: str, index: int, at: datetime | None, *entries: str
    ) -> None:
        """The entry at `index`, of the kinds `entries`, is an exception of `kind`."""
        key = (kind, agent, cause)
        found = self._lists.get(key)
        if found is None:
            found = self._lists[key] = Listed(*entries)
        found.add(index, at)

    def rows(self) -> tuple[ExceptionRow, ...]:
        """All of them: by kind in the order of `KINDS`, then agent, then cause."""
        order = list(KINDS)
        keys = sorted(self._lists, key=lambda key: (order.index(key[0]), key[1], key[2]))
        return tuple(_row(key, self._lists[key]) for key in keys)


def _row(key: tuple[str, str, str], found: Listed) -> ExceptionRow:
    kind, agent, cause = key
    return ExceptionRow(kind, agent, cause, found.first_at, found.last_at, found.cite())
