"""What rules do to each other. The law: a remark is proved, and doubt is no remark.

Every rule and limit of the files in force is taken out in thought: where nothing is answered
differently without it (not by one other rule, nor by several together), it is redundant; where a
stricter one always speaks, it is shadowed. All of that is searched in the space of `situations`, for
every action; where the search is not complete nothing is said. `amounts` looks at what grows: amounts
that do better when they are larger, and thresholds that a sum in parts evades.

The remarks of one release can be followed all at once: a rule is never called redundant because of
another one that is called so, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from governance.engine.compile import Release
from governance.engine.model import Effect, Mode
from governance.engine.rules import Limit, PolicyFile, Rule
from governance.engine.situations import Situations
from governance.engine.space import Budget, Choice, Exhausted, TooMany, both, each_bit
from governance.engine.standing import (
    LADDER,
    Item,
    Side,
    as_strict,
    firm,
    gather,
    merged,
    sides,
    standing_without,
)

BUDGET: Final = 3_000
"""Steps for one question about one rule."""
EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Rules are looked at for all times: one that matters in some week is not redundant."""
NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing a person should know about a rule or limit, with its place.

    `code`: `no-effect` (an allow that is always denied), `contradictory` (a rule of the same
    condition decides the opposite), `shadowed` (a stricter rule always speaks, too), `redundant`
    (others cover it), `never-binds` (a limit that never changes an answer), `unreachable` (it never
    matches for certain), `larger-is-looser`, `split-evades`. `by` names the others, `witness` a
    request, by field, where one shows it.
    """

    policy: str
    rule: str
    code: str
    by: str
    message: str
    path: str
    line: int
    column: int
    witness: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Place:
    """A rule or limit in force, with its file."""

    file: PolicyFile
    rule: Rule | Limit

    @property
    def name(self) -> str:
        return f"{self.file.policy}/{self.rule.id}"

    @property
    def effect(self) -> Effect:
        return self.rule.effect if isinstance(self.rule, Rule) else self.rule.otherwise

    def remark(
        self, code: str, by: str, message: str, witness: Mapping[str, str] | None = None
    ) -> Remark:
        return Remark(self.file.policy, self.rule.id, code, by, message, self.file.path,
                      self.rule.line, self.rule.column, witness or {})  # fmt: skip


def places(release: Release) -> list[Place]:
    """Every rule and limit in force, in file order."""
    files = [file for file in release.bundle.files if file.mode is not Mode.DRAFT]
    out: list[Place] = []
    for file in files:
        out += [Place(file, rule) for rule in file.rules]
        out += [Place(file, limit) for limit in file.limits]
    return out


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found, and the rules and limits of which it could not be told in time, in file order."""

    remarks: tuple[Remark, ...]
    untold: tuple[Place, ...]


def remarks(release: Release) -> tuple[Remark, ...]:
    """Every rule and limit that never decides anything, in file order."""
    return looked(release).remarks


def looked(release: Release) -> Looked:
    """As `remarks`, with what could not be told."""
    every = places(release)
    ended: set[str] = set()
    tables = [table for name in release.plans if (table := _Table.of(release, name)) is not None]
    touched: dict[str, list[_Table]] = {}
    for table in tables:
        for name in table.side.matches:
            touched.setdefault(name, []).append(table)
    unknown = set(release.plans) - {table.action for table in tables}
    found: dict[str, Remark] = {}
    candidates: list[tuple[int, int, Place, list[str]]] = []
    for number, place in enumerate(every):
        mine = touched.get(place.name, [])
        if _speaks_elsewhere(release, place, unknown):
            ended.add(place.name)
            continue
        if not mine:
            continue
        made = _alone(place, mine, ended)
        if made is not None:
            found[place.name] = made
            continue
        covers = _covers(place, mine, frozenset(), ended)
        if covers is not None:
            candidates.append((len(covers), -number, place, covers))
    gone: set[str] = set()
    for _, _, place, first in sorted(candidates, key=lambda each: each[:2]):
        mine = touched[place.name]
        covers = _covers(place, mine, frozenset(gone), ended) if gone & set(first) else first
        if covers is not None:
            gone.add(place.name)
            found[place.name] = _redundant(place, covers, every, touched[place.name])
    return Looked(
        tuple(found[place.name] for place in every if place.name in found),
        tuple(place for place in every if place.name in ended - found.keys()),
    )


def _speaks_elsewhere(release: Release, place: Place, unknown: set[str]) -> bool:
    """True when a rule can speak about an action that could not be looked through."""
    for action in unknown:
        names = {f"{c.policy}/{c.rule.id}" for c in release.candidates(action)}
        names |= {f"{cap.policy}/{cap.limit.id}" for cap in release.plans[action].caps}
        if place.name in names:
            return True
    return False


