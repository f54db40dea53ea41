"""Reads conditions: `when`, `of`, `applies_to`. The law: every name is known, every constant fits.

A condition is a mapping whose entries must all hold: `action`, dotted fields with
`{operator: value}`, `any:` (a list of conditions), `not:` (one condition), `history:`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from governance.engine import histories, meant, rules
from governance.engine.constants import constants
from governance.engine.reach import reached
from governance.engine.reading import Way
from governance.engine.scope import Scope, actions_of, types_of
from governance.engine.values import Type
from governance.engine.vocabulary import OPERATORS


def read(scope: Scope, data: Any, way: Way, negated: bool = False) -> rules.Condition | None:
    """The condition at `way`, or None after its findings were added. As a side effect narrows
    `scope.actions` to those that its `action` and `tool.*` entries leave."""
    if not isinstance(data, dict) or not data:
        scope.wrong(way, "wrong-shape", "a condition is a mapping such as {args.x: {is: y}}",
                    "an empty condition would match everything")  # fmt: skip
        return None
    first = [name for name in ("action", "tool.labels", "tool.risk") if name in data]
    parts: list[rules.Condition] = []
    sound = True
    for name in [*first, *(name for name in data if name not in first)]:
        found = _entry(scope, name, data[name], (*way, name), negated)
        if found is None:
            sound = False
            continue
        parts += found
        if name in first and not negated:
            scope.actions = reached(rules.All(tuple(found)), scope.actions)
    if not sound:
        return None
    return parts[0] if len(parts) == 1 else rules.All(tuple(parts))


def _entry(
    scope: Scope, name: str, data: Any, way: Way, negated: bool
) -> list[rules.Condition] | None:
    if name == "action":
        return actions_of(scope, data, way)
    if name == "any":
        if not isinstance(data, list) or not data:
            scope.wrong(way, "wrong-shape", "`any` needs a list of conditions")
            return None
        inner = [_branch(scope, part, (*way, i), negated) for i, part in enumerate(data)]
        found = [part for part in inner if part is not None]
        return [rules.Any(tuple(found))] if len(found) == len(inner) else None
    if name == "not":
        part = _branch(scope, data, way, True)
        return None if part is None else [rules.Not(part)]
    if name == "history":
        history = histories.history(scope, data, way, negated)
        return None if history is None else [history]
    if name in _JOINS:
        scope.wrong(way, "unknown-field", f"`{name}` is not a field", _JOINS[name], key=True)
        return None
    return comparisons(scope, name, data, way, negated)


_JOINS = {
    "or": "did you mean `any`?",
    "and": "what stands side by side must all hold: write it without `and`",
    "all": "what stands side by side must all hold: write it without `all`",
}


def _branch(scope: Scope, data: Any, way: Way, negated: bool) -> rules.Condition | None:
    """A condition inside `any` or `not`: what it says about the action narrows only itself."""
    inner = replace(scope)
    if isinstance(data, dict) and "action" in data and not negated:
        named = data["action"] if isinstance(data["action"], list) else [data["action"]]
        inner.actions = tuple(a for a in scope.actions if a.name in named) or scope.actions
    return read(inner, data, way, negated)


def comparisons(
    scope: Scope, name: str, data: Any, way: Way, negated: bool = False
) -> list[rules.Condition] | None:
    """The comparisons `{operator: value, …}` of one field."""
    types = types_of(scope, name, way, negated)
    if types is None:
        return None
    if not isinstance(data, dict) or not data:
        scope.wrong(way, "wrong-shape", f"`{name}` needs an operator",
                    meant.comparison(data))  # fmt: skip
        return None
    torn = meant.torn(data)
    if torn is not None:
        op, says, hint = torn
        scope.wrong((*way, op), "wrong-constant", says, hint)
        return None
    out: list[rules.Condition] = []
    sound = True
    for op, raw in data.items():
        test = _test(scope, name, types, op, raw, (*way, op), negated)
        sound = sound and test is not None
        if test is not None:
            out.append(test)
    return out if sound else None


def _test(
    scope: Scope, name: str, types: list[Type], op: str, raw: Any, way: Way, negated: bool
) -> rules.Test | None:
    operator = OPERATORS.get(op)
    kind = types[0].kind
    if operator is None:
        scope.wrong(way, "unknown-operator", f"`{op}` is not an operator",
                    meant.operator(op) or "operators: " + ", ".join(OPERATORS), key=True)  # fmt: skip
        return None
    if kind not in operator.fits:
        fitting = [other.name for other in OPERATORS.values() if kind in other.fits]
        scope.wrong(way, "operator-does-not-fit", f"`{op}` does not fit `{name}`, whose type is {kind}",
                    "fitting: " + ", ".join(fitting), key=True)  # fmt: skip
        return None
    if operator.takes == "field":
        return _field_test(scope, name, kind, op, raw, way, negated)
    if operator.takes == "flag":
        if not isinstance(raw, bool):
            scope.wrong(way, "wrong-constant", f"`{op}` needs true or false")
            return None
        return rules.Test(name, kind, op, (raw,))
    if operator.takes == "number":
        if not isinstance(raw, int) or isinstance(raw, bool) or raw < 0:
            scope.wrong(way, "wrong-constant", f"`{op}` needs a whole number, at least 0")
            return None
        return rules.Test(name, kind, op, (raw,))
    return constants(scope, name, types, operator, raw, way)


def _field_test(
    scope: Scope, name: str, kind: str, op: str, raw: Any, way: Way, negated: bool
) -> rules.Test | None:
    if not isinstance(raw, str):
        scope.wrong(way, "wrong-constant", f"`{op}` needs the name of a field")
        return None
    others = types_of(scope, raw, way, negated)
    if others is None:
        return None
    if others[0].kind != kind or raw == name:
        scope.wrong(way, "operator-does-not-fit",
                    f"`{name}` is a {kind}, `{raw}` is a {others[0].kind}",
                    "two different fields of one type can be compared")  # fmt: skip
        return None
    return rules.Test(name, kind, op, other=raw)
