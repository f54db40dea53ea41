"""A policy file as it is written: its values in order, with their comments, anchors and places.

Law: every comment of the file is in the tree exactly once, beside what it stood beside. The values
are those of `reading`; this module adds how they are written, for tools that write files again or
point into them. Only a text that `reading.read` accepts may be given.

A comment belongs to the entry that ends on its line, or whose value begins there (`side`); one on a
line of its own belongs to the entry that follows it (`before`), unless it is indented deeper than
that entry: then it closes the collection that it is indented like (`foot`). An empty text among them
is a blank line that stood next to a comment.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from governance.engine.reading import PlainLoader, filled

NotYaml = yaml.YAMLError
"""What `parse` raises for a text that is no YAML."""
Kind = Literal["scalar", "sequence", "mapping"]


@dataclass(slots=True, eq=False)
class Node:
    """One value. `plain`: a scalar without quotes. `start` and `end` count characters; a block
    collection ends with its last entry. `column` counts from 0."""

    kind: Kind
    start: int
    end: int
    column: int
    line: int
    text: str = ""
    plain: bool = False
    flow: bool = False
    anchor: str = ""
    entries: list[Entry] = field(default_factory=list)
    foot: list[str] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Entry:
    """One entry of a mapping (with a key) or of a sequence. `alias`: the value is written `*name`
    and stands elsewhere, too."""

    key: Node | None
    value: Node
    alias: bool
    start: int
    end: int
    before: list[str] = field(default_factory=list)
    side: str = ""

    @property
    def name(self) -> str:
        return self.key.text if self.key is not None else ""


@dataclass(slots=True)
class Tree:
    """The root value and the lines where comments were found, as written."""

    root: Node
    comments: tuple[str, ...]


@dataclass(slots=True)
class _Comment:
    index: int
    line: int
    column: int
    text: str
    own_line: bool
    blank_before: bool
    blank_after: bool


@dataclass(slots=True)
class _Maker:
    """Builds nodes from the events of the parser."""

    text: str
    anchors: dict[str, Node] = field(default_factory=dict)
    scalars: list[Node] = field(default_factory=list)
    blocks: list[Node] = field(default_factory=list)

    def value(self, event: Any, events: Iterator[Any]) -> tuple[Node, bool]:
        if isinstance(event, yaml.AliasEvent):
            return self.anchors[str(event.anchor)], True
        mark, end = _mark(event.start_mark), _mark(event.end_mark)
        anchor = getattr(event, "anchor", None) or ""
        if isinstance(event, yaml.ScalarEvent):
            node = Node("scalar", mark.index, end.index, mark.column, mark.line,
                        text=event.value, plain=event.style in (None, ""))  # fmt: skip
            if anchor or event.tag:
                self._skip_properties(node)
            if event.style in ("|", ">"):
                self.blocks.append(node)
                node.end = node.start + len(self.text[node.start : node.end].rstrip())
            self.scalars.append(node)
        else:
            kind: Kind = "sequence" if isinstance(event, yaml.SequenceStartEvent) else "mapping"
            node = Node(kind, mark.index, mark.index, mark.column, mark.line,
                        flow=bool(event.flow_style))  # fmt: skip
            if anchor:
                node.anchor = anchor
                self.anchors[anchor] = node
            self._fill(node, events)
        if anchor:
            node.anchor = anchor
            self.anchors[anchor] = node
        return node, False

    def _skip_properties(self, node: Node) -> None:
        """`&name text`: the node begins at the text."""
        found = re.compile(r"(?:[&!][^\s]*\s+)+").match(self.text, node.start)
        if found is not None and found.end() <= node.end:
            node.start = found.end()

    def _fill(self, node: Node, events: Iterator[Any]) -> None:
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                last = node.entries[-1].end if node.entries else node.start
                node.end = _mark(event.end_mark).index if node.flow else last
                break
            key = None
            if node.kind == "mapping":
                key = self.value(event, events)[0]
                event = next(events)
            start = key.start if key is not None else _mark(event.start_mark).index
            value, alias = self.value(event, events)
            end = _mark(event.end_mark).index if alias else value.end
            node.entries.append(Entry(key, value, alias, start, end))
        if not node.flow and node.entries:
            # An anchor before a block collection is no part of where its entries stand.
            first = node.entries[0]
            if node.kind == "mapping" and first.key is not None:
                node.column, node.line = first.key.column, first.key.line


def _mark(mark: Any) -> Any:
    """The parser's own place, which its types call optional."""
    return mark


def parse(text: str) -> Tree:
    """The tree of a text. Raises NotYaml for a text that is not YAML, and ValueError for one
    that has no value."""
    text = filled(text) or text
    maker = _Maker(text)
    events: Iterator[Any] = iter(yaml.parse(text, Loader=PlainLoader))
    root = None
    for event in events:
        if isinstance(event, yaml.NodeEvent):
            root = maker.value(event, events)[0]
            break
    if root is None:
        raise ValueError("the text has no value")
    for _ in events:
        pass
    comments = _comments(text, maker)
    _Attaching(text, root).all(comments)
    return Tree(root, tuple(each.text for each in comments))


