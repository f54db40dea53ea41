"""Files that somebody is writing, loaded as a check loads them.

Law: whoever looks at a draft is told the same of it, in whatever way they look: what `check` calls an
error is one for words, cases, differences and proofs, too. What was released is loaded as it was
signed, whatever has lapsed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

from governance.engine.compile import Release, compile_release
from governance.engine.model import PolicyErrors
from governance.service.problem import Problem


def today() -> date:
    """The day a draft is looked at."""
    return datetime.now(UTC).date()  # noqa: TID251 - a draft is for the day it is looked at


def compiled(files: Mapping[str, bytes], *, released: bool = False, cannot: str = "") -> Release:
    """The release that these files would be, or are (`released`). Raises `Problem` with every finding
    if they do not load; `cannot` begins it (`the new files cannot be compared`)."""
    try:
        return compile_release(files, at=None if released else today())
    except PolicyErrors as errors:
        told = "\n".join(map(str, errors.findings))
        raise Problem("bad-policy", f"{cannot}:\n{told}" if cannot else told) from None
