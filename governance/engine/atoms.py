"""Comparisons, histories and limits as cubes. The law: whatever can be answered has its place here.

Each tested field is a coordinate whose options are classes of its values, with *absent* and *cannot
tell* as classes of their own; a list has one coordinate for each class of members, in it or not.
What may have happened before is a coordinate for each series. Fields that cannot be cut exactly
(paths, texts under `name_like`) have two readings: by examples (`free` False: every situation is
real, some are missing) and with every answer free (`free` True: none is missing, some are not real).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from governance.engine.builtin import LIVE_STATES
from governance.engine.cases import AGENT
from governance.engine.catalogue import MISSING
from governance.engine.domains import FRESH, Said, cut
from governance.engine.fields import is_claim
from governance.engine.model import ABSENT, CannotTell, Scalar, Value
from governance.engine.paths import is_under
from governance.engine.rules import ListUse, Test
from governance.engine.space import ALWAYS, NEVER, Dnf, Space, both, every, some
from governance.engine.values import Type
from governance.engine.vocabulary import OPERATORS, Answer, Reading, check

Want = frozenset[Answer]
YES: Final[Want] = frozenset({True})
NO: Final[Want] = frozenset({False})
MAY: Final[Want] = frozenset({True, None})
MAY_NOT: Final[Want] = frozenset({False, None})
_FLIP: Final[Mapping[Want, Want]] = {YES: NO, NO: YES, MAY: MAY_NOT, MAY_NOT: MAY}
ANSWERS: Final[tuple[Answer, ...]] = (False, None, True)
WORKSPACE: Final = "/srv/work"
MOST_MEMBERS: Final = 60
"""So many members are tried where they are examples."""
_SERVICE: Final = ("agent.", "session.", "time.", "tool.")


def flipped(want: Want) -> Want:
    """What a condition must answer so that its negation answers as wanted."""
    return _FLIP[want]


@dataclass(frozen=True, slots=True)
class Use:
    """One comparison where it stands: with the members of its lists, the moment after which one of
    them is stale, and whether claims count only when attested."""

    test: Test
    constants: tuple[Scalar, ...]
    until: datetime | None
    attested_only: bool

    @classmethod
    def of(cls, test: Test, lists: Mapping[str, ListUse], attested_only: bool) -> Use:
        used = [lists[name] for name in test.lists]
        constants = test.constants + tuple(m for use in used for m in use.members)
        ends = [u.as_of + u.max_age for u in used if u.as_of and u.max_age is not None]
        claims = is_claim(test.field) or (test.other is not None and is_claim(test.other))
        return cls(test, constants, min(ends, default=None), attested_only and claims)


@dataclass(frozen=True, slots=True)
class Declared:
    """What the catalogue says of a field: its type, whether it may be left out, and the value that
    the tool then uses."""

    kind: Type
    optional: bool
    default: Value | None = None


class Scalars:
    """A field with one value at a time: one coordinate, an option for each class of values."""

    def __init__(self, space: Space, name: str, declared: Declared, uses: Iterable[Said]) -> None:
        found = cut(declared.kind, uses, fine=name.startswith(_SERVICE))
        values: list[Value] = list(_usual(name, found.values))
        if declared.optional:
            values.append(ABSENT)
        if name == "agent.state":  # in every other state everything is denied
            values = [*sorted(LIVE_STATES)]
        elif name != "agent.autonomy":
            values.append(MISSING)
        self.name, self.values, self.space = name, values, space
        self._answered: dict[tuple[Use, Reading], dict[Answer, int]] = {}
        quiet = ABSENT if declared.optional else AGENT.get(name, declared.default)
        at = values.index(quiet) if quiet in values else 0
        self.number = space.coordinate(("field", name), values, at)
        self.placed = declared.kind.name == "path"

    def literal(self, use: Use, reading: Reading, want: Want) -> Dnf:
        name, space = self.name, self.space
        if not self.placed:
            answers = self._answers(use, reading)
            mask = 0
            for answer in want:
                mask |= answers.get(answer, 0)
            return space.masked(self.number, mask)
        run = check(use.test, use.constants, reading)
        known = [run({name: v, "session.workspace": WORKSPACE}) in want for v in self.values]
        blind = [run({name: v}) in want for v in self.values]
        return _placed(space, self._mask(known), self._mask(blind))

    def _answers(self, use: Use, reading: Reading) -> dict[Answer, int]:
        """The options by what a comparison answers; every question about it asks for the same."""
        known = self._answered.get((use, reading))
        if known is None:
            run, name, known = check(use.test, use.constants, reading), self.name, {}
            for i, value in enumerate(self.values):
                answer = run({name: value})
                known[answer] = known.get(answer, 0) | 1 << i
            self._answered[use, reading] = known
        return known

    def _mask(self, fits: list[bool]) -> Dnf:
        return self.space.masked(self.number, sum(1 << i for i, fit in enumerate(fits) if fit))

    def known(self) -> Dnf:
        return self.space.options(self.number, lambda v: not isinstance(v, CannotTell | tuple))

    def unknown(self) -> Dnf:
        return self.space.options(self.number, lambda v: isinstance(v, CannotTell | tuple))

    def where(self, fits: Callable[[Value], bool]) -> Dnf:
        return self.space.options(self.number, fits)


def _usual(name: str, values: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    """The case agent's own name where any other name would do."""
    own = AGENT.get(name)
    if not isinstance(own, str) or own in values:
        return values
    return tuple(own if v == FRESH else v for v in values)


