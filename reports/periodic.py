"""The periodic oversight report: from a stream of entries to an `Evidence`.

The law: pure. Entries and parameters in, `Evidence` out; no clock, no file, no database. The log
is read once, in order; the report is of entries written within the period, and later entries, up to
the head, count only where they answer, end or follow something of the period.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Literal

from audit.checkpoint import parse
from audit.encoding import b64
from audit.note import split
from reports import summary
from reports.articles import AS_OF, DUTIES
from reports.controls import CONTROLS
from reports.counts import Cite, Count, Spread, rate
from reports.duties import Shown, judge
from reports.evidence import (
    FORMAT,
    AgentRow,
    Bin,
    Decisions,
    Evidence,
    Head,
    Header,
    Oversight,
    Period,
    Population,
    RuleRow,
)
from reports.limits import not_shown
from reports.outside import NOBODY, Outside
from reports.standing import Standing
from reports.statistics import quantile
from reports.tally import Row, Tally
from reports.tally.marks import Scope, listed

EDGES = (3.75, 7.5, 15.0, 30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3840.0)
"""Seconds; limits of the histogram of time to decide. Each class is twice as wide as the last."""


@dataclass(frozen=True, slots=True)
class RuleFact:
    """What a report may say of a rule in force, from the release's own text.

    `trust_claim` is the reason given for believing what an agent claims, or None.
    """

    policy: str
    rule: str
    title: str
    mode: str
    trust_claim: str | None = None


@dataclass(frozen=True, slots=True)
class Parameters:
    """Everything a report needs besides the entries.

    `checkpoint`: the signed note all entries are counted under. `rules`: release digest -> its
    rules, asked for each release in force during the period; None, or a release missing, if the
    texts are not at hand: then the report names no rule that never fired.
    `standing`: what stood at the log's minimum, if earlier entries were pruned.
    `outside`: who outside had confirmed which head.
    `made_at` is printed, ends what the log can cover, and decides which duties are in force.
    """

    workspace: str
    period: Period
    made_at: datetime
    checkpoint: str
    agent: str | None = None
    rules: Mapping[str, Sequence[RuleFact]] | None = None
    software: str = ""
    standing: Standing | None = None
    outside: Outside = NOBODY


def periodic(rows: Iterable[Row], parameters: Parameters) -> Evidence:
    """The report over `rows`: (index, leaf hash or None, entry), ascending, from the first entry that
    is kept to the head.

    Raises `audit.errors.BadCheckpoint` or `BadNote` if the checkpoint is not one, and `ValueError`
    if the period ends before it starts.
    """
    if parameters.period.start >= parameters.period.end:
        raise ValueError("a period starts before it ends")
    tally = Tally(Scope(parameters.period, parameters.agent), parameters.standing)
    tally.read(rows)
    rules = _rules(tally, parameters)
    _trusting(tally, rules or {})
    for index in tally.decisions.without_outcome():
        agent = tally.columns.agent_of(index)
        tally.exceptions.note("no-outcome", agent, "", index, None, "decision")
    evidence = _collect(tally, parameters, rules)
    shown = Shown(
        evidence,
        _last_seen(tally),
        tally.decisions.uncertain,
        tally.decisions.told,
        evidence.head.recomputed == "differs",
    )
    evidence = replace(
        evidence,
        controls=tuple(judge(duty, shown) for duty in CONTROLS),
        duties=tuple(judge(duty, shown) for duty in DUTIES),
    )
    return replace(
        evidence,
        shows=summary.shows(evidence),
        attention=summary.attention(evidence),
        not_shown=not_shown(evidence),
    )


Rules = Mapping[str, Sequence[RuleFact]]


def _rules(tally: Tally, parameters: Parameters) -> Rules | None:
    """The rules of every release in force at some time of the period, by release."""
    if parameters.rules is None:
        return None
    entries, start = tally.registry.release_entries, parameters.period.start
    earlier = [release for release, (_, at) in entries.items() if at < start]
    within = [release for release, (_, at) in entries.items() if at >= start]
    found = {r: parameters.rules.get(r) for r in (*earlier[-1:], *within)}
    known = {release: facts for release, facts in found.items() if facts is not None}
    return known if len(known) == len(found) else None


def _collect(tally: Tally, parameters: Parameters, rules: Rules | None) -> Evidence:
    head = _head(tally, parameters)
    return Evidence(
        FORMAT,
        _header(parameters, head.size),
        head,
        (),
        (),
        _agents(tally),
        _roles(tally),
        tuple(tally.registry.releases),
        _population(tally, head, parameters),
        tally.keeping.kept(),
        _decisions(tally, rules),
        _oversight(tally),
        tally.reviews.counted(),
        tally.acts.rows(),
        tally.stops.rows(),
        tuple(tally.registry.erasures),
        tally.exceptions.rows(),
        (),
        (),
        (),
        (),
    )


def _header(parameters: Parameters, size: int) -> Header:
    period = parameters.period
    of = f"-{_file_word(parameters.agent)}" if parameters.agent else ""
    return Header(
        f"OVR-{period.start:%Y%m%d}-{period.end:%Y%m%d}-{size}{of}",
        parameters.workspace,
        period,
        parameters.agent,
        parameters.made_at,
        parameters.software,
        AS_OF.isoformat(),
    )


def _file_word(name: str) -> str:
    """`name` as part of a file's name; one that does not fit gets a digest instead of its rest."""
    word = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:40]
    return word if word == name else f"{word}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _head(tally: Tally, parameters: Parameters) -> Head:
    text, signatures = split(parameters.checkpoint)
    tree = parse(text)
    root = tally.root()
    recomputed: Literal["same", "differs", "not done"] = "not done"
    if root is not None and tally.seen + tally.minimum == tree.size:
        recomputed = "same" if root == tree.root else "differs"
    witnesses = tuple(sorted({s.name for s in signatures if s.name != tree.origin}))
    keys = tuple(s.key_id.hex() for s in signatures if s.name == tree.origin)
    return Head(
        tree.origin,
        tree.size,
        b64(tree.root),
        parameters.checkpoint,
        witnesses,
        keys,
        recomputed,
        parameters.outside.upto(tree.size),
    )


