"""What one release answers differently from another. The law: every difference has a witness, and
*the same* is said only when it was proved.

For each action both releases are laid into one space of situations (`situations`). They differ
exactly where one has a finding and the other nothing as strict: what the old one has and the new one
has not is looser, the other way round tighter. Each such finding is shown once for each pair of
answers (before, after) that it stands for, and so is each new or changed rule that answers where
something stricter did: a `deny -> require_approval` never stands for a `deny -> allow`. A difference
is shown only after both releases have decided its witness. Where the budget ends, or a field cannot
be cut exactly and only unreal situations are left, the action is named in `open`, and nothing is
claimed about the rest of it.

What an action is (its arguments, what its allowing leaves in the session) is compared as written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from governance.engine.catalogue import ActionType
from governance.engine.compile import Release
from governance.engine.differing import Difference, Kind, Pair, Sought, pair, plain, shown_by
from governance.engine.model import SERVICE, Effect, Value
from governance.engine.sameness import same_actions
from governance.engine.situations import Situations
from governance.engine.space import Budget, Choice, Exhausted, TooMany
from governance.engine.standing import (
    Duty,
    Item,
    Side,
    as_strict,
    firm,
    gather,
    merged,
    sides,
    standing_without,
)
from governance.engine.witness import Witness, plainest, witness

__all__ = ["BUDGET", "Difference", "Differences", "Outcome", "Search", "diff", "in_order"]

BUDGET: Final = 200_000
"""Steps of the search, over all actions."""
_TRIES: Final = 12
"""How many situations of one kind are decided before they are taken to be unreal."""

_ASK: Final = Effect.REQUIRE_APPROVAL
_ALLOWED: Final = Effect.ALLOW.word

Outcome = Literal["same", "looser", "tighter", "changed", "incomplete"]


@dataclass(frozen=True, slots=True)
class Differences:
    """All differences, looser ones first. `open` names the actions of which not everything could be
    searched, with the reason; `steps` is what was used of the budget."""

    found: tuple[Difference, ...]
    open: Mapping[str, str] = field(default_factory=dict)
    steps: int = 0

    @property
    def complete(self) -> bool:
        return not self.open

    @property
    def outcome(self) -> Outcome:
        """`changed`: looser here, tighter there. `same`, `looser` and `tighter` mean that nothing
        else can be; where that was not proved it is `incomplete`."""
        ways = {each.looser for each in self.found}
        if len(ways) > 1:
            return "changed"
        if self.open:
            return "incomplete"
        return "same" if not ways else "looser" if ways == {True} else "tighter"


def diff(old: Release, new: Release, at: datetime, budget: int = BUDGET) -> Differences:
    """The requests that the new release answers differently from the old one, from `at` on.

    Changes nothing and never raises for what the files hold.
    """
    spent = Budget(budget)
    found: list[Difference] = []
    unfinished: dict[str, str] = {}
    alike = same_actions(old, new)
    for action in sorted({*old.plans, *new.plans}):
        if action in alike:
            continue
        changed = list(_catalogue(old, new, action))
        search = Search(old, new, action, at, spent)
        found += [*search.run(), *changed]
        if search.open:
            unfinished[action] = search.open
        elif _declared(old, action) != _declared(new, action) and action in old.plans and (
            action in new.plans
        ):  # fmt: skip
            unfinished[action] = "the catalogue declares other arguments, so requests are read anew"
    return Differences(in_order(found), unfinished, min(spent.used, budget))


def in_order(found: Iterable[Difference]) -> tuple[Difference, ...]:
    """Each kind once; what is allowed from now on stands first."""
    once = {(d.action, d.kind, d.before, d.after, d.looser, d.was, d.by, d.note): d for d in found}
    return tuple(
        sorted(
            once.values(),
            key=lambda d: (
                not d.looser, d.kind != "verdict", d.looser and d.after != _ALLOWED, d.action,
                d.before, d.after, d.was, d.by,
            ),
        )
    )  # fmt: skip


class Search:
    """The differences of one action; `given` are the fields that are known on either side."""

    def __init__(
        self,
        old: Release,
        new: Release,
        action: str,
        at: datetime,
        budget: Budget,
        given: Sequence[dict[str, Value]] = (),
    ) -> None:
        self.releases, self.action, self.at, self.budget = (old, new), action, at, budget
        self.given = given
        self.open = ""
        self.shown: set[Sought] = set()
        self.unreal: set[Sought] = set()
        self.pairs: set[tuple[bool, Pair]] = set()

    def run(self) -> list[Difference]:
        """With every answer free first: where nothing is found, nothing is there. What was found
        and is not real is looked for among examples."""
        found = self._search(free=True)
        if self.open or not self.unreal:
            return found
        if not self.space.exact:
            found += self._search(free=False)
        if self._left() and not self.open:
            self.open = "some fields can only be searched by examples"
        return found

    def _search(self, *, free: bool) -> list[Difference]:
        plans = [r.plans[self.action] for r in self.releases if self.action in r.plans]
        actions = [plan.action for plan in plans]
        self.space = Situations(actions, self.at, free=free, given=self.given)
        for release in self.releases:
            gather(release, self.action, self.space)
        found: list[Difference] = []
        try:
            self.space.close()
            old, new = sides(self.releases, self.action, self.space)
            for looser, one, other in ((True, old, new), (False, new, old)):
                found += self._one_way(one, other, looser)
        except Exhausted:
            self.open = f"the budget of {self.budget.steps} steps was used"
        except TooMany:
            self.open = "there are too many alternatives"
        return found

    def _one_way(self, one: Side, other: Side, looser: bool) -> Iterator[Difference]:
        """What stands on one side with nothing as strict on the other."""
        exactly = {(each.when, each.unless): each for each in other.items}
        for item in one.items:
            twin = exactly.get((item.when, item.unless))
            if twin is not None and as_strict(twin, item):
                continue
            if any(_covers(each, item) for each in other.items):
                continue
            yield from self._pairs(item, one, other, looser)
            yield from self._milder(item, one, other, looser)
        if looser:
            yield from self._speaking(one, other)
        yield from self._duties(one, other, looser)

    def _pairs(self, item: Item, one: Side, other: Side, looser: bool) -> Iterator[Difference]:
        """The pair of answers that are furthest apart; others that no item was shown with."""
        tougher = [each for each in other.items if each.effect >= item.effect]
        first = self._first(item, tougher, looser, "verdict")
        if first is None and Sought(item.name, looser, "verdict") not in self.shown:
            return
        above = [each for each in one.items if each.effect > item.effect]
        furthest = None
        for effect in (Effect.ALLOW, _ASK):
            wanted = (item.effect, effect)
            if effect >= item.effect or (furthest and (looser, wanted) in self.pairs):
                continue
            if first is not None and _pair_of(first, looser) == wanted:
                found: Difference | None = first
            else:
                found = self._exactly(item, wanted, above, other, looser)
            if found is not None:
                furthest = furthest or found
                self.pairs.add((looser, wanted))
                yield found
        if furthest is None and first is not None:
            yield first

    def _exactly(
        self, item: Item, wanted: Pair, above: list[Item], other: Side, looser: bool
    ) -> Difference | None:
        """Where the item decides on its side, and the other side answers exactly so."""
        forbidden = [*above, *(each for each in other.items if each.effect > wanted[1])]
        if wanted[1] is Effect.ALLOW:
            return self._first(item, forbidden, looser, "verdict", wanted=wanted)
        for each in _alternatives(e for e in other.items if e.effect is wanted[1]):
            found = self._first(item, forbidden, looser, "verdict", beside=each, wanted=wanted)
            if found is not None:
                return found
        return None

    def _speaking(self, old: Side, new: Side) -> Iterator[Difference]:
        """One difference for each rule that is new, or speaks for more, and now answers where
        something stricter did: whoever signs sees every rule that lets something through."""
        asking = [{e.name for e in side.items if e.effect is _ASK} for side in (old, new)]
        before = [
            (mask, _ASK if n in asking[0] else Effect.ALLOW) for n, mask in old.voices.items()
        ]
        for name, voice in new.voices.items():
            effect = _ASK if name in asking[1] else Effect.ALLOW
            if any(not voice & ~mask and known <= effect for mask, known in before):
                continue
            found = self._spoken(Item(name, effect, voice), old, new)
            if found is not None:
                yield found

    def _spoken(self, voice: Item, old: Side, new: Side) -> Difference | None:
        """Where one rule speaks for certain: its own answer first, then one that the ladder or
        another rule makes of it; and the strictest answer before first."""
        for after in (Effect.ALLOW, _ASK):
            tougher = [each for each in new.items if each.effect > after]
            for before in (Effect.DENY, _ASK):
                if after < voice.effect or before <= after:
                    continue
                above = [each for each in old.items if each.effect > before]
                for each in _alternatives(e for e in old.items if e.effect is before):
                    found = self._first(voice, [*tougher, *above], True, "verdict", beside=each,
                                        wanted=(before, after), speaks=True)  # fmt: skip
                    if found is not None:
                        self.pairs.add((True, (before, after)))
                        return found
        return None

    def _milder(self, item: Item, one: Side, other: Side, looser: bool) -> Iterator[Difference]:
        """Where both sides ask, or both deny, but the other one is met or lifted more easily."""
        kind: Kind = "waiver" if item.effect is Effect.DENY else "approval"
        tougher = [each for each in other.items if each.effect >= item.effect]
        closer = [each for each in tougher if as_strict(each, item)]
        closer += [each for each in one.items if each.effect > item.effect]
        milder = [each for each in tougher if not as_strict(each, item)]
        for each in _alternatives(milder):
            found = self._first(item, closer, looser, kind, beside=each)
            if found is not None:
                yield found
                return

    def _duties(self, one: Side, other: Side, looser: bool) -> Iterator[Difference]:
        denies = [
            item for side in (one, other) for item in side.items if item.effect is Effect.DENY
        ]
        if not one.duties:
            return
        for duty in one.duties:
            same = [each for each in other.duties if _same_duty(each, duty)]
            if any(duty.when & ~each.when == 0 for each in same):
                continue
            rest = [Item(each.name, Effect.ALLOW, each.when) for each in same]
            item = Item(duty.name, Effect.ALLOW, duty.when)
            found = self._first(item, [*denies, *rest], looser, "obligation", duty)
            found = found or self._beneath(duty, denies, other, looser)
            if found is not None:
                yield found

    def _beneath(
        self, duty: Duty, denies: list[Item], other: Side, looser: bool
    ) -> Difference | None:
        """Where people may lift every deny, and yet a runtime that lacks the obligation is refused."""
        item = Item(f"{SERVICE}/obligation", Effect.DENY, duty.when)
        refused = firm(denies, other.duties, duty)
        lifted = (each for each in other.items if each.effect is Effect.DENY and each.waivable_by)
        for each in _alternatives(lifted):
            found = self._first(item, refused, looser, "waiver", duty, beside=each)
            if found is not None:
                return found
        return None

    def _first(
        self,
        item: Item,
        others: list[Item],
        looser: bool,
        kind: Kind,
        duty: Duty | None = None,
        beside: Item | None = None,
        wanted: Pair | None = None,
        speaks: bool = False,
    ) -> Difference | None:
        tried, key = 0, Sought(item.name, looser, kind, wanted, speaks)
        if key in self.shown:
            return None
        for choice in standing_without(self.space, item, others, self.budget, beside):
            lacks = duty.obligation if duty is not None and kind == "waiver" else None
            seen = witness(self.space, choice, self.releases, self.action, lacks)
            made = shown_by(seen, item, key, duty)
            if made is not None:
                self.shown.add(key)
                return self._plain(made, choice, item, key, duty)
            tried += 1
            if tried >= _TRIES:
                break
        if tried:
            self.unreal.add(key)
        return None

    def _left(self) -> bool:
        """Whether something stands in the space of which no real request was found."""
        return any(
            key.wanted is None or (key.looser, key.wanted) not in self.pairs
            for key in self.unreal - self.shown
        )

    def _plain(
        self, made: Difference, choice: Choice, item: Item, key: Sought, duty: Duty | None
    ) -> Difference:
        """The same difference on a request without anything that does not matter."""

        def again(seen: Witness) -> Difference | None:
            other = shown_by(seen, item, key, duty)
            same = other is not None and (other.before, other.after, other.was, other.by) == (
                made.before, made.after, made.was, made.by
            )  # fmt: skip
            return other if same else None

        assert made.situation is not None
        lacks = duty.obligation if duty is not None and key.kind == "waiver" else None
        best = plainest(
            self.space, made.situation, choice, self.releases, lambda s: bool(again(s)), lacks
        )
        return again(best) or made


def _alternatives(items: Iterable[Item]) -> Iterator[Item]:
    """All items that nothing takes away as one, then each that something does."""
    every = list(items)
    plain = [each for each in every if not each.unless]
    if plain:
        yield Item("", plain[0].effect, merged(each.when for each in plain))
    yield from (each for each in every if each.unless)


def _pair_of(made: Difference, looser: bool) -> Pair | None:
    return pair(made.situation, looser) if made.situation is not None else None


def _covers(one: Item, item: Item) -> bool:
    """True when one item surely stands wherever the other does, and is as strict."""
    return not item.when & ~one.when and not one.unless & ~item.unless and as_strict(one, item)


def _same_duty(one: Duty, other: Duty) -> bool:
    return plain(one.obligation) == plain(other.obligation)


# ---- the catalogue ----


def _declared(release: Release, action: str) -> object:
    plan = release.plans.get(action)
    return plan and (dict(plan.action.args), dict(plan.action.claims))


def _catalogue(old: Release, new: Release, action: str) -> Iterable[Difference]:
    """What changed in the action itself; nothing of it could be allowed before it was known."""
    if action not in old.plans or action not in new.plans:
        return
    one, other = old.plans[action].action, new.plans[action].action
    for name in sorted(one.attaches ^ other.attaches):
        looser = name in one.attaches
        verb = "no longer marks" if looser else "now marks"
        yield _structural(action, looser, f"an allowed `{action}` {verb} the session as `{name}`")
    for name in sorted({*one.args, *other.args, *one.claims, *other.claims}):
        yield from _argument(action, name, one, other)


def _argument(action: str, name: str, one: ActionType, other: ActionType) -> Iterable[Difference]:
    before = one.args.get(name) or one.claims.get(name)
    after = other.args.get(name) or other.claims.get(name)
    if before == after:
        return
    if before is None:
        yield _structural(
            action, True, f"`{name}` is a known argument now, so it silences no allow"
        )
    elif after is None:
        yield _structural(action, False, f"`{name}` is known no more, so it silences every allow")
    else:
        told = f"`{name}` is declared differently, so the same request may be read differently"
        yield _structural(action, True, told)
        yield _structural(action, False, told)


def _structural(action: str, looser: bool, note: str) -> Difference:
    return Difference(action, "", "", looser, "", "", {}, "catalogue", note)
