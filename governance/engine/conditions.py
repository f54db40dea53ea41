"""Reads conditions: `when`, `of`, `applies_to`. The law: every name is known, every constant fits.

A condition is a mapping whose entries must all hold: `action`, dotted fields with
`{operator: value}`, `any:` (a list of conditions), `not:` (one condition), `history:`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from governance.engine import rules
from governance.engine.catalogue import ActionType, Catalogue
from governance.engine.fields import COMMAND_FIELDS, COMMON_CLAIMS, SERVICE_FIELDS, is_claim
from governance.engine.lists import ListBook
from governance.engine.model import CannotTell, Scalar
from governance.engine.programs import EFFECTS
from governance.engine.reach import specialise
from governance.engine.reading import Document, Findings, Place, Way
from governance.engine.shape import nearest
from governance.engine.values import Type, duration
from governance.engine.vocabulary import OPERATORS, Operator

UNTRUSTED: Final = "untrusted"

WHY: Final[Mapping[str, str]] = {
    "not_a_text": "a text is expected; quote it",
    "not_yes_or_no": "`true` or `false` is expected",
    "not_a_number": "a number is expected",
    "not_a_whole_number": "a whole number is expected",
    "too_large": "the number has too many digits",
    "wrong_unit": "the unit is not the field's",
    "outside_the_domain": "the field can never have this value",
    "not_an_amount": "an amount with its currency is expected, such as `500 EUR`",
    "currency_missing": "the currency is missing, such as in `500 EUR`",
    "unknown_currency": "this currency is not possible here",
    "negative": "the field is never negative",
    "too_many_decimals": "the currency has fewer decimals",
    "unknown_member": "the field can never have this value",
    "not_an_iban": "an IBAN is expected",
    "wrong_checksum": "the checksum of this IBAN is wrong",
    "not_a_domain": "a domain name is expected, such as `corp.example` (`xn--` form if needed)",
    "not_a_host": "a host name or an IP address is expected",
    "not_an_email": "an e-mail address is expected",
    "not_a_date": "a date is expected, such as `2027-05-31`",
    "not_a_point_in_time": "a point in time is expected, such as `2027-05-31T08:00:00Z`",
    "not_a_duration": "a duration is expected, such as `24h`",
    "not_a_known_path": "write `/absolute`, `workspace:/inside` or `home:/inside`, without `..`",
    "too_long": "the text is longer than the field can be",
    "null": "a value is missing here",
}
_UNITS: Final = frozenset({"wrong_unit", "currency_missing", "unknown_currency"})
_DOMAIN: Final = frozenset(
    {"outside_the_domain", "negative", "too_many_decimals", "unknown_member"}
)


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


def read(scope: Scope, data: Any, way: Way, negated: bool = False) -> rules.Condition | None:
    """The condition at `way`, or None after its findings were added. As a side effect narrows
    `scope.actions` to those that its `action` and `tool.*` entries leave."""
    if not isinstance(data, dict) or not data:
        scope.wrong(way, "wrong-shape", "a condition is a mapping such as {args.x: {is: y}}",
                    "an empty condition would match everything")  # fmt: skip
        return None
    first = [name for name in ("action", "tool.labels", "tool.risk") if name in data]
    parts: list[rules.Condition] = []
    sound = True
    for name in [*first, *(name for name in data if name not in first)]:
        found = _entry(scope, name, data[name], (*way, name), negated)
        if found is None:
            sound = False
            continue
        parts += found
        if name in first and not negated:
            left = rules.All(tuple(found))
            scope.actions = tuple(a for a in scope.actions if specialise(left, a) is not False)
    if not sound:
        return None
    return parts[0] if len(parts) == 1 else rules.All(tuple(parts))


def _entry(
    scope: Scope, name: str, data: Any, way: Way, negated: bool
) -> list[rules.Condition] | None:
    if name == "action":
        return _action(scope, data, way)
    if name == "any":
        if not isinstance(data, list) or not data:
            scope.wrong(way, "wrong-shape", "`any` needs a list of conditions")
            return None
        inner = [_branch(scope, part, (*way, i), negated) for i, part in enumerate(data)]
        found = [part for part in inner if part is not None]
        return [rules.Any(tuple(found))] if len(found) == len(inner) else None
    if name == "not":
        part = _branch(scope, data, way, True)
        return None if part is None else [rules.Not(part)]
    if name == "history":
        history = _history(scope, data, way, negated)
        return None if history is None else [history]
    return comparisons(scope, name, data, way, negated)


def _branch(scope: Scope, data: Any, way: Way, negated: bool) -> rules.Condition | None:
    """A condition inside `any` or `not`: what it says about the action narrows only itself."""
    inner = replace(scope)
    if isinstance(data, dict) and "action" in data and not negated:
        named = data["action"] if isinstance(data["action"], list) else [data["action"]]
        inner.actions = tuple(a for a in scope.actions if a.name in named) or scope.actions
    return read(inner, data, way, negated)


def _action(scope: Scope, data: Any, way: Way) -> list[rules.Condition] | None:
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


def comparisons(
    scope: Scope, name: str, data: Any, way: Way, negated: bool = False
) -> list[rules.Condition] | None:
    """The comparisons `{operator: value, …}` of one field."""
    types = types_of(scope, name, way, negated)
    if types is None:
        return None
    if not isinstance(data, dict) or not data:
        scope.wrong(way, "wrong-shape", f"`{name}` needs an operator",
                    f"such as {{is: {data}}}" if isinstance(data, str | int) else "")  # fmt: skip
        return None
    out: list[rules.Condition] = []
    sound = True
    for op, raw in data.items():
        test = _test(scope, name, types, op, raw, (*way, op), negated)
        sound = sound and test is not None
        if test is not None:
            out.append(test)
    return out if sound else None


def _test(
    scope: Scope, name: str, types: list[Type], op: str, raw: Any, way: Way, negated: bool
) -> rules.Test | None:
    operator = OPERATORS.get(op)
    kind = types[0].kind
    if operator is None:
        scope.wrong(way, "unknown-operator", f"`{op}` is not an operator",
                    nearest(op, OPERATORS) or "see the list of operators", key=True)  # fmt: skip
        return None
    if kind not in operator.fits:
        fitting = [other.name for other in OPERATORS.values() if kind in other.fits]
        scope.wrong(way, "operator-does-not-fit", f"`{op}` does not fit `{name}`, whose type is {kind}",
                    "fitting: " + ", ".join(fitting), key=True)  # fmt: skip
        return None
    if operator.takes == "field":
        return _field_test(scope, name, kind, op, raw, way, negated)
    if operator.takes == "flag":
        if not isinstance(raw, bool):
            scope.wrong(way, "wrong-constant", f"`{op}` needs true or false")
            return None
        return rules.Test(name, kind, op, (raw,))
    if operator.takes == "number":
        if not isinstance(raw, int) or isinstance(raw, bool) or raw < 0:
            scope.wrong(way, "wrong-constant", f"`{op}` needs a whole number, at least 0")
            return None
        return rules.Test(name, kind, op, (raw,))
    return _constants(scope, name, types, operator, raw, way)


def _field_test(
    scope: Scope, name: str, kind: str, op: str, raw: Any, way: Way, negated: bool
) -> rules.Test | None:
    if not isinstance(raw, str):
        scope.wrong(way, "wrong-constant", f"`{op}` needs the name of a field")
        return None
    others = types_of(scope, raw, way, negated)
    if others is None:
        return None
    if others[0].kind != kind or raw == name:
        scope.wrong(way, "operator-does-not-fit",
                    f"`{name}` is a {kind}, `{raw}` is a {others[0].kind}",
                    "two different fields of one type can be compared")  # fmt: skip
        return None
    return rules.Test(name, kind, op, other=raw)


def _constants(
    scope: Scope, name: str, types: list[Type], operator: Operator, raw: Any, way: Way
) -> rules.Test | None:
    takes_many = operator.takes not in ("one", "pair")
    if isinstance(raw, list):
        items = [((*way, i), item) for i, item in enumerate(raw)]
    else:
        items = [(way, raw)]
    if operator.takes == "pair" and len(items) != 2:
        scope.wrong(way, "wrong-constant", "`between` needs two values", "such as [1 EUR, 9 EUR]")
        return None
    if (operator.takes == "one" and isinstance(raw, list)) or not items:
        scope.wrong(way, "wrong-constant", f"`{operator.name}` needs one value"
                    if items else f"`{operator.name}` needs at least one value",
                    "use one_of for several" if operator.name == "is" else "")  # fmt: skip
        return None
    values: list[Scalar] = []
    used: list[str] = []
    sound = True
    for at, item in items:
        if isinstance(item, str) and item.startswith("$"):
            listed = takes_many and _list(scope, item[1:], types[0], operator, at)
            if not takes_many:
                scope.wrong(at, "wrong-constant", f"`{operator.name}` does not take a list",
                            "use one_of")  # fmt: skip
            sound = sound and bool(listed)
            used.append(item[1:])
            continue
        value = constant(scope, name, types, operator, item, at)
        if value is None:
            sound = False
        else:
            values.append(value)
    if not sound:
        return None
    return rules.Test(name, types[0].kind, operator.name, tuple(values), tuple(used))


def _list(scope: Scope, name: str, kind: Type, operator: Operator, way: Way) -> bool:
    item = replace(kind, many=False) if operator.takes == "many" else _item(operator)
    return scope.lists.use(name, item, scope.document.place(way))


def _item(operator: Operator) -> Type:
    return Type({"domains": "domain", "places": "path"}.get(operator.takes, "text"))


def constant(
    scope: Scope, name: str, types: list[Type], operator: Operator, raw: Any, way: Way
) -> Scalar | None:
    """One constant of a comparison, in the field's type; None after a finding was added."""
    if operator.takes == "patterns":
        return _pattern(scope, types[0], raw, way)
    if operator.takes == "domains":
        found = Type("domain").one(raw)
        if isinstance(found, CannotTell) and isinstance(raw, str) and "." not in raw:
            found = Type("host").one(raw)
        types = [Type("domain")]
    else:
        found = CannotTell("null")
        for kind in types:
            found = replace(kind, many=False).one(raw)
            if kind.unit and not isinstance(raw, str) and not isinstance(found, CannotTell):
                found = CannotTell("wrong_unit")
            if not isinstance(found, CannotTell):
                break
    if isinstance(found, CannotTell):
        code = ("wrong-unit" if found.why in _UNITS or _other_unit(found.why, raw)
                else "outside-domain" if found.why in _DOMAIN else "wrong-constant")  # fmt: skip
        unit = f"write it as `12 {types[0].unit}`" if types[0].unit else ""
        hint = unit or nearest(str(raw), types[0].members)
        says = WHY.get(found.why, "this value does not fit the field")
        scope.wrong(way, code, f"`{str(raw)[:60]}` does not fit `{name}`: {says}", hint)
        return None
    return found if _known(scope, name, str(found), way) else None


