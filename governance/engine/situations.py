"""Everything that may differ when one action is asked for. The law: nothing that decides is fixed.

The fields that rules test, time (what is stale or has run out by then), what happened before, how
much of each limit is used, arguments nobody declared, whether claims are attested: all of it is part
of the space. Fixed is only what denies by itself in every release (a stop, an agent that is not
active or was not given the tool, autonomy L0), because it hides differences and never makes one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any, Final

from governance.engine.atoms import (
    ANSWERS,
    MAY,
    MAY_NOT,
    NO,
    YES,
    Declared,
    Free,
    Lists,
    Model,
    Scalars,
    Use,
    Want,
    flipped,
)
from governance.engine.catalogue import ActionType
from governance.engine.compile import Cap
from governance.engine.domains import Said, cut
from governance.engine.fields import AUTONOMY
from governance.engine.model import ABSENT, CannotTell, Money, Value
from governance.engine.rules import ActionIs, All, Condition, History, ListUse, Not, Test
from governance.engine.rules import Any as AnyOf
from governance.engine.space import ALWAYS, NEVER, Dnf, Space, TooMany, both, every, some
from governance.engine.values import Type
from governance.engine.vocabulary import OPERATORS, Reading, check

WAKING: Final = tuple(name for name in AUTONOMY if name != "L0")
"""Levels at which an agent does anything at all."""
UNKNOWN: Final = "cannot tell"


Fixed = dict[str, Value]


def leaves(condition: Condition | bool) -> Iterable[Test | History]:
    """Every comparison and history of a condition."""
    if isinstance(condition, Test | History):
        yield condition
    elif isinstance(condition, Not):
        yield from leaves(condition.part)
    elif isinstance(condition, All | AnyOf):
        for part in condition.parts:
            yield from leaves(part)


class Situations:
    """The space of one action. Gather all conditions first, then take them apart.

    `given`: fields that are known and fixed, for each side; where nothing is given all are free."""

    def __init__(
        self,
        actions: Iterable[ActionType],
        at: datetime,
        *,
        free: bool,
        given: Sequence[Fixed] = (),
    ) -> None:
        self.actions = tuple(actions)
        self.given, self.fixed = tuple(given), Fixed()
        self.free = free
        self.at = at
        self.space = Space()
        self.exact = True
        self.said: dict[str, list[Said]] = {}
        self.cuts: set[datetime] = set()
        self.pasts: dict[str, set[timedelta | None]] = {}
        self.caps: dict[str, dict[tuple[object, ...], set[Decimal]]] = {}
        self.models: dict[str, Model] = {}
        self._opaque: dict[Any, int] = {}
        self._literals: dict[Any, Dnf] = {}

    # ---- gathering ----

    def gather(self, condition: Condition | bool, lists: Mapping[str, ListUse]) -> None:
        """Take note of every value, moment and window that a condition looks at."""
        for leaf in leaves(condition):
            if isinstance(leaf, History):
                self.pasts.setdefault(leaf.series, set()).add(leaf.in_last)
                continue
            use = Use.of(leaf, lists, False)
            if use.until is not None:
                self.cuts.add(use.until + timedelta(microseconds=1))
            said = OPERATORS[leaf.op]
            for name in (leaf.field, leaf.other) if leaf.other else (leaf.field,):
                known = self.said.setdefault(name, [])
                if leaf.other is None and leaf.op != "is_set":
                    known.append(Said(said.negation_of or leaf.op, use.constants))

    def gather_cap(self, cap: Cap) -> None:
        """Take note of a limit: what it measures, per what, over which window, how much."""
        limit = cap.limit
        most = limit.at_most.amount if isinstance(limit.at_most, Money) else limit.at_most
        windows = self.caps.setdefault(limit.series, {})
        windows.setdefault(_window(cap), set()).add(most)
        if limit.measure is not None:
            self.said.setdefault(limit.measure, []).append(Said("above", (limit.at_most,)))

    def close(self) -> None:
        """All conditions were gathered: make the coordinates."""
        moments = [self.at, *sorted(cut for cut in self.cuts if cut > self.at)]
        self.time = self.space.coordinate("time", moments)
        self.undeclared = self.space.coordinate("undeclared", (False, True))
        self.attested = self.space.coordinate("attested", (True, False))
        level = Declared(Type("level", members=WAKING), False)
        self.autonomy = Scalars(self.space, "agent.autonomy", level, ())
        self.models["agent.autonomy"] = self.autonomy
        for name, said in self.said.items():
            if name not in self.models:
                self.models[name] = self._model(name, list(dict.fromkeys(said)))

    def _model(self, name: str, said: list[Said]) -> Model:
        kinds = [kind for kind in (a.type_of(name) for a in self.actions) if kind is not None]
        own = [arg.default for arg in (a.declared(name) for a in self.actions) if arg]
        optional = any(_optional(a, name) for a in self.actions)
        declared = Declared(kinds[0], optional, own[0] if own else None)
        plain = [s for s in said if not s.op.startswith("count_")]
        members = tuple(dict.fromkeys(m for kind in kinds for m in kind.members))
        if len(kinds) > 1 and members:
            declared = Declared(
                Type(kinds[0].name, kinds[0].unit, members, kinds[0].many, kinds[0].negative,
                     kinds[0].minimum, kinds[0].maximum),
                declared.optional,
                declared.default,
            )  # fmt: skip
        if not cut(declared.kind, plain).exact:
            self.exact = False
            if self.free:
                return Free(self.space, name, declared, plain)
        if declared.kind.many:
            return Lists(self.space, name, declared, said)
        return Scalars(self.space, name, declared, said)

    # ---- taking apart ----

    def take(self, side: int) -> None:
        """Conditions are taken apart for this side from now on."""
        self.fixed = self.known_on(side)

    def known_on(self, side: int) -> Fixed:
        """The fields that are known and fixed on a side."""
        return self.given[side] if self.given else Fixed()

    def level(self, fits: Callable[[Value], bool]) -> Dnf:
        """Where the agent's autonomy fits."""
        if "agent.autonomy" in self.fixed:
            return ALWAYS if fits(self.fixed["agent.autonomy"]) else NEVER
        return self.autonomy.where(fits)

    def where(
        self,
        condition: Condition | bool,
        want: Want,
        lists: Mapping[str, ListUse],
        *,
        allow: bool,
        attested_only: bool = False,
    ) -> Dnf:
        """Where a condition answers as wanted. One with too many alternatives becomes a coordinate
        of its own, that may answer anything."""
        try:
            return self._where(condition, want, _Reader(lists, attested_only), Reading(allow))
        except TooMany:
            used = tuple(Use.of(leaf, lists, attested_only) for leaf in leaves(condition)
                         if isinstance(leaf, Test))  # fmt: skip
            known = tuple(
                (name, self.fixed[name])
                for use in used for name in _fields(use.test) if name in self.fixed
            )  # fmt: skip
            number = self.space.coordinate(("opaque", condition, used, allow, known), ANSWERS)
            return self.space.options(number, lambda answer: answer in want)

    def _where(
        self, condition: Condition | bool, want: Want, reader: _Reader, reading: Reading
    ) -> Dnf:
        if isinstance(condition, bool):
            return ALWAYS if condition in want else NEVER
        if isinstance(condition, Test):
            return self._test(condition, want, reader, reading)
        if isinstance(condition, History):
            return self._history(condition, want)
        if isinstance(condition, Not):
            return self._where(condition.part, flipped(want), reader, reading.flipped())
        if isinstance(condition, ActionIs):
            raise TypeError("the catalogue decides `action`")
        parts = (self._where(part, want, reader, reading) for part in condition.parts)
        return every(parts) if isinstance(condition, All) is (True in want) else some(parts)

    def _test(self, test: Test, want: Want, reader: _Reader, reading: Reading) -> Dnf:
        use = Use.of(test, reader.lists, reader.attested_only)
        fixed = {name: self.fixed[name] for name in _fields(test) if name in self.fixed}
        key = (test.field, test.op, use, reading, want, *fixed.values())
        known = self._literals.get(key)
        if known is not None:
            return known
        if len(fixed) == len(_fields(test)):
            answer = check(test, use.constants, reading)(fixed)
            made = ALWAYS if answer in want else NEVER
        elif test.other:
            made = self._pair(test, want, reading, *fixed)
        else:
            made = self.models[test.field].literal(use, reading, want)
        if use.until is not None:
            made = self._unless(self.time, lambda moment: moment <= use.until, made, want)
        if use.attested_only:
            made = self._unless(self.attested, bool, made, want)
        self._literals[key] = made
        return made

    def _unless(self, number: int, fits: Any, made: Dnf, want: Want) -> Dnf:
        """As made where an option fits; *cannot tell* elsewhere."""
        inside = both(self.space.options(number, fits), made)
        if None not in want:
            return inside
        return some([inside, self.space.options(number, lambda option: not fits(option))])

    def _pair(self, test: Test, want: Want, reading: Reading, fixed: str = "") -> Dnf:
        """Two fields of one type: the same, different, cannot tell, or one of them absent. Where one
        is `fixed`, the other is what that is on some side, or something else."""
        assert test.other is not None
        negative = OPERATORS[test.op].negation_of is not None
        pair = tuple(sorted((test.field, test.other)))
        values = dict.fromkeys(side[fixed] for side in self.given) if fixed else (True,)
        number = self.space.coordinate(("pair", *pair), (False, None, *values, ABSENT))
        away = check(test, (), reading)({test.field: ABSENT, test.other: ABSENT})
        if not any(_optional(a, name) for a in self.actions for name in pair):
            away = None

        def answer(option: Value | None) -> bool | None:
            if option is ABSENT:
                return away
            if option is None or (fixed and isinstance(self.fixed[fixed], CannotTell)):
                return None
            same = option == self.fixed[fixed] if fixed else bool(option)
            return same is not negative

        return self.space.options(number, lambda option: answer(option) in want)

    def known(self, names: Iterable[str]) -> Dnf:
        """Where the key of these fields can be told, as far as that is in the space."""
        return every(self._told(name, True) for name in names)

    def unknown(self, names: Iterable[str]) -> Dnf:
        return some(self._told(name, False) for name in names)

    def _told(self, name: str, known: bool) -> Dnf:
        if name in self.fixed:
            lost = isinstance(self.fixed[name], CannotTell | tuple)
            return ALWAYS if lost is not known else NEVER
        if name not in self.models:
            return ALWAYS if known else NEVER
        return self.models[name].known() if known else self.models[name].unknown()

    # ---- what happened before ----

    def windows(self, series: str) -> list[timedelta | None]:
        """The windows over which a history is asked about, shortest first, *ever* last."""
        return sorted(self.pasts[series], key=lambda w: timedelta.max if w is None else w)

    def past(self, series: str) -> int:
        """The coordinate of a history: its answer over each window; a longer one has seen no less."""
        made = [
            answers
            for answers in product(range(3), repeat=len(self.pasts[series]))
            if list(answers) == sorted(answers)
        ]
        options = [tuple(ANSWERS[i] for i in answers) for answers in made]
        return self.space.coordinate(("past", series), options)

    def _history(self, history: History, want: Want) -> Dnf:
        wanted = flipped(want) if history.negative else want
        at = self.windows(history.series).index(history.in_last)
        told = self.space.options(self.past(history.series), lambda seen: seen[at] in wanted)
        names = ("agent.id", *history.same) if history.by == "this_agent" else history.same
        told = both(self.known(names), told)
        return some([told, self.unknown(names)]) if None in want else told

    # ---- limits ----

    def used(self, series: str) -> int:
        """The coordinate of a limit's series: for each window, how many of the thresholds the total
        with this request passes; or that the total cannot be told."""
        windows = self.caps[series]
        order = list(windows)
        levels = [range(len(windows[window]) + 1) for window in order]
        options: list[Any] = [
            dict(zip(order, chosen, strict=True))
            for chosen in product(*levels)
            if self._possible(windows, dict(zip(order, chosen, strict=True)))
        ]
        return self.space.coordinate(("used", series), (*options, UNKNOWN))

    @staticmethod
    def _possible(
        windows: Mapping[tuple[object, ...], set[Decimal]], chosen: Mapping[Any, int]
    ) -> bool:
        """A longer window has counted no less than a shorter one."""
        for one, low in chosen.items():
            for other, high in chosen.items():
                if one is other or not _within(one, other):
                    continue
                bounds, tops = sorted(windows[one]), sorted(windows[other])
                if low and high < len(tops) and bounds[low - 1] >= tops[high]:
                    return False
        return True

    def passed(self, cap: Cap, want: Want) -> Dnf:
        """Where a request that counts passes a limit (`MAY`: or may), given that its condition
        holds."""
        limit = cap.limit
        most = limit.at_most.amount if isinstance(limit.at_most, Money) else limit.at_most
        window = _window(cap)
        rank = sorted(self.caps[limit.series][window]).index(most)
        number = self.used(limit.series)
        over = [self.space.options(number, lambda o: o != UNKNOWN and o[window] > rank)]
        sure = self.space.options(number, lambda o: o != UNKNOWN)
        blind = [self.space.options(number, lambda o: o == UNKNOWN), self.unknown(limit.per)]
        known = [self.known(limit.per), sure]
        if limit.measure is None:
            over.append(ALWAYS if most < 1 else NEVER)
        else:
            model = self.models[limit.measure]
            assert isinstance(model, Scalars)
            over.append(model.where(lambda v: _weight(v, limit.unit) not in (None, "?")
                                    and Decimal(str(_weight(v, limit.unit))) > most))  # fmt: skip
            blind.append(model.where(lambda v: _weight(v, limit.unit) == "?"))
            known.append(model.where(lambda v: _weight(v, limit.unit) != "?"))
        if want == YES:
            return every([*known, some(over)])
        assert want == MAY
        return some([*over, *blind])


