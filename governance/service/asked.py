"""An AuthZEN evaluation request, read: who wants to do what, in which session, and what is claimed.

Law: what does not fit is a 400 with the path of the field, before anything is recorded; facts that
only the service states are refused, whoever sends them; nothing here decides anything.
Source: OpenID AuthZEN Authorization API 1.0, sections 5 and 6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from governance.engine.mould import mould
from governance.service.problem import Problem

SERVICE_FACTS: Final = frozenset(
    {"agent", "tool", "time", "limits", "history", "labels", "autonomy", "lists"}
)
_ACTION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,199}").fullmatch
_NUMBER: Final = re.compile(r"[0-9]{1,15}").fullmatch
_OWN: Final = frozenset(
    {
        "session",
        "intent",
        "parent",
        "approval",
        "override",
        "obligations_supported",
        "request_approval",
        "traceparent",
        "last_receipt",
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One evaluation request, taken apart.

    `claims` is flat and dotted (`resource.type`, `subject.role`, `context.cost`).  `note` is what
    the agent says to people when approval is asked for at once (`wants_approval`).
    """

    agent: str
    action: str
    arguments: Mapping[str, Any]
    claims: Mapping[str, Any]
    session: int | None
    advisory: bool
    parent: int | None
    supported: tuple[str, ...]
    wants_approval: bool
    note: str | None


def read(request: Any, *, own: str | None = None, ask: bool = False) -> Asked:
    """Read one evaluation request (numbers are int or Decimal); raises `Problem`.

    `own` is the agent that acts when the subject is a user and names no acting agent: the key's
    own, or a gateway's only one.
    """
    if type(request) is not dict:
        raise Problem("bad-request", "an evaluation is an object with subject, action and resource")
    claims: dict[str, Any] = {}
    agent = _subject(request.get("subject"), claims, own)
    name, arguments = _action(request.get("action"))
    _resource(request.get("resource"), claims)
    context = request.get("context")
    if context is None:
        context = {}
    elif type(context) is not dict:
        raise _wrong("context", "an object")
    for key, value in context.items():
        if key in SERVICE_FACTS and type(value) in (dict, list):
            raise Problem(
                "service-fact",
                f"`{key}` is the service's own fact; leave it out",
                field=f"context.{key}",
            )
        if key not in _OWN:
            claims["context." + key] = value
    if "confidence" in context:
        claims["context.confidence"] = _confidence(context["confidence"])
    wants, note = _wants(context.get("request_approval"))
    return _asked(
        agent,
        name,
        arguments,
        claims,
        number(context.get("session"), "context.session"),
        _advisory(context.get("intent")),
        number(context.get("parent"), "context.parent"),
        _ids(context.get("obligations_supported")),
        ask or wants,
        note,
    )


_asked: Final = mould(Asked)


def number(value: Any, field: str) -> int | None:
    """The number of an entry, given as a whole number or decimal text; None if not given."""
    if value is None:
        return None
    if type(value) is str and _NUMBER(value) is not None:
        return int(value)
    if type(value) is int and 0 <= value < 10**15:
        return value
    raise _wrong(field, "the number of an entry")


def _wrong(field: str, expected: str) -> Problem:
    return Problem("bad-field", f"`{field}` must be {expected}", field=field)


def _subject(subject: Any, claims: dict[str, Any], own: str | None) -> str:
    if type(subject) is not dict:
        raise _wrong("subject", "an object with type and id")
    kind, name = subject.get("type"), subject.get("id")
    if type(kind) is not str or type(name) is not str or not name:
        raise _wrong("subject", "an object with type and id, both text")
    properties = subject.get("properties") or {}
    if type(properties) is not dict:
        raise _wrong("subject.properties", "an object")
    for key, value in properties.items():
        if key != "act":
            claims["subject." + key] = value
    if kind == "agent":
        return name
    act = properties.get("act")
    if kind == "user" and act is None and own is not None:
        claims["subject.type"], claims["subject.id"] = kind, name
        return own
    if kind != "user" or type(act) is not dict or act.get("type") != "agent":
        raise Problem(
            "bad-field",
            "the subject is an agent, or a user whose `properties.act` names the acting agent",
            field="subject.type",
        )
    agent = act.get("id")
    if type(agent) is not str or not agent:
        raise _wrong("subject.properties.act.id", "the name of an agent")
    claims["subject.type"], claims["subject.id"] = kind, name
    return agent


def _action(action: Any) -> tuple[str, Mapping[str, Any]]:
    if type(action) is not dict:
        raise _wrong("action", "an object with a name")
    name = action.get("name")
    if type(name) is not str or _ACTION(name) is None:
        raise _wrong("action.name", "the name of an action such as payment.create")
    properties = action.get("properties")
    if properties is None:
        return name, {}
    if type(properties) is not dict:
        raise _wrong("action.properties", "an object")
    arguments = properties.get("arguments", {})
    if type(arguments) is not dict:
        raise _wrong("action.properties.arguments", "an object")
    beside = {key: value for key, value in properties.items() if key != "arguments"}
    if not beside.keys().isdisjoint(arguments):
        twice = min(beside.keys() & arguments.keys())
        raise Problem(
            "bad-field",
            f"`{twice}` is stated twice, in the arguments and beside them; leave one out",
            field=f"action.properties.{twice}",
        )
    if beside:
        arguments = {**arguments, **beside}
    for key in arguments:
        if "." in key or not key:
            raise Problem(
                "bad-field",
                f"`{key}` is no name of an argument; dots are not allowed",
                field="action.properties.arguments",
            )
    return name, arguments


def _resource(resource: Any, claims: dict[str, Any]) -> None:
    if resource is None:
        return
    if type(resource) is not dict:
        raise _wrong("resource", "an object with type and id")
    for key in ("type", "id"):
        value = resource.get(key)
        if value is not None:
            if type(value) is not str:
                raise _wrong(f"resource.{key}", "text")
            claims["resource." + key] = value
    properties = resource.get("properties")
    if properties is None:
        return
    if type(properties) is not dict:
        raise _wrong("resource.properties", "an object")
    for key, value in properties.items():
        if key in ("type", "id"):
            raise Problem(
                "bad-field",
                f"`{key}` of a resource stands beside its properties, not in them",
                field=f"resource.properties.{key}",
            )
        claims["resource." + key] = value


def _confidence(value: Any) -> Any:
    """A confidence may be written as text; anything else goes to the catalogue as it is."""
    if type(value) is str:
        try:
            return Decimal(value)
        except InvalidOperation:
            return value
    return value


def _advisory(intent: Any) -> bool:
    if intent is None or intent == "act":
        return False
    if intent == "ask":
        return True
    raise _wrong("context.intent", "act or ask")


def _ids(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if type(value) is not list or len(value) > 64:
        raise _wrong("context.obligations_supported", "a list of at most 64 ids")
    for each in value:
        if type(each) is not str or _ACTION(each) is None:
            raise _wrong("context.obligations_supported", "a list of ids of obligations")
    return tuple(value)


def _wants(value: Any) -> tuple[bool, str | None]:
    if value is None or value is False:
        return False, None
    if value is True:
        return True, None
    if type(value) is dict and value.keys() <= {"note"}:
        note = value.get("note")
        if note is None or type(note) is str:
            return True, note
    raise _wrong("context.request_approval", "true, false or an object with a note")
