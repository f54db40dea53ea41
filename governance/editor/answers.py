"""What is said about the thing under the cursor: its words, where it is declared, what a file holds.

Law: the words are those of the reports (`engine.words`), of the operators and of the glossary; an
answer that would have to be guessed is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from governance.editor.cursor import Spot
from governance.editor.folder import Folder
from governance.engine import glossary, syntax, words
from governance.engine.catalogue import ActionType, ArgType
from governance.engine.fields import SERVICE_FIELDS, is_claim
from governance.engine.known import Named, name_of
from governance.engine.reading import Place
from governance.engine.vocabulary import OPERATORS

_RECORDS = {
    "rules": "rule",
    "limits": "limit",
    "exceptions": "exception",
    "factors": "factor",
    "never": "rule",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A place in a file of the folder; line and column from 1."""

    name: str
    place: Place
    length: int = 0


def hover(folder: Folder, name: str, spot: Spot) -> str:
    """Markdown about what is under the cursor, or nothing."""
    word, known = spot.word.strip("\"'"), folder.learn()
    above = _key_above(spot)
    if word in known.catalogue.actions:
        return _action(known.catalogue.actions[word])
    if word.startswith("$"):
        return _list(folder, name, word[1:])
    rule = _rule(folder, name, word)
    if rule:
        return rule
    if spot.is_key and word in OPERATORS and above in known.fields:
        said = OPERATORS[word]
        return f"**{word}**: … {said.says} …\n\nfits {', '.join(sorted(said.fits))}"
    if word in known.fields:
        return _field(folder, word)
    if spot.is_key and word in glossary.CONDITIONS and _in_condition(spot):
        return f"**{word}**: {glossary.CONDITIONS[word]}"
    if spot.is_key:
        way = [folder.kind_of(name), *(str(step) for step in spot.way if step != 0), word]
        said_of = glossary.of(way)
        if said_of:
            own = _rule(folder, name, spot.siblings.get("id", "").strip("\"'"))
            return f"**{word}**: {said_of}" + (f"\n\n---\n\n{own}" if own else "")
    if word in known.policies:
        document = known.policies[word]
        return f"**{word}**: {document.data.get('title', '')}\n\n{document.data.get('owner', '')}"
    if word in glossary.COLUMNS:
        return f"**{word}**: {glossary.COLUMNS[word]}"
    return ""


def _key_above(spot: Spot) -> str:
    return next((str(step) for step in reversed(spot.way) if step != 0), "")


def _in_condition(spot: Spot) -> bool:
    return bool({"when", "of", "for", "not", "any", "history"} & set(map(str, spot.way)))


def _action(action: ActionType) -> str:
    args = "\n".join(f"- `{name}`: {_argument(arg)}" for name, arg in action.args.items())
    does = f"\n\ndoes: {', '.join(action.labels)}" if action.labels else ""
    leaves = (
        f"\n\nthe session becomes: {', '.join(sorted(action.attaches))}" if action.attaches else ""
    )
    return f"**{action.name}**: {action.title}\n\nrisk: {action.risk.word}{does}{leaves}\n\n{args}"


def _argument(arg: ArgType) -> str:
    parts = [arg.type.kind]
    if arg.type.members:
        parts.append(f"({', '.join(arg.type.members[:12])})")
    if arg.unit:
        parts.append(f"in {arg.unit}")
    parts.append(f", {arg.cls}{f' of the {arg.about}' if arg.about else ''}")
    if not arg.required:
        parts.append(
            f", may be left out{f' (then {arg.default})' if arg.default is not None else ''}"
        )
    return " ".join(parts).replace(" ,", ",")


def _field(folder: Folder, name: str) -> str:
    known = folder.learn()
    noun = words.field(name)
    declared = [
        (action.name, found)
        for action in known.catalogue.actions.values()
        if (found := action.declared(name)) is not None
    ]
    if declared:
        kinds: dict[str, list[str]] = {}
        for action, arg in declared:
            kinds.setdefault(_argument(arg), []).append(action)
        lines = [f"- {told}: {', '.join(f'`{a}`' for a in who[:6])}" for told, who in kinds.items()]
        noun = next(filter(None, (_title(folder, action, name) for action, _ in declared)), noun)
        claim = "\n\nAn agent's own claim; a fact when a gateway says it." if is_claim(name) else ""
        return f"**{name}**: {noun}\n\n" + "\n".join(lines) + claim
    kinds_of = dict.fromkeys(kind.kind for kind in known.types_of(name))
    who_says = "The service says it; an agent cannot." if name in SERVICE_FIELDS else ""
    members = [m for kind in known.types_of(name) for m in kind.members]
    told = f": {', '.join(members)}" if members else ""
    return f"**{name}**: {noun}\n\n{' or '.join(kinds_of)}{told}\n\n{who_says}".rstrip()


def _title(folder: Folder, action: str, field_name: str) -> str:
    """What the catalogue calls an argument, if it says so."""
    made = folder.learn().catalogue.actions[action]
    document = folder.documents.get(made.path)
    here = document.data if document is not None else {}
    for step in ("actions", action, *field_name.split(".", 1), "title"):
        here = here.get(step) if isinstance(here, dict) else None
    return here if isinstance(here, str) else ""


def _list(folder: Folder, name: str, listed: str) -> str:
    document = folder.documents.get(name)
    lists = document.data.get("lists") if document is not None else None
    raw = lists.get(listed) if isinstance(lists, dict) else None
    if isinstance(raw, list):
        shown = ", ".join(f"`{each}`" for each in raw[:12])
        more = f" and {len(raw) - 12} more" if len(raw) > 12 else ""
        return f"**${listed}**: {shown}{more}"
    if not isinstance(raw, dict):
        return ""
    source = folder.learn().lists.get(str(raw.get("from")))
    told = f"**${listed}**: from `{raw.get('from')}`, at most {raw.get('max_age')} old"
    if source is None:
        return f"{told}; there is no such list file"
    members = source.data.get("members")
    count = len(members) if isinstance(members, list) else 0
    return f"{told}; {count} members, as of {source.data.get('as_of')}"


