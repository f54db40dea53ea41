"""What a pattern has in common, as a condition in the language: exactly what was seen, and no more.

Law: a rule that loosens reaches from the smallest to the largest value that people let through, the
categories and agents they let through, and nothing else; where what was seen cannot be bounded (payees
that no list names, lists of recipients), there is no rule. A rule that tightens begins at the smallest
value that people stopped and has no upper end, so that a larger one never does better.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from governance.engine.catalogue import ActionType, ArgType
from governance.engine.model import Money
from governance.engine.reach import conjuncts
from governance.engine.rules import Condition, Test
from governance.engine.values import write
from governance.service.lessons import Act

MOST: Final = 8
"""More different values than this have nothing in common."""
_ABSENT: Final = object()
_LISTED: Final = frozenset({"is", "one_of"})


class Unbounded(ValueError):
    """What was seen cannot be bounded; the text says why."""


def bounds(
    acts: Iterable[Act], action: ActionType, rule: Condition, *, loosen: bool
) -> dict[str, Any]:
    """The condition that all acts share; raises `Unbounded`."""
    seen = list(acts)
    agents = sorted({act.data["agent"] for act in seen})
    if len(agents) > MOST and loosen:
        raise Unbounded(f"{len(agents)} different agents have nothing in common")
    out: dict[str, Any] = {"agent.id": {"one_of": agents}} if len(agents) <= MOST else {}
    listed = {part.field for part in conjuncts(rule) if isinstance(part, Test)
              and part.op in _LISTED}  # fmt: skip
    for name, arg in action.args.items():
        field = f"args.{name}"
        if arg.cls == "identity" and loosen and field not in listed:
            raise Unbounded(f"`{field}` differs, and the rule does not say which it means")
        if arg.cls in ("quantity", "category"):
            said = _common(
                field, arg, [act.data["args"].get(name, _ABSENT) for act in seen], loosen
            )
            if said is not None:
                out[field] = said
    return out


def _common(field: str, arg: ArgType, values: list[Any], loosen: bool) -> dict[str, Any] | None:
    if any(isinstance(value, dict) for value in values):
        raise Unbounded(f"`{field}` could not be read in some of them")
    given = [value for value in values if value is not _ABSENT]
    if len(given) < len(values):
        if given and loosen:
            raise Unbounded(f"`{field}` was given in some of them only")
        return {"is_set": False} if loosen else None
    if arg.type.many:
        if loosen:
            raise Unbounded(f"`{field}` is a list, which cannot be bounded by what was seen")
        return None
    read = [arg.type.read(value) for value in values] if arg.type.name != "path" else given
    if arg.cls == "quantity" or arg.type.kind in ("money", "number", "integer", "count", "date"):
        return _range(field, read, loosen)
    if arg.type.kind == "boolean":
        return {"is": given[0]} if len(set(given)) == 1 else None
    different = sorted({str(value) for value in given})
    if len(different) > MOST:
        if loosen:
            raise Unbounded(f"`{field}` has {len(different)} different values")
        return None
    return {"one_of": different}


def _range(field: str, read: list[Any], loosen: bool) -> dict[str, Any] | None:
    if all(isinstance(value, Money) for value in read):
        if len({value.currency for value in read}) > 1:
            raise Unbounded(f"`{field}` was in more than one currency")
        key = [value.amount for value in read]
    elif all(isinstance(value, int | Decimal | date) for value in read):
        key = list(read)
    else:
        raise Unbounded(f"`{field}` could not be read in some of them")
    least, most = read[key.index(min(key))], read[key.index(max(key))]
    if not loosen:
        return {"at_least": _text(least)}
    return {"is": _text(least)} if least == most else {"between": [_text(least), _text(most)]}


def _text(value: Any) -> Any:
    return value if isinstance(value, int) and not isinstance(value, bool) else write(value)


def split(granted: list[Act], refused: list[Act], action: ActionType) -> tuple[list[Act], str]:
    """The granted acts that lie wholly below everything refused, by the first quantity that tells
    them apart, and what was left out in words."""
    if not refused:
        return granted, ""
    for name, arg in action.args.items():
        if arg.cls != "quantity":
            continue
        mine = _amounts(arg, granted, name)
        theirs = _amounts(arg, refused, name)
        if mine is None or theirs is None or not theirs:
            continue
        least = min(theirs)
        below = [act for act, amount in zip(granted, mine, strict=True) if amount < least]
        if below:
            return below, f"people refused some from {least:f} on; only what lies below is meant"
    return [], "people refused some of them, and nothing tells those apart"


def alone(acts: Iterable[Act], action: ActionType, shared: Mapping[str, Any]) -> str:
    """Which part of the bounds `shared` one person's acts alone reached, in words: whoever signs
    should look at those. Nothing if others did the same to every edge."""
    seen, said = list(acts), []
    for field, bound in shared.items():
        name = field.removeprefix("args.")
        if "one_of" in bound:
            whose: dict[str, list[Act]] = {}
            for act in seen:
                value = act.data["agent"] if field == "agent.id" else act.data["args"].get(name)
                whose.setdefault(str(value), []).append(act)
            said += [
                f"`{field}` {value}: {_entries(mine)}"
                for value, mine in sorted(whose.items())
                if len({act.person for act in mine}) == 1
            ]
        elif "between" in bound:
            amounts = _amounts(action.args[name], seen, name)
            for sign, word in ((1, "above"), (-1, "below")) if amounts is not None else ():
                edge, mine = _beyond([sign * amount for amount in amounts or ()], seen)
                if mine:
                    said.append(f"`{field}` {word} {sign * edge:f}: {_entries(mine)}")
    return f"one person alone did so for {'; '.join(said)}" if said else ""


def _beyond(amounts: list[Decimal], acts: list[Act]) -> tuple[Decimal, list[Act]]:
    """The largest amount that two people reached, and the acts beyond it."""
    largest: dict[str, Decimal] = {}
    for amount, act in zip(amounts, acts, strict=True):
        largest[act.person] = max(amount, largest.get(act.person, amount))
    edge = sorted(largest.values())[-2] if len(largest) > 1 else min(amounts)
    return edge, [act for amount, act in zip(amounts, acts, strict=True) if amount > edge]


def _entries(acts: Iterable[Act]) -> str:
    return "entries " + ", ".join(str(entry) for entry in sorted({act.entry for act in acts}))


def _amounts(arg: ArgType, acts: Iterable[Act], name: str) -> list[Decimal] | None:
    out: list[Decimal] = []
    units: set[str] = set()
    for act in acts:
        value = arg.type.read(act.data["args"].get(name))
        if isinstance(value, Money):
            units.add(value.currency)
            out.append(value.amount)
        elif isinstance(value, int | Decimal) and not isinstance(value, bool):
            out.append(Decimal(value))
        else:
            return None
    return out if len(units) <= 1 else None


def sample(bound: Mapping[str, Any]) -> Any:
    """A value at the edge of one bound: the largest that it allows, or the least that it names."""
    if "between" in bound:
        return bound["between"][1]
    if "one_of" in bound:
        return bound["one_of"][0]
    return next(iter(bound.values()))
