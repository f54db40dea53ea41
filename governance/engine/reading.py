"""YAML in, plain values out, with the place of every one of them.

Law: nothing is guessed and nothing is built that the file does not spell out. YAML 1.2 scalars only
(`NO` is a text, `12:30` is a text, numbers are int or Decimal), no tags, no duplicate keys, one
document; size, depth and aliases are bounded before anything is built, so that a hostile file costs
milliseconds. An empty cell in a flow list (`[a, , b]`) reads as null.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import yaml

from governance.engine.model import Fix, LoadFinding, Severity

MAX_FILE: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 40
MAX_ALIASED: Final = 10_000
"""How many nodes all aliases of a file together may stand for."""

Node = yaml.Node
MappingNode = yaml.MappingNode
ScalarNode = yaml.ScalarNode
SequenceNode = yaml.SequenceNode
Place = tuple[int, int]
Way = tuple[str | int, ...]


class PlainLoader(yaml.CSafeLoader):
    """Without implicit types: every plain scalar is a text, any other tag was written out."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (PyYAML's own class attribute)


_PLAIN_TAGS: Final = {
    yaml.ScalarNode: "tag:yaml.org,2002:str",
    yaml.SequenceNode: "tag:yaml.org,2002:seq",
    yaml.MappingNode: "tag:yaml.org,2002:map",
}


@dataclass(slots=True)
class Findings:
    """What is wrong so far, in the order found."""

    items: list[LoadFinding] = field(default_factory=list)

    def add(
        self,
        path: str,
        place: Place,
        code: str,
        message: str,
        hint: str = "",
        severity: Severity = "error",
        fix: Fix | None = None,
    ) -> None:
        self.items.append(LoadFinding(path, place[0], place[1], code, message, hint, severity, fix))

    def sorted(self) -> tuple[LoadFinding, ...]:
        """By file and place, each once."""
        order = sorted(set(self.items), key=lambda f: (f.path, f.line, f.column, f.code, f.message))
        return tuple(order)


@dataclass(slots=True)
class Document:
    """One file: its plain value and its tree of marks."""

    path: str
    data: Any
    root: yaml.Node

    def place(self, way: Way, key: bool = False) -> Place:
        """Line and column (from 1) of the value at `way`, or of its key; of the nearest that
        exists if there is no such value."""
        node, mark = self.root, self.root.start_mark
        for step, name in enumerate(way):
            last = step == len(way) - 1
            found = _step(node, name)
            if found is None:
                break
            name_node, node = found
            mark = name_node.start_mark if (key and last) else node.start_mark
        return mark.line + 1, mark.column + 1


def _start(thing: yaml.Node | yaml.Event) -> Place:
    mark = thing.start_mark
    return (1, 1) if mark is None else (mark.line + 1, mark.column + 1)


