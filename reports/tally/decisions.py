"""Decisions, permits and outcomes: counted as they pass, joined through the columns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from reports.evidence import Verdicts, as_instant
from reports.tally.exceptions import Exceptions
from reports.tally.marks import (
    ALLOW,
    ATTESTED,
    COUNTED,
    DENY,
    EFFECT_CODES,
    OBSERVED,
    OUTCOME,
    REDEEMED,
    Columns,
    Mark,
    Scope,
)
from reports.tally.registry import Agent, Registry

_WIDTHS = (1, 10, 60, 300, 900, 3600, 21_600, 86_400, 604_800, 2_419_200)
_MOST_BARS = 40


class Group:
    """Decisions of one group by effect, while counting."""

    __slots__ = ("counts", "mark")

    def __init__(self, where: tuple[tuple[str, str], ...]) -> None:
        self.counts = [0, 0, 0, 0]
        self.mark = Mark("decision", where=where)

    def add(self, index: int, code: int) -> None:
        """Count the decision at `index`."""
        self.counts[code] += 1
        self.mark.add(index)

    def verdicts(self, *key: str) -> Verdicts:
        """What was counted, under the name `key`."""
        _, allow, require, deny = self.counts
        return Verdicts(key, allow, require, deny, self.mark.cite())


class RuleTally:
    """One rule: entries with a finding of it, and how often that was among the strictest."""

    __slots__ = ("decided", "mark")

    def __init__(self, where: tuple[tuple[str, str], ...]) -> None:
        self.mark, self.decided = Mark("decision", where=where), 0


class Decisions:
    """Everything the report says of decisions and of what came of them."""

    def __init__(
        self, scope: Scope, columns: Columns, registry: Registry, exceptions: Exceptions
    ) -> None:
        self._scope, self._columns = scope, columns
        self._registry, self._exceptions = registry, exceptions
        self.total = Mark("decision", where=scope.where())
        self.effects = {
            word: Mark("decision", where=scope.where(effect=word)) for word in EFFECT_CODES
        }
        self.observed = Mark("decision", where=scope.where(observed="true"))
        self.uncertain = Mark("decision", where=scope.where(effect="deny", certain="false"))
        self.told = Mark("decision", where=scope.where(obligation="tell_user"))
        self.agents: dict[str, Group] = {}
        self.actions: dict[str, Group] = {}
        self.matrix: dict[tuple[str, str], Group] = {}
        self.rules: dict[tuple[str, str], RuleTally] = {}
        self.width = bar_width(scope.period.end - scope.period.start)
        self.series: dict[int, Group] = {}
        self.redeemed = Mark("permit.redeemed", where=scope.where())
        self.outcomes = Mark("outcome", where=scope.where())
        self.attested = Mark("outcome", where=scope.where(attested="true"))
        self.outcomes_observed = Mark("outcome", where=scope.where(observed="true"))
        self.without_allow = Mark("outcome", where=scope.where(allowed="false"))
        self.last_allowed_at: datetime | None = None
        self.last_at: datetime | None = None
        self.last_outcome_at: datetime | None = None
        self.last_deny_at: datetime | None = None

    def take(self, index: int, at: datetime, data: Mapping[str, Any]) -> None:
        """A `decision` entry."""
        agent, action, code = data["agent"], data["action"], EFFECT_CODES[data["effect"]]
        counted = self._scope.within(at) and self._scope.mine(agent)
        flags = code | (COUNTED if counted else 0) | (OBSERVED if data.get("observed") else 0)
        self._columns.put(index, flags, agent, action, data["refs"].get("session"))
        if not counted:
            return
        self.last_at = at
        self.total.add(index)
        self.effects[data["effect"]].add(index)
        self._group(self.agents, agent, agent=agent).add(index, code)
        self._group(self.actions, action, action=action).add(index, code)
        level, risk = data.get("autonomy") or "none", data["risk"]
        self._group(self.matrix, (level, risk), autonomy=level, risk=risk).add(index, code)
        step = int((at - self._scope.period.start).total_seconds() // self.width)
        self._bar(step).add(index, code)
        self._findings(index, data["findings"])
        self._exceptional(index, at, code, data)

    def redeem(self, index: int, at: datetime, data: Mapping[str, Any]) -> None:
        """A `permit.redeemed` entry."""
        decision = data["refs"]["decision"]
        self._columns.set(decision, REDEEMED)
        if self._scope.within(at) and self._scope.mine(self._columns.agent_of(decision)):
            self.redeemed.add(index)

    def outcome(self, index: int, at: datetime, data: Mapping[str, Any]) -> None:
        """An `outcome` entry."""
        decision, columns = data["refs"]["decision"], self._columns
        columns.set(decision, OUTCOME | (ATTESTED if data["attested"] else 0))
        agent = columns.agent_of(decision)
        if not (self._scope.within(at) and self._scope.mine(agent)):
            return
        self.outcomes.add(index)
        self.last_outcome_at = at
        if data["attested"]:
            self.attested.add(index)
        else:
            self._exceptions.note("unattested", agent, "", index, at, "outcome")
        if columns.has(decision, OBSERVED):
            self.outcomes_observed.add(index)
        if decision < columns.begin:
            return  # what it rests on was pruned and cannot be told
        if columns.effect(decision) != ALLOW and data["status"] != "not_executed":
            self.without_allow.add(index)
            self._exceptions.note("no-decision", agent, data["status"], index, at, "outcome")

    def fates(self) -> dict[str, list[int]]:
        """Agent -> [allowed, with an outcome, attested, without] over the decisions counted."""
        found: dict[str, list[int]] = {}
        columns = self._columns
        for index, flags in enumerate(columns.flags):
            if flags & COUNTED and flags & 3 == ALLOW:
                row = found.setdefault(columns.agent_of(index), [0, 0, 0, 0])
                row[0] += 1
                row[1] += bool(flags & OUTCOME)
                row[2] += bool(flags & ATTESTED)
                row[3] += not flags & OUTCOME
        return found

    def without_outcome(self) -> list[int]:
        """Indexes of decisions counted that allowed something whose outcome is not in the log."""
        pairs = enumerate(self._columns.flags)
        wanted = COUNTED | ALLOW
        return [i for i, flags in pairs if flags & (COUNTED | OUTCOME | 3) == wanted]

    def bars(self) -> tuple[Verdicts, ...]:
        """The decisions over time: one group for each step of the period, empty ones included."""
        period = self._scope.period
        length = (period.end - period.start).total_seconds()
        steps = max(1, -(-int(length) // self.width))
        starts = (period.start + timedelta(seconds=self.width * step) for step in range(steps))
        return tuple(
            self._bar(step, keep=False).verdicts(as_instant(start))
            for step, start in enumerate(starts)
        )

    def _bar(self, step: int, keep: bool = True) -> Group:
        group = self.series.get(step)
        if group is None:
            start = self._scope.period.start + timedelta(seconds=self.width * step)
            end = min(start + timedelta(seconds=self.width), self._scope.period.end)
            group = Group(self._scope.where(at_from=as_instant(start), at_before=as_instant(end)))
            if keep:
                self.series[step] = group
        return group

    def _group(self, groups: dict[Any, Group], key: Any, **where: str) -> Group:
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group(self._scope.where(**where))
        return group

    def _findings(self, index: int, findings: list[Mapping[str, Any]]) -> None:
        strictest = max((EFFECT_CODES[f["effect"]] for f in findings if _holds(f)), default=0)
        seen = set()
        for finding in findings:
            key = (finding["policy"], finding["rule"])
            if key in seen:
                continue
            seen.add(key)
            rule = self.rules.get(key)
            if rule is None:
                where = self._scope.where(policy=key[0], rule=key[1])
                rule = self.rules[key] = RuleTally(where)
            rule.mark.add(index)
            rule.decided += _holds(finding) and EFFECT_CODES[finding["effect"]] == strictest

    def _exceptional(self, index: int, at: datetime, code: int, data: Mapping[str, Any]) -> None:
        agent, note = data["agent"], self._exceptions.note
        if code == ALLOW:
            self.last_allowed_at = at
            if any(o["type"] == "tell_user" for o in data.get("obligations", ())):
                self.told.add(index)
        if code == DENY:
            self.last_deny_at = at
            denials = [f for f in data["findings"] if f["effect"] == "deny" and _holds(f)]
            if denials and not any(f["certain"] for f in denials):
                self.uncertain.add(index)
                why = denials[0]
                cause = f"{why['policy']}/{why['rule']}: {', '.join(why['unknown']) or 'a fact'}"
                note("cannot-tell", agent, cause, index, at, "decision")
        if data.get("observed"):
            self.observed.add(index)
            if data["would_be"] != "allow":
                note("observe", agent, f"would be {data['would_be']}", index, at, "decision")
        known = self._registry.get(agent)
        if known is None or not (known.confirmed or known.standing):
            note("unconfirmed", agent, _unconfirmed(known), index, at, "decision")
        if known is None or not known.owner:
            note("ownerless", agent, "", index, at, "decision")


def _holds(finding: Mapping[str, Any]) -> bool:
    """The finding was not lifted by an approval or an override."""
    return not finding.get("lifted", False)


def _unconfirmed(agent: Agent | None) -> str:
    if agent is None:
        return "unknown agent"
    return "confirmed by one person alone" if agent.state != "draft" else "not confirmed yet"


def bar_width(length: timedelta) -> int:
    """Seconds for one bar, so that a period of `length` has at most 40 of them."""
    seconds = max(1, int(length.total_seconds()))
    for width in _WIDTHS:
        if seconds <= width * _MOST_BARS:
            return width
    return -(-seconds // _MOST_BARS)
