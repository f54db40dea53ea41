"""Where in a file the cursor stands, found from the text alone, so that it works while typing.

Law: a text that is no YAML at this moment has places, too. Blocks are read by their indentation,
brackets by scanning; nothing here fails, an odd text gives an odd place at worst.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_LINE = re.compile(
    r"( *)((?:-(?: +|$))*)(?:(\"[^\"]*\"|'[^']*'|[^\s#&*!|>'\"%@`\[\]{},-][^#\[\]{}]*?|-[^\s#\[\]{}][^#\[\]{}]*?) *:(?=\s|$))?"
)
_WORD = re.compile(r"[^\s,\[\]{}:'\"]|:(?=[^\s,\[\]{}])")


@dataclass(frozen=True, slots=True)
class Spot:
    """A place: `way` are the keys (and 0 for an item of a list) that lead to the collection the
    cursor is in; for a value its own key is the last. `word` is what stands at the cursor, from
    `start` to `end` on its line, `prefix` what of it is before the cursor. `siblings` are the other
    entries of the innermost mapping as they are written; `item` counts the cells before the cursor
    in the outermost list in brackets: that of a row, also inside a cell that is a list."""

    way: tuple[str | int, ...]
    is_key: bool
    word: str
    prefix: str
    start: int
    end: int
    in_brackets: bool = False
    siblings: dict[str, str] = field(default_factory=dict)
    item: int = 0


@dataclass(slots=True)
class _Open:
    """A bracket that is open at the cursor."""

    list_: bool
    key: str = ""
    item: int = 0
    done: dict[str, str] = field(default_factory=dict)


def where(lines: Sequence[str], line: int, column: int) -> Spot:
    """The place of a cursor."""
    text = lines[line] if line < len(lines) else ""
    column = min(column, len(text))
    start, end = _word_at(text, column)
    word, prefix = text[start:end], text[start:column]
    top, opened = _brackets(lines, line, start)
    if opened:
        return _inside(lines, top, opened, Spot((), False, word, prefix, start, end, True))
    indent, dashes, key = _parts(text)
    before = text[:column]
    if key is not None and column > key[1] + 1 and ":" in before:
        way = _above(lines, line, dashes, key[0])
        return Spot((*way, key[2]), False, word, prefix, start, end, False,
                    _siblings(lines, line, key[0]))  # fmt: skip
    own = key[0] if key is not None else (dashes[-1] + 2 if dashes else min(indent, column))
    if key is None and dashes:
        own = len(text) - len(re.sub(r"^ *(?:- +)*", "", text))
    way = _above(lines, line, dashes, own)
    is_key = not word.startswith(("$", '"', "'"))
    return Spot(way, is_key, word, prefix, start, end, False, _siblings(lines, line, own))


def _inside(lines: Sequence[str], top: int, opened: list[_Open], spot: Spot) -> Spot:
    """The place inside brackets that began on line `top`."""
    _, dashes, key = _parts(lines[top])
    own = key[0] if key is not None else (dashes[-1] + 2 if dashes else 0)
    way: list[str | int] = list(_above(lines, top, dashes, own))
    if key is not None:
        way.append(key[2])
    for each in opened:
        if each.list_:
            way.append(0)
        elif each.key:
            way.append(each.key)
    last = opened[-1]
    return Spot(
        tuple(way),
        not last.list_ and not last.key,
        spot.word,
        spot.prefix,
        spot.start,
        spot.end,
        True,
        last.done,
        next((each.item for each in opened if each.list_), 0),
    )


def _word_at(text: str, column: int) -> tuple[int, int]:
    start = column
    while start > 0 and _WORD.match(text, start - 1):
        start -= 1
    end = column
    while end < len(text) and _WORD.match(text, end):
        end += 1
    return start, end


def _parts(text: str) -> tuple[int, list[int], tuple[int, int, str] | None]:
    """The indentation of a line, the columns of its dashes, and its key: start, end and name."""
    found = _LINE.match(text)
    assert found is not None
    dashes = [found.start(2) + at for at, sign in enumerate(found[2]) if sign == "-"]
    if found[3] is None:
        return len(found[1]), dashes, None
    return len(found[1]), dashes, (found.start(3), found.end(3), found[3].strip("\"'"))


def _above(
    lines: Sequence[str], line: int, dashes: Sequence[int], own: int
) -> tuple[str | int, ...]:
    """The keys and items that a block entry at column `own` of a line is in."""
    way: list[str | int] = []
    limit = own
    for column in reversed(dashes):
        if column < limit:
            way.insert(0, 0)
            limit = column
    same = bool(dashes)  # a list may stand at the column of its key
    for text in reversed(lines[:line]):
        if not text.strip() or text.lstrip().startswith("#") or limit < 0:
            continue
        _, marks, key = _parts(text)
        if key is not None and (key[0] < limit or (same and key[0] == limit)):
            way.insert(0, key[2])
            limit, same = key[0], False
        for column in reversed(marks):
            if column < limit:
                way.insert(0, 0)
                limit, same = column, True
    return tuple(way)


def _siblings(lines: Sequence[str], line: int, own: int) -> dict[str, str]:
    """The other entries of the block mapping at column `own`, as they are written on their lines."""
    out: dict[str, str] = {}
    for step in (-1, 1):
        at = line if step < 0 else line + 1
        while 0 <= at < len(lines):
            text = lines[at]
            at += step
            if not text.strip() or text.lstrip().startswith("#"):
                continue
            indent, dashes, key = _parts(text)
            if dashes and step > 0 and dashes[0] < own:
                break
            if key is not None and key[0] == own and (at - step) != line:
                out[key[2]] = text[key[1] :].lstrip(" :").rstrip()
            if (dashes and dashes[0] < own and step < 0) or (indent < own and not dashes):
                break
    return out


def _brackets(lines: Sequence[str], line: int, column: int) -> tuple[int, list[_Open]]:
    """The line where the outermost open bracket began, and what is open before a column."""
    top = line
    for back in range(line, max(-1, line - 400), -1):
        text = lines[back] if back < len(lines) else ""
        _, dashes, key = _parts(text)
        if key is not None or dashes:
            # A line of its own may still stand inside brackets of a line above.
            opened = _scan(lines, back, line, column)
            if opened:
                return back, opened
            if back < line and _indent(text) < _indent(lines[line] if line < len(lines) else ""):
                return top, []
            if back < line - 40 or not _indent(text):
                return top, []
    return top, []


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _scan(lines: Sequence[str], first: int, last: int, column: int) -> list[_Open]:
    """The brackets that are open before a column of the last line."""
    scanner = _Scanner()
    for at in range(first, last + 1):
        text = lines[at] if at < len(lines) else ""
        scanner.line(text, column if at == last else len(text))
    return scanner.opened


class _Scanner:
    """Goes through text sign by sign. `token` is the text since the last sign that means something."""

    def __init__(self) -> None:
        self.opened: list[_Open] = []
        self.quote = ""
        self.token = ""

    def line(self, text: str, stop: int) -> None:
        index = 0
        while index < stop:
            sign, before, after = text[index], text[index - 1 : index], text[index + 1 : index + 2]
            if self.quote:
                if sign == "\\" and self.quote == '"':
                    index += 1
                self._quoted(sign)
            elif sign == "#" and (index == 0 or before in " \t"):
                break
            elif sign in "\"'" and not self.token.strip():
                self.quote = sign
            elif self.opened:
                self._inside(sign, after, index + 1 >= stop)
            else:
                self._outside(sign, after)
            index += 1
        self.token += " "

    def _quoted(self, sign: str) -> None:
        if sign == self.quote:
            self.quote = ""
        else:
            self.token += sign

    def _outside(self, sign: str, after: str) -> None:
        if sign in "[{" and not self.token.strip():
            self.opened.append(_Open(sign == "["))
        elif sign in " :-" and not after.strip():
            self.token = ""
        else:
            self.token += sign

    def _inside(self, sign: str, after: str, last: bool) -> None:
        here = self.opened[-1]
        if sign in "[{":
            self.opened.append(_Open(sign == "["))
            self.token = ""
        elif sign in "]}":
            self.opened.pop()
            self.token = "…"  # noqa: S105 - something that was closed
        elif sign == ",":
            _end(here, self.token)
            self.token = ""
        elif sign == ":" and not here.list_ and (not after.strip() or last):
            here.key = here.key or self.token.strip()
            self.token = ""
        else:
            self.token += sign


def _end(opened: _Open, token: str) -> None:
    """A comma: one more cell, or one more entry."""
    opened.item += 1
    name = opened.key or token.strip()
    if not opened.list_ and name:
        opened.done[name] = token.strip()
    opened.key = ""
