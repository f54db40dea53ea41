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

import operator
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from governance.engine import paths
from governance.engine.model import ABSENT, CannotTell, Money, Scalar, Value
from governance.engine.rules import Test
from governance.engine.values import ORDERED, SCALARS, level

Answer = bool | None
Fields = Mapping[str, Value]
Holds = Callable[[Any], Answer]
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
    if name in _OF_LISTS:
        holds = _OF_LISTS[name](scalar, constants)
    else:
        holds = _of_scalars(name, scalar, constants)
    if said.negation_of is not None:
        holds = _negate(holds)
    if many and name not in _OF_LISTS:
        holds = _any(holds) if reading.tight else _every(holds)
    if many and not reading.allow:
        absent = holds(())
    return _on_field(test.field, holds, absent)


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
    equal = _equal(test.kind)
    name = test.field

    def compare(fields: Fields, context: object = None) -> Answer:
        one, two = fields.get(name), fields.get(other)
        if one is None or two is None or CannotTell in (one.__class__, two.__class__):
            return None
        if one is ABSENT or two is ABSENT:
            return absent
        answer = equal(one, two)
        return answer if answer is None else answer is not negative

    return compare


def _negate(holds: Holds) -> Holds:
    def test(value: Any) -> Answer:
        answer = holds(value)
        return None if answer is None else not answer

    return test


def _any(holds: Holds) -> Holds:
    def test(value: Any) -> Answer:
        answer: Answer = False
        for item in value:
            found = holds(item)
            if found:
                return True
            if found is None:
                answer = None
        return answer

    return test


def _every(holds: Holds) -> Holds:
    def test(value: Any) -> Answer:
        answer: Answer = True
        for item in value:
            found = holds(item)
            if found is False:
                return False
            if found is None:
                answer = None
        return answer

    return test