def _comments(text: str, maker: _Maker) -> list[_Comment]:
    """Every `#` that begins a comment: at the start of a line or after a blank, outside scalars."""
    spans = []
    for node in maker.scalars:
        start, end = node.start, node.end
        if node in maker.blocks:  # its first line may hold a comment
            start = text.find("\n", start) + 1 or end
        if end > start:
            spans.append((start, end))
    spans.sort()
    starts = [0]
    starts += [found.end() for found in re.finditer(r"\n", text)]
    out, at = [], 0
    begins = [start for start, _ in spans]
    while (at := text.find("#", at)) >= 0:
        where = bisect_right(begins, at) - 1
        if where >= 0 and at < spans[where][1]:
            at = spans[where][1]
            continue
        if at and text[at - 1] not in " \t\r\n\ufeff":
            at += 1
            continue
        line = bisect_right(starts, at) - 1
        stop = text.find("\n", at)
        stop = len(text) if stop < 0 else stop
        before = text[starts[line] : at]
        above = text[starts[line - 1] : starts[line]].strip() if line else "x"
        following = text[stop + 1 :].split("\n", 1)[0].strip() if stop + 1 < len(text) else "x"
        out.append(
            _Comment(at, line, at - starts[line], text[at:stop].rstrip(),
                     not before.strip(" \t\ufeff"), not above, not following)
        )  # fmt: skip
        at = stop
    return out


@dataclass(slots=True)
class _Level:
    """An entry with the collection that holds it and how deep that is."""

    entry: Entry
    holder: Node
    depth: int


class _Attaching:
    """Gives each comment to its entry or collection."""

    def __init__(self, text: str, root: Node) -> None:
        self.text = text
        self.root = root
        self.levels: list[_Level] = []
        self.flows: list[Node] = []
        self.closing: dict[int, list[Node]] = {}
        self._walk(root, 0)
        self.by_start = sorted(self.levels, key=lambda level: (level.entry.start, level.depth))
        self.starts = [level.entry.start for level in self.by_start]
        self.by_end = sorted(self.levels, key=lambda level: (level.entry.end, -level.depth))
        self.ends = [level.entry.end for level in self.by_end]

    def _walk(self, node: Node, depth: int) -> None:
        if node.flow and "\n" in self.text[node.start : node.end]:
            self.flows.append(node)
        if node.entries and not node.flow:
            self.closing.setdefault(node.end, []).append(node)
        for entry in node.entries:
            self.levels.append(_Level(entry, node, depth))
            if not entry.alias:
                self._walk(entry.value, depth + 1)

    def all(self, comments: list[_Comment]) -> None:
        for comment in comments:
            if comment.own_line or not self._beside(comment):
                self._above(comment)

    def _line_start(self, comment: _Comment) -> int:
        return comment.index - comment.column

    def _beside(self, comment: _Comment) -> bool:
        """The entry that ended last on this line, or the one that is open since."""
        start = self._line_start(comment)
        last = bisect_right(self.ends, comment.index) - 1
        ended = self.ends[last] if last >= 0 and self.ends[last] >= start else -1
        opened = bisect_right(self.starts, comment.index) - 1
        chosen: _Level | None = None
        if opened >= 0 and self.starts[opened] >= max(start, ended):
            open_now = self.by_start[opened]
            if open_now.entry.end > comment.index or ended < 0:
                chosen = open_now
        if chosen is None and ended >= 0:
            tied = list(self._ending_at(last))
            here = [level for level in tied if level.entry.start >= start]
            chosen = min(here, key=_depth) if here else max(tied, key=_depth)
        if chosen is None:
            return False
        if chosen.entry.side:
            chosen.entry.before.append(comment.text)
        else:
            chosen.entry.side = comment.text
        return True

    def _ending_at(self, last: int) -> Iterator[_Level]:
        end = self.ends[last]
        while last >= 0 and self.ends[last] == end:
            yield self.by_end[last]
            last -= 1

    def _above(self, comment: _Comment) -> None:
        place = bisect_right(self.starts, comment.index)
        following = self.by_start[place] if place < len(self.by_start) else None
        inside = self._innermost_flow(comment.index)
        if inside is not None:
            if following is None or following.entry.start > inside.end:
                return _close(inside, comment)
            return _put(following.entry.before, comment)
        if comment.own_line:
            closed = self._closed(comment, following)
            if closed is not None:
                return _close(closed, comment)
        if following is None:
            return _close(self.root, comment)
        return _put(following.entry.before, comment)

    def _innermost_flow(self, index: int) -> Node | None:
        found = [each for each in self.flows if each.start < index < each.end]
        return found[-1] if found else None

    def _closed(self, comment: _Comment, following: _Level | None) -> Node | None:
        """The deepest block collection that ended just before and is indented no deeper."""
        least = following.holder.column if following is not None else -1
        last = bisect_right(self.ends, comment.index) - 1
        if comment.column <= least or last < 0:
            return None
        ended = self.closing.get(self.ends[last], ())
        found = [node for node in ended if least < node.column <= comment.column]
        return max(found, key=lambda node: node.column, default=None)


def _depth(level: _Level) -> int:
    return level.depth


def _close(node: Node, comment: _Comment) -> None:
    """Put a comment at the end of a collection; the empty line after it is no part of that."""
    _put(node.foot, comment)
    if not node.foot[-1]:
        node.foot.pop()


def _put(lines: list[str], comment: _Comment) -> None:
    if comment.own_line and comment.blank_before and (not lines or lines[-1]):
        lines.append("")
    lines.append(comment.text)
    if comment.own_line and comment.blank_after:
        lines.append("")
