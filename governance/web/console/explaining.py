"""Decisions, read from the desk and put into words.

Law: a decision is explained with what was recorded when it was taken. What can no longer be
opened says so; nothing is looked up anew and passed off as what was seen then.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from governance.oversight import people
from governance.service import describing
from governance.service import explaining as service
from governance.service.desk import Caller
from governance.service.people import name_of
from governance.service.problem import Problem
from governance.service.reading import entry_of
from governance.web.console import review_views, saying
from governance.web.console.decision_views import (
    Condition,
    DecisionFilter,
    DecisionPage,
    DecisionRow,
    DecisionView,
    FindingView,
    Holds,
    ReceiptView,
    WhatIfView,
)
from governance.web.console.framing import LEVELS, YES, allowed
from governance.web.console.outside import UNANCHORED, Outside
from governance.web.console.present import Clockface
from governance.web.console.stating import facts, heading, windows, worth_showing
from governance.web.console.telling import PATIENCE, Told, story
from governance.web.console.trend import of_day
from governance.web.console.views import ANSWERED, Fact, May, Source, Step, Verdict

if TYPE_CHECKING:
    from governance.oversight.model import State
    from governance.service.desk import Desk
    from governance.store.readmodel import DecisionLine

PAGE = 50
SPOKE = {
    "allow": Verdict("allow", "Allows"),
    "require_approval": Verdict("ask", "Asks a person"),
    "deny": Verdict("deny", "Refuses"),
}
SILENT = {
    "allow": Verdict("plain", "Would allow, but did not apply"),
    "require_approval": Verdict("plain", "Would ask, but did not apply"),
    "deny": Verdict("plain", "Would refuse, but did not apply"),
}
OUTCOMES = {"executed": "Done", "failed": "Failed", "not_executed": "Not carried out"}


# -- the list --------------------------------------------------------------------------------------


def page(desk: Desk, wanted: DecisionFilter, zone: tzinfo) -> DecisionPage:
    """A page of decisions, newest first, from the lists that follow the log."""
    views = desk.workspace.views
    complete = views.wait_for(desk.state.size, PATIENCE)
    since, before = None, wanted.before
    if wanted.day is not None:
        found = of_day(views, wanted.day, zone)
        since = min((each.first for each in found), default=0)
        after = max((each.last + 1 for each in found), default=0)
        before = after if before is None else min(before, after)
    lines = views.decisions(
        agent=wanted.agent or None,
        effect=wanted.effect or None,
        since=since,
        before=before,
        limit=PAGE + 1,
    )
    shown = lines[:PAGE]
    return DecisionPage(
        rows=tuple(_row(desk, line) for line in shown),
        older=shown[-1].index if len(lines) > PAGE else None,
        agents=tuple(sorted(desk.state.agents)),
        lag=""
        if complete
        else "The newest decisions are not in this list yet; look again shortly.",
    )


def _row(desk: Desk, line: DecisionLine) -> DecisionRow:
    recorded = desk.reader.entry(line.index)
    action = describing.action_of(desk, recorded.data)
    rule = next((name for name in line.rules if name.endswith(":" + line.effect)), "")
    return DecisionRow(
        index=line.index,
        at=recorded.at,
        agent=line.agent,
        action=line.action,
        summary=heading(recorded.data, action) if action else "",
        verdict=ANSWERED[line.effect],
        rule=saying.split_rule(rule.rpartition(":")[0])[1],
        outcome=_came_of(line),
    )


def _came_of(line: DecisionLine) -> str:
    said = []
    if line.outcome:
        said.append(OUTCOMES[line.outcome])
    if line.reversed_by is not None:
        said.append(f"taken back, entry {line.reversed_by}")
    if line.disregarded_by is not None:
        said.append(f"not to be relied on, entry {line.disregarded_by}")
    return "; ".join(said)


# -- one decision ----------------------------------------------------------------------------------


def _others(told: Mapping[str, Any]) -> tuple[str, ...]:
    """What would have been enough besides the nearest changes; those are not said twice."""
    return tuple(line for line in told["enough"] if line not in told["nearest"])


def view(desk: Desk, clock: Clockface, outside: Outside, person: str, index: int) -> DecisionView:
    """One decision with its conditions, receipt, and what came of it."""
    entry = entry_of(desk, index, "decision")
    data, state = entry.data, desk.state
    explained = service.decision(desk, Caller("person", person), index)
    told = story(desk, Told(index, entry))
    line = _line(desk, index)
    action = describing.action_of(desk, data)
    return DecisionView(
        index=index,
        at=entry.at,
        title=f"{data['agent']} wanted: {heading(data, action)}",
        sentence=explained["sentence"],
        verdict=ANSWERED[data["effect"]],
        observed=data["observed"],
        agent=data["agent"],
        attested=data["attested"],
        facts=(*_asked(desk, data, action), *facts(explained["facts"], arguments=True)),
        stated=facts(
            fact
            for fact in worth_showing(explained["facts"], data["action"])
            if not fact["field"].startswith("args.")
        ),
        findings=tuple(_finding(each, data) for each in explained["accounts"]),
        incomplete=saying.sentence(explained["incomplete"]) if explained["incomplete"] else "",
        known=tuple(windows(desk, clock, data.get("facts", ()), data["release"])),
        nearest=tuple(explained["nearest"]),
        turning=explained["turning"],
        enough=_others(explained),
        story=told,
        receipt=_receipt(desk, outside, index, data),
        digest=data["digest"],
        lifts=tuple(_denies(data)),
        may_override=_may_override(state, person, data),
        may_reverse=_may_reverse(state, person, data, line),
        may_disregard=_may_correct(state, person, data),
        reviews=review_views.of_decision(desk, person, index, data["effect"]),
        approval=data["refs"].get("approval") or _approval(told),
    )


def what_if(desk: Desk, person: str, index: int, given: Mapping[str, str]) -> WhatIfView:
    """Decision `index` with what `given` names changed."""
    told = service.what_if(desk, Caller("person", person), index, given)
    as_decided = {
        "effect": told["effect"],
        "findings": [
            {"policy": each["policy"], "rule": each["rule"]}
            for each in told["accounts"]
            if each["matters"]
        ],
    }
    return WhatIfView(
        index=index,
        was=ANSWERED[told["was"]],
        now=ANSWERED[told["effect"]],
        sentence=told["sentence"],
        changed=tuple(told["changed"].items()),
        notes=tuple(map(saying.sentence, told["notes"])),
        findings=tuple(_finding(each, as_decided) for each in told["accounts"]),
        nearest=tuple(told["nearest"]),
        turning=told["turning"],
        enough=_others(told),
    )


def _approval(told: tuple[Step, ...]) -> int | None:
    return next((step.index for step in told if step.link.startswith("/approvals/")), None)


def _asked(desk: Desk, data: Mapping[str, Any], action: Any) -> tuple[Fact, ...]:
    agent = desk.state.agents.get(data["agent"])
    owner = f", for whom {name_of(desk, agent.owner)} answers" if agent else ""
    level = f"autonomy {data['autonomy']}, {LEVELS[data['autonomy']]}" if data["autonomy"] else ""
    session = data["refs"].get("session")
    out = [
        Fact("Action", action.title if action else data["action"], note=data["action"]),
        Fact("Agent", f"{data['agent']}{owner}", note=level),
    ]
    if session is not None:
        out.append(Fact("Session", str(session)))
    out.append(Fact("Risk", data["risk"]))
    return tuple(out)


def _finding(account: Mapping[str, Any], data: Mapping[str, Any]) -> FindingView:
    policy, rule, effect = account["policy"], account["rule"], account["effect"]
    recorded = next(
        (f for f in data["findings"] if (f["policy"], f["rule"]) == (policy, rule)), None
    )
    lifted = recorded is not None and bool(recorded.get("lifted"))
    return FindingView(
        rule=rule,
        policy="" if policy == "service" else policy,
        title=saying.rule_title(policy, rule, account["title"]),
        because=saying.capped(account["because"], 400),
        owner=saying.capped(account["owner"], 200),
        verdict=SPOKE[effect] if recorded is not None else SILENT[effect],
        decided=recorded is not None and effect == data["effect"] and not lifted,
        conditions=tuple(_condition(each, effect) for each in account["conditions"]),
        lifted=lifted,
    )


def _condition(row: Mapping[str, Any], effect: str) -> Condition:
    holds: Holds = "unknown" if row["holds"] == "cannot tell" else row["holds"]
    counts = "no" if effect == "allow" else "yes"
    return Condition(
        text=saying.capped(row["says"], 400),
        seen=saying.capped(row["saw"], 400),
        source=_source(row["who"]) if row["who"] else None,
        who=row["who"][:1].upper() + row["who"][1:],
        holds=holds,
        note=f"counts as {counts}" if holds == "unknown" else "",
        level=min(row["level"], 4),
    )


def _source(who: str) -> Source:
    if "claimed" in who:
        return "claimed"
    if "attested" in who:
        return "vouched"
    return "exact" if "bound" in who or "derived" in who else "ours"


def _line(desk: Desk, index: int) -> DecisionLine | None:
    found = desk.workspace.views.decisions(before=index + 1, limit=1)
    return found[0] if found and found[0].index == index else None


def _receipt(desk: Desk, outside: Outside, index: int, data: Mapping[str, Any]) -> ReceiptView:
    receipt = desk.reader.receipt(index)
    return ReceiptView(
        index=index,
        leaf=receipt.leaf_hash.hex(),
        origin=desk.workspace.origin,
        size=receipt.tree_size,
        is_anchored=outside.covers(index),
        anchored=outside.said,
        release=(data["release"] or "")[:12],
        kept=outside.kept if index < outside.size else UNANCHORED,
    )


# -- what may be done ------------------------------------------------------------------------------


def _denies(data: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Rules that denied, with the roles that may waive them."""
    return {
        f"{each['policy']}/{each['rule']}": tuple(each.get("waivable_by", ()))
        for each in data["findings"]
        if each["effect"] == "deny" and not each.get("lifted")
    }


