"""Who and what is governed, as the log has it at the end of the period: agents, people, releases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reports.evidence import Erasure, Gap, ReleaseRow
from reports.standing import Standing
from reports.tally.disclosed import says
from reports.tally.exceptions import Exceptions
from reports.tally.marks import Mark, Scope

_FIELDS = {"team": "team", "owner": "owner", "deputy": "deputy", "class": "ai_act_class"}
_STATES = {
    "agent.suspended": "suspended",
    "agent.resumed": "active",
    "agent.retired": "retired",
}


@dataclass(slots=True)
class Agent:
    """One agent while the log is read."""

    agent: str
    index: int
    team: str = ""
    owner: str | None = None
    deputy: str | None = None
    ai_act_class: str = "not_classified"
    annex: str | None = None
    autonomy: str = "L0"
    state: str = "draft"
    confirmed: bool = False
    brief_as_of: datetime | None = None
    brief_until: datetime | None = None
    last: int = 0
    standing: bool = False


class Registry:
    """Folds entries about agents, people, policy and the service itself."""

    def __init__(self, scope: Scope, exceptions: Exceptions) -> None:
        self._scope, self._exceptions = scope, exceptions
        self.agents: dict[str, Agent] = {}
        self._pending: dict[int, Mapping[str, Any]] = {}
        self.roles: dict[str, tuple[str, ...]] = {}
        self.role_marks: dict[str, Mark] = {}
        self.releases: list[ReleaseRow] = []
        self.release_entries: dict[str, tuple[int, datetime]] = {}
        self.gaps: list[Gap] = []
        self.erasures: list[Erasure] = []

    def begin(self, standing: Standing) -> None:
        """Go on from what stood at a cut. Who confirmed an agent before it cannot be told."""
        for a in standing.agents:
            self.agents[a.agent] = Agent(
                a.agent,
                a.index,
                a.team,
                a.owner,
                a.deputy,
                a.ai_act_class,
                a.annex,
                a.autonomy,
                a.state,
                brief_as_of=a.brief_as_of,
                brief_until=a.brief_until,
                last=a.index,
                standing=True,
            )
        for person, (index, roles) in standing.roles.items():
            self._person(index, "person.added", {"person": person, "roles": roles})
        if standing.release is not None:
            release, index = standing.release
            self.release_entries[release] = (index, standing.last_at)

    def take(self, index: int, kind: str, at: datetime, data: Mapping[str, Any]) -> None:
        """One entry; nothing after the period's end changes what the report says of agents."""
        if at >= self._scope.period.end:
            return
        family = kind.partition(".")[0]
        if family in ("agent", "autonomy", "brief"):
            self._agent(index, kind, at, data)
        elif family == "person":
            self._person(index, kind, data)
        elif kind == "policy.released":
            self._released(index, at, data)
        elif family in ("service", "anchor"):
            self._disclosed(index, kind, at, data)
        elif kind == "data.erased" and self._scope.within(at):
            subject, ground = str(data["subject"]), str(data["ground"])
            until = _instant(data.get("copies_until"))
            self.erasures.append(Erasure(index, at, subject, ground, int(data["values"]), until))

    def granted(
        self, index: int, kind: str, at: datetime, by: Mapping[str, Any], data: Mapping[str, Any]
    ) -> None:
        """Rights of people that one other person gave: who can give them could use them."""
        if not self._scope.within(at) or by["type"] != "person":
            return
        if kind in ("person.added", "person.changed"):
            # What waits, or what a second administrator confirmed, was not given by one person.
            if not data.get("alone", "waiting" not in data and "refs" not in data):
                return
            cause = "added" if kind == "person.added" else "changed"
            self._exceptions.note("roles", "", cause, index, at, kind)
        elif kind == "key.issued":
            holder = data["holder"]
            if holder["type"] == "person" and holder["id"] != by["id"]:
                self._exceptions.note("credential", "", "key issued", index, at, kind)

    def get(self, agent: str) -> Agent | None:
        """The agent as known so far."""
        return self.agents.get(agent)

    def _agent(self, index: int, kind: str, at: datetime, data: Mapping[str, Any]) -> None:
        name = str(data["agent"])
        agent = self.agents.get(name)
        if agent is None:
            agent = self.agents[name] = Agent(name, index)
        agent.last = index
        counted = self._scope.within(at) and self._scope.mine(name)
        if kind == "agent.proposed":
            self._change(agent, data)
        elif kind == "agent.changed":
            if data.get("pending"):
                self._pending[index] = data
            else:
                self._change(agent, data)
        elif kind == "agent.onboarded":
            self._confirm(agent, index, at, data, counted)
        elif kind == "brief.set":
            agent.brief_as_of = _instant(data.get("as_of"))
            agent.brief_until = _instant(data.get("valid_until"))
        elif kind in ("autonomy.granted", "autonomy.lowered"):
            if data.get("pending"):
                self._pending[index] = {"autonomy": data["level"]}
            else:
                agent.autonomy = str(data["level"])
        elif kind in _STATES:
            agent.state = _STATES[kind]

    def _confirm(
        self, agent: Agent, index: int, at: datetime, data: Mapping[str, Any], counted: bool
    ) -> None:
        refs = data.get("refs", {})
        change = self._pending.pop(refs.get("agent", refs.get("autonomy", -1)), None)
        if change is not None:
            self._change(agent, change)
        else:
            agent.state, agent.confirmed = "active", not data.get("alone", False)
        if counted and data.get("alone"):
            cause = "confirming an agent"
            self._exceptions.note("alone", agent.agent, cause, index, at, "agent.onboarded")

    def _change(self, agent: Agent, data: Mapping[str, Any]) -> None:
        for field, name in _FIELDS.items():
            if field in data:
                setattr(agent, name, data[field])
        if "annex" in data:
            agent.annex = data["annex"]
        agent.autonomy = str(data.get("autonomy", agent.autonomy))

    def _person(self, index: int, kind: str, data: Mapping[str, Any]) -> None:
        person = str(data["person"])
        self.roles.pop(person, None)
        if kind != "person.left":
            self.roles[person] = tuple(data.get("roles", ()))
        for role in data.get("roles", ()):
            kinds = ("person.added", "person.changed")
            self.role_marks.setdefault(role, Mark(*kinds, where=(("role", role),))).add(index)

    def _released(self, index: int, at: datetime, data: Mapping[str, Any]) -> None:
        release, alone = str(data["release"]), bool(data.get("alone"))
        self.release_entries[release] = (index, at)
        if not self._scope.within(at):
            return
        by = (str(data["proposed_by"]), str(data["signed_by"]))
        proved = data.get("ground") == "not_looser"
        self.releases.append(ReleaseRow(index, at, release, *by, alone, proved))
        if alone:
            cause = "releasing policy"
            self._exceptions.note("alone", "", cause, index, at, "policy.released")

    def _disclosed(self, index: int, kind: str, at: datetime, data: Mapping[str, Any]) -> None:
        if not self._scope.within(at):
            return
        words = says(kind, data)
        if words is not None:
            self.gaps.append(Gap(index, at, kind, words))
        if kind == "anchor.looked" and data.get("alone"):
            cause = "settling a conflict of an anchor"
            self._exceptions.note("alone", "", cause, index, at, kind)


def _instant(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
