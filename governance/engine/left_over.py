"""What was left behind in a file that loads: a text cut off by `#`, a decision that nobody took.

Law: these are read off the text, where the values no longer show them. A warning never changes what a
file means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from governance.engine.fixes import Source
from governance.engine.model import LoadFinding
from governance.engine.reading import Document, MappingNode, Node, ScalarNode, SequenceNode

PLACEHOLDER: Final = "name-an-owner"
"""The owner that an imported catalogue has until somebody is named."""
_TEXTS: Final = frozenset(("title", "because", "reason", "trust_claim"))
_CUT: Final = re.compile(r" +#(?=[^\s#]).*$")
_DECIDE: Final = re.compile(r"(?:^|\s)(# decide\b[^\n]*)", re.MULTILINE)


def left_over(
    documents: Mapping[str, Document], files: Mapping[str, bytes]
) -> Iterator[LoadFinding]:
    """Texts that end at a `#`, and what an import left for a person to decide."""
    for path, document in documents.items():
        source = Source.of(files.get(path, b""))
        if source is not None and "#" in source.text:
            yield from _cut_off(document, source)
            if path.removeprefix("policies/").startswith("actions/"):
                yield from _open(document, source)
        if isinstance(document.data, dict) and document.data.get("owner") == PLACEHOLDER:
            line, column = document.place(("owner",))
            yield LoadFinding(path, line, column, "undecided", f"`{PLACEHOLDER}` is nobody",
                              "write who answers for this file", "warning")  # fmt: skip


def _open(document: Document, source: Source) -> Iterator[LoadFinding]:
    """One finding for a file, at its first open question: an import leaves dozens."""
    found = list(_DECIDE.finditer(source.text))
    if not found:
        return
    line, column = source.place(found[0].start(1))
    many = "1 line still says" if len(found) == 1 else f"{len(found)} lines still say"
    yield LoadFinding(document.path, line, column, "undecided", f"{many} `# decide`",
                      "decide each, and take the comment away", "warning")  # fmt: skip


def _cut_off(document: Document, source: Source) -> Iterator[LoadFinding]:
    for node in _texts(document.root):
        number, end = node.end_mark.line + 1, node.end_mark.column
        if node.style or node.start_mark.line != node.end_mark.line:
            continue
        line = source.line(number)
        found = _CUT.match(line, end)
        if found is None or '"' in line[node.start_mark.column :]:
            continue
        start = source.offset(number, node.start_mark.column + 1)
        stop = source.offset(number, end + 1) + len(found[0].rstrip())
        whole = source.text[start:stop]
        fix = None if "\\" in whole else source.fix(start, stop, f'"{whole}"', True)
        yield LoadFinding(document.path, number, node.start_mark.column + 1, "text-cut-off",
                          f"the text ends before `{found[0].strip()[:40]}`, which YAML takes for a "
                          "comment", "put the text in quotes", "warning", fix)  # fmt: skip


def _texts(root: Node) -> Iterator[ScalarNode]:
    stack: list[Node] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, SequenceNode):
            stack += node.value
        elif isinstance(node, MappingNode):
            for key, value in node.value:
                if isinstance(value, ScalarNode) and key.value in _TEXTS:
                    yield value
                elif key.value not in ("rows", "members"):
                    stack.append(value)
