"""Every way in which the log library refuses, as one family.

    LogError
    ├── Malformed          bytes or text that do not follow FORMAT.md; also a ValueError
    │   ├── BadEntry       an entry that is not canonical, or whose envelope does not fit
    │   ├── BadNote        a signed note, or one of its lines
    │   ├── BadKey         a verifier or signer key
    │   ├── BadCheckpoint  the three lines that name a tree
    │   ├── BadProof       a proof of the wrong shape
    │   ├── BadHead        a head file of which no slot can be read
    │   ├── BadPolicy      a trust policy; names the line
    │   └── BadTile        a tile, an entry bundle or a path
    ├── Pruned             an entry below the log's minimum index; also an IndexError
    └── NotVerified        well formed, and not true; each with its exit code
        ├── Tampered       10  something differs from what was signed
        ├── UnknownKey     11  no pinned key vouches for it
        ├── Gap            12  something that was there is not here
        └── NothingToVerify 13 an empty log, and nobody claims otherwise

Verification returns nothing or raises one of these; it never returns a bool that a caller
could forget to look at.
"""

from __future__ import annotations


class LogError(Exception):
    """Anything this library refuses. The message is a sentence for people."""


class Malformed(LogError, ValueError):
    """Bytes or text that do not follow the format."""


class BadEntry(Malformed):
    """An entry that is not canonical or whose envelope does not fit."""


class BadNote(Malformed):
    """A signed note that breaks the rules of C2SP signed-note."""


class BadKey(Malformed):
    """A verifier key or signer key that does not parse, or whose id is not its own."""


class BadCheckpoint(Malformed):
    """A checkpoint text that breaks the rules of C2SP tlog-checkpoint."""


class BadProof(Malformed):
    """A proof whose indices, sizes, lengths or hashes cannot belong to any tree."""


class BadHead(Malformed):
    """A head file in which no slot can be read."""


class BadTile(Malformed):
    """A tile, an entry bundle or one of their paths that does not follow tlog-tiles."""


class BadPolicy(Malformed):
    """A trust policy that breaks the rules of C2SP tlog-policy; `line` counts from 1."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class Pruned(LogError, IndexError):
    """An entry that was given up: it lies below the log's minimum index (C2SP tlog-tiles, Pruning).

    Its leaf hash and every proof about it are still there; its bytes are with whoever kept them.
    """

    def __init__(self, index: int, minimum: int) -> None:
        super().__init__(
            f"entry `{index}` was pruned: this log keeps its entries from `{minimum}` on. Proofs "
            "about it still hold; who kept a copy of it or a package can show what it said"
        )
        self.index, self.minimum = index, minimum

    def __reduce__(self) -> tuple[type[Pruned], tuple[int, int]]:
        """So that a child process can raise it in its parent."""
        return type(self), (self.index, self.minimum)


class NotVerified(LogError):
    """Well formed, and not proven. `exit_code` is what `python -m audit` returns."""

    exit_code = 10


class Tampered(NotVerified):
    """Something differs from what was signed.

    `index` is the first wrong entry, if one can be named; `span` is the half-open range of
    entries in which it must lie; `file` the file of the package that is wrong.
    """

    exit_code = 10

    def __init__(
        self,
        message: str,
        *,
        index: int | None = None,
        span: tuple[int, int] | None = None,
        file: str | None = None,
    ) -> None:
        super().__init__(message)
        self.index = index
        self.span = span if span is not None or index is None else (index, index + 1)
        self.file = file


class UnknownKey(NotVerified):
    """No pinned key vouches for it: unknown signer, or a signature that does not hold."""

    exit_code = 11


class Gap(NotVerified):
    """Something that was there is not here: a tail cut off, a file missing.

    `index` is the first entry that is missing, if that can be said; `file` the missing file.
    """

    exit_code = 12

    def __init__(self, message: str, *, index: int | None = None, file: str | None = None) -> None:
        super().__init__(message)
        self.index = index
        self.file = file


class NothingToVerify(NotVerified):
    """The log is empty, or no package is here."""

    exit_code = 13
