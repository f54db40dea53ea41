"""Amounts and numbers of which a person cannot say how large they are: `10.000 EUR`, `1.500`.

Law: what a person writes down is read in one way, by everybody. To one half of Europe `10.000 EUR` is
ten thousand, to this language it is ten; so neither is taken in files, cases and answers. Requests are
written by programs: how they are read is in `values`, and nothing here changes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from governance.engine.codes import CURRENCIES
from governance.engine.reading import (
    Document,
    Findings,
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
)

_PROSE: Final = frozenset(
    ("name", "title", "because", "reason", "trust_claim", "checklist", "description", "ticket")
)
"""Keys and columns whose text is for readers: nothing is compared with it."""
_HINT: Final = re.compile(rb"[0-9]\.[0-9]{2}[0-9]|[0-9]\.[0-9]+ ?[A-Za-z]{3}")
_WRITTEN: Final = re.compile(r"(-?)([0-9]{1,28})\.([0-9]{1,28})(?: ?([A-Za-z]{3})| ([^\s0-9]\S*))?")


def meanings(text: str) -> tuple[str, ...]:
    """The clear spellings of what these letters may mean, smallest first; empty when they are clear.

    Unclear is a dot with exactly three digits behind it and one to three before it, which may be
    thousands, as long as fewer digits say the same; and an amount with more decimals than its
    currency has. What no field would take (`10.005 EUR`) is not asked about here.
    """
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return ()
    sign, whole, tail, short, unit = found.groups()
    decimals = CURRENCIES.get((short or "").upper())
    behind = f" {short.upper() if decimals is not None else short}" if short else ""
    behind = f" {unit}" if unit else behind
    grouped = len(tail) == 3 and len(whole) <= 3 and whole[0] != "0" and tail[-1] == "0"
    if not grouped and (decimals is None or len(tail) <= decimals):
        return ()
    least = tail.rstrip("0")
    if decimals is not None:
        if len(least) > decimals:
            return ()
        least = least.ljust(decimals, "0") if least else ""
    small = f"{sign}{whole}{'.' if least else ''}{least}{behind}"
    return (small, f"{sign}{whole}{tail}{behind}") if grouped else (small,)


def says(text: str) -> tuple[str, str]:
    """What is wrong with an unclear text and what to write instead; two empty texts if it is clear."""
    found = meanings(text)
    if not found:
        return "", ""
    if len(found) == 1:
        currency = text[-3:].upper()
        return (f"`{text}` has more decimals than {currency}, which has {CURRENCIES[currency]}",
                f"write `{found[0]}`")  # fmt: skip
    return f"`{text}`: is it {found[0]} or {found[1]}?", f"write `{found[1]}` or `{found[0]}`"


def look(document: Document, data: bytes, findings: Findings) -> None:
    """Add an error for each unclear amount or number of a file; prose and keys are not looked at."""
    if not _HINT.search(data):
        return
    for node in _values(document.root):
        if node.style and node.value[-3:].upper() not in CURRENCIES:
            continue  # in quotes, what is no amount is a text, such as a version
        message, hint = says(node.value)
        if message:
            place = node.start_mark.line + 1, node.start_mark.column + 1
            findings.add(document.path, place, "unclear-amount", message, hint)


def look_at_all(
    documents: Mapping[str, Document], files: Mapping[str, bytes], findings: Findings
) -> None:
    """`look` at each document whose bytes are in `files`."""
    for path, document in documents.items():
        look(document, files[path], findings)


def _values(root: Node) -> Iterator[ScalarNode]:
    """Every scalar that something is compared with, each once: cells of rows by their column."""
    stack: list[Node] = [root]
    seen: set[int] = set()
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, ScalarNode):
            yield node
        elif isinstance(node, SequenceNode):
            stack += node.value
        elif isinstance(node, MappingNode):
            prose = _prose_columns(node)
            for key, value in node.value:
                if key.value == "rows" and prose and isinstance(value, SequenceNode):
                    for row in value.value:
                        if isinstance(row, SequenceNode):
                            stack += [c for i, c in enumerate(row.value) if i not in prose]
                elif key.value not in _PROSE:
                    stack.append(value)


def _prose_columns(node: MappingNode) -> frozenset[int]:
    for key, value in node.value:
        if key.value == "columns" and isinstance(value, SequenceNode):
            return frozenset(
                i for i, each in enumerate(value.value)
                if isinstance(each, ScalarNode) and each.value in _PROSE
            )  # fmt: skip
    return frozenset()