def _placed(space: Space, known: Dnf, blind: Dnf) -> Dnf:
    """Paths are compared with places of the workspace: known to lie there, or not known."""
    if known == blind:
        return known
    at = space.coordinate("workspace", (True, False))
    return some([both(space.masked(at, 1), known), both(space.masked(at, 2), blind)])


class Lists:
    """A field with several values: a coordinate for whether it is given, one for each class of
    members, and one for how many there are."""

    def __init__(self, space: Space, name: str, declared: Declared, uses: list[Said]) -> None:
        plain = [u for u in uses if u.op not in ("count_at_most", "count_above", "is_set")]
        found = cut(declared.kind, plain)
        self.name, self.space = name, space
        states = ["given", "absent"] if declared.optional else ["given"]
        states += [] if name in ("session.stops", "agent.tools") else ["cannot tell"]
        quiet = states.index("absent") if declared.optional else 0
        self.status = space.coordinate(("status", name), states, quiet)
        members = () if name == "session.stops" else found.values
        self.members = _told_apart(declared.kind, members, plain)
        if not found.exact:
            self.members = self.members[:MOST_MEMBERS]
        self.inside = [
            space.coordinate(("member", name, member), (False, True)) for member in self.members
        ]
        sizes = {n for u in uses if u.op.startswith("count_") for c in u.constants
                 for n in (int(str(c)), int(str(c)) + 1)}  # fmt: skip
        self.sizes = tuple(sorted({0, 1, *sizes})) if sizes else ()
        if self.sizes:
            self.count = space.coordinate(("count", name), self.sizes, 1)

    def given(self, part: Dnf) -> Dnf:
        return both(self.space.options(self.status, lambda s: s == "given"), part)

    def literal(self, use: Use, reading: Reading, want: Want) -> Dnf:
        run, name = check(use.test, use.constants, reading), self.name
        others = [NEVER]
        if run({name: ABSENT}) in want:
            others.append(self.space.options(self.status, lambda s: s == "absent"))
        if None in want:
            others.append(self.space.options(self.status, lambda s: s == "cannot tell"))
        return some([self.given(self._part(use, reading, want)), *others])

    def _part(self, use: Use, reading: Reading, want: Want) -> Dnf:
        test, name = use.test, self.name
        run = check(test, use.constants, reading)
        if test.op == "is_set":
            return ALWAYS if run({name: ()}) in want else NEVER
        if test.op.startswith("count_"):
            return self.space.options(self.count, lambda n: run({name: (None,) * n}) in want)
        if test.op == "contains_all":
            parts = []
            for constant in use.constants:
                one = check(
                    Test(name, test.kind, "contains_any", (constant,)), (constant,), reading
                )
                parts.append(self._quantified(one, any_of=True, want=want))
            return every(parts) if True in want else some(parts)
        run = check(test, use.constants, reading)
        any_of = reading.tight if test.op not in ("contains_any", "contains_none") else (
            test.op == "contains_any"
        )  # fmt: skip
        return self._quantified(run, any_of, want)

    def _quantified(self, run: Callable[..., Answer], any_of: bool, want: Want) -> Dnf:
        """Some member, or every member, answers as wanted."""
        if self.members and _places(self.members):
            known = self._members(lambda m: run({self.name: (m,), "session.workspace": WORKSPACE}),
                                  any_of, want)  # fmt: skip
            blind = self._members(lambda m: run({self.name: (m,)}), any_of, want)
            return _placed(self.space, known, blind)
        return self._members(lambda m: run({self.name: (m,)}), any_of, want)

    def _members(self, run: Callable[[Scalar], Answer], any_of: bool, want: Want) -> Dnf:
        # `any` is wanted true (perhaps) where a member is; wanted false where every member is.
        exists = (True in want) is any_of
        chosen = want if exists else frozenset(ANSWERS) - want
        named = [n for n, m in zip(self.inside, self.members, strict=True) if run(m) in chosen]
        if exists:
            return some(self._given_one(self.space.masked(number, 2)) for number in named)
        return every(self.space.masked(number, 1) for number in named)

    def _given_one(self, part: Dnf) -> Dnf:
        return both(part, self.space.options(self.count, bool)) if self.sizes else part

    def known(self) -> Dnf:
        return NEVER

    def unknown(self) -> Dnf:
        return ALWAYS


