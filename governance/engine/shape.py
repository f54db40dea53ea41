"""The shape of policy files, checked: which keys there are, which must be there, what is in them.

Law: an unknown key is an error, and so is a clause that this version does not enforce; nothing is
ignored. Shape (`schemas`) is checked by Cerberus; meaning (fields, operators, constants) by
`conditions` and `load`.
"""

from __future__ import annotations

import difflib
import re
import threading
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, Final

from cerberus import TypeDefinition, Validator

from governance.engine.quickshape import Fits, mapping
from governance.engine.reading import Document, Findings, Way
from governance.engine.schemas import ACTION as ACTION
from governance.engine.schemas import CASES as CASES
from governance.engine.schemas import CATALOGUE as CATALOGUE
from governance.engine.schemas import LIST_FILE as LIST_FILE
from governance.engine.schemas import LIST_USE as LIST_USE
from governance.engine.schemas import NAME as NAME
from governance.engine.schemas import POLICY as POLICY
from governance.engine.schemas import RISK as RISK
from governance.engine.schemas import TABLE as TABLE

NOT_ENFORCED: Final = frozenset(
    (
        "risk",
        "autonomy",
        "marks",
        "canary",
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
    errors = list(_leaves(shape._errors))
    misspelt = {
        (tuple(error.document_path[:-1]), nearest_of(error.document_path[-1], schema, error))
        for error in errors
        if error.rule is None
    }
    for error in errors:
        where = tuple(error.document_path)
        if error.rule == "required" and (where[:-1], where[-1]) in misspelt:
            continue  # it is there, misspelt, and that is said
        _add(document, schema, way, error, findings)
    return False


def nearest_of(word: Any, schema: Mapping[str, Any], error: Any) -> str:
    """The known key at an error's place that an unknown one most likely means, or nothing."""
    known = _keys_at(schema, tuple(error.document_path[:-1]))
    close = difflib.get_close_matches(str(word), known, 1, 0.6)
    return close[0] if close else ""


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
        if type(error.value) is int and re.search(
            "such as [0-9]+[hs]", _FORMS.get(_name(full), "")
        ):
            hint = f"write its unit, such as `{error.value}h` or `{error.value}d`"
    elif rule == "nullable":
        code, message = "wrong-shape", f"`{_name(full)}` is empty"
    elif rule == "regex":
        code, message = "wrong-form", f"{value} is not how `{_name(full)}` is written"
        hint = european(str(error.value)) or _FORMS.get(_name(full), "")
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
    "share": "such as 10 %",
    "denied": "such as 15 %",
    "held_back": "such as 40 %",
    "from": "such as 2026-12-01",
    "until": "such as 2026-12-20",
    "expires": "such as 2027-01-31",
    "lifts": "the number of a rule of this file, such as PAY-003",
    "instead_of": "such as PAY-003, or payments/PAY-003",
    "agents": "`all`, or a mapping such as {labels: {contains_any: [payments]}}",
}


def european(text: str) -> str:
    """`did you mean …?` for a day written as `21.05.2027`, or nothing."""
    found = re.fullmatch(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})", text)
    try:
        day = found and date(int(found[3]), int(found[2]), int(found[1]))
    except ValueError:
        day = None
    return f"did you mean `{day.isoformat()}`?" if day else ""


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
