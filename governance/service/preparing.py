"""What is done to a request outside the ledger's lock: read, pseudonymised, committed.

Law: nothing here decides anything, and nothing here is believed under the lock without another look;
a key beyond its quota is turned away before anything is kept for it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from audit.canonical import canonical
from governance.engine.model import Request
from governance.engine.mould import mould
from governance.oversight import keys
from governance.oversight.model import State
from governance.service import asked, judging
from governance.service.acting import problem_of
from governance.service.asked import Asked
from governance.service.desk import Caller, Desk
from governance.service.problem import Problem
from governance.service.reading import plain
from governance.service.recording import Recorded, record_action, secret_name
from governance.store.errors import StoreError

PATIENCE: Final = 0.5
"""Seconds that a request waits for a release which another service put in force and this one is
still reading; it may be asked on the event loop, or under the lock."""


@dataclass(frozen=True, slots=True)
class Item:
    """One request of a command, prepared under one release and one workspace folder."""

    asked: Asked
    release: str
    place: str | None
    request: Request
    recorded: Recorded


def readable(desk: Desk, caller: Caller, request: Any, ask: bool) -> Asked:
    """The request taken apart; refuses people, who do not ask for evaluations."""
    if caller.type not in ("agent", "gateway"):
        raise Problem(
            "not-allowed", "evaluations are asked by agents and gateways under their own keys"
        )
    own: str | None = caller.id
    if caller.type == "gateway":
        key = desk.state.keys.get(caller.digest or "")
        listed = () if key is None else tuple(key.agents - {keys.ALL_AGENTS})
        own = listed[0] if key is not None and len(listed) == len(key.agents) == 1 else None
    return asked.read(request, own=own, ask=ask)


def require_room(desk: Desk, caller: Caller, decisions: int) -> None:
    """Turn a key beyond its quota away, before anything is read or kept for it."""
    try:
        desk.ledger.admit(caller.key, weight=decisions)
    except StoreError as error:
        raise problem_of(error) from error


def prepared(desk: Desk, caller: Caller, state: State, ask: Asked) -> Item:
    """Read, pseudonymise and commit one request under the release in force."""
    if state.release is None:
        raise Problem(
            "not-ready", "no policy is in force; sign a release first (`governance policy release`)"
        )
    agent = state.agents.get(ask.agent)
    key = None if caller.digest is None else state.keys.get(caller.digest)
    if agent is None or key is None or not keys.speaks_for(key, ask.agent):
        raise Problem(
            "wrong-subject",
            f"this key does not speak for an agent `{ask.agent}`",
            field="subject.id",
        )
    session = state.sessions.get(-1 if ask.session is None else ask.session)
    place = judging.workspace_of(agent, session)
    supported = sorted({*ask.supported, *key.obligations})
    claims = {**ask.claims, "context.obligations_supported": supported}
    catalogue = desk.releases.get(state.release, PATIENCE).release.bundle.catalogue
    request = catalogue.take(
        ask.action,
        ask.arguments,
        claims,
        {} if place is None else {"session.workspace": place},
        caller.type == "gateway",
    )
    standing = ask.session if session is None or session.index != agent.standing else None
    recorded = record_action(
        desk.vault,
        desk.vault.session_secret(secret_name(ask.agent, standing)),
        ask.agent,
        ask.action,
        catalogue.actions.get(ask.action),
        request,
        ask.arguments,
        ask.claims,
    )
    if recorded.pseudonyms:
        request = _request(
            request.action,
            request.fields,
            request.undeclared,
            request.attested,
            recorded.pseudonyms,
        )
    return _item(ask, state.release, place, request, recorded)


_request: Final = mould(Request)
_item: Final = mould(Item)


def checked_key(key: str) -> str:
    """An Idempotency-Key that can be kept."""
    if not 0 < len(key) <= 200 or not key.isprintable():
        raise Problem(
            "bad-field",
            "an Idempotency-Key has 1 to 200 printable characters",
            field="Idempotency-Key",
        )
    return key


def digest_of_body(request: Any) -> str:
    """SHA-256 (hex) of a request, by which a repeated Idempotency-Key is held to the same body."""
    return hashlib.sha256(canonical(plain(request))).hexdigest()
