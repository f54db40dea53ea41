"""JSON Schema (2020-12) for policy files, made from `schemas` and from what a folder knows.

Law: what loads fits the schema; where the loader knows more (two fields of one type, a rule that can
never match), the schema lets it pass. Nothing is listed here that `schemas`, the operators or the
catalogue list already: a new key, operator, action or field is in the schema by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from governance.engine import forms, glossary
from governance.engine.casetable import OF_FILES, OTHER_COLUMNS, PLAIN_COLUMNS
from governance.engine.codes import CURRENCIES
from governance.engine.constants import closed_members
from governance.engine.fields import SERVICE_FIELDS
from governance.engine.forms import Form
from governance.engine.histories import BY, HISTORY_KEYS
from governance.engine.known import Known
from governance.engine.values import Type
from governance.engine.vocabulary import OPERATORS

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
CONDITIONS: Final = frozenset({"when", "of", "for"})
"""The keys under which a condition stands, where `schemas` says only that it is a mapping."""
LISTED: Final = {"type": "string", "pattern": r"^\$[a-z][a-z0-9_]*$"}
"""A list of the file, where several values may stand."""
_TYPES: Final = {
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "list": "array",
    "dict": "object",
}
_NUMBERS: Final = frozenset({"integer", "count", "number"})


def schema(known: Known, kind: str | None = None) -> Schema:
    """The schema of one kind of file (`forms.KINDS`), or of all kinds together: the first key of a
    file says which it is."""
    made = _Maker(known)
    kinds = {name: made.form(form, (name,)) for name, form in forms.KINDS.items()}
    shared = made.shared()
    base: Schema = {"$schema": DIALECT, "title": "Policy files", "type": "object"}
    definitions = {
        **{f"file-{name}": body for name, body in kinds.items()},
        **shared,
        **made.tested,
    }
    if kind is not None:
        return {**base, "$ref": f"#/$defs/file-{kind}", "$defs": definitions}
    firsts = {name: next(iter(form["schema"])) for name, form in forms.KINDS.items()}
    choice: Schema = {"anyOf": [{"required": [first]} for first in dict.fromkeys(firsts.values())]}
    for name in sorted(firsts, key=lambda each: _shares_its_key(each, firsts)):
        said: Schema = {"required": [firsts[name]]}
        if _shares_its_key(name, firsts):
            said["required"] = list(_required(forms.KINDS[name]))
        choice = {"if": said, "then": {"$ref": f"#/$defs/file-{name}"}, "else": choice}
    return {**base, **choice, "$defs": definitions}


def _shares_its_key(name: str, firsts: Mapping[str, str]) -> bool:
    """True for a kind that is told from another with the same first key by its other keys: that
    with the fewest."""
    rivals = [each for each in firsts if firsts[each] == firsts[name]]
    sizes = {each: len(forms.KINDS[each]["schema"]) for each in rivals}
    return len(rivals) > 1 and sizes[name] == min(sizes.values())


def _required(form: Form) -> list[str]:
    return [key for key, rule in form["schema"].items() if rule.get("required")]


class _Maker:
    """Turns forms into schemas; conditions and cells are shared definitions."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.kinds = {name: tuple(known.types_of(name)) for name in known.fields}
        self.names = self._all_names()
        self.columns = self._columns()
        self.tested: dict[str, Schema] = {}
        self.alike: dict[tuple[Any, ...], str] = {}

    def form(self, form: Form, way: tuple[str, ...]) -> Schema:
        """The schema of one value; `way` are the keys that lead to it."""
        key = way[-1]
        special = self._special(form, key, way)
        if special is not None:
            return special
        kinds = form.get("type")
        kinds = [kinds] if isinstance(kinds, str) else list(kinds or ())
        out: Schema = {}
        if kinds:
            types = [_TYPES[kind] for kind in kinds]
            out["type"] = types[0] if len(types) == 1 else types
        if "regex" in form:
            out["pattern"] = f"^(?:{form['regex']})$"
        if "allowed" in form:
            out["enum"] = list(form["allowed"])
        out |= {ours: form[theirs] for theirs, ours in _BOUNDS if theirs in form}
        for kind, least, most in _SIZES:
            if kind in kinds and "minlength" in form:
                out[least] = form["minlength"]
            if kind in kinds and "maxlength" in form:
                out[most] = form["maxlength"]
        if "list" in kinds:
            out["items"] = self.form(forms.inside(form, 0), way)
        if "dict" in kinds:
            out |= self._mapping(form, way)
        return out

    def _mapping(self, form: Form, way: tuple[str, ...]) -> Schema:
        out: Schema = {}
        if forms.is_open(form):
            out["propertyNames"] = {"pattern": f"^(?:{form['keysrules']['regex']})$"}
            out["additionalProperties"] = self.form(forms.inside(form, "any name"), way)
            return out
        keys = forms.keys_of(form)
        if not keys:
            return out
        whole = form.get("dict", form)["schema"]
        out["properties"] = {
            key: self._described(self.form(forms.inside(form, key), (*way, key)), (*way, key))
            for key in keys
        }
        required = [key for key in keys if whole[key].get("required")]
        if required:
            out["required"] = required
        out["additionalProperties"] = False
        return out

    def _described(self, made: Schema, way: tuple[str, ...]) -> Schema:
        words = glossary.of(way)
        return {**made, "description": words} if words else made

    def _special(self, form: Form, key: str, way: tuple[str, ...]) -> Schema | None:
        """What the catalogue and the folder know about a place."""
        kind = form.get("type")
        if kind == "dict" and "schema" not in form and key in CONDITIONS:
            return {"$ref": "#/$defs/condition"}
        if key == "agents":
            return {"anyOf": [{"const": "all"}, {"$ref": "#/$defs/agents"}]}
        if key == "columns" and kind == "string":
            return {"$ref": "#/$defs/column"}
        if key == "always" and kind == "dict":
            return {"$ref": "#/$defs/cells"}
        if key == "lists" and way[0] in ("policies", "risk") and "dict" in form:
            inner = self._mapping(form, way)
            return {"anyOf": [{"type": "array"}, {"type": "object", **inner}]}
        names = self._names(key, way) if kind in ("string", ["string", "list"]) else None
        if names is None:
            return None
        if kind != "string":
            one = self.form({**form, "type": "string"}, way)
            return {"anyOf": [one, {"type": "array", "items": one}]}
        strict, known = names
        if strict:
            return {"type": "string", "enum": known} if known else {"type": "string"}
        plain = {"type": "string"}
        if "regex" in form:
            plain["pattern"] = f"^(?:{form['regex']})$"
        return {"anyOf": [{"enum": known}, plain]} if known else plain

    def _names(self, key: str, way: tuple[str, ...]) -> tuple[bool, list[str]] | None:
        """The names that can stand at a place, and whether no other can."""
        if way[0] == "cases" and key == "policy":
            return False, list(self.known.policies)
        if key == "from" and "lists" in way:
            return True, list(self.known.lists)
        return self.names.get(key)

    def _all_names(self) -> dict[str, tuple[bool, list[str]]]:
        """By key: the names that the folder knows, and whether no other can stand there."""
        known, fields = self.known, list(self.kinds)
        rules = [each.id for each in known.named if each.kind in ("rules", "limits")]
        attached = (action.attaches for action in known.catalogue.actions.values())
        single = [name for name in fields if not any(kind.many for kind in self.kinds[name])]
        return {
            "governs": (True, list(known.catalogue.actions)),
            "extends": (False, list(known.policies)),
            "replaces": (False, list(known.policies)),
            "per": (False, single),
            "measure": (False, ["count", *(f"sum {name}" for name in self._summed())]),
            "redact": (True, [name for name in fields if name.startswith("args.")]),
            "log": (True, fields),
            "needs": (False, [f"1 {role}" for role in known.roles]),
            "may_be_waived_by": (False, ["nobody", *known.roles, "child", "exception"]),
            "lifts": (False, rules),
            "instead_of": (False, rules),
            "currencies": (True, sorted(CURRENCIES)),
            "labels": (False, sorted(known.catalogue.labels)),
            "attaches": (False, sorted(set[str]().union(*attached))),
        }

    def _summed(self) -> list[str]:
        return [
            name
            for name, kinds in self.kinds.items()
            if any(not kind.many and kind.name in _NUMBERS | {"money"} for kind in kinds)
        ]

    def _columns(self) -> dict[str, Schema]:
        out: dict[str, Schema] = {
            name: {"description": glossary.COLUMNS.get(name, "")} for name in PLAIN_COLUMNS
        }
        out["action"] = {**out["action"], "enum": [*self.known.catalogue.actions]}
        for name in self.kinds:
            out.setdefault(name, {"description": self.field_words(name)})
        for name in sorted(OTHER_COLUMNS):
            out.setdefault(name, {})
        return out

    def field_words(self, name: str) -> str:
        """The kinds of a field, in words."""
        kinds = dict.fromkeys(kind.kind for kind in self.kinds[name])
        return " or ".join(kinds)

    def shared(self) -> dict[str, Schema]:
        """The definitions that files refer to."""
        action = {"type": "string", "enum": list(self.known.catalogue.actions)}
        several = {"anyOf": [action, {"type": "array", "items": action, "minItems": 1}]}
        condition = {"$ref": "#/$defs/condition"}
        words = glossary.CONDITIONS
        agents = {
            name.partition(".")[2]: name for name in SERVICE_FIELDS if name.startswith("agent.")
        }
        groups = "|".join(map(re.escape, OF_FILES))
        history: Schema = {
            "did": several,
            "did_not": several,
            "same": {"type": ["string", "array"], "items": {"type": "string"}},
            "in_last": {"type": "string"},
            "by": {"enum": list(BY)},
        }
        return {
            "condition": {
                "type": "object",
                "minProperties": 1,
                "properties": {
                    "action": {**several, "description": words["action"]},
                    "any": {"type": "array", "items": condition, "minItems": 1,
                            "description": words["any"]},
                    "not": {**condition, "description": words["not"]},
                    "history": {"$ref": "#/$defs/history", "description": words["history"]},
                    **{name: self.tests(name) for name in self.kinds},
                },
                "additionalProperties": False,
            },
            "history": {
                "type": "object",
                "properties": {
                    key: {**history[key], "description": words[key]} for key in HISTORY_KEYS
                },
                "required": ["by"],
                "oneOf": [{"required": ["did"]}, {"required": ["did_not"]}],
                "additionalProperties": False,
            },
            "agents": {
                "type": "object",
                "minProperties": 1,
                "properties": {short: self.tests(name) for short, name in agents.items()},
                "additionalProperties": False,
            },
            "cells": {
                "type": "object",
                "properties": self.columns,
                "propertyNames": {"$ref": "#/$defs/column"},
            },
            "column": {
                "anyOf": [
                    {"enum": list(self.columns)},
                    {"type": "string", "pattern": rf"^(args\.[^.]+|({groups})\..+)$"},
                ]
            },
        }  # fmt: skip

    def tests(self, name: str) -> Schema:
        """What may be said about a field: the operators that fit its type, with their constants.
        Fields that are alike share one definition."""
        kinds = self.kinds[name]
        alike = (kinds, closed_members(self.known.catalogue, name))
        if alike not in self.alike:
            self.alike[alike] = f"tests-{len(self.alike) + 1}"
            operators = {
                op: {**self.constant(name, kinds, known.takes), "description": f"… {known.says} …"}
                for op, known in OPERATORS.items()
                if any(kind.kind in known.fits for kind in kinds)
            }
            self.tested[self.alike[alike]] = {
                "type": "object",
                "minProperties": 1,
                "properties": operators,
                "additionalProperties": False,
            }
        return {"$ref": f"#/$defs/{self.alike[alike]}", "description": self.field_words(name)}

    def constant(self, name: str, kinds: tuple[Type, ...], takes: str) -> Schema:
        if takes == "flag":
            return {"type": "boolean"}
        if takes == "number":
            return {"type": "integer", "minimum": 0}
        if takes == "field":
            return self._fields_like(kinds)
        free = {"type": "string"}
        one = free if takes in ("patterns", "places", "domains") else self.value(name, kinds)
        if takes == "one":
            return one
        if takes == "pair":
            return {"type": "array", "items": one, "minItems": 2, "maxItems": 2}
        member = {"anyOf": [one, LISTED]}
        return {"anyOf": [member, {"type": "array", "items": member, "minItems": 1}]}

    def _fields_like(self, kinds: tuple[Type, ...]) -> Schema:
        """The fields of the same kinds."""
        wanted = {kind.kind for kind in kinds}
        name = "fields-" + "-or-".join(sorted(wanted)).replace(" ", "-")
        if name not in self.tested:
            same = [
                other
                for other, theirs in self.kinds.items()
                if wanted & {kind.kind for kind in theirs}
            ]
            self.tested[name] = {"type": "string", "enum": same}
        return {"$ref": f"#/$defs/{name}"}

    def value(self, name: str, kinds: tuple[Type, ...]) -> Schema:
        """One value of a field."""
        closed = closed_members(self.known.catalogue, name)
        if closed is not None:
            return {"enum": sorted(closed)}
        each = [_value(kind) for kind in kinds]
        unlike = [made for i, made in enumerate(each) if made not in each[:i]]
        return unlike[0] if len(unlike) == 1 else {"anyOf": unlike}


