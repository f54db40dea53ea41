"""One verdict: the engine's answer over the service's own facts, lifted by people where they may.

Law: pure.  The same release, request, state, totals and time give the same verdict, in the service
and in every replay.  A grant lifts approval findings only, and only if the people who granted meet
every clause that the release in force asks for now; an override lifts denies only, all of them or
none; neither lifts anything for another digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from governance.engine.compile import Release
from governance.engine.decide import decide, needs
from governance.engine.model import (
    NOTHING,
    ApprovalClause,
    CannotTell,
    Charge,
    Effect,
    FactQuery,
    Finding,
    Mode,
    Money,
    Request,
    Risk,
    Seat,
    Total,
    Value,
    Verdict,
)
from governance.engine.mould import mould
from governance.oversight import agents, approvals, autonomy, overrides, stops
from governance.oversight.model import Agent, Approval, Clause, Override, Session, State
from governance.oversight.model import Seat as RecordedSeat
from governance.oversight.times import MICROSECOND, micros

BUDGET: Final = "budget"
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ALLOW, _DENY = Effect.ALLOW, Effect.DENY
_WORDS: Final = tuple(effect.word for effect in Effect)
"""By the effect's own number: an enumeration works its name out anew each time it is asked."""
_NO_BRIEF: Final = CannotTell("no_brief")
_BRIEF_OVER: Final = CannotTell("brief_expired")
_NOT_RECORDED: Final = CannotTell("not_recorded")


class Totals(Protocol):
    """What answers fact queries: a mapping, or a mapping with the charges of a batch on top."""

    def get(self, query: FactQuery, default: Total, /) -> Total:
        """The total for a query, or `default` if it was not fetched."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict with what it rests on: the request as judged, the facts, and who lifted it."""

    request: Request
    verdict: Verdict
    facts: tuple[tuple[FactQuery, Total], ...]
    approval: Approval | None = None
    override: Override | None = None


def complete(
    request: Request,
    state: State,
    agent: Agent,
    session: Session,
    zone: ZoneInfo | None,
    at: datetime,
) -> Request:
    """`request` with the service's own facts about agent, session and time."""
    brief = agent.brief
    if brief is None:
        age: Value = _NO_BRIEF
    elif brief.valid_until is not None and at >= brief.valid_until:
        age = _BRIEF_OVER
    else:
        age = at - brief.as_of
    action = request.action
    fields = {**request.fields, **_standing_facts(agent, session), **_times(at, zone)}
    fields["agent.autonomy"] = autonomy.level(agent, at)
    fields["agent.tools"] = (action,) if agents.may_use(agent, action) else ()
    fields["agent.brief_age"] = age
    fields["session.age"] = at - session.opened_at
    fields["session.stops"] = _stops(state, agent, session, action) if state.stops else ()
    if session.ancestors:
        _chain(fields, state, session)
    return _request(action, fields, request.undeclared, request.attested, request.pseudonyms)


_request: Final = mould(Request)
_known_facts: Final[dict[tuple[int, int], tuple[Agent, Session, dict[str, Value]]]] = {}
_MOST_KNOWN: Final = 1_024


def _standing_facts(agent: Agent, session: Session) -> dict[str, Value]:
    """What agent and session say by themselves, at any time and about any action.

    Remembered for these very two objects, which never change: an agent asks many times before an
    entry makes another agent or session of it.  Half of completing a request was saying this again.
    """
    place = id(agent), id(session)
    known = _known_facts.get(place)
    if known is not None:
        return known[2]
    facts: dict[str, Value] = {
        **agent_facts(agent),
        "agent.state": agent.state,
        "agent.evaluation_age": _NOT_RECORDED,
        "agent.certified": _NOT_RECORDED,
        "session.id": str(session.index),
        "session.labels": tuple(sorted(session.labels)),
        "session.depth": session.depth,
        "session.opened_by": session.opened_by,
        "session.acting": "agent",
        "session.chain_agents": (),
        "session.chain_teams": (),
        "session.chain_sessions": (),
    }
    folder = workspace_of(agent, session)
    if folder is not None:
        facts["session.workspace"] = folder
    if len(_known_facts) >= _MOST_KNOWN:
        _known_facts.clear()
    _known_facts[place] = agent, session, facts  # held, so that no other object gets their ids
    return facts


