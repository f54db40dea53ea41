"""How long entries are kept, what holds them longer, and from which one on the log keeps them.

Law: nothing is given up before six months are over (Regulation (EU) 2024/1689, Articles 19 and
26(6)), nor before the longer duty that people named, nor under a legal hold, nor while something
that is open needs it. What keeps less than before takes two people; what keeps more takes one. The
cut is one index, a multiple of 256: everything below it goes, everything from it on stays, so it
lies where every class, every hold and everything open allows it.

`days_of`, `class_of` and the bounds are pure; `governance.oversight.cuts` looks for the index.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from immutables import Map

from governance.oversight import sessions, times
from governance.oversight.errors import Refused
from governance.oversight.model import (
    Cut,
    CutAsked,
    Duty,
    Hold,
    Retention,
    RetentionRules,
    RetentionWish,
    State,
)

FLOOR_DAYS: Final = 184
"""The longest that six months can be (March to August, July to December)."""

MOST_DAYS: Final = 36_525
"""A century; whoever wants to keep a class for ever sets no time for it."""

CLASSES: Final[Mapping[str, str]] = {
    "decisions": "what agents asked, what was answered and what came of it",
    "oversight": "what people did about it: approvals, overrides, reviews, stops",
    "agents": "who was allowed to act: agents, autonomy, briefs",
    "people": "who was responsible: people, their roles, everybody's keys",
    "policy": "which rules were proposed and in force",
    "reports": "which reports were issued",
    "service": "the log about itself: starts, erasures, retention, anchors, log keys",
}
"""Every class with what is in it, in words."""

_CLASS_OF: Final[Mapping[str, str]] = {
    "decision": "decisions",
    "permit": "decisions",
    "outcome": "decisions",
    "session": "decisions",
    "decision.disregarded": "oversight",
    "decision.reversed": "oversight",
    "decision.reviewed": "oversight",
    "sample": "oversight",
    "approval": "oversight",
    "override": "oversight",
    "stop": "oversight",
    "agent": "agents",
    "autonomy": "agents",
    "brief": "agents",
    "person": "people",
    "key": "people",
    "policy": "policy",
    "report": "reports",
}


def class_of(kind: str) -> str:
    """The retention class of a kind of entry; what is about no agent and no person is `service`."""
    found = _CLASS_OF.get(kind)
    return found if found is not None else _CLASS_OF.get(kind.partition(".")[0], "service")


def days_of(rules: RetentionRules | None, name: str) -> int | None:
    """For how many days a class is kept; None: for ever."""
    return None if rules is None else rules.classes.get(name)


def require_rules(classes: Mapping[str, int], duty: Duty | None) -> None:
    """Refuse times below the floor or below the named duty."""
    least = FLOOR_DAYS if duty is None else max(FLOOR_DAYS, duty.days)
    for name, days in classes.items():
        if name not in CLASSES:
            raise Refused(
                "bad-field",
                f"`{name}` is no retention class; expected {', '.join(CLASSES)}",
                field="classes",
            )
        if days < FLOOR_DAYS:
            raise Refused(
                "bad-field",
                f"`{name}` would be kept for {days} days; logs of high-risk systems are kept for at "
                f"least six months ({FLOOR_DAYS} days; AI Act, Articles 19 and 26(6)), and the law "
                "of your sector may ask for longer: name it as the duty",
                field="classes",
            )
        if days < least and duty is not None:
            raise Refused(
                "bad-field",
                f"`{name}` would be kept for {days} days; `{duty.law}` asks for {duty.days}",
                field="classes",
            )


def keeps_less(old: RetentionRules | None, new: RetentionRules) -> bool:
    """Whether something that `old` keeps could go under `new`, or go without being asked about."""
    for name in CLASSES:
        before, after = days_of(old, name), days_of(new, name)
        if after is not None and (before is None or after < before):
            return True
    if new.schedule and not (old is not None and old.schedule):
        return True
    if old is None or old.duty is None:
        return False
    return new.duty is None or new.duty.days < old.duty.days


def hold(state: State, number: int) -> Hold:
    """The legal hold `number`; refuses when there is none in force."""
    found = state.retention.holds.get(number)
    if found is None:
        raise Refused("unknown", f"there is no legal hold `{number}` in force", field="id")
    return found


def waiting(state: State, number: int) -> RetentionWish:
    """The proposed rules `number`; refuses when they do not wait."""
    found = state.retention.waiting
    if found is None or found.index != number:
        raise Refused(
            "unknown",
            f"no retention rules `{number}` wait to be confirmed: they are in force, or others were set since",
            field="id",
        )
    return found


def needed(state: State, at: datetime) -> Iterator[tuple[int, str]]:
    """Entries that something open still looks at, each with what that is; older logs' are negative."""
    for approval in state.approvals.values():
        yield min(approval.index, approval.decision), f"approval {approval.index} is open"
    for override in state.overrides.values():
        yield min(override.index, override.decision), f"override {override.index} is open"
    for session in state.sessions.values():
        if sessions.live(state, session.index, at) is not None:
            first = session.index if session.parent is None else min(session.index, session.parent)
            yield first, f"session {session.index} is live"
    for proposal in state.proposals.values():
        yield proposal.index, f"policy proposal {proposal.index} waits"


