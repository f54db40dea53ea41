"""Agents: proposed by one person, confirmed by another, changed, suspended, retired.

Law: an agent acts only while it is active, which takes two people (or the only person of a
workspace, marked `alone`); a change that loosens waits for the second person again, a change that
tightens holds at once.  What loosens an answer under the rules in force is found out by the analysis
(`engine.registered`); `loosens` is the floor for what no analysis sees.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from immutables import Map

from governance.oversight.errors import Refused
from governance.oversight.model import Agent, Brief, Budget, Change, Refusal, State, Stop
from governance.oversight.stops import halted
from governance.oversight.times import parse, parse_or_none

ALL_TOOLS: Final = "*"


def agent(state: State, name: str) -> Agent:
    """The agent `name`, in whatever state; refuses when there is none."""
    found = state.agents.get(name)
    if found is None:
        raise Refused("unknown", f"there is no agent `{name}`; see the list of agents")
    return found


def may_use(agent: Agent, action: str) -> bool:
    """Whether `action` is among the agent's tools: itself, a family such as `mcp.*`, or all."""
    tools = agent.tools
    if action in tools or ALL_TOOLS in tools:
        return True
    parts = action.split(".")
    return any(".".join(parts[:n]) + ".*" in tools for n in range(1, len(parts)))


def loosens(agent: Agent, fields: Mapping[str, Any], tested: frozenset[str] = frozenset()) -> bool:
    """Whether a change lets the agent do more, or makes other rules apply to it.

    `tested` are the fields of agents that the rules in force look at.

    Whatever the rules in force answer today, two people decide on more tools, another class, team,
    labels or workspace: releases to come are examined for every agent but not for this one, a stop of
    the team covers it no more, and paths are judged against the workspace.  Owner, deputy and annex
    say who is accountable and for what, and the budget is no rule.  Another model loosens where a rule
    in force asks which one it is.  Fewer tools, a smaller budget or a new purpose text do not.
    """
    if "model" in fields and "agent.model" in tested and fields["model"] != agent.model:
        return True
    if any(
        name in fields
        for name in ("team", "class", "owner", "deputy", "labels", "annex", "workspace")
    ):
        return True
    if not frozenset(fields.get("tools", ())) <= agent.tools:
        return True
    if "budget" in fields:
        new, old = _budget(fields["budget"]), agent.budget
        if new is None:
            return old is not None
        if old is not None and (new.currency, new.period) != (old.currency, old.period):
            return True
        return old is not None and new.amount > old.amount
    return False


def waiting(agent: Agent) -> tuple[int, str, Agent] | None:
    """What waits for a second person: the entry, who proposed it, and the agent as it would be."""
    if agent.state == "draft":
        return agent.index, agent.proposed_by, agent
    waits = agent.pending
    if waits is None:
        return None
    return waits.index, waits.person, with_fields(agent, waits.fields, waits.index)


def text_entry(agent: Agent, name: str) -> int:
    """The entry with the newest text about an agent (its `purpose`, its `reasoning`)."""
    return agent.texts.get(name, agent.index)


# the fold


def _budget(value: Any) -> Budget | None:
    if value is None:
        return None
    return Budget(Decimal(value["amount"]), value["currency"], value["period"])


def _set(state: State, agent: Agent) -> State:
    return replace(state, agents=state.agents.set(agent.id, agent))


def _set_at_once(state: State, index: int, old: Agent, new: Agent) -> State:
    """Another record of an agent holds; what was found out about a change that waits was not of it."""
    waits = old.pending
    seen = replace(new, texts=old.texts)  # no rule looks at texts
    looked = waits is not None and (waits.files is not None or "autonomy" in waits.fields)
    if waits is not None and looked and seen != old:
        new = replace(new, pending=replace(waits, overtaken=index))
    return _set(state, new)


