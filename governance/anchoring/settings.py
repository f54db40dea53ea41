"""What an anchor is told: the `[[anchors]]` tables and the `[anchoring]` section of `config.toml`.

Law: plain values. What a kind needs and may have stands in `KINDS`, once; the configuration, the
command line and the documentation read it from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple


@dataclass(frozen=True, slots=True)
class AnchorSettings:
    """One anchor. `target` is a path, an address or a URL, by `kind`; the rest as `KINDS` says.

    `every_seconds`: how often a new head is sent there; 0 is the kind's usual.
    """

    name: str
    kind: str
    target: str
    every_seconds: int = 0
    secret: str = ""
    allow_private: bool = False
    server: str = ""
    sender: str = ""
    user: str = ""
    password: str = ""
    tls: str = "starttls"
    key: str = ""
    roots: str = ""
    branch: str = "checkpoints"

    @property
    def every(self) -> int:
        """Seconds between two heads sent."""
        return self.every_seconds or KINDS[self.kind].every


@dataclass(frozen=True, slots=True)
class Anchoring:
    """How anchors are used. `every_seconds`: how often the service looks which of them are due;
    `alarm_minutes`: how late the soonest of them may be before the log counts as unanchored;
    `policy`: a trust policy file (C2SP tlog-policy) whose quorum the checkpoints should meet.
    """

    every_seconds: int = 10
    alarm_minutes: int = 15
    policy: str = ""


class Kind(NamedTuple):
    """A kind of anchor: what `target` is, which settings it must and may have, the usual seconds
    between two heads, and who can undo what with it, in a sentence.
    """

    target: str
    needs: tuple[str, ...]
    may: tuple[str, ...]
    every: int
    about: str


KINDS: Final[Mapping[str, Kind]] = {
    "file": Kind(
        "a file on another volume",
        (),
        (),
        10,
        "whoever can write both volumes can rewrite the log unnoticed",
    ),
    "git": Kind(
        "a repository, as a folder or a URL",
        (),
        ("branch",),
        300,
        "every head stays in its history; whoever may rewrite that history can hide a rewrite",
    ),
    "webhook": Kind(
        "the https address of a receiver",
        ("secret",),
        ("allow_private",),
        300,
        "the receiver keeps the heads; it cannot be asked for them at the start",
    ),
    "mail": Kind(
        "a mail address",
        ("server", "sender"),
        ("user", "password", "tls", "roots"),
        86_400,
        "whoever reads that mailbox holds the heads; it cannot be asked for them at the start",
    ),
    "witness": Kind(
        "the address of a witness (C2SP tlog-witness)",
        ("key",),
        (),
        60,
        "cosigns a head only if the log still contains all it showed before, and says when",
    ),
    "timestamp": Kind(
        "the address of a time-stamping authority (RFC 3161)",
        ("roots",),
        (),
        600,
        "proves that a head existed at a time; it does not notice a rewrite by itself",
    ),
}
OPTIONS: Final = ("every_seconds",)
"""Settings that every kind may have."""

TLS: Final = ("starttls", "tls", "none")
