"""What the names in a condition mean. The law: a name is known, of one type, and has one speaker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from governance.engine import rules
from governance.engine.catalogue import ActionType, Catalogue
from governance.engine.fields import COMMAND_FIELDS, COMMON_CLAIMS, SERVICE_FIELDS, is_claim
from governance.engine.lists import ListBook
from governance.engine.reading import Document, Findings, Place, Way
from governance.engine.shape import nearest
from governance.engine.values import Type


@dataclass(slots=True)
class Scope:
    """What the names in one condition mean. `actions` are those the rule may reach; `claims`
    collects the claims it tests, `types` the type of each tested field, `histories` the actions it
    looks back to and where it does."""

    document: Document
    findings: Findings
    catalogue: Catalogue
    actions: tuple[ActionType, ...]
    lists: ListBook
    claims: set[str] = field(default_factory=set)
    types: dict[str, Type] = field(default_factory=dict)
    histories: list[tuple[str, Place]] = field(default_factory=list)

    def wrong(self, way: Way, code: str, message: str, hint: str = "", key: bool = False) -> None:
        place = self.document.place(way, key)
        self.findings.add(self.document.path, place, code, message, hint)


def actions_of(scope: Scope, data: Any, way: Way) -> list[rules.Condition] | None:
    """The actions that are named, one or a list; None after a finding was added."""
    names = data if isinstance(data, list) else [data]
    sound = bool(names)
    for i, name in enumerate(names):
        at = (*way, i) if isinstance(data, list) else way
        if not isinstance(name, str) or name not in scope.catalogue.actions:
            scope.wrong(at, "unknown-action", f"`{name}` is not an action of the catalogue",
                        nearest(str(name), scope.catalogue.actions))  # fmt: skip
            sound = False
    return [rules.ActionIs(tuple(names))] if sound else None


def known_fields(actions: Iterable[ActionType]) -> list[str]:
    """Every field that some of these actions have."""
    out = [*SERVICE_FIELDS, *COMMON_CLAIMS]
    for action in actions:
        out += [f"args.{name}" for name in action.args]
        out += action.claims
        out += COMMAND_FIELDS if action.command else ()
    return list(dict.fromkeys(out))


def types_of(scope: Scope, name: str, way: Way, negated: bool = False) -> list[Type] | None:
    """The types that the reached actions give a field: one kind, perhaps several domains."""
    found: dict[Type, ActionType] = {}
    without: ActionType | None = None
    for action in scope.actions:
        kind = action.type_of(name)
        if kind is None:
            without = action
        else:
            found.setdefault(kind, action)
    if not found:
        whole = len(scope.actions) == len(scope.catalogue.actions)
        where = "" if whole or not scope.actions else f" of `{scope.actions[0].name}`"
        scope.wrong(way, "unknown-field", f"`{name}` is not a field{where}",
                    nearest(name, known_fields(scope.actions)), key=True)  # fmt: skip
        return None
    if negated and without is not None:
        scope.wrong(way, "not-inapplicable",
                    f"`{without.name}` has no `{name}`, so `not` would always hold there",
                    "name the actions that have it", key=True)  # fmt: skip
        return None
    if len({(kind.kind, kind.unit) for kind in found}) > 1:
        kinds = [f"{kind.kind} in `{action.name}`" for kind, action in found.items()]
        scope.wrong(way, "two-types", f"`{name}` is {' but '.join(kinds[:2])}",
                    "write one rule for each", key=True)  # fmt: skip
        return None
    if is_claim(name):
        scope.claims.add(name)
    types = list(found)
    scope.types[name] = types[0]
    return types


def not_a_key(name: str, kind: Type | None, cls: str) -> str:
    """Why totals cannot be kept by this field, or nothing."""
    if cls == "private":
        return f"`{name}` is private: only a commitment to it is recorded"
    if kind is not None and kind.many:
        return f"`{name}` is a list: totals are kept by single values"
    return ""
