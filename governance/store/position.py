"""Where a log stands, and what it means that a batch failed.

The law: a position is what was committed and signed, nothing else; what nobody knows the fate of is a
`WriteFailed`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from audit.tree import Frontier
from governance.store.errors import StoreError
from governance.store.fold import State


class WriteFailed(StoreError):
    """A batch whose fate is unknown.

    `outage`: a server failed, which can be asked again what it has; then this process may go on.
    """

    def __init__(self, message: str, *, outage: bool = False) -> None:
        super().__init__(message)
        self.outage = outage


class Head(Protocol):
    """Where the newest signed head is kept outside the database."""

    def write(self, note: str) -> None: ...

    def close(self) -> None: ...


class Position(NamedTuple):
    """Where the log stands: its tree, the root last signed, and the state it adds up to."""

    frontier: Frontier
    root: bytes
    state: State

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self.frontier.size
