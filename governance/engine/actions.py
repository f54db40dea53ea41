"""Reads catalogue files. The law: an action is declared once, and so is what may be recorded of it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from governance.engine.catalogue import ActionType, ArgType, Catalogue
from governance.engine.codes import CURRENCIES
from governance.engine.fields import CLAIM_SPEAKERS, COMMON_CLAIMS
from governance.engine.model import CannotTell, Risk, Scalar
from governance.engine.reading import Document, Findings, Way
from governance.engine.shape import CATALOGUE, fits
from governance.engine.values import Type

_ONLY_FOR = {
    "unit": ("integer", "count", "number"),
    "at_least": ("integer", "count", "number"),
    "at_most": ("integer", "count", "number"),
    "currencies": ("money",),
    "may_be_negative": ("money",),
    "one_of": ("choice",),
    "max_length": ("text",),
}


def read_catalogue(documents: Iterable[Document], findings: Findings) -> Catalogue:
    """All actions of all catalogue files; what is wrong is in the findings."""
    actions: dict[str, ActionType] = {}
    for document in documents:
        if not fits(document, CATALOGUE, findings):
            continue
        for name, data in document.data["actions"].items():
            place = document.place(("actions", name), key=True)
            if name in actions:
                findings.add(document.path, place, "duplicate-action",
                             f"`{name}` is already declared in {actions[name].path}",
                             "declare it once")  # fmt: skip
                continue
            actions[name] = _action(document, name, data, findings)
    return Catalogue(actions)


def _action(document: Document, name: str, data: dict[str, Any], findings: Findings) -> ActionType:
    way: Way = ("actions", name)
    args = {
        argument: _argument(document, declared, (*way, "args", argument), findings)
        for argument, declared in (data.get("args") or {}).items()
    }
    claims = {
        f"{speaker}.{claim}": _argument(document, declared, (*way, speaker, claim), findings)
        for speaker in CLAIM_SPEAKERS
        for claim, declared in (data.get(speaker) or {}).items()
    }
    for claim in claims.keys() & COMMON_CLAIMS.keys():
        speaker, _, rest = claim.partition(".")
        findings.add(document.path, document.place((*way, speaker, rest), key=True),
                     "duplicate-field", f"every action has `{claim}` already", "remove it")  # fmt: skip
    commands = [argument for argument, arg in args.items() if arg.type.name == "command"]
    for argument in commands[1:]:
        findings.add(document.path, document.place((*way, "args", argument), key=True),
                     "two-commands", "one action has at most one command line", "make two actions")  # fmt: skip
    line, column = document.place(way, key=True)
    return ActionType(
        name=name,
        title=data["title"],
        labels=tuple(data.get("labels") or ()),
        risk=Risk.of(data["risk"]),
        args=args,
        claims=claims,
        attaches=frozenset(data.get("attaches") or ()),
        path=document.path,
        line=line,
        column=column,
    )


def _argument(document: Document, data: dict[str, Any], way: Way, findings: Findings) -> ArgType:
    words: str = data["type"]
    name = words.removeprefix("list of ")
    _options(document, data, name, way, findings)
    least, most = _bound(data.get("at_least")), _bound(data.get("at_most"))
    if name == "count":
        least = max(least or Decimal(0), Decimal(0))
    if least is not None and most is not None and least > most:
        findings.add(document.path, document.place((*way, "at_most")), "outside-domain",
                     "no value is possible between these bounds")  # fmt: skip
    kind = Type(
        name,
        unit=data.get("unit", ""),
        members=tuple(data.get("one_of") or data.get("currencies") or ()),
        many=words != name,
        negative=data.get("may_be_negative", False),
        minimum=least,
        maximum=most,
        **{key: data[key] for key in ("max_length", "max_items") if key in data},
    )
    default = _default(document, data, kind, way, findings) if "default" in data else None
    return ArgType(kind, data.get("required", True), data["class"], data.get("about", ""), default)


def _options(
    document: Document, data: dict[str, Any], name: str, way: Way, findings: Findings
) -> None:
    """Options that do not fit the type, and those that are missing."""

    def wrong(key: str, code: str, message: str, hint: str = "") -> None:
        findings.add(document.path, document.place((*way, key)), code, message, hint)

    for key, names in _ONLY_FOR.items():
        if key in data and name not in names:
            wrong(key, "option-does-not-fit", f"`{key}` does not fit a {data['type']}",
                  "it belongs to: " + ", ".join(names))  # fmt: skip
    if "max_items" in data and name == data["type"]:
        wrong("max_items", "option-does-not-fit", "`max_items` belongs to a list")
    if name == "choice" and not data.get("one_of"):
        wrong("type", "missing-key", "`one_of` is missing: what can be chosen")
    if (data["class"] == "identity") != ("about" in data):
        wrong("class", "missing-key" if "about" not in data else "option-does-not-fit",
              "an identity says what it is `about` (customer, payee, …), nothing else does")  # fmt: skip
    for i, currency in enumerate(data.get("currencies") or ()):
        if currency not in CURRENCIES:
            findings.add(document.path, document.place((*way, "currencies", i)), "unknown-currency",
                         f"`{currency}` is not a currency of ISO 4217")  # fmt: skip


def _default(
    document: Document, data: dict[str, Any], kind: Type, way: Way, findings: Findings
) -> Scalar | tuple[Scalar, ...] | None:
    place = document.place((*way, "default"))
    if data.get("required", True):
        findings.add(document.path, place, "option-does-not-fit",
                     "a required argument has no default", "say `required: false`")  # fmt: skip
    value = kind.read(data["default"])
    if isinstance(value, CannotTell):
        findings.add(document.path, place, "wrong-constant",
                     f"`{data['default']}` is not a {data['type']} as declared")  # fmt: skip
        return None
    return value


def _bound(raw: Any) -> Decimal | None:
    return None if raw is None else Decimal(raw)
