"""How the store says no, and how it says it does not know.

The law: `Busy` and `Unavailable` mean that nothing may be concluded about the command; only a
resolved answer means that it happened. `CannotOpen` is for people: one sentence about what was
found and one about what to do.
"""

from __future__ import annotations


class StoreError(Exception):
    """Anything the store refuses. The message is a sentence for people."""


class Busy(StoreError):
    """The caller's quota is used up or the queue is full; nothing was queued.

    `retry_after` is in whole seconds, at least 1 (HTTP 429 when `own_quota`, else 503).
    """

    def __init__(self, message: str, retry_after: int, *, own_quota: bool) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.own_quota = own_quota


class Unavailable(StoreError):
    """The log cannot be written now (HTTP 503). The command may or may not have been recorded.

    `retry_after` is in whole seconds.
    """

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CannotOpen(StoreError):
    """A workspace that must not be opened as it is; the message says what to do."""


class NotOwner(CannotOpen):
    """Another process owns the workspace; `owner` says which, for people."""

    def __init__(self, message: str, owner: str = "another process") -> None:
        super().__init__(message)
        self.owner = owner


class Damaged(StoreError):
    """Stored bytes that cannot be read or do not fit together."""


class Unprepared(StoreError):
    """A release adds series whose history was not prepared; nothing was written."""


class WrongReference(Exception):
    """An entry would have pointed to one that is not what it says; nothing was written. A defect of ours."""


class UnknownSubject(StoreError):
    """A value is about a data subject that the vault never gave a pseudonym; nothing was written."""


class CannotSign(StoreError):
    """A key that is kept elsewhere did not sign; nothing was written."""


class ServerError(Exception):
    """What a database server refused or could not do; the counterpart of `sqlite3.Error`.

    `sqlstate` is its five-letter code, empty when the server did not get to say one. `lost`: the
    connection is gone. `again`: the transaction lost against another one and may be tried again.
    `refused`: what is stored or who may do what is not as it must be; asking again changes nothing.
    """

    def __init__(self, message: str, sqlstate: str = "", *, lost: bool = False) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.lost = lost
        self.again = sqlstate in ("40001", "40P01")
        self.refused = sqlstate[:2] in ("23", "42", "P0")


class BadParameter(Exception):
    """A value that no database can be asked for; nothing was sent to it."""
