"""Repairs of policy files. The law: a repair touches one stretch of text and nothing around it.

`propose` looks at what stands where a finding points. A repair is *safe* when it says the same thing
in the way it must be written: quotes around a text, `at_most` for `<=`, `EUR` for `eur`, a key with
one letter wrong that can be no other. Whatever chooses between meanings (another field, another
action, another operator) is offered to a person and never made alone.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from governance.engine.model import Fix, LoadFinding
from governance.engine.reading import Document, MappingNode, ScalarNode, SequenceNode
from governance.engine.shape import CASES, CATALOGUE, LIST_FILE, LIST_USE, POLICY, TABLE

ALIASES: Final[Mapping[str, str]] = {
    "in": "one_of", "not_in": "none_of", "any_of": "one_of", "in_list": "one_of",
    "eq": "is", "equals": "is", "equal": "is", "==": "is", "=": "is",
    "ne": "is_not", "neq": "is_not", "not_equals": "is_not", "!=": "is_not",
    "gt": "above", "greater_than": "above", "more_than": "above", ">": "above", "over": "above",
    "ge": "at_least", "gte": "at_least", ">=": "at_least",
    "lt": "below", "less_than": "below", "<": "below",
    "le": "at_most", "lte": "at_most", "<=": "at_most", "up_to": "at_most",
    "has_any": "contains_any", "has_all": "contains_all", "has_none": "contains_none",
    "not_above": "at_most", "not_below": "at_least",
}  # fmt: skip
"""What other languages call our operators, word for word."""

_MEANT: Final = re.compile(r"did you mean `([^`]+)`\?")
_NAMED: Final = re.compile(r"`([^`]*)`")
_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_ENTRY: Final = re.compile(r"^([ ]*(?:- )*[A-Za-z_][\w.-]*:[ ]+)(.*?)([ ]+#.*|[ ]*)$")
_DAY: Final = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_EUROPEAN: Final = re.compile(r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}")
"""A day before its month: nobody puts points behind a month and a day."""
_AMOUNT: Final = re.compile(
    r"(?P<before>[A-Z]{3} +)?(?P<whole>[0-9]{1,3}(?:[ '_][0-9]{3})+|[0-9]+)(?P<tail>\.[0-9]+)?"
    r"(?P<behind> *[A-Za-z]{3})?"
)
_LENGTH: Final = re.compile(r"([1-9][0-9]*) +([smhdw])")


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one file, and where its lines start."""

    text: str
    starts: tuple[int, ...]

    @classmethod
    def of(cls, data: bytes) -> Source | None:
        """The source of a file's bytes, or None if they are not UTF-8."""
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return None
        return cls(text, (0, *(match.end() for match in _BREAK.finditer(text))))

    def offset(self, line: int, column: int) -> int:
        """Where a place (from 1) is in the text; the end for a place behind it."""
        start = self.starts[min(line, len(self.starts)) - 1]
        return min(start + column - 1, len(self.text))

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of an offset."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def line(self, number: int) -> str:
        """One line without its break."""
        if not 0 < number <= len(self.starts):
            return ""
        end = self.starts[number] if number < len(self.starts) else len(self.text)
        return self.text[self.starts[number - 1] : end].rstrip("\r\n\x85\u2028\u2029")

    def fix(self, start: int, end: int, text: str, safe: bool = False) -> Fix:
        """The replacement of what stands between two offsets."""
        return Fix(*self.place(start), *self.place(end), text, safe)


Nodes = Mapping[tuple[int, int], ScalarNode]
NO_NODES: Final[Nodes] = {}


def scalars(document: Document) -> Nodes:
    """Every scalar of a file by the place where it starts."""
    stack, found = [document.root], dict[tuple[int, int], ScalarNode]()
    while stack:
        node = stack.pop()
        if isinstance(node, SequenceNode):
            stack += node.value
        elif isinstance(node, MappingNode):
            stack += [part for pair in node.value for part in pair]
        elif isinstance(node, ScalarNode):
            found[node.start_mark.line + 1, node.start_mark.column + 1] = node
    return found


def propose(finding: LoadFinding, source: Source, nodes: Nodes) -> Fix | None:
    """A repair for a finding that brings none, from what stands at its place; None without one.

    `nodes` are the scalars of its file, empty while it is no YAML.
    """
    if finding.code == "not-yaml":
        return _quoted(finding, source)
    if finding.code == "duplicate-key":
        return _said_again(finding, source)
    node = nodes.get((finding.line, finding.column))
    if node is None or node.style:
        return None
    start, end = _extent(source, node)
    word, named = node.value, _NAMED.search(finding.message)
    if named is None or source.text[start:end] != word:
        return None
    if finding.code == "unknown-operator" and word in ALIASES:
        return source.fix(start, end, ALIASES[word], True)
    if finding.code == "wrong-shape" and finding.hint == f"such as {{is: {word}}}":
        return source.fix(start, end, f"{{is: {source.text[start:end]}}}", True)
    written = _written(finding, word)
    if written is not None:
        return source.fix(start, end, written, True)
    meant = _MEANT.search(finding.hint)
    if meant is None or named[1] != word or " or `" in finding.hint:
        return None
    return source.fix(start, end, meant[1], _same_word(finding.code, word, meant[1]))


def _same_word(code: str, word: str, meant: str) -> bool:
    """True when a misspelt word can only be the other: letter case, or a key of which one alone
    is one letter away."""
    if word.lower() == meant.lower():
        return code in ("not-allowed", "unknown-key")
    near = [key for key in KEYS if distance_one(word, key)]
    return code == "unknown-key" and near == [meant]


