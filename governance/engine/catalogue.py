"""The catalogue: every action there is, and what its arguments are.

Law: reading a request never raises and never guesses. A spoiled or missing required argument is
`CannotTell`; an optional argument that is not given is `ABSENT` (or the default that the tool uses,
if the catalogue knows it); an argument that is not declared is named in `undeclared`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

from governance.engine import command
from governance.engine.fields import (
    CLAIM_SPEAKERS,
    COMMAND_FIELDS,
    COMMON_CLAIMS,
    SERVICE_FIELDS,
)
from governance.engine.model import ABSENT, CannotTell, Request, Risk, Scalar, Value
from governance.engine.mould import mould
from governance.engine.values import Type, reading, remembering, write

ArgClass = Literal["quantity", "category", "identity", "private"]
MISSING: Final = CannotTell("missing")
NOT_DISCLOSED: Final = CannotTell("not_disclosed")
"""A value that the log holds as a pseudonym or a commitment only."""


@dataclass(frozen=True, slots=True)
class ArgType:
    """One argument or claim: its type, whether it must be given, and what may be recorded of it.

    `cls`: quantity and category are recorded in the clear, identity as the pseudonym of the data
    subject of type `about`, private as a commitment. `default` is the value the tool uses when an
    optional argument is not given (None: the catalogue does not know one).
    """

    type: Type
    required: bool
    cls: ArgClass
    about: str = ""
    default: Scalar | tuple[Scalar, ...] | None = None

    @property
    def unit(self) -> str:
        return self.type.unit


class Step(NamedTuple):
    """How one argument or claim of an action is read: from `name` into `field`.

    `one` reads what needs no place (None: `arg` does); `otherwise` is the value if nothing is given.
    """

    field: str
    name: str
    arg: ArgType
    one: Callable[[Any], Value] | None
    otherwise: Value


class Steps(NamedTuple):
    """Everything about reading an action that its requests have in common.

    Worked out once per action, because it took longer than the reading itself.
    """

    args: tuple[Step, ...]
    claims: tuple[Step, ...]
    common: tuple[Step, ...]
    names: frozenset[str]


@dataclass(frozen=True)
class ActionType:
    """One action. `args` by bare name; `claims` by dotted name (`resource.owner`). `labels` say
    what the action does, `attaches` which labels the session takes on once it is allowed."""

    name: str
    title: str
    labels: tuple[str, ...]
    risk: Risk
    args: Mapping[str, ArgType] = field(hash=False)
    claims: Mapping[str, ArgType] = field(hash=False)
    attaches: frozenset[str] = frozenset()
    path: str = ""
    line: int = 1
    column: int = 1

    def __getstate__(self) -> dict[str, Any]:
        """What was declared, without what was worked out from it."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def steps(self) -> Steps:
        """How a request for this action is read."""
        return Steps(
            tuple(_step(f"args.{name}", name, arg) for name, arg in self.args.items()),
            tuple(_step(name, name, claim) for name, claim in self.claims.items()),
            tuple(
                _step(name, name, ArgType(kind, True, "quantity"))
                for name, kind in COMMON_CLAIMS.items()
                if name not in self.claims
            ),
            frozenset(self.args),
        )

    @cached_property
    def command(self) -> str | None:
        """The argument whose command line gives the `command.*` fields, if there is one."""
        for name, declared in self.args.items():
            if declared.type.name == "command":
                return name
        return None

    def type_of(self, name: str) -> Type | None:
        """The type of a dotted field for this action, or None when it does not have that field."""
        speaker, _, rest = name.partition(".")
        if speaker == "args":
            declared = self.args.get(rest)
            return declared.type if declared else None
        if speaker in CLAIM_SPEAKERS:
            claim = self.claims.get(name)
            return claim.type if claim else COMMON_CLAIMS.get(name)
        if speaker == "command":
            return COMMAND_FIELDS.get(name) if self.command else None
        return SERVICE_FIELDS.get(name)

    def declared(self, name: str) -> ArgType | None:
        """What the catalogue declares for `args.*` or a claim; None for every other field."""
        speaker, _, rest = name.partition(".")
        return self.args.get(rest) if speaker == "args" else self.claims.get(name)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All actions by name, and every label that any of them carries or attaches."""

    actions: Mapping[str, ActionType]

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(label for action in self.actions.values() for label in action.labels)

    def read(
        self,
        action: str,
        arguments: Mapping[str, Any],
        extra_fields: Mapping[str, Any],
        attested: bool,
    ) -> Request:
        """One request. Never raises on what an agent sends.

        `arguments` are JSON values by bare name (numbers as int or Decimal). `extra_fields` is flat
        and dotted: JSON values of claims (`resource.*`, `subject.*`, `context.*`), which are read
        by their declared types, and the service's own typed values (`agent.*`, `session.*`,
        `time.*`), which are taken as they are. Claims that are not declared are left out: no rule
        can test them.
        """
        found: dict[str, Value] = {}
        claims: dict[str, Any] = {}
        for name, value in extra_fields.items():
            if name.startswith(_CLAIMS):
                claims[name] = value
            else:
                found[name] = value
        return self.take(action, arguments, claims, found, attested)

    def take(
        self,
        action: str,
        arguments: Mapping[str, Any],
        claims: Mapping[str, Any],
        found: dict[str, Value],
        attested: bool,
    ) -> Request:
        """As `read`, for claims that are apart already; `found` are the service's own values, and
        becomes the request's fields."""
        declared = self.actions.get(action)
        if declared is None:
            return _request(action, found, _undeclared(arguments), attested, {})
        steps = declared.steps
        found["tool.labels"] = declared.labels
        found["tool.risk"] = declared.risk.word
        places = _place(found, "session.workspace"), _place(found, "session.home")
        _read(found, steps.args, arguments, places)
        _read(found, steps.claims, claims, places)
        _read(found, steps.common, claims, places)
        known = claims.get("context.obligations_supported", ())
        if known.__class__ is list or known.__class__ is tuple:
            found["context.obligations_supported"] = tuple([i for i in known if isinstance(i, str)])
        if declared.command is not None:
            # An agent's word about where it stands would decide what a relative path means.
            cwd = claims.get("context.cwd") if attested else None
            _derive(found, declared.command, cwd, places)
        strange = arguments.keys() - steps.names
        return _request(action, found, _undeclared(strange) if strange else (), attested, {})

    def recall(
        self, action: str, recorded: Mapping[str, Any], extra_fields: Mapping[str, Value]
    ) -> Request:
        """The request as the log recorded it: clear values are read again, pseudonyms and
        commitments are not values and stay *cannot tell*; pseudonyms still make keys.

        `recorded` is by bare name, as `record` gives it and the log stores it.
        """
        declared = self.actions.get(action)
        clear: dict[str, Any] = {}
        pseudonyms: dict[str, str] = {}
        hidden: dict[str, CannotTell] = {}
        for name, value in recorded.items():
            arg = declared.args.get(name) if declared else None
            if isinstance(value, dict):
                hidden[f"args.{name}"] = CannotTell(str(value.get("spoiled", "spoiled")))
            elif arg is None or arg.cls == "private":
                hidden[f"args.{name}"] = NOT_DISCLOSED
            elif arg.cls == "identity":
                hidden[f"args.{name}"] = NOT_DISCLOSED
                pseudonyms[f"args.{name}"] = value
            else:
                clear[name] = value
        request = self.read(action, clear, extra_fields, False)
        known = declared.args.keys() if declared else set[str]()
        undeclared = _undeclared(recorded.keys() - known)
        return Request(action, {**request.fields, **hidden}, undeclared, False, pseudonyms)


