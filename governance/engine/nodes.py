"""Conditions as closures. The law: compiled and written conditions say the same, three-valued.

`all` is no when one part is no, *cannot tell* when one cannot be told and none is no, else yes;
`any` the other way round; `not` swaps yes and no. No code is generated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from governance.engine.catalogue import ActionType
from governance.engine.fields import is_claim
from governance.engine.keys import EPOCH as EPOCH
from governance.engine.keys import UNKNOWN_KEY as UNKNOWN_KEY
from governance.engine.keys import Context as Context
from governance.engine.keys import Past
from governance.engine.keys import queries as queries
from governance.engine.model import CannotTell, Value
from governance.engine.reach import fields_of
from governance.engine.rules import All, Any, Condition, History, ListUse, Not, Test
from governance.engine.vocabulary import Answer, Check, Fields, Reading, check

_LATE: Final = frozenset({("agent.id",), ("agent.team",), ("agent.labels",)})
Run = Callable[[Fields, Context], Answer]


@dataclass(frozen=True, slots=True)
class Node:
    """A compiled condition: `test(fields, context)` answers it; `parts` are those of `any`, `not`
    and a conjunction; `fields` are all fields below."""

    condition: Condition
    test: Run
    parts: tuple[Node, ...]
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a condition is compiled in: the lists of its file, whether claims count only when
    attested, and the action (None: any) whose identity arguments make keys by pseudonym."""

    lists: Mapping[str, ListUse]
    attested_only: bool
    action: ActionType | None


def build(condition: Condition, around: Surroundings, reading: Reading) -> Node:
    """Compile a condition that was specialised for its action."""
    parts: tuple[Node, ...] = ()
    if isinstance(condition, Test):
        test = _comparison(condition, around, reading)
    elif isinstance(condition, History):
        test = _history(condition, around)
    elif isinstance(condition, Not):
        parts = (build(condition.part, around, reading.flipped()),)
        test = _negation(parts[0].test)
    elif isinstance(condition, All | Any):
        parts = tuple(build(part, around, reading) for part in condition.parts)
        # The index has already met what it stands on; asking that last finds a no sooner.
        tests = tuple(p.test for p in sorted(parts, key=lambda part: part.fields[:1] in _LATE))
        test = _conjunction(tests) if isinstance(condition, All) else _disjunction(tests)
    else:
        raise TypeError(f"`{type(condition).__name__}` should have been decided by the catalogue")
    return Node(condition, test, parts, fields_of(condition))


def doubts(node: Node, fields: Fields, context: Context) -> tuple[str, ...]:
    """The fields because of which a condition cannot be told, each once, by name."""
    return tuple(sorted(set(_doubts(node, fields, context))))


def _doubts(node: Node, fields: Fields, context: Context) -> list[str]:
    if node.parts:
        unsure = [part for part in node.parts if part.test(fields, context) is None]
        return [name for part in unsure for name in _doubts(part, fields, context)]
    if isinstance(node.condition, Test) and node.condition.other:
        pair = (node.condition.field, node.condition.other)
        known = [name for name in pair if not _unknown(fields.get(name))]
        return [name for name in pair if name not in known] or list(pair)
    return list(node.fields)


def _unknown(value: Value | None) -> bool:
    return value is None or isinstance(value, CannotTell)


def _comparison(test: Test, around: Surroundings, reading: Reading) -> Run:
    used = [around.lists[name] for name in test.lists]
    constants = test.constants + tuple(member for use in used for member in use.members)
    run: Check = check(test, constants, reading)
    lapses = [use.as_of + use.max_age for use in used if use.as_of and use.max_age is not None]
    if lapses:
        run = _until(run, min(lapses))
    if around.attested_only and (is_claim(test.field) or (test.other and is_claim(test.other))):
        run = _attested(run)
    return run


def _until(run: Run, end: datetime) -> Run:
    return lambda fields, context: run(fields, context) if context.at <= end else None


def _attested(run: Run) -> Run:
    return lambda fields, context: run(fields, context) if context.attested else None


def _negation(run: Run) -> Run:
    def test(fields: Fields, context: Context) -> Answer:
        answer = run(fields, context)
        return None if answer is None else not answer

    return test


def _conjunction(tests: tuple[Run, ...]) -> Run:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        return _both(*tests)
    if len(tests) == 3:
        return _three(*tests)

    def every(fields: Fields, context: Context) -> Answer:
        answer: Answer = True
        for test in tests:
            found = test(fields, context)
            if found is False:
                return False
            if found is None:
                answer = None
        return answer

    return every


def _both(first: Run, second: Run) -> Run:
    """Two in one step, as `_three`: most rules have two or three comparisons."""

    def both(fields: Fields, context: Context) -> Answer:
        one = first(fields, context)
        if one is False:
            return False
        two = second(fields, context)
        return two if one else (False if two is False else None)

    return both


def _three(first: Run, second: Run, third: Run) -> Run:
    def three(fields: Fields, context: Context) -> Answer:
        one = first(fields, context)
        if one is False:
            return False
        two = second(fields, context)
        if two is False:
            return False
        last = third(fields, context)
        return last if one and two else (False if last is False else None)

    return three


def _disjunction(tests: tuple[Run, ...]) -> Run:
    def some(fields: Fields, context: Context) -> Answer:
        answer: Answer = False
        for test in tests:
            found = test(fields, context)
            if found:
                return True
            if found is None:
                answer = None
        return answer

    return some


def always(fields: Fields, context: Context) -> Answer:
    """The condition that holds everywhere."""
    return True


def _history(history: History, around: Surroundings) -> Run:
    """Confirmed by an attested outcome: yes. Never allowed: no. Allowed but not confirmed, or not
    known: cannot tell."""

    past = Past(history, around.action)

    def test(fields: Fields, context: Context) -> Answer:
        asked = past.queries(fields, context)
        totals = [context.facts.get(query) for query in asked]
        if not totals or None in totals or any(total.mixed for total in totals if total):
            return None
        confirmed, allowed, unknown = (total.count if total else 0 for total in totals)
        if confirmed:
            return not history.negative
        return history.negative if not allowed and not unknown else None

    return test


def leaves(node: Node) -> Iterable[Node]:
    """Every comparison and history below a node."""
    if not node.parts:
        yield node
    for part in node.parts:
        yield from leaves(part)
