"""What one release says that another does not, in words, file by file. The law: nothing that changed
goes without a line, and every line stands beside what was said before.

The words are those of `book`. Where two things mean something different and read the same, the line
says so instead of leaving it out; a file whose bytes changed and whose words did not says that, too.
Pure: two compiled releases in, values out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from governance.engine import book, meaning, words
from governance.engine.book import Chapter, Said
from governance.engine.catalogue import ActionType, ArgType
from governance.engine.compile import Release
from governance.engine.lists import ListFile
from governance.engine.rules import Invariants, Limit, ListUse, PolicyFile, RiskTable, Rule

How = Literal["new", "changed", "gone", "same"]
MEMBERS: Final = 200
"""So many members of a list are named; the text of the file has all of them."""
_SAME_WORDS: Final = (
    "It decides differently although it reads the same: look at the text of the file."
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a release says in one place. `effect` is what a rule brings (`allow`, ...; empty for what
    decides nothing by itself); `points` belong to the sentence."""

    title: str
    sentence: str
    owner: str = ""
    because: str = ""
    effect: str = ""
    severity: str = ""
    points: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is new, changed or gone: as it would be (`now`) and as it is (`before`)."""

    kind: Literal["file", "rule", "limit", "exception", "factor", "invariant", "list", "action"]
    id: str
    how: How
    now: Told | None
    before: Told | None


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file: whether its bytes are new, changed, gone or the same, and what it says differently.
    A file with the same bytes can say something else, where it uses a list of another file."""

    path: str
    how: How
    name: str
    title: str
    owner: str
    changes: tuple[Change, ...]


def between(old: Release | None, new: Release) -> tuple[FileChange, ...]:
    """Every file of either release by path; those that change come first."""
    before = {} if old is None else old.files
    then = {} if old is None else _by_path(old)
    now = _by_path(new)
    out = []
    for path in sorted({*before, *new.files, *then, *now}):
        how = _how(before.get(path), new.files.get(path))
        mine, other = now.get(path), then.get(path)
        changes = () if how == "same" and mine == other else tuple(_changes(mine, old, other, new))
        head = mine or other
        out.append(FileChange(path, how, *_name(head), changes))
    return tuple(sorted(out, key=lambda each: each.how == "same" and not each.changes))


File = PolicyFile | RiskTable | Invariants | ListFile | tuple[ActionType, ...]


def _by_path(release: Release) -> dict[str, File]:
    bundle = release.bundle
    out: dict[str, File] = {file.path: file for file in bundle.files}
    if bundle.risk is not None:
        out[bundle.risk.path] = bundle.risk
    out |= {file.path: file for file in bundle.invariants}
    out |= {file.path: file for file in bundle.lists.values()}
    actions: dict[str, list[ActionType]] = {}
    for action in release.catalogue.actions.values():
        if action.path:
            actions.setdefault(action.path, []).append(action)
    return out | {path: tuple(each) for path, each in actions.items()}


def _how(old: object, new: object) -> How:
    if old is None:
        return "new"
    if new is None:
        return "gone"
    return "same" if old == new else "changed"


def _name(file: File | None) -> tuple[str, str, str]:
    match file:
        case PolicyFile():
            return file.policy, file.title, file.owner
        case RiskTable():
            return file.risk, file.title, file.owner
        case Invariants():
            return file.name, file.title, file.owner
        case ListFile():
            return file.name, f"List `{file.name}`", ""
        case tuple():
            return "", "Actions", ""
    return "", "", ""


Key = tuple[str, str]


def _changes(
    mine: File | None, old: Release | None, other: File | None, new: Release
) -> Iterator[Change]:
    now = {} if mine is None else dict(_told(mine, new))
    then = {} if other is None or old is None else dict(_told(other, old))
    meant, was_meant = dict(_meant(mine)), dict(_meant(other))
    members, had = dict(_lists(mine)), dict(_lists(other))
    for key in {**now, **then}:
        a, b = then.get(key), now.get(key)
        kind, name = key
        how = _how(a, b)
        left, came = had.get(key), members.get(key)
        if how == "same":
            alike = _alike(was_meant.get(key), meant.get(key))
            moved = (left and left.by.keys()) != (came and came.by.keys())
            if alike and not moved:
                continue
            assert b is not None
            how = "changed"
            if not moved:
                b = replace(b, points=(*b.points, _SAME_WORDS))
        if a is not None and left is not None:
            a = replace(a, points=(*a.points, *_named(left, came, "leaves" if b else "")))
        if b is not None and came is not None:
            b = replace(b, points=(*b.points, *_named(came, left, "comes" if a else "")))
        yield Change(kind, name, how, b, a)  # type: ignore[arg-type]


def _alike(one: object, other: object) -> bool:
    """Whether two things decide the same; where they stand, and what people read, decides nothing."""
    if isinstance(one, Rule | Limit) and isinstance(other, Rule | Limit):
        one = replace(one, line=other.line, column=other.column)
    return one == other or meaning.of_parts(one) == meaning.of_parts(other)


def _meant(file: File | None) -> Iterator[tuple[Key, object]]:
    """What the engine decides by, by the names under which it is told."""
    match file:
        case PolicyFile():
            head = replace(file, rules=(), limits=(), exceptions=(), lists={})
            yield ("file", file.policy), head
            yield from ((("rule", one.id), one) for one in file.rules)
            yield from ((("limit", one.id), one) for one in file.limits)
            yield from ((("exception", one.id), one) for one in file.exceptions)
        case RiskTable():
            yield ("file", file.risk), replace(file, factors=(), lists={})
            yield from ((("factor", one.id), one) for one in file.factors)
        case Invariants():
            yield ("file", file.name), replace(file, never=(), lists={})
            yield from ((("invariant", one.id), one) for one in file.never)
        case ListFile():
            yield ("list", file.name), (file.kind, file.as_of)
        case tuple():
            yield from ((("action", one.name), one) for one in file)
    if isinstance(file, PolicyFile | RiskTable | Invariants):
        for name, use in file.lists.items():
            yield ("list", name), (use.source, use.max_age, use.kind.name)