def first_needed(state: State, at: datetime) -> tuple[int, str] | None:
    """The oldest entry of this log that something open looks at, and what that is."""
    return min((found for found in needed(state, at) if found[0] >= 0), default=None)


def in_use(state: State) -> frozenset[int]:
    """Entries whose texts stay readable although the entries go: what lives on stands on them."""
    found: set[int] = set()
    for agent in state.agents.values():
        found |= {agent.index, *agent.texts.values()}
        if agent.brief is not None:
            found.add(agent.brief.index)
        if agent.pending is not None:
            found.add(agent.pending.index)
    for stop in state.stops.values():
        found.add(stop.index)
        if stop.asked_index is not None:
            found.add(stop.asked_index)
    for each in state.retention.holds.values():
        found.add(each.index)
        if each.asked_index is not None:
            found.add(each.asked_index)
    known = state.retention
    for waits in (known.rules, known.waiting, known.asked):
        if waits is not None:
            found.add(waits.index)
    return frozenset(found)


def told_from(state: State) -> tuple[int, int] | None:
    """When the last pruned entry was written (microseconds) and which entry first cut, or None."""
    known = state.retention
    if known.told_from is None or known.first_cut is None:
        return None
    return _micros(known.told_from), known.first_cut


@lru_cache(maxsize=4)
def _micros(stamp: str) -> int:
    return times.micros(times.parse(stamp))


# the fold


def _with(state: State, **changes: Any) -> State:
    return replace(state, retention=replace(state.retention, **changes))


def rules_in(index: int, data: Any, people: tuple[str, ...]) -> RetentionRules:
    """The rules that a `retention.set` states."""
    duty = None if data["duty"] is None else Duty(data["duty"]["law"], data["duty"]["days"])
    return RetentionRules(index, Map(data["classes"]), duty, data["schedule"], people)


def set_(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """retention.set: in force from here on, or waiting for a second person."""
    if data["pending"]:
        return _with(state, waiting=RetentionWish(index, rules_in(index, data, (data["person"],))))
    refs, old = data.get("refs", {}), state.retention.rules
    signed: tuple[str, ...] = (data["person"],)
    if "retention" in refs and state.retention.waiting is not None:
        signed = (*state.retention.waiting.rules.people, data["person"])
    elif data["schedule"] and old is not None and old.schedule:
        signed = tuple(dict.fromkeys((*old.people, data["person"])))  # who agreed to it still does
    return _with(state, waiting=None, asked=None, rules=rules_in(index, data, signed))


def held(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """retention.held"""
    scope = data["scope"]
    new = Hold(
        index,
        scope["type"],
        scope.get("id"),
        scope.get("first"),
        scope.get("last"),
        data["person"],
        at,
    )
    return _with(state, holds=state.retention.holds.set(index, new))


def _number(data: Any) -> int:
    return int(data["older"] if "older" in data else data["refs"]["retention"])


def release_asked(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """retention.release_asked"""
    number = _number(data)
    found = replace(state.retention.holds[number], asked_by=data["person"], asked_index=index)
    return _with(state, holds=state.retention.holds.set(number, found))


def released(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """retention.released"""
    return _with(state, holds=state.retention.holds.delete(_number(data)))


def prune_asked(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """retention.prune_asked"""
    return _with(state, asked=CutAsked(index, data["person"], data["minimum"], at))


def pruned(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """retention.pruned: what lies below the minimum is given up from here on."""
    cut = Cut(index, data["minimum"], data["snapshot"], data["last_at"], at)
    first = state.retention.first_cut
    return _with(
        state,
        asked=None,
        cut=cut,
        overwritten=False,
        told_from=data["last_at"],
        first_cut=index if first is None else first,
    )


def overwritten(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """retention.overwritten: the bytes are gone from the databases."""
    return _with(state, overwritten=True)


def restored(retention: Retention, lowered: int) -> Retention:
    """Rules and holds go on after a restore; their numbers, and those they name, are lowered.

    What waited for a second person ends, and the new log was never cut; what cannot be told since
    the old one was still cannot.
    """
    rules = retention.rules
    return Retention(
        rules=None if rules is None else replace(rules, index=rules.index - lowered),
        holds=Map(
            {number - lowered: _lowered(each, lowered) for number, each in retention.holds.items()}
        ),
        told_from=retention.told_from,
        first_cut=None if retention.first_cut is None else 0,
    )


def _lowered(each: Hold, by: int) -> Hold:
    return replace(
        each,
        index=each.index - by,
        scope_id=str(int(each.scope_id or 0) - by) if each.scope == "decision" else each.scope_id,
        first=None if each.first is None else each.first - by,
        last=None if each.last is None else each.last - by,
        asked_by=None,
        asked_index=None,
    )
