"""Overrides: people turn a named deny into an allow for one exact action.

Law: an override names one action digest and the rules it lifts, each of which must say that it may
be waived by a role which somebody signing holds; it takes at least as many people as the approval
clauses of what it lifts would have; it lasts at most an hour and is used once.  It lifts denies
only: approvals that the action still needs stay needed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from governance.oversight.errors import Refused
from governance.oversight.model import Override, State
from governance.oversight.times import parse

LONGEST: Final = timedelta(hours=1)


def in_force(state: State, digest: str, at: datetime) -> Override | None:
    """The complete, unused override for this action digest, if it has not run out."""
    number = state.lifted_actions.get(digest)
    if number is None:
        return None
    found = state.overrides.get(number)
    if found is None or not found.complete or at >= found.until:
        return None
    return found


def waived(
    state: State, override: Override, waivable: Mapping[str, Iterable[str]]
) -> frozenset[str]:
    """Which of the rules that deny now (`waivable`: rule -> roles) this override lifts now."""
    held: set[str] = set()
    for person in override.people:
        active = state.people.get(person)
        if active is not None:
            held |= active.roles
    return frozenset(
        rule for rule, roles in waivable.items() if rule in override.lifts and held & set(roles)
    )


def require_waivable(roles: frozenset[str], waivable: Mapping[str, Iterable[str]]) -> None:
    """Refuse unless the person's `roles` may waive every rule in `waivable`."""
    for rule, by in sorted(waivable.items()):
        allowed = sorted(by)
        if not allowed:
            raise Refused("not-allowed", f"rule `{rule}` may be waived by nobody", field="lifts")
        if not roles & set(allowed):
            raise Refused(
                "not-allowed",
                f"rule `{rule}` may be waived by {', '.join(allowed)} only",
                field="lifts",
            )


# the fold


def granted(state: State, index: int, at: datetime, by: Any, data: Any) -> State:
    """override.granted: the first signature makes it, further ones complete it."""
    overrides, lifted = state.overrides, state.lifted_actions
    first = data["refs"].get("override")
    if first is None:
        for number, old in state.overrides.items():  # what ran out makes room
            if at >= old.until:
                overrides = overrides.delete(number)
                if lifted.get(old.digest) == number:
                    lifted = lifted.delete(old.digest)
        new = Override(
            index=index,
            decision=data["refs"]["decision"],
            digest=data["digest"],
            lifts=tuple(data["lifts"]),
            until=parse(data["until"]),
            people=(data["person"],),
            complete=data["complete"],
        )
    else:
        old = state.overrides[first]
        new = replace(old, people=(*old.people, data["person"]), complete=data["complete"])
    return replace(
        state,
        overrides=overrides.set(new.index, new),
        lifted_actions=lifted.set(new.digest, new.index),
    )


def used(state: State, number: int) -> State:
    """`state` without override `number`."""
    old = state.overrides.get(number)
    if old is None:
        return state
    lifted = state.lifted_actions
    if lifted.get(old.digest) == number:
        lifted = lifted.delete(old.digest)
    return replace(state, overrides=state.overrides.delete(number), lifted_actions=lifted)
