"""What could stand at a place, from the JSON Schema of the file's kind: keys and values with words.

Law: an editor offers what the check takes. Everything comes from the one schema
(`engine.jsonschema`), joined with the names that only this file has: its lists, its rules, the
columns of a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from governance.editor.cursor import Spot
from governance.engine.jsonschema import LISTED, Schema
from governance.engine.known import Known

_MOST: Final = 400


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing to write: `text` replaces the word at the cursor; `kind` is key, value, list or rule."""

    label: str
    text: str
    kind: str
    detail: str = ""


def offers(schema: Schema, kind: str, spot: Spot, known: Known, own: Own) -> list[Offer]:
    """Everything that could stand at the spot of a file of this kind, what is there already left
    out, best first."""
    if "rows" in spot.way and spot.in_brackets:
        column = own.columns[spot.item] if spot.item < len(own.columns) else ""
        return _cell(schema, column, known, own)
    if not spot.is_key and "always" in spot.way[:-1]:
        return _cell(schema, str(spot.way[spot.way.index("always") + 1]), known, own)
    found = list(_at(schema, [schema["$defs"][f"file-{kind}"]], spot.way))
    out: dict[str, Offer] = {}
    if spot.is_key:
        for each in found:
            for key, inner in each.get("properties", {}).items():
                if key not in spot.siblings:
                    detail = _words(schema, inner)
                    out.setdefault(key, Offer(key, f"{key}: ", "key", detail))
    # In a block list the cursor may as well be at a value.
    if not spot.is_key or (spot.way and spot.way[-1] == 0 and not spot.in_brackets):
        for text, detail in _values(schema, found):
            out.setdefault(text, Offer(text, _quoted(text), "value", detail))
        if any(_takes_list(schema, each) for each in found):
            for name in own.lists:
                out[f"${name}"] = Offer(f"${name}", f"${name}", "list", "a list of this file")
    ordered = sorted(out.values(), key=lambda offer: _rank(offer, spot, known))
    return ordered[:_MOST]


@dataclass(frozen=True, slots=True)
class Own:
    """What only this file has: the names of its lists, its rules and limits, its columns."""

    lists: tuple[str, ...] = ()
    rules: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()


def _rank(offer: Offer, spot: Spot, known: Known) -> tuple[int, int, str]:
    """Fields of the action that stands beside come first; what begins as typed before the rest."""
    begun = 0 if offer.label.lower().startswith(spot.prefix.lower()) else 1
    action = known.catalogue.actions.get(spot.siblings.get("action", "").strip("[]"))
    near = 1
    if offer.kind == "key" and "." in offer.label and action is not None:
        near = 0 if action.declared(offer.label) is not None else 2
    return begun, near, "" if offer.kind == "key" and "." not in offer.label else offer.label


def _cell(schema: Schema, column: str, known: Known, own: Own) -> list[Offer]:
    """The values that a cell of a column can have."""
    if column == "by":
        told = [Offer(name, name, "rule", title) for name, title in own.rules]
        return [*told, Offer("default", "default", "rule", "the file's default")]
    if column == "expect":
        effects = ("allow", "require_approval", "deny")
        return [Offer(name, name, "value") for name in effects]
    group, _, _ = column.partition(".")
    if group == "history":
        return [Offer(name, name, "value") for name in ("yes", "no", "cannot tell")]
    if column == "attested":
        return [Offer(name, name, "value") for name in ("true", "false")]
    if column == "action":
        actions = known.catalogue.actions
        return [
            Offer(name, _quoted(name), "value", actions[name].title) for name in sorted(actions)
        ]
    tests = schema["$defs"]["condition"]["properties"].get(column)
    found = list(_at(schema, [tests], ("is",))) if tests is not None else []
    return [Offer(text, _quoted(text), "value", words) for text, words in _values(schema, found)]


def _quoted(text: str) -> str:
    return f'"{text}"' if re.search(r"[:*#,\[\]{}]|^[&!|>%@`-]", text) else text


def _open(schema: Schema, node: Mapping[str, Any]) -> Iterator[Schema]:
    """A schema and all that it refers to or chooses between."""
    yield dict(node)
    if "$ref" in node:
        yield from _open(schema, schema["$defs"][node["$ref"].rpartition("/")[2]])
    for word in ("anyOf", "oneOf", "allOf"):
        for each in node.get(word, ()):
            yield from _open(schema, each)


def _at(schema: Schema, nodes: list[Schema], way: tuple[str | int, ...]) -> Iterator[Schema]:
    """Every schema that speaks about what is at the end of a way."""
    here = [each for node in nodes for each in _open(schema, node)]
    if not way:
        yield from here
        return
    step, inner = way[0], []
    for node in here:
        if isinstance(step, int):
            if isinstance(node.get("items"), Mapping):
                inner.append(node["items"])
        elif step in node.get("properties", {}):
            inner.append(node["properties"][step])
        elif isinstance(node.get("additionalProperties"), Mapping):
            inner.append(node["additionalProperties"])
    if inner:
        yield from _at(schema, inner, way[1:])


def at(schema: Schema, kind: str, way: tuple[str | int, ...]) -> list[Schema]:
    """Every schema that speaks about what is at the end of a way in a file of a kind."""
    return list(_at(schema, [schema["$defs"][f"file-{kind}"]], way))


def _values(schema: Schema, nodes: list[Schema]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        words = str(node.get("description", ""))
        for value in node.get("enum", [node["const"]] if "const" in node else []):
            yield (str(value).lower() if isinstance(value, bool) else str(value)), words
        if node.get("type") == "boolean" and "enum" not in node:
            yield "true", words
            yield "false", words
        if isinstance(node.get("items"), Mapping):  # one value where several may stand
            yield from _values(schema, list(_open(schema, node["items"])))


def _takes_list(schema: Schema, node: Schema) -> bool:
    if node == LISTED:
        return True
    inner = node.get("items")
    return isinstance(inner, Mapping) and any(each == LISTED for each in _open(schema, inner))


def _words(schema: Schema, node: Any) -> str:
    return next(
        (str(each["description"]) for each in _open(schema, node) if "description" in each), ""
    )
