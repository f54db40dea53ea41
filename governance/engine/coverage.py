"""What the cases of a policy have looked at. The law: seen means answered, not only passed by.

Three things are counted. *Rules*: every rule, limit and exception was a reason once. *Branches*: every
comparison and history, and every part of an `any`, was answered yes and was answered no. *Uncertainty*:
every one that can be *cannot tell* was so once, since what is missing is what an attacker leaves out.
What the catalogue decides and what the service itself always knows is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from governance.engine import words
from governance.engine.cases import CaseResult, facts_of, moment, tested
from governance.engine.catalogue import ActionType
from governance.engine.compile import Cap, Release
from governance.engine.earlier import BadPast
from governance.engine.keys import Context
from governance.engine.nodes import Node, leaves
from governance.engine.reach import specialise
from governance.engine.rules import ActionIs, Any, Condition, History, Not, PolicyFile, Test
from governance.engine.totals import passed
from governance.engine.vocabulary import Answer, Fields

_OURS: Final = ("agent.", "session.", "time.", "tool.")
Place = tuple[str, str]


@dataclass(slots=True)
class Seen:
    """How often one condition was answered yes, no and *cannot tell*; `unsure` = it can be that."""

    says: str
    unsure: bool
    yes: int = 0
    no: int = 0
    doubt: int = 0

    def count(self, answer: Answer) -> None:
        """Add one answer."""
        if answer is None:
            self.doubt += 1
        elif answer:
            self.yes += 1
        else:
            self.no += 1


@dataclass(slots=True)
class Looked:
    """What was looked at of one rule, limit or exception: how often it was a reason, and each of its
    conditions (the limit itself is the last of a limit's)."""

    policy: str
    rule: str
    path: str
    line: int
    reasons: int = 0
    conditions: dict[Condition | str, Seen] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    seen: int
    of: int

    @property
    def percent(self) -> int:
        """Whole percents, rounded down; 100 of nothing."""
        return 100 if not self.of else self.seen * 100 // self.of


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the cases looked at, rule by rule in file order."""

    looked: tuple[Looked, ...]

    @property
    def rules(self) -> Share:
        """Rules, limits and exceptions that were a reason."""
        return Share(sum(each.reasons > 0 for each in self.looked), len(self.looked))

    @property
    def branches(self) -> Share:
        """Conditions seen yes, and conditions seen no."""
        every = list(self._conditions())
        return Share(sum((s.yes > 0) + (s.no > 0) for s in every), 2 * len(every))

    @property
    def uncertainty(self) -> Share:
        """Conditions that can be *cannot tell* and were."""
        every = [seen for seen in self._conditions() if seen.unsure]
        return Share(sum(seen.doubt > 0 for seen in every), len(every))

    @property
    def least(self) -> int:
        """The smallest of the three, in percent."""
        return min(self.rules.percent, self.branches.percent, self.uncertainty.percent)

    def _conditions(self) -> Iterator[Seen]:
        return (seen for each in self.looked for seen in each.conditions.values())


def cover(release: Release, results: Iterable[CaseResult], policy: str | None = None) -> Coverage:
    """What these cases have looked at, of every policy or of one."""
    places: dict[Place, Looked] = {}
    for file in release.bundle.files:
        if policy in (None, file.policy):
            _add(release, file, places)
    files = {file.policy: file for file in tested(release)}
    for result in results:
        for finding in result.verdict.findings:
            place = places.get((finding.policy, finding.rule))
            if place is not None:
                place.reasons += 1
        try:
            own = files[result.policy]
            facts = facts_of(result.variant, own, result.case.cells, result.request)
        except BadPast:
            continue
        context = Context(result.request, facts, moment(result.case.cells))
        _answers(result, context, places)
    return Coverage(tuple(places.values()))


def _add(release: Release, file: PolicyFile, places: dict[Place, Looked]) -> None:
    known = release.catalogue.actions
    for rule in file.rules:
        looked = Looked(file.policy, rule.id, file.path, rule.line)
        for part in _parts(rule.when):
            says = words.condition(part, known, file.lists)
            looked.conditions[part] = Seen(says, _may_be_unsure(part, known))
        places[file.policy, rule.id] = looked
    for limit in file.limits:
        looked = Looked(file.policy, limit.id, file.path, limit.line)
        for part in _parts(limit.of):
            says = words.condition(part, known, file.lists)
            looked.conditions[part] = Seen(says, _may_be_unsure(part, known))
        looked.conditions[limit.id] = Seen("the limit is passed", unsure=True)
        places[file.policy, limit.id] = looked
    for exception in file.exceptions:
        at = (file.policy, exception.id)
        places[at] = Looked(file.policy, exception.id, file.path, exception.line)


def _parts(condition: Condition, branch: bool = False) -> Iterator[Condition]:
    """Every comparison and history, and every part of an `any` that is more than one of them."""
    if isinstance(condition, Test):
        if condition.field not in ("tool.labels", "tool.risk"):
            yield condition
    elif isinstance(condition, History):
        yield condition
    elif isinstance(condition, Not):
        yield from _parts(condition.part)
    elif not isinstance(condition, ActionIs):
        if branch:
            yield condition
        inside = isinstance(condition, Any)
        for part in condition.parts:
            yield from _parts(part, inside)


def _may_be_unsure(condition: Condition, actions: Mapping[str, ActionType]) -> bool:
    """False for what the service always knows; a part of an `any` is counted as its comparisons."""
    if isinstance(condition, Test):
        names = [condition.field, *([condition.other] if condition.other else [])]
        return not all(name.startswith(_OURS) for name in names)
    return isinstance(condition, History)


def _answers(result: CaseResult, context: Context, places: Mapping[Place, Looked]) -> None:
    fields = result.request.fields
    plan = result.variant.plans.get(result.request.action)
    if plan is None:
        return
    for candidate in result.variant.candidates(result.request.action):
        looked = places.get((candidate.policy, candidate.rule.id))
        if looked is not None:
            _count(looked, candidate.node, candidate.rule.when, context, plan.action, fields)
    for cap in plan.caps:
        looked = places.get((cap.policy, cap.limit.id))
        if looked is not None:
            _count(looked, cap.node, cap.limit.of, context, plan.action, fields)
            _limit(looked, cap, context, fields)


def _count(
    looked: Looked,
    node: Node,
    whole: Condition,
    context: Context,
    action: ActionType,
    fields: Fields,
) -> None:
    """Count the answers to every part of one rule's condition in one case."""
    known: dict[Condition, Answer] = {
        leaf.condition: leaf.test(fields, context) for leaf in leaves(node)
    }
    for part, seen in looked.conditions.items():
        if not isinstance(part, str):
            answer = _answer(part, known, action)
            if answer != "nothing":
                seen.count(answer)  # type: ignore[arg-type]


def _answer(part: Condition, known: Mapping[Condition, Answer], action: ActionType) -> Answer | str:
    """The answer to a part, from those of its comparisons; `nothing` where it was not asked."""
    if part in known:
        return known[part]
    decided = specialise(part, action)
    if isinstance(decided, bool):
        return "nothing" if isinstance(part, Test | History) else decided
    if isinstance(part, Not):
        inner = _answer(part.part, known, action)
        return inner if inner is None or isinstance(inner, str) else not inner
    if isinstance(part, Test | History | ActionIs):
        return "nothing"
    answers = [_answer(each, known, action) for each in part.parts]
    answers = [each for each in answers if each != "nothing"]
    stops = isinstance(part, Any)
    if stops in answers:
        return stops
    return None if None in answers else (not stops if answers else "nothing")


def _limit(looked: Looked, cap: Cap, context: Context, fields: Fields) -> None:
    applies = cap.node.test(fields, context)
    if applies is not False:
        answer = passed(cap, applies, fields, context)
        looked.conditions[cap.limit.id].count(answer)