def _agents(tally: Tally) -> tuple[AgentRow, ...]:
    fates = tally.decisions.fates()
    names = set(tally.registry.agents) | set(tally.decisions.agents)
    rows = []
    for name in sorted(n for n in names if tally.scope.mine(n)):
        known, group = tally.registry.get(name), tally.decisions.agents.get(name)
        allowed, outcomes, attested, missing = fates.get(name, (0, 0, 0, 0))
        indexes = [known.index, known.last] if known else []
        kinds = ("agent.proposed", "agent.onboarded", "agent.changed", "brief.set")
        rows.append(
            AgentRow(
                name,
                known.team if known else "",
                known.owner if known else None,
                known.deputy if known else None,
                known.ai_act_class if known else "not_classified",
                known.annex if known else None,
                known.autonomy if known else "none",
                known.state if known else "unknown",
                known.confirmed if known else False,
                known.brief_as_of if known else None,
                group.mark.n if group else 0,
                allowed,
                outcomes,
                attested,
                missing,
                listed(kinds, indexes, (("agent", name),)),
            )
        )
    return tuple(rows)


def _roles(tally: Tally) -> tuple[Count, ...]:
    held: dict[str, int] = {}
    for roles in tally.registry.roles.values():
        for role in roles:
            held[role] = held.get(role, 0) + 1
    marks = tally.registry.role_marks
    return tuple(Count(n, marks[role].cite()) for role, n in sorted(held.items()))


def _population(tally: Tally, head: Head, parameters: Parameters) -> Population:
    period, decisions = parameters.period, tally.decisions
    covered = 0.0
    if tally.began is not None:
        start = max(period.start, tally.began)
        covered = max(0.0, (min(period.end, parameters.made_at) - start).total_seconds())
    allow = decisions.effects["allow"]
    without = decisions.without_outcome()
    missing = list(tally.missing)
    if tally.next_index < head.size:
        missing.append((tally.next_index, head.size - 1))
    scope = tally.scope
    return Population(
        tally.entries.count(),
        tally.before,
        tally.after,
        tally.seen,
        tuple(missing),
        tally.repeated,
        tally.began,
        tally.ends,
        int(covered),
        int((period.end - period.start).total_seconds()),
        tuple(mark.count() for _, mark in sorted(tally.kinds.items())),
        tuple(tally.registry.gaps),
        allow.count(),
        rate(allow.n - len(without), allow.n, allow.cite()),
        Count(
            len(without),
            listed(("decision",), without, scope.where(effect="allow", outcome="none")),
        ),
        decisions.redeemed.count(),
        decisions.outcomes.count(),
        rate(decisions.attested.n, decisions.outcomes.n, decisions.attested.cite()),
        decisions.without_allow.count(),
        decisions.outcomes_observed.count(),
    )


