"""Routes of people and keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from governance.service import keys, people
from governance.service.problem import Problem
from governance.web.accounts import generate_password
from governance.web.api.call import Call, Handler


def list_people(call: Call) -> Mapping[str, Any]:
    """Everybody who has a seat, with roles."""
    return people.listed(call.desk)


def add_person(call: Call) -> Mapping[str, Any]:
    """Add a person; name and address go to the erasable table only.

    With `sign_in` they get a local account, whose first password is in this answer only.
    """
    body = call.body
    added = people.add(
        call.desk, call.who, name=body["name"], email=body["email"], roles=tuple(body["roles"])
    )
    if body.get("sign_in"):
        added = {**added, **_account(call, added["person"], body["email"])}
    return added


def renew_password(call: Call) -> Mapping[str, Any]:
    """A first password for somebody who has none."""
    person = call.given["id"]
    if person not in call.desk.state.people:
        raise Problem("unknown", f"there is no person `{person}`")
    if call.surface.accounts.has_account(person):
        # whoever could set it could sign in as that person, and the log would name the wrong one
        raise Problem(
            "conflict",
            f"`{person}` has a password already, and nobody else may set it; they change it"
            " themselves, or leave and are added again under a new pseudonym",
        )
    name = call.body.get("sign_in")
    if not name:
        raise Problem(
            "bad-field",
            f"`{person}` has no account yet; give `sign_in`, the name to sign in with",
            field="sign_in",
        )
    return {"person": person, **_account(call, person, name)}


def _account(call: Call, person: str, sign_in: str) -> dict[str, Any]:
    password = generate_password()
    try:
        call.surface.accounts.enrol(
            person=person,
            sign_in=sign_in,
            password=password,
            at=datetime.now(UTC),  # noqa: TID251 a surface reads the clock
        )
    except ValueError as error:
        raise Problem("conflict", f"`{person}` has no sign-in: {error}", field="sign_in") from None
    return {"sign_in": call.surface.accounts.sign_in_name(person), "password": password}


def change_roles(call: Call) -> Mapping[str, Any]:
    """Replace a person's roles."""
    return people.set_roles(call.desk, call.who, call.given["id"], roles=tuple(call.body["roles"]))


def confirm_person(call: Call) -> Mapping[str, Any]:
    """The second administrator's signature under roles that wait."""
    return people.confirm(call.desk, call.who, call.given["id"], entry_shown=call.body["entry"])


def remove_person(call: Call) -> Mapping[str, Any]:
    """A person leaves; whatever they could sign in with is gone, too."""
    left = people.leave(call.desk, call.who, call.given["id"])
    call.surface.accounts.forget(call.given["id"])
    return left


def list_keys(call: Call) -> Mapping[str, Any]:
    """The keys, without secrets."""
    return keys.listed(call.desk)


def issue_key(call: Call) -> Mapping[str, Any]:
    """A new key; the answer is the only place its secret ever appears."""
    body = call.body
    return keys.issue(
        call.desk,
        call.who,
        holder_type=body["holder_type"],
        holder_id=body["holder_id"],
        agents=tuple(body.get("agents", ())),
        obligations=tuple(body.get("obligations", ())),
        lists=tuple(body.get("lists", ())),
    )


def revoke_key(call: Call) -> Mapping[str, Any]:
    """End a key at once."""
    return keys.revoke(call.desk, call.who, call.given["id"])


HANDLERS: Mapping[str, Handler] = {
    "listPeople": list_people,
    "addPerson": add_person,
    "changeRoles": change_roles,
    "confirmPerson": confirm_person,
    "removePerson": remove_person,
    "renewPassword": renew_password,
    "listKeys": list_keys,
    "issueKey": issue_key,
    "revokeKey": revoke_key,
}
