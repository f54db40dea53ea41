"""The values of one field, cut where comparisons cut them. The law: what is left out is no value.

`cut` gives one value for every way in which the comparisons of a field can come out together, and
says whether that is all of them. Numbers are cut at their constants, closed lists are written out,
names and addresses are the constants and something else, hosts are told apart by the longest domain
they lie in. Paths, and texts under `name_like`, can come out in too many ways: for them the values
are examples, and `exact` is False. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from governance.engine.codes import COUNTRIES, CURRENCIES, IBAN_LENGTHS
from governance.engine.comparisons import fold
from governance.engine.model import Money, Scalar
from governance.engine.paths import is_under
from governance.engine.values import Type

FRESH: Final = "something-else"
_EVERYWHERE: Final = 8
"""So many patterns of names are tried in every place; more are tried in the workspace."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one comparison says about a single value: the operator's positive form and constants."""

    op: str
    constants: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """One value for each class. `exact`: there is no other class."""

    values: tuple[Scalar, ...]
    exact: bool


def cut(kind: Type, said: Iterable[Said], fine: bool = False) -> Cut:
    """The classes of single values of a type (of a list's members, if the type is a list).

    `fine`: the service measures the field itself, so that a duration need not be whole seconds.
    """
    said = tuple(said)
    name = kind.name
    if name == "money":
        return Cut(tuple(_money(kind, said)), True)
    if name in ("number", "integer", "count", "date", "datetime", "duration"):
        found: set[Any] = {c for each in said for c in each.constants if _point(name, c)}
        points = sorted(found)
        return Cut(tuple(_between(points, kind, fine)), True)
    if name == "boolean":
        return Cut((True, False), True)
    if name in ("choice", "level"):
        return Cut(tuple(kind.members), True)
    if name in ("country", "currency"):
        return Cut(_known(said, COUNTRIES if name == "country" else frozenset(CURRENCIES)), True)
    if name == "iban":
        return Cut((*_constants(said), *_ibans(frozenset(map(str, _constants(said))))), True)
    if name == "name":
        return Cut((*_constants(said), _fresh(_constants(said))), True)
    if name in ("email", "domain", "host"):
        return Cut(tuple(_addresses(name, said)), True)
    if name == "path":
        return Cut(tuple(_paths(said)), not said)
    return Cut(tuple(_texts(said)), _spelt(said))


def _constants(said: Iterable[Said], *ops: str) -> tuple[Scalar, ...]:
    found = [c for each in said if not ops or each.op in ops for c in each.constants]
    return tuple(dict.fromkeys(found))


def _fresh(taken: Iterable[Scalar]) -> str:
    known, name = {fold(str(each)) for each in taken}, FRESH
    while fold(name) in known:
        name += "-x"
    return name


def _known(said: Iterable[Said], world: frozenset[str]) -> tuple[Scalar, ...]:
    taken = _constants(said)
    usual = ("DE", "FR", "US", "EUR", "USD")
    others = [n for n in (*usual, *sorted(world)) if n in world and n not in taken]
    return (*taken, *others[:1])


def _ibans(taken: frozenset[str]) -> Iterator[str]:
    for number in range(len(taken) + 1):
        body = f"{37040044_0532013000 + number:018d}"
        check = 98 - int(f"{body}131400") % 97
        made = f"DE{check:02d}{body}"
        assert len(made) == IBAN_LENGTHS["DE"]
        if made not in taken:
            yield made
            return


# ---- numbers, times and amounts ----


def _point(name: str, constant: Scalar) -> bool:
    if name in ("number", "integer", "count"):
        return isinstance(constant, int | Decimal) and not isinstance(constant, bool)
    if name == "duration":
        return isinstance(constant, timedelta)
    return isinstance(constant, date) and isinstance(constant, datetime) == (name == "datetime")


def _money(kind: Type, said: Iterable[Said]) -> Iterator[Scalar]:
    amounts = [c for c in _constants(said) if isinstance(c, Money)]
    named = list(dict.fromkeys(c.currency for c in amounts))
    world = kind.members or tuple(CURRENCIES)
    others = [c for c in ("EUR", "USD", *world) if c in world and c not in named]
    for currency in [*named, *others[:1]]:
        points = sorted({c.amount for c in amounts if c.currency == currency})
        step = Decimal(1).scaleb(-CURRENCIES[currency])
        lowest = None if kind.negative else Decimal(0)
        for amount in _steps(points, step, lowest, None):
            yield Money(amount, currency)


