"""Two texts of a file as one, line by line, with what came and what went marked.

Law: every line of both texts stands in it once, in order; reading only what is not marked as gone
gives the new text, reading only what is not marked as new gives the old one.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Final, Literal, NamedTuple

Mark = Literal["same", "new", "gone"]
MOST: Final = 4_000
"""So many lines that differ are matched; a longer stretch stands as gone and as new, in one piece."""


class Line(NamedTuple):
    """One line: its numbers in the old and in the new text (from 1; None where it does not stand)."""

    mark: Mark
    before: int | None
    now: int | None
    text: str


def lines(old: str, new: str) -> tuple[Line, ...]:
    """Both texts as one; an empty text has no lines."""
    a, b = old.splitlines(), new.splitlines()
    first = 0
    while first < min(len(a), len(b)) and a[first] == b[first]:
        first += 1
    last = 0
    while last < min(len(a), len(b)) - first and a[-1 - last] == b[-1 - last]:
        last += 1
    out = [Line("same", n + 1, n + 1, b[n]) for n in range(first)]
    middle = (a[first : len(a) - last], b[first : len(b) - last])
    for i1, i2, j1, j2, same in _pieces(*middle):
        if same:
            out += [
                Line("same", first + i + 1, first + j1 + i - i1 + 1, middle[0][i])
                for i in range(i1, i2)
            ]
        else:
            out += [Line("gone", first + i + 1, None, middle[0][i]) for i in range(i1, i2)]
            out += [Line("new", None, first + j + 1, middle[1][j]) for j in range(j1, j2)]
    out += [
        Line("same", len(a) - n, len(b) - n, b[len(b) - n - 1]) for n in range(last - 1, -1, -1)
    ]
    return tuple(out)


def _pieces(a: list[str], b: list[str]) -> list[tuple[int, int, int, int, bool]]:
    if len(a) > MOST or len(b) > MOST:
        return [(0, len(a), 0, len(b), False)]
    found = SequenceMatcher(None, a, b).get_opcodes()
    return [(i1, i2, j1, j2, tag == "equal") for tag, i1, i2, j1, j2 in found]