@dataclass(slots=True)
class _Table:
    """One action: its space, and what may stand in it."""

    action: str
    space: Situations
    side: Side
    voices: dict[str, dict[str, int]]

    @classmethod
    def of(cls, release: Release, action: str) -> _Table | None:
        space = Situations([release.plans[action].action], EVER, free=True)
        gather(release, action, space)
        space.close()
        try:
            side = sides([release], action, space)[0]
        except TooMany:
            return None
        voices: dict[str, dict[str, int]] = {}
        for name, mask in side.voices.items():
            voices.setdefault(name.partition("/")[0], {})[name] = mask
        return cls(action, space, side, voices)

    def first(self, item: Item, others: Iterable[Item]) -> Choice | None:
        """A situation in which an item stands and none of the others. Raises Exhausted."""
        return next(standing_without(self.space, item, others, Budget(BUDGET)), None)


def _alone(place: Place, mine: list[_Table], ended: set[str]) -> Remark | None:
    """What can be said of a rule for itself: it never matches, or a final deny is always there."""
    if not any(table.side.matches[place.name][1] for table in mine):
        return place.remark("unreachable", "", f"`{place.rule.id}` never matches for certain")
    if place.effect is Effect.DENY or isinstance(place.rule, Limit):
        return None
    by: list[str] = []
    try:
        for table in mine:
            may, sure = table.side.matches[place.name]
            item = Item(place.name, place.effect, sure if place.effect is Effect.ALLOW else may)
            final = [
                each for each in table.side.items
                if each.effect is Effect.DENY and not each.waivable_by and _written(each)
            ]  # fmt: skip
            if table.first(item, final) is not None:
                return None
            by += _cover(table, item, final)
    except (Exhausted, TooMany):
        ended.add(place.name)
        return None
    once = list(dict.fromkeys(by))
    if len(once) == 1 and _same(place.name, once[0], mine):
        return _opposite(place, once, Effect.DENY)
    names = _names(once)
    if place.effect is Effect.ALLOW:
        message = f"`{place.rule.id}` never allows anything: {names} always refuses it"
        return place.remark("no-effect", ", ".join(once), message)
    message = f"`{place.rule.id}` never decides: {names} always refuses it"
    return place.remark("shadowed", ", ".join(once), message)


def _written(item: Item) -> bool:
    """True for what a rule or limit says (no default, nothing built in)."""
    policy, _, rule = item.name.partition("/")
    return policy != "service" and rule != "default"


def _covers(
    place: Place, mine: list[_Table], gone: frozenset[str], ended: set[str]
) -> list[str] | None:
    """The rules because of which nothing changes without this one; None where something may."""
    by: list[str] = []
    try:
        for table in mine:
            if place.name in table.side.lifters:
                return None
            for item, others in _parts(place, table, gone):
                if table.first(item, others) is not None:
                    return None
                by += _cover(table, item, others)
    except (Exhausted, TooMany):
        ended.add(place.name)
        return None
    return list(dict.fromkeys(by)) if by or isinstance(place.rule, Limit) else None


def _parts(place: Place, table: _Table, gone: frozenset[str]) -> Iterator[tuple[Item, list[Item]]]:
    """Everything that a rule adds to the verdicts of an action, and what may cover each part."""
    side, name = table.side, place.name
    without = {*gone, name}
    left = [
        _default(item, table, without) if item.unless else item for item in side.items
        if item.name not in without and item.name != LADDER
    ]  # fmt: skip
    alarms = merged(m for n, m in side.alarms.items() if n != name and n not in gone)
    ladder = Item(LADDER, Effect.REQUIRE_APPROVAL, alarms)
    # A rule that says what the default would say anyway is said on purpose.
    said = left if isinstance(place.rule, Limit) else [each for each in left if _written(each)]
    for item in side.items:
        if item.name == name:
            yield item, [each for each in said if as_strict(each, item)]
    voice = side.voices.get(name, 0)
    default = next((i for i in left if i.name == f"{place.file.policy}/default"), None)
    if voice and default is not None:
        # Without the rule the default speaks where nothing else decides for the file.
        voices = table.voices[place.file.policy].items()
        instead = [Item(n, Effect.ALLOW, m) for n, m in voices if n not in without]
        stricter = [each for each in left if each is not default and as_strict(each, default)]
        yield _within(voice, default, table), [*instead, *stricter]
    alarm = side.alarms.get(name, 0)
    if alarm & ~alarms:
        asking = [each for each in left if each.effect >= Effect.REQUIRE_APPROVAL]
        yield Item(name, Effect.REQUIRE_APPROVAL, alarm), [*asking, ladder]
    denies = [each for each in left if each.effect is Effect.DENY]
    others = [each for each in side.duties if each.name not in without]
    for duty in side.duties:
        if duty.name == name:
            same = [
                Item(each.name, Effect.ALLOW, each.when) for each in others
                if each.obligation == duty.obligation
                and each.obligation.properties == duty.obligation.properties
            ]  # fmt: skip
            yield Item(name, Effect.ALLOW, duty.when), [*denies, *same]
            # A runtime that lacks it is refused, for good, also beneath what people may lift.
            yield Item(name, Effect.DENY, duty.when), firm(denies, others, duty)