def _rule(folder: Folder, name: str, number: str) -> str:
    """A rule, limit or exception in plain words, as it was last without errors."""
    found = _named(folder, name, number)
    if found is None:
        return ""
    bundle = folder.good
    for file in bundle.files if bundle is not None else ():
        if file.policy != found.policy or bundle is None:
            continue
        actions = bundle.catalogue.actions
        for rule in file.rules:
            if rule.id == found.id:
                return f"**{rule.id}** {rule.title}\n\n{words.rule(rule, actions, file.lists)}"
        for limit in file.limits:
            if limit.id == found.id:
                return f"**{limit.id}** {limit.title}\n\n{words.limit(limit, actions, file.lists)}"
    return f"**{found.id}** {found.title}"


def _named(folder: Folder, name: str, number: str) -> Named | None:
    """The rule that a word names in a file: of its own policy first, then of its parents."""
    policy, _, bare = number.rpartition("/")
    document = folder.documents.get(name)
    data = document.data if document is not None else {}
    wanted = [policy] if policy else [name_of(data)]
    wanted += [str(each) for each in data.get("extends") or () if not policy]
    for each in folder.learn().named:
        if each.id == bare and each.policy in wanted:
            return each
    return None


def definition(folder: Folder, name: str, spot: Spot) -> Target | None:
    """Where the thing under the cursor is declared."""
    word, known = spot.word.strip("\"'"), folder.learn()
    action = known.catalogue.actions.get(word)
    if action is not None:
        return Target(action.path, (action.line, action.column), len(word))
    if word.startswith("$"):
        return _list_target(folder, name, word[1:])
    key = _key_above(spot)
    if not spot.is_key and key == "from" and word in known.lists:
        return Target(known.lists[word].path, known.lists[word].place(("list",)))
    found = _named(folder, name, word)
    if found is not None:
        return Target(found.path, found.place, len(found.id))
    if word in known.policies and key in ("extends", "replaces", "policy"):
        document = known.policies[word]
        return Target(document.path, document.place(("policy",)), len(word))
    if word.startswith(("args.", "resource.", "subject.", "context.")):
        return _argument_target(folder, spot, word)
    return None


def _list_target(folder: Folder, name: str, listed: str) -> Target | None:
    own = folder.documents.get(name)
    parents = own.data.get("extends") or () if own is not None else ()
    policies = folder.learn().policies
    for document in [own, *(policies.get(str(each)) for each in parents)]:
        lists = document.data.get("lists") if document is not None else None
        if document is not None and isinstance(lists, dict) and listed in lists:
            return Target(document.path, document.place(("lists", listed), key=True), len(listed))
    return None


def _argument_target(folder: Folder, spot: Spot, word: str) -> Target | None:
    """Where an action declares a field: the action that stands beside, else the first that has it."""
    actions = folder.learn().catalogue.actions
    beside = actions.get(spot.siblings.get("action", "").strip("[]{} "))
    for action in [*([beside] if beside is not None else []), *actions.values()]:
        if action.declared(word) is not None:
            speaker, _, rest = word.partition(".")
            document = folder.documents.get(action.path)
            if document is not None:
                way = ("actions", action.name, speaker, rest)
                return Target(action.path, document.place(way, key=True), len(rest))
    return None


@dataclass(frozen=True, slots=True)
class Symbol:
    """One thing of a file: its name and words, the characters it spans and where its name stands."""

    name: str
    detail: str
    kind: str
    start: int
    end: int
    at: int
    inner: tuple[Symbol, ...] = field(default=())


def symbols(text: str) -> list[Symbol]:
    """The parts of a file, as an outline. Raises what `syntax.parse` does."""
    tree = syntax.parse(text)
    return [_part(entry) for entry in tree.root.entries if entry.name]


def _part(entry: syntax.Entry) -> Symbol:
    inner = tuple(_inner(entry)) if not entry.alias else ()
    detail = entry.value.text if entry.value.kind == "scalar" else ""
    return Symbol(entry.name, detail[:80], "key", entry.start, entry.end, entry.start, inner)


def _inner(entry: syntax.Entry) -> Iterator[Symbol]:
    kind = _RECORDS.get(entry.name, "table" if entry.name in ("cases", "tables") else "name")
    for i, each in enumerate(entry.value.entries):
        texts = {e.name: e.value for e in each.value.entries if e.value.kind == "scalar"}
        if (
            each.key is not None
            and entry.value.kind == "mapping"
            and entry.name in ("actions", "lists")
        ):
            title = texts["title"].text if "title" in texts else ""
            yield Symbol(each.name, title, kind, each.start, each.end, each.start)
        elif "id" in texts:
            title = texts["title"].text if "title" in texts else ""
            yield Symbol(texts["id"].text, title, kind, each.start, each.end, texts["id"].start)
        elif kind == "table" and each.key is None:
            yield Symbol(f"table {i + 1}", "", kind, each.start, each.end, each.start)


def columns_of(lines: list[str], line: int) -> tuple[str, ...]:
    """The columns of the table that a line of its rows is in."""
    for text in reversed(lines[: line + 1]):
        found = re.match(r" *(?:- +)?columns: *\[(.*)\]", text)
        if found is not None:
            return tuple(part.strip().strip("\"'") for part in found[1].split(","))
    return ()