def _other_unit(why: str, raw: Any) -> bool:
    """True for a number with a word behind it where an amount was expected: `500 km`."""
    words = raw.split() if isinstance(raw, str) else []
    number = words[0].replace(".", "", 1).lstrip("-") if len(words) == 2 else ""
    return why in ("not_an_amount", "not_a_number") and number.isdigit()


def _known(scope: Scope, name: str, value: str, way: Way) -> bool:
    """Labels and effects are closed lists: a misspelt one would never match."""
    if name == "tool.labels":
        known = scope.catalogue.labels
    elif name == "session.labels":
        attached = (a.attaches for a in scope.catalogue.actions.values())
        known = scope.catalogue.labels.union(*attached, {UNTRUSTED})
    elif name == "command.effects":
        known = frozenset(EFFECTS)
    else:
        return True
    if value in known:
        return True
    scope.wrong(way, "unknown-label", f"`{value}` is not a value that `{name}` can have",
                nearest(value, known) or "known: " + ", ".join(sorted(known)))  # fmt: skip
    return False


def _pattern(scope: Scope, kind: Type, raw: Any, way: Way) -> str | None:
    body = raw[:-1] if isinstance(raw, str) and kind.name == "path" else raw
    if not isinstance(raw, str) or not raw or (kind.name == "path" and "/" in body):
        scope.wrong(way, "wrong-constant", f"`{raw}` is not a pattern for a name",
                    "only `*` and `?` are special; a folder ends in `/`")  # fmt: skip
        return None
    return raw


