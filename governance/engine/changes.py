"""What one release says that another does not, in words, file by file. The law: nothing that changed
goes without a line, and every line stands beside what was said before.

The words are those of `book`. Where two things mean something different and read the same, the line
says so instead of leaving it out; a file whose bytes changed and whose words did not says that, too.
Pure: two compiled releases in, values out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from governance.engine import book, meaning, words
from governance.engine.book import Chapter, Said
from governance.engine.catalogue import ActionType, ArgType
from governance.engine.compile import Release
from governance.engine.lists import ListFile
from governance.engine.rules import Invariants, ListUse, PolicyFile, RiskTable

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
    for key in {**now, **then}:
        a, b = then.get(key), now.get(key)
        kind, name = key
        how = _how(a, b)
        if how == "same":
            if key not in meant or meaning.of_parts(meant[key]) == meaning.of_parts(was_meant[key]):
                continue
            assert b is not None
            how = "changed"
            b = Told(
                **{n: getattr(b, n) for n in b.__slots__} | {"points": (*b.points, _SAME_WORDS)}
            )
        if kind == "list" and how == "changed" and a is not None and b is not None:
            a, b = _moved(a, b)
        yield Change(kind, name, how, b, a)  # type: ignore[arg-type]


def _meant(file: File | None) -> Iterator[tuple[Key, object]]:
    """What the engine decides by, by the names under which it is told."""
    match file:
        case PolicyFile():
            for rule in file.rules:
                yield ("rule", rule.id), rule
            for limit in file.limits:
                yield ("limit", limit.id), limit
            for one in file.exceptions:
                yield ("exception", one.id), one
        case RiskTable():
            for factor in file.factors:
                yield ("factor", factor.id), factor
        case Invariants():
            for never in file.never:
                yield ("invariant", never.id), never
        case tuple():
            for action in file:
                yield ("action", action.name), action


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
            shown = [] if file.kind in book.PEOPLES else [_member(each) for each in file.members]
            hidden = _hidden(file.kind, len(file.members))
            yield (
                ("list", file.name),
                Told(f"List `{file.name}`", told + hidden, points=_shown(shown)),
            )
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
    kind = use.kind.name
    shown = [] if kind in book.PEOPLES else [words.value(each).strip("`") for each in use.members]
    told = f"{_members(len(use.members))} {where}.{_hidden(kind, len(use.members))}"
    return Told(f"List `{use.name}`", told, owner, points=_shown(shown))


def _members(count: int) -> str:
    return "1 member" if count == 1 else f"{words.number(count)} members"


def _hidden(kind: str, count: int) -> str:
    if kind not in book.PEOPLES or not count:
        return ""
    return " They point to people and are not printed here; the text of the file has them."


def _shown(members: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(members))


def _member(raw: object) -> str:
    return str(raw)


def _moved(before: Told, now: Told) -> tuple[Told, Told]:
    """Two lists with only who left and who came as their points."""
    left = [each for each in before.points if each not in set(now.points)]
    came = [each for each in now.points if each not in set(before.points)]
    return _pointed(before, "leaves", left), _pointed(now, "comes", came)


def _pointed(told: Told, what: str, members: list[str]) -> Told:
    points = [f"{what}: {each}" for each in members[:MEMBERS]]
    if len(members) > MEMBERS:
        points.append(f"and {len(members) - MEMBERS} more: the text of the file has them")
    return Told(told.title, told.sentence, told.owner, points=tuple(points))


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
