"""The operators: what may be said about a field, and what each saying means.

Law: a comparison answers yes (True), no (False) or *cannot tell* (None), and rules are read
strictly. `Reading` says from which side: `tight` for denies, approvals and limits, which must not
be escaped, loose for allows, which must be earned.

* A missing or spoiled value, amounts in two currencies, a stale list, and texts that differ only in
  letter case are *cannot tell*. Negative operators (`is_not`, `not_under`, …) are the exact
  negation of their positive twin, so *cannot tell* stays *cannot tell*.
* A list field under a scalar operator (`under`, `in_domain`, `name_like` and their negations): read
  tightly one member suffices; read loosely every member must hold. Inside `not:` the side flips.
* An absent optional argument is a value. Read from a deny, an approval or a limit it simply is not
  equal to, above or under anything: positive operators say no, negative ones yes; so leaving an
  argument out escapes no negative deny. An absent list reads as an empty one. Inside an allow no comparison with it ever helps, whether
  negated by the operator or by `not:`, so leaving an argument out earns nothing. `is_set` is the one
  way to speak about absence. (A tool that replaces an absent argument by a default says so in the
  catalogue; then it is not absent.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from governance.engine.comparisons import (
    COMPARE,
    OF_LISTS,
    Holds,
    any_member,
    equal,
    every_member,
    negate,
    of_scalar,
)
from governance.engine.comparisons import Answer as Answer
from governance.engine.model import ABSENT, CannotTell, Money, Scalar, Value
from governance.engine.rules import Test
from governance.engine.values import ORDERED, SCALARS

Fields = Mapping[str, Value]
Check = Callable[..., Answer]
"""A comparison as a function of the fields (and of a context, which plain comparisons ignore)."""

_EQUAL = frozenset(SCALARS) - {"command"}
_LISTS = frozenset(f"list of {name}" for name in SCALARS if name not in ("command",))
_PATHS = frozenset({"path", "list of path"})
_DOMAINS = frozenset({"email", "domain", "host", "list of email", "list of domain", "list of host"})
_NAMED = frozenset({"path", "text", "list of path", "list of text"})


@dataclass(frozen=True, slots=True)
class Operator:
    """`negation_of` names the positive twin. `fits` are the kinds of field; `takes` is what stands
    after it: `one` value, `many` values, `pair`, `number`, `flag`, `field`, `patterns`, `domains`
    or `places`. `says` is the operator in a sentence."""

    name: str
    fits: frozenset[str]
    takes: str
    says: str
    negation_of: str | None = None


_ALL_KINDS = frozenset(SCALARS) | frozenset(f"list of {name}" for name in SCALARS)

OPERATORS: Final[Mapping[str, Operator]] = {
    known.name: known
    for known in (
        Operator("is", _EQUAL, "one", "is"),
        Operator("is_not", _EQUAL, "one", "is not", "is"),
        Operator("one_of", _EQUAL, "many", "is one of"),
        Operator("none_of", _EQUAL, "many", "is none of", "one_of"),
        Operator("above", ORDERED, "one", "is above"),
        Operator("at_least", ORDERED, "one", "is at least"),
        Operator("below", ORDERED, "one", "is below"),
        Operator("at_most", ORDERED, "one", "is at most"),
        Operator("between", ORDERED, "pair", "is between"),
        Operator("contains_any", _LISTS, "many", "contains any of"),
        Operator("contains_all", _LISTS, "many", "contains all of"),
        Operator("contains_none", _LISTS, "many", "contains none of", "contains_any"),
        Operator("count_at_most", _LISTS, "number", "has at most this many entries:"),
        Operator("count_above", _LISTS, "number", "has more entries than"),
        Operator("under", _PATHS, "places", "is in or under"),
        Operator("not_under", _PATHS, "places", "is outside", "under"),
        Operator("in_domain", _DOMAINS, "domains", "belongs to the domain"),
        Operator(
            "not_in_domain", _DOMAINS, "domains", "does not belong to the domain", "in_domain"
        ),
        Operator("name_like", _NAMED, "patterns", "has a name like"),
        Operator("same_as_field", _EQUAL, "field", "is the same as"),
        Operator("not_same_as_field", _EQUAL, "field", "is not the same as", "same_as_field"),
        Operator("is_set", _ALL_KINDS, "flag", "is given"),
    )
}


@dataclass(frozen=True, slots=True)
class Reading:
    """From which side a test is read. `allow`: the rule is an allow. `negated`: an odd number of
    `not:` stands around the test."""

    allow: bool = False
    negated: bool = False

    @property
    def tight(self) -> bool:
        """True where one member of a list suffices."""
        return self.allow == self.negated

    def flipped(self) -> Reading:
        return Reading(self.allow, not self.negated)


def check(test: Test, constants: tuple[Scalar, ...], reading: Reading) -> Check:
    """The comparison as a function of the fields. `constants` are the test's own and those of its
    lists together. Raises KeyError for an operator that does not exist."""
    said = OPERATORS[test.op]
    if test.op == "is_set":
        return _is_set(test.field, bool(constants[0]))
    absent: Answer = reading.negated if reading.allow else said.negation_of is not None
    quick = _quick(test, constants, absent)
    if quick is not None:
        return quick
    if said.takes == "field":
        assert test.other is not None
        return _two_fields(test, test.other, said.negation_of is not None, absent)
    name = said.negation_of or test.op
    many = test.kind.startswith("list of ")
    scalar = test.kind.removeprefix("list of ")
    make = OF_LISTS.get(name)
    holds = make(scalar, constants) if make else of_scalar(name, scalar, constants)

    def whole(holds: Holds) -> Check:
        one = holds if said.negation_of is None else negate(holds)
        if many and make is None:
            one = any_member(one) if reading.tight else every_member(one)
        return _on_field(test.field, one, one(()) if many and not reading.allow else absent)

    if scalar == "path" and any(str(item).startswith("workspace:") for item in constants):
        return _placed(test.field, whole(holds), whole(_unplaced(holds)))
    return whole(holds)


def _unplaced(holds: Holds) -> Holds:
    """A comparison with places in the workspace, for paths of which it is not known whether they
    lie in it: what would be a no cannot be told."""

    def test(value: Any) -> Answer:
        answer = holds(value)
        paths = value if isinstance(value, tuple) else (value,)
        return None if answer is False and any(path[:1] == "/" for path in paths) else answer

    return test


def _placed(name: str, placed: Check, unplaced: Check) -> Check:
    """Without the session's workspace an absolute path may lie in it; and one that differs from it
    in letter case does, on some disks."""

    def test(fields: Fields, context: object = None) -> Answer:
        where, value = fields.get("session.workspace"), fields.get(name)
        if not isinstance(where, str):
            return unplaced(fields)
        start = where.rstrip("/").casefold() + "/"
        paths = value if isinstance(value, tuple) else (value,)
        if any(isinstance(path, str) and f"{path}/".casefold().startswith(start) for path in paths):
            return unplaced(fields)
        return placed(fields)

    return test


def _on_field(name: str, holds: Holds, absent: Answer) -> Check:
    def test(fields: Fields, context: object = None) -> Answer:
        value = fields.get(name)
        if value is None or value.__class__ is CannotTell:
            return None
        if value is ABSENT:
            return absent
        return holds(value)

    return test


def _is_set(name: str, wanted: bool) -> Check:
    def test(fields: Fields, context: object = None) -> Answer:
        value = fields.get(name)
        if value is None or value.__class__ is CannotTell:
            return None
        return (value is not ABSENT) is wanted

    return test


def _two_fields(test: Test, other: str, negative: bool, absent: Answer) -> Check:
    same = equal(test.kind)
    name = test.field

    def compare(fields: Fields, context: object = None) -> Answer:
        one, two = fields.get(name), fields.get(other)
        if one is None or two is None or CannotTell in (one.__class__, two.__class__):
            return None
        if one is ABSENT or two is ABSENT:
            return absent
        answer = same(one, two)
        return answer if answer is None else answer is not negative

    return compare


def _quick(test: Test, constants: tuple[Scalar, ...], absent: Answer) -> Check | None:
    """The commonest comparisons in one step instead of two; they mean the same."""
    name = test.field
    if test.op in COMPARE and isinstance(constants[0], Money):
        compare, amount, currency = COMPARE[test.op], constants[0].amount, constants[0].currency

        def weigh(fields: Fields, context: object = None) -> Answer:
            value = fields.get(name)
            if value.__class__ is Money:
                return compare(value.amount, amount) if value.currency == currency else None
            return absent if value is ABSENT else None

        return weigh
    if test.kind in _COUNTED and (test.op in COMPARE or test.op == "between"):
        return _counted(test, constants, absent)
    if test.op in ("is", "one_of") and test.kind in _EXACT_TEXTS:
        members = frozenset(constants)

        def match(fields: Fields, context: object = None) -> Answer:
            value = fields.get(name)
            if value.__class__ is str:
                return value in members
            return absent if value is ABSENT else None

        return match
    return None


def _counted(test: Test, constants: tuple[Scalar, ...], absent: Answer) -> Check:
    """An ordered comparison of values that compare as they are; others raise, and cannot be told."""
    name, first, last = test.field, constants[0], constants[-1]
    compare = COMPARE.get(test.op)

    def weigh(fields: Fields, context: object = None) -> Answer:
        value: Any = fields.get(name)
        try:
            return first <= value <= last if compare is None else compare(value, first)
        except TypeError:
            return absent if value is ABSENT else None

    return weigh


_COUNTED: Final = frozenset({"integer", "count", "number", "date", "datetime", "duration"})
_EXACT_TEXTS: Final = frozenset(
    {"name", "choice", "country", "currency", "iban", "email", "domain", "host"}
)
