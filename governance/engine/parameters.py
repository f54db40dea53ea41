"""Arguments of the catalogue out of JSON Schema (draft 7 to 2020-12, and OpenAPI's kind of it).

Law: what is not certain is `text` of class `private` with a note that says what a person must
decide: a value that is read as the wrong type is *cannot tell*, and no allow comes from that.
Nothing is taken for harmless because of its name or description.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from governance.engine.codes import CURRENCIES
from governance.engine.model import CannotTell
from governance.engine.values import Type

MAX_DEPTH: Final = 20
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_FORMATS: Final[Mapping[str, str]] = {
    "email": "email",
    "date": "date",
    "date-time": "datetime",
    "hostname": "host",
    "ipv4": "host",
    "ipv6": "host",
}
_LIKE_AN_IDENTITY: Final = re.compile(
    r"(^|_|-)(id|ids|number|no|account|iban|ssn|phone|tel|user|customer|name|mail|email|birth\w*)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument as the catalogue writes it: `options` in its words, `notes` for a person."""

    name: str
    options: Mapping[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Draft:
    options: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def arguments(schema: Any, root: Any = None) -> tuple[list[Argument], list[str]]:
    """The arguments of an object's schema, and notes about what could not be declared.

    `root` is the document that `$ref`s lead into (the schema itself if it is left out).
    """
    whole = schema if root is None else root
    schema = _resolved(schema, whole, 0)
    if not isinstance(schema, Mapping):
        return [], ["its arguments are not described: nothing can be declared"]
    properties, required, notes = _properties(schema, whole)
    out = []
    for name, each in properties.items():
        if not _NAME.fullmatch(name):
            notes.append(
                f"`{_plain(name)[:60]}` cannot be declared: it is no name of the catalogue"
            )
            continue
        out.append(argument(name, each, name in required, whole))
    if not properties and schema.get("type") not in (None, "object"):
        notes.append("its arguments are no object: nothing can be declared")
    return out, notes


def _properties(
    schema: Mapping[str, Any], root: Any, depth: int = 0
) -> tuple[dict[str, Any], set[str], list[str]]:
    """The properties of an object and of all that it is put together from."""
    found = schema.get("properties")
    properties = dict(found) if isinstance(found, Mapping) else {}
    required = {str(name) for name in _list(schema.get("required"))}
    notes = []
    for part in _list(schema.get("allOf")):
        inner = _resolved(part, root, 0)
        if depth > MAX_DEPTH:
            notes.append("it is put together from itself: look at what is missing")
        elif isinstance(inner, Mapping):
            more, also, told = _properties(inner, root, depth + 1)
            properties |= more
            required |= also
            notes += told
    for word in ("anyOf", "oneOf", "if", "patternProperties", "dependentSchemas"):
        if schema.get(word):
            notes.append(f"`{word}` is not taken over: look at which arguments belong together")
    return properties, required, notes


def argument(name: str, schema: Any, required: bool, root: Any) -> Argument:
    """One argument out of the schema of its value."""
    plain, nullable = _without_null(_resolved(schema, root, 0), root)
    draft = _typed(name, plain, root)
    options, notes = draft.options, draft.notes
    if nullable and required:
        notes.append("null is possible: it is read as cannot tell")
    if not required:
        options["required"] = False
        _default(options, plain, notes)
    title = _title(plain) or _title(schema)
    if title:
        options["title"] = title
    return Argument(name, options, tuple(notes))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _plain(text: Any) -> str:
    """A text on one line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def _title(schema: Any) -> str:
    if not isinstance(schema, Mapping):
        return ""
    return sentence(schema.get("description") or "", 200)


def sentence(text: Any, longest: int) -> str:
    """The first sentence of a description, on one line and cut to a length."""
    line = _plain(text) if isinstance(text, str) else ""
    first = re.split(r"(?<=[.!?]) (?=[A-Z])", line, maxsplit=1)[0].rstrip(".")
    return first if len(first) <= longest else first[: longest - 1].rstrip() + "…"


def _resolved(schema: Any, root: Any, depth: int) -> Any:
    """The schema that a `$ref` inside the document leads to; others are not followed."""
    if not isinstance(schema, Mapping) or not isinstance(schema.get("$ref"), str):
        return schema
    reference = schema["$ref"]
    if depth > MAX_DEPTH or not reference.startswith("#"):
        return {"description": schema.get("description", ""), "unresolved": reference}
    found: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        found = found.get(step) if isinstance(found, Mapping) else None
    if found is None:
        return {"unresolved": reference}
    rest = {key: value for key, value in schema.items() if key != "$ref"}
    inner = _resolved(found, root, depth + 1)
    return {**inner, **rest} if isinstance(inner, Mapping) else inner


def _without_null(schema: Any, root: Any) -> tuple[Any, bool]:
    """The schema without the possibility of null, and whether there was one."""
    if not isinstance(schema, Mapping):
        return schema, False
    if isinstance(schema.get("type"), list):
        kinds = [kind for kind in schema["type"] if kind != "null"]
        kept = {**schema, "type": kinds[0] if len(kinds) == 1 else kinds}
        return kept, len(kinds) < len(schema["type"])
    if schema.get("nullable") is True:
        return {key: value for key, value in schema.items() if key != "nullable"}, True
    for word in ("anyOf", "oneOf"):
        ways = [_resolved(each, root, 0) for each in _list(schema.get(word))]
        kept_ways = [
            each for each in ways if not (isinstance(each, Mapping) and each.get("type") == "null")
        ]
        if len(kept_ways) == 1 and isinstance(kept_ways[0], Mapping):
            rest = {key: value for key, value in schema.items() if key != word}
            return {**kept_ways[0], **rest}, len(ways) > 1
        if len(kept_ways) < len(ways):
            return {**schema, word: kept_ways}, True
    parts = [_resolved(each, root, 0) for each in _list(schema.get("allOf"))]
    if len(parts) == 1 and isinstance(parts[0], Mapping) and "type" not in schema:
        return {**parts[0], **{k: v for k, v in schema.items() if k != "allOf"}}, False
    return schema, False


def _unknown(why: str) -> _Draft:
    return _Draft({"type": "text", "class": "private"}, [f"{why}: decide its type and class"])


def _typed(name: str, schema: Any, root: Any) -> _Draft:
    if not isinstance(schema, Mapping):
        return _unknown("its type is not stated")
    if "unresolved" in schema:
        return _unknown(f"`{_plain(schema['unresolved'])[:80]}` is not in this file")
    choices = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if isinstance(choices, list):
        return _choice(choices)
    kind = schema.get("type")
    if kind == "boolean":
        return _Draft({"type": "boolean", "class": "category"})
    if kind in ("integer", "number"):
        return _number(name, schema, kind)
    if kind == "string":
        return _text(name, schema)
    if kind == "array":
        return _many(name, schema, root)
    if kind == "object" or "properties" in schema:
        return _money(schema, root) or _unknown(
            "it is an object, which no type of the catalogue holds"
        )
    if isinstance(kind, list) or "anyOf" in schema or "oneOf" in schema:
        return _unknown("it has several types")
    return _unknown("its type is not stated")


def _choice(choices: list[Any]) -> _Draft:
    texts = [each for each in choices if isinstance(each, str) and each]
    if texts and len(texts) == len([each for each in choices if each is not None]):
        return _Draft({"type": "choice", "one_of": list(dict.fromkeys(texts)), "class": "category"})
    numbers = [each for each in choices if isinstance(each, int) and not isinstance(each, bool)]
    if numbers and len(numbers) == len(choices):
        options = {"type": "integer", "at_least": min(numbers), "at_most": max(numbers)}
        told = ", ".join(map(str, numbers[:12]))
        return _Draft({**options, "class": "quantity"}, [f"only these are possible: {told}"])
    return _unknown("it is a choice of different types")


def _number(name: str, schema: Mapping[str, Any], kind: str) -> _Draft:
    options: dict[str, Any] = {"type": kind}
    for word, exclusive, ours, step in (
        ("minimum", "exclusiveMinimum", "at_least", 1),
        ("maximum", "exclusiveMaximum", "at_most", -1),
    ):
        bound, edge = schema.get(word), schema.get(exclusive)
        if edge is not None and _is_number(edge) and kind == "integer" and edge == int(edge):
            bound = int(edge) + step
        elif _is_number(edge):
            bound = edge
        if bound is not None and _is_number(bound):
            options[ours] = int(bound) if bound == int(bound) else bound
    notes = [] if kind == "integer" else ["its unit is not known: money is `type: money`"]
    private = _LIKE_AN_IDENTITY.search(name) is not None
    options["class"] = "private" if private else "quantity"
    return _Draft(options, [*notes, *(["identity or quantity?"] if private else [])])


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool | str | list | Mapping) and value is not None


def _text(name: str, schema: Mapping[str, Any]) -> _Draft:
    kind = _FORMATS.get(str(schema.get("format")), "text")
    options: dict[str, Any] = {"type": kind, "class": "private"}
    longest = schema.get("maxLength")
    if kind == "text" and isinstance(longest, int) and 1 <= longest <= 1_000_000:
        options["max_length"] = longest
    notes = ["class: identity with `about`, category, or private?"]
    if kind == "text" and re.search(r"(^|_)(path|file|dir|directory|folder)$", name, re.IGNORECASE):
        notes = ["type: path, if it names a file? class: category?"]
    elif kind == "text" and re.search(r"(^|_)(command|cmd|script|shell)$", name, re.IGNORECASE):
        notes = ["type: command, if a shell runs it?"]
    elif str(schema.get("format")) in ("uri", "url", "uri-reference", "iri"):
        notes = ["a URL: a rule about where it leads needs its host as an argument"]
    return _Draft(options, notes)


def _many(name: str, schema: Mapping[str, Any], root: Any) -> _Draft:
    items, nullable = _without_null(_resolved(schema.get("items"), root, 0), root)
    if isinstance(items, Mapping) and items.get("type") == "array":  # may contain itself
        return _unknown("it is a list of lists, which no type of the catalogue holds")
    inner = _typed(name, items, root)
    sure = inner.options["type"] != "text" or (
        isinstance(items, Mapping) and items.get("type") == "string"
    )
    if nullable or not sure or str(inner.options["type"]).startswith("list of"):
        return _unknown("it is a list of what no type of the catalogue holds")
    options = {**inner.options, "type": f"list of {inner.options['type']}"}
    most = schema.get("maxItems")
    if isinstance(most, int) and 1 <= most <= 10_000:
        options["max_items"] = most
    return _Draft(options, inner.notes)


def _money(schema: Mapping[str, Any], root: Any) -> _Draft | None:
    """An amount that states its currency: an object of exactly these two."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or set(properties) != {"amount", "currency"}:
        return None
    currency = _resolved(properties["currency"], root, 0)
    amount = _resolved(properties["amount"], root, 0)
    if not isinstance(currency, Mapping) or not isinstance(amount, Mapping):
        return None
    if (
        amount.get("type") not in ("number", "string", "integer")
        or currency.get("type") != "string"
    ):
        return None
    options: dict[str, Any] = {"type": "money"}
    known = [each for each in _list(currency.get("enum")) if each in CURRENCIES]
    if known:
        options["currencies"] = known
    return _Draft(
        {**options, "class": "quantity"}, ["can it be negative? smallest units or whole ones?"]
    )


def _default(options: dict[str, Any], schema: Any, notes: list[str]) -> None:
    """The default, where the catalogue reads it as the type says."""
    if not isinstance(schema, Mapping) or schema.get("default") is None:
        return
    default, words = schema["default"], str(options["type"])
    kind = Type(
        words.removeprefix("list of "),
        members=tuple(options.get("one_of") or options.get("currencies") or ()),
        many=words.startswith("list of "),
    )
    if kind.name in ("command", "path") or isinstance(kind.read(default), CannotTell):
        notes.append(f"its default is left out: {_plain(default)[:60]}")
    else:
        options["default"] = default
