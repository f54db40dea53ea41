"""The one way in which a policy file is laid out: `governance policy fmt`.

Law: only the layout changes. The values before and after are compared, with their types, and so are
the comments; if anything differs, nothing is returned. The layout follows from the values and
comments alone, so that the same file comes out of any layout of it, and formatting twice changes
nothing.

Keys stand in the order of `schemas`. What fits on a line of 100 stands in brackets on one; what does
not, and every list of mappings, is a block. Rules, limits, actions and tables are always blocks, with
an empty line between; a case is always one line, and the cells of a table stand under each other.
Long texts are folded (`>-`). Comments stay with what they stand next to, and so does an empty line
before or after a comment; all other empty lines follow from the structure.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any, Final, NamedTuple

from governance.engine import forms, spelling, syntax
from governance.engine.forms import Form
from governance.engine.model import PolicyErrors
from governance.engine.reading import Findings, is_text, read
from governance.engine.syntax import Entry, Node

WIDTH: Final = 100
WIDEST_TABLE: Final = 160
"""Cells are put under each other unless that makes a line longer than this."""
_RECORD: Final = frozenset({"id", "title", "columns"})
_ONE_A_LINE: Final = frozenset({"members", "checklist"})
_MANY: Final = 20
"""From this number on a list of words is filled into lines; below it one word a line reads better."""


class Unsafe(Exception):
    """Laying the file out anew would lose or change something; the sentence says what."""


class Line(NamedTuple):
    """One line of the new file; the comment stands after two blanks or more."""

    text: str
    comment: str = ""


def formatted(path: str, data: bytes) -> bytes:
    """The file as it should be laid out; its line ends (LF or CRLF) stay, a byte order mark goes.

    Raises PolicyErrors if the file cannot be read, and Unsafe if it cannot be laid out anew without
    a change.
    """
    findings = Findings()
    before = read(path, data, findings)
    if before is None:
        raise PolicyErrors(findings.sorted())
    crlf = b"\r\n" in data
    text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    tree = syntax.parse(text)
    done = written(tree, forms.form_of([entry.name for entry in tree.root.entries]))
    made = done.replace("\n", "\r\n").encode() if crlf else done.encode()
    _prove(path, before.data, tree, done, findings)
    return made


def _prove(path: str, before: Any, tree: syntax.Tree, done: str, findings: Findings) -> None:
    """Raises Unsafe unless the new text says the same and holds the same comments."""
    after = read(path, done.encode(), findings)
    if after is None:
        first = findings.sorted()[0]
        raise Unsafe(f"it could not be read any more at line {first.line}: {first.message}")
    if not _same(before, after.data):
        raise Unsafe("a value would change")
    if Counter(tree.comments) != Counter(syntax.parse(done).comments):
        raise Unsafe("a comment would be lost or repeated")


def _same(one: Any, two: Any) -> bool:
    """Equal with the same types, whatever the order of keys."""
    if type(one) is not type(two):
        return False
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(_same(one[key], two[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(two) and all(map(_same, one, two))
    if isinstance(one, Decimal):
        return bool(one.as_tuple() == two.as_tuple())
    return bool(one == two)


def written(tree: syntax.Tree, form: Form) -> str:
    writer = _Writer()
    root = tree.root
    head: list[str] = []
    if root.entries:
        # What stands at the top of the file is about the file, not about its first key.
        head, root.entries[0].before = root.entries[0].before, []
    _order(root, form)
    _settle(root, set())
    writer.above(head, 0)
    if root.kind == "scalar" or not root.entries:
        writer.lines.append(Line(_flow(root) or "~"))
    else:
        writer.block(root, form, 0, 0)
    while writer.lines and not writer.lines[-1].text and not writer.lines[-1].comment:
        writer.lines.pop()
    return "\n".join(_joined(writer.lines)) + "\n"


def _order(node: Node, form: Form) -> None:
    """Sort the keys of every mapping; unknown keys stay behind the key they followed."""
    if node.kind == "mapping":
        known = {name: i for i, name in enumerate(forms.keys_of(form))}
        if not known and not forms.is_open(form):
            known = {"action": -1}
        at = -1 if known.get("action") != -1 else 0
        places: dict[int, int] = {}
        for entry in node.entries:
            at = (
                known.get(entry.name, at) if known.get("action") != -1 else known.get(entry.name, 0)
            )
            places[id(entry)] = at
        node.entries.sort(key=lambda entry: places[id(entry)])
    for i, entry in enumerate(node.entries):
        if not entry.alias:
            _order(entry.value, forms.inside(form, entry.name if entry.key else i))


def _settle(node: Node, seen: set[int]) -> None:
    """An anchor stands where its value is written first, in the new order."""
    for entry in node.entries:
        if entry.value.anchor:
            entry.alias = id(entry.value) in seen
            seen.add(id(entry.value))
        if not entry.alias:
            _settle(entry.value, seen)


def _has_comments(node: Node) -> bool:
    if any(node.foot):
        return True
    return any(
        any(entry.before) or entry.side or (not entry.alias and _has_comments(entry.value))
        for entry in node.entries
    )


def _flow(node: Node, rows: bool = False) -> str | None:
    """The value in brackets on one line, or None where it should be a block. `rows`: a case, which
    is always one line."""
    mark = f"&{node.anchor} " if node.anchor else ""
    if node.kind == "scalar":
        if "\n" in node.text and not rows and spelling.literal(node.text) is not None:
            return None
        return mark + spelling.scalar(node.text, node.plain, flow=True)
    if not rows:
        if _has_comments(node):
            return None
        if node.kind == "sequence" and any(
            entry.value.kind == "mapping" and not entry.alias for entry in node.entries
        ):
            return None
    parts = []
    for entry in node.entries:
        value = f"*{entry.value.anchor}" if entry.alias else _flow(entry.value, rows)
        if value is None:
            return None
        parts.append(f"{_key(entry, True)}: {value}" if entry.key is not None else value)
    inner = ", ".join(parts)
    return mark + (f"[{inner}]" if node.kind == "sequence" else f"{{{inner}}}")


def _key(entry: Entry, flow: bool) -> str:
    assert entry.key is not None
    return spelling.scalar(entry.key.text, False, flow, key=True)


def _is_record(node: Node) -> bool:
    return node.kind == "mapping" and any(entry.name in _RECORD for entry in node.entries)


def _is_section(node: Node, form: Form) -> bool:
    """A part of the file with empty lines around it."""
    if node.kind == "scalar" or not node.entries:
        return False
    if _is_record(node) or any(_is_record(entry.value) for entry in node.entries):
        return True
    return node.kind == "mapping" and forms.is_open(form)


class _Writer:
    """Collects lines. `level` counts how deep a collection is: 0 is the file."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def blank(self) -> None:
        if self.lines and (self.lines[-1].text or self.lines[-1].comment):
            self.lines.append(Line(""))

    def above(self, comments: list[str], indent: int, first: bool = False) -> None:
        """Comments on lines of their own."""
        shown = comments[1:] if first and comments[:1] == [""] else comments
        for comment in shown:
            if comment:
                self.lines.append(Line(" " * indent + comment))
            else:
                self.blank()

    def block(self, node: Node, form: Form, indent: int, level: int) -> None:
        """The entries of a collection, one under the other."""
        apart = level == 1 and any(_is_record(entry.value) for entry in node.entries)
        last_section = False
        for i, entry in enumerate(node.entries):
            inner = forms.inside(form, entry.name if entry.key is not None else i)
            section = level == 0 and not entry.alias and _is_section(entry.value, inner)
            if i and (apart or section or last_section):
                self.blank()
            last_section = section
            self.above(entry.before, indent, first=not i)
            if node.kind == "mapping" and _is_table(node) and entry.name == "rows":
                self.rows(entry, indent)
            elif node.kind == "mapping" and _is_table(node) and entry.name == "columns":
                self.loose(entry, indent)
            else:
                self.entry(entry, inner, indent, level)
        self.above(node.foot, indent)

    def loose(self, entry: Entry, indent: int) -> None:
        """An entry that is one line however long it is; what is said inside it stands above."""
        self.above([line for line in _comments_in(entry.value) if line], indent)
        text = f"*{entry.value.anchor}" if entry.alias else _flow(entry.value, rows=True)
        start = "-" if entry.key is None else f"{_key(entry, False)}:"
        self.lines.append(Line(f"{' ' * indent}{start} {text}", entry.side))

    def rows(self, entry: Entry, indent: int) -> None:
        """The rows of a table, their cells under each other."""
        rows = entry.value.entries
        if entry.alias or entry.value.kind != "sequence" or not rows:
            return self.entry(entry, forms.ANYTHING, indent, 2)
        mark = f" &{entry.value.anchor}" if entry.value.anchor else ""
        self.lines.append(Line(f"{' ' * indent}{_key(entry, False)}:{mark}", entry.side))
        cells = [_cells(row) for row in rows]
        widths = [0] * max(map(len, cells))
        for texts in cells:
            for i, cell in enumerate(texts):
                widths[i] = max(widths[i], len(cell))
        room = indent + 6 + sum(widths) + 2 * (len(widths) - 1)
        for i, (row, texts) in enumerate(zip(rows, cells, strict=True)):
            self.above(row.before, indent + 2, first=not i)
            if not texts or row.alias or row.value.anchor or room > WIDEST_TABLE:
                self.loose(row, indent + 2)
                continue
            self.above([line for line in _comments_in(row.value) if line], indent + 2)
            ends = [f"{cell}," for cell in texts[:-1]] + [texts[-1]]
            padded = [end.ljust(widths[j] + 1) for j, end in enumerate(ends[:-1])] + ends[-1:]
            self.lines.append(Line(f"{' ' * (indent + 2)}- [{' '.join(padded)}]", row.side))
        self.above(entry.value.foot, indent + 2)
        return None

    def entry(self, entry: Entry, form: Form, indent: int, level: int) -> None:
        """One entry, on one line if it fits there."""
        node = entry.value
        start = " " * indent + ("-" if entry.key is None else f"{_key(entry, False)}:")
        if entry.alias:
            self.lines.append(Line(f"{start} *{node.anchor}", entry.side))
            return
        mark = f" &{node.anchor}" if node.anchor else ""
        if node.kind == "scalar":
            self.scalar(entry, start + mark, indent)
            return
        if not node.entries:
            self.above([line for line in node.foot if line], indent)
            empty = "[]" if node.kind == "sequence" else "{}"
            self.lines.append(Line(f"{start}{mark} {empty}", entry.side))
            return
        always = self._stays_block(node, form, level) or (level == 0 and entry.name == "members")
        flow = None if always else _flow(node)
        if flow is not None and len(f"{start} {flow}") <= WIDTH:
            self.lines.append(Line(f"{start} {flow}", entry.side))
            return
        if flow is not None and node.kind == "sequence" and entry.key is not None:
            filled = _filled(entry, indent + 2)
            if filled:
                self.lines.append(Line(start + mark, entry.side))
                self.lines += [Line(line) for line in filled]
                return
        self.children(entry, start + mark, form, indent, level)

    def children(self, entry: Entry, start: str, form: Form, indent: int, level: int) -> None:
        """A collection as a block. In a list its first entry stands behind the dash."""
        node = entry.value
        joined = entry.key is None and not node.anchor
        if not joined:
            self.lines.append(Line(start, entry.side))
            self.block(node, form, indent + 2, level + 1)
            return
        first = node.entries[0]
        hoisted = [line for line in ([entry.side] if entry.side else []) + first.before if line]
        self.above(hoisted, indent)
        first.before = []
        at = len(self.lines)
        self.block(node, form, indent + 2, level + 1)
        # A row or a table may have put comments first; the dash belongs to the first value.
        while self.lines[at].text.lstrip().startswith("#"):
            self.lines[at] = Line(" " * indent + self.lines[at].text.lstrip())
            at += 1
        text, comment = self.lines[at]
        self.lines[at] = Line(f"{start} {text.lstrip()}", comment)

    def _stays_block(self, node: Node, form: Form, level: int) -> bool:
        """Rules, actions, tables and their like are blocks however short they are."""
        if level <= 1 and _is_record(node):
            return True
        if level == 0 and any(_is_record(entry.value) for entry in node.entries):
            return True
        return node.kind == "mapping" and forms.is_open(form)

    def scalar(self, entry: Entry, start: str, indent: int) -> None:
        node = entry.value
        literal = spelling.literal(node.text)
        line = f"{start} {spelling.scalar(node.text, node.plain, flow=False)}"
        if literal is not None:
            self.lines.append(Line(f"{start} {literal[0]}", entry.side))
            self.lines += [
                Line(f"{' ' * (indent + 2)}{text}" if text else "") for text in literal[1]
            ]
            return
        folded = None
        if len(line) > WIDTH and is_text(node.text):
            folded = spelling.folded(node.text, WIDTH - indent - 2)
        if folded is None:
            self.lines.append(Line(line, entry.side))
            return
        self.lines.append(Line(f"{start} >-", entry.side))
        self.lines += [Line(f"{' ' * (indent + 2)}{text}") for text in folded]


