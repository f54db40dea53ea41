"""Reading entries together with what they commit to.

Law: a value comes from the vault or not at all; what was erased reads as nothing, never as empty.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

from audit.entry import Entry
from audit.errors import Pruned
from governance.service.desk import Desk
from governance.service.problem import Problem


def opened(desk: Desk, index: int, field: str) -> Any:
    """The value that entry `index` commits to under `field`, or None if it is not (any more)."""
    found = desk.vault.value(index, field)
    return None if found is None else json.loads(found.value)


def entry(desk: Desk, index: int) -> Entry:
    """Entry `index`; a Problem if there is none, or if it was pruned."""
    try:
        return desk.reader.entry(index)
    except Pruned as error:
        raise Problem("pruned", str(error)) from None
    except IndexError:
        raise Problem("unknown", f"there is no entry `{index}`") from None


_SAID: Final = {
    "approval.asked": "request for approval",
    "policy.proposed": "proposal of a release",
    "policy.released": "release",
}


def entry_of(desk: Desk, index: int, kind: str) -> Entry:
    """Entry `index`, if it is of this kind."""
    found = entry(desk, index)
    if found.kind != kind:
        raise Problem("unknown", f"entry `{index}` is no {_SAID.get(kind, kind)}")
    return found


def plain(value: Any) -> Any:
    """A parsed JSON value without decimals and large integers, so that it has canonical bytes."""
    kind = type(value)
    if kind is Decimal:
        return {"number": format(value, "f") if value.is_finite() else str(value)}
    if kind is int and not -(2**53) < value < 2**53:
        return {"number": str(value)}
    if kind is list or kind is tuple:
        return [plain(each) for each in value]
    if kind is dict:
        return {name: plain(each) for name, each in value.items()}
    return value
