"""Laying out policy files in the one canonical way.

Law: files come in as bytes by path and go out as bytes; nothing is written here, and what cannot be
laid out without a change is said, not done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from governance.engine import format as layout
from governance.engine.model import PolicyErrors
from governance.service.checking import plain


@dataclass(frozen=True, slots=True)
class LaidOut:
    """One file: its new bytes, or None with `findings` (as of a check) or a `problem` sentence."""

    data: bytes | None
    findings: tuple[dict[str, Any], ...] = ()
    problem: str = ""


def lay_out(path: str, data: bytes) -> LaidOut:
    """The canonical form of one file."""
    try:
        return LaidOut(layout.formatted(path, data))
    except PolicyErrors as errors:
        return LaidOut(None, tuple(plain(each) for each in errors.findings))
    except layout.Unsafe as why:
        return LaidOut(None, problem=f"{path} is left as it is: {why}")