def agent_facts(agent: Agent) -> dict[str, Value]:
    """What an agent's record says that rules see, but for its tools and its autonomy."""
    return {
        "agent.id": agent.id,
        "agent.team": agent.team,
        "agent.labels": tuple(sorted(agent.labels)),
        "agent.class": agent.agent_class,
        "agent.owner": agent.owner,
        "agent.model": _NOT_RECORDED if agent.model is None else agent.model,
    }


@lru_cache(maxsize=8)
def _times(at: datetime, zone: ZoneInfo | None) -> dict[str, Value]:
    """What the time says; all decisions of a batch are taken at the same."""
    local = at if zone is None else at.astimezone(zone)
    return {
        "time.hour": local.hour,
        "time.weekday": _WEEKDAYS[local.weekday()],
        "time.date": local.date(),
    }


def _stops(state: State, agent: Agent, session: Session, action: str) -> tuple[str, ...]:
    """The stops in force that cover this request."""
    return tuple(
        str(number)
        for number, stop in sorted(state.stops.items())
        if stops.covers(stop, agent, session, action)
    )


def workspace_of(agent: Agent, session: Session | None) -> str | None:
    """The folder that paths are judged against: the session's, or the agent's registered one."""
    if session is not None and session.workspace is not None:
        return session.workspace
    return agent.workspace


def _chain(fields: dict[str, Value], state: State, session: Session) -> None:
    above = [state.sessions[n] for n in session.ancestors if n in state.sessions]
    names = tuple(dict.fromkeys(each.agent for each in above if each.agent != session.agent))
    fields["session.chain_agents"] = names
    own = state.agents[session.agent].team if session.agent in state.agents else None
    teams = (state.agents[name].team for name in names if name in state.agents)
    fields["session.chain_teams"] = tuple(t for t in dict.fromkeys(teams) if t != own)
    fields["session.chain_sessions"] = tuple(str(n) for n in session.ancestors)


def wanted(release: Release, request: Request, agent: Agent, at: datetime) -> tuple[FactQuery, ...]:
    """The facts a completed request needs: the engine's, and the agent's budget."""
    queries = needs(release, request, at)
    budget = _budget_query(agent, at)
    return queries if budget is None else (*queries, budget)


def judge(
    release: Release,
    request: Request,
    state: State,
    agent: Agent,
    session: Session,
    totals: Totals,
    digest: str,
    at: datetime,
    queries: tuple[FactQuery, ...] | None = None,
) -> Judged:
    """The verdict on a completed request, lifted as far as people have lifted it.

    `totals` answers `wanted` (`queries`, if the caller has them already); a query it lacks is
    *cannot tell*.
    """
    if queries is None:
        queries = wanted(release, request, agent, at)
    facts = {query: totals.get(query, _UNKNOWN) for query in queries} if queries else {}
    recorded = tuple(facts.items())

    def verdict_with(lifted: frozenset[str]) -> Verdict:
        given = decide(release, request, facts, at, lifted)
        return _with_budget(given, request, agent, facts, at, lifted)

    plain = verdict_with(_NOTHING_LIFTED)
    if plain.effect is _ALLOW:
        return _judged(request, plain, recorded, None, None)
    verdict, lifted, override = plain, frozenset[str](), None
    if plain.effect is _DENY:
        override = overrides.in_force(state, digest, at)
        if override is None:
            return Judged(request, plain, recorded)
        denies = {
            f.name: f.waivable_by for f in plain.findings if f.effect is _DENY and not f.lifted
        }
        lifted = overrides.waived(state, override, denies)
        if lifted != denies.keys():
            return Judged(request, plain, recorded)
        verdict = verdict_with(lifted)
        if verdict.effect is _ALLOW:
            return Judged(request, verdict, recorded, None, override)
        if verdict.effect is _DENY:
            return Judged(request, plain, recorded)
    approval = _granted(state, session, digest, at)
    if approval is not None and approvals.satisfied(
        state,
        map(recorded_clause, verdict.clauses),
        [grant.person for grant in approval.grants],
        agent,
        approval.requester,
    ):
        held = {
            f.name for f in verdict.findings if f.effect is Effect.REQUIRE_APPROVAL and f.clause
        }
        freed = verdict_with(lifted | held)
        if freed.effect is _ALLOW:
            return Judged(request, freed, recorded, approval, override)
    return Judged(request, verdict, recorded)