def _decisions(tally: Tally, rules_in_force: Rules | None) -> Decisions:
    d = tally.decisions
    known = (rules_in_force or {}).values()
    facts = {(fact.policy, fact.rule): fact for facts in known for fact in facts}
    rules = []
    for (policy, rule), counted in sorted(d.rules.items()):
        fact = facts.get((policy, rule))
        title, mode = (fact.title, fact.mode) if fact else ("", "")
        rules.append(
            RuleRow(policy, rule, title, mode, counted.mark.n, counted.decided, counted.mark.cite())
        )
    silent = sorted(f"{p}/{r}" for p, r in facts.keys() - d.rules.keys())
    return Decisions(
        d.total.count(),
        d.effects["allow"].count(),
        d.effects["require_approval"].count(),
        d.effects["deny"].count(),
        d.observed.count(),
        tuple(d.agents[name].verdicts(name) for name in sorted(d.agents)),
        tuple(d.actions[name].verdicts(name) for name in sorted(d.actions)),
        tuple(d.matrix[key].verdicts(*key) for key in sorted(d.matrix)),
        d.bars(),
        d.width,
        tuple(rules),
        None if rules_in_force is None else tuple(silent),
    )


def _trusting(tally: Tally, rules: Rules) -> None:
    """Rules that believe a claim are exceptions from the release that brought them."""
    for release, facts in sorted(rules.items()):
        entry = tally.registry.release_entries[release]
        for fact in sorted(facts, key=lambda f: (f.policy, f.rule)):
            if fact.trust_claim is not None:
                cause = f"{fact.policy}/{fact.rule}: {fact.trust_claim}"
                tally.exceptions.note("trust-claim", "", cause, *entry, "policy.released")


def _oversight(tally: Tally) -> Oversight:
    a = tally.approvals
    ended = a.ended
    closed = sum(mark.n for mark in ended.values())
    scope, asked = tally.scope, a.asked
    rates = {name: rate(mark.n, asked.n, mark.cite()) for name, mark in ended.items()}
    still = Cite(
        ("approval.asked",), scope.where(state="open"), asked.n - closed, asked.first, asked.last
    )
    answers = Cite(
        ("approval.granted", "approval.refused"),
        scope.where(shown="first"),
        len(a.to_decide),
        a.answers.cite().first,
        a.answers.cite().last,
    )
    return Oversight(
        asked.count(),
        rates["granted"],
        rates["refused"],
        rates["expired"],
        rates["cancelled"],
        Count(asked.n - closed, still if asked.n else asked.cite()),
        a.answers.count(),
        rate(a.shown_first.n, a.grants.n, a.shown_first.cite()),
        rate(a.fast.n, a.timed.n, a.fast.cite()),
        tuple(sorted(a.floors)),
        _spread(sorted(a.to_decide), answers),
        _spread(sorted(a.waited), a.answers.cite()),
        _histogram(sorted(a.to_decide)),
        a.used.count(),
        rate(a.quorate.n, a.used.n, a.used.cite()),
        Count(len(a.people), a.answers.cite()),
    )


def _spread(ordered: list[float], cite: Cite) -> Spread | None:
    if not ordered:
        return None
    p5, p50, p95 = (round(quantile(ordered, q), 3) for q in (0.05, 0.5, 0.95))
    return Spread(len(ordered), round(ordered[0], 3), p5, p50, p95, round(ordered[-1], 3), cite)


def _histogram(ordered: list[float]) -> tuple[Bin, ...]:
    edges: list[float | None] = [0.0, *EDGES, None]
    bins = []
    for low, high in pairwise(edges):
        assert low is not None
        inside = sum(low <= v and (high is None or v < high) for v in ordered)
        bins.append(Bin(low, high, inside))
    return tuple(bins)


def _last_seen(tally: Tally) -> dict[str, datetime | None]:
    return {
        "decision": tally.decisions.last_at,
        "outcome": tally.decisions.last_outcome_at,
        "deny": tally.decisions.last_deny_at,
        "approval": tally.approvals.last_used_at,
        "answer": tally.approvals.last_answer_at,
    }
