"""What the log will hold of an action: clear quantities, pseudonyms, commitments, and one digest.

Law: no value of a person and no unsalted hash of one leaves this module towards an entry.  The same
action in the same session has the same recorded form and so the same digest (salts are derived from
the session's secret), which is how a repeated action finds its grant; any other value, in any
argument, declared or not, readable or spoiled, gives another digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from audit.canonical import canonical
from governance.engine.catalogue import ActionType, ArgType, Step, record
from governance.engine.model import ABSENT, CannotTell, Request, Value
from governance.engine.mould import mould
from governance.oversight.commands import VaultRow
from governance.service.committing import committed, digest
from governance.service.problem import Problem
from governance.service.reading import plain

MOST_UNDECLARED: Final = 64
_TYPE: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}").fullmatch
_NAME: Final = re.compile(r"[^\x00-\x20\x7f\ud800-\udfff\U00010000-\U0010ffff]{1,100}").fullmatch
_STANDING: Final = "standing"
_RESOURCE: Final = "resource."


class Opening(NamedTuple):
    """What opens one commitment: the field, canonical bytes of the value, salt, whose it is."""

    field: str
    value: bytes
    salt: bytes
    subject: str | None

    def row(self, index: int) -> VaultRow:
        """For entry `index`."""
        return VaultRow(index, self.field, self.value, self.salt, self.subject)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recorded form of one action, and what the vault keeps to open it again.

    `pseudonyms`: field -> `s-...` for the engine's keys.  `digest` is the action digest (hex).
    """

    args: dict[str, Any]
    resource: dict[str, Any]
    claims: dict[str, Any]
    commitments: dict[str, str]
    openings: tuple[Opening, ...]
    pseudonyms: dict[str, str]
    digest: str


class _Recorder:
    """Collects the recorded form field by field."""

    __slots__ = ("commitments", "openings", "pseudonyms", "secret", "vault")

    def __init__(self, vault: Any, secret: bytes) -> None:
        self.vault = vault
        self.secret = secret
        self.commitments: dict[str, str] = {}
        self.openings: list[Opening] = []
        self.pseudonyms: dict[str, str] = {}

    def commit(self, field: str, value: Any, subject: str | None = None) -> None:
        """Commit to `value` under `field`, with a salt that repeats for the same value."""
        try:
            self.commitments[field], data, salt = committed(self.secret, field, value)
        except ValueError:
            raise Problem(
                "bad-field", "the value cannot be written as canonical JSON", field=field
            ) from None
        self.openings.append(Opening(field, data, salt, subject))

    def steps(
        self,
        steps: Iterable[Step],
        given: Mapping[str, Any],
        fields: Mapping[str, Value],
        into: dict[str, Any],
    ) -> None:
        """The recorded form of what is declared and given, by the name under which it was given."""
        for step in steps:
            name = step.name
            if name in given:
                found = self.value(step.field, step.arg, fields[step.field], given[name])
                if found is not None:
                    into[name] = found

    def value(self, field: str, declared: ArgType, value: Value, given: Any) -> Any:
        """The recorded form of one declared field; None when there is nothing to record."""
        if value is ABSENT:
            return None
        if isinstance(value, CannotTell):
            self.commit(field, plain(given))
            return {"spoiled": value.why}
        clear = value if value.__class__ is str else record(value)
        kind = declared.cls
        if kind == "quantity" or kind == "category":
            return clear
        if kind == "private":
            self.commit(field, clear)
            return None
        if type(clear) is list:
            whose = [self.vault.pseudonym(declared.about, _text(each)) for each in clear]
            self.commit(field, clear, whose[0] if len(whose) == 1 else None)
            return whose
        subject = self.vault.pseudonym(declared.about, _text(clear))
        self.pseudonyms[field] = subject
        self.commit(field, clear, subject)
        return subject


def _text(value: Any) -> str:
    return value if type(value) is str else canonical(value).decode()


