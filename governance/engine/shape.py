"""The shape of policy files: which keys there are, which must be there, what stands in them.

Law: an unknown key is an error, and so is a clause that this version does not enforce; nothing is
ignored. Shape is checked by Cerberus; meaning (fields, operators, constants) by `conditions` and
`load`. Cerberus adds `$` to patterns without grouping them, so every alternation is in brackets.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final

from cerberus import TypeDefinition, Validator

from governance.engine.fields import RISKS
from governance.engine.quickshape import Fits, mapping
from governance.engine.reading import Document, Findings, Way
from governance.engine.values import INTERNAL, SCALARS

NAME: Final = r"[a-z][a-z0-9_-]{0,63}"
ACTION: Final = r"[A-Za-z][A-Za-z0-9_.:/-]{0,199}"
_ID: Final = r"[A-Z][A-Z0-9-]{0,38}[0-9]"
_DURATION: Final = r"[1-9][0-9]*[smhdw]([0-9]+[smhdw])*"
_TEXT: Final[dict[str, Any]] = {"type": "string", "minlength": 1, "maxlength": 2000}
_TITLE: Final[dict[str, Any]] = {"type": "string", "minlength": 1, "maxlength": 200}
_CONTROLS: Final[dict[str, Any]] = {
    "type": "list",
    "schema": {"type": "string", "regex": r"[A-Za-z0-9 ._-]+:.+"},
}
_DAY: Final[dict[str, Any]] = {"type": "string", "regex": r"[0-9]{4}-[0-9]{2}-[0-9]{2}"}

_APPROVAL: Final[dict[str, Any]] = {
    "type": "dict",
    "schema": {
        "needs": {
            "type": "list",
            "required": True,
            "minlength": 1,
            "schema": {"type": "string", "regex": rf"[1-9][0-9]? {NAME}"},
        },
        "answer_within": {"type": "string", "required": True, "regex": _DURATION},
        "not_by": {
            "type": "list",
            "schema": {"type": "string", "allowed": ["requester", "agent.owner", "agent.deputy"]},
        },
        "reason": {"type": "string", "allowed": ["required", "optional"]},
        "checklist": {"type": "list", "schema": {"type": "string", "maxlength": 500}},
        "review_time": {"type": "string", "regex": _DURATION},
    },
}
_WAIVED: Final[dict[str, Any]] = {
    "type": ["string", "list"],
    "regex": rf"(nobody|{NAME})",
    "schema": {"type": "string", "regex": NAME},
}
_RULE: Final[dict[str, Any]] = {
    "id": {"type": "string", "required": True, "regex": _ID},
    "title": {**_TITLE, "required": True},
    "effect": {
        "type": "string",
        "required": True,
        "allowed": ["allow", "require_approval", "deny"],
    },
    "when": {"type": "dict", "required": True, "minlength": 1},
    "because": {**_TEXT, "required": True},
    "severity": {"type": "string", "required": True, "allowed": list(RISKS)},
    "approval": _APPROVAL,
    "obligations": {
        "type": "list",
        "schema": {
            "type": "dict",
            "schema": {
                "id": {"type": "string", "regex": NAME},
                "redact": {"type": "list", "minlength": 1, "schema": {"type": "string"}},
                "log": {"type": "list", "minlength": 1, "schema": {"type": "string"}},
                "notify": _TEXT,
                "tell_user": _TEXT,
            },
        },
    },
    "may_be_waived_by": _WAIVED,
    "trust_claim": _TEXT,
    "attested_only": {"type": "boolean", "allowed": [True]},
    "controls": _CONTROLS,
}
_LIMIT: Final[dict[str, Any]] = {
    "id": _RULE["id"],
    "title": _RULE["title"],
    "measure": {"type": "string", "required": True, "regex": r"(count|sum [a-z]+\.[A-Za-z0-9_-]+)"},
    "of": {"type": "dict", "required": True, "minlength": 1},
    "per": {"type": "list", "schema": {"type": "string"}},
    "in_last": {"type": "string", "regex": _DURATION},
    "calendar_day": {"type": "string"},
    "at_most": {"type": ["string", "integer", "number"], "required": True},
    "otherwise": {"type": "string", "required": True, "allowed": ["require_approval", "deny"]},
    "because": _RULE["because"],
    "severity": {"type": "string", "allowed": list(RISKS)},
    "approval": _APPROVAL,
    "may_be_waived_by": _WAIVED,
    "trust_claim": _TEXT,
    "attested_only": {"type": "boolean", "allowed": [True]},
    "controls": _CONTROLS,
}
_TABLE: Final[dict[str, Any]] = {
    "columns": {
        "type": "list",
        "required": True,
        "minlength": 3,
        "schema": {"type": "string"},
    },
    "always": {"type": "dict"},
    "rows": {"type": "list", "required": True, "minlength": 1, "schema": {"type": "list"}},
}

POLICY: Final[dict[str, Any]] = {
    "policy": {"type": "string", "required": True, "regex": NAME},
    "title": {**_TITLE, "required": True},
    "owner": {**_TITLE, "required": True},
    "review_by": {**_DAY, "required": True},
    "governs": {"type": "list", "required": True, "schema": {"type": "string"}},
    "applies_to": {
        "type": "dict",
        "required": True,
        "schema": {"agents": {"type": ["string", "dict"], "required": True, "regex": "all"}},
    },
    "mode": {"type": "string", "required": True, "allowed": ["draft", "observe", "enforce"]},
    "observe": {
        "type": "dict",
        "schema": {
            "by": {**_TITLE, "required": True},
            "from": {**_DAY, "required": True},
            "until": {**_DAY, "required": True},
        },
    },
    "default": {"type": "string", "required": True, "allowed": ["deny", "require_approval"]},
    "default_approval": _APPROVAL,
    "controls": _CONTROLS,
    "lists": {"type": "dict", "keysrules": {"type": "string", "regex": r"[a-z][a-z0-9_]*"}},
    "rules": {"type": "list", "schema": {"type": "dict", "schema": _RULE}},
    "limits": {"type": "list", "schema": {"type": "dict", "schema": _LIMIT}},
    "cases": {"type": ["dict", "list"]},
}
LIST_USE: Final[dict[str, Any]] = {
    "from": {"type": "string", "required": True, "regex": r"[a-z0-9][a-z0-9/_.-]*"},
    "max_age": {"type": "string", "required": True, "regex": _DURATION},
}
_ARGUMENT: Final[dict[str, Any]] = {
    "type": {
        "type": "string",
        "required": True,
        "allowed": [
            word
            for name in SCALARS
            if name not in INTERNAL
            for word in ((name,) if name == "command" else (name, f"list of {name}"))
        ],
    },
    "class": {
        "type": "string",
        "required": True,
        "allowed": ["quantity", "category", "identity", "private"],
    },
    "about": {"type": "string", "regex": NAME},
    "required": {"type": "boolean"},
    "default": {},
    "title": _TITLE,
    "unit": {"type": "string", "regex": r"[^\s0-9][^\s]{0,30}"},
    "at_least": {"type": ["integer", "number"]},
    "at_most": {"type": ["integer", "number"]},
    "currencies": {"type": "list", "minlength": 1, "schema": {"type": "string"}},
    "may_be_negative": {"type": "boolean"},
    "one_of": {"type": "list", "minlength": 1, "schema": {"type": "string"}},
    "max_length": {"type": "integer", "min": 1, "max": 1_000_000},
    "max_items": {"type": "integer", "min": 1, "max": 10_000},
}
_ARGUMENTS: Final[dict[str, Any]] = {
    "type": "dict",
    "keysrules": {"type": "string", "regex": r"[A-Za-z_][A-Za-z0-9_-]{0,63}"},
    "valuesrules": {"type": "dict", "schema": _ARGUMENT},
}
_LABELS: Final[dict[str, Any]] = {"type": "list", "schema": {"type": "string", "regex": NAME}}
CATALOGUE: Final[dict[str, Any]] = {
    "catalogue": {"type": "string", "required": True, "regex": NAME},
    "title": {**_TITLE, "required": True},
    "owner": {**_TITLE, "required": True},
    "actions": {
        "type": "dict",
        "required": True,
        "minlength": 1,
        "keysrules": {"type": "string", "regex": ACTION},
        "valuesrules": {
            "type": "dict",
            "schema": {
                "title": {**_TITLE, "required": True},
                "labels": _LABELS,
                "attaches": _LABELS,
                "risk": {"type": "string", "required": True, "allowed": list(RISKS)},
                "args": _ARGUMENTS,
                "resource": _ARGUMENTS,
                "subject": _ARGUMENTS,
                "context": _ARGUMENTS,
            },
        },
    },
}
LIST_FILE: Final[dict[str, Any]] = {
    "list": {"type": "string", "required": True, "regex": r"[a-z0-9][a-z0-9/_.-]*"},
    "title": _TITLE,
    "owner": _TITLE,
    "as_of": {"type": "string", "required": True},
    "type": {
        "type": "string",
        "required": True,
        "allowed": [name for name in SCALARS if name not in INTERNAL and name != "command"],
    },
    "members": {"type": "list", "required": True},
}
CASES: Final[dict[str, Any]] = {
    "policy": {"type": "string", "required": True, "regex": NAME},
    "tables": {"type": ["dict", "list"], "required": True},
}
TABLE: Final = _TABLE

NOT_ENFORCED: Final = frozenset(
    (
        "extends",
        "exceptions",
        "risk",
        "autonomy",
        "marks",
        "canary",
        "gradual",
        "final",
        "expires",
        "not_after",
        "trained",
        "open",
        "signed",
        "decided_by",
        "outcome",
    )
)
"""Clauses of the language's future: named, so that nobody thinks they were understood."""

