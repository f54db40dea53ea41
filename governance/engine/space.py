"""A finite space of situations, and a search in it. The law: what it does not find is not there.

A situation takes one option of every coordinate (an amount between two thresholds, a label carried
or not, a limit used up). A condition is a set of cubes: a cube allows some options of some
coordinates. Every cube has a bit, every option the mask of the cubes it leaves possible, so that a
choice narrows all cubes at once. The search goes coordinate by coordinate, leaves out options that
another one beats, and gives up with `Exhausted` when its budget of steps is used: never with a no.

Method: per-field classes with bit masks, depth first with dominance, as in firewall and access
policy analysis over header spaces. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Cube = Mapping[int, int]
"""Coordinate -> mask of the options it allows; a coordinate that is not named may be anything."""
Dnf = tuple[Cube, ...]
"""Alternatives: one cube is enough."""

ALWAYS: Final[Dnf] = ({},)
NEVER: Final[Dnf] = ()
MOST: Final = 3_000
"""A condition with more alternatives than this is not taken apart."""
_DOMINANCE: Final = 48


class TooMany(Exception):
    """A condition has too many alternatives to be written out."""


class Exhausted(Exception):
    """The budget of steps was used before the search came to an end."""


@dataclass(slots=True)
class Budget:
    """Steps that a search may still take; `used` says how many it took."""

    steps: int
    used: int = 0

    def spend(self) -> None:
        self.used += 1
        if self.used > self.steps:
            raise Exhausted


def both(one: Dnf, other: Dnf) -> Dnf:
    """Where both hold. Raises TooMany."""
    if one == ALWAYS:
        return other
    if other == ALWAYS:
        return one
    if len(one) * len(other) > MOST * 4:
        raise TooMany
    out: list[Cube] = []
    for left in one:
        for right in other:
            made = dict(left)
            for name, mask in right.items():
                made[name] = made[name] & mask if name in made else mask
            if all(made.values()):
                out.append(made)
    return _limited(out)


def every(parts: Iterable[Dnf]) -> Dnf:
    """Where all hold. Raises TooMany."""
    made = ALWAYS
    for part in sorted(parts, key=len):
        made = both(made, part)
        if not made:
            return NEVER
    return made


def some(parts: Iterable[Dnf]) -> Dnf:
    """Where at least one holds. Raises TooMany."""
    return _limited([cube for part in parts for cube in part])


def _limited(cubes: list[Cube]) -> Dnf:
    if any(not cube for cube in cubes):
        return ALWAYS
    if len(cubes) > 1:
        cubes = list({frozenset(cube.items()): cube for cube in cubes}.values())
        cubes = _merged(cubes)
    if len(cubes) > MOST:
        raise TooMany
    return tuple(cubes)


def _merged(cubes: list[Cube]) -> list[Cube]:
    """Cubes that differ in one coordinate only are one cube."""
    alone = [cube for cube in cubes if len(cube) == 1]
    if len(alone) < 2:
        return cubes
    masks: dict[int, int] = {}
    for cube in alone:
        for name, mask in cube.items():
            masks[name] = masks.get(name, 0) | mask
    return [*({name: mask} for name, mask in masks.items()), *(c for c in cubes if len(c) != 1)]


@dataclass(slots=True)
class Coordinate:
    """One thing that may differ between situations. `options` is what a witness is made of;
    `quiet` is the option that a situation takes where nothing asks for another."""

    name: Any
    options: tuple[Any, ...]
    quiet: int = 0

    @property
    def full(self) -> int:
        return (1 << len(self.options)) - 1


Choice = Mapping[int, int]
"""A situation: coordinate -> option."""


@dataclass(slots=True)
class Space:
    """Coordinates, and the cubes that were made over them."""

    coordinates: list[Coordinate] = field(default_factory=list)
    named: dict[Any, int] = field(default_factory=dict)
    cubes: list[Cube] = field(default_factory=list)
    _bits: dict[frozenset[tuple[int, int]], int] = field(default_factory=dict)
    _masks: dict[int, list[int]] = field(default_factory=dict)
    _has: dict[int, int] = field(default_factory=dict)
    _around: dict[int, tuple[int, int]] = field(default_factory=dict)
    _built: int = 0

    def coordinate(self, name: Any, options: Sequence[Any], quiet: int = 0) -> int:
        """The number of the coordinate of this name, made if it is new."""
        if name not in self.named:
            self.named[name] = len(self.coordinates)
            self.coordinates.append(Coordinate(name, tuple(options), quiet))
        return self.named[name]

    def options(self, number: int, fits: Callable[[Any], bool]) -> Dnf:
        """Where a coordinate takes an option that fits."""
        mask = 0
        for i, option in enumerate(self.coordinates[number].options):
            if fits(option):
                mask |= 1 << i
        return self.masked(number, mask)

    def masked(self, number: int, mask: int) -> Dnf:
        if not mask:
            return NEVER
        return ALWAYS if mask == self.coordinates[number].full else ({number: mask},)

    def bits(self, dnf: Dnf) -> int:
        """The bits of these cubes together; equal cubes share theirs."""
        out = 0
        for cube in dnf:
            left = {n: m for n, m in cube.items() if m != self.coordinates[n].full}
            key = frozenset(left.items())
            bit = self._bits.get(key)
            if bit is None:
                bit = self._bits[key] = len(self.cubes)
                self.cubes.append(left)
            out |= 1 << bit
        return out

    def build(self) -> None:
        """Work out the masks of cubes added since the last time."""
        for number in range(self._built, len(self.cubes)):
            bit = 1 << number
            for name, mask in self.cubes[number].items():
                if name not in self._masks:
                    self._masks[name] = [0] * len(self.coordinates[name].options)
                    self._has[name] = 0
                self._has[name] |= bit
                row, i = self._masks[name], 0
                while mask:
                    if mask & 1:
                        row[i] |= bit
                    mask >>= 1
                    i += 1
        self._built = len(self.cubes)

    def holding(self, number: int, option: int) -> int:
        """The cubes that may hold while a coordinate takes an option."""
        self.build()
        every = (1 << len(self.cubes)) - 1
        if number not in self._has:
            return every
        return every & (self._masks[number][option] | ~self._has[number])

    def alive(self, choice: Choice) -> int:
        """The cubes that hold in a situation."""
        self.build()
        alive = (1 << len(self.cubes)) - 1
        for name, has in self._has.items():
            alive &= self._masks[name][choice[name]] | ~has
        return alive

    def containing(self, number: int) -> int:
        """The cubes that hold wherever this one does."""
        self.build()
        known = self._around.get(number)
        if known is not None and known[0] == self._built:
            return known[1]
        cube, around = self.cubes[number], (1 << len(self.cubes)) - 1
        for name, has in self._has.items():
            among = ~has
            if name in cube:
                inside, row = has, self._masks[name]
                for option in each_bit(cube[name]):
                    inside &= row[option]
                    if not inside:
                        break
                among |= inside
            around &= among
        self._around[number] = self._built, around
        return around

    def find(
        self,
        need: int,
        forbid: int,
        groups: Sequence[int],
        budget: Budget,
        spared: Sequence[tuple[int, int]] = (),
    ) -> Iterator[dict[int, int]]:
        """Situations in which all cubes of `need`, none of `forbid` and at least one of each group
        hold. The first cubes of a pair in `spared` are forbidden, too, unless one of its second ones
        holds. Not every such situation, but none only if there is none. Raises Exhausted."""
        self.build()
        spared = [(when, unless & ~forbid) for when, unless in spared if not unless & need]
        for when, unless in spared:
            forbid |= 0 if unless else when
        spared = [(when, unless) for when, unless in spared if unless]
        groups = [group & ~forbid for group in groups if not group & need]
        if need & forbid or not all(groups):
            return
        if any(self.containing(number) & forbid for number in each_bit(need)):
            return
        allowed: dict[int, int] = {}
        for number in each_bit(need):
            for name, mask in self.cubes[number].items():
                allowed[name] = allowed.get(name, self.coordinates[name].full) & mask
        if not all(allowed.values()):
            return
        yield from _Search(self, forbid, groups, spared, allowed, budget).run()


class _Search:
    """One search. `interest` are the cubes whose fate matters."""

    def __init__(
        self,
        space: Space,
        forbid: int,
        groups: Sequence[int],
        spared: Sequence[tuple[int, int]],
        allowed: Mapping[int, int],
        budget: Budget,
    ) -> None:
        self.space, self.forbid, self.spared = space, forbid, tuple(spared)
        self.groups, self.allowed, self.budget = tuple(groups), allowed, budget
        self.bad, self.good = forbid, 0
        for group in groups:
            self.good |= group
        for when, unless in spared:
            self.bad |= when
            self.good |= unless
        self.interest = self.bad | self.good
        self.order: list[tuple[int, int, list[tuple[int, int]]]] = []

        self.rest: list[int] = []

    def run(self) -> Iterator[dict[int, int]]:
        space, alive, rows = self.space, self.interest, []
        for name, has in space._has.items():
            masks, mine = space._masks[name], self.allowed.get(name)
            free = ~has
            if mine is None:
                options = list(enumerate(masks))
            else:
                options = [(i, m) for i, m in enumerate(masks) if mine >> i & 1]
                reach = 0
                for _, mask in options:
                    reach |= mask
                alive &= reach | free
            rows.append((name, has, options))
        if not all(group & alive for group in self.groups):
            return
        rows = [row for row in rows if row[1] & alive]
        rows.sort(key=lambda row: (-(row[1] & alive & self.bad).bit_count(), len(row[2])))
        self.order = rows
        self.rest = [0] * (len(rows) + 1)
        for k in range(len(rows) - 1, -1, -1):
            self.rest[k] = self.rest[k + 1] | rows[k][1]
        yield from self._go(0, alive, {})

    def _go(self, k: int, alive: int, chosen: dict[int, int]) -> Iterator[dict[int, int]]:
        self.budget.spend()
        live = alive & self.forbid
        for when, unless in self.spared:
            if not unless & alive:
                live |= alive & when
        order = self.order
        while k < len(order) and not order[k][1] & alive:
            k += 1
        if live & ~self.rest[k]:
            return
        if k == len(order):
            yield self._whole(chosen)
            return
        name, has, options = order[k]
        free = ~has
        seen: dict[int, int] = {}
        quiet = self.space.coordinates[name].quiet
        for i, mask in options:
            left = alive & (mask | free)
            if (left not in seen or i == quiet) and all(group & left for group in self.groups):
                seen[left] = i
        for left in self._best(list(seen), seen, quiet):
            chosen[name] = seen[left]
            yield from self._go(k + 1, left, chosen)
            del chosen[name]

    def _best(self, states: list[int], options: Mapping[int, int], quiet: int) -> list[int]:
        """The options worth trying, those that leave the fewest forbidden cubes first (the quiet
        one among equals); one that leaves more of them and no more of the groups is beaten."""
        all_bad, all_good = self.bad, self.good
        states.sort(
            key=lambda left: (
                (left & all_bad).bit_count() - (left & all_good).bit_count(),
                options[left] != quiet,
            )
        )
        kept: list[int] = []
        beating: list[tuple[int, int]] = []
        for left in states:
            bad, good = ~left & all_bad, left & all_good
            for other_bad, other_good in beating:
                if not other_bad & bad and not good & ~other_good:
                    break
            else:
                kept.append(left)
                if len(beating) < _DOMINANCE:
                    beating.append((left & all_bad, left & all_good))
        return kept

    def _whole(self, chosen: Mapping[int, int]) -> dict[int, int]:
        """The situation, with the quiet option wherever nothing was chosen."""
        out = {}
        for number, coordinate in enumerate(self.space.coordinates):
            if number in chosen:
                out[number] = chosen[number]
                continue
            mine = self.allowed.get(number, coordinate.full)
            quiet = coordinate.quiet
            out[number] = quiet if mine >> quiet & 1 else (mine & -mine).bit_length() - 1
        return out


def each_bit(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