def secret_name(agent: str, session: int | None) -> str:
    """Under which name the vault keeps the secret from which a session's salts are derived."""
    return f"{agent}/{_STANDING if session is None else session}"


def record_action(
    vault: Any,
    secret: bytes,
    agent: str,
    action: str,
    declared: ActionType | None,
    request: Request,
    arguments: Mapping[str, Any],
    claims: Mapping[str, Any],
) -> Recorded:
    """The recorded form of an action.

    `request` is what the catalogue read from `arguments` (by bare name) and `claims` (dotted:
    `resource.*`, `subject.*`, `context.*`).  Raises `Problem` for what cannot be written at all.
    """
    recorder = _Recorder(vault, secret)
    args: dict[str, Any] = {}
    resource: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    if declared is not None:
        recorder.steps(declared.steps.args, arguments, request.fields, args)
        if declared.claims:
            recorder.steps(declared.steps.claims, claims, request.fields, rest)
            for field in [field for field in rest if field.startswith(_RESOURCE)]:
                resource[field.removeprefix(_RESOURCE)] = rest.pop(field)
        if declared.command is not None and "context.cwd" in claims:
            recorder.commit(
                "context.cwd", plain(claims["context.cwd"])
            )  # paths are read against it
    if request.undeclared:
        _undeclared(recorder, request, arguments)
    _resource(recorder, declared, claims, resource)
    body = {
        "action": action,
        "agent": agent,
        "args": args,
        "commitments": recorder.commitments,
        "resource": resource,
    }
    return _recorded(
        args,
        resource,
        rest,
        recorder.commitments,
        tuple(recorder.openings),
        recorder.pseudonyms,
        digest(body),
    )


_recorded: Final = mould(Recorded)


def _undeclared(recorder: _Recorder, request: Request, arguments: Mapping[str, Any]) -> None:
    """An argument that the catalogue does not know is bound like a private one."""
    if len(request.undeclared) > MOST_UNDECLARED:
        raise Problem(
            "too-large",
            f"the action has {len(request.undeclared)} arguments that the catalogue does not "
            f"declare; at most {MOST_UNDECLARED} are recorded",
            field="action.properties.arguments",
        )
    for field in request.undeclared:
        # The catalogue has another word for names that cannot be printed; they are refused here.
        if _NAME(field) is None or field.removeprefix("args.") not in arguments:
            raise Problem(
                "bad-field",
                "a name of an argument must have 1 to 95 characters without spaces",
                field="action.properties.arguments",
            )
        recorder.commit(field, plain(arguments[field.removeprefix("args.")]))


def _resource(
    recorder: _Recorder,
    declared: ActionType | None,
    claims: Mapping[str, Any],
    resource: dict[str, Any],
) -> None:
    """The resource's type and id, and whatever else the caller says about it, bind the digest."""
    known = declared.claims if declared is not None else {}
    for field, value in claims.items():
        if not field.startswith(_RESOURCE) or field in known:
            continue
        if field == "resource.type" and type(value) is str and _TYPE(value) is not None:
            resource["type"] = value
            continue
        if field != "resource.id" and _NAME(field) is None:
            raise Problem(
                "bad-field",
                "a name of a property must have 1 to 91 characters without spaces",
                field="resource.properties",
            )
        recorder.commit(field, value if type(value) is str else plain(value))


def variant_of(
    action: str,
    agent: str,
    declared: ActionType | None,
    args: Mapping[str, Any],
    resource: Mapping[str, Any],
) -> str:
    """A digest of what stays the same when somebody tries again with one cent less."""
    same: dict[str, Any] = {}
    if declared is not None:
        for name, value in args.items():
            known = declared.args.get(name)
            if known is not None and known.cls == "identity" and type(value) is not dict:
                same[name] = value
    body = {"action": action, "agent": agent, "args": same, "type": resource.get("type")}
    return digest(body)