def _is_table(node: Node) -> bool:
    return {"columns", "rows"} <= {entry.name for entry in node.entries}


def _comments_in(node: Node) -> list[str]:
    """Every comment inside a value, in order."""
    out: list[str] = []
    for entry in node.entries:
        out += entry.before
        if not entry.alias:
            out += _comments_in(entry.value)
        out.append(entry.side)
    return out + node.foot


def _cells(row: Entry) -> list[str]:
    """The cells of a row as they are written; none where it is no plain row."""
    if row.alias or row.value.kind != "sequence" or row.value.anchor:
        return []
    return [
        f"*{cell.value.anchor}" if cell.alias else _flow(cell.value, rows=True) or "~"
        for cell in row.value.entries
    ]


def _filled(entry: Entry, indent: int) -> list[str]:
    """A long list of words as lines in brackets; nothing where one word a line reads better."""
    if entry.name in _ONE_A_LINE or any(e.value.kind != "scalar" for e in entry.value.entries):
        return []
    words = [_flow(e.value) if not e.alias else f"*{e.value.anchor}" for e in entry.value.entries]
    lines, line = [], " " * indent + "["
    for i, word in enumerate(words):
        end = "]" if i == len(words) - 1 else ","
        glue = "" if line.endswith("[") else " "
        if glue and len(f"{line}{glue}{word}{end}") > WIDTH:
            lines.append(line)
            line, glue = " " * (indent + 1), ""
        line = f"{line}{glue}{word}{end}"
    lines.append(line)
    return lines if len(lines) <= 2 or len(words) > _MANY else []


def _joined(lines: list[Line]) -> list[str]:
    """Texts with their comments; those of lines that follow each other stand in one column."""
    out: list[str] = []
    at = 0
    while at < len(lines):
        end = at
        while end < len(lines) and lines[end].comment and _indent(lines[end]) == _indent(lines[at]):
            end += 1
        group = lines[at : end or at + 1] if end > at else lines[at : at + 1]
        widest = max(len(line.text) for line in group)
        if any(widest + 2 + len(line.comment) > WIDTH for line in group):
            widest = 0
        out += [
            f"{line.text.ljust(widest)}  {line.comment}" if line.comment else line.text
            for line in group
        ]
        at += len(group)
    return out


def _indent(line: Line) -> int:
    return len(line.text) - len(line.text.lstrip())