_BOUNDS: Final = (("min", "minimum"), ("max", "maximum"))
_SIZES: Final = (
    ("string", "minLength", "maxLength"),
    ("list", "minItems", "maxItems"),
    ("dict", "minProperties", "maxProperties"),
)
_PATTERNS: Final = {
    "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "duration": r"^[0-9]+[smhdw]([0-9]+[smhdw])*$",
    "country": r"^[A-Za-z]{2}$",
    "currency": r"^[A-Za-z]{3}$",
    "money": r"^-?[0-9]+(\.[0-9]+)? ?[A-Za-z]{3}$",
}


def _value(kind: Type) -> Schema:
    if kind.members and kind.name in ("choice", "level"):
        return {"enum": list(kind.members)}
    if kind.name == "boolean":
        return {"type": "boolean"}
    if kind.name in _NUMBERS:
        if kind.unit:
            unit = re.escape(kind.unit)
            return {"type": "string", "pattern": rf"^-?[0-9]+(\.[0-9]+)? {unit}$"}
        made: Schema = {"type": "number"}
        made |= {"minimum": float(kind.minimum)} if kind.minimum is not None else {}
        return made | ({"maximum": float(kind.maximum)} if kind.maximum is not None else {})
    if kind.name == "money":
        amount = {"type": "string", "pattern": _PATTERNS["money"]}
        return {"anyOf": [amount, {"type": "object", "required": ["amount", "currency"]}]}
    pattern = _PATTERNS.get(kind.name)
    return {"type": "string", "pattern": pattern} if pattern else {"type": "string"}