_UNKNOWN: Final = Total(Decimal(0), 0, True)
_NOTHING_LIFTED: Final[frozenset[str]] = frozenset()
_judged: Final = mould(Judged)


def _granted(state: State, session: Session, digest: str, at: datetime) -> Approval | None:
    number = state.open_actions.get((session.index, digest))
    approval = None if number is None else state.approvals.get(number)
    if approval is None or not approval.granted or at >= approval.until:
        return None
    return approval


def recorded_clause(clause: ApprovalClause) -> Clause:
    """An engine's clause as the log and the state hold it."""
    return Clause(
        rule=clause.rule,
        needs=tuple(RecordedSeat(seat.role, seat.count) for seat in clause.needs),
        answer_within=clause.answer_within // MICROSECOND,
        not_by=clause.not_by,
        reason_required=clause.reason_required,
        checklist=clause.checklist,
        review_time=clause.review_time // MICROSECOND,
    )


def _budget_query(agent: Agent, at: datetime) -> FactQuery | None:
    budget = agent.budget
    if budget is None:
        return None
    start = datetime(at.year, at.month, at.day, tzinfo=UTC)
    if budget.period == "week":
        start -= timedelta(days=start.weekday())
    elif budget.period == "month":
        start = start.replace(day=1)
    return FactQuery(BUDGET, agent.id, micros(start), budget.currency)


def _with_budget(
    verdict: Verdict,
    request: Request,
    agent: Agent,
    facts: Mapping[FactQuery, Total],
    at: datetime,
    lifted: frozenset[str],
) -> Verdict:
    """Charge what the action costs, and ask an agent manager when the budget would be exceeded.

    A stated cost only ever tightens: it adds to what is used, and nothing stated adds nothing.
    """
    cost = request.fields.get("context.cost")
    query = _budget_query(agent, at)
    if query is not None and agent.budget is not None:
        used = facts.get(query, NOTHING)
        own = cost.amount if isinstance(cost, Money) else Decimal(0)
        foreign = isinstance(cost, Money) and cost.currency != agent.budget.currency
        unknown = used.mixed or foreign
        over = used.sum >= agent.budget.amount or used.sum + own > agent.budget.amount
        if unknown or over:
            verdict = _asking(verdict, not unknown, lifted)
    if verdict.effect is _ALLOW and isinstance(cost, Money):
        charge = Charge(BUDGET, agent.id, cost.amount, cost.currency)
        verdict = replace(verdict, charges=(*verdict.charges, charge))
    return verdict


_BUDGET_CLAUSE: Final = ApprovalClause(
    rule="service/budget",
    needs=(Seat("agent_manager", 1),),
    answer_within=timedelta(hours=4),
    not_by=("requester",),
    reason_required=True,
)


