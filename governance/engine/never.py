"""Finds a rule that contradicts itself. The law: what can never match is an error, not silence.

Only comparisons that stand side by side (all must hold) are put together, field by field; what two
rules do to each other is the analyser's business.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from governance.engine.model import Money, Scalar
from governance.engine.rules import Condition, Test
from governance.engine.values import Type, level
from governance.engine.vocabulary import OPERATORS, Reading, check

_ORDER = ("above", "at_least", "below", "at_most", "between")


def contradiction(parts: Iterable[Condition], types: dict[str, Type]) -> tuple[Test, str] | None:
    """The first comparison that cannot hold together with the others, and why; else None.

    `types` gives each tested field's type with its domain.
    """
    by_field: dict[str, list[Test]] = {}
    for part in parts:
        if isinstance(part, Test):
            by_field.setdefault(part.field, []).append(part)
    for name, tests in by_field.items():
        found = _one_field(tests, types.get(name))
        if found is not None:
            return tests[-1], f"`{name}` {found}"
    return None


def _one_field(tests: list[Test], kind: Type | None) -> str | None:
    absent = any(test.op == "is_set" and test.constants == (False,) for test in tests)
    given = any(test.op == "is_set" and test.constants == (True,) for test in tests)
    positive = any(OPERATORS[t.op].negation_of is None and t.op != "is_set" for t in tests)
    if absent and (given or positive):
        return "cannot be left out and be compared at once"
    plain = [test for test in tests if not test.lists and test.other is None]
    return _amounts(plain) or _interval(plain, kind) or _members(plain, kind) or _contents(plain)


def _amounts(tests: list[Test]) -> str | None:
    currencies = {c.currency for t in tests if t.op in _ORDER for c in t.constants
                  if isinstance(c, Money)}  # fmt: skip
    if len(currencies) > 1:
        return f"is compared with amounts in {' and '.join(sorted(currencies))} at once"
    return None


def _rank(value: Scalar) -> Any:
    if isinstance(value, Money):
        return value.amount
    return level(value) if isinstance(value, str) else value


def _interval(tests: list[Test], kind: Type | None) -> str | None:
    ordered = [test for test in tests if test.op in _ORDER]
    if not ordered:
        return None
    low, low_open, high, high_open = None, False, None, False
    bounds: list[tuple[str, Any]] = [*_domain(kind)]
    for test in ordered:
        if test.op == "between":
            bounds += [
                ("at_least", _rank(test.constants[0])),
                ("at_most", _rank(test.constants[1])),
            ]
        else:
            bounds.append((test.op, _rank(test.constants[0])))
    for op, bound in bounds:
        if op in ("above", "at_least"):
            if low is None or bound > low or (bound == low and op == "above"):
                low, low_open = bound, op == "above"
        elif high is None or bound < high or (bound == high and op == "below"):
            high, high_open = bound, op == "below"
    if low is None or high is None or low < high or (low == high and not (low_open or high_open)):
        return None
    return "has no value that fits these bounds"


def _domain(kind: Type | None) -> list[tuple[str, Any]]:
    if kind is None:
        return []
    if kind.name == "money":
        return [] if kind.negative else [("at_least", Decimal(0))]
    if kind.name == "duration":
        return [("at_least", timedelta(0))]
    if kind.name == "level":
        return [("at_least", 0), ("at_most", len(kind.members) - 1)]
    low, high = kind.minimum, kind.maximum
    return [*([("at_least", low)] if low is not None else []),
            *([("at_most", high)] if high is not None else [])]  # fmt: skip


def _members(tests: list[Test], kind: Type | None) -> str | None:
    """Whether any value is left by `is`, `one_of` and their negations (and the other bounds)."""
    if kind is None or kind.many:
        return None
    named = [frozenset(t.constants) for t in tests if t.op in ("is", "one_of")]
    left: frozenset[Scalar] | None = None
    if kind.name == "choice" and kind.members:
        left = frozenset(kind.members)
    elif kind.name == "boolean":
        left = frozenset({True, False})
    for members in named:
        left = members if left is None else left & members
    if left is None:
        return None
    for test in tests:
        if test.op in OPERATORS and test.op != "is_set":
            holds = check(test, test.constants, Reading())
            left = frozenset(value for value in left if holds({test.field: value}) is not False)
    return None if left else "has no value that fits all of these"


def _contents(tests: list[Test]) -> str | None:
    every = frozenset(c for t in tests if t.op == "contains_all" for c in t.constants)
    none = frozenset(c for t in tests if t.op == "contains_none" for c in t.constants)
    if every & none:
        return "must contain and not contain the same"
    for test in tests:
        if test.op == "contains_any" and frozenset(test.constants) <= none:
            return "must contain and not contain the same"
    most = [int(str(t.constants[0])) for t in tests if t.op == "count_at_most"]
    above = [int(str(t.constants[0])) for t in tests if t.op == "count_above"]
    if most and above and max(above) >= min(most):
        return "cannot have so many entries and so few"
    return None