_HISTORY_KEYS: Final = ("did", "did_not", "same", "in_last", "by")
BY: Final = ("this_agent", "any_agent", "any_person")


def _history(scope: Scope, data: Any, way: Way, negated: bool) -> rules.History | None:
    if not isinstance(data, dict):
        scope.wrong(way, "wrong-shape", "`history` is a mapping",
                    "such as {did: payee.update, same: args.iban, in_last: 24h, by: any_agent}")  # fmt: skip
        return None
    before = len(scope.findings.items)
    for key in data:
        if key not in _HISTORY_KEYS:
            scope.wrong((*way, key), "unknown-key", f"`{key}` is not a key of `history`",
                        nearest(key, _HISTORY_KEYS), key=True)  # fmt: skip
    if ("did" in data) == ("did_not" in data):
        scope.wrong(way, "missing-key", "`history` needs either `did` or `did_not`")
        return None
    verb = "did" if "did" in data else "did_not"
    named = _action(scope, data[verb], (*way, verb))
    if data.get("by") not in BY:
        scope.wrong((*way, "by"), "not-allowed", "`by` says whose history counts",
                    "possible: " + ", ".join(BY))  # fmt: skip
    window = duration(data["in_last"]) if "in_last" in data else None
    if "in_last" in data and not window:
        scope.wrong((*way, "in_last"), "wrong-form", f"`{data['in_last']}` is not a duration",
                    "such as 24h")  # fmt: skip
    same = data.get("same", [])
    same = tuple(sorted(map(str, same))) if isinstance(same, list) else (same,)
    if named is None or not isinstance(named[0], rules.ActionIs):
        return None
    for name in same:
        _same(scope, name, named[0].actions, (*way, "same"), negated)
    if len(scope.findings.items) > before:
        return None
    actions, by = named[0].actions, data["by"]
    scope.histories += [(action, scope.document.place((*way, verb))) for action in actions]
    made = json.dumps([sorted(actions), same, by])
    digest = hashlib.sha256(made.encode()).hexdigest()[:20]
    return rules.History(actions, verb == "did_not", same, window, by,
                         f"did:{digest}", f"done:{digest}")  # fmt: skip


def _same(scope: Scope, name: Any, actions: tuple[str, ...], way: Way, negated: bool) -> None:
    if not isinstance(name, str):
        scope.wrong(way, "wrong-constant", "`same` names a field or a list of fields")
        return
    types = types_of(scope, name, way, negated)
    if types is None:
        return
    past = [scope.catalogue.actions[action] for action in actions]
    for action in [*past, *scope.actions]:
        declared = action.declared(name)
        kind = action.type_of(name)
        if action in past and (kind is None or kind.kind != types[0].kind):
            scope.wrong(way, "unknown-field", f"`{action.name}` has no `{name}` of the same type",
                        "only what both actions have can be the same")  # fmt: skip
            return
        key_problem = not_a_key(name, kind, declared.cls if declared else "category")
        if key_problem:
            scope.wrong(way, "not-a-key", key_problem)
            return


def not_a_key(name: str, kind: Type | None, cls: str) -> str:
    """Why totals cannot be kept by this field, or nothing."""
    if cls == "private":
        return f"`{name}` is private: only a commitment to it is recorded"
    if kind is not None and kind.many:
        return f"`{name}` is a list: totals are kept by single values"
    return ""
