"""The schemas of `openapi.yaml`, compiled to checks.

Law: the published document is the check. What it does not describe is refused with the field's
path; a keyword that this module does not know stops the start, so that nothing in the document can
be read by people and ignored by the service.

The subset of JSON Schema 2020-12 understood: type (one or a list), properties, required,
additionalProperties (false or absent), items, enum, const, minLength, maxLength, pattern, minimum,
maximum, minItems, maxItems, maxProperties, oneOf, and `$ref` into the document's components.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from governance.service.problem import Problem
from governance.web.parsing import bad_request, printable, word

Check = Callable[[Any, str], None]

_ANNOTATIONS = frozenset({"description", "title", "example", "examples", "format", "default"})
_KEYWORDS = frozenset(
    [
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "enum",
        "const",
        "minLength",
        "maxLength",
        "pattern",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "maxProperties",
        "oneOf",
        "$ref",
    ]
)
_WORDS = {
    "object": "an object",
    "array": "an array",
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


class SchemaError(Exception):
    """The document uses something this module does not check."""


def compile_schema(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Check:
    """A function `(value, path)` that raises Problem (400) where the value does not fit."""
    unknown = schema.keys() - _KEYWORDS - _ANNOTATIONS
    if unknown:
        raise SchemaError(f"unknown keywords {sorted(unknown)}")
    if "$ref" in schema:
        return compile_schema(resolve(schema["$ref"], document), document)
    if "oneOf" in schema:
        return _one_of([compile_schema(s, document) for s in schema["oneOf"]], schema["oneOf"])
    checks = [
        make(schema, document) for make in (_types, _values, _texts, _numbers, _arrays, _objects)
    ]
    wanted = [check for check in checks if check is not None]

    def check(value: Any, path: str) -> None:
        for part in wanted:
            part(value, path)

    return check


def resolve(reference: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a local `$ref` such as `#/components/schemas/Agent` points to."""
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    if not isinstance(found, dict):
        raise SchemaError(f"{reference} is no schema")
    return found


def _name(path: str) -> str:
    return f"`{printable(path)}`" if path else "the body"


def _fail(path: str, sentence: str) -> None:
    raise bad_request(f"{_name(path)} {sentence}", printable(path) or None)


def _is(value: Any, kind: str) -> bool:
    if kind == "object":
        return isinstance(value, dict)
    if kind == "array":
        return isinstance(value, list)
    if kind == "string":
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "null":
        return value is None
    if isinstance(value, bool):
        return False
    if kind == "integer":
        # `1.0` and `1e3` are refused: an index is written as one, and nothing behind converts it
        return isinstance(value, int)
    return isinstance(value, (int, Decimal))


def _types(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Check | None:
    kinds = schema.get("type")
    if kinds is None:
        return None
    kinds = [kinds] if isinstance(kinds, str) else kinds
    expected = " or ".join(_WORDS[kind] for kind in kinds)

    def check(value: Any, path: str) -> None:
        if not any(_is(value, kind) for kind in kinds):
            _fail(path, f"is {word(value)}; {expected} was expected")

    return check


def _values(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Check | None:
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if allowed is None:
        return None
    listed = ", ".join(f"`{item}`" for item in allowed)

    def check(value: Any, path: str) -> None:
        if not any(value == item and type(value) is type(item) for item in allowed):
            shown = f"is `{printable(value)}`" if isinstance(value, str) else f"is {word(value)}"
            _fail(path, f"{shown}; write one of {listed}")

    return check


def _texts(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Check | None:
    low, high = schema.get("minLength", 0), schema.get("maxLength")
    pattern = re.compile(schema["pattern"]) if "pattern" in schema else None
    if not low and high is None and pattern is None:
        return None
    example = schema.get("example")
    such = f", such as `{example}`" if example is not None else ""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, str):
            return
        if len(value) < low:
            _fail(path, "is empty" if not value else f"must have at least {low} characters")
        if high is not None and len(value) > high:
            _fail(path, f"has {len(value)} characters; at most {high} are taken")
        if pattern is not None and not pattern.search(value):
            _fail(path, f"is `{printable(value)}`, which is not of the expected form{such}")

    return check


def _numbers(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Check | None:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None and high is None:
        return None

    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            return
        if low is not None and value < low:
            _fail(path, f"is below {low}")
        if high is not None and value > high:
            _fail(path, f"is above {high}")

    return check


def _arrays(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Check | None:
    low, high = schema.get("minItems", 0), schema.get("maxItems")
    each = compile_schema(schema["items"], document) if "items" in schema else None
    if not low and high is None and each is None:
        return None

    def check(value: Any, path: str) -> None:
        if not isinstance(value, list):
            return
        if len(value) < low:
            _fail(path, f"must have at least {low} items")
        if high is not None and len(value) > high:
            _fail(path, f"has {len(value)} items; at most {high} are taken")
        if each is not None:
            for position, item in enumerate(value):
                each(item, f"{path}[{position}]")

    return check


def _objects(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Check | None:
    members = {
        name: compile_schema(part, document) for name, part in schema.get("properties", {}).items()
    }
    required = tuple(schema.get("required", ()))
    closed = schema.get("additionalProperties", True) is False
    extra = schema.get("additionalProperties")
    each = compile_schema(extra, document) if isinstance(extra, dict) else None
    most = schema.get("maxProperties")
    if not (members or required or closed or each or most is not None):
        return None

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            return
        for name in required:
            if name not in value:
                _fail(_join(path, name), "is missing")
        if most is not None and len(value) > most:
            _fail(path, f"has {len(value)} members; at most {most} are taken")
        for name, item in value.items():
            if name in members:
                members[name](item, _join(path, name))
            elif closed:
                _fail(_join(path, name), f"is not a field here{_nearest(name, members)}")
            elif each is not None:
                each(item, _join(path, name))

    return check


def _one_of(checks: list[Check], schemas: list[Mapping[str, Any]]) -> Check:
    def check(value: Any, path: str) -> None:
        """Exactly one alternative fits; the last one's complaint is the most telling."""
        last: Problem | None = None
        for part in checks:
            try:
                part(value, path)
                return
            except Problem as problem:
                last = problem if last is None or problem.field != path else last
        if last is not None:
            raise last

    return check


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _nearest(name: str, members: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, members, n=1)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; the fields are {', '.join(f'`{m}`' for m in members)}" if members else ""
