"""Limits and history as questions to the facts. The law: what was allowed counts as if it happened.

A limit matches when what was used and this request together pass it; it is *cannot tell* when the
amount, the key or the total cannot be told, or when another currency is in the window. A delegate is
also charged to everybody above it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import product
from typing import Final

from governance.engine.compile import Cap
from governance.engine.fields import CHAINS
from governance.engine.keys import EPOCH, MICROSECOND, UNKNOWN_KEY, Context, Past, reader
from governance.engine.model import Charge, FactQuery, Money, Request
from governance.engine.vocabulary import Answer, Fields

UNKNOWN_UNIT: Final = "?"
ONE: Final = Decimal(1)
ZERO: Final = Decimal(0)


def keys_of(cap: Cap, fields: Fields, context: Context) -> tuple[str, ...] | None:
    """The keys that a request counts under: its own, and those of the chain above a delegate.
    None when a key cannot be told. Remembered in the context, since three steps ask for them."""
    known = context.keys
    if id(cap) not in known:
        known[id(cap)] = _keys_of(cap, fields, context)
    return known[id(cap)]


def _keys_of(cap: Cap, fields: Fields, context: Context) -> tuple[str, ...] | None:
    chains = [fields.get(CHAINS[name]) for name in cap.chained]
    if any(chain != () for chain in chains):
        return _chained(cap, fields, context)
    own = cap.key(fields, context.pseudonyms)
    return None if own is None else (own,)


def _chained(cap: Cap, fields: Fields, context: Context) -> tuple[str, ...] | None:
    above: list[list[str | None]] = []
    for name in cap.chained:
        chain = fields.get(CHAINS[name])
        if isinstance(chain, tuple):
            above.append([None, *(str(i) for i in chain)])
        elif fields.get("session.depth") == 0:
            above.append([None])
        else:
            return None  # a delegate whose chain is not known could escape its principal's limit
    keys = []
    for choice in product(*above):
        changed = {n: v for n, v in zip(cap.chained, choice, strict=True) if v is not None}
        key = cap.key({**fields, **changed} if changed else fields, context.pseudonyms)
        if key is None:
            return None
        keys.append(key)
    return tuple(dict.fromkeys(keys))


def amount_of(cap: Cap, fields: Fields) -> tuple[Decimal, str] | None:
    """What this request adds, and in which unit; None when it cannot be told."""
    if cap.limit.measure is None:
        return ONE, ""
    value = fields.get(cap.limit.measure)
    if isinstance(value, Money):
        return value.amount, value.currency
    if isinstance(value, Decimal) or (isinstance(value, int) and not isinstance(value, bool)):
        return Decimal(value), cap.limit.unit
    return None


def since_of(cap: Cap, context: Context) -> int:
    """The first microsecond of the window that ends now."""
    if cap.limit.window is not None:
        return context.now - cap.limit.window // MICROSECOND
    local = context.at.astimezone(cap.zone)
    start = datetime(local.year, local.month, local.day, tzinfo=cap.zone)
    return (start - EPOCH) // MICROSECOND


def cap_queries(cap: Cap, fields: Fields, context: Context) -> Iterator[FactQuery]:
    """What must be known to answer a limit."""
    since = since_of(cap, context)
    for key in keys_of(cap, fields, context) or ():
        yield FactQuery(cap.limit.series, key, since, cap.limit.unit)


def passed(cap: Cap, applies: Answer, fields: Fields, context: Context) -> Answer:
    """Whether this request passes the limit; `applies` says whether it counts at all."""
    keys = keys_of(cap, fields, context)
    amount = amount_of(cap, fields)
    if keys is None or amount is None or amount[1] != cap.limit.unit:
        return None
    limit = cap.limit.at_most
    most = limit.amount if isinstance(limit, Money) else limit
    answer: Answer = False
    for query in cap_queries(cap, fields, context):
        total = context.facts.get(query)
        if total is None or total.mixed:
            answer = None
        elif total.sum + amount[0] > most:
            return True if applies else None
    return answer


def unsure_of(cap: Cap, fields: Fields, context: Context) -> tuple[str, ...]:
    """The fields because of which a limit cannot be told; the limit itself if it is the total."""
    names: list[str] = []
    measured = amount_of(cap, fields)
    if cap.limit.measure and (measured is None or measured[1] != cap.limit.unit):
        names.append(cap.limit.measure)
    names += [
        name for name in cap.limit.per
        if reader((name,), cap.action)(fields, context.pseudonyms) is None
    ]  # fmt: skip
    return tuple(names)


def cap_charges(cap: Cap, fields: Fields, context: Context) -> Iterator[Charge]:
    """What an allowed request adds to a limit's series. What cannot be told is charged in the unit
    `?`, another currency in both, so that the total is mixed from then on and cannot be told."""
    amount = amount_of(cap, fields) or (ZERO, UNKNOWN_UNIT)
    for key in keys_of(cap, fields, context) or (UNKNOWN_KEY,):
        yield Charge(cap.limit.series, key, *amount)
        if amount[1] != cap.limit.unit:
            yield Charge(cap.limit.series, key, ZERO, cap.limit.unit)


def history_charges(feeds: Iterable[Past], request: Request) -> Iterator[Charge]:
    """What an allowed request adds to the histories that look back at its action."""
    person = request.fields.get("session.acting") == "person"
    for past in feeds:
        if (past.history.by == "any_person") == person:
            key = past.key(request.fields, request.pseudonyms)
            yield Charge(past.history.series, UNKNOWN_KEY if key is None else key, ONE, "")
