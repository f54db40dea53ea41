"""People, their roles and what a role may do.

Law: nobody does what their roles do not name, a role that waits for a second administrator names
nothing, a key or a session of somebody who left is worth nothing, and the last administrator cannot
be taken away.  Five roles belong to the service; every
other word is a group of approvers that policy files name (treasurer, cfo, support_lead).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from governance.oversight.errors import Refused
from governance.oversight.model import Agent, Person, State, Wish

ADMINISTRATOR: Final = "administrator"
AGENT_MANAGER: Final = "agent_manager"
RISK_EDITOR: Final = "risk_editor"
COMPLIANCE_OFFICER: Final = "compliance_officer"
AUDITOR: Final = "auditor"
ROLES: Final = (ADMINISTRATOR, AGENT_MANAGER, RISK_EDITOR, COMPLIANCE_OFFICER, AUDITOR)
HARMLESS: Final = frozenset({AUDITOR})
"""Roles that only read: one administrator gives them."""
FIRST_ROLES: Final = frozenset(ROLES) - {AUDITOR}

# what somebody wants to do -> roles that may
RIGHTS: Final[dict[str, frozenset[str]]] = {
    "manage people": frozenset({ADMINISTRATOR}),
    "manage gateway keys": frozenset({ADMINISTRATOR}),
    "back up": frozenset({ADMINISTRATOR}),
    "manage log keys": frozenset({ADMINISTRATOR}),
    "confirm the clock": frozenset({ADMINISTRATOR, COMPLIANCE_OFFICER}),
    "see to the anchors": frozenset({ADMINISTRATOR, COMPLIANCE_OFFICER, AUDITOR}),
    "settle a conflict of an anchor": frozenset({ADMINISTRATOR, COMPLIANCE_OFFICER}),
    "manage agents": frozenset({AGENT_MANAGER}),
    "manage agent keys": frozenset({AGENT_MANAGER, ADMINISTRATOR}),
    "stop": frozenset({ADMINISTRATOR, AGENT_MANAGER, COMPLIANCE_OFFICER}),
    "lift a stop": frozenset({ADMINISTRATOR, AGENT_MANAGER, COMPLIANCE_OFFICER}),
    "correct decisions": frozenset({AGENT_MANAGER, COMPLIANCE_OFFICER}),
    "review decisions": frozenset({AGENT_MANAGER, COMPLIANCE_OFFICER, RISK_EDITOR}),
    "propose policies": frozenset({RISK_EDITOR}),
    "sign policies": frozenset({RISK_EDITOR, COMPLIANCE_OFFICER}),
    "erase data": frozenset({COMPLIANCE_OFFICER, ADMINISTRATOR}),
    "decide about retention": frozenset({COMPLIANCE_OFFICER, ADMINISTRATOR}),
    "report": frozenset({COMPLIANCE_OFFICER, AUDITOR, ADMINISTRATOR}),
    "read": frozenset({*ROLES}),
}


def person(state: State, who: str) -> Person:
    """The active person `who`; refuses when there is none (left, or never here)."""
    found = state.people.get(who)
    if found is None:
        raise Refused("not-allowed", f"`{who}` is not an active person of this workspace")
    return found


def require(state: State, who: str, right: str) -> Person:
    """The active person `who`, if one of their roles carries `right` (a key of `RIGHTS`)."""
    found = person(state, who)
    wanted = RIGHTS[right]
    if not found.roles & wanted:
        raise Refused(
            "not-allowed",
            f"to {right} takes the role {' or '.join(map(_said, sorted(wanted)))}; "
            f"`{who}` has {', '.join(map(_said, sorted(found.roles))) or 'none'}",
        )
    return found


def _said(role: str) -> str:
    return role.replace("_", " ")


def answers_for(agent: Agent, who: str) -> bool:
    """Whether `who` is the accountable owner of the agent, or the deputy."""
    return who in (agent.owner, agent.deputy)


def require_administrator_left(state: State, who: str, roles: frozenset[str]) -> None:
    """Refuse if `who` with only `roles` (none when leaving) would leave no administrator."""
    if ADMINISTRATOR in roles:
        return
    if not any(ADMINISTRATOR in other.roles for other in state.people.values() if other.id != who):
        raise Refused(
            "conflict",
            f"`{who}` is the last administrator; give somebody else the role administrator first",
        )


def alone(state: State) -> bool:
    """Whether there is no second administrator who could confirm what one of them does."""
    return sum(ADMINISTRATOR in each.roles for each in state.people.values()) < 2


def second(state: State, who: str, asked_by: str | None, what: str) -> bool:
    """Whether `who` may do now what takes two: somebody else asked before, or nobody else is here.

    False if `who` is the first to ask. Raises `Refused` if they asked already; `what`: "lift this".
    """
    if state.single_person:
        return True
    require_another(who, (asked_by,), f"asked to {what}")
    return asked_by in state.people


def require_another(who: str, before: Iterable[str | None], did: str) -> None:
    """Refuse if `who` is among those who did `before` what takes several people; `did`: "signed this"."""
    if who in before:
        raise Refused("needs-another", f"you have already {did}; it takes another person")


def require_answers_for_nothing(state: State, who: str) -> None:
    """Refuse if an agent would be left without its accountable owner or its deputy."""
    agents = sorted(a.id for a in state.agents.values() if answers_for(a, who))
    if agents:
        named = ", ".join(f"`{a}`" for a in agents[:5]) + (" ..." if len(agents) > 5 else "")
        raise Refused(
            "conflict", f"`{who}` answers for {named}; name another owner or deputy first"
        )


# the fold


def added(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """person.added"""
    roles = frozenset(data["roles"])
    new = Person(data["person"], index, roles, waiting=_wish(index, by, data))
    return replace(state, people=state.people.set(new.id, new))


def changed(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """person.changed"""
    old = state.people[data["person"]]
    new = replace(old, roles=frozenset(data["roles"]), waiting=_wish(index, by, data))
    return replace(state, people=state.people.set(new.id, new))


def _wish(index: int, by: Any, data: Any) -> Wish | None:
    return Wish(index, by["id"], frozenset(data["waiting"])) if "waiting" in data else None


def left(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """person.left: the person's keys stop working with the same entry."""
    gone = data["person"]
    keys = state.keys
    for digest, key in state.keys.items():
        if key.holder_type == "person" and key.holder_id == gone:
            keys = keys.delete(digest)
    return replace(state, people=state.people.delete(gone), keys=keys)
