"""The decision. The law: a verdict is a function of release, request, facts and time, nothing else.

In a page: every file in force that governs the action speaks for itself. Its rules match or not;
what cannot be told matches in a deny, an approval or a limit and not in an allow. If none of its
allows or approvals matches with certainty, its default speaks. Denies, approvals and limits of all
other files that reach the request are added, then what the risk points ask for and the built-in
findings. The strictest finding wins. Exceptions and children's rules lift what says that they may
(`lifting`), and of two files of which one replaces the other for a share one is silent (`sides`).

Two things make this monotone, so that less information never loosens: only a *certain* allow or
approval replaces a file's default, and an allow that cannot be told still brings its severity and
its obligations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import Final

from governance.engine import builtin
from governance.engine.compile import (
    Candidate,
    Extras,
    Governor,
    Order,
    Plan,
    Release,
    order_of,
)
from governance.engine.keys import Context
from governance.engine.lifting import lift
from governance.engine.model import (
    Charge,
    Effect,
    FactQuery,
    Finding,
    Mode,
    Obligation,
    Request,
    Risk,
    Total,
    Verdict,
)
from governance.engine.mould import mould
from governance.engine.nodes import doubts
from governance.engine.points import count, oversight
from governance.engine.sides import NEW, Rollout
from governance.engine.totals import (
    cap_charges,
    cap_queries,
    history_charges,
    passed,
    unsure_of,
)
from governance.engine.vocabulary import Fields

NOTHING_LIFTED: Final[frozenset[str]] = frozenset()
_ALLOW, _ASK, _DENY = Effect.ALLOW, Effect.REQUIRE_APPROVAL, Effect.DENY
_first = itemgetter(0)


def needs(release: Release, request: Request, at: datetime) -> tuple[FactQuery, ...]:
    """The totals that `decide` will look at for this request; each once."""
    plan = release.plans.get(request.action)
    if plan is None:
        return ()
    context = Context(request, {}, at)
    fields = request.fields
    asked: list[FactQuery] = []
    for candidate in plan.index.reach(fields):
        if candidate.pasts and candidate.test(fields, context) is not False:
            for past in candidate.pasts:
                asked += past.queries(fields, context)
    for cap in plan.caps:
        if cap.node.test(fields, context) is not False:
            asked += cap_queries(cap, fields, context)
    if plan.extras is not None:
        asked += _extra_needs(plan.extras, fields, context)
    return tuple(dict.fromkeys(asked))


def _extra_needs(extras: Extras, fields: Fields, context: Context) -> Iterable[FactQuery]:
    for rollout in extras.rollouts:
        yield from rollout.queries(fields, context)
    for part in extras.risk.parts if extras.risk is not None else ():
        if part.pasts and part.node.test(fields, context) is not False:
            for past in part.pasts:
                yield from past.queries(fields, context)


def decide(
    release: Release,
    request: Request,
    facts: Mapping[FactQuery, Total],
    at: datetime,
    lifted: frozenset[str] = NOTHING_LIFTED,
) -> Verdict:
    """The verdict on one request.

    `facts` answer `needs`; a fact that is missing cannot be told. `at` is an aware datetime.
    `lifted` names findings (`policy/rule`) that people lifted: approvals that were granted, and
    denies that were overridden and may be waived; nothing else can be lifted. Never raises on
    what a request holds.
    """
    plan = release.plans.get(request.action)
    risk = plan.action.risk if plan is not None else Risk.LOW
    hearing = _Hearing(request, Context(request, facts, at), risk)
    if not builtin.stands(request.action, request.fields):
        standing = builtin.standing(request.action, request.fields)
        hearing.hits += [(order_of(finding), finding) for finding in standing]
    if plan is None:
        hearing.hits.append((order_of(builtin.GOVERNED), builtin.GOVERNED))
        return hearing.verdict(None, lifted)
    if release.observing:
        hearing.watching = frozenset(
            name for name, governor in release.governors.items() if governor.observes(at)
        )
    extras = plan.extras
    if extras is not None and extras.rollouts:
        hearing.take_sides(extras)
    hearing.rules(plan.index.reach(request.fields))
    if release.shared.everything:
        hearing.rules(release.shared.reach(request.fields))
    if plan.caps:
        hearing.limits(plan)
    if extras is not None:
        hearing.extras(extras)
    hearing.defaults(plan.governors)
    return hearing.verdict(plan, lifted)


class _Hearing:
    """What has been heard so far about one request."""

    __slots__ = (
        "context", "hits", "obligations", "observed", "request", "risk", "sides", "silent", "spoke",
        "unsure", "watching",
    )  # fmt: skip

    def __init__(self, request: Request, context: Context, risk: Risk) -> None:
        self.request = request
        self.context = context
        self.risk = risk
        self.hits: list[tuple[Order, Finding]] = []
        self.spoke: set[str] = set()
        self.unsure: dict[str, set[str]] = {}
        self.obligations: dict[str, Obligation] = {}
        self.watching: frozenset[str] = NOTHING_LIFTED
        self.observed = False
        self.silent: frozenset[str] = NOTHING_LIFTED
        self.sides: tuple[tuple[Rollout, str], ...] = ()

    def take_sides(self, extras: Extras) -> None:
        """Which of two files speaks, wherever one replaces the other for a share."""
        fields, context = self.request.fields, self.context
        self.sides = tuple((each, each.side(fields, context)) for each in extras.rollouts)
        quiet = (rollout.silent(side) for rollout, side in self.sides)
        self.silent = frozenset(policy for policy in quiet if policy is not None)

    def extras(self, extras: Extras) -> None:
        """What exceptions and children's rules lift, and what the risk points bring."""
        fields, context = self.request.fields, self.context
        if extras.lifters and not self.request.undeclared:
            self.hits, instead = lift(
                self.hits,
                extras.lifters,
                extras.lifted,
                self.silent,
                self.watching,
                fields,
                context,
            )
            for finding in instead:
                self.hits.append((order_of(finding), finding))
                self.spoke.add(finding.policy)
        if extras.risk is not None:
            counted = count(extras.risk, fields, context)
            level, brought = oversight(extras.risk, counted, fields.get("agent.autonomy"))
            self.risk = max(self.risk, level)
            if brought is not None:
                self.hits.append((order_of(brought), brought))

    def rules(self, candidates: Iterable[Candidate]) -> None:
        """Every rule that matches, or may."""
        fields, context, silenced = self.request.fields, self.context, self.request.undeclared
        if self.silent:
            candidates = [each for each in candidates if each.policy not in self.silent]
        for candidate in candidates:
            answer = candidate.test(fields, context)
            if answer is False:
                continue
            watched = self.watching and candidate.policy in self.watching
            if not watched:
                if candidate.severity > self.risk:
                    self.risk = candidate.severity
                if candidate.obligations:
                    self.obligations |= candidate.obligations
            finding = candidate.finding
            if candidate.allow and (answer is None or silenced):
                if answer is None:
                    names = doubts(candidate.node, fields, context)
                    self.unsure.setdefault(candidate.policy, set()).update(names)
                continue
            if answer is None:
                names = doubts(candidate.node, fields, context)
                finding = replace(finding, certain=False, unknown=names)
            elif finding.effect is not _DENY:
                self.spoke.add(candidate.policy)
            if watched:
                finding = replace(finding, mode=Mode.OBSERVE)
            self.hits.append((candidate.order, finding))

    def limits(self, plan: Plan) -> None:
        """Every limit that this request passes, or may pass."""
        fields, context = self.request.fields, self.context
        for cap in plan.caps:
            applies = cap.node.test(fields, context)
            if applies is False or cap.policy in self.silent:
                continue
            answer = passed(cap, applies, fields, context)
            if answer is False:
                continue
            finding = cap.finding
            if answer is None:
                names = {*doubts(cap.node, fields, context), *unsure_of(cap, fields, context)}
                if applies is True:
                    names = set(unsure_of(cap, fields, context)) or {f"limits.{cap.limit.id}"}
                finding = replace(finding, certain=False, unknown=tuple(sorted(names)))
            if cap.policy in self.watching:
                finding = replace(finding, mode=Mode.OBSERVE)
            else:
                self.risk = max(self.risk, cap.limit.severity)
            self.hits.append((cap.order, finding))

    def defaults(self, governors: tuple[Governor, ...]) -> None:
        """The default of every governing file in which nothing decided; `governed` without any."""
        fields, context, names = self.request.fields, self.context, self.request.undeclared
        governed, watcher = False, ""
        for governor in governors:
            applies = governor.node.test(fields, context)
            if applies is False:
                continue
            policy = governor.file.policy
            if policy in self.silent:
                continue
            watched = policy in self.watching
            if applies:  # a file that only may apply restricts, but governs nothing
                governed = governed or not watched
                watcher = watcher or (policy if watched else "")
            if policy in self.spoke:
                continue
            unsure = {*self.unsure.get(policy, ()), *names}
            if applies is None:
                unsure.update(doubts(governor.node, fields, context))
            made = [governor.finding]
            if unsure:
                unknown = tuple(sorted(unsure))
                made = [replace(governor.finding, certain=False, unknown=unknown)]
            if names:
                made.append(builtin.undeclared(governor.finding, names))
            if watched:
                made = [replace(finding, mode=Mode.OBSERVE) for finding in made]
            self.hits += [(order_of(finding), finding) for finding in made]
        if not governed:
            finding = builtin.observed(watcher) if watcher else builtin.GOVERNED
            self.observed = bool(watcher)
            self.hits.append((order_of(finding), finding))

    def verdict(self, plan: Plan | None, lifted: frozenset[str]) -> Verdict:
        """Weigh what was heard: autonomy, obligations, what people lifted; then the strictest."""
        # Only what is certain spares the ladder's approval: else a garbled field, by bringing in
        # some other rule's approval, would choose who is asked.
        said = _ALLOW
        for _, finding in self.hits:
            if (
                finding.effect > said
                and finding.certain
                and finding.mode is Mode.ENFORCE
                and not finding.lifted
            ):
                said = finding.effect
        level = self.request.fields.get("agent.autonomy")
        if plan is not None and level not in ("L4", "L5"):
            cap = builtin.autonomy(level, self.risk, said)
            if cap is not None:
                self.hits.append((order_of(cap), cap))
        owed: tuple[Obligation, ...] = ()
        if self.obligations:
            owed = tuple(one for _, one in sorted(self.obligations.items(), key=_first))
            known = self.request.fields.get("context.obligations_supported")
            can = known if isinstance(known, tuple) else ()
            missing = dict.fromkeys(
                one.id for one in owed if one.id not in can and one.type not in can
            )
            for finding in map(builtin.obligation, missing):
                self.hits.append((order_of(finding), finding))
        if lifted:
            self.hits = [(order, _lift(finding, lifted)) for order, finding in self.hits]
        if len(self.hits) > 1:
            self.hits.sort(key=_first)
        return self._weigh(plan, tuple(finding for _, finding in self.hits), owed)

    def _weigh(
        self, plan: Plan | None, findings: tuple[Finding, ...], owed: tuple[Obligation, ...]
    ) -> Verdict:
        effect = would_be = _ALLOW
        clauses = []
        for finding in findings:
            if finding.lifted:
                continue
            if finding.effect > would_be:
                would_be = finding.effect
            if finding.mode is Mode.ENFORCE:
                if finding.effect > effect:
                    effect = finding.effect
                if finding.clause is not None:
                    clauses.append(finding.clause)
        allowed = effect is _ALLOW and plan is not None
        # a verdict without a finding is made by its class, which refuses it
        return (_verdict if findings else Verdict)(
            effect,
            findings,
            () if effect is _DENY else owed,
            tuple(clauses),
            self._charged(plan, effect) if self.sides or allowed else (),
            plan.action.attaches if allowed and plan else frozenset(),
            _RISKS[self.risk],
            self.observed,
            would_be,
            tuple((rollout.policy, side) for rollout, side in self.sides) if self.sides else (),
        )

    def _charged(self, plan: Plan | None, effect: Effect) -> tuple[Charge, ...]:
        """What an allowed action adds to every series, and any decision to the counters of a share."""
        out = _charges(plan, self.request, self.context) if plan and effect is _ALLOW else ()
        for rollout, side in self.sides:
            if side == NEW:
                out = (*out, *rollout.charges(effect, self.context))
        return out


