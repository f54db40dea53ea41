"""What people type into the console's forms, read strictly.

Law: a field that is missing, too short or too long is a sentence beside that field; nothing a
person typed is thrown away, and nothing is guessed for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from flask import request

from governance.service.acting import REASON

SHORTEST_REASON = REASON
LONGEST_REASON = 600


@dataclass(slots=True)
class Read:
    """The form that was sent: `values` as typed, `wrong` a sentence per bad field, boxes `ticked`."""

    values: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    ticked: tuple[str, ...] = ()

    def text(self, name: str, most: int = 500) -> str:
        """A field as typed, with line ends made one kind and outer blanks removed."""
        typed = request.form.get(name, "").replace("\r\n", "\n").replace("\r", "\n").strip()
        self.values[name] = typed[: most * 2]
        return typed

    def reason(self, shortest: int = SHORTEST_REASON, what: str = "what did you look at?") -> str:
        """The required reason; too short or too long is wrong."""
        typed = self.text("reason", LONGEST_REASON)
        if len(typed) < shortest:
            self.wrong["reason"] = f"Write at least {shortest} characters: {what}"
        elif len(typed) > LONGEST_REASON:
            self.wrong["reason"] = (
                f"Write at most {LONGEST_REASON} characters; these are {len(typed)}."
            )
        return typed

    def ticks(self, name: str) -> tuple[str, ...]:
        """The values of the boxes that were ticked, each once."""
        self.ticked = tuple(dict.fromkeys(request.form.getlist(name)))
        return self.ticked

    def choice(self, name: str, allowed: tuple[str, ...], otherwise: str) -> str:
        """One of `allowed`; anything else is wrong and says `otherwise`."""
        typed = self.text(name)
        if typed not in allowed:
            self.wrong[name] = otherwise
        return typed


def read_number(text: str) -> int | None:
    """The number of an entry in an address, or None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def read_day(text: str) -> date | None:
    """The day in an address, as `2026-11-20`, or None for anything else."""
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
