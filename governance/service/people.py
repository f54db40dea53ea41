"""People: added, given roles, and left; known to the log by pseudonyms only.

Law: names and e-mail addresses go to the vault and nowhere else; the first person is the only one
whom nobody added. Where there are two administrators, no role that may do something is given by one
of them: it waits for the other. Where there is one, it counts at once and is recorded as `alone`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from governance.oversight import people
from governance.oversight.commands import Facts, Proposal
from governance.oversight.errors import Refused
from governance.oversight.model import State
from governance.service.acting import Act, allowed, do, entry, person
from governance.service.desk import SERVICE, Caller, Desk
from governance.service.problem import Problem

_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_ROLE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}").fullmatch
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}").fullmatch


def pseudonym() -> str:
    """A new random `p-xxxxxxxxxx` (50 bits; collisions are refused under the lock)."""
    return "p-" + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in os.urandom(10))


def _roles(roles: Iterable[str]) -> list[str]:
    found = sorted(set(roles))
    for role in found:
        if type(role) is not str or _ROLE(role) is None:
            raise Problem(
                "bad-field",
                f"`{role}` is no role; expected lower-case words such as agent_manager or treasurer",
                field="roles",
            )
    if not found:
        raise Problem("bad-field", "a person needs at least one role", field="roles")
    return found


def _named(name: str, email: str) -> None:
    if type(name) is not str or not name.strip() or len(name) > 200:
        raise Problem("bad-field", "`name` must have 1 to 200 characters", field="name")
    if type(email) is not str or _EMAIL(email) is None:
        raise Problem("bad-field", f"`{email}` is no e-mail address", field="email")


def _require_new(desk: Desk, email: str) -> None:
    """Refuse an address that an active person has: one person with two pseudonyms is two people."""
    for who in desk.state.people:
        known = desk.vault.person(who)
        if known is not None and known.email.casefold() == email.casefold():
            raise Problem(
                "conflict", f"`{who}` has the e-mail address `{email}` already", field="email"
            )


def first(desk: Desk, *, name: str, email: str) -> dict[str, Any]:
    """The first person of a workspace, with every role of the service but auditor.

    Works only while nobody is there.  Returns `{person, roles}`.
    """
    _named(name, email)
    new = pseudonym()
    desk.vault.put_person(new, name.strip(), email)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        if state.people:
            raise Refused("conflict", "this workspace has people; an administrator adds others")
        data = {"person": new, "roles": sorted(people.FIRST_ROLES)}
        return Proposal((entry("person.added", at, SERVICE, data),), data)

    return _forgetting(desk, new, Act("service", run))


def add(
    desk: Desk, caller: Caller, *, name: str, email: str, roles: Iterable[str]
) -> dict[str, Any]:
    """Add a person with roles.  Administrators only.

    Returns `{person, roles, waiting, alone, entry}`: roles in `waiting` count once another
    administrator has confirmed `entry`.
    """
    _named(name, email)
    who, new, wanted = allowed(desk, caller, "manage people"), pseudonym(), _roles(roles)
    _require_new(desk, email)
    desk.vault.put_person(new, name.strip(), email)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, who, "manage people")
        if new in state.people:
            raise Refused("conflict", "the random pseudonym is taken; try again")
        data = {"person": new, **_given(state, wanted, frozenset())}
        return Proposal((entry("person.added", at, caller, data),), _answer(data, index))

    return _forgetting(desk, new, Act(who, run))


def _given(state: State, wanted: list[str], held: frozenset[str]) -> dict[str, Any]:
    """Which of the roles `wanted` count at once for somebody who holds `held`, and which wait."""
    new = set(wanted) - held - people.HARMLESS
    if people.alone(state) or not new:
        return {"roles": wanted, "alone": bool(new)}
    return {"roles": sorted(set(wanted) - new), "waiting": sorted(new), "alone": False}


def _answer(data: dict[str, Any], index: int) -> dict[str, Any]:
    return {"waiting": [], **data, "entry": index}


def _forgetting(desk: Desk, new: str, act: Act) -> dict[str, Any]:
    """Do `act`; if it is refused, the name just put into the vault goes again."""
    try:
        return do(desk, act)
    except Problem as problem:
        if problem.status < 500:
            desk.vault.erase(new)
        raise


def set_roles(desk: Desk, caller: Caller, who: str, *, roles: Iterable[str]) -> dict[str, Any]:
    """Give a person these roles instead of the present ones.

    Administrators only, and nobody gives themselves a role they did not have. Roles are taken away
    at once; see `add` for those that are new.  Returns `{person, roles, waiting, alone, entry}`.
    """
    by, wanted = person(caller), _roles(roles)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, by, "manage people")
        _known(state, who)
        if by == who and not state.single_person and set(wanted) - state.people[who].roles:
            raise Refused(
                "needs-another",
                "nobody gives themselves a role; another administrator must",
                field="roles",
            )
        data = {"person": who, **_given(state, wanted, state.people[who].roles)}
        people.require_administrator_left(state, who, frozenset(data["roles"]))
        return Proposal((entry("person.changed", at, caller, data),), _answer(data, index))

    return do(desk, Act(by, run))


def confirm(
    desk: Desk, caller: Caller, who: str, *, entry_shown: int | None = None
) -> dict[str, Any]:
    """Confirm the roles that wait for `who`, as another administrator than the one who gave them.

    `entry_shown` is the number of the entry that the administrator was shown; surfaces always give
    it.  Returns `{person, roles, waiting, entry}`.
    """
    by = person(caller)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        people.require(state, by, "manage people")
        _known(state, who)
        wish = state.people[who].waiting
        if wish is None:
            raise Refused("conflict", f"no role of `{who}` waits for a second administrator")
        if entry_shown is not None and entry_shown != wish.index:
            raise Refused(
                "not-shown",
                f"entry `{entry_shown}` is not what waits about `{who}`, but entry `{wish.index}`; "
                "look at it before you confirm",
                field="entry",
            )
        if by == wish.person:
            raise Refused(
                "needs-another", "you gave these roles yourself; another administrator confirms"
            )
        data = {
            "refs": {"person": wish.index},
            "person": who,
            "roles": sorted(state.people[who].roles | wish.roles),
            "alone": False,
        }
        return Proposal((entry("person.changed", at, caller, data),), _answer(data, index))

    return do(desk, Act(by, run))


def leave(desk: Desk, caller: Caller, who: str) -> dict[str, Any]:
    """A person leaves: keys stop working, roles end.  Administrators, or the person.

    Refused for the last administrator and for somebody who still answers for an agent.
    """
    by = person(caller)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        if by != who:
            people.require(state, by, "manage people")
        _known(state, who)
        people.require_administrator_left(state, who, frozenset())
        people.require_answers_for_nothing(state, who)
        data = {"person": who}
        return Proposal((entry("person.left", at, caller, data),), data)

    return do(desk, Act(by, run))


def _known(state: State, who: str) -> None:
    if who not in state.people:
        raise Refused("unknown", f"there is no active person `{who}`")


def name_of(desk: Desk, who: str | None) -> str:
    """The name behind a pseudonym, or the pseudonym if the name was erased or never known."""
    if who is None:
        return "the service"
    found = desk.vault.person(who)
    return who if found is None else found.name


def listed(desk: Desk) -> dict[str, Any]:
    """Active people: `{people: [{person, name, email, roles, waiting, entry?, given_by?}]}`.

    `waiting` are roles that another administrator than `given_by` has to confirm, as `entry` says.
    """
    out: list[dict[str, Any]] = []
    for who, each in sorted(desk.state.people.items()):
        known = desk.vault.person(who)
        out.append(
            {
                "person": who,
                "name": known.name if known else None,
                "email": known.email if known else None,
                "roles": sorted(each.roles),
                "waiting": sorted(each.waiting.roles) if each.waiting else [],
            }
        )
        if each.waiting:
            out[-1] |= {"entry": each.waiting.index, "given_by": each.waiting.person}
    return {"people": out}
