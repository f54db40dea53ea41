"""Onboarding agents like employees: role, owner, purpose, tools, budget, brief, autonomy.

Law: an agent acts only after two people agreed that it exists in this form; whatever lets it do
more afterwards takes two people again, whatever lets it do less takes one and holds at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from governance.oversight import agents, autonomy, people, sessions
from governance.oversight.commands import Facts, Proposal
from governance.oversight.errors import Refused
from governance.oversight.model import Agent, State
from governance.oversight.times import parse, write
from governance.service import agent_fields, registering
from governance.service.acting import Act, Texts, allowed, as_problem, do, one, person, stated
from governance.service.desk import Caller, Desk
from governance.service.problem import Problem


def propose(
    desk: Desk,
    caller: Caller,
    *,
    agent: str,
    team: str,
    owner: str,
    deputy: str | None = None,
    purpose: str,
    agent_class: str = "not_classified",
    annex: str | None = None,
    reasoning: str | None = None,
    tools: Iterable[str] = (),
    labels: Iterable[str] = (),
    model: str | None = None,
    autonomy: str = "L1",
    autonomy_until: str | None = None,
    budget: Mapping[str, Any] | None = None,
    workspace: str | None = None,
) -> dict[str, Any]:
    """Propose an agent; it acts once another person confirms it.

    `owner` and `deputy` are pseudonyms of active people.  `budget` is
    `{amount, currency, period: day | week | month}`.  Times are RFC 3339 in UTC.
    Returns `{agent, state: draft, entry}`.
    """
    who = person(caller)
    fields = agent_fields.fields(
        {
            "team": team,
            "owner": owner,
            "deputy": deputy,
            "class": agent_class,
            "annex": annex,
            "tools": tools,
            "labels": labels,
            "model": model,
            "budget": budget,
            "workspace": workspace,
        }
    )
    agent_fields.require_name(agent, "agent")
    data = {
        "agent": agent,
        **fields,
        "autonomy": agent_fields.level(autonomy),
        "autonomy_until": None if autonomy_until is None else agent_fields.instant(autonomy_until),
    }
    texts = Texts.of(purpose=stated(purpose, "purpose"), reasoning=reasoning)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, who, "manage agents")
        if agent in state.agents:
            raise Refused(
                "conflict", f"there is an agent `{agent}`, or there was one", field="agent"
            )
        _require_owners(state, fields)
        answer = {"agent": agent, "state": "draft", "entry": index}
        return one("agent.proposed", at, caller, index, data, answer, texts)

    return do(desk, Act(who, run))


def confirm(desk: Desk, caller: Caller, agent: str, *, entry: int | None = None) -> dict[str, Any]:
    """Confirm an agent, or the change of it that waits, as the second person.

    `entry` is the number of the entry that the person was shown; if something else waits by now, the
    confirmation counts for nothing.  Surfaces always give it.
    Returns `{agent, state, confirmed: index, alone}`.
    """
    who = person(caller)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, who, "manage agents")
        found = agents.agent(state, agent)
        waits = agents.waiting(found)
        if waits is None:
            raise Refused("conflict", f"nothing about agent `{agent}` waits for a second person")
        target, proposer, wanted = waits
        role, becomes = "agent", found.state
        if found.state == "draft":
            becomes = "active"
            _require_owners(state, {"owner": wanted.owner, "deputy": wanted.deputy})
        elif found.pending is not None:
            role = "autonomy" if "autonomy" in found.pending.fields else "agent"
            _require_owners(state, found.pending.fields)
            registering.require_of_now(state, found.pending)
        if entry is not None and entry != target:
            raise Refused(
                "not-shown",
                f"entry `{entry}` is not what waits about agent `{agent}`, but entry `{target}`; "
                "look at it before you confirm",
                field="entry",
            )
        alone = state.single_person
        if who == proposer and not alone:
            raise Refused(
                "needs-another", "you proposed this yourself; another agent manager must confirm it"
            )
        data = {"refs": {role: target}, "agent": agent, "alone": alone}
        answer = {"agent": agent, "state": becomes, "confirmed": target, "alone": alone}
        return one("agent.onboarded", at, caller, index, data, answer)

    return do(desk, Act(who, run))


def change(desk: Desk, caller: Caller, agent: str, **fields: Any) -> dict[str, Any]:
    """Change what was agreed about an agent (fields of `propose`, but autonomy).

    A change that loosens waits for `confirm`, and so does every one of a draft, once that is confirmed;
    one that tightens holds at once.
    Returns `{agent, pending, entry, opens}`; `opens` says in sentences what it opens.
    """
    who = allowed(desk, caller, "manage agents")
    texts = Texts.of(purpose=fields.pop("purpose", None), reasoning=fields.pop("reasoning", None))
    if "agent_class" in fields:
        fields["class"] = fields.pop("agent_class")
    new = agent_fields.fields(fields)
    if not new and not texts.items:
        raise Problem("bad-request", "say what to change")
    there = desk.state.agents.get(agent)
    judged = None
    if there is not None:
        as_problem(_living, desk.state, agent)
        judged = registering.changed(desk, there, agents.with_fields(there, new))

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, who, "manage agents")
        found = _living(state, agent)
        _require_owners(state, new)
        known = registering.of_now(judged, desk, state, found, at)
        pending = known.looser or agents.loosens(found, new, _tested(desk, state))
        pending |= found.state == "draft"  # which is confirmed as it was shown
        data = known.into({"agent": agent, "pending": pending, **new})
        answer = {"agent": agent, "entry": index, "pending": pending, "opens": known.opens}
        return one("agent.changed", at, caller, index, data, answer, texts)

    return do(desk, Act(who, run))


def _tested(desk: Desk, state: State) -> frozenset[str]:
    """The fields of agents that the rules in force look at."""
    if state.release is None:
        return frozenset()
    return desk.releases.get(state.release).agent_fields


def suspend(desk: Desk, caller: Caller, agent: str, *, why: str) -> dict[str, Any]:
    """Suspend an agent at once; every action is denied.  Managers, and its owner or deputy."""
    return _turn(desk, caller, agent, "agent.suspended", ("active",), "suspended", why)


def resume(desk: Desk, caller: Caller, agent: str, *, why: str) -> dict[str, Any]:
    """Let a suspended agent act again.  Agent managers only."""
    return _turn(desk, caller, agent, "agent.resumed", ("suspended",), "active", why)


def retire(desk: Desk, caller: Caller, agent: str, *, why: str) -> dict[str, Any]:
    """End an agent for good: keys, sessions and open approvals go; its name is not used again."""
    old = ("draft", "active", "suspended")
    return _turn(desk, caller, agent, "agent.retired", old, "retired", why)


def _turn(
    desk: Desk, caller: Caller, agent: str, kind: str, before: tuple[str, ...], after: str, why: str
) -> dict[str, Any]:
    who, texts = person(caller), Texts.of(why=stated(why, "why"))

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        found = _living(state, agent)
        if not (after == "suspended" and people.answers_for(found, who)):
            people.require(state, who, "manage agents")
        people.person(state, who)
        if found.state not in before:
            raise Refused(
                "conflict", f"agent `{agent}` is {found.state}, not {' or '.join(before)}"
            )
        answer = {"agent": agent, "state": after}
        return one(kind, at, caller, index, {"agent": agent}, answer, texts)

    return do(desk, Act(who, run, lane="stop" if after == "suspended" else "human"))


def set_autonomy(
    desk: Desk,
    caller: Caller,
    agent: str,
    *,
    level: str,
    until: str | None = None,
    why: str = "",
    evidence: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Raise (with an end, on evidence) or lower (at once) how far an agent may go alone.

    `evidence` is what was shown at that moment (figures with their intervals, entry indexes);
    numbers must be whole or text.  An owner may lower, only an agent manager may raise; where it lets
    the agent do more under the rules in force, or none are, another one confirms it.
    Returns `{agent, level, until}`, and of a raise also `{pending, entry, opens}`.
    """
    who, wanted = person(caller), agent_fields.level(level)
    end = None if until is None else parse(agent_fields.instant(until))
    shown, texts = dict(evidence or {}), Texts.of(why=why.strip())
    there, judged = desk.state.agents.get(agent), None
    if there is not None and end is not None:
        as_problem(_require_raisable, desk.state, who, agent, end, shown, desk.now())
        judged = registering.raised(desk, there, wanted, end)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        found = _living(state, agent)
        if end is None and wanted <= autonomy.level(found, at):
            if not people.answers_for(found, who):
                people.require(state, who, "manage agents")
            stated(why, "why")
            lowered = _lowered(found, wanted, at)
            answer = {"until": None, **lowered}
            return one("autonomy.lowered", at, caller, index, lowered, answer, texts)
        ends = _require_raisable(state, who, agent, end, shown, at)
        known = registering.of_now(judged, desk, state, found, at)
        looser = known.looser if known.release else autonomy.raises(found, wanted, ends, at)
        pending = looser and not state.single_person
        told = {"agent": agent, "level": wanted, "until": write(ends)}
        waits = {"pending": True} if pending else {}
        data = known.into({**told, "evidence": shown, **waits})
        answer = {**told, "entry": index, "pending": pending, "opens": known.opens}
        return one("autonomy.granted", at, caller, index, data, answer, texts)

    return do(desk, Act(who, run))


