"""Ways to take information away from a request, or to invent some. None may ever loosen a verdict.

`spoilt(action, arguments, facts)` yields (what was done, arguments, facts): one spoiled copy after
the other of a well-formed request. Absence of an *optional* argument is a value and is not spoiling.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from governance.engine.catalogue import ActionType

Spoilt = tuple[str, dict[str, Any], dict[str, Any]]
STRANGE_CURRENCY = "ISK"
"""A currency that no constant of the files under test names."""


def spoilt(
    action: ActionType, arguments: Mapping[str, Any], facts: Mapping[str, Any]
) -> Iterator[Spoilt]:
    """Every spoiled copy of one request. `facts` are the extra fields of `catalogue.read`."""
    for name, declared in action.args.items():
        if name not in arguments:
            continue
        if declared.required:
            yield f"{name} missing", _without(arguments, name), dict(facts)
        for what, value in _worse(arguments[name], declared.type.name, declared.type.many):
            yield f"{name} {what}", {**arguments, name: value}, dict(facts)
    for invented in ("bcc", "Amount", "amount ", "override", "__proto__"):
        if invented not in action.args:
            yield f"{invented} invented", {**arguments, invented: "x"}, dict(facts)
    for name in facts:
        yield f"{name} missing", dict(arguments), _without(facts, name)


def _worse(value: Any, kind: str, many: bool) -> Iterator[tuple[str, Any]]:
    yield "null", None
    yield "NaN", float("nan")
    yield "infinite", float("inf")
    yield "an object", {"value": value}
    yield "duplicated", [[value], [value]] if many else [value, value]
    yield "a huge number", 10**40
    yield "over-long", ["x" * 2_000_000] if many else "x" * 2_000_000
    yield "half a character", ["\ud800"] if many else "\ud800"
    if kind != "boolean":
        yield "yes", True
    if kind not in ("integer", "count", "number"):
        yield "a number", 7
    if kind in ("integer", "count", "number", "money", "date", "duration", "boolean"):
        yield "a word", "plenty"
    if kind == "money" and isinstance(value, str):
        yield "in a strange currency", f"{value.split()[0]} {STRANGE_CURRENCY}"
        yield "without currency", value.split()[0]
    if kind in ("choice", "text") and isinstance(value, str) and value != value.upper():
        yield "in capitals", value.upper()
    if kind in ("iban", "email", "domain", "host", "country", "currency") and not many:
        yield "with a zero-width sign", f"{value}\u200b"


def _without(mapping: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key != name}