def _step(node: yaml.Node, name: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(name, int) and name < len(node.value):
        return node.value[name], node.value[name]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == name:
                return key, value
    return None


def read(path: str, data: bytes, findings: Findings) -> Document | None:
    """The document of one file, or None after its findings were added."""
    if len(data) > MAX_FILE:
        size = f"{len(data) / 1024 / 1024:.1f} MiB"
        findings.add(path, (1, 1), "too-large", f"the file has {size}, at most 4 MiB are read",
                     "split it by topic")  # fmt: skip
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        place = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        findings.add(path, place, "not-utf8", "the file is not UTF-8 here", "save it as UTF-8")
        return None
    root = _compose(path, text, findings)
    if root is None or not _bounded(path, root, findings):
        return None
    builder = _Builder(path, findings)
    value = builder.build(root)
    return None if builder.failed else Document(path, value, root)


def _compose(path: str, text: str, findings: Findings) -> yaml.Node | None:
    if _looks_deep(text) and (place := _too_deep(text)) is not None:
        findings.add(path, place, "too-deep", f"more than {MAX_DEPTH} levels inside each other",
                     "write it flatter")  # fmt: skip
        return None
    try:
        root = yaml.compose(text, Loader=PlainLoader)
    except yaml.YAMLError as error:
        if "expected node content" in str(getattr(error, "problem", "")):
            whole = filled(text)
            if whole is not None and whole != text:
                return _compose(path, whole, findings)
        place, code, message, hint = _explain(error, text)
        findings.add(path, place, code, message, hint)
        return None
    if root is None:
        findings.add(path, (1, 1), "empty", "the file is empty", "")
    return root


_PREFIX = re.compile(r"^[ \t]*(?:[-?:][ \t]+)*", re.MULTILINE)


def _looks_deep(text: str) -> bool:
    """A cheap over-estimate of nesting, without regard to quotes: brackets and indentation."""
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH // 2:
            return True
        depth = max(depth, 0)
    return any(len(match[0]) > MAX_DEPTH // 2 for match in _PREFIX.finditer(text))


def _too_deep(text: str) -> Place | None:
    """Exactly where the nesting passes the bound. The event stream needs no recursion."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=PlainLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    return _start(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.YAMLError:
        return None if depth <= MAX_DEPTH else (1, 1)
    return None


def filled(text: str) -> str | None:
    """The text with `~` in each empty cell of a flow list; a blank is replaced where there is one,
    so that columns stay what they were."""
    cells: list[int] = []
    kinds: list[bool] = []
    before: yaml.Token | None = None
    try:
        for token in yaml.scan(text, Loader=PlainLoader):
            if isinstance(token, yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken):
                kinds.append(isinstance(token, yaml.FlowSequenceStartToken))
            elif isinstance(token, yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken):
                kinds.pop()
            elif (
                isinstance(token, yaml.FlowEntryToken)
                and isinstance(before, yaml.FlowEntryToken | yaml.FlowSequenceStartToken)
                and kinds[-1]
            ):
                cells.append(token.start_mark.index)
            before = token
    except (yaml.YAMLError, IndexError):
        return None
    out, done = [], 0
    for comma in cells:
        blank = text[comma - 1] == " "
        out += [text[done : comma - 1 if blank else comma], "~"]
        done = comma
    return "".join(out) + text[done:]


def _explain(error: yaml.YAMLError, text: str) -> tuple[Place, str, str, str]:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        position = getattr(error, "position", 0)
        before = text[: position if isinstance(position, int) else 0]
        place = before.count("\n") + 1, len(before) - before.rfind("\n")
        return place, "not-yaml", "a character that YAML does not allow", "remove it"
    start = getattr(error, "context_mark", None)
    said = str(getattr(error, "problem", ""))
    if start is not None and ("expected ':'" in said or "expected ',' or" in said):
        mark = start  # where the key without colon, the open bracket begins: not where it is missed
    quoted = _open_quote(error, text)
    if quoted is not None:
        return (
            quoted,
            "not-yaml",
            "the quote that opens here is not closed on its line",
            ("close it, or leave both out"),
        )
    place = mark.line + 1, mark.column + 1
    line = text.splitlines()[mark.line] if mark.line < len(text.splitlines()) else ""
    if "\t" in line[: mark.column + 1]:
        at = mark.line + 1, line.index("\t") + 1
        return at, "tab", "a tab is not allowed here", "indent with spaces"
    problem = str(getattr(error, "problem", "") or "it cannot be read")
    if "mapping values are not allowed" in problem and _KEY.fullmatch(line[: mark.column]):
        return (
            place,
            "not-yaml",
            "this line is indented deeper than the one it belongs to",
            ("check its indentation: keys of one mapping begin in one column"),
        )
    if "another document" in problem:
        return place, "two-documents", "a second document starts here", "use one file for each"
    hints = {
        "undefined alias": "name the anchor first, or write the value out",
        "mapping values are not allowed": "quote a text that contains `: `",
        "did not find expected": "check brackets, commas and indentation just before",
        "found character that cannot start": "quote a text that starts with a special character",
    }
    hint = next((say for start, say in hints.items() if start in problem), "")
    return place, "not-yaml", f"this is not YAML: {problem}", hint


_KEY = re.compile(r"[ ]*(- +)*[\w.-]+ *")


def _open_quote(error: yaml.YAMLError, text: str) -> Place | None:
    """Where a quote opens that is closed on a later line or never, and makes what follows
    unreadable; None where no such quote is to blame."""
    start, mark = getattr(error, "context_mark", None), getattr(error, "problem_mark", None)
    if start is not None and "quoted scalar" in str(getattr(error, "context", "")):
        return start.line + 1, start.column + 1
    last: yaml.Token | None = None
    try:
        for token in yaml.scan(text, Loader=PlainLoader):
            if mark is not None and token.start_mark.index >= mark.index:
                break
            if isinstance(token, yaml.ScalarToken) and token.style in ('"', "'"):
                last = token
    except yaml.YAMLError:
        pass
    if last is None or mark is None or last.start_mark.line == last.end_mark.line:
        return None
    if last.end_mark.line != mark.line:
        return None
    return last.start_mark.line + 1, last.start_mark.column + 1


def _bounded(path: str, root: yaml.Node, findings: Findings) -> bool:
    """Sizes are added up, not walked: an alias bomb is weighed without being opened."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def weigh(node: yaml.Node) -> int | None:
        known = sizes.get(id(node))
        if known is not None:
            return known
        if id(node) in open_nodes:
            return None
        open_nodes.add(id(node))
        total = 1
        for child in _children(node):
            size = weigh(child)
            if size is None:
                return None
            total += size
        open_nodes.discard(id(node))
        sizes[id(node)] = total
        return total

    total = weigh(root)
    if total is None:
        findings.add(path, (1, 1), "alias-loop", "an alias contains itself", "write the value out")
    elif total - len(sizes) > MAX_ALIASED:
        heavy = next((n for n in _children(root) if sizes[id(n)] > MAX_ALIASED), root)
        findings.add(path, _start(heavy), "alias-bomb",
                     f"aliases stand for {total - len(sizes):,} values, at most {MAX_ALIASED:,}",
                     "write the values out")  # fmt: skip
    else:
        return True
    return False


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return []


_INT = re.compile(r"[-+]?[0-9]{1,30}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,30}|[0-9]{1,30}(\.[0-9]{0,30})?)([eE][-+]?[0-9]{1,3})?")


@dataclass(slots=True)
class _Builder:
    path: str
    findings: Findings
    failed: bool = False

    def build(self, node: yaml.Node) -> Any:
        if node.tag != _PLAIN_TAGS[type(node)]:
            self._fail(node, "tag", f"the tag `{node.tag[:60]}` is not allowed", "remove it")
            return None
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item) for item in node.value]
        out: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._fail(key, "odd-key", "a key must be a word", "")
                continue
            if key.value == "<<" and not key.style:
                self._fail(key, "merge-key", "merge keys (`<<`) are not YAML 1.2", "write it out")
            if key.value in out:
                self._fail(key, "duplicate-key", f"`{key.value[:80]}` is already there above",
                           "remove one of the two")  # fmt: skip
            out[key.value] = self.build(value)
        return out

    def _fail(self, node: yaml.Node, code: str, message: str, hint: str) -> None:
        place = _start(node)
        self.findings.add(self.path, place, code, message, hint)
        self.failed = True


def _scalar(node: yaml.ScalarNode) -> Any:
    """YAML 1.2 core schema, with exact numbers: null, true, false, int, Decimal, else text."""
    return node.value if node.style not in (None, "") else plain_value(node.value)


def is_text(text: str) -> bool:
    """True when these letters are a text even without quotes."""
    return isinstance(plain_value(text), str)


def plain_value(text: str) -> Any:
    """What a scalar without quotes stands for."""
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return Decimal(text)
    return text
