"""A first, quick look at the shape of a file. The law: yes means that Cerberus would say yes.

Cerberus explains what is wrong, and takes a millisecond for each rule to do so. Most files are right:
a schema is therefore turned into functions once, which answer only *it fits* or *ask Cerberus*. Every
keyword that is not known here is *ask Cerberus*.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

Fits = Callable[[Any], bool]

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, Decimal),
    "boolean": (bool,),
    "list": (list,),
    "dict": (dict,),
}
_KNOWN: Final = frozenset(
    [
        "type", "required", "schema", "regex", "allowed", "minlength", "maxlength", "min", "max",
        "keysrules", "valuesrules",
    ]
)  # fmt: skip


def mapping(schema: Mapping[str, Any]) -> Fits:
    """Whether a value is a mapping with the keys of a schema, each fitting."""
    rules = {key: value(rule) for key, rule in schema.items()}
    required = [key for key, rule in schema.items() if rule.get("required")]

    def fits(data: Any) -> bool:
        if data.__class__ is not dict:
            return False
        for key, item in data.items():
            rule = rules.get(key)
            if rule is None or not rule(item):
                return False
        return all(key in data for key in required)

    return fits


def value(rule: Mapping[str, Any]) -> Fits:
    """Whether a value fits one rule of a schema."""
    if not rule:
        return lambda data: data is not None
    said = rule.get("type", ())
    named = said if isinstance(said, list | tuple) else [said]
    if not rule.keys() <= _KNOWN or not named or not _TYPES.keys() >= set(named):
        return lambda data: False
    branches: dict[type, Fits] = {}
    for name in named:
        for kind in _TYPES[name]:
            branches[kind] = _branch(kind, rule)

    def fits(data: Any) -> bool:
        branch = branches.get(data.__class__)
        return branch is not None and branch(data)

    return fits


def _branch(kind: type, rule: Mapping[str, Any]) -> Fits:
    tests: list[Fits] = []
    low, high = rule.get("minlength", 0), rule.get("maxlength")
    if kind in (str, list, dict):
        tests += [lambda data: len(data) >= low] if low else []
        tests += [lambda data: len(data) <= high] if high is not None else []
    if kind in (int, Decimal):
        tests += [lambda data: data >= rule["min"]] if "min" in rule else []
        tests += [lambda data: data <= rule["max"]] if "max" in rule else []
    if "allowed" in rule:
        tests.append(_allowed(kind, rule["allowed"]))
    if kind is str and "regex" in rule:
        pattern = re.compile(rule["regex"] + "$")
        tests.append(lambda data: pattern.match(data) is not None)
    if kind is list and "schema" in rule:
        item = value(rule["schema"])
        tests.append(lambda data: all(map(item, data)))
    if kind is dict:
        tests += _of_dict(rule)
    return _every(tests)


def _of_dict(rule: Mapping[str, Any]) -> list[Fits]:
    tests: list[Fits] = []
    if "keysrules" in rule:
        key = value(rule["keysrules"])
        tests.append(lambda data: all(map(key, data)))
    if "valuesrules" in rule:
        item = value(rule["valuesrules"])
        tests.append(lambda data: all(map(item, data.values())))
    if "schema" in rule:
        inner = rule["schema"]
        # for a rule that takes texts, lists or mappings alike, `schema` is that of a list's members
        own = all(isinstance(each, Mapping) for each in inner.values())
        tests.append(mapping(inner) if own else lambda data: False)
    return tests


def _allowed(kind: type, options: list[Any]) -> Fits:
    if kind is list:
        return lambda data: all(item in options for item in data)
    if kind in (str, bool):
        return lambda data: data in options
    return lambda data: False


def _every(tests: list[Fits]) -> Fits:
    if not tests:
        return lambda data: True
    if len(tests) == 1:
        return tests[0]
    first, rest = tests[0], _every(tests[1:])
    return lambda data: first(data) and rest(data)
