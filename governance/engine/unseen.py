"""Characters that are in a file and are not seen in it.

Law: who signs has read what a file says. What turns the order of writing round, or is not shown at
all, makes a text read as another; so it is told with its place, in comments, names and values alike,
whether it stands there itself or as an escape.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

from governance.engine.fixes import Source
from governance.engine.model import LoadFinding
from governance.engine.reading import Document, MappingNode, Node, ScalarNode

_UNSEEN: Final = frozenset(("Cc", "Cf", "Co", "Cn", "Zl", "Zp"))
_JOINERS: Final = "\u200c\u200d\u200e\u200f"
"""Which some scripts cannot be written without."""

_SHOWN: Final = 20


def hidden(text: str, but: str = "\n\r\t") -> str | None:
    """The first control, direction, tag or other character that is there and not shown."""
    if text.isprintable():
        return None
    return next((c for c in text if unicodedata.category(c) in _UNSEEN and c not in but), None)


def unseen(documents: Mapping[str, Document], files: Mapping[str, bytes]) -> Iterator[LoadFinding]:
    """Where such characters are, once for each line."""
    for path, document in documents.items():
        source = Source.of(files.get(path, b""))
        if source is None:
            continue
        found: dict[int, tuple[int, str]] = {}
        for node in _scalars(document.root):
            sign = hidden(node.value, "\n\r\t" + _JOINERS)
            if sign is not None:
                found[node.start_mark.line + 1] = (node.start_mark.column + 1, sign)
        for number, line in enumerate(source.text.split("\n"), 1):
            sign = hidden(line, "\r\t" + _JOINERS)
            if sign is not None:
                found[number] = (line.index(sign) + 1, sign)
        for number, (column, sign) in sorted(found.items())[:_SHOWN]:
            name = unicodedata.name(sign, "a control character")
            yield LoadFinding(path, number, column, "unseen-character",
                              f"U+{ord(sign):04X} ({name}) is in the text and is not seen: it may "
                              "read as another one", "remove it", "warning")  # fmt: skip


def _scalars(node: Node) -> Iterator[ScalarNode]:
    if isinstance(node, ScalarNode):
        yield node
        return
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield from _scalars(key)
            yield from _scalars(value)
        return
    for item in node.value:
        yield from _scalars(item)
