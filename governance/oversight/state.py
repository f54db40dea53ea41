"""The one fold: what an entry does to the state.

Law: `apply(state, index, entry)` is total over entries that the ledger accepted, pure, and the only
way to a new state; replaying a log gives every state it ever had.  An entry out of order, or of a
kind that is not on the list, raises: a log that cannot be folded is damaged, not unusual.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from audit.entry import VERSION
from governance.engine.mould import mould
from governance.oversight import (
    agents,
    anchors,
    approvals,
    entries,
    keys,
    log_keys,
    overrides,
    people,
    policies,
    retention,
    reviews,
    service,
    sessions,
    stops,
)
from governance.oversight.model import State

if TYPE_CHECKING:
    from audit.entry import Entry

__all__ = ["SEMANTICS", "State", "apply", "effect_of", "genesis", "inert", "moved"]

SEMANTICS: Final = "1"
"""Version of what `apply` means; a snapshot made under another one does not count."""

Fold = Callable[[State, int, datetime, Any, Any], State]


def genesis() -> State:
    """The state of an empty log."""
    return State()


def apply(state: State, index: int, entry: Entry) -> State:
    """The state after `entry`, which is number `index` of its log.

    Raises ValueError if `index` is not the next number or the kind is unknown.
    """
    if index != state.size and not (index == 0 and entry.kind == "service.restored"):
        raise ValueError(f"entry {index} cannot follow a state of size {state.size}")
    return _state(index + 1, *_but_size(effect_of(state, index, entry)))


def effect_of(state: State, index: int, entry: Entry) -> State:
    """What `entry` does to everything but the size, which stays.

    For whoever looks ahead within one command; `apply` is what counts.
    """
    fold = _FOLDS[entry.kind]
    return state if fold is None else fold(state, index, entry.at, entry.by, entry.data)


def inert(data: bytes) -> bool:
    """Whether the entry with these canonical bytes is a decision that does nothing but count.

    Told without parsing, so for whoever folds what others wrote: `moved` then stands for `apply`, and
    nothing is charged. May be False of such a decision; is never True of another entry: the members of
    the envelope stand in order, and a quotation mark within a text has a backslash before it, so these
    bytes are the kind and those names are no names of members anywhere.
    """
    return data.endswith(_COUNTED) and _moves(data) is None


def moved(state: State, size: int) -> State:
    """The state at `size` entries, if all since are inert."""
    return state if size == state.size else _state(size, *_but_size(state))


_COUNTED: Final = f',"kind":"decision","v":{VERSION}}}'.encode()
_moves: Final = re.compile(rb'"(?:labels|approval|override|charges)":').search
_state: Final = mould(State)
_but_size: Final = attrgetter(*(field.name for field in fields(State)[1:]))


def _decision(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """decision: an allow attaches its labels and uses up what lifted it."""
    if data["effect"] != "allow":
        return state
    refs = data["refs"]
    labels = data.get("labels")
    if labels and "session" in refs:
        state = sessions.attach(state, refs["session"], frozenset(labels))
    if "approval" in refs:
        state = approvals.ended(state, refs["approval"])
    if "override" in refs:
        state = overrides.used(state, refs["override"])
    return state


_FOLDS: Final[Mapping[str, Fold | None]] = {
    "service.started": service.started,
    "service.throttled": None,
    "service.clock": service.clock,
    "service.restored": service.restored,
    "service.repaired": None,
    "service.backup": None,
    "service.snapshot": None,
    "anchor.added": anchors.added,
    "anchor.removed": anchors.removed,
    "anchor.conflict": anchors.conflict,
    "anchor.looked": anchors.looked,
    "anchor.lost": anchors.lost,
    "anchor.restored": anchors.restored,
    "key.issued": keys.issued,
    "key.revoked": keys.revoked,
    "log_key.proposed": log_keys.proposed,
    "log_key.added": log_keys.added,
    "log_key.retired": log_keys.retired,
    "person.added": people.added,
    "person.changed": people.changed,
    "person.left": people.left,
    "agent.proposed": agents.proposed,
    "agent.onboarded": agents.onboarded,
    "agent.changed": agents.changed,
    "agent.suspended": agents.suspended,
    "agent.resumed": agents.resumed,
    "agent.retired": agents.retired,
    "autonomy.granted": agents.autonomy_granted,
    "autonomy.lowered": agents.autonomy_lowered,
    "brief.set": agents.briefed,
    "session.opened": sessions.opened,
    "session.closed": sessions.closed,
    "session.cleared": sessions.cleared,
    "decision": _decision,
    "decision.disregarded": None,
    "decision.reversed": None,
    "decision.reviewed": reviews.reviewed,
    "sample.drawn": reviews.drawn,
    "approval.asked": approvals.asked,
    "approval.shown": approvals.shown,
    "approval.granted": approvals.granted,
    "approval.refused": approvals.refused,
    "approval.expired": approvals.expired,
    "approval.cancelled": approvals.expired,
    "override.granted": overrides.granted,
    "stop.raised": stops.raised,
    "stop.lift_asked": stops.lift_asked,
    "stop.lifted": stops.lifted,
    "stop.drilled": None,
    "permit.redeemed": None,
    "outcome": None,
    "policy.proposed": policies.proposed,
    "policy.refused": policies.dropped,
    "policy.withdrawn": policies.dropped,
    "policy.released": policies.released,
    "data.erased": None,
    "report.issued": None,
    "retention.set": retention.set_,
    "retention.held": retention.held,
    "retention.release_asked": retention.release_asked,
    "retention.released": retention.released,
    "retention.prune_asked": retention.prune_asked,
    "retention.pruned": retention.pruned,
    "retention.overwritten": retention.overwritten,
}

if _FOLDS.keys() != entries.KINDS.keys():  # one list, two tables: they may not drift apart
    raise RuntimeError(f"kinds without a fold: {set(_FOLDS) ^ set(entries.KINDS)}")