_verdict: Final = mould(Verdict, checked=True)
_RISKS: Final = tuple(risk.word for risk in Risk)


def _lift(finding: Finding, lifted: frozenset[str]) -> Finding:
    if finding.name not in lifted or finding.mode is not Mode.ENFORCE or finding.lifted:
        return finding
    asked = finding.effect is _ASK and finding.clause is not None
    waived = finding.effect is _DENY and finding.waivable_by
    return replace(finding, lifted=True) if asked or waived else finding


def _charges(plan: Plan, request: Request, context: Context) -> tuple[Charge, ...]:
    if not plan.caps and not plan.feeds:
        return ()
    out: list[Charge] = []
    for cap in plan.caps:
        if cap.node.test(request.fields, context) is not False:
            out += cap_charges(cap, request.fields, context)
    out += history_charges(plan.feeds, request)
    return tuple(out)


def charges(release: Release, request: Request, at: datetime) -> tuple[Charge, ...]:
    """What this request, once allowed, adds to every series of the release: for filling a new
    limit from recorded decisions. A limit whose condition cannot be told is charged."""
    plan = release.plans.get(request.action)
    return _charges(plan, request, Context(request, {}, at)) if plan else ()


def confirmed(allowed: Iterable[Charge]) -> tuple[Charge, ...]:
    """The charges that an attested outcome `executed` adds: to the confirmed histories only."""
    return tuple(
        replace(charge, series="done:" + charge.series.removeprefix("did:"))
        for charge in allowed
        if charge.series.startswith("did:")
    )
