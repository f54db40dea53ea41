"""API keys: issued once, stored never, looked up by digest.

Law: the secret `gov_<id>_<43 characters>` leaves the service exactly once, in the answer that
issued it; the log and the state hold its SHA-256 (256 random bits: nothing to guess).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from audit.encoding import b64url
from governance.oversight import keys, people
from governance.oversight.agents import agent as agent_of
from governance.oversight.commands import Facts, Proposal
from governance.oversight.errors import Refused
from governance.oversight.model import State
from governance.service.acting import Act, do, entry, person
from governance.service.desk import SERVICE, Caller, Desk
from governance.service.problem import Problem

HOLDERS: Final = ("agent", "gateway", "person")
_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"
_SECRET: Final = re.compile(r"gov_(k-[A-Za-z0-9]{8})_([A-Za-z0-9_-]{43})").fullmatch
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}").fullmatch


def digest_of(secret: str) -> str:
    """SHA-256 (hex) of a whole secret: what the log holds."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_key() -> tuple[str, str]:
    """A new public id and its secret."""
    public = "k-" + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in os.urandom(8))
    return public, f"gov_{public}_{b64url(os.urandom(32))}"


def caller_of(desk: Desk, secret: str) -> Caller | None:
    """Who presents this secret, or None: malformed, unknown, revoked, or its holder is gone."""
    if _SECRET(secret) is None:
        return None
    digest = digest_of(secret)
    key = keys.find(desk.state, digest)
    if key is None:
        return None
    return Caller(key.holder_type, key.holder_id, key.id, digest)


def issue(
    desk: Desk,
    caller: Caller,
    *,
    holder_type: str,
    holder_id: str,
    agents: Iterable[str] = (),
    obligations: Iterable[str] = (),
    lists: Iterable[str] = (),
) -> dict[str, Any]:
    """Issue a key to an agent, a gateway (with the agents it may speak for) or a person.

    `lists`: lists of the policies that a gateway may refresh; such a connector need not speak for an
    agent.

    Agent keys: agent managers and administrators.  Gateway keys: administrators.  Keys of people:
    the person; an administrator only the first one of somebody new.  Returns `{key, secret}`: the
    secret is shown this once.
    """
    who = person(caller)
    data = _data(holder_type, holder_id, tuple(agents), tuple(obligations), tuple(lists))
    public, secret = new_key()
    data |= {"key": public, "digest": digest_of(secret)}

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        _require(state, who, holder_type, holder_id, data.get("agents", ()))
        return Proposal((entry("key.issued", at, caller, data),), {"key": public, "secret": secret})

    return do(desk, Act(who, run))


def first(desk: Desk, who: str) -> dict[str, Any]:
    """The key of the first person, while there is no other key.  Returns `{key, secret}`."""
    public, secret = new_key()
    data = _data("person", who, (), (), ()) | {"key": public, "digest": digest_of(secret)}

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        if state.keys or not state.single_person or who not in state.people:
            raise Refused("conflict", "the first key was issued; a person issues others")
        return Proposal(
            (entry("key.issued", at, SERVICE, data),), {"key": public, "secret": secret}
        )

    return do(desk, Act("service", run))


def _data(
    holder_type: str,
    holder_id: str,
    for_agents: tuple[str, ...],
    obligations: tuple[str, ...],
    lists: tuple[str, ...],
) -> dict[str, Any]:
    if holder_type not in HOLDERS:
        raise Problem(
            "bad-field",
            f"`{holder_type}` holds no keys; expected agent, gateway or person",
            field="holder_type",
        )
    if type(holder_id) is not str or _NAME(holder_id) is None:
        raise Problem("bad-field", f"`{holder_id}` is no valid id of a holder", field="holder_id")
    data: dict[str, Any] = {"holder": {"type": holder_type, "id": holder_id}}
    if holder_type == "gateway":
        if not for_agents and not lists:
            raise Problem(
                "bad-field",
                "say for which agents the gateway may speak (`*` = all)",
                field="agents",
            )
        data["agents"] = sorted(set(for_agents))
        if lists:
            data["lists"] = sorted(set(lists))
    elif for_agents:
        raise Problem("bad-field", "only a gateway speaks for agents", field="agents")
    elif lists:
        raise Problem("bad-field", "only a gateway refreshes lists", field="lists")
    if obligations:
        data["obligations"] = sorted(set(obligations))
    return data


def _require(
    state: State, who: str, holder_type: str, holder_id: str, for_agents: Iterable[str]
) -> None:
    if holder_type == "agent":
        people.require(state, who, "manage agent keys")
        if agent_of(state, holder_id).state == "retired":
            raise Refused("conflict", f"agent `{holder_id}` is retired", field="holder_id")
    elif holder_type == "gateway":
        people.require(state, who, "manage gateway keys")
        for name in for_agents:
            if name != keys.ALL_AGENTS:
                agent_of(state, name)
    else:
        holder = people.person(state, holder_id)
        if holder_id != who:
            people.require(state, who, "manage people")
            if holder.enrolled:
                raise Refused(
                    "needs-another",
                    f"`{holder_id}` has had a key; only they issue another (who lost theirs leaves "
                    "and is added again)",
                    field="holder_id",
                )


def revoke(desk: Desk, caller: Caller, key: str) -> dict[str, Any]:
    """Revoke a key by its public id; it stops working with the entry."""
    who = person(caller)

    def run(state: State, facts: Facts, at: datetime, index: int) -> Proposal:
        found = next((each for each in state.keys.values() if each.id == key), None)
        if found is None:
            raise Refused("unknown", f"there is no live key `{key}`")
        if not (found.holder_type == "person" and found.holder_id == who):
            right = "manage people" if found.holder_type == "person" else "manage agent keys"
            people.require(state, who, right)
        return Proposal((entry("key.revoked", at, caller, {"key": key}),), {"key": key})

    return do(desk, Act(who, run))


def listed(desk: Desk) -> dict[str, Any]:
    """Live keys without digests: `{keys: [{key, holder_type, holder_id, agents, obligations, lists}]}`."""
    return {
        "keys": [
            {
                "key": key.id,
                "holder_type": key.holder_type,
                "holder_id": key.holder_id,
                "agents": sorted(key.agents),
                "obligations": sorted(key.obligations),
                "lists": sorted(key.lists),
            }
            for key in sorted(desk.state.keys.values(), key=lambda key: key.index)
        ]
    }
