"""What a command prints: data on stdout, words for people on stderr.

Law: `-o json` prints exactly one JSON document on stdout and nothing else there; a table is for
eyes, never wider than it must be, and an agent's text in it cannot move the cursor or colour it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click


def say(text: str) -> None:
    """A sentence for the person, on stderr."""
    click.echo(inert(text), err=True)


def document(value: object) -> None:
    """One JSON document on stdout."""
    click.echo(_harmless(json.dumps(value, ensure_ascii=False, indent=2, sort_keys=False)))


def line_document(value: object) -> None:
    """One JSON document on a line of its own, for what has no end."""
    click.echo(_harmless(json.dumps(value, ensure_ascii=False)))


def table(columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]], empty: str) -> None:
    """Rows under headings; `columns` is field -> heading. `empty` is said when there are none."""
    lines = [[_cell(row.get(field)) for field in columns] for row in rows]
    if not lines:
        if empty:
            say(empty)
        return
    heads = list(columns.values())
    widths = [max(map(_width, column)) for column in zip(heads, *lines, strict=True)]
    _narrow(widths)
    click.echo(_bold(_row(heads, widths)))
    for line in lines:
        click.echo(_row(line, widths))


_SENTENCE = 60
"""Characters from which on the members of a list have a line each."""


def facts(value: Mapping[str, Any], indent: int = 0, *, err: bool = False) -> None:
    """One record: a line for each field, nested records below their name; `err`: on stderr."""
    width = max((len(name) for name in value), default=0)
    pad = " " * indent
    for name, item in value.items():
        label = one_line(name.replace("_", " ")).ljust(width)
        if isinstance(item, Mapping) and item:
            click.echo(f"{pad}{label.rstrip()}", err=err)
            facts(item, indent + 2, err=err)
        elif isinstance(item, list) and item and isinstance(item[0], Mapping):
            click.echo(f"{pad}{label.rstrip()}", err=err)
            for number, part in enumerate(item):
                if number and len(part) > 1:
                    click.echo("", err=err)
                facts(part, indent + 2, err=err)
        elif isinstance(item, list) and any(len(str(part)) > _SENTENCE for part in item):
            click.echo(f"{pad}{label.rstrip()}", err=err)
            for part in item:
                click.echo(f"{pad}  {_cell(part)}", err=err)
        elif isinstance(item, str) and "\n" in item.strip():
            click.echo(f"{pad}{label.rstrip()}", err=err)
            for line in item.strip().split("\n"):
                click.echo(f"{pad}  | {one_line(line)}", err=err)
        else:
            click.echo(f"{pad}{label}  {_cell(item)}", err=err)


def show(output: str, value: Any) -> None:
    """One record in the form the person asked for."""
    if output == "json":
        return document(value)
    receipt = value.get("receipt")
    if isinstance(receipt, Mapping):
        # The whole receipt is for keeping, not for reading.
        value = {**value, "receipt": f"entry {receipt['index']} (-o json has all of it)"}
    return facts(value)


def listing(
    output: str,
    found: Any,
    columns: Mapping[str, str],
    rows: Iterable[Mapping[str, Any]],
    empty: str,
) -> None:
    """What was `found` in the form the person asked for: all of it, or `rows` of it as a table."""
    return document(found) if output == "json" else table(columns, rows, empty)


def inert(text: str) -> str:
    """Text that a terminal only prints: control and direction characters become visible."""
    return "".join(
        c
        if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co")
        else f"<{ord(c):x}>"
        for c in text
    )


def moment(text: object) -> str:
    """A recorded time as people read it: `2026-11-20 05:46:40Z`."""
    return re.sub(
        r"T(\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)$", r" \1Z", "" if text is None else str(text)
    )


def one_line(text: str) -> str:
    """Inert text that cannot begin a line of its own."""
    return inert(text.replace("\t", " ")).replace("\n", "⏎")


def _harmless(text: str) -> str:
    """JSON whose characters a terminal only prints; it still means the same."""
    return "".join(
        c
        if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co")
        else json.dumps(c)[1:-1]
        for c in text
    )


def _cell(value: object) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_cell, value)) or "–"
    if isinstance(value, Mapping):
        return ", ".join(f"{one_line(name)} {_cell(item)}" for name, item in value.items())
    return one_line(moment(value))


def _width(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    combining = sum(bool(unicodedata.combining(c)) for c in text)
    return len(text) + wide - combining


def _narrow(widths: list[int]) -> None:
    """Shrink the widest column until the line fits a terminal; pipes get everything."""
    if not sys.stdout.isatty():
        return
    room = shutil.get_terminal_size((100, 24)).columns - 2 * (len(widths) - 1)
    while sum(widths) > room and max(widths) > 12:
        widths[widths.index(max(widths))] -= 1


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    fitted = []
    for cell, width in zip(cells, widths, strict=True):
        text = cell if _width(cell) <= width else _cut(cell, width - 1) + "…"
        fitted.append(text + " " * (width - _width(text)))
    return "  ".join(fitted).rstrip()


def _cut(text: str, width: int) -> str:
    while _width(text) > width:
        text = text[:-1]
    return text


def _bold(text: str) -> str:
    plain = bool(os.environ.get("NO_COLOR")) or not sys.stdout.isatty()
    return text if plain else click.style(text, bold=True)
