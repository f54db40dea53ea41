"""Outside anchors of the log: which there are, which contradicted it, whether any still confirms it.

Law: an anchor that showed another log under our name is a conflict until two people looked; nobody
settles one twice, and the only person of a workspace settles it alone, and the log shows it.

- `anchor.added`: `target` (a path, an address) is committed, as it may name a person.
- `anchor.conflict`: an anchor showed a head of this log that is not in this log; `digest` names the
  blob that holds what it showed, `held` is how many entries this log had, `shown` how many that one.
- `anchor.looked`: a person looked at a conflict; `complete` says that it is settled with this one.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from governance.oversight import people
from governance.oversight.errors import Refused
from governance.oversight.model import Anchor, State
from governance.oversight.shapes import (
    Check,
    commitment,
    count,
    digest,
    either,
    flag,
    identifier,
    index,
    instant,
    nothing,
    one_of,
    person_id,
    record,
)

ANCHOR_KINDS: Final = ("file", "git", "webhook", "mail", "witness", "timestamp")

_refs = record({"anchor": index})

# kind -> shape of `data`
KINDS: Final[Mapping[str, Check]] = {
    "anchor.added": record(
        {
            "anchor": identifier,
            "kind": one_of(*ANCHOR_KINDS),
            "commitments": record({"target": commitment}),
        }
    ),
    "anchor.removed": record({"refs": _refs, "anchor": identifier}),
    "anchor.conflict": record(
        {
            "refs": _refs,
            "anchor": identifier,
            "held": count,
            "shown": either(nothing, count),
            "digest": digest,
        }
    ),
    "anchor.looked": record(
        {
            "refs": _refs,
            "person": person_id,
            "commitments": record({"reason": commitment}),
            "complete": flag,
            "alone": flag,
        }
    ),
    "anchor.lost": record({"since": instant, "size": count}),
    "anchor.restored": record({"refs": _refs, "size": count}),
}


def look(state: State, name: str, person: str) -> tuple[int, bool]:
    """The entry of the conflict that `person` looks at, and whether that settles it.

    Raises `Refused` if there is none, or the same person looked before.
    """
    anchor = state.anchors.get(name)
    if anchor is None:
        known = ", ".join(f"`{each}`" for each in sorted(state.anchors)) or "none"
        raise Refused("unknown", f"there is no anchor `{name}`; there are {known}", field="name")
    if anchor.conflict is None:
        raise Refused("conflict", f"the anchor `{name}` agrees with the log; nothing to settle")
    people.require_another(person, (anchor.looked_by,), f"looked at the anchor `{name}`")
    first = anchor.looked_by is not None and anchor.looked_by in state.people
    return anchor.conflict, first or state.single_person


# the fold


def added(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """anchor.added"""
    anchor = Anchor(data["anchor"], data["kind"], index, at)
    return replace(state, anchors=state.anchors.set(anchor.name, anchor))


def removed(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """anchor.removed: without any, there is none to lose"""
    left = state.anchors.delete(data["anchor"])
    return replace(state, anchors=left, unanchored=state.unanchored if left else None)


def conflict(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """anchor.conflict"""
    anchor = state.anchors[data["anchor"]]
    shown = replace(anchor, conflict=index, looked_by=None, shown=data["digest"])
    return replace(state, anchors=state.anchors.set(anchor.name, shown))


def looked(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """anchor.looked: settled with the last one"""
    number = data["refs"]["anchor"]
    anchor = next(each for each in state.anchors.values() if each.conflict == number)
    if data["complete"]:
        anchor = replace(anchor, conflict=None, looked_by=None)
    else:
        anchor = replace(anchor, looked_by=data["person"])
    return replace(state, anchors=state.anchors.set(anchor.name, anchor))


def lost(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """anchor.lost"""
    return replace(state, unanchored=index)


def restored(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """anchor.restored"""
    return replace(state, unanchored=None)
