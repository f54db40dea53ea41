"""What one value must be for a comparison to hold. The law: yes, no, or cannot tell; nothing else.

Every function here makes a function of a known value (never a missing one); lists, absence, negation
and the side a rule is read from are the vocabulary's business.
"""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from governance.engine import paths
from governance.engine.model import Money, Scalar
from governance.engine.values import level

Answer = bool | None
Holds = Callable[[Any], Answer]


def negate(holds: Holds) -> Holds:
    def test(value: Any) -> Answer:
        answer = holds(value)
        return None if answer is None else not answer

    return test


def any_member(holds: Holds) -> Holds:
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


def every_member(holds: Holds) -> Holds:
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


def equal(scalar: str) -> Callable[[Any, Any], Answer]:
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


def of_scalar(name: str, scalar: str, constants: tuple[Scalar, ...]) -> Holds:
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
        return _some(equal(scalar), constants)
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


COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "above": operator.gt,
    "at_least": operator.ge,
    "below": operator.lt,
    "at_most": operator.le,
}


def _order(name: str, scalar: str, constant: Scalar) -> Holds:
    """`above`, `at_least`, `below`, `at_most` for one kind of value."""
    compare = COMPARE[name]
    if isinstance(constant, Money):
        amount, currency = constant.amount, constant.currency
        return lambda v: compare(v.amount, amount) if v.currency == currency else None
    if scalar == "level":
        rank = level(constant)
        return lambda value: compare(level(value), rank)
    return lambda value: compare(value, constant)


def _contains_any(scalar: str, constants: tuple[Scalar, ...]) -> Holds:
    return any_member(_among(scalar, constants))


def _contains_all(scalar: str, constants: tuple[Scalar, ...]) -> Holds:
    if scalar not in ("text", "path", "money"):
        wanted = frozenset(constants)
        return lambda value: wanted.issubset(value)
    each = [any_member(_among(scalar, (constant,))) for constant in constants]

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


OF_LISTS: Final[Mapping[str, Callable[[str, tuple[Scalar, ...]], Holds]]] = {
    "contains_any": _contains_any,
    "contains_all": _contains_all,
    "count_at_most": _counts(False),
    "count_above": _counts(True),
}
