"""Catalogue files out of imported actions: written for a person to finish, and merged on the next import.

Law: what a person wrote stays. An action that is there already keeps its labels, class, risk and
types; only what its maker changed since (told by the digest in the comment above it) is added, as new
arguments and as comments. Nothing disappears from a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from governance.engine import format as layout
from governance.engine import forms, spelling, syntax
from governance.engine.imports import Action
from governance.engine.parameters import Argument
from governance.engine.syntax import Entry

_ORIGIN: Final = re.compile(r"# imported: (?P<called>.*) (?P<digest>sha256:[0-9a-f]{64})")
_NEWS: Final = "# changed at its maker: "


@dataclass(slots=True)
class Merged:
    """The new text, and what became of the actions: `added`, `changed`, `gone`, `same` by name."""

    text: str
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)


def new_file(name: str, title: str, owner: str, actions: list[Action]) -> Merged:
    """A catalogue file of these actions."""
    lines = [
        "# Imported: every line that says `decide` waits for a person; labels and risk are the worst",
        "# that may be true. Take away what is not, and then the comment.",
        f"catalogue: {_text(name)}",
        f"title: {_text(title)}",
        f"owner: {_text(owner)}",
        "actions:",
    ]
    for action in actions:
        lines += _action(action)
    return Merged(_laid_out("\n".join(lines) + "\n"), added=[action.name for action in actions])


def merge(existing: str, actions: list[Action], source: str = "") -> Merged:
    """The existing file with what is new in these actions. `source` is how the names of all that
    come from there begin: only such an action can be gone; none if it is left out. Raises
    PolicyErrors or `format.Unsafe` for a file that cannot be read or written."""
    tree = syntax.parse(existing)
    holder = next((entry for entry in tree.root.entries if entry.name == "actions"), None)
    if holder is None or holder.value.kind != "mapping":
        raise layout.Unsafe("it has no `actions` to add to")
    out = Merged("")
    there = {entry.name: entry for entry in holder.value.entries}
    for action in actions:
        entry = there.get(action.name)
        if entry is None:
            holder.value.entries.append(_entry(action))
            out.added.append(action.name)
        elif _digest_of(entry) == action.digest:
            out.same.append(action.name)
        else:
            _change(entry, action)
            out.changed.append(action.name)
    fresh = {action.name for action in actions}
    for name, entry in there.items():
        if source and name.startswith(source) and name not in fresh and _digest_of(entry):
            out.gone.append(name)
            _say(entry, f"{_NEWS}it is no longer listed")
    text = layout.written(tree, forms.KINDS["actions"])
    out.text = _laid_out(text)
    return out


def _laid_out(text: str) -> str:
    return layout.formatted("import.yaml", text.encode()).decode()


def _digest_of(entry: Entry) -> str:
    """The digest in the comment above an action, or nothing."""
    for line in entry.before:
        found = _ORIGIN.fullmatch(line)
        if found is not None:
            return found["digest"]
    return ""


def _say(entry: Entry, comment: str) -> None:
    if comment not in entry.before:
        entry.before = [*entry.before, comment]


def _change(entry: Entry, action: Action) -> None:
    """Note what the maker changed; add arguments that are new, as in a first import."""
    entry.before = [
        line for line in entry.before if not _ORIGIN.fullmatch(line) and not line.startswith(_NEWS)
    ]
    entry.before += [_origin(action), f"{_NEWS}read the new description, then remove this line"]
    args = next((each for each in entry.value.entries if each.name == "args"), None)
    known = {each.name: each for each in args.value.entries} if args is not None else {}
    fresh = [argument for argument in action.args if argument.name not in known]
    if fresh and (args is None or args.alias or args.value.kind != "mapping"):
        names = ", ".join(argument.name for argument in fresh)
        _say(entry, f"{_NEWS}new arguments that are not declared yet: {names}")
    elif fresh and args is not None:
        new = next(each for each in _entry(action).value.entries if each.name == "args")
        wanted = {argument.name for argument in fresh}
        args.value.entries += [each for each in new.value.entries if each.name in wanted]
    for name in known.keys() - {argument.name for argument in action.args}:
        if args is not None and not args.alias:
            _say(known[name], f"{_NEWS}it is no longer an argument")
    for argument in action.args:
        if argument.name in known and args is not None and not args.alias:
            _compare(known[argument.name], argument)


def _compare(entry: Entry, argument: Argument) -> None:
    """Say where the maker's words and the file's part: a person may have meant it so."""
    has = {each.name: each.value for each in entry.value.entries}
    if entry.alias or "type" not in has:
        return
    kept, said = has["type"].text, str(argument.options["type"])
    if kept != said and said not in ("text", "list of text"):
        _say(entry, f"{_NEWS}the type is said to be {said}")
    required = "required" not in has or has["required"].text == "true"
    if required != argument.options.get("required", True):
        _say(entry, f"{_NEWS}it is {'no longer required' if required else 'required now'}")
    choices = argument.options.get("one_of")
    if choices and "one_of" in has:
        fresh = set(choices) - {each.value.text for each in has["one_of"].entries}
        if fresh:
            _say(entry, f"{_NEWS}new choices: {', '.join(sorted(map(_comment, fresh)))}")


def _entry(action: Action) -> Entry:
    """The action as an entry of a tree of its own."""
    tree = syntax.parse("\n".join(["actions:", *_action(action)]) + "\n")
    return tree.root.entries[0].value.entries[0]


def _origin(action: Action) -> str:
    return f"# imported: {_comment(action.called)} {action.digest}"


def _comment(text: str) -> str:
    """Words of strangers on one line of a comment."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:120]


