"""What would turn a verdict, in sentences. The law: *cannot* is said only where it is shown.

A finding that is certain and tests nothing that the request says stands whatever is asked for; no other
reason is good enough for "no change of the request can turn it". What people would have to do follows
from the findings and says who.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from governance.engine import words
from governance.engine.compile import Plan, Release
from governance.engine.model import SERVICE, Effect, Finding, Mode, Request, Verdict
from governance.engine.nearest import Near, Search
from governance.engine.reach import histories_of

_STANDS: Final = ("agent.", "session.", "time.", "tool.")
_DONE: Final = {
    Effect.ALLOW: "it would have been allowed",
    Effect.REQUIRE_APPROVAL: "a person could have approved it",
}
_SERVICE: Final = {
    "stop": "two people would have to lift the stop",
    "agent": "an agent manager would have to give the agent this action, or put it back to work",
    "governed": "somebody would have to write a policy that governs the action, and a second person "
    "to sign it",
    "autonomy": "somebody would have to grant the agent more autonomy",
    "obligation": "the agent's runtime would have to carry out the obligation",
    "budget": "an agent manager would have to approve it or raise the budget",
}


def nearest(found: Search) -> tuple[str, ...]:
    """The nearest changes, a sentence each."""
    return tuple(_near(near) for near in found.found)


def _near(near: Near) -> str:
    clauses = words.joined([each.says for each in near.different])
    by = f" by `{near.by}`" if near.by else ""
    notes = "; ".join(dict.fromkeys(each.note for each in near.different if each.note))
    return f"If {clauses}, {_DONE[near.effect]}{by}{f' ({notes})' if notes else ''}."


def turning(release: Release, request: Request, verdict: Verdict, found: Search) -> str:
    """Whether a change of the request can turn it, and what a person would have to do if not."""
    if verdict.effect is Effect.ALLOW or any(near.of_request for near in found.found):
        return ""
    fixed = [f for f in _deciding(verdict) if stands(release, request, f)]
    people = words.joined(list(dict.fromkeys(by_people(verdict))))
    then = f" {people[:1].upper()}{people[1:]}." if people else ""
    if fixed:
        names = words.joined([f"`{finding.name}`" for finding in fixed])
        verb = "stands" if len(fixed) == 1 else "stand"
        return f"No change of the request can turn it: {names} {verb} whatever is asked for.{then}"
    if found.complete:
        what = f"none of {found.tried} combinations of up to three facts does" if found.tried else \
            "the rules look at nothing that it says"  # fmt: skip
        return f"No change of the request was found that turns it: {what}.{then}"
    return f"No change of the request was found that turns it, among {found.tried} tried.{then}"


def _deciding(verdict: Verdict) -> list[Finding]:
    return [
        finding
        for finding in verdict.findings
        if finding.effect is verdict.effect and not finding.lifted and finding.mode is Mode.ENFORCE
    ]


def stands(release: Release, request: Request, finding: Finding) -> bool:
    """Whether a finding is there whatever the request says: certain, from conditions on the agent,
    the session, the time and the action alone, and nothing in the request could lift it."""
    if not finding.certain:
        return False
    plan = release.plans.get(request.action)
    if finding.policy == SERVICE:
        governed = finding.rule == "governed" and (plan is None or not plan.governors)
        return finding.rule in ("stop", "agent") or governed
    if plan is None or _liftable(plan, finding):
        return False
    for candidate in release.candidates(request.action):
        if candidate.finding.name == finding.name:
            condition = candidate.condition
            free = isinstance(condition, bool) or not histories_of(condition)
            return free and all(name.startswith(_STANDS) for name in candidate.node.fields)
    return False


def _liftable(plan: Plan, finding: Finding) -> bool:
    lifters = plan.extras.lifters if plan.extras is not None else ()
    return any(finding.name in lifter.targets for lifter in lifters)


def by_people(verdict: Verdict) -> Iterator[str]:
    """What people would have to do, a clause for each finding that decides."""
    if verdict.effect is Effect.REQUIRE_APPROVAL:
        for clause in verdict.clauses:
            within = words.duration(clause.answer_within)
            yield f"{words.seats(clause.needs)} would have to approve it within {within}"
        return
    never = [f for f in _deciding(verdict) if f.policy != SERVICE and not f.waivable_by]
    if never:
        names = words.joined([f"`{finding.name}`" for finding in never])
        yield (
            f"nobody may waive {names} for one action: two people would have to change the policy"
        )
    for finding in _deciding(verdict):
        if finding.policy == SERVICE:
            yield _SERVICE.get(finding.rule, f"`{finding.name}` would have to be put right")
        elif finding.waivable_by and not never:
            yield f"{words.roles(finding.waivable_by)} would have to lift `{finding.name}`, once"