_NOUNS: Final = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "dict": "a mapping",
}


class _Shape(Validator):  # type: ignore[misc]
    """Cerberus with exact numbers: a Decimal is a number, and true is neither number nor whole."""

    types_mapping: ClassVar[dict[str, TypeDefinition]] = {
        **Validator.types_mapping,
        "integer": TypeDefinition("integer", (int,), (bool,)),
        "number": TypeDefinition("number", (int, Decimal), (bool,)),
    }


class _Shapes(threading.local):
    """One checker per schema and thread: a checker remembers what it is working on."""

    def __init__(self) -> None:
        self.by_schema: dict[int, _Shape] = {}


_SHAPES: Final = _Shapes()
_QUICK: Final[dict[int, Fits]] = {}


def fits(document: Document, schema: Mapping[str, Any], findings: Findings, way: Way = ()) -> bool:
    """Check the value at `way` of a document against a schema of this module. Every misfit is
    added to the findings with its line and column."""
    data: Any = document.data
    for step in way:
        data = data[step]
    if not isinstance(data, dict):
        findings.add(document.path, document.place(way), "wrong-shape",
                     "expected a mapping of keys to values here", "")  # fmt: skip
        return False
    quick = _QUICK.get(id(schema))
    if quick is None:
        quick = _QUICK[id(schema)] = mapping(schema)
    if quick(data):
        return True
    shape = _SHAPES.by_schema.get(id(schema))
    if shape is None:
        shape = _SHAPES.by_schema[id(schema)] = _Shape(schema)
    if shape.validate(data, normalize=False):
        return True
    for error in _leaves(shape._errors):
        _add(document, schema, way, error, findings)
    return False


