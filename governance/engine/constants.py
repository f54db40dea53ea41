"""Reads what a field is compared with. The law: every constant is a value the field can have, in its
unit, and every member of a closed list is spelt as the list spells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from governance.engine import meant, rules
from governance.engine.catalogue import Catalogue
from governance.engine.model import CannotTell, Scalar
from governance.engine.programs import EFFECTS
from governance.engine.reading import Way
from governance.engine.scope import Scope
from governance.engine.shape import nearest
from governance.engine.values import Type
from governance.engine.vocabulary import Operator

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


def constants(
    scope: Scope, name: str, types: list[Type], operator: Operator, raw: Any, way: Way
) -> rules.Test | None:
    """The comparison of a field with one value, several, or lists; None after a finding."""
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
    if name == "time.hour" and operator.takes == "pair" and _over_midnight(raw):
        scope.wrong(way, "never-matches", "this can never match: the later hour stands first",
                    f"write two parts under `any`: {{time.hour: {{at_least: {raw[0]}}}}} and "
                    f"{{time.hour: {{at_most: {raw[1]}}}}}")  # fmt: skip
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
        value = _constant(scope, name, types, operator, item, at)
        if value is None:
            sound = False
        else:
            values.append(value)
    if not sound:
        return None
    return rules.Test(name, types[0].kind, operator.name, tuple(values), tuple(used))


def _over_midnight(raw: Any) -> bool:
    """True for hours such as [22, 6], which go on past midnight."""
    return isinstance(raw, list) and all(type(hour) is int for hour in raw) and raw[0] > raw[1]


def _list(scope: Scope, name: str, kind: Type, operator: Operator, way: Way) -> bool:
    item = replace(kind, many=False) if operator.takes == "many" else _item(operator)
    return scope.lists.use(name, item, scope.document.place(way))


def _item(operator: Operator) -> Type:
    return Type({"domains": "domain", "places": "path"}.get(operator.takes, "text"))


def _constant(
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
        hint = meant.constant(types, raw) or unit or nearest(str(raw), types[0].members)
        says = WHY.get(found.why, "this value does not fit the field")
        scope.wrong(way, code, f"`{str(raw)[:60]}` does not fit `{name}`: {says}", hint)
        return None
    return found if _known(scope, name, str(found), way) else None


def _other_unit(why: str, raw: Any) -> bool:
    """True for a number with a word behind it where an amount was expected: `500 km`."""
    words = raw.split() if isinstance(raw, str) else []
    number = words[0].replace(".", "", 1).lstrip("-") if len(words) == 2 else ""
    return why in ("not_an_amount", "not_a_number") and number.isdigit()


def closed_members(catalogue: Catalogue, name: str) -> frozenset[str] | None:
    """Every value that a field of labels or effects can have; None for a field that is open."""
    if name == "tool.labels":
        return catalogue.labels
    if name == "session.labels":
        attached = (action.attaches for action in catalogue.actions.values())
        return catalogue.labels.union(*attached, {UNTRUSTED})
    return frozenset(EFFECTS) if name == "command.effects" else None


def _known(scope: Scope, name: str, value: str, way: Way) -> bool:
    """Labels and effects are closed lists: a misspelt one would never match."""
    known = closed_members(scope.catalogue, name)
    if known is None:
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
