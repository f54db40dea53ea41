"""What the read models say about one entry; pure.

The law: a read model is a function of the entries and nothing else. It may be thrown away and
made again, and then says the same; what was pruned is in none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.entry import Entry
from governance.store.clock import to_microseconds

Statement = tuple[str, tuple[Any, ...]]

VERSION = 3
"""Goes up when the same entries give other rows; older read models are then made again."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "decision_list": (
        "idx",
        "at",
        "agent",
        "session",
        "action",
        "effect",
        "would_be",
        "risk",
        "rules",
        "approval",
        "override",
    ),
    "entry_list": ("idx", "at", "kind", "actor"),
    "reference_list": ("target", "idx", "role"),
    "approval_list": ("idx", "at", "decision", "agent", "state"),
}
"""A statement that is the name of a table inserts these columns."""

QUARTER = 900_000_000
"""A quarter of an hour in microseconds."""

COUNTED = (
    "INSERT INTO decision_count VALUES (?, ?, ?, ?, ?) ON CONFLICT (at, effect) "
    "DO UPDATE SET count = count + excluded.count, last = excluded.last"
)
"""Takes quarter and effect, how many there were, the first and the last; a statement of one decision
names quarter, effect and index."""

_CLOSED = "UPDATE approval_list SET state = ?, closed_by = ? WHERE idx = ? AND state = 'open'"
_USED = "UPDATE approval_list SET state = 'used', closed_by = ? WHERE idx = ?"
_OUTCOME = "UPDATE decision_list SET outcome = ? WHERE idx = ?"
_REVERSED = "UPDATE decision_list SET reversed_by = ? WHERE idx = ?"
_DISREGARDED = "UPDATE decision_list SET disregarded_by = ? WHERE idx = ?"

PRUNED = (
    "DELETE FROM decision_list WHERE idx < ?",
    "DELETE FROM approval_list WHERE idx < ?",
    "DELETE FROM entry_list WHERE idx < ?",
    "DELETE FROM reference_list WHERE idx < ?",
    "DELETE FROM decision_count WHERE last < ?",
    "UPDATE decision_count SET (count, first) = (SELECT count(*), min(idx) FROM decision_list AS d "
    "WHERE d.effect = decision_count.effect AND d.idx <= decision_count.last) WHERE first < ?",
)
"""What goes when the log is cut; a quarter that is cut through is counted again."""

_ENDS = {
    "approval.refused": "refused",
    "approval.expired": "expired",
    "approval.cancelled": "cancelled",
}


def project(index: int, entry: Entry) -> list[Statement]:
    """The statements that bring the read models up to the entry at `index`."""
    data, at, kind = entry.data, to_microseconds(entry.at), entry.kind
    refs: Mapping[str, int] = data.get("refs", {})
    made: list[Statement] = [
        ("reference_list", (target, index, role)) for role, target in refs.items()
    ]
    if kind == "decision":
        return made + _decision(index, at, data, refs)
    made.append(("entry_list", (index, at, kind, str(entry.by["id"]))))
    if kind == "approval.asked":
        made.append(("approval_list", (index, at, refs["decision"], data["agent"], "open")))
    elif kind == "approval.granted" and data["complete"]:
        made.append((_CLOSED, ("granted", index, refs["approval"])))
    elif kind in _ENDS:
        made.append((_CLOSED, (_ENDS[kind], index, refs["approval"])))
    elif kind == "outcome":
        made.append((_OUTCOME, (data["status"], refs["decision"])))
    elif kind == "decision.reversed":
        made.append((_REVERSED, (index, refs["decision"])))
    elif kind == "decision.disregarded":
        made.append((_DISREGARDED, (index, refs["decision"])))
    elif kind == "retention.pruned":
        made += [(sql, (data["minimum"],)) for sql in PRUNED]
    elif kind == "service.restored":
        made.append(("UPDATE approval_list SET state = 'expired' WHERE state = 'open'", ()))
    return made


def _decision(
    index: int, at: int, data: Mapping[str, Any], refs: Mapping[str, int]
) -> list[Statement]:
    rules = " ".join(f"{f['policy']}/{f['rule']}:{f['effect']}" for f in data.get("findings", ()))
    approval, override = refs.get("approval"), refs.get("override")
    row = (
        index,
        at,
        data["agent"],
        refs.get("session"),
        data["action"],
        data["effect"],
        data.get("would_be", data["effect"]),
        data.get("risk", ""),
        rules,
        approval,
        override,
    )
    made: list[Statement] = [
        ("decision_list", row),
        (COUNTED, (at - at % QUARTER, data["effect"], index)),
    ]
    if approval is not None:
        made.append((_USED, (index, approval)))
    return made
