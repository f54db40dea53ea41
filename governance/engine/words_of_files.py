"""Whole files as plain English: policies with their stages, exceptions, and the risk points.

Law: as in `words`: the sentences say what the file says, and all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from governance.engine.catalogue import ActionType
from governance.engine.model import Effect
from governance.engine.rules import Exemption, Factor, Gradual, ListUse, PolicyFile, RiskTable
from governance.engine.words import (
    actions,
    approval,
    believed,
    condition,
    joined,
    limit,
    number,
    rule,
    window,
)


def file(made: PolicyFile, catalogue: Mapping[str, ActionType]) -> tuple[str, ...]:
    """A whole policy file, one paragraph a rule, in the order written."""
    applies = condition(made.applies_to, catalogue, made.lists)
    who = "every agent" if applies == "in every case" else f"agents for which {applies}"
    who = who.replace("agents for which the agent's ", "agents whose ", 1)
    then = "refused" if made.default is Effect.DENY else "decided by a person"
    out = [
        f"{made.title}. For {who}. {_governs(made, catalogue)} "
        f"What no rule decides is {then}. {made.owner} answers for this file "
        f"and reads it again by {made.review_by.isoformat()}."
    ]
    if made.default_clause is not None:
        out[0] += f" {approval(made.default_clause)}"
    if made.observing is not None:
        watch = made.observing
        out[0] += (
            f" From {watch.since.isoformat()} to {watch.until.isoformat()} it only watches, "
            f"in the name of {watch.by}."
        )
    if made.gradual is not None:
        out[0] += f" {gradually(made.gradual)}"
    if made.extends:
        out[0] += f" It adds to {joined([f'`{name}`' for name in made.extends])}."
    out += [f"{r.id} {r.title}. {rule(r, catalogue, made.lists)}" for r in made.rules]
    out += [f"{one.id} {one.title}. {limit(one, catalogue, made.lists)}" for one in made.limits]
    out += [
        f"{one.id} {one.title}. {exception(one, catalogue, made.lists)}" for one in made.exceptions
    ]
    return tuple(out)


def _governs(made: PolicyFile, catalogue: Mapping[str, ActionType]) -> str:
    if not made.governs:
        return "It governs no action itself: it only adds to what others say."
    return f"It speaks for: {actions(made.governs, catalogue)}."


def exception(
    made: Exemption,
    catalogue: Mapping[str, ActionType],
    lists: Mapping[str, ListUse] | None = None,
) -> str:
    """An exception as a paragraph: from when to when, for whom, what holds instead, and why."""
    out = [
        f"From {made.since.isoformat()} to {made.expires.isoformat()} (that day included), where "
        f"{condition(made.who, catalogue, lists)}, `{made.lifts}` does not hold"
    ]
    then = "it is lifted" if made.instead is Effect.ALLOW else "somebody else decides"
    out[0] += f": {then}."
    if made.clause is not None:
        out.append(approval(made.clause))
    out.append(f"Why: {made.reason} (ticket {made.ticket})")
    return " ".join(out)


def gradually(made: Gradual) -> str:
    """A share as sentences: who gets the file, until when, and what stops it."""
    shares = []
    if made.denied is not None:
        shares.append(f"{number(made.denied)} % of its decisions are refused")
    if made.held_back is not None:
        shares.append(f"{number(made.held_back)} % of its decisions are not simply allowed")
    return (
        f"From {made.since.isoformat()} to {made.until.isoformat()} it speaks instead of "
        f"`{made.replaces}` for {number(made.share)} % of the {made.of}, in the name of {made.by}; "
        f"for all others, and before and after, `{made.replaces}` does. It stops by itself once "
        f"{joined(shares, 'or')} (of at least {number(made.out_of)} in {window(made.in_last)})."
    )


_OVERSIGHT: Final = {Effect.REQUIRE_APPROVAL: "a person decides", Effect.DENY: "it is refused"}


def factor(
    made: Factor,
    catalogue: Mapping[str, ActionType],
    lists: Mapping[str, ListUse] | None = None,
) -> str:
    """A risk factor as a paragraph."""
    points = f"{made.points} point{'s' if made.points != 1 else ''}"
    out = [f"{points} if {condition(made.when, catalogue, lists)}, or if that cannot be told."]
    out += believed(made.trust_claim, made.attested_only)
    out.append(f"Why: {made.because}")
    return " ".join(out)


def risk(made: RiskTable, catalogue: Mapping[str, ActionType]) -> tuple[str, ...]:
    """The table of risk points: what the levels are, each factor, and each level of autonomy."""
    levels = [f"{level.word} from {number(least)} points" for level, least in made.levels.items()]
    out = [
        f"{made.title}. The points of every factor are added up: {joined(levels)}; below that it is "
        f"low. {made.owner} answers for this table and reads it again by "
        f"{made.review_by.isoformat()}."
    ]
    out += [f"{one.id} {one.title}. {factor(one, catalogue, made.lists)}" for one in made.factors]
    for level, row in made.matrix.items():
        said = [
            f"at {risk.word} risk {_OVERSIGHT[e]}" for risk, e in row.items() if e in _OVERSIGHT
        ]
        if said:
            out.append(f"Autonomy {level}: {joined(said)}.")
    for risk_level, clause in made.clauses.items():
        out.append(f"At {risk_level.word} risk: {approval(clause)}")
    return tuple(out)


_SIDES: Final = {
    "new": "for this one `{new}` speaks instead of `{old}`",
    "old": "for this one `{old}` speaks, not `{new}`",
    "both": "it cannot be told whether `{new}` or `{old}` speaks, so both do",
    "stopped": "`{new}` has stopped by itself, so `{old}` speaks",
}


def sides(found: Iterable[tuple[str, str]], files: Iterable[PolicyFile]) -> str:
    """Which side of each gradual file spoke, as one clause; empty if there is none."""
    olds = {file.policy: file.gradual.replaces for file in files if file.gradual is not None}
    return "; ".join(
        _SIDES[side].format(new=policy, old=olds.get(policy, "the other file"))
        for policy, side in found
    )
