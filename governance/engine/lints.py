"""What a person should look at in files that load. The law: a warning is about a fact, never taste.

`dates` looks ahead, `lists` at lists that nothing uses or that name a member twice, `roles` and
`silent` at what is known outside the files: who holds a role, and when a rule last spoke.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Final

from governance.engine.fixes import Source
from governance.engine.load import Bundle, group_of
from governance.engine.model import Fix, LoadFinding, Mode
from governance.engine.reading import Document, MappingNode, Node, ScalarNode, SequenceNode, Way
from governance.engine.strangers import near_roles, roles_of

SOON: Final = timedelta(days=30)
"""So long before a review or an exception lapses it is said."""
SILENT: Final = timedelta(days=90)
"""A rule that was no reason for so long is named."""


def dates(bundle: Bundle, documents: Mapping[str, Document], today: date) -> Iterator[LoadFinding]:
    """Reviews, watching and exceptions that end within 30 days; observing within 7."""
    every = [*bundle.files, *([bundle.risk.shell] if bundle.risk is not None else [])]
    for file in every:
        document = documents.get(file.path)
        if document is None:
            continue
        if today <= file.review_by <= today + SOON:
            yield _at(document, ("review_by",), "review-due",
                      f"the review is due on {file.review_by}, {_in(file.review_by, today)}",
                      "read the file again with its owner and set a new date")  # fmt: skip
        if file.observing and today <= file.observing.until <= today + timedelta(days=7):
            yield _at(document, ("observe", "until"), "observing-ends",
                      f"observing ends on {file.observing.until}, "
                      f"{_in(file.observing.until, today)}; from then on the file is enforced",
                      "look at what it would have held back, and set mode: enforce")  # fmt: skip
        for i, exception in enumerate(file.exceptions):
            if today <= exception.expires <= today + SOON:
                yield _at(document, ("exceptions", i, "expires"), "exception-expires",
                          f"`{exception.id}` ends on {exception.expires}, "
                          f"{_in(exception.expires, today)}; from then on `{exception.lifts}` holds",
                          "decide whether it is still needed, or remove it")  # fmt: skip


def _in(day: date, today: date) -> str:
    days = (day - today).days
    return "today" if days == 0 else f"in {days} day{'' if days == 1 else 's'}"


def lists(
    bundle: Bundle, documents: Mapping[str, Document], files: Mapping[str, bytes]
) -> Iterator[LoadFinding]:
    """Lists that no rule names, and members that are named twice."""
    inherited = {
        (parent, name)
        for file in bundle.files
        for name, use in file.lists.items()
        for parent in [use.inherited]
        if parent
    }
    for file in bundle.files:
        document, source = documents.get(file.path), Source.of(files.get(file.path, b""))
        if document is None or source is None:
            continue
        for name in document.data.get("lists") or {}:
            if name not in file.lists and (file.policy, name) not in inherited:
                yield _at(document, ("lists", name), "unused-list",
                          f"no rule of `{file.policy}` names `${name}`", "remove it",
                          key=True, fix=_removed(document, source, name))  # fmt: skip
    for path, document in documents.items():
        source = Source.of(files.get(path, b""))
        if source is not None and group_of(path) != "cases":
            yield from _twice(document, source)


def _removed(document: Document, source: Source, name: str) -> Fix | None:
    """The removal of one list in block style, as long as another one is left."""
    block = next(value for key, value in document.root.value if key.value == "lists")
    if block.flow_style or len(block.value) < 2:
        return None
    names = [key.value for key, _ in block.value]
    at = names.index(name)
    key, value = block.value[at]
    if value.start_mark.line != key.start_mark.line or value.end_mark.line != key.start_mark.line:
        return None  # comments may stand between its lines
    line = key.start_mark.line + 1
    if "#" in source.line(line)[value.end_mark.column :]:
        return None
    return source.fix(source.offset(line, 1), source.offset(line + 1, 1), "", True)


def _twice(document: Document, source: Source) -> Iterator[LoadFinding]:
    """Members of lists, and constants of `one_of` and the like, that stand there twice."""
    for node in _members(document.root):
        seen: set[str] = set()
        for at, item in enumerate(node.value):
            if not isinstance(item, ScalarNode):
                continue
            if item.value not in seen:
                seen.add(item.value)
                continue
            line, column = item.start_mark.line + 1, item.start_mark.column + 1
            yield LoadFinding(document.path, line, column, "duplicate-member",
                              f"`{item.value[:80]}` is already in this list", "remove one of the two",
                              "warning", _without(node, at, source))  # fmt: skip


_SETS: Final = frozenset(
    ["one_of", "none_of", "contains_any", "contains_all", "contains_none", "under", "not_under",
     "in_domain", "not_in_domain", "name_like", "governs", "action", "members", "controls",
     "not_by", "labels", "attaches"]
)  # fmt: skip


def _members(root: Node) -> Iterator[SequenceNode]:
    """Every list in which a member counts once: constants, inline lists, members of list files."""
    stack: list[tuple[Node, bool]] = [(root, False)]
    while stack:
        node, of_lists = stack.pop()
        if isinstance(node, SequenceNode):
            stack += [(item, False) for item in node.value]
            continue
        if not isinstance(node, MappingNode):
            continue
        for key, value in node.value:
            if isinstance(value, SequenceNode) and (of_lists or key.value in _SETS):
                yield value
            if key.value not in ("rows", "always"):
                stack.append((value, node is root and key.value == "lists"))


def _without(node: SequenceNode, at: int, source: Source) -> Fix | None:
    """The removal of one member, in the style its list is written in."""
    item, before = node.value[at], node.value[at - 1]
    line = item.start_mark.line + 1
    if node.flow_style:
        if item.end_mark.line != before.end_mark.line:
            return None
        start = source.offset(line, before.end_mark.column + 1)
        end = source.offset(line, item.end_mark.column + 1)
        between = source.text[start : source.offset(line, item.start_mark.column + 1)]
        return source.fix(start, end, "", True) if between.strip() == "," else None
    text = source.line(line)
    if text.strip() not in (f"- {item.value}", f'- "{item.value}"', f"- '{item.value}'"):
        return None
    start, end = source.offset(line, 1), source.offset(line + 1, 1)
    return source.fix(start, end, "", True) if end > start else None


def roles(bundle: Bundle, held: frozenset[str]) -> Iterator[LoadFinding]:
    """Roles that the files name and nobody active holds, each once, where it is first asked for."""
    misspelt = near_roles(bundle, held)  # said as such
    for role, askers in sorted(roles_of(bundle).items()):
        if role in held or role in misspelt:
            continue
        named = [f"{file.policy}/{asked.id if asked else 'default'}" for file, asked in askers]
        file, first = askers[0]
        more = "" if len(named) <= 3 else f" and {len(named) - 3} more"
        yield LoadFinding(file.path, first.line if first else 1, first.column if first else 1,
                          "role-nobody-holds",
                          f"nobody has the role `{role}`, which {', '.join(named[:3])}{more} "
                          f"ask{'s' if len(named) == 1 else ''} for",
                          "give it to somebody, or nobody can say yes", "warning")  # fmt: skip


def silent(
    bundle: Bundle, last: Mapping[str, date | None], today: date, since: date
) -> Iterator[LoadFinding]:
    """Rules and limits in force that were no reason of any decision for 90 days.

    `last` maps each `policy/rule` of the release in force to the day it last spoke (None: never);
    what is not in it is new, and nothing is said of it. `since` is the day from which on there are
    decisions: a log that is younger than 90 days says nothing.
    """
    if since > today - SILENT:
        return
    for file in bundle.files:
        if file.mode is Mode.DRAFT:
            continue
        for each in file.speakers:
            name = f"{file.policy}/{each.id}"
            if name not in last:
                continue
            day = last[name]
            if day is None or day < today - SILENT:
                ever = "it never did" if day is None else f"it last did on {day}"
                yield LoadFinding(file.path, each.line, each.column, "not-fired",
                                  f"`{each.id}` was no reason of any decision for 90 days: {ever}",
                                  "ask its owner whether it can still matter", "note")  # fmt: skip


def _at(
    document: Document,
    way: Way,
    code: str,
    message: str,
    hint: str,
    *,
    key: bool = False,
    fix: Fix | None = None,
) -> LoadFinding:
    line, column = document.place(way, key)
    return LoadFinding(document.path, line, column, code, message, hint, "warning", fix)


def in_order(findings: Iterable[LoadFinding]) -> tuple[LoadFinding, ...]:
    """By file and place, each once."""
    order = sorted(set(findings), key=lambda f: (f.path, f.line, f.column, f.code, f.message))
    return tuple(order)
