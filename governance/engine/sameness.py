"""What two releases say alike. The law: where this says *same*, both give every request the same verdict.

Compiled conditions are compared by what they were compiled from, whatever classes they are made of:
every field of everything that an action's plan holds, but for where it stands in a file and for the
sentences that only people read. What is not understood counts as different. So *different* may be
wrong (a rule that was only moved), *same* never is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Final

from governance.engine.compile import Plan, Release
from governance.engine.rules import PolicyFile, RiskTable

_CODE: Final = (FunctionType, BuiltinFunctionType, MethodType)
_READ_BY_PEOPLE: Final = frozenset(
    {"line", "column", "path", "title", "because", "owner", "review_by", "controls"}
)
_ELSEWHERE: Final[dict[type, frozenset[str]]] = {
    PolicyFile: frozenset({"rules", "limits", "exceptions", "cases", "governs"}),
    RiskTable: frozenset({"cases"}),
}
"""What the plans of the actions concerned hold anyway, and cases."""
_NOT_COMPARED: Final = frozenset({"digest", "bundle", "files", "plans", "series", "governors"})
"""Of a release: what names it, and what is compared action by action."""


def same_actions(old: Release, new: Release) -> frozenset[str]:
    """The actions of both releases for which every request gets the same verdict, and charges and
    labels the same, given the same facts; and the facts are kept the same."""
    pair = _Pair(old, new)
    if not pair.rest:
        return frozenset()
    return frozenset(
        name
        for name in old.plans
        if pair.plan(name) and all(map(pair.series, _series_of(old, old.plans[name])))
    )


def same_series(old: Release, new: Release) -> frozenset[str]:
    """The series whose totals mean the same in both releases: charged by the same actions, each the
    same amount under the same key."""
    return frozenset(filter(_Pair(old, new).series, old.series))


class _Pair:
    """Two releases and what was found alike in them."""

    def __init__(self, old: Release, new: Release) -> None:
        self._old, self._new, self._seen = old, new, _Seen()
        self._charging: dict[str, bool] = {}
        self._lists: dict[str, bool] = {}
        rules = (*old.shared.everything, *new.shared.everything)
        self._everywhere = {candidate.policy for candidate in rules}

    @property
    def rest(self) -> bool:
        """Whether whatever speaks about all actions says the same."""
        names = (field.name for field in fields(Release) if field.name not in _NOT_COMPARED)
        same = self._seen.same
        return all(same(getattr(self._old, name), getattr(self._new, name)) for name in names)

    def plan(self, name: str) -> bool:
        """Whether everything about one action says the same."""
        one, two = self._old.plans.get(name), self._new.plans.get(name)
        if one is None or two is None or not self._seen.same(one, two):
            return False
        speaking = _policies(one) | _policies(two) | self._everywhere
        return all(map(self.lists, speaking)) and all(map(self.watching, speaking))

    def watching(self, policy: str) -> bool:
        """Whether a file watches at the same times. It may speak where it governs nothing."""
        return _watched(self._old, policy) == _watched(self._new, policy)

    def series(self, name: str) -> bool:
        """Whether a series is charged the same."""
        one, two = self._old.series.get(name), self._new.series.get(name)
        if one is None or two is None or not self._seen.same(one, two):
            return False
        return all(map(self.charging, one.actions))

    def charging(self, name: str) -> bool:
        """Whether an action, once allowed, charges the same."""
        if name not in self._charging:
            one, two = self._old.plans.get(name), self._new.plans.get(name)
            self._charging[name] = (
                one is not None
                and two is not None
                and all(
                    self._seen.same(getattr(one, part), getattr(two, part))
                    for part in ("action", "caps", "feeds")
                )
                and all(self.lists(cap.policy) for cap in one.caps)
            )
        return self._charging[name]

    def lists(self, policy: str) -> bool:
        """Whether a file's lists have the same members."""
        if policy not in self._lists:
            one, two = (_lists(each, policy) for each in (self._old, self._new))
            self._lists[policy] = self._seen.same(one, two)
        return self._lists[policy]