def _lowered(agent: Agent, wanted: str, at: datetime) -> dict[str, Any]:
    """The data of an entry that lowers autonomy: where it would fall further one day, it still does."""
    data: dict[str, Any] = {"agent": agent.id, "level": wanted}
    if agent.autonomy_until is not None and autonomy.raises(agent, wanted, None, at):
        data["until"] = write(agent.autonomy_until)
    return data


def _require_raisable(
    state: State, who: str, name: str, end: datetime | None, shown: Mapping[str, Any], at: datetime
) -> datetime:
    """Refuse a raise that nobody may make; gives its end."""
    people.require(state, who, "manage agents")
    if _living(state, name).state == "draft":
        raise Refused(
            "conflict", f"agent `{name}` is a draft; its autonomy is raised once it is confirmed"
        )
    if end is None or end <= at:
        raise Refused("bad-field", "autonomy is raised for a period; say until when", field="until")
    if not shown:
        raise Refused(
            "bad-field", "autonomy is raised on evidence; say what was shown", field="evidence"
        )
    return end


def set_brief(
    desk: Desk,
    caller: Caller,
    agent: str,
    *,
    text: str,
    as_of: str,
    valid_until: str | None = None,
    sources: Iterable[str] = (),
) -> dict[str, Any]:
    """Tell an agent what it is for, with the date of what was said and its sources.

    Its owner, its deputy or an agent manager.  Returns `{agent, brief: index}`.
    """
    who = person(caller)
    named = {"text": stated(text, "text")}
    named |= {f"source.{n}": source for n, source in enumerate(sources)}
    texts = Texts.named(named)
    stamp = agent_fields.instant(as_of)
    end = None if valid_until is None else agent_fields.instant(valid_until)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        if not people.answers_for(_living(state, agent), who):
            people.require(state, who, "manage agents")
        if parse(stamp) > at:
            raise Refused("bad-field", f"`{as_of}` has not come yet", field="as_of")
        data = {"agent": agent, "as_of": stamp, "valid_until": end}
        return one("brief.set", at, caller, index, data, {"agent": agent, "brief": index}, texts)

    return do(desk, Act(who, run))


