"""Which shape a file has, from its kind down to a place in it: what tools ask `schemas` for.

Law: nothing about keys is said here a second time; this module only finds the right part of
`schemas`, and joins the parts that are checked one after the other (a table of cases inside a policy,
the file that a list comes from). The order of keys in `schemas` is the order in which `fmt` writes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from governance.engine import schemas

Form = Mapping[str, Any]
"""What Cerberus says about one value; empty where anything may stand."""

ANYTHING: Final[Form] = {}
KINDS: Final[Mapping[str, Form]] = {
    "policies": {"type": "dict", "schema": schemas.POLICY},
    "actions": {"type": "dict", "schema": schemas.CATALOGUE},
    "lists": {"type": "dict", "schema": schemas.LIST_FILE},
    "cases": {"type": "dict", "schema": schemas.CASES},
    "risk": {"type": "dict", "schema": schemas.RISK},
    "invariants": {"type": "dict", "schema": schemas.INVARIANTS},
}
"""The shape of each kind of file; the first key of a shape names the kind."""

_TABLE: Final[Form] = {"type": "dict", "schema": schemas.TABLE}
_TABLES: Final[Form] = {"type": ["dict", "list"], "schema": _TABLE, "dict": _TABLE}
_LIST_USE: Final[Form] = {
    "type": ["dict", "list"],
    "dict": {"type": "dict", "schema": schemas.LIST_USE},
}


def kind_of(keys: Collection[str]) -> str | None:
    """The kind of file that has these keys at its top, even if some are wrong; None if none fits."""
    best, most = None, 0
    for kind, form in KINDS.items():
        known = form["schema"]
        shared = sum(key in known for key in keys)
        if next(iter(known)) in keys and shared > most:
            best, most = kind, shared
    return best


def form_of(keys: Collection[str]) -> Form:
    """The shape of the file that has these keys at its top."""
    kind = kind_of(keys)
    return ANYTHING if kind is None else KINDS[kind]


def inside(form: Form, key: str | int) -> Form:
    """The form of what stands under a key, or of the items of a list."""
    kinds = form.get("type", ())
    if isinstance(key, int):
        found = form.get("schema", ANYTHING) if "list" in kinds or kinds == "list" else ANYTHING
        return found if isinstance(found, Mapping) else ANYTHING
    whole = form.get("dict", form)
    if "valuesrules" in whole:
        return _linked(key, whole["valuesrules"])
    keys = whole.get("schema", ANYTHING)
    return _linked(key, keys.get(key, ANYTHING)) if isinstance(keys, Mapping) else ANYTHING


def _linked(key: str, form: Form) -> Form:
    """The parts that are checked apart from the file they stand in."""
    if key in ("cases", "tables") and form.get("type") == ["dict", "list"]:
        return _TABLES
    if key == "lists" and "keysrules" in form and "valuesrules" not in form:
        return {**form, "valuesrules": _LIST_USE}
    return form


def keys_of(form: Form) -> tuple[str, ...]:
    """The keys that a mapping of this form may have, in the order they are written in; none where
    names are free."""
    whole = form.get("dict", form)
    if "dict" not in form and "list" in form.get("type", ()):
        return ()
    keys = whole.get("schema", ANYTHING)
    return tuple(keys) if isinstance(keys, Mapping) else ()


def is_open(form: Form) -> bool:
    """True for a mapping whose keys are names that people choose."""
    return "keysrules" in form or "valuesrules" in form
