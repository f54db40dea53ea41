"""What of a release decides about one action. The law: where it is equal, the verdicts are.

Whatever is written in another order, under another number or title, compares equal; what is written
differently may still mean the same, and is left to the search. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from governance.engine.atoms import Use
from governance.engine.compile import Extras, Release
from governance.engine.model import ApprovalClause, Obligation
from governance.engine.rules import Condition, Limit, ListUse, PolicyFile, Rule, Test
from governance.engine.situations import leaves


def speaks(release: Release, action: str) -> object:
    """Everything of a release that can decide about an action, whatever its order, numbers and
    titles: where this is equal, nothing is answered differently."""
    plan = release.plans.get(action)
    if plan is None:
        return None
    rules = Counter(
        repr((each.policy, each.condition, _used(each.condition, each.lists), _clauses(each.rule)))
        for each in release.candidates(action)
    )
    governors = sorted(
        repr((each.file.policy, each.node.condition, _used(each.node.condition, each.file.lists),
              each.file.default, _bare(each.file.default_clause), each.file.observing))
        for each in plan.governors
    )  # fmt: skip
    caps = sorted(
        repr((each.policy, each.node.condition, each.limit.at_most, each.limit.window,
              each.limit.calendar_day, each.limit.series,
              _used(each.node.condition, release.governors[each.policy].file.lists),
              _clauses(each.limit)))
        for each in plan.caps
    )  # fmt: skip
    watching = sorted(repr((n, g.file.observing)) for n, g in release.governors.items())
    own = plan.action
    return (rules, governors, caps, watching, own.labels, own.risk, declared(release, action),
            _extras(release, plan.extras))  # fmt: skip


def _extras(release: Release, extras: Extras | None) -> object:
    """What lifts, the risk points, and the shares; rules have names where something lifts them."""
    if extras is None:
        return None
    lifters = sorted(
        repr((each.name, each.policy, sorted(each.targets), each.node.condition, each.when,
              _used(each.node.condition, release.governors[each.policy].file.lists), each.finds,
              each.finding and (each.finding.effect, _bare(each.finding.clause))))
        for each in extras.lifters
    )  # fmt: skip
    named = sorted(
        repr((f"{file.policy}/{rule.id}", rule.when if isinstance(rule, Rule) else rule.of,
              _clauses(rule)))
        for file in (governor.file for governor in release.governors.values())
        for rule in _written(file)
        if lifters
    )  # fmt: skip
    shares = sorted(repr((each.policy, replace(each.gradual, by=""), each.when))
                    for each in extras.rollouts)  # fmt: skip
    risk = extras.risk
    points = risk and repr((
        risk.base, sorted(risk.table.levels.items()),
        sorted((name, sorted(row.items())) for name, row in risk.table.matrix.items()),
        sorted((level, _bare(clause)) for level, clause in risk.table.clauses.items()),
        sorted(repr((part.factor.points, part.node.condition, part.factor.attested_only,
                     _used(part.node.condition, risk.table.lists))) for part in risk.parts),
    ))  # fmt: skip
    return lifters, named, shares, points


def _used(condition: Condition | bool, lists: Mapping[str, ListUse]) -> list[tuple[object, ...]]:
    return [
        (use.field, use.op, sorted(map(repr, made.constants)), made.until)
        for use in leaves(condition)
        if isinstance(use, Test)
        for made in (Use.of(use, lists, False),)
    ]


def _clauses(rule: Rule | Limit) -> tuple[object, ...]:
    effect = rule.effect if isinstance(rule, Rule) else rule.otherwise
    duties = tuple(plain_duty(d) for d in rule.obligations) if isinstance(rule, Rule) else ()
    return (effect, rule.severity, _bare(rule.clause), frozenset(rule.waivable_by), duties,
            rule.attested_only)  # fmt: skip


def _bare(clause: ApprovalClause | None) -> ApprovalClause | None:
    return clause and replace(clause, rule="")


def _written(file: PolicyFile) -> tuple[Rule | Limit, ...]:
    return (*file.rules, *file.limits)


def plain_duty(duty: Obligation) -> tuple[str, str, tuple[tuple[str, object], ...]]:
    """An obligation as a value that can be compared."""
    return duty.id, duty.type, tuple(sorted(duty.properties.items()))


def declared(release: Release, action: str) -> object:
    """The arguments and claims of an action, or None where a release does not know it."""
    plan = release.plans.get(action)
    if plan is None:
        return None
    return (
        dict(plan.action.args),
        dict(plan.action.claims),
    )