_request: Final = mould(Request)
_CLAIMS: Final = tuple(f"{speaker}." for speaker in CLAIM_SPEAKERS)
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MOST_NAMES: Final = 20


def _undeclared(names: Iterable[str]) -> tuple[str, ...]:
    """Names that an agent made up: they enter reasons and the log, so odd ones are not repeated."""
    shown = {f"args.{name}" if _NAME.fullmatch(name) else "args.(unprintable)" for name in names}
    return tuple(sorted(shown)[:_MOST_NAMES])


def record(value: Scalar | tuple[Scalar, ...]) -> Any:
    """The normalised JSON form of a value: what the log holds of quantities and categories."""
    return [write(item) for item in value] if isinstance(value, tuple) else write(value)


def _place(fields: Mapping[str, Value], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def _read(
    found: dict[str, Value],
    steps: Iterable[Step],
    given: Mapping[str, Any],
    places: tuple[str | None, str | None],
) -> None:
    for name_of_field, name, arg, one, otherwise in steps:
        if name not in given:
            found[name_of_field] = otherwise
        elif one is not None:
            found[name_of_field] = one(given[name])
        else:
            found[name_of_field] = arg.type.read(given[name], *places)


def _step(name_of_field: str, name: str, arg: ArgType) -> Step:
    kind = arg.type
    one: Callable[[Any], Value] | None = None
    if not kind.many and kind.name != "path":
        clear = arg.cls in ("quantity", "category")
        one = remembering(kind) if clear else reading(kind)
    default: Value = ABSENT if arg.default is None else arg.default
    return Step(name_of_field, name, arg, one, MISSING if arg.required else default)


def _derive(
    fields: dict[str, Value], argument: str, cwd: Any, places: tuple[str | None, str | None]
) -> None:
    """The `command.*` fields of the command line in `argument`; all unknown if it is unknown."""
    line = fields[f"args.{argument}"]
    if isinstance(line, str):
        workspace, home = places
        at = cwd if isinstance(cwd, str) else None
        found = command.parse(line, workspace=workspace, cwd=at, home=home)
        for name in COMMAND_FIELDS:
            value = found.get(name.removeprefix("command."), CannotTell("not_understood"))
            if name == "command.hosts" and isinstance(value, tuple):
                value = COMMAND_FIELDS[name].read(value)
            fields[name] = value
        return
    for name in COMMAND_FIELDS:
        fields[name] = ABSENT if line is ABSENT else CannotTell("missing")
