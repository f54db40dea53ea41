"""Finds the rules that can match. The law: the index leaves out only what would answer no.

Each rule stands under one comparison that must hold (`field is one of …`, or `contains`); a request
reaches the rules under its own value. A field that is spoiled or missing reaches every rule under
that field, so that what cannot be told still denies. Cost follows the rules reached, not those
loaded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, Generic, Protocol, TypeVar

from governance.engine.model import ABSENT, Scalar
from governance.engine.reach import conjuncts
from governance.engine.rules import Condition, ListUse, Test
from governance.engine.vocabulary import Fields

_EXACT: Final = frozenset(
    {"name", "choice", "country", "currency", "iban", "email", "domain", "host", "level"}
)
"""Kinds whose values are texts and equal exactly when they are the same text."""
_WIDEST: Final = 64
_SMALL: Final = 8


class Indexed(Protocol):
    """Anything with a condition that must hold for it to matter."""

    @property
    def condition(self) -> Condition | bool: ...
    @property
    def lists(self) -> Mapping[str, ListUse]: ...
    @property
    def unsure(self) -> frozenset[str]: ...


Item = TypeVar("Item", bound=Indexed)
_Slot = tuple[str, dict[Scalar, tuple[Item, ...]], tuple[Item, ...]]


class Index(Generic[Item]):
    """A set of candidates, found by the values of a few fields."""

    __slots__ = ("everything", "rest", "scalars", "sets")

    def __init__(self, items: Iterable[Item]) -> None:
        self.everything = tuple(items)
        rest: list[Item] = []
        chosen: dict[tuple[str, bool], dict[Scalar, list[Item]]] = {}
        options = [_options(item) for item in self.everything]
        crowd = Counter((name, value) for opts in options for name, _, values in opts
                        for value in values)  # fmt: skip
        for item, opts in zip(self.everything, options, strict=True):
            if len(self.everything) <= _SMALL or not opts:
                rest.append(item)
                continue
            name, many, values = min(
                opts, key=lambda o: (max(crowd[o[0], value] for value in o[2]), o[0])
            )
            buckets = chosen.setdefault((name, many), {})
            for value in values:
                buckets.setdefault(value, []).append(item)
        self.rest = tuple(rest)
        self.scalars = tuple(_slot(name, b) for (name, many), b in chosen.items() if not many)
        self.sets = tuple(_slot(name, b) for (name, many), b in chosen.items() if many)

    def reach(self, fields: Fields) -> tuple[Item, ...]:
        """Every item that may answer yes or cannot tell, and perhaps some that answer no."""
        out = self.rest
        for name, buckets, spill in self.scalars:
            value = fields.get(name)
            if value.__class__ is str:
                hit = buckets.get(value)
                if hit is not None:
                    out += hit
            elif value is not ABSENT:
                out += spill
        for name, buckets, spill in self.sets:
            value = fields.get(name)
            if value.__class__ is tuple:
                found = [buckets[member] for member in value if member in buckets]
                if len(found) == 1:
                    out += found[0]
                elif found:
                    out += tuple(dict.fromkeys(item for hit in found for item in hit))
            elif value is not ABSENT:
                out += spill
        return out


def _slot(name: str, buckets: Mapping[Scalar, list[Item]]) -> _Slot[Item]:
    spill = tuple(dict.fromkeys(item for items in buckets.values() for item in items))
    return name, {value: tuple(items) for value, items in buckets.items()}, spill


def _options(item: Indexed) -> list[tuple[str, bool, tuple[Scalar, ...]]]:
    """The comparisons an item could stand under: field, whether it is a list, values."""
    out: list[tuple[str, bool, tuple[Scalar, ...]]] = []
    if isinstance(item.condition, bool):
        return out
    for part in conjuncts(item.condition):
        if not isinstance(part, Test) or part.field in item.unsure:
            continue
        used = [item.lists[name] for name in part.lists]
        if any(use.max_age is not None for use in used):
            continue  # a stale list cannot be told, whatever the value is
        values = part.constants + tuple(member for use in used for member in use.members)
        values = tuple(dict.fromkeys(values))
        if not 0 < len(values) <= _WIDEST:
            continue
        many = part.kind.startswith("list of ")
        if part.kind.removeprefix("list of ") not in _EXACT:
            continue
        if part.op in ("is", "one_of") and not many:
            out.append((part.field, False, values))
        elif part.op == "contains_any" and many:
            out.append((part.field, True, values))
        elif part.op == "contains_all" and many:
            out.append((part.field, True, values[:1]))
    return out
