"""What an anchor is to the service: something that takes heads and, if it can, shows the newest.

Law: an anchor never decides whether a head is good; it hands over what it holds, byte for byte, and
the service holds that against its log. Every call ends within a bounded time and raises
`AnchorFailed` with a sentence for whatever goes wrong outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

TIMEOUT: Final = 10.0
"""Seconds that one exchange over the network may take."""

LONGEST: Final = 256 * 1024
"""Bytes of an answer or a file that are read at most; a checkpoint with 100 signatures fits."""


class AnchorFailed(Exception):
    """An anchor could not be reached, refused, or holds something that is no head."""


class Contradicted(AnchorFailed):
    """An anchor says that it knows this log otherwise. `shown`: what it said, as evidence.

    `size`: how large the log is that it claims to know, if it said so.
    """

    def __init__(self, message: str, shown: bytes, size: int | None = None) -> None:
        super().__init__(message)
        self.shown, self.size = shown, size


class Head(NamedTuple):
    """A signed head: `note` is the checkpoint as signed, `at` when its last entry was written.

    `extends(old, new)` gives the consistency proof of RFC 9162 §2.1.4 between two sizes.
    """

    origin: str
    size: int
    root: bytes
    note: str
    at: datetime
    extends: Callable[[int, int], Sequence[bytes]]


class Anchor(Protocol):
    """One anchor, in whatever form."""

    @property
    def tells(self) -> bool:
        """Whether it can be asked for the newest head it holds."""

    @property
    def proves(self) -> bool:
        """Whether it gives back evidence that others can check."""

    def newest(self, origin: str) -> str | None:
        """The newest checkpoint of `origin` that it holds, None if it holds none or cannot tell.

        Raises `AnchorFailed`.
        """

    def publish(self, head: Head) -> bytes:
        """Hand over `head`; what it gave back as evidence, if it gives any. Raises `AnchorFailed`."""