def _asking(verdict: Verdict, certain: bool, lifted: frozenset[str]) -> Verdict:
    name = "service/budget"
    finding = Finding(
        policy="service",
        rule=BUDGET,
        title="The agent's budget for this period is used up",
        effect=Effect.REQUIRE_APPROVAL,
        because="An agent manager decides whether it may cost more.",
        severity=Risk.MEDIUM,
        certain=certain,
        unknown=() if certain else ("context.cost",),
        fields=("context.cost",),
        mode=Mode.ENFORCE,
        clause=_BUDGET_CLAUSE,
        lifted=name in lifted,
    )
    counted = tuple(each for each in verdict.charges if each.series.startswith("gradual:"))
    findings = tuple(
        sorted((*verdict.findings, finding), key=lambda f: (-f.effect, f.policy, f.rule))
    )
    if finding.lifted:
        return replace(verdict, findings=findings)
    if verdict.effect is _ALLOW:
        return replace(
            verdict,
            effect=Effect.REQUIRE_APPROVAL,
            would_be=max(verdict.would_be, Effect.REQUIRE_APPROVAL),
            findings=findings,
            clauses=(*verdict.clauses, _BUDGET_CLAUSE),
            charges=counted,
            labels=frozenset(),
            observed=False,
        )
    clauses = verdict.clauses
    if verdict.effect is Effect.REQUIRE_APPROVAL:
        clauses = (*clauses, _BUDGET_CLAUSE)
    return replace(verdict, findings=findings, clauses=clauses)


def written(judged: Judged) -> dict[str, Any]:
    """The part of a decision's entry that the verdict gives; see `oversight.entries`."""
    verdict = judged.verdict
    data: dict[str, Any] = {
        "effect": _WORDS[verdict.effect],
        "would_be": _WORDS[verdict.would_be],
        "observed": verdict.observed,
        "findings": [_finding(each) for each in verdict.findings],
        "risk": verdict.risk,
    }
    if verdict.clauses:
        data["clauses"] = [clause_json(recorded_clause(each)) for each in verdict.clauses]
    if verdict.obligations:
        data["obligations"] = [obligation_json(each) for each in verdict.obligations]
    if judged.facts:
        data["facts"] = [
            [query.series, query.key, query.since, format(total.sum, "f"), total.count, total.mixed]
            for query, total in judged.facts
        ]
    if verdict.charges:
        data["charges"] = [
            [charge.series, charge.key, format(charge.amount, "f"), charge.unit]
            for charge in verdict.charges
        ]
    if verdict.labels:
        data["labels"] = sorted(verdict.labels)
    if verdict.sides:
        data["sides"] = dict(verdict.sides)
    return data


def charges_of(data: Mapping[str, Any]) -> tuple[Charge, ...]:
    """The charges that a recorded decision made."""
    return tuple(
        Charge(series, key, Decimal(amount), unit)
        for series, key, amount, unit in data.get("charges", ())
    )


def _finding(finding: Finding) -> dict[str, Any]:
    out: dict[str, Any] = {
        "policy": finding.policy,
        "rule": finding.rule,
        "effect": _WORDS[finding.effect],
        "certain": finding.certain,
        "unknown": list(finding.unknown),
    }
    if finding.waivable_by:
        out["waivable_by"] = list(finding.waivable_by)
    if finding.lifted:
        out["lifted"] = True
    if finding.lifted_by:
        out["lifted_by"] = finding.lifted_by
    return out


def clause_json(clause: Clause) -> dict[str, Any]:
    """A clause as entries and answers write it (times in microseconds)."""
    return {
        "rule": clause.rule,
        "needs": [{"role": seat.role, "count": seat.count} for seat in clause.needs],
        "answer_within": clause.answer_within,
        "not_by": list(clause.not_by),
        "reason_required": clause.reason_required,
        "checklist": list(clause.checklist),
        "review_time": clause.review_time,
    }


def obligation_json(obligation: Any) -> dict[str, Any]:
    """An obligation as entries and answers write it (AuthZEN obligations profile)."""
    return {
        "id": obligation.id,
        "type": obligation.type,
        "properties": {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in obligation.properties.items()
        },
    }
