"""Makes a release out of policy files. The law: what is enforced is exactly what was checked.

A release is named by the digest of its manifest: every file's path and SHA-256, and every list's
date. Compiling the same files gives the same release; a release pickles as its files. Files, rules
and limits are compiled in the order of their names, not of their writing: so a verdict is the same
to the byte wherever they stand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from operator import attrgetter
from typing import Final
from zoneinfo import ZoneInfo

from governance.engine import points
from governance.engine.catalogue import ActionType, Catalogue
from governance.engine.fields import CHAINS
from governance.engine.index import Index
from governance.engine.keys import Past, Reader, pasts_of, reader
from governance.engine.lifting import Lifter, period
from governance.engine.lists import ListFile
from governance.engine.load import Bundle, group_of, load
from governance.engine.model import Effect, Finding, Mode, Obligation, Risk
from governance.engine.nodes import Node, Run, Surroundings, always, build
from governance.engine.points import RiskPlan
from governance.engine.reach import conjuncts, histories_of, independent, specialise
from governance.engine.rules import (
    ActionIs,
    All,
    Condition,
    History,
    Limit,
    ListUse,
    Observing,
    PolicyFile,
    RiskTable,
    Rule,
)
from governance.engine.sides import Rollout
from governance.engine.vocabulary import Reading

Order = tuple[int, str, str]
_POLICY: Final = attrgetter("policy")
_ID: Final = attrgetter("id")
_NAME: Final = attrgetter("name")


@dataclass(frozen=True, slots=True, eq=False)
class Governor:
    """One file in force, as it speaks about one action: whether it applies, and its default."""

    file: PolicyFile
    node: Node
    finding: Finding
    order: Order
    governs: bool

    def observes(self, at: datetime) -> bool:
        """True while the file only watches; before and after its period it enforces."""
        watching: Observing | None = self.file.observing
        return watching is not None and watching.since <= at.date() <= watching.until


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One rule of one file, compiled for one action (or for any). `obligations` are found by their
    canonical text."""

    rule: Rule
    policy: str
    node: Node
    test: Run
    finding: Finding
    order: Order
    allow: bool
    severity: Risk
    obligations: Mapping[str, Obligation]
    pasts: tuple[Past, ...]
    action: ActionType | None
    condition: Condition | bool
    lists: Mapping[str, ListUse]
    unsure: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Cap:
    """One limit of one file, compiled for one action. `node` says whether the action counts."""

    limit: Limit
    policy: str
    node: Node
    finding: Finding
    order: Order
    action: ActionType
    zone: ZoneInfo | None
    key: Reader
    chained: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Extras:
    """What few actions need: what lifts (and the numbers of the rules that it lifts), risk points,
    and files that speak for a share."""

    lifters: tuple[Lifter, ...] = ()
    lifted: frozenset[str] = frozenset()
    risk: RiskPlan | None = None
    rollouts: tuple[Rollout, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Everything that can matter for one action. `risk` are its risk points, also where they change
    nothing; `extras` is None where there is nothing of the kind."""

    action: ActionType
    governors: tuple[Governor, ...]
    index: Index[Candidate]
    caps: tuple[Cap, ...]
    feeds: tuple[Past, ...]
    extras: Extras | None = None
    risk: RiskPlan | None = None


@dataclass(frozen=True, slots=True)
class SeriesSpec:
    """A series that the facts must keep: which actions add to it, and under which fields."""

    name: str
    actions: tuple[str, ...]
    keys: tuple[str, ...]
    measure: str | None
    unit: str


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """What is enforced. `digest` names it; `series` are the totals it needs, so that a new limit can
    be filled from the past; `observing` tells whether some file only watches."""

    digest: str
    bundle: Bundle
    files: Mapping[str, bytes]
    plans: Mapping[str, Plan]
    shared: Index[Candidate]
    series: Mapping[str, SeriesSpec]
    governors: Mapping[str, Governor] = field(default_factory=dict)
    observing: bool = False
    rollouts: tuple[Rollout, ...] = ()

    def __reduce__(self) -> tuple[object, tuple[dict[str, bytes]]]:
        return compile_release, (dict(self.files),)

    @property
    def catalogue(self) -> Catalogue:
        return self.bundle.catalogue

    def candidates(self, action: str) -> tuple[Candidate, ...]:
        """Every rule that can speak about an action."""
        plan = self.plans.get(action)
        return (*plan.index.everything, *self.shared.everything) if plan else ()


def compile_release(
    files: Mapping[str, bytes],
    *,
    lists: Mapping[str, bytes] | None = None,
    at: date | None = None,
) -> Release:
    """Check and compile policy files.

    `files` maps paths (`policies/*.yaml`, `policies/actions/…`, `policies/cases/…`,
    `policies/lists/…`) to bytes; `lists` are further list files. `at` is the day of the check; None
    loads what was checked before, and what has lapsed since does not stop it. Raises PolicyErrors.
    Case tables are read but not run: `cases.run` does that, when a release is made.
    """
    everything = {**files, **(lists or {})}
    bundle = load(everything, at)
    return compile_bundle(bundle, everything, manifest_digest(everything, bundle.lists))


def manifest_digest(files: Mapping[str, bytes], lists: Mapping[str, ListFile]) -> str:
    """Hex SHA-256 over the sorted manifest: each file's path and SHA-256, each list's `as_of`."""
    manifest = {
        "files": {
            path: hashlib.sha256(data).hexdigest()
            for path, data in files.items()
            if group_of(path) is not None
        },
        "lists": {name: made.as_of.isoformat() for name, made in lists.items()},
    }
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def compile_bundle(bundle: Bundle, files: Mapping[str, bytes], digest: str) -> Release:
    """Compile what was loaded. Files in draft mode are left out: they are checked only."""
    live = sorted((file for file in bundle.files if file.mode is not Mode.DRAFT), key=_POLICY)
    table = bundle.risk
    actions = bundle.catalogue.actions
    specific: dict[str, list[Candidate]] = {name: [] for name in actions}
    shared: list[Candidate] = []
    for file in live:
        for rule in sorted(file.rules, key=_ID):
            whole = All((*conjuncts(file.applies_to), *conjuncts(rule.when)))
            if rule.effect is not Effect.ALLOW and independent(whole):
                shared.append(_candidate(file, rule, whole, None))
                continue
            for name in _actions(file, rule, whole, actions):
                left = specialise(whole, actions[name])
                if left is not False:
                    specific[name].append(_candidate(file, rule, left, actions[name]))
    histories = _histories(live, table)
    rollouts = [
        Rollout(file.policy, file.gradual, period(file.gradual.since, file.gradual.until))
        for file in live
        if file.gradual is not None
    ]
    lifting = any(_lifts(file) for file in live)
    plans = {}
    for name, action in actions.items():
        plan = Plan(
            action=action,
            governors=tuple(_governor(file, action) for file in live if name in file.governs),
            index=Index(specific[name]),
            caps=tuple(_caps(live, action)),
            feeds=tuple(Past(h, action) for h in histories.values() if name in h.actions),
        )
        if lifting or rollouts or table is not None:
            plan = _with_extras(plan, live if lifting else (), rollouts, table, shared)
        plans[name] = plan
    return Release(
        digest=digest,
        bundle=bundle,
        files=files,
        plans=plans,
        shared=Index(shared),
        series=_series(live, plans, histories),
        rollouts=tuple(rollouts),
        governors={file.policy: _governor(file, None) for file in live},
        observing=any(file.observing for file in live),
    )


def _lifts(file: PolicyFile) -> bool:
    named: Iterable[Rule | Limit] = (*file.rules, *file.limits)
    return bool(file.exceptions) or any(one.instead_of for one in named)


def _with_extras(
    plan: Plan,
    lifting: Iterable[PolicyFile],
    rollouts: Iterable[Rollout],
    table: RiskTable | None,
    shared: Iterable[Candidate],
) -> Plan:
    """The plan with what lifts, the risk points and the shares that matter for its action."""
    action = plan.action
    lifters = sorted((lift for file in lifting for lift in _lifters(file, action)), key=_NAME)
    speaking = {each.policy for each in (*plan.index.everything, *shared)}
    speaking |= {cap.policy for cap in plan.caps}
    speaking |= {governor.file.policy for governor in plan.governors}
    mine = [rollout for rollout in rollouts if rollout.pair & speaking]
    risk = None
    if table is not None:
        risk = points.plan(
            table,
            action,
            lambda condition, factor: build(
                condition, Surroundings(table.lists, factor.attested_only, action), Reading()
            ),
        )
    matters = risk if risk is not None and risk.matters else None
    lifted = frozenset(name.partition("/")[2] for each in lifters for name in each.targets)
    extras = Extras(tuple(lifters), lifted, matters, tuple(mine))
    some = lifters or mine or matters is not None
    return replace(plan, extras=extras if some else None, risk=risk)


def _lifters(file: PolicyFile, action: ActionType) -> Iterable[Lifter]:
    """What a file lifts when one action is asked for."""
    named: list[tuple[Rule | Limit, Condition]] = [(rule, rule.when) for rule in file.rules]
    named += [(limit, limit.of) for limit in file.limits]
    for one, condition in named:
        allows = isinstance(one, Rule) and one.effect is Effect.ALLOW
        if not one.instead_of or (allows and action.name not in file.governs):
            continue
        left = specialise(All((*conjuncts(file.applies_to), *conjuncts(condition))), action)
        if left is not False:
            yield Lifter(
                name=f"{file.policy}/{one.id}",
                policy=file.policy,
                targets=frozenset(one.instead_of),
                node=_node(left, file, action, one.attested_only, True),
                finds=isinstance(one, Rule),
            )
    severities = {one.id: one.severity for one, _ in named}
    for exception in file.exceptions:
        left = specialise(All((*conjuncts(file.applies_to), *conjuncts(exception.who))), action)
        if left is False:
            continue
        node = _node(left, file, action, False, True)
        finding = Finding(
            policy=file.policy,
            rule=exception.id,
            title=exception.title,
            effect=exception.instead,
            because=exception.reason,
            severity=severities[exception.lifts],
            fields=tuple(sorted(node.fields)),
            clause=exception.clause,
        )
        counts = exception.instead is not Effect.ALLOW or action.name in file.governs
        yield Lifter(
            name=f"{file.policy}/{exception.id}",
            policy=file.policy,
            targets=frozenset({f"{file.policy}/{exception.lifts}"}),
            node=node,
            when=period(exception.since, exception.expires),
            finding=finding if counts else None,
        )


def _actions(
    file: PolicyFile, rule: Rule, whole: All, actions: Mapping[str, ActionType]
) -> Iterable[str]:
    names: Iterable[str] = file.governs if rule.effect is Effect.ALLOW else actions
    for part in whole.parts:
        if isinstance(part, ActionIs):
            allowed = frozenset(names)
            names = [name for name in part.actions if name in allowed]
    return names


def _node(
    condition: Condition | bool, file: PolicyFile, action: ActionType | None,
    attested_only: bool, allow: bool,
) -> Node:  # fmt: skip
    if isinstance(condition, bool):
        return Node(All(()), always, (), ())
    around = Surroundings(file.lists, attested_only, action)
    return build(condition, around, Reading(allow=allow))


def _candidate(
    file: PolicyFile, rule: Rule, condition: Condition | bool, action: ActionType | None
) -> Candidate:
    allow = rule.effect is Effect.ALLOW
    node = _node(condition, file, action, rule.attested_only, allow)
    claims = frozenset(
        name for name in node.fields if name.partition(".")[0] in ("resource", "subject", "context")
    )
    finding = Finding(
        policy=file.policy,
        rule=rule.id,
        title=rule.title,
        effect=rule.effect,
        because=rule.because,
        severity=rule.severity,
        fields=tuple(sorted(node.fields)),
        clause=rule.clause,
        waivable_by=rule.waivable_by,
    )
    return Candidate(
        rule=rule,
        policy=file.policy,
        node=node,
        test=node.test,
        finding=finding,
        order=order_of(finding),
        allow=allow,
        severity=rule.severity,
        obligations={_text_of(one): one for one in rule.obligations},
        pasts=() if isinstance(condition, bool) else pasts_of(condition, action),
        action=action,
        condition=condition,
        lists=file.lists,
        unsure=claims if rule.attested_only else frozenset(),
    )


def _text_of(one: Obligation) -> str:
    return json.dumps([one.id, one.type, one.properties], sort_keys=True)


def order_of(finding: Finding) -> Order:
    """Where a finding stands in a verdict: strictest first, then by policy and rule."""
    return (-finding.effect, finding.policy, finding.rule)


def _governor(file: PolicyFile, action: ActionType | None) -> Governor:
    finding = Finding(
        policy=file.policy,
        rule="default",
        title="No rule of this file decides, so its default does",
        effect=file.default,
        because=f"`{file.policy}` says {file.default.word} where it has no rule.",
        severity=Risk.LOW,
        clause=file.default_clause,
    )
    applies = All(conjuncts(file.applies_to))
    left = specialise(applies, action) if action else (applies if applies.parts else True)
    governs = action is not None and action.name in file.governs
    return Governor(
        file, _node(left, file, action, False, False), finding, order_of(finding), governs
    )


def _caps(files: Iterable[PolicyFile], action: ActionType) -> Iterable[Cap]:
    for file in files:
        for limit in sorted(file.limits, key=_ID):
            whole = All((*conjuncts(file.applies_to), *conjuncts(limit.of)))
            left = specialise(whole, action)
            if left is False:
                continue
            node = _node(left, file, action, limit.attested_only, False)
            measured = (limit.measure,) if limit.measure else ()
            finding = Finding(
                policy=file.policy,
                rule=limit.id,
                title=limit.title,
                effect=limit.otherwise,
                because=limit.because,
                severity=limit.severity,
                fields=tuple(sorted({*node.fields, *measured, *limit.per})),
                clause=limit.clause,
                waivable_by=limit.waivable_by,
            )
            zone = ZoneInfo(limit.calendar_day) if limit.calendar_day else None
            yield Cap(
                limit=limit,
                policy=file.policy,
                node=node,
                finding=finding,
                order=order_of(finding),
                action=action,
                zone=zone,
                key=reader(limit.per, action),
                chained=tuple(name for name in limit.per if name in CHAINS),
            )


def _histories(files: Iterable[PolicyFile], table: RiskTable | None) -> dict[str, History]:
    """Every series that a history of a file in force looks at, by name."""
    conditions = [factor.when for factor in table.factors] if table is not None else []
    for file in files:
        conditions += [rule.when for rule in file.rules]
        conditions += [limit.of for limit in file.limits]
    found: dict[str, History] = {}
    for condition in conditions:
        for history in histories_of(condition):
            found.setdefault(history.series, replace(history, negative=False, in_last=None))
    return dict(sorted(found.items()))


def _series(
    files: Iterable[PolicyFile], plans: Mapping[str, Plan], histories: Mapping[str, History]
) -> dict[str, SeriesSpec]:
    made: dict[str, SeriesSpec] = {}
    for history in histories.values():
        for name in (history.series, history.confirmed_series):
            made[name] = SeriesSpec(name, history.actions, history.same, None, "")
    for file in files:
        if file.gradual is not None:
            name = file.gradual.series
            made[name] = SeriesSpec(name, file.governs, (), None, "")
        for limit in file.limits:
            actions = tuple(
                name for name, plan in plans.items()
                if any(cap.limit is limit for cap in plan.caps)
            )  # fmt: skip
            made[limit.series] = SeriesSpec(
                limit.series, actions, limit.per, limit.measure, limit.unit
            )
    return dict(sorted(made.items()))