def _written(finding: LoadFinding, word: str) -> str | None:
    """The same value as it must be written: a day, an amount, a duration."""
    day, length, amount = (form.fullmatch(word) for form in (_DAY, _LENGTH, _AMOUNT))
    meant = _MEANT.search(finding.hint)
    if finding.code in ("wrong-form", "wrong-constant") and meant and _EUROPEAN.fullmatch(word):
        return meant[1]
    if finding.code == "wrong-form" and day and len(word) < 10:
        return f"{day[1]}-{day[2]:0>2}-{day[3]:0>2}"
    if finding.code in ("wrong-form", "wrong-constant") and length:
        return f"{length[1]}{length[2]}"
    if finding.code in ("wrong-unit", "wrong-constant") and amount:
        before, behind = (amount["before"] or "").strip(), (amount["behind"] or "").strip()
        if bool(before) is bool(behind):
            return None
        whole = re.sub(r"[ '_]", "", amount["whole"])
        made = f"{whole}{amount['tail'] or ''} {(before or behind).upper()}"
        return made if made != word else None
    return None


def _quoted(finding: LoadFinding, source: Source) -> Fix | None:
    """Quotes around a text whose `: ` or first character makes the line unreadable."""
    if not finding.hint.startswith("quote a text"):
        return None
    entry = _ENTRY.match(source.line(finding.line))
    if entry is None or not entry[2] or entry[2][0] in "{[\"'|>&*!#":
        return None
    value = entry[2]
    quote = '"' if '"' not in value and "\\" not in value else "'"
    if quote == "'":
        value = value.replace("'", "''")
    start = source.starts[finding.line - 1] + len(entry[1])
    return source.fix(start, start + len(entry[2]), f"{quote}{value}{quote}", True)


def _said_again(finding: LoadFinding, source: Source) -> Fix | None:
    """Removal of a line that stands there twice, key and value, in one mapping."""
    line = source.line(finding.line)
    if _ENTRY.match(line) is None or line.lstrip().startswith("- "):
        return None
    indent = len(line) - len(line.lstrip())
    for number in range(finding.line - 1, 0, -1):
        above = source.line(number)
        if above == line:
            start, end = source.offset(finding.line, 1), source.offset(finding.line + 1, 1)
            return source.fix(start, end, "") if end > start else None
        if above.strip() and len(above) - len(above.lstrip()) < indent:
            return None
    return None


def _extent(source: Source, node: ScalarNode) -> tuple[int, int]:
    start = source.offset(node.start_mark.line + 1, node.start_mark.column + 1)
    end = source.offset(node.end_mark.line + 1, node.end_mark.column + 1)
    return start, end


def distance_one(one: str, other: str) -> bool:
    """True when two different words become the same by one letter added, left out, changed or two
    neighbours swapped (optimal string alignment distance 1)."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
              min(len(one), len(other)))  # fmt: skip
    a, b = one[at:], other[at:]
    swapped = len(a) == len(b) > 1 and a[:2] == b[1::-1] and a[2:] == b[2:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or swapped


def _keys(schema: Any) -> Iterable[str]:
    if not isinstance(schema, Mapping):
        return
    for key, rule in schema.items():
        if isinstance(rule, Mapping):
            yield key
            yield from _inner(rule)


def _inner(rule: Mapping[str, Any]) -> Iterable[str]:
    inner = rule.get("schema")
    if isinstance(inner, Mapping):
        if all(isinstance(each, Mapping) for each in inner.values()):
            yield from _keys(inner)
        else:
            yield from _inner(inner)
    values = rule.get("valuesrules")
    if isinstance(values, Mapping):
        yield from _inner(values)


KEYS: Final = frozenset(
    key
    for schema in (POLICY, CATALOGUE, LIST_FILE, LIST_USE, CASES, TABLE)
    for key in _keys(schema)
)
"""Every key that some file has somewhere."""


def with_fixes(
    findings: Iterable[LoadFinding], files: Mapping[str, bytes], documents: Mapping[str, Document]
) -> tuple[LoadFinding, ...]:
    """The findings, each with the repair that `propose` knows."""
    sources: dict[str, Source | None] = {}
    nodes: dict[str, Nodes] = {}
    out = []
    for finding in findings:
        path = finding.path
        if path in files and path not in sources and finding.severity == "error":
            sources[path] = Source.of(files[path])
            nodes[path] = scalars(documents[path]) if path in documents else NO_NODES
        source = sources.get(path)
        if finding.fix is None and source is not None:
            fix = propose(finding, source, nodes[path])
            finding = finding if fix is None else replace(finding, fix=fix)
        out.append(finding)
    return tuple(out)


def apply(data: bytes, fixes: Iterable[Fix]) -> bytes:
    """A file with its repairs made; of two that touch each other the later in the text is left out.

    Everything else stays byte for byte, a byte order mark and the breaks of lines included.
    """
    source = Source.of(data)
    if source is None:
        return data
    spans = sorted(
        {
            (source.offset(f.start_line, f.start_column), source.offset(f.end_line, f.end_column), f.text)
            for f in fixes
        }
    )  # fmt: skip
    out, done = [], 0
    for start, end, text in spans:
        if start < done:
            continue
        out += [source.text[done:start], text]
        done = end
    mark = data[:3] if data.startswith(b"\xef\xbb\xbf") else b""
    return mark + "".join([*out, source.text[done:]]).encode()