def _may_override(state: State, person: str, data: Mapping[str, Any]) -> May:
    denies = _denies(data)
    if data["effect"] != "deny":
        return May(False)
    never = sorted(name for name, roles in denies.items() if not roles)
    if never:
        return May(False, f"No person may lift {saying.listing(never)}.")
    held = state.people[person].roles
    for name, roles in sorted(denies.items()):
        if not held & set(roles):
            needed = saying.listing([saying.words(role) for role in roles], "or")
            return May(False, f"To lift {name} takes the role {needed}; you do not have it.")
    return YES


def _may_correct(state: State, person: str, data: Mapping[str, Any]) -> May:
    agent = state.agents.get(data["agent"])
    if agent is not None and people.answers_for(agent, person):
        return YES
    return allowed(state, person, "correct decisions")


def _may_reverse(
    state: State, person: str, data: Mapping[str, Any], line: DecisionLine | None
) -> May:
    if data["effect"] != "allow":
        return May(False)
    if line is not None and line.reversed_by is not None:
        return May(False, f"It was taken back already, entry {line.reversed_by}.")
    return _may_correct(state, person, data)


def require_same(desk: Desk, index: int, digest: str) -> None:
    """Refuse an override form that was shown for another action."""
    if entry_of(desk, index, "decision").data["digest"] != digest:
        raise Problem("conflict", "the form was made for another action; open the decision again")