def proposed(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """agent.proposed"""
    new = Agent(
        id=data["agent"],
        index=index,
        state="draft",
        team=data["team"],
        owner=data["owner"],
        deputy=data["deputy"],
        agent_class=data["class"],
        annex=data["annex"],
        tools=frozenset(data["tools"]),
        labels=frozenset(data["labels"]),
        model=data["model"],
        autonomy=data["autonomy"],
        autonomy_until=parse_or_none(data["autonomy_until"]),
        budget=_budget(data["budget"]),
        proposed_by=by["id"],
        workspace=data["workspace"],
    )
    return _set(state, new)


_NAMES: Final = {"class": "agent_class"}
_SETS: Final = ("tools", "labels")
_FOUND: Final = ("release", "files")
"""Of a change: what was found out about it."""


def with_fields(agent: Agent, fields: Mapping[str, Any], index: int | None = None) -> Agent:
    """An agent with other fields, as an entry has them; `index` is that entry, once there is one."""
    new: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "commitments":
            if index is not None:  # texts live in the vault; the state knows where
                new["texts"] = agent.texts.update(dict.fromkeys(value, index))
            continue
        if name in _SETS:
            value = frozenset(value)
        elif name == "budget":
            value = _budget(value)
        elif name == "autonomy_until":
            value = parse(value)
        new[_NAMES.get(name, name)] = value
    return replace(agent, **new)


def onboarded(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """agent.onboarded: confirms the proposal, or the change that was waiting."""
    old = state.agents[data["agent"]]
    if old.pending is not None and old.pending.index in data["refs"].values():
        new = with_fields(old, old.pending.fields, old.pending.index)
        return _set(state, replace(new, pending=None))
    return _set(state, replace(old, state="active"))


def changed(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """agent.changed: at once when it tightens, waiting when it loosens."""
    old = state.agents[data["agent"]]
    fields = {name: data[name] for name in data if name not in ("agent", "pending", *_FOUND)}
    if data["pending"]:
        change = Change(index, by["id"], fields, data.get("files"))
        return _set(state, replace(old, pending=change))
    return _set_at_once(state, index, old, with_fields(old, fields, index))


def suspended(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """agent.suspended"""
    name = data["agent"]
    state = _set(state, replace(state.agents[name], state="suspended"))
    return halted(state, Stop(index, "agent", name, by["id"], at))


def resumed(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """agent.resumed"""
    return _set(state, replace(state.agents[data["agent"]], state="active"))


def retired(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """agent.retired: its sessions, keys and open approvals go; its name stays, never to be reused."""
    gone = state.agents[data["agent"]]
    keys, sessions, approvals, open_actions = (
        state.keys,
        state.sessions,
        state.approvals,
        state.open_actions,
    )
    for digest, key in state.keys.items():
        if key.holder_type == "agent" and key.holder_id == gone.id:
            keys = keys.delete(digest)
    for session in gone.sessions:
        sessions = sessions.delete(session)
    for number, approval in state.approvals.items():
        if approval.agent == gone.id:
            approvals = approvals.delete(number)
            action = (approval.session, approval.digest)
            if action in open_actions:  # two may wait for one: an overdue one, and a new one
                open_actions = open_actions.delete(action)
    last = replace(gone, state="retired", pending=None, standing=None, sessions=(), refusals=Map())
    return replace(
        state,
        agents=state.agents.set(gone.id, last),
        keys=keys,
        sessions=sessions,
        approvals=approvals,
        open_actions=open_actions,
    )


def autonomy_granted(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """autonomy.granted: at once where it loosens nothing, waiting where it does."""
    old = state.agents[data["agent"]]
    if data.get("pending"):
        fields = {"autonomy": data["level"], "autonomy_until": data["until"]}
        change = Change(index, by["id"], fields, data.get("files"))
        return _set(state, replace(old, pending=change))
    new = replace(old, autonomy=data["level"], autonomy_until=parse(data["until"]))
    return _set_at_once(state, index, old, new)


def autonomy_lowered(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """autonomy.lowered"""
    old = state.agents[data["agent"]]
    until = parse_or_none(data.get("until"))
    new = replace(old, autonomy=data["level"], autonomy_until=until)
    return _set_at_once(state, index, old, new)


def briefed(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """brief.set"""
    brief = Brief(index, parse(data["as_of"]), parse_or_none(data["valid_until"]))
    return _set(state, replace(state.agents[data["agent"]], brief=brief))


def cooled(agent: Agent, variant: str, until: datetime, at: datetime, keep: int) -> Agent:
    """`agent` with one more refusal of `variant`, keeping at most `keep` refusals."""
    refusals = agent.refusals
    before = refusals.get(variant)
    count = (before.count if before else 0) + 1
    refusals = refusals.set(variant, Refusal(count, until))
    if len(refusals) > keep:
        oldest = min(refusals.items(), key=lambda item: (item[1].until, item[0]))[0]
        refusals = refusals.delete(oldest)
    return replace(agent, refusals=refusals)
