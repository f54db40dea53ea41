"""What a form about an agent holds, as entries have it: names, tools, levels, times, budgets.

Law: what does not fit is refused before anything is submitted, with the field and what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from governance.oversight.entries import CLASSES, LEVELS
from governance.oversight.times import write
from governance.service.problem import Problem

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}").fullmatch
_TOOL: Final = re.compile(r"\*|[a-z][A-Za-z0-9_]*(\.[A-Za-z0-9_-]+)*(\.\*)?").fullmatch
_PERIODS: Final = ("day", "week", "month")


def require_name(name: Any, field: str) -> None:
    """Refuse what is no name of an agent, a team or a label."""
    if type(name) is not str or _NAME(name) is None:
        raise Problem(
            "bad-field",
            f"`{name}` is no valid name; expected letters, digits, `.`, `_` and `-`, at most 100",
            field=field,
        )


def level(given: Any) -> str:
    """A level of autonomy; refuses what is none."""
    if given not in LEVELS:
        raise Problem("bad-field", f"`{given}` is no level; expected L0 to L5", field="autonomy")
    return str(given)


def instant(text: str) -> str:
    """An RFC 3339 time in UTC as the log writes it."""
    read: datetime | None
    try:
        read = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        read = None
    if read is None or read.utcoffset() is None or read.utcoffset():
        raise Problem(
            "bad-field", f"`{text}` is no time in UTC; expected the form 2026-11-20T08:00:00Z"
        )
    return write(read)


def _words(name: str, value: Any, fits: Any, example: str) -> list[str]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise Problem("bad-field", f"`{name}` must be a list of words", field=name)
    found = sorted(set(value))
    for word in found:
        if type(word) is not str or fits(word) is None:
            raise Problem("bad-field", f"`{word}` does not fit; expected {example}", field=name)
    return found


def fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Agent fields as an entry holds them; refuses what does not fit."""
    out: dict[str, Any] = {}
    for name, value in given.items():
        if name in ("owner", "deputy"):
            if value is None and name == "owner":
                raise Problem("bad-field", "an agent has one accountable owner", field="owner")
            out[name] = value
        elif name == "team":
            require_name(value, name)
            out[name] = value
        elif name == "class":
            if value not in CLASSES:
                raise Problem(
                    "bad-field", f"`{value}` is no class; expected {', '.join(CLASSES)}", field=name
                )
            out[name] = value
        elif name == "tools":
            out[name] = _words(name, value, _TOOL, "an action such as payment.create, or mcp.*")
        elif name == "labels":
            out[name] = _words(name, value, _NAME, "a word such as payments")
        elif name == "budget":
            out[name] = _budget(value)
        elif name in ("annex", "model", "workspace"):
            out[name] = _short(name, value)
        else:
            raise Problem("bad-field", f"an agent has no field `{name}`", field=name)
    return out


def _short(name: str, value: Any) -> str | None:
    longest = {"annex": 40, "model": 200, "workspace": 400}[name]
    if value is None:
        return None
    if type(value) is not str or not value or len(value) > longest:
        raise Problem(
            "bad-field", f"`{name}` must be text of at most {longest} characters", field=name
        )
    if name == "workspace" and not value.startswith("/"):
        raise Problem("bad-field", f"`{value}` is no absolute path", field=name)
    return value


def _budget(value: Any) -> dict[str, str] | None:
    if value is None:
        return None
    try:
        amount = Decimal(str(value["amount"]))
        currency, period = str(value["currency"]), str(value["period"])
    except (KeyError, TypeError, InvalidOperation):
        raise Problem(
            "bad-field",
            "a budget is {amount, currency, period: day | week | month}",
            field="budget",
        ) from None
    if not amount.is_finite() or amount < 0 or period not in _PERIODS or len(currency) != 3:
        raise Problem(
            "bad-field",
            "a budget needs an amount that is not negative, a currency such as EUR and a period",
            field="budget",
        )
    return {"amount": format(amount, "f"), "currency": currency, "period": period}
