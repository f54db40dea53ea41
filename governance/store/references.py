"""Where the references of an entry point to, asked before it is written.

The law: nothing is written whose `refs` point forward, or to an entry of another role: a single one
would make a verifier call the whole log tampered, for ever. The rules are the verifier's own
(`audit.stretch`). They are held against entries and the records of decisions, never against the
state, which may be what is wrong. What is remembered is committed; pruned entries, of which a verifier
cannot tell either, pass.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final

from audit.entry import VERSION, Entry, role_of
from audit.errors import LogError
from audit.stretch import check_order, check_role
from governance.store.encoding import quick
from governance.store.errors import WrongReference

_MOST: Final = 65_536
_MANY: Final = tuple(
    f',"kind":"{kind}","v":{VERSION}}}'.encode()
    for kind in ("decision", "outcome", "permit.redeemed")
)
"""How entries end that are too many to remember: who refers to a decision has its record."""

_NONE: Final[dict[str, Any]] = {}

log = logging.getLogger(__name__)


class References:
    """The roles of entries that others lately pointed to, or soon will. The writer's thread only."""

    __slots__ = ("_entries", "_known", "refused")

    def __init__(self, entries: Callable[[Iterable[int]], dict[int, bytes]]) -> None:
        """`entries` reads entries by index, those of the batch included."""
        self._entries = entries
        self._known: dict[int, str] = {}
        self.refused = 0
        """How many commands were refused: each is a defect of ours."""

    def check(
        self, entries: Sequence[Entry], first: int, committed: int, decisions: Collection[int]
    ) -> None:
        """Raise `WrongReference` unless all that `entries`, from index `first` on, refer to is good.

        `committed` is the log's size; `decisions` are indexes that are known to be decisions.
        """
        known = self._known
        for index, entry in enumerate(entries, first):
            for role, target in entry.data.get("refs", _NONE).items():
                if known.get(target) == role or (role == "decision" and target in decisions):
                    continue
                try:
                    check_order(index, role, target)
                    if target < first:
                        self._check_read(role, target, committed)
                    else:
                        check_role(role, target, role_of(entries[target - first].kind))
                except LogError as error:
                    self.refused += 1
                    log.error("entry %d, a `%s`, was not written: %s", index, entry.kind, error)
                    raise WrongReference(f"`{entry.kind}`: {error}") from error

    def committed(self, first: int, encoded: Sequence[bytes]) -> None:
        """These entries, from index `first` on, are committed: what may be asked for is remembered."""
        for index, data in enumerate(encoded, first):
            if not data.endswith(_MANY):
                self._remember(index, role_of(quick(data).kind))

    def _check_read(self, role: str, target: int, committed: int) -> None:
        """Hold an earlier entry, of this batch or before it, against the role."""
        data = self._entries((target,)).get(target)
        if data is None:
            raise LogError(f"`refs.{role}` points to entry {target}, which is not in the log")
        if not data:
            return  # pruned
        found = role_of(quick(data).kind)
        check_role(role, target, found)
        if target < committed:
            self._remember(target, role)

    def _remember(self, index: int, role: str) -> None:
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[index] = role