def _told(file: File, release: Release) -> Iterator[tuple[Key, Told]]:
    known = release.catalogue.actions
    match file:
        case PolicyFile():
            yield from _chapter(book.policy(file, known), file.lists)
        case RiskTable():
            yield from _chapter(book.risk(file, known), file.lists)
        case Invariants():
            yield from _chapter(book.invariants(file, known), file.lists)
        case ListFile():
            told = f"{_members(len(file.members))} of type {file.kind}, as of {file.as_of:%Y-%m-%d %H:%M} UTC."
            hidden = _hidden(file.kind, len(file.members))
            yield ("list", file.name), Told(f"List `{file.name}`", told + hidden)
        case tuple():
            for action in file:
                yield ("action", action.name), _action(action)


def _chapter(chapter: Chapter, lists: Mapping[str, ListUse]) -> Iterator[tuple[Key, Told]]:
    about = f"{chapter.about} Mode: {chapter.mode}." if chapter.kind == "policy" else chapter.about
    yield (
        ("file", chapter.name),
        Told(chapter.title, about, chapter.owner, points=chapter.more, controls=chapter.controls),
    )
    for one in chapter.said:
        yield (one.kind, one.id), _said(one)
    for name, use in sorted(lists.items()):
        yield ("list", name), _list(use, chapter.owner)


def _said(one: Said) -> Told:
    return Told(
        one.title, one.sentence, one.owner, one.because, one.effect, one.severity,
        one.alternatives, one.controls,
    )  # fmt: skip


def _list(use: ListUse, owner: str) -> Told:
    """A list as its file uses it; who is on one that is kept elsewhere is told with that file."""
    if use.source:
        aged = f", at most {words.duration(use.max_age)} old" if use.max_age is not None else ""
        return Told(f"List `{use.name}`", f"It is kept in `{use.source}`{aged}.", owner)
    where = f"from `{use.inherited}`" if use.inherited else "in this file"
    told = f"{_members(len(use.members))} {where}.{_hidden(use.kind.name, len(use.members))}"
    return Told(f"List `{use.name}`", told, owner)


def _members(count: int) -> str:
    return "1 member" if count == 1 else f"{words.number(count)} members"


def _hidden(kind: str, count: int) -> str:
    if kind not in words.PEOPLES or not count:
        return ""
    return " They point to people and are not printed here; the text of the file has them."


@dataclass(frozen=True, slots=True)
class _Members:
    """Who is on a list, by what the engine compares, in words; `hidden`: they are counted only."""

    hidden: bool
    by: Mapping[str, str]


def _lists(file: File | None) -> Iterator[tuple[Key, _Members]]:
    """The members that are kept in this file."""
    match file:
        case ListFile():
            members = {str(each): str(each) for each in file.members}
            yield ("list", file.name), _Members(file.kind in words.PEOPLES, members)
        case PolicyFile() | RiskTable() | Invariants():
            for name, use in file.lists.items():
                if not use.source:
                    members = {
                        repr(meaning.of_parts(each)): words.value(each).strip("`")
                        for each in use.members
                    }
                    yield ("list", name), _Members(use.kind.name in words.PEOPLES, members)


def _named(these: _Members, others: _Members | None, what: str) -> list[str]:
    """Who is on a list and was, or will be, not; of a list that is new or gone, everybody."""
    known = others.by if others is not None else {}
    members = sorted(shown for each, shown in these.by.items() if each not in known)
    if these.hidden:
        return [f"{what}: {_members(len(members))}"] if what and members else []
    points = [f"{what}: {each}" if what else each for each in members[:MEMBERS]]
    if len(members) > MEMBERS:
        points.append(f"and {len(members) - MEMBERS} more: the text of the file has them")
    return points


def _action(action: ActionType) -> Told:
    labels = words.joined([f"`{each}`" for each in action.labels])
    does = f"Labels: {labels}." if action.labels else "It has no label."
    leaves = ""
    if action.attaches:
        leaves = (
            f" Once it is allowed, the session counts as {words.joined(sorted(action.attaches))}."
        )
    points = [f"`args.{name}`: {_argument(arg)}" for name, arg in action.args.items()]
    points += [f"`{name}`: {_argument(arg)}" for name, arg in action.claims.items()]
    told = f"{does} Its base risk is {action.risk.word}.{leaves}"
    return Told(action.title, told, points=tuple(points))


def _argument(arg: ArgType) -> str:
    kind = arg.type
    parts = [kind.kind]
    if kind.members:
        parts.append(f"one of {', '.join(kind.members)}")
    if arg.unit:
        parts.append(f"in {arg.unit}")
    if kind.negative:
        parts.append("may be negative")
    if kind.minimum is not None:
        parts.append(f"at least {words.number(kind.minimum)}")
    if kind.maximum is not None:
        parts.append(f"at most {words.number(kind.maximum)}")
    if kind.name == "text":
        parts.append(f"at most {kind.max_length} characters")
    parts.append(f"{arg.cls}{f' of the {arg.about}' if arg.about else ''}")
    if not arg.required:
        then = f", then {arg.default}" if arg.default is not None else ""
        parts.append(f"may be left out{then}")
    return ", ".join(parts)
