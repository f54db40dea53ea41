"""A recorded decision, read again as the request that it answered.

Law: what the log holds in the clear is read by the same catalogue as then; what it only commits to is
read if it is disclosed and is *cannot tell* if not; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from governance.engine.compile import Release
from governance.engine.model import CannotTell, Request, Value
from governance.oversight.model import Agent, Session, State
from governance.service import judging

HIDDEN = CannotTell("not_disclosed")


@dataclass(frozen=True, slots=True)
class Recalled:
    """The request, and the fields whose values were not disclosed."""

    request: Request
    hidden: tuple[str, ...]


def recall(
    release: Release, data: Mapping[str, Any], opened: Mapping[str, Any], place: str | None
) -> Recalled:
    """The request of a decision's entry `data`.

    `opened` are disclosed values by field (`args.iban`), `place` the folder paths are judged
    against.  `release` may be another one than then (a draft, in a backtest).
    """
    catalogue = release.bundle.catalogue
    declared = catalogue.actions.get(data["action"])
    arguments: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    spoiled: dict[str, Value] = {}
    hidden: list[str] = []
    pseudonyms: dict[str, str] = {}
    committed = data.get("commitments", {})
    recorded = {f"args.{name}": value for name, value in data["args"].items()}
    recorded |= {f"resource.{name}": value for name, value in data["resource"].items()}
    recorded |= data.get("claims", {})
    for field in {**recorded, **committed}:
        value = recorded.get(field)
        arg = declared.declared(field) if declared is not None else None
        if isinstance(value, dict):
            spoiled[field] = CannotTell(str(value.get("spoiled", "spoiled")))
        if field in committed:
            if arg is not None and arg.cls == "identity" and isinstance(value, str):
                pseudonyms[field] = value
            value = opened.get(field)
            if value is None:
                hidden.append(field)
        target = arguments if field.startswith("args.") else extra
        target[field.removeprefix("args.") if target is arguments else field] = value
    extra |= _common(data)
    if place is not None:
        extra["session.workspace"] = place
    request = catalogue.read(data["action"], arguments, extra, data["attested"])
    fields = dict(request.fields)
    for field in hidden:
        if field in fields:
            fields[field] = HIDDEN
    fields |= {field: why for field, why in spoiled.items() if field in fields}
    if declared is not None and declared.command is not None:
        command = f"args.{declared.command}"
        if command in hidden or "context.cwd" in hidden:
            fields |= {name: HIDDEN for name in fields if name.startswith("command.")}
    return Recalled(
        Request(request.action, fields, request.undeclared, request.attested, pseudonyms),
        tuple(hidden),
    )


def _common(data: Mapping[str, Any]) -> dict[str, Any]:
    """The claims every request may carry, and what its runtime can carry out."""
    out: dict[str, Any] = {"context.obligations_supported": data.get("supported", [])}
    if "intent_confidence" in data:
        out["context.confidence"] = Decimal(data["intent_confidence"])
    if "claimed_cost" in data:
        out["context.cost"] = data["claimed_cost"]
    return out


def standing(state: State, data: Mapping[str, Any]) -> tuple[Agent, Session] | None:
    """The agent and session of a recorded decision, as they are in the state before it."""
    agent = state.agents.get(data["agent"])
    session = state.sessions.get(data["refs"].get("session", -1))
    return None if agent is None or session is None else (agent, session)


def place_of(state: State, data: Mapping[str, Any]) -> str | None:
    """The folder that paths of a recorded decision were judged against."""
    agent = state.agents.get(data["agent"])
    session = state.sessions.get(data["refs"].get("session", -1))
    return None if agent is None else judging.workspace_of(agent, session)