def _weight(value: Value, unit: str) -> Decimal | str:
    """What a value adds to a sum in a unit; `?` when that cannot be told."""
    if isinstance(value, Money):
        return value.amount if value.currency == unit else "?"
    if isinstance(value, Decimal) or (isinstance(value, int) and not isinstance(value, bool)):
        return Decimal(value)
    return "?"


def _window(cap: Cap) -> tuple[object, ...]:
    limit = cap.limit
    return ("day", limit.calendar_day) if limit.calendar_day else ("last", limit.window)


def _within(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """True when everything the first window counts is counted by the second. A calendar day has up
    to 25 hours, when clocks go back."""
    if other[0] != "last" or not isinstance(other[1], timedelta):
        return False
    if one[0] == "day":
        return other[1] >= timedelta(hours=25)
    return isinstance(one[1], timedelta) and one[1] <= other[1]


def _fields(test: Test) -> tuple[str, ...]:
    return (test.field,) if test.other is None else (test.field, test.other)


def _optional(action: ActionType, name: str) -> bool:
    """True where a field may be absent without being a gap."""
    if name.startswith("command."):
        line = action.args.get(action.command or "")
        return line is not None and not line.required and line.default is None
    declared = action.declared(name)
    return declared is not None and not declared.required and declared.default is None


class _Reader:
    """The lists of a rule's file, and whether it counts only attested claims."""

    __slots__ = ("attested_only", "lists")

    def __init__(self, lists: Mapping[str, ListUse], attested_only: bool) -> None:
        self.lists, self.attested_only = lists, attested_only


__all__ = ["MAY", "MAY_NOT", "NO", "UNKNOWN", "WAKING", "YES", "Situations", "leaves"]