def listed(desk: Desk) -> dict[str, Any]:
    """Every agent: `{agents: [...]}` of what `agent` gives."""
    state, now = desk.state, desk.now()
    return {"agents": [_json(desk, state, each, now) for _, each in sorted(state.agents.items())]}


def agent(desk: Desk, name: str) -> dict[str, Any]:
    """One agent as JSON, its texts and those that wait opened from the vault where they still are."""
    state = desk.state
    found = state.agents.get(name)
    if found is None:
        raise Problem("unknown", f"there is no agent `{name}`")
    out = _json(desk, state, found, desk.now())
    for name in ("purpose", "reasoning"):
        out[name] = _opened(desk, agents.text_entry(found, name), name)
    waits = found.pending
    if waits is not None:
        for name in sorted(waits.fields.get("commitments", ())):
            out["pending"]["fields"][name] = _opened(desk, waits.index, name)
        if "autonomy" in waits.fields:
            out["pending"]["why"] = _opened(desk, waits.index, "why")
            out["pending"]["evidence"] = registering.evidence(desk, waits)
    if found.brief is not None:
        out["brief"]["text"] = _opened(desk, found.brief.index, "text")
    return out


def _opened(desk: Desk, index: int, field: str) -> str | None:
    from governance.service.reading import opened

    value = opened(desk, index, field)
    return value if isinstance(value, str) else None


def _json(desk: Desk, state: State, agent: Agent, now: datetime) -> dict[str, Any]:
    budget, brief = agent.budget, agent.brief
    return {
        "agent": agent.id,
        "state": agent.state,
        "team": agent.team,
        "owner": agent.owner,
        "deputy": agent.deputy,
        "class": agent.agent_class,
        "annex": agent.annex,
        "tools": sorted(agent.tools),
        "labels": sorted(agent.labels),
        "model": agent.model,
        "autonomy": autonomy.level(agent, now),
        "autonomy_until": None if agent.autonomy_until is None else write(agent.autonomy_until),
        "budget": None
        if budget is None
        else {"amount": str(budget.amount), "currency": budget.currency, "period": budget.period},
        "workspace": agent.workspace,
        "proposed_by": agent.proposed_by,
        "entry": None if agent.index < 0 else agent.index,
        "pending": None
        if agent.pending is None
        else {
            "entry": agent.pending.index,
            "by": agent.pending.person,
            "fields": {k: v for k, v in agent.pending.fields.items() if k != "commitments"},
            "opens": registering.waiting(desk, agent),
        },
        "brief": None
        if brief is None
        else {
            "entry": None if brief.index < 0 else brief.index,
            "as_of": write(brief.as_of),
            "valid_until": None if brief.valid_until is None else write(brief.valid_until),
        },
        "residue": sorted(agent.residue),
        "sessions": [n for n in agent.sessions if sessions.live(state, n, now) is not None],
    }


def _living(state: State, name: str) -> Agent:
    found = agents.agent(state, name)
    if found.state == "retired":
        raise Refused("conflict", f"agent `{name}` is retired")
    return found


def _require_owners(state: State, fields: Mapping[str, Any]) -> None:
    for name in ("owner", "deputy"):
        who = fields.get(name)
        if who is not None and who not in state.people:
            raise Refused("bad-field", f"`{who}` is not an active person", field=name)
    if fields.get("owner") is not None and fields.get("owner") == fields.get("deputy"):
        raise Refused(
            "bad-field",
            "owner and deputy must be two people, or there is no deputy",
            field="deputy",
        )
