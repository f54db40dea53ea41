"""What an exception says to the caller.

Law: a refusal and an overload are told as they are, and so is a value that has no place in an entry;
anything else is a defect of ours, about which the caller learns only that it is not an allow.
"""

from __future__ import annotations

from audit.errors import Malformed, Pruned
from governance.oversight.shapes import IllFormed
from governance.service.problem import Problem
from governance.store.blobs import BlobError
from governance.store.errors import Busy, StoreError, Unavailable, Unprepared
from governance.web import problems


def problem_of(error: BaseException) -> Problem | None:
    """The problem for an exception, None for a defect (500)."""
    if isinstance(error, Busy):
        return Problem(
            "too-many" if error.own_quota else "not-ready",
            str(error),
            retry_after=error.retry_after,
        )
    if isinstance(error, Unavailable):
        return Problem("not-ready", str(error), retry_after=error.retry_after)
    if isinstance(error, Unprepared):
        return Problem("not-ready", str(error), retry_after=1)
    if isinstance(error, BlobError):
        return Problem(
            "not-ready",
            "files of a policy release that this service kept are missing or altered; the operator "
            "finds them with `governance audit fsck` and restores them from a backup",
        )
    if isinstance(error, StoreError):
        return Problem(
            "not-ready", "the log cannot be used now; the operator's log says why", retry_after=5
        )
    if isinstance(error, IllFormed):
        field = error.path.removeprefix("data.") or None
        return Problem(
            "bad-field", f"this cannot be recorded: `{field}` must be {error.expected}", field=field
        )
    if isinstance(error, Pruned):
        return Problem("pruned", str(error))
    if isinstance(error, Malformed):
        return Problem("bad-request", f"this cannot be recorded: {error}")
    if isinstance(error, TimeoutError):
        return Problem("not-ready", "the log did not answer in time", retry_after=5)
    return problems.of(error)