def _text(text: str) -> str:
    return spelling.scalar(text, False, flow=True)


def _action(action: Action) -> list[str]:
    lines = [f"  {_origin(action)}"]
    lines += [f"  # decide: {_comment(note)}" for note in action.notes]
    lines += [
        f"  {_text(action.name)}:",
        f"    title: {_text(action.title[:200])}",
        f"    labels: {_value(list(action.labels))}  # decide: take away what is not so",
        f"    attaches: {_value(list(action.attaches))}",
        "    risk: high  # decide",
    ]
    lines += _arguments("args", action.args) + _arguments("resource", action.resource)
    return lines


def _arguments(group: str, arguments: tuple[Argument, ...]) -> list[str]:
    if not arguments:
        return []
    lines = [f"    {group}:"]
    for argument in arguments:
        lines += [f"      # decide: {_comment(note)}" for note in argument.notes]
        body = ", ".join(f"{key}: {_value(value)}" for key, value in argument.options.items())
        lines.append(f"      {_text(argument.name)}: {{{body}}}")
    return lines


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(str(k))}: {_value(v)}" for k, v in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def reviewed(existing: str | None, name: str, at: str, actions: list[Action]) -> str:
    """The list of reviewed descriptions with each new digest as a comment, to be uncommented by the
    person who has read it. `at` is the moment as RFC 3339; a list that is there keeps its own."""
    text = existing or f"list: {_text(name)}\nas_of: {at}\ntype: text\nmembers: []\n"
    lines = [
        f'# - "{action.digest}"  # {_comment(action.called)}'
        for action in actions
        if action.digest not in text
    ]
    if not lines:
        return _laid_out(text)
    tree = syntax.parse(text)
    members = next((each.value for each in tree.root.entries if each.name == "members"), None)
    place = members if members is not None and members.entries else tree.root
    if _TO_READ not in place.foot:
        place.foot.append(_TO_READ)
    place.foot += lines
    return _laid_out(layout.written(tree, forms.KINDS["lists"]))


_TO_READ: Final = (
    "# To be read by a person, who then makes the line a member (without its first `#`):"
)
