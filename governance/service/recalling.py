"""A recorded decision, read again as the request that it answered.

Law: what the log holds in the clear is read by the same catalogue as then; what it only commits to is
read if it is disclosed and is *cannot tell* if not; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from governance.engine.catalogue import ArgType
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
    action = data["action"]
    declared = catalogue.actions.get(action)
    committed = data.get("commitments", _NOTHING)
    read = _Reading(committed, opened)
    known = _NOTHING if declared is None else declared.args
    arguments = {
        name: read.one(f"args.{name}", value, known.get(name))
        for name, value in data["args"].items()
    }
    claimed = _NOTHING if declared is None else declared.claims
    claims = _common(data)
    for name, value in data["resource"].items():
        field = f"resource.{name}"
        claims[field] = read.one(field, value, claimed.get(field))
    for field, value in data.get("claims", _NOTHING).items():
        claims[field] = read.one(field, value, claimed.get(field))
    for field in committed:  # what only its commitment is recorded of
        if field.startswith("args."):
            if field[5:] not in arguments:
                arguments[field[5:]] = read.one(field, None, None)
        elif field not in claims:
            claims[field] = read.one(field, None, None)
    found: dict[str, Value] = {} if place is None else {"session.workspace": place}
    request = catalogue.take(action, arguments, claims, found, data["attested"])
    for field in read.hidden:
        if field in found:
            found[field] = HIDDEN
    for field, why in read.spoiled.items():
        if field in found:
            found[field] = why
    if declared is not None and declared.command is not None:
        _hide_command(found, declared.command, read.hidden)
    return Recalled(
        Request(action, found, request.undeclared, request.attested, read.pseudonyms),
        tuple(read.hidden),
    )


def _hide_command(found: dict[str, Value], argument: str, hidden: Iterable[str]) -> None:
    """What is derived from a command line is hidden with it, or with where it was run."""
    if {f"args.{argument}", "context.cwd"}.intersection(hidden):
        found |= {name: HIDDEN for name in found if name.startswith("command.")}


class _Reading:
    """Recorded values, opened where they are committed to and still there."""

    __slots__ = ("_committed", "_opened", "hidden", "pseudonyms", "spoiled")

    def __init__(self, committed: Mapping[str, str], opened: Mapping[str, Any]) -> None:
        self._committed, self._opened = committed, opened
        self.hidden: list[str] = []
        self.pseudonyms: dict[str, str] = {}
        self.spoiled: dict[str, Value] = {}

    def one(self, field: str, value: Any, arg: ArgType | None) -> Any:
        """The value of one field, None if it is hidden."""
        if value.__class__ is dict:
            self.spoiled[field] = CannotTell(str(value.get("spoiled", "spoiled")))
        if field not in self._committed:
            return value
        if arg is not None and arg.cls == "identity" and value.__class__ is str:
            self.pseudonyms[field] = value
        value = self._opened.get(field)
        if value is None:
            self.hidden.append(field)
        return value


_NOTHING: Final[Mapping[str, Any]] = {}


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