def _leaves(errors: Iterable[Any]) -> Iterable[Any]:
    for error in errors:
        if error.child_errors:
            yield from _leaves(error.child_errors)
        else:
            yield error


def nearest(word: str, words: Iterable[str]) -> str:
    """`did you mean …?`, or nothing."""
    close = difflib.get_close_matches(word, list(words), 1, 0.6)
    return f"did you mean `{close[0]}`?" if close else ""


def _add(
    document: Document, schema: Mapping[str, Any], way: Way, error: Any, findings: Findings
) -> None:
    full = way + tuple(error.document_path)
    last = str(error.document_path[-1]) if error.document_path else ""
    value = f"`{str(error.value)[:60]}`"
    place, hint = document.place(full), ""
    rule = error.rule
    if rule is None:  # unknown field
        place = document.place(full, key=True)
        if last in NOT_ENFORCED:
            code, message = "not-enforced", f"`{last}` is not enforced by this version"
            hint = "remove it: nothing is ignored"
        else:
            code, message = "unknown-key", f"`{last}` is not a key here"
            known = _keys_at(schema, tuple(error.document_path[:-1]))
            hint = nearest(last, known) or "known keys: " + ", ".join(known)
    elif rule == "required":
        place = document.place(full[:-1])
        code, message = "missing-key", f"`{last}` is missing"
    elif rule == "allowed":
        code, message = "not-allowed", f"{value} is not possible for `{_name(full)}`"
        options = [str(o).lower() if isinstance(o, bool) else str(o) for o in error.constraint]
        hint = nearest(str(error.value), options) or "possible: " + ", ".join(options)
    elif rule == "type":
        kinds = error.constraint if isinstance(error.constraint, list) else [error.constraint]
        nouns = " or ".join(_NOUNS[kind] for kind in kinds)
        code, message = "wrong-shape", f"`{_name(full)}` must be {nouns}, not {_shown(error.value)}"
    elif rule == "nullable":
        code, message = "wrong-shape", f"`{_name(full)}` is empty"
    elif rule == "regex":
        code, message = "wrong-form", f"{value} is not how `{_name(full)}` is written"
        hint = _FORMS.get(_name(full), "")
    elif rule in ("keysrules", "valuesrules"):
        code, message = "wrong-form", f"{value} is not a name that can stand here"
    else:
        code, message = "wrong-size", f"`{_name(full)}` is too short, too long or too large"
    findings.add(document.path, place, code, message, hint)


_FORMS: Final = {
    "id": "such as PAY-001",
    "needs": "such as `1 treasurer`: how many different people, and their role",
    "answer_within": "such as 4h or 1d",
    "in_last": "such as 24h",
    "max_age": "such as 24h",
    "review_time": "such as 60s",
    "review_by": "such as 2027-05-31",
    "measure": "`count` or `sum args.<name>`",
    "controls": "such as EU-AI-Act:Art.14(4)(d)",
    "agents": "`all`, or a mapping such as {labels: {contains_any: [payments]}}",
}


def _name(way: Way) -> str:
    return next((str(step) for step in reversed(way) if isinstance(step, str)), "")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return f"`{str(value)[:60]}`"


def _keys_at(schema: Mapping[str, Any], way: Way) -> list[str]:
    """The keys that a schema knows at a place: what to choose from."""
    here: Any = {"type": "dict", "schema": schema}
    for step in way:
        inner = here.get("schema", {})
        if isinstance(step, int):
            here = inner
        elif "valuesrules" in here:
            here = here["valuesrules"]
        else:
            here = inner.get(step, {})
    return sorted(here.get("schema", {}))
