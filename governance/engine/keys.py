"""Keys of totals: under what a limit or a history is counted. The law: an identity enters a key as
its pseudonym only, and a key that cannot be told is no key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from governance.engine.catalogue import NOT_DISCLOSED, ActionType
from governance.engine.model import ABSENT, CannotTell, FactQuery, Request, Total, Value
from governance.engine.reach import histories_of
from governance.engine.rules import Condition, History
from governance.engine.values import write

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
UNKNOWN_KEY: Final = "?"
"""Where a history charge goes whose key could not be told: it may belong to any key."""
MICROSECOND: Final = timedelta(microseconds=1)
Part = str | bool | int | None
Reader = Callable[[Mapping[str, Value], Mapping[str, str]], str | None]


class Context:
    """What a condition may look at besides the fields of the request."""

    __slots__ = ("_now", "at", "attested", "facts", "keys", "pseudonyms")

    def __init__(self, request: Request, facts: Mapping[FactQuery, Total], at: datetime) -> None:
        self.at = at
        self.attested = request.attested
        self.facts = facts
        self.pseudonyms = request.pseudonyms
        self.keys: dict[int, tuple[str, ...] | None] = {}
        self._now = -1

    @property
    def now(self) -> int:
        """`at` in microseconds since the epoch."""
        if self._now < 0:
            self._now = (self.at - EPOCH) // MICROSECOND
        return self._now


def reader(names: Iterable[str], action: ActionType | None) -> Reader:
    """A function of fields and pseudonyms that gives the key for the values of these fields, as a
    JSON list, or None if one cannot be told."""
    declared = {name: action.declared(name) if action is not None else None for name in names}
    plan = tuple(
        (name, arg is not None and arg.cls == "identity") for name, arg in declared.items()
    )

    def read(fields: Mapping[str, Value], pseudonyms: Mapping[str, str]) -> str | None:
        parts: list[Part] = []
        for name, identity in plan:
            value = fields.get(name)
            if identity and value is not ABSENT:
                known = not isinstance(value, CannotTell) or value == NOT_DISCLOSED
                pseudonym = pseudonyms.get(name)
                if pseudonym is None or not known:
                    return None
                parts.append(pseudonym)
            elif value.__class__ is str:
                parts.append(value)
            elif value is ABSENT:
                parts.append(None)
            elif value is None or isinstance(value, CannotTell | tuple):
                return None
            else:
                parts.append(write(value))
        return json_list(parts)

    return read


def json_list(parts: list[Part]) -> str:
    """The JSON text of a short list; written out directly where nothing needs an escape."""
    texts: list[str] = []
    for part in parts:
        if not isinstance(part, str) or not part.isprintable() or '"' in part or "\\" in part:
            return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
        texts.append(part)
    return '["' + '","'.join(texts) + '"]' if texts else "[]"


class Past:
    """One history, as one action asks about it and is charged to it."""

    __slots__ = ("history", "key", "window")

    def __init__(self, history: History, action: ActionType | None) -> None:
        names = ("agent.id", *history.same) if history.by == "this_agent" else history.same
        self.history = history
        self.key = reader(names, action)
        self.window = None if history.in_last is None else history.in_last // MICROSECOND

    def queries(self, fields: Mapping[str, Value], context: Context) -> tuple[FactQuery, ...]:
        """What must be known to answer: confirmed, allowed, and allowed under a key that could not
        be told. Empty when its own key cannot be told."""
        key = self.key(fields, context.pseudonyms)
        if key is None:
            return ()
        since = None if self.window is None else context.now - self.window
        history = self.history
        return (
            FactQuery(history.confirmed_series, key, since),
            FactQuery(history.series, key, since),
            FactQuery(history.series, UNKNOWN_KEY, since),
        )


def pasts_of(condition: Condition, action: ActionType | None) -> tuple[Past, ...]:
    """Every history in a condition, as one action asks about it, whatever the order it is written
    in."""
    found = [Past(history, action) for history in histories_of(condition)]
    return tuple(sorted(found, key=lambda past: (past.history.series, past.window or 0)))


def queries(
    history: History, action: ActionType | None, fields: Mapping[str, Value], context: Context
) -> tuple[FactQuery, ...]:
    """As `Past.queries`, for a history that is asked about once."""
    return Past(history, action).queries(fields, context)