def _places(members: tuple[Scalar, ...]) -> bool:
    return any(isinstance(m, str) and m.startswith("workspace:/") for m in members)


def _told_apart(kind: Type, members: Iterable[Scalar], uses: Iterable[Said]) -> tuple[Scalar, ...]:
    """One member for each way the comparisons come out."""
    single = Type(kind.name).kind
    runs = []
    for use in uses:
        groups = [(c,) for c in use.constants] if use.op == "contains_all" else [use.constants]
        op = "contains_any" if use.op == "contains_all" else use.op
        runs += [check(Test("x", f"list of {single}", op, g), g, Reading()) for g in groups]
    found: dict[tuple[Answer, ...], Scalar] = {}
    for member in members:
        known = {"x": (member,), "session.workspace": WORKSPACE}
        answers = tuple(run(known) for run in runs) + tuple(run({"x": (member,)}) for run in runs)
        found.setdefault(answers, member)
    return tuple(found.values())


class Free:
    """A field whose comparisons may come out in any way, each constant for itself; but what lies
    under a place lies under every place above it."""

    def __init__(
        self, space: Space, name: str, declared: Declared, uses: Iterable[Said] = ()
    ) -> None:
        self.space, self.name, self.many = space, name, declared.kind.many
        places = {str(c) for use in uses if use.op == "under" for c in use.constants}
        self.below = {
            place: [p for p in sorted(places) if p != place and is_under(p, place)]
            for place in places
        }
        self.states: dict[str, Value] = {"cannot tell": MISSING}
        self.states |= {"absent": ABSENT} if declared.optional else {}
        self.states |= {"empty": ()} if self.many else {}
        self.status = space.coordinate(("status", name), ("given", *self.states))

    def literal(self, use: Use, reading: Reading, want: Want) -> Dnf:
        run, name = check(use.test, use.constants, reading), self.name
        others = []
        for state, value in self.states.items():
            if run({name: value}) in want:
                others.append(self.space.options(self.status, lambda s, state=state: s == state))  # type: ignore[misc]
        given = self.space.options(self.status, lambda s: s == "given")
        return some([both(given, self._given(use, reading, want)), *others])

    def _given(self, use: Use, reading: Reading, want: Want) -> Dnf:
        test, said = use.test, OPERATORS[use.test.op]
        if test.op == "is_set":
            return ALWAYS if test.constants[0] in want else NEVER
        if test.op.startswith("count_"):
            return self._atom(("count", test.op, use.constants), want)
        positive, negative = said.negation_of or test.op, said.negation_of is not None
        if test.op in ("contains_any", "contains_none", "contains_all"):
            some_member = True
        else:  # "some member is not" is "not every member is"
            some_member = not self.many or reading.tight is not negative
        wanted = flipped(want) if negative else want
        if not some_member:
            return self._atom(("every", positive, frozenset(use.constants)), wanted)
        name = "is" if positive in ("is", "one_of", "contains_any", "contains_all") else positive
        if name == "under":
            parts = [self._place(str(constant), wanted) for constant in use.constants]
        else:
            parts = [self._atom((name, constant), wanted) for constant in use.constants]
        together = positive == "contains_all"
        return every(parts) if (True in wanted) is together else some(parts)

    def _place(self, place: str, want: Want) -> Dnf:
        """Under a place: as its own atom says, or as one of the places below it does."""
        parts = [self._atom(("under", p), want) for p in (place, *self.below.get(place, ()))]
        return some(parts) if True in want else every(parts)

    def _atom(self, name: Any, want: Want) -> Dnf:
        number = self.space.coordinate(("free", self.name, name), ANSWERS)
        return self.space.options(number, lambda answer: answer in want)

    def known(self) -> Dnf:
        return self.space.options(self.status, lambda s: s in ("given", "absent"))

    def unknown(self) -> Dnf:
        return self.space.options(self.status, lambda s: s in ("cannot tell", "empty"))


Model = Scalars | Lists | Free
