"""The digest of meaning: equal digests decide equally.

Law: it is taken over what was read (`rules`), never over bytes, and leaves out what nobody decides
by: titles, grounds, owners, reviews, controls, cases, places. The order of files, rules, keys,
branches and members says nothing, and neither does formatting.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from governance.engine.rules import All, Condition, Not, Test
from governance.engine.rules import Any as Some

if TYPE_CHECKING:
    from governance.engine.load import Bundle

PROSE: Final = frozenset(
    {
        "title", "because", "owner", "review_by", "controls", "cases", "path", "line", "column",
        "reason", "ticket", "trust_claim",
    }
)  # fmt: skip
"""Fields of the values of a release that only people read."""
_DERIVED: Final = {
    "Factor": frozenset({"id"}),  # nothing is ever named by it
    "Limit": frozenset({"series"}),  # where it is counted, made from what it counts
}
_PEOPLE: Final = frozenset({"by"})
_WATCHED: Final = ("Observing", "Gradual")
_ORDERED_OPS: Final = frozenset({"between"})
_OF_ONE: Final = {"one_of": "is", "none_of": "is_not", "contains_all": "contains_any"}
"""Operators that say the same as another where there is one constant."""


def of_bundle(bundle: Bundle) -> str:
    """Hex SHA-256 of what the files, the catalogue and the lists of a release mean together."""
    files = sorted(_text(of_parts(file)) for file in bundle.files)
    risk = None if bundle.risk is None else of_parts(bundle.risk)
    return _digest([files, of_parts(bundle.catalogue), risk])


def of_condition(condition: Condition) -> str:
    """The canonical text of a condition: equal for two that differ in order only."""
    return _text(_condition(condition))


def of_parts(value: Any) -> Any:
    """A value of the engine as plain JSON values in one order; sets and mappings are sorted."""
    if isinstance(value, Test | All | Some | Not):
        return _condition(value)
    if isinstance(value, Enum):
        return value.name
    if is_dataclass(value) and not isinstance(value, type):
        return _dataclass(value)
    if isinstance(value, Mapping):
        return [[str(_plain(key)), of_parts(value[key])] for key in sorted(value, key=_key)]
    if isinstance(value, frozenset | set):
        return sorted((of_parts(item) for item in value), key=_text)
    if isinstance(value, tuple | list):
        return [of_parts(item) for item in value]
    return _plain(value)


def _dataclass(value: Any) -> Any:
    kind = type(value).__name__
    left_out = PROSE | (_PEOPLE if kind in _WATCHED else frozenset())
    left_out |= _DERIVED.get(kind, frozenset())
    said = []
    for field in fields(value):
        if field.name in left_out:
            continue
        part = of_parts(getattr(value, field.name))
        if field.name in _UNORDERED and isinstance(part, list):
            part = _each_once(part)
        said.append([field.name, part])
    return [kind, said]


_UNORDERED: Final = frozenset(
    {
        "rules", "limits", "exceptions", "factors", "governs", "extends", "members", "actions",
        "same", "waivable_by", "instead_of", "needs", "not_by", "obligations", "lists",
        "checklist", "labels",
    }
)  # fmt: skip
"""Fields whose order nobody decides by. (`per` of a limit is the order of its key: it stays.)"""


def _condition(condition: Condition) -> Any:
    if isinstance(condition, All | Some):
        kind = type(condition)
        parts: list[Any] = []
        for part in condition.parts:
            made = _condition(part)
            # all of (all of a, b), c is all of a, b, c
            parts += made[1] if isinstance(part, kind) and made[0] == kind.__name__ else [made]
        parts = _each_once(parts)
        return parts[0] if len(parts) == 1 else [kind.__name__, parts]
    if isinstance(condition, Not):
        return ["Not", _condition(condition.part)]
    if isinstance(condition, Test):
        constants = [of_parts(item) for item in condition.constants]
        if condition.op not in _ORDERED_OPS:
            constants = _each_once(constants)
        op = condition.op
        if len(constants) == 1 and not condition.lists:
            op = _OF_ONE.get(op, op)
        return ["Test", condition.field, condition.kind, op, constants,
                sorted(set(condition.lists)), condition.other]  # fmt: skip
    return _dataclass(condition)


def _each_once(parts: list[Any]) -> list[Any]:
    known = {_text(part): part for part in parts}
    return [known[text] for text in sorted(known)]


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Decimal):
        return ["n", format(value.normalize(), "f")]
    if isinstance(value, timedelta):
        return ["s", str(value // timedelta(microseconds=1))]
    if isinstance(value, datetime | date):
        return ["d", value.isoformat()]
    return value


def _key(key: Any) -> str:
    return str(_plain(key))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _digest(value: Any) -> str:
    return hashlib.sha256(_text(value).encode()).hexdigest()
