"""Values worth trying against one comparison. The law: plain ones come first.

They are the constants, their neighbours on both sides, and something else of the type. They are
examples: all classes of a field's values are cut by `domains`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from governance.engine.codes import CURRENCIES
from governance.engine.model import ABSENT, Money, Scalar, Value
from governance.engine.rules import ListUse, Test
from governance.engine.values import Type, level

_ELSE: Final[Mapping[str, tuple[Scalar, ...]]] = {
    "country": ("DE", "FR", "US", "JP"),
    "currency": ("EUR", "USD"),
    "boolean": (True, False),
    "iban": ("DE89370400440532013000", "GB82WEST12345698765432"),
    "email": ("somebody@example.org",),
    "domain": ("example.org",),
    "host": ("example.org",),
    "path": ("workspace:/example", "/example"),
    "text": ("something else",),
    "name": ("something else",),
    "date": (date(2000, 1, 1), date(2100, 1, 1)),
    "duration": (timedelta(0), timedelta(days=36500)),
    "integer": (0, 1, 10**9),
    "count": (0, 1, 10**9),
    "number": (Decimal(0), Decimal(1), Decimal(10) ** 9),
}


def constants_of(test: Test, lists: Mapping[str, ListUse]) -> tuple[Scalar, ...]:
    """A comparison's constants and those of its lists together."""
    return (*test.constants, *(m for name in test.lists for m in lists[name].members))


def samples(
    test: Test, kind: Type, lists: Mapping[str, ListUse], optional: bool = False
) -> Iterator[Value]:
    """Values of the field's type that are worth trying for one comparison, plainest first."""
    constants = () if test.op == "is_set" else constants_of(test, lists)
    if not kind.many:
        for constant in constants:
            yield from _near(test, constant, kind)
        yield from of_type(kind)
    else:
        yield ()
        if test.op in ("count_at_most", "count_above"):
            size = int(str(constants[0]))
            plain = next(of_type(kind), "something else")
            yield from (tuple(plain for _ in range(n)) for n in (size, size + 1))
        else:
            members = [item for c in constants for item in _near(test, c, kind)]
            yield tuple(dict.fromkeys(item for item in members if _plain(item)))  # type: ignore[misc]
            yield from ((item,) for item in members)  # type: ignore[misc]
            if len(constants) > 1 and test.op == "contains_all":
                yield tuple(constants[:-1])
        yield from ((item,) for item in of_type(kind))
    if optional:
        yield ABSENT


def _plain(item: Value) -> bool:
    return not isinstance(item, tuple) and item is not ABSENT


def of_type(kind: Type) -> Iterator[Scalar]:
    """Ordinary values of a type."""
    if kind.name in ("choice", "level"):
        yield from kind.members
    elif kind.name == "money":
        yield from (Money(Decimal(n), c) for c in (kind.members or ("EUR",)) for n in (1, 10**9))
    else:
        yield from _ELSE.get(kind.name, ())


def _near(test: Test, constant: Scalar, kind: Type) -> Iterator[Value]:
    if test.op in ("in_domain", "not_in_domain"):
        prefix = "somebody@" if kind.name == "email" else ""
        yield f"{prefix}{constant}"
        yield f"{prefix}below.{constant}"
    elif test.op in ("under", "not_under"):
        yield constant
        yield f"{str(constant).rstrip('/')}/below"
    elif test.op == "name_like":
        name = str(constant).replace("*", "x").replace("?", "x").rstrip("/")
        yield f"workspace:/{name}" if kind.name == "path" else name
        if kind.name == "path":
            yield f"/elsewhere/{name}"
    else:
        yield constant
        yield from _beside(constant, kind)


def _beside(constant: Scalar, kind: Type) -> Iterator[Value]:
    if isinstance(constant, Money):
        cent = Decimal(1).scaleb(-CURRENCIES[constant.currency])
        if constant.amount >= cent or kind.negative:
            yield Money(constant.amount - cent, constant.currency)
        yield Money(constant.amount + cent, constant.currency)
    elif isinstance(constant, bool):
        yield not constant
    elif isinstance(constant, int | Decimal):
        yield from (n for n in (constant + 1, constant - 1) if _inside(n, kind))
    elif isinstance(constant, timedelta):
        yield constant + timedelta(seconds=1)
        if constant:
            yield constant - timedelta(seconds=1)
    elif isinstance(constant, date) and not isinstance(constant, datetime):
        yield constant + timedelta(days=1)
        yield constant - timedelta(days=1)
    elif kind.name == "level":
        ranks = sorted(kind.members, key=level)
        at = ranks.index(str(constant))
        yield from (ranks[i] for i in (at + 1, at - 1) if 0 <= i < len(ranks))


def _inside(number: int | Decimal, kind: Type) -> bool:
    low, high = kind.minimum, kind.maximum
    return (low is None or number >= low) and (high is None or number <= high)
