"""Reads `exceptions`: what is lifted, for whom, instead of what, why, until when.

Law: an exception lifts one rule or limit of its own file that says so, for somebody who is named,
for at most 90 days, and never on the word of an agent.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from governance.engine import clauses, conditions, rules
from governance.engine.common import day
from governance.engine.model import Effect
from governance.engine.parents import entries
from governance.engine.reach import conjuncts, histories_of
from governance.engine.reading import Way
from governance.engine.shape import nearest

if TYPE_CHECKING:
    from governance.engine.policyfile import Reader
    from governance.engine.scope import Scope

LONGEST: Final = timedelta(days=90)
_WHO: Final = (
    "agent.id",
    "agent.team",
    "agent.labels",
    "agent.class",
    "agent.owner",
    "agent.model",
)
_NAMES: Final = ("is", "one_of", "contains_any", "contains_all")


def read(reader: Reader, data: dict[str, Any], way: Way, at: date | None) -> rules.Exemption | None:
    """One exception, or None after its findings were added. `at` is the day of a check."""
    before = len(reader.findings.items)
    effect = Effect.of(data["instead"])
    name = f"{reader.document.data['policy']}/{data['id']}"
    scope = reader.scope(reader.everything)
    _lifts(reader, data, effect, way)
    clause = clauses.clause(scope, data, effect, name, way)
    who = conditions.read(scope, data["for"], (*way, "for"))
    if who is not None:
        _whom(scope, who, (*way, "for"))
    since = day(reader, data["from"], (*way, "from"))
    expires = day(reader, data["expires"], (*way, "expires"))
    if since is None or expires is None or who is None:
        return None
    if not timedelta(0) <= expires - since <= LONGEST:
        reader.wrong((*way, "expires"), "exception-too-long",
                     f"from {since} to {expires} is not between 0 and 90 days",
                     "change the rule if it is meant to last")  # fmt: skip
    elif at is not None and expires > at + LONGEST:
        reader.wrong((*way, "expires"), "exception-too-long",
                     f"{expires} is more than 90 days away",
                     "what is signed off today ends within 90 days")  # fmt: skip
    if at is not None and expires < at:
        reader.wrong((*way, "expires"), "exception-expired", f"the exception ended on {expires}",
                     "remove it, or have a new one signed off")  # fmt: skip
    if len(reader.findings.items) > before:
        return None
    line, column = reader.document.place(way)
    return rules.Exemption(
        id=data["id"],
        title=data["title"],
        lifts=data["lifts"],
        who=who,
        instead=effect,
        reason=data["reason"],
        ticket=data["ticket"],
        since=since,
        expires=expires,
        clause=clause,
        line=line,
        column=column,
    )


def _lifts(reader: Reader, data: dict[str, Any], effect: Effect, way: Way) -> None:
    """What is lifted exists, may be lifted, and is stricter than what holds instead."""
    known = entries(reader.document)
    at = (*way, "lifts")
    if data["lifts"] not in known:
        reader.wrong(at, "unknown-rule", f"`{data['lifts']}` is not a rule or limit of this file",
                     nearest(data["lifts"], known))  # fmt: skip
        return
    target, strict, _ = known[data["lifts"]]
    if "exception" not in clauses.loosened_by(target):
        reader.wrong(at, "may-not-be-waived",
                     f"`{data['lifts']}` does not say `may_be_waived_by: [exception]`",
                     "its owner must say so in the rule")  # fmt: skip
    elif effect > strict or strict is Effect.ALLOW:
        reader.wrong((*way, "instead"), "does-not-apply",
                     f"`{data['lifts']}` is {strict.word}: there is nothing to loosen")  # fmt: skip


def _whom(scope: Scope, who: rules.Condition, way: Way) -> None:
    """The condition names somebody, and rests on what the service itself knows."""
    named = any(
        isinstance(part, rules.Test) and part.field in _WHO and part.op in _NAMES
        for part in conjuncts(who)
    )
    if not named:
        scope.wrong(way, "for-nobody", "an exception is for somebody: name the agents it is for",
                    "such as agent.id: {is: tax-run}")  # fmt: skip
    if scope.claims:
        names = ", ".join(f"`{name}`" for name in sorted(scope.claims))
        scope.wrong(way, "claim-not-trusted",
                    f"{names} is what an agent claims of itself, so it lifts nothing",
                    "test arguments, or facts of the service")  # fmt: skip
    if histories_of(who):
        scope.wrong((*way, "history"), "does-not-apply",
                    "an exception does not rest on what happened before", key=True)  # fmt: skip