def fold(text: str) -> str:
    """The text without its letter case and compatibility forms (Unicode NFKC and case folding)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).casefold()


def _equal(scalar: str) -> Callable[[Any, Any], Answer]:
    if scalar == "text":
        return lambda one, two: True if one == two else (None if fold(one) == fold(two) else False)
    if scalar == "path":
        return _same_place
    if scalar == "money":
        return lambda one, two: None if one.currency != two.currency else one == two
    return lambda one, two: bool(one == two)


def _same_place(one: str, two: str) -> Answer:
    if one == two:
        return None if "*" in one or "?" in one else True
    if fold(one) == fold(two):
        return None
    met, back = paths.is_under(one, two), paths.is_under(two, one)
    return None if met is None and back is None else False


def _of_scalars(name: str, scalar: str, constants: tuple[Scalar, ...]) -> Holds:
    if name in ("is", "one_of"):
        return _among(scalar, constants)
    if name == "under":
        return _under(tuple(str(item) for item in constants))
    if name == "name_like":
        if scalar == "path":
            return _some(paths.has_name, constants)
        return _named_like(tuple(str(item) for item in constants))
    if name == "in_domain":
        return _domain(tuple(str(item) for item in constants))
    if name == "between":
        low, high = (
            _order("at_least", scalar, constants[0]),
            _order("at_most", scalar, constants[1]),
        )
        return lambda value: _both(low(value), high(value))
    return _order(name, scalar, constants[0])


def _both(one: Answer, two: Answer) -> Answer:
    if one is False or two is False:
        return False
    return None if one is None or two is None else True


def _some(holds: Callable[[Any, Any], Answer], constants: tuple[Scalar, ...]) -> Holds:
    """Yes when one constant fits; cannot tell when one may."""

    def test(value: Any) -> Answer:
        answer: Answer = False
        for constant in constants:
            found = holds(value, constant)
            if found:
                return True
            if found is None:
                answer = None
        return answer

    return test


def _under(roots: tuple[str, ...]) -> Holds:
    """As `paths.is_under` for any of several roots; plain ASCII paths are answered by prefix."""
    heads = tuple(root if root.endswith("/") else f"{root}/" for root in roots)
    small = tuple(head.lower() for head in heads)
    slow = _some(paths.is_under, roots)
    simple = all(root.isascii() for root in roots)

    def test(value: str) -> Answer:
        if not simple or not value.isascii() or "*" in value or "?" in value:
            return slow(value)
        whole = f"{value}/"
        if whole.startswith(heads):
            return True
        return None if whole.lower().startswith(small) else False

    return test


def _among(scalar: str, constants: tuple[Scalar, ...]) -> Holds:
    if scalar in ("path", "money"):
        return _some(_equal(scalar), constants)
    members = frozenset(constants)
    if scalar == "text":
        folded = frozenset(fold(str(item)) for item in constants)
        return lambda value: value in members or (None if fold(value) in folded else False)
    if len(members) == 1:
        (only,) = members
        return lambda value: bool(value == only)
    return lambda value: value in members


def _named_like(patterns: tuple[str, ...]) -> Holds:
    folded = tuple(fold(pattern) for pattern in patterns)

    def test(value: str) -> Answer:
        if any(_fits(value, pattern) for pattern in patterns):
            return True
        small = fold(value)
        return None if any(_fits(small, pattern) for pattern in folded) else False

    return test


def _fits(value: str, pattern: str) -> bool:
    """`*` stands for any run of characters, `?` for one; nothing else is special. The pieces
    between stars are looked for from left to right, so time stays linear in the value."""
    pieces = pattern.split("*")
    if len(pieces) == 1:
        return _piece(pattern).fullmatch(value) is not None
    start = _piece(pieces[0]).match(value)
    if start is None:
        return False
    position = start.end()
    for piece in pieces[1:-1]:
        found = _piece(piece).search(value, position)
        if found is None:
            return False
        position = found.end()
    tail = value[max(position, len(value) - len(pieces[-1])) :]
    return _piece(pieces[-1]).fullmatch(tail) is not None


@lru_cache(maxsize=4096)
def _piece(piece: str) -> re.Pattern[str]:
    return re.compile("".join("." if c == "?" else re.escape(c) for c in piece), re.DOTALL)


def _domain(domains: tuple[str, ...]) -> Holds:
    tails = tuple(f".{name}" for name in domains)
    exact = frozenset(domains)

    def test(value: str) -> Answer:
        host = value.rpartition("@")[2]
        return host in exact or host.endswith(tails)

    return test


_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "above": operator.gt,
    "at_least": operator.ge,
    "below": operator.lt,
    "at_most": operator.le,
}


def _order(name: str, scalar: str, constant: Scalar) -> Holds:
    """`above`, `at_least`, `below`, `at_most` for one kind of value."""
    compare = _COMPARE[name]
    if isinstance(constant, Money):
        amount, currency = constant.amount, constant.currency
        return lambda v: compare(v.amount, amount) if v.currency == currency else None
    if scalar == "level":
        rank = level(constant)
        return lambda value: compare(level(value), rank)
    return lambda value: compare(value, constant)


def _quick(test: Test, constants: tuple[Scalar, ...], absent: Answer) -> Check | None:
    """The commonest comparisons in one step instead of two; they mean the same."""
    name = test.field
    if test.op in _COMPARE and isinstance(constants[0], Money):
        compare, amount, currency = _COMPARE[test.op], constants[0].amount, constants[0].currency

        def weigh(fields: Fields, context: object = None) -> Answer:
            value = fields.get(name)
            if value.__class__ is Money:
                return compare(value.amount, amount) if value.currency == currency else None
            return absent if value is ABSENT else None

        return weigh
    if test.kind in _COUNTED and (test.op in _COMPARE or test.op == "between"):
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
    compare = _COMPARE.get(test.op)

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


def _contains_any(scalar: str, constants: tuple[Scalar, ...]) -> Holds:
    return _any(_among(scalar, constants))


def _contains_all(scalar: str, constants: tuple[Scalar, ...]) -> Holds:
    if scalar not in ("text", "path", "money"):
        wanted = frozenset(constants)
        return lambda value: wanted.issubset(value)
    each = [_any(_among(scalar, (constant,))) for constant in constants]

    def test(value: Any) -> Answer:
        answer: Answer = True
        for holds in each:
            answer = _both(answer, holds(value))
        return answer

    return test


def _counts(above: bool) -> Callable[[str, tuple[Scalar, ...]], Holds]:
    def make(scalar: str, constants: tuple[Scalar, ...]) -> Holds:
        limit = int(str(constants[0]))
        return lambda value: (len(value) > limit) is above

    return make


_OF_LISTS: Final[Mapping[str, Callable[[str, tuple[Scalar, ...]], Holds]]] = {
    "contains_any": _contains_any,
    "contains_all": _contains_all,
    "count_at_most": _counts(False),
    "count_above": _counts(True),
}