def _between(points: list[Any], kind: Type, fine: bool) -> Iterator[Scalar]:
    """Each point, and a value below, between and above them, as far as the type has one."""
    if kind.name in ("integer", "count"):
        low = None if kind.minimum is None else int(-(-kind.minimum // 1))
        high = None if kind.maximum is None else int(kind.maximum // 1)
        yield from (int(n) for n in _steps([int(p) for p in points], 1, low, high))
    elif kind.name == "number":
        yield from _numbers([Decimal(p) for p in points], kind)
    elif kind.name == "duration":
        step = timedelta(microseconds=1) if fine else timedelta(seconds=1)
        yield from _steps(points, step, timedelta(0), None)
    elif kind.name == "date":
        yield from _steps(points or [date(2026, 6, 1)], timedelta(days=1), None, None)
    else:
        start = points or [datetime.fromisoformat("2026-06-01T00:00:00+00:00")]
        yield from _steps(start, timedelta(microseconds=1), None, None)


def _steps(points: list[Any], step: Any, low: Any, high: Any) -> Iterator[Any]:
    """Values of a type that goes in steps; `low` and `high` belong to it."""
    if not points:
        ordinary = low if low is not None else (high if high is not None else step * 0)
        yield ordinary if low == high and low is not None else _inside(ordinary + step, low, high)
        return
    if low is None or points[0] > low:
        yield points[0] - step
    for i, point in enumerate(points):
        if (low is None or point >= low) and (high is None or point <= high):
            yield point
        above = point + step
        following = points[i + 1] if i + 1 < len(points) else None
        if (following is None or above < following) and (high is None or above <= high):
            yield above if low is None or above >= low else low


def _inside(value: Any, low: Any, high: Any) -> Any:
    return high if high is not None and value > high else value


def _numbers(points: list[Decimal], kind: Type) -> Iterator[Decimal]:
    low, high = kind.minimum, kind.maximum
    ends = [p for p in points if (low is None or p >= low) and (high is None or p <= high)]
    if not ends:
        yield low if low is not None else high if high is not None else Decimal(0)
        return
    first, last = ends[0], ends[-1]
    if low is None or first > low:
        yield first - 1 if low is None else (first + low) / 2
    for one, other in pairwise(ends):
        yield one
        yield (one + other) / 2
    yield last
    if high is None or last < high:
        yield last + 1 if high is None else (last + high) / 2


# ---- names, addresses, texts, paths ----


def _addresses(name: str, said: Iterable[Said]) -> Iterator[Scalar]:
    """A host's answers follow from the longest named domain it lies in, and from being a constant."""
    domains = [str(c) for c in _constants(said, "in_domain")]
    exact = [c for c in _constants(said) if c not in domains or name != "email"]
    exact = [c for c in exact if ("@" in str(c)) == (name == "email")]
    yield from exact
    local = "somebody@" if name == "email" else ""
    taken = {str(c) for c in exact}
    label = _label([*taken, *domains])
    if name == "email":
        local = f"{label}@"
        yield from (f"{local}{domain}" for domain in domains)
    else:
        yield from (d for d in domains if d not in taken)
        yield from (f"{label}.{d}" for d in domains if ":" not in d)
    yield f"{local}{label}.{label}"


def _label(taken: Iterable[str]) -> str:
    made = "somebody"
    while any(made in each for each in taken):
        made += "x"
    return made


def _texts(said: Iterable[Said]) -> Iterator[Scalar]:
    """The constants, a spelling of each in another letter case, and something else."""
    texts = [str(c) for c in _constants(said, "is", "one_of", "contains_any", "contains_all")]
    taken = set(texts)
    yield from texts
    for text in texts:
        yield from list(_spelt_otherwise(text, taken))[:1]
    patterns = [str(c) for c in _constants(said, "name_like")]
    for pattern in patterns:
        made = pattern.replace("*", "x").replace("?", "x")
        yield made
        yield pattern.replace("*", "").replace("?", "y")
        yield from list(_spelt_otherwise(made, taken))[:1]
    for one in patterns[:12]:
        for other in patterns[:12]:
            if one != other and "*" in one and "*" in other:
                yield (one + other).replace("*", "").replace("?", "x")
    yield _fresh([*texts, *patterns])


def _spelt(said: Iterable[Said]) -> bool:
    """True when texts are only compared as a whole, and each has another spelling to try."""
    if any(each.op not in ("is", "one_of", "contains_any", "contains_all") for each in said):
        return False
    texts = {str(c) for c in _constants(said)}
    return all(any(_spelt_otherwise(text, texts)) for text in texts)


def _spelt_otherwise(text: str, taken: set[str]) -> Iterator[str]:
    wide = "".join(chr(ord(s) + 0xFEE0) if "!" <= s <= "~" else s for s in text)
    for made in (text.upper(), text.lower(), text.swapcase(), wide, fold(text)):
        if made != text and made not in taken and fold(made) == fold(text):
            yield made


def _paths(said: Iterable[Said]) -> Iterator[Scalar]:
    """Examples: at, in and beside every place, in another letter case, with a wildcard; every name
    in several places."""
    roots = [str(c) for c in _constants(said, "under", "is", "one_of")]
    roots += [str(c) for c in _constants(said, "contains_any", "contains_all")]
    patterns = [str(c) for c in _constants(said, "name_like")]
    yield "workspace:/something-else"
    yield "/something-else"
    yield "home:/something-else"
    for root in roots:
        yield root
        yield f"{root.rstrip('/')}/something-else"
        yield f"{root.rstrip('/')}/*"
        yield from (r for r in (root.upper(), root.swapcase()) if r.startswith("/"))
    outer = [r for r in roots if not any(o != r and is_under(r, o) for o in roots)][:6]
    for number, pattern in enumerate(patterns):
        name = pattern.replace("*", "x").replace("?", "x")
        name = f"{name}inside" if name.endswith("/") else name
        yield f"workspace:/{name}"
        if number < _EVERYWHERE:
            yield from (f"{root.rstrip('/')}/{name}" for root in outer)
            yield f"/{name}"
            yield f"workspace:/{name.upper()}"
    yield "/**"