def _default(item: Item, table: _Table, without: set[str]) -> Item:
    """A default, as it stands when some rules no longer decide for its file; others as they are."""
    policy, _, rule = item.name.partition("/")
    voices = table.voices.get(policy, {})
    if rule != "default" or not without & voices.keys():
        return item
    unless = merged(mask for name, mask in voices.items() if name not in without)
    return replace(item, unless=unless)


def _within(voice: int, default: Item, table: _Table) -> Item:
    """Where a rule decided for its file and the default would speak without it."""
    space = table.space.space
    cubes = [tuple(space.cubes[bit] for bit in each_bit(mask)) for mask in (voice, default.when)]
    return Item(default.name, default.effect, space.bits(both(*cubes)), 0, default.clause)


def _cover(table: _Table, item: Item, others: list[Item]) -> list[str]:
    """A few of the others that leave the item nothing: found by asking with ever more of them."""
    plain = [each for each in others if each.when & ~table.side.always]
    around = [table.space.space.containing(bit) for bit in each_bit(item.when)]
    for each in plain:  # one that covers it all by itself is told alone
        if not each.unless and all(mask & each.when for mask in around):
            return [each.name] if _written(each) else []
    chosen: list[Item] = []
    taken: set[int] = set()
    while True:
        found = table.first(item, chosen)
        if found is None:
            return [each.name for each in chosen if _written(each)]
        alive = table.space.space.alive(found)
        more = next((each for each in plain if each.when & alive and not each.unless & alive
                     and id(each) not in taken), None)  # fmt: skip
        if more is None:  # only something that another rule takes away is left: take them all
            return [each.name for each in chosen if _written(each)]
        chosen.append(more)
        taken.add(id(more))


def _names(names: Iterable[str]) -> str:
    once = list(dict.fromkeys(names))
    shown = [f"`{name}`" for name in once[:NAMED]]
    if len(once) > NAMED:
        shown.append(f"{len(once) - NAMED} more")
    return " and ".join(shown) if len(shown) < 3 else ", ".join(shown[:-1]) + f" and {shown[-1]}"


def _redundant(place: Place, covers: list[str], every: list[Place], mine: list[_Table]) -> Remark:
    by = ", ".join(covers)
    if isinstance(place.rule, Limit):
        because = f": {_names(covers)} always answers as strictly" if covers else ""
        message = f"`{place.rule.id}` never changes an answer{because}"
        return place.remark("never-binds", by, message)
    named = {each.name: each for each in every}
    twins = [
        named[name] for name in covers
        if name in named and named[name].effect is not place.effect and len(covers) == 1
        and _same(place.name, name, mine)
    ]  # fmt: skip
    if twins:
        return _opposite(place, covers, twins[0].effect)
    together = " together cover" if len(covers) > 1 else " covers"
    message = f"`{place.rule.id}` adds nothing: {_names(covers)}{together} all of it"
    return place.remark("redundant", by, message)


def _opposite(place: Place, by: list[str], effect: Effect) -> Remark:
    message = (
        f"`{place.rule.id}` says {place.effect.word} where {_names(by)}, under the same condition, "
        f"says {effect.word}"
    )
    return place.remark("contradictory", ", ".join(by), message)


def _same(one: str, other: str, mine: list[_Table]) -> bool:
    """True when two rules match alike, wherever the first one can."""
    for table in mine:
        if other not in table.side.matches:
            return False
        (may, sure), (other_may, other_sure) = table.side.matches[one], table.side.matches[other]
        try:
            for left, right in ((sure, other_may), (other_sure, may)):
                if table.first(Item("", Effect.ALLOW, left), [Item("", Effect.ALLOW, right)]):
                    return False
        except (Exhausted, TooMany):
            return False
    return True
