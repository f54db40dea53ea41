"""Which actions a condition can hold for, and what is left of it there.

Law: what the catalogue already decides is decided once, when a release is made. A field that an
action does not declare makes its comparison inapplicable: it does not hold there.
"""

from __future__ import annotations

from functools import reduce

from governance.engine.catalogue import ActionType
from governance.engine.fields import COMMON_CLAIMS, SERVICE_FIELDS
from governance.engine.model import Value
from governance.engine.rules import ActionIs, All, Any, Condition, History, Not, Test
from governance.engine.vocabulary import Reading, check


def specialise(condition: Condition, action: ActionType) -> Condition | bool:
    """What is left of a condition for one action: True or False where the catalogue decides it."""
    if isinstance(condition, ActionIs):
        return action.name in condition.actions
    if isinstance(condition, Test):
        return _test(condition, action)
    if isinstance(condition, History):
        return condition if all(action.type_of(name) for name in condition.same) else False
    if isinstance(condition, Not):
        inner = specialise(condition.part, action)
        return not inner if isinstance(inner, bool) else Not(inner)
    stops = isinstance(condition, Any)
    parts: list[Condition] = []
    for part in condition.parts:
        left = specialise(part, action)
        if isinstance(left, bool):
            if left is stops:
                return stops
        else:
            parts.append(left)
    if not parts:
        return not stops
    if len(parts) == 1:
        return parts[0]
    return Any(tuple(parts)) if stops else All(tuple(parts))


def _test(test: Test, action: ActionType) -> Test | bool:
    if action.type_of(test.field) is None or (test.other and action.type_of(test.other) is None):
        return False
    if test.field in ("tool.labels", "tool.risk") and not test.lists and test.other is None:
        known: dict[str, Value] = {"tool.labels": action.labels, "tool.risk": action.risk.word}
        return bool(check(test, test.constants, Reading())(known))
    return test


def reached(condition: Condition, actions: tuple[ActionType, ...]) -> tuple[ActionType, ...]:
    """The actions for which a condition can hold at all."""
    named = [frozenset(part.actions) for part in conjuncts(condition) if isinstance(part, ActionIs)]
    if named:  # most rules name theirs: a thousand others need no closer look
        names = frozenset.intersection(*named)
        actions = tuple(action for action in actions if action.name in names)
    return tuple(action for action in actions if specialise(condition, action) is not False)


def fields_of(condition: Condition) -> tuple[str, ...]:
    """Every field a condition tests, each once, in the order written."""
    return tuple(dict.fromkeys(_fields(condition)))


def _fields(condition: Condition) -> list[str]:
    if isinstance(condition, Test):
        return [condition.field, *([condition.other] if condition.other else [])]
    if isinstance(condition, History):
        return ["history", *condition.same]
    if isinstance(condition, ActionIs):
        return ["action"]
    parts = (condition.part,) if isinstance(condition, Not) else condition.parts
    return reduce(lambda found, part: found + _fields(part), parts, list[str]())


def tests_of(condition: Condition) -> tuple[Test, ...]:
    """Every comparison in a condition, at any depth."""
    if isinstance(condition, Test):
        return (condition,)
    if isinstance(condition, ActionIs | History):
        return ()
    parts = (condition.part,) if isinstance(condition, Not) else condition.parts
    return tuple(test for part in parts for test in tests_of(part))


def histories_of(condition: Condition) -> tuple[History, ...]:
    """Every history in a condition, at any depth."""
    if isinstance(condition, History):
        return (condition,)
    if isinstance(condition, ActionIs | Test):
        return ()
    parts = (condition.part,) if isinstance(condition, Not) else condition.parts
    return tuple(history for part in parts for history in histories_of(part))


def conjuncts(condition: Condition) -> tuple[Condition, ...]:
    """The parts that must all hold."""
    if isinstance(condition, All):
        return tuple(part for inner in condition.parts for part in conjuncts(inner))
    return (condition,)


def independent(condition: Condition) -> bool:
    """True when a condition means the same for every action there is."""
    if _names_action(condition):
        return False
    known = SERVICE_FIELDS.keys() | COMMON_CLAIMS.keys()
    for test in tests_of(condition):
        for name in (test.field, test.other):
            if name is not None and (name not in known or name.startswith("tool.")):
                return False
    return not histories_of(condition)


def _names_action(condition: Condition) -> bool:
    if isinstance(condition, ActionIs):
        return True
    if isinstance(condition, Not):
        return _names_action(condition.part)
    return isinstance(condition, All | Any) and any(map(_names_action, condition.parts))
