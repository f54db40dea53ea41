"""Who is calling: a bearer key becomes a `Caller`, a route's row says whether it may.

Law: no key, no answer; a key says who speaks and for whom, and nothing in the request can say
otherwise. The key's SHA-256 is looked up, so that comparing takes the same time for every wrong
key and a copy of the state opens nothing (256 random bits need no slow hash). Why a key was not
accepted is not told: unknown, revoked and left all look alike.
"""

from __future__ import annotations

from collections.abc import Iterable

from governance.service import keys
from governance.service.desk import Caller, Desk
from governance.service.problem import Problem
from governance.web.routes import Route

# A key is some 60 characters; a longer header is not worth hashing.
_LONGEST = 200


def authenticate(desk: Desk, header: str | None) -> Caller:
    """The caller of an `Authorization` header. Raises Problem (401)."""
    if not header:
        raise _unknown("send `Authorization: Bearer <key>`")
    scheme, _, secret = header.partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret or len(secret) > _LONGEST or not secret.isascii():
        raise _unknown("the `Authorization` header must be `Bearer <key>`")
    caller = keys.caller_of(desk, secret)
    if caller is None:
        raise _unknown("this key is not valid; ask an administrator for a new one")
    return caller


def authorize(desk: Desk, caller: Caller, route: Route) -> None:
    """Raises Problem (403) where the route's row does not name this caller."""
    roles = roles_of(desk, caller)
    if route.admits(caller.type, roles):
        return
    if caller.type == "person" and route.person:
        detail = (
            f"this takes the role {_listed(sorted(route.roles))}, and you have"
            f" {', '.join(f'`{role}`' for role in sorted(roles)) or 'none'}; ask somebody who has it"
            f" (`{route.method} {route.path}`)"
        )
    else:
        detail = (
            f"`{route.method} {route.path}` is for {_listed(_who(route))}, not for"
            f" {'an' if caller.type == 'agent' else 'a'} {caller.type}'s key"
        )
    raise Problem("not-allowed", detail)


def roles_of(desk: Desk, caller: Caller) -> frozenset[str]:
    """The roles of a person at this moment; empty for agents and gateways."""
    if caller.type != "person":
        return frozenset()
    person = desk.state.people.get(caller.id)
    return frozenset() if person is None else frozenset(person.roles)


def _who(route: Route) -> list[str]:
    return [
        name
        for name, admitted in (
            ("agents", route.agent),
            ("gateways", route.gateway),
            ("people", route.person),
        )
        if admitted
    ]


def _listed(names: Iterable[str]) -> str:
    return " or ".join(f"`{name}`" for name in names)


def _unknown(detail: str) -> Problem:
    return Problem("unauthenticated", detail)