def _series_of(release: Release, plan: Plan) -> set[str]:
    """The series that a plan looks at."""
    return {text for text in _texts((plan,)) if text in release.series}


def _policies(plan: Plan) -> set[str]:
    """The files that speak in a plan; the empty name stands for the table of risk points."""
    found = {candidate.policy for candidate in plan.index.everything}
    found |= {cap.policy for cap in plan.caps}
    found |= {governor.file.policy for governor in plan.governors}
    if plan.extras is not None:
        found |= {lifter.policy for lifter in plan.extras.lifters}
    return found | ({""} if plan.risk is not None else set())


def _lists(release: Release, policy: str) -> Any:
    if not policy:
        table = release.bundle.risk
        return None if table is None else table.lists
    governor = release.governors.get(policy)
    return None if governor is None else governor.file.lists


def _watched(release: Release, policy: str) -> tuple[date, date] | None:
    governor = release.governors.get(policy)
    watching = None if governor is None else governor.file.observing
    return None if watching is None else (watching.since, watching.until)


class _Seen:
    """Compares whatever compiled things are made of; remembers what was compared."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], bool] = {}

    def same(self, one: Any, two: Any) -> bool:
        """Whether two values say the same."""
        if one is two:
            return True
        if type(one) is not type(two):
            return False
        if isinstance(one, _CODE):
            return True  # made from what stands beside it
        if isinstance(one, Mapping):
            return one.keys() == two.keys() and all(self.same(one[k], two[k]) for k in one)
        if isinstance(one, tuple | list):
            return len(one) == len(two) and all(map(self.same, one, two))
        names = _names(type(one))
        if names is None:
            return bool(one == two)
        place = (id(one), id(two))
        if place not in self._known:
            self._known[place] = True  # what holds itself is no different for that
            self._known[place] = all(
                self.same(getattr(one, name), getattr(two, name)) for name in names
            )
        return self._known[place]


def _names(kind: type) -> tuple[str, ...] | None:
    """The parts of a compound value that matter; None for a plain one."""
    if kind not in _known_names:
        left_out = _READ_BY_PEOPLE | _ELSEWHERE.get(kind, frozenset())
        found: tuple[str, ...] | None = None
        if is_dataclass(kind):
            found = tuple(field.name for field in fields(kind) if field.name not in left_out)
        elif kind.__module__.startswith("governance.") and "__slots__" in vars(kind):
            found = tuple(vars(kind)["__slots__"])
        _known_names[kind] = found
    return _known_names[kind]


_known_names: Final[dict[type, tuple[str, ...] | None]] = {}


def fields_said(release: Release, action: str) -> frozenset[str]:
    """Every field of requests for `action` that the release may look at, and perhaps some more: all
    names that occur in whatever is compiled for it."""
    plan = release.plans.get(action)
    if plan is None:
        return frozenset()
    rest = [getattr(release, f.name) for f in fields(Release) if f.name not in _NOT_COMPARED]
    return frozenset(text for text in _texts((plan, *rest)) if text.startswith(_SPEAKERS))


def texts_of_plan(release: Release, action: str) -> set[str]:
    """Every name that occurs in whatever is compiled for an action."""
    return _texts((release.plans[action],))


_SPEAKERS: Final = ("args.", "resource.", "subject.", "context.", "command.")


def _texts(values: Iterable[Any]) -> set[str]:
    """Every text in compiled things, but for those that only people read."""
    found: set[str] = set()
    done: set[int] = set()
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            found.add(value)
            continue
        if isinstance(value, _CODE) or id(value) in done:
            continue
        done.add(id(value))
        if isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, tuple | list | frozenset | set):
            waiting += value
        else:
            waiting += [getattr(value, name) for name in _names(type(value)) or ()]
    return found
