"""Overriding: people against a decision, before, instead of and after it.

Law: an override lifts named denies for one exact action, once, soon; disregarding says that a
person did not follow the system; reversing links what was undone to what was done.  None of them
changes an entry: each is one more, with a reason (Regulation (EU) 2024/1689, Article 14(4)(d)).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from audit.entry import decode
from governance.oversight import approvals, overrides, people
from governance.oversight.commands import Facts, Needs, Proposal
from governance.oversight.errors import Refused
from governance.oversight.model import Override, State
from governance.oversight.times import write
from governance.service.acting import Act, Texts, do, one, person, stated
from governance.service.desk import Caller, Desk
from governance.service.problem import Problem

OUTCOMES = ("undone", "compensated", "failed")


def override(
    desk: Desk,
    caller: Caller,
    decision: int,
    *,
    lifts: Iterable[str] | None = None,
    reason: str,
    seconds: int = 3600,
) -> dict[str, Any]:
    """Let exactly the denied action of `decision` through, once, within `seconds` (at most 3600).

    `lifts` names the rules (`policy/rule`); left out, all that denied.  Each must say that it may be
    waived by a role the person holds.  As many people must sign as the approval clauses of the
    decision would have needed: the second calls the same verb.  The agent then asks again.
    Returns `{override, complete, lifts, until, signed, needed}`.
    """
    return do(desk, prepare_override(caller, decision, lifts, reason, seconds))


def prepare_override(
    caller: Caller, decision: int, lifts: Iterable[str] | None, why: str, seconds: int
) -> Act:
    """The command of `override`."""
    who, texts = person(caller), Texts.of(reason=stated(why))
    wanted = None if lifts is None else tuple(dict.fromkeys(lifts))
    if type(seconds) is not int or not 0 < seconds <= overrides.LONGEST.total_seconds():
        raise Problem("bad-field", "an override lasts 1 to 3600 seconds", field="seconds")

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        active = people.person(state, who)
        data = _decision(facts, decision)
        waivable = _waivable(data, wanted)
        overrides.require_waivable(active.roles, waivable)
        if who == approvals.requester_of(state, data["refs"].get("session", -1)):
            raise Refused(
                "needs-another", "the action was requested by you; another person decides"
            )
        earlier = _earlier(state, data["digest"], at)
        needed = _quorum(data)
        signed: tuple[str, ...] = (who,)
        if earlier is None:
            until, refs = at + timedelta(seconds=seconds), {"decision": decision}
        else:
            _require_same(earlier, waivable, who)
            signed, until = (*earlier.people, who), earlier.until
            refs = {"decision": earlier.decision, "override": earlier.index}
        alone = state.single_person
        complete = len(signed) >= needed or alone
        body = {
            "refs": refs,
            "person": who,
            "roles": sorted(active.roles),
            "digest": data["digest"],
            "lifts": sorted(waivable),
            "until": write(until),
            "complete": complete,
            "alone": alone and needed > 1,
        }
        answer = {
            "override": index if earlier is None else earlier.index,
            "complete": complete,
            "lifts": sorted(waivable),
            "until": write(until),
            "signed": list(signed),
            "needed": needed,
        }
        return one("override.granted", at, caller, index, body, answer, texts)

    return Act(who, run, wants=_wants(decision))


def _wants(decision: int) -> Any:
    def wants(state: State, at: datetime) -> Needs:
        return Needs(decisions=(decision,), entries=(decision,))

    return wants


def _decision(facts: Facts, decision: int) -> Mapping[str, Any]:
    recorded = facts.entries.get(decision)
    found = None if recorded is None else decode(recorded)
    if found is None or found.kind != "decision":
        raise Refused("unknown", f"there is no decision `{decision}`")
    return found.data


def _waivable(data: Mapping[str, Any], wanted: tuple[str, ...] | None) -> dict[str, list[str]]:
    """The denying rules that are to be lifted, with the roles that may; refuses others."""
    denies = {
        f"{finding['policy']}/{finding['rule']}": finding.get("waivable_by", [])
        for finding in data["findings"]
        if finding["effect"] == "deny" and "lifted" not in finding
    }
    if not denies:
        raise Refused("conflict", "no rule denied this action; there is nothing to override")
    if wanted is None:
        return denies
    for name in wanted:
        if name not in denies:
            raise Refused(
                "bad-field", f"`{name}` is not among the rules that denied this", field="lifts"
            )
    left = sorted(denies.keys() - set(wanted))
    if left:
        named = ", ".join(f"`{name}`" for name in left)
        raise Refused(
            "conflict",
            f"the action would still be denied by {named}; lift all of them or none",
            field="lifts",
        )
    return {name: denies[name] for name in wanted}


def _earlier(state: State, digest: str, at: datetime) -> Override | None:
    """The override of this action that waits for further people."""
    number = state.lifted_actions.get(digest)
    found = None if number is None else state.overrides.get(number)
    if found is None or at >= found.until:
        return None
    if found.complete:
        raise Refused("conflict", f"override `{found.index}` for this action waits for its use")
    return found


def _require_same(earlier: Override, waivable: Mapping[str, Any], who: str) -> None:
    people.require_another(who, earlier.people, "signed this override")
    if set(earlier.lifts) != waivable.keys():
        raise Refused(
            "conflict",
            f"override `{earlier.index}` lifts {', '.join(earlier.lifts)}; sign the same rules",
            field="lifts",
        )


def _quorum(data: Mapping[str, Any]) -> int:
    """How many people: one, or as many as the strictest approval clause asked for."""
    clauses = data.get("clauses", [])
    return max(1, *(sum(s["count"] for s in c["needs"]) for c in clauses)) if clauses else 1


def disregard(desk: Desk, caller: Caller, decision: int, *, reason: str) -> dict[str, Any]:
    """Record that a person chose not to follow a decision.  Managers, or who answers for the agent."""
    return _after(desk, caller, decision, "decision.disregarded", reason, {})


def reverse(
    desk: Desk, caller: Caller, decision: int, *, reason: str, outcome: str = "undone"
) -> dict[str, Any]:
    """Record that what an allowed decision led to was undone, compensated, or could not be."""
    if outcome not in OUTCOMES:
        raise Problem(
            "bad-field", f"`{outcome}` is unknown; expected {', '.join(OUTCOMES)}", field="outcome"
        )
    return _after(desk, caller, decision, "decision.reversed", reason, {"outcome": outcome})


def _after(
    desk: Desk, caller: Caller, decision: int, kind: str, reason: str, extra: dict[str, Any]
) -> dict[str, Any]:
    who, texts = person(caller), Texts.of(reason=stated(reason))

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        fact = facts.decisions.get(decision)
        if fact is None:
            raise Refused("unknown", f"there is no decision `{decision}`")
        agent = state.agents.get(fact.agent)
        people.person(state, who)
        if agent is None or not people.answers_for(agent, who):
            people.require(state, who, "correct decisions")
        if kind == "decision.reversed" and fact.effect != "allow":
            raise Refused(
                "conflict", f"decision `{decision}` allowed nothing; there is nothing to reverse"
            )
        data = {"refs": {"decision": decision}, "person": who, **extra}
        answer = {"decision": decision, "entry": index, "kind": kind, **extra}
        return one(kind, at, caller, index, data, answer, texts)

    return do(desk, Act(who, run, wants=_wants(decision)))
