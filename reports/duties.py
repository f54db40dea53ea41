"""From entries to a status: what the log shows for each duty of the catalogue.

The law: nothing recorded is *not evidenced*, never *passed*. *Evidenced* needs all three: the
whole population held (k = n > 0), the whole period covered and the control seen working recently;
otherwise it is *partly*, with the reasons. A duty that is not yet in force is not judged, and what
the log already shows for it is printed beside it. There is no score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from reports.articles import Duty, Reach
from reports.counts import Cite
from reports.evidence import DutyRow, Evidence, Oversight, Status
from reports.tally.marks import Mark
from reports.words import plural

RETENTION = timedelta(days=183)
"""AI Act Art. 19(1) and 26(6): at least six months; read as 183 days."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the log shows: k of n `unit`, the control last seen working on `last`."""

    k: int
    n: int
    unit: str
    last: datetime | None
    shows: str
    cites: tuple[Cite, ...] = ()
    doubts: tuple[str, ...] = ()
    empty: str = "nothing recorded"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a test may look at: the finished sections, and when controls were last seen."""

    evidence: Evidence
    last_seen: dict[str, datetime | None]
    uncertain: Mark
    told: Mark
    root_differs: bool


Test = Callable[[Shown], Proof]


def judge(duty: Duty, shown: Shown) -> DutyRow:
    """The row of `duty`: its proof, its status, and what is lacking."""
    proof = TESTS[duty.test](shown)
    shows = proof.shows if proof.n else proof.empty
    if duty.test == "not_recorded":
        shows = f"no kind of entry for {duty.proof}"
    exempt = _exempt(duty.reach, shown.evidence)
    lacks = _lacks(duty, proof, shown)
    status: Status
    if exempt:
        status, shows = "not applicable", exempt
    elif duty.applies_from and duty.applies_from > shown.evidence.header.made_at.date():
        status = "not yet in force"
    elif proof.k == 0:
        status = "not evidenced"
    else:
        status = "partly" if lacks else "evidenced"
    return DutyRow(
        duty.id,
        duty.duty,
        duty.source,
        duty.who,
        duty.applies_from.isoformat() if duty.applies_from else "the first entry",
        shown.evidence.header.catalogue_as_of,
        duty.section,
        duty.labels,
        status,
        0 if exempt else proof.k,
        0 if exempt else proof.n,
        proof.unit,
        None if exempt else proof.last,
        shows,
        () if exempt else lacks,
        () if exempt else proof.cites,
    )


def _exempt(reach: Reach, evidence: Evidence) -> str | None:
    """Why a duty of this reach does not apply, by the classes recorded; None if it may."""
    agents = evidence.agents
    if reach == "any" or not agents:
        return None
    if any(a.ai_act_class in ("not_classified", "prohibited") for a in agents):
        return None
    high = [a for a in agents if a.ai_act_class == "high"]
    if not high:
        return f"none of {len(agents)} agents is classified as high-risk"
    if reach == "1(a)" and not any("1(a)" in (a.annex or "") for a in high):
        return f"none of {len(high)} high-risk agents falls under Annex III point 1(a)"
    return None


def _lacks(duty: Duty, proof: Proof, shown: Shown) -> tuple[str, ...]:
    population, end = shown.evidence.population, _until(shown.evidence)
    lacks = []
    if proof.k < proof.n or not proof.n:
        lacks.append(f"{proof.k:,} of {proof.n:,} {proof.unit}" if proof.n else proof.empty)
    lacks += _uncovered(shown.evidence)
    if population.missing or shown.root_differs:
        lacks.append("entries are missing or altered")
    if proof.k and (not proof.last or end - proof.last > timedelta(days=duty.fresh_days)):
        lacks.append(f"not seen working in the last {duty.fresh_days} days of the period")
    lacks += proof.doubts
    if duty.at_most:
        lacks.append(duty.at_most)
    return tuple(lacks)


def _until(evidence: Evidence) -> datetime:
    """The end of what can have happened: of the period, but no later than the report was made."""
    return min(evidence.header.period.end, evidence.header.made_at)


def _uncovered(evidence: Evidence) -> list[str]:
    """Which parts of the period the log cannot cover: before it began, and what is still to come."""
    population, header = evidence.population, evidence.header
    began, period = population.log_began, header.period
    if not began or not population.covered_seconds:
        return ["the log covers no part of the period"]
    lacks = []
    if began > period.start:
        why = ": what came before was pruned" if evidence.kept.minimum else ""
        lacks.append(f"the log covers the period only from {began:%Y-%m-%d %H:%M}{why}")
    if header.made_at < period.end:
        lacks.append(
            f"the period had not ended when this was made, {header.made_at:%Y-%m-%d %H:%M}"
        )
    return lacks


def _decided(s: Shown) -> Proof:
    p = s.evidence.population
    ran = p.outcomes.n
    good = ran - p.outcomes_without_allow.n
    shows = f"{p.outcomes_without_allow.n:,} of {ran:,} outcomes rest on no allowed decision"
    cites = (p.outcomes.cite, p.outcomes_without_allow.cite)
    return Proof(good, ran, "outcomes", s.last_seen["outcome"], shows, cites)


def _complete(s: Shown) -> Proof:
    p, head = s.evidence.population, s.evidence.head
    root = {
        "same": "their root is the root signed",
        "differs": "their root is NOT the root signed",
        "not done": "their root was not computed again",
    }[head.recomputed]
    pruned = s.evidence.kept.minimum
    k = 0 if head.recomputed == "differs" else p.present
    shows = f"{p.present:,} of {head.size - pruned:,} entries present; {root}"
    if pruned:
        shows += f"; {pruned:,} earlier ones were pruned, their leaf hashes are there"
    doubts = () if head.recomputed == "same" else (root,)
    return Proof(k, head.size - pruned, "entries", p.log_ends, shows, (_whole(s),), doubts)


def _whole(s: Shown) -> Cite:
    """Every entry of the log, whatever the period."""
    present, size = s.evidence.population.present, s.evidence.head.size
    first = s.evidence.kept.minimum
    return Cite(("any",), (), present, first if present else None, size - 1 if present else None)


def _outcomes(s: Shown) -> Proof:
    p = s.evidence.population
    r = p.with_outcome
    shows = f"{p.without_outcome.n:,} allowed actions have no outcome in the log"
    return Proof(r.k, r.n, "allowed actions", s.last_seen["outcome"], shows, (r.cite,))


def _quorum(s: Shown) -> Proof:
    r = s.evidence.oversight.quorum
    shows = f"{r.k:,} of {r.n:,} actions allowed on an approval had its quorum"
    return Proof(r.k, r.n, "approvals used", s.last_seen["approval"], shows, (r.cite,))


def _read(s: Shown) -> Proof:
    o = s.evidence.oversight
    unread, fast = o.shown_first.n - o.shown_first.k, o.too_fast.k
    n = o.shown_first.n
    shows = f"{unread:,} granted unseen, {fast:,} faster than the reading time"
    cites = (o.shown_first.cite, o.too_fast.cite)
    return Proof(n - unread - fast, n, "grants", s.last_seen["answer"], shows, cites, _unproven(o))


def _unproven(o: Oversight) -> tuple[str, ...]:
    """Shown is not read: without a reading time in the rule, nothing says that anybody read."""
    untimed = o.shown_first.k - o.too_fast.n
    if not untimed:
        return ()
    half = f"; half of all answers came within {o.to_decide.median:g} s" if o.to_decide else ""
    return (f"no rule set a reading time for {untimed:,} of {o.shown_first.n:,} grants{half}",)


def _shown(s: Shown) -> Proof:
    r = s.evidence.oversight.shown_first
    shows = f"{r.k:,} of {r.n:,} grants came after the evidence was opened"
    return Proof(r.k, r.n, "grants", s.last_seen["answer"], shows, (r.cite,))


def _overrides(s: Shown) -> Proof:
    rows = [a for a in s.evidence.acts if a.kind == "override.granted" and a.complete]
    good = [a for a in rows if not a.alone]
    alone = len(rows) - len(good)
    shows = f"{plural(len(rows), 'override')}, {alone:,} of them by one person alone"
    cites = tuple(a.cite for a in rows)
    return Proof(len(good), len(rows), "overrides", _latest(a.at for a in rows), shows, cites)


def _acts(s: Shown) -> Proof:
    rows = s.evidence.acts
    count = {kind: sum(a.kind == kind for a in rows) for kind in _ACTS}
    shows = ", ".join(plural(n, _ACTS[kind]) for kind, n in count.items())
    empty = "no override, disregard or reversal in the period, which is itself a finding"
    cites, last = tuple(a.cite for a in rows), _latest(a.at for a in rows)
    return Proof(len(rows), len(rows), "acts", last, shows, cites, empty=empty)


_ACTS: Final = {
    "override.granted": "override",
    "decision.disregarded": "disregard",
    "decision.reversed": "reversal",
}


def _stops(s: Shown) -> Proof:
    rows = s.evidence.stops
    held = [r for r in rows if not r.passed.n]
    drills = sum(r.drill for r in rows)
    passed = sum(r.passed.n for r in rows)
    counted = f"{plural(len(rows) - drills, 'stop')}, {plural(drills, 'drill')}"
    shows = f"{counted}; {plural(passed, 'action')} passed after them"
    last = _latest(r.at for r in held if r.refused or r.seconds is not None)
    return Proof(len(held), len(rows), "stops", last, shows, tuple(r.cite for r in rows))


def _owners(s: Shown) -> Proof:
    acted = [a for a in s.evidence.agents if a.decisions]
    good = [a for a in acted if a.owner]
    deputies = sum(a.deputy is not None for a in acted)
    shows = f"{len(good):,} have an owner, {deputies:,} a deputy"
    cites = tuple(a.cite for a in acted)
    return Proof(len(good), len(acted), "agents that acted", s.last_seen["decision"], shows, cites)


def _confirmed(s: Shown) -> Proof:
    acted = [a for a in s.evidence.agents if a.decisions]
    doubtful = {e.agent for e in s.evidence.exceptions if e.kind == "unconfirmed"}
    good = [a for a in acted if a.agent not in doubtful]
    shows = f"{len(acted) - len(good):,} acted without a second person's confirmation"
    cites = tuple(a.cite for a in acted)
    return Proof(len(good), len(acted), "agents that acted", s.last_seen["decision"], shows, cites)


def _releases(s: Shown) -> Proof:
    proved = sum(r.proved for r in s.evidence.releases)
    rows = tuple(r for r in s.evidence.releases if not r.proved)
    good = [r for r in rows if not r.alone and r.proposed_by != r.signed_by]
    shows = f"{plural(len(rows), 'release')} in the period"
    if proved:
        shows += f"; {proved:,} more by one person, each proved to loosen nothing"
    mark = Mark("policy.released")
    for row in s.evidence.releases:
        mark.add(row.index)
    last = _latest(r.at for r in good)
    return Proof(len(good), len(rows), "releases", last, shows, (mark.cite(),))


def _risk_events(s: Shown) -> Proof:
    d = s.evidence.decisions
    n = d.deny.n + d.require_approval.n
    shows = f"{plural(n, 'denial or request', 'denials and requests')} for approval, with reasons"
    cites = (d.deny.cite, d.require_approval.cite)
    return Proof(n, n, "events", s.last_seen["decision"], shows, cites)


def _matrix(s: Shown) -> Proof:
    d = s.evidence.decisions
    known = sum(v.total for v in d.matrix if v.key[0] != "none")
    shows = f"{known:,} of {d.total.n:,} decisions name the agent's level and the risk"
    return Proof(known, d.total.n, "decisions", s.last_seen["decision"], shows, (d.total.cite,))


def _reasons(s: Shown) -> Proof:
    total = s.evidence.decisions.total
    shows = f"{plural(total.n, 'decision')}, each with the rules that had a finding"
    return Proof(total.n, total.n, "decisions", s.last_seen["decision"], shows, (total.cite,))


def _fail_safe(s: Shown) -> Proof:
    n = s.uncertain.n
    shows = f"{plural(n, 'denial')} because a fact could not be told"
    return Proof(n, n, "denials", s.last_seen["deny"], shows, (s.uncertain.cite(),))


def _retention(s: Shown) -> Proof:
    p = s.evidence.population
    # A day counts once something was recorded after it: neither days to come nor a silent log do.
    end = min(_until(s.evidence), p.log_ends) if p.log_ends else _until(s.evidence)
    days = max((end - p.log_began).days, 0) if p.log_began else 0
    k = min(days, RETENTION.days)
    shows = f"entries of {plural(days, 'day')} are kept"
    if p.missing:
        k, shows = 0, "entries are missing"
    return Proof(k, RETENTION.days, "days", p.log_ends, shows, (_whole(s),))


def _corrected(s: Shown) -> Proof:
    undone = [a for a in s.evidence.acts if a.kind == "decision.reversed"]
    stops = [r for r in s.evidence.stops if not r.drill]
    n = len(undone) + len(stops)
    shows = f"{plural(len(undone), 'reversal')}, {plural(len(stops), 'stop')} besides drills"
    times = [a.at for a in undone] + [r.at for r in stops]
    cites = tuple(a.cite for a in undone) + tuple(r.cite for r in stops)
    return Proof(n, n, "corrections", _latest(times), shows, cites)


def _briefed(s: Shown) -> Proof:
    acted = [a for a in s.evidence.agents if a.decisions]
    good = [a for a in acted if a.brief_as_of]
    shows = f"{len(good):,} of {len(acted):,} agents that acted have a brief"
    last = _latest(a.brief_as_of for a in good if a.brief_as_of)
    cites = tuple(a.cite for a in acted)
    return Proof(len(good), len(acted), "agents that acted", last, shows, cites)


def _told(s: Shown) -> Proof:
    n = s.evidence.decisions.allow.n
    shows = f"{s.told.n:,} of {n:,} allowed actions carried the obligation to tell the person"
    last = s.last_seen["decision"] if s.told.n else None
    return Proof(s.told.n, n, "allowed actions", last, shows, (s.told.cite(),))


def _erasures(s: Shown) -> Proof:
    rows = s.evidence.erasures
    mark = Mark("data.erased")
    for row in rows:
        mark.add(row.index)
    values = sum(r.values for r in rows)
    shows = f"{plural(len(rows), 'erasure')} of {plural(values, 'value')}"
    return Proof(
        len(rows), len(rows), "erasures", _latest(r.at for r in rows), shows, (mark.cite(),)
    )


def _not_recorded(_: Shown) -> Proof:
    return Proof(0, 0, "entries", None, "")


def _latest(times: Iterable[datetime]) -> datetime | None:
    return max(times, default=None)


TESTS: Final[dict[str, Test]] = {
    "acts": _acts,
    "briefed": _briefed,
    "complete": _complete,
    "confirmed": _confirmed,
    "corrected": _corrected,
    "decided": _decided,
    "erasures": _erasures,
    "fail_safe": _fail_safe,
    "matrix": _matrix,
    "not_recorded": _not_recorded,
    "outcomes": _outcomes,
    "overrides": _overrides,
    "owners": _owners,
    "quorum": _quorum,
    "read": _read,
    "reasons": _reasons,
    "releases": _releases,
    "retention": _retention,
    "risk_events": _risk_events,
    "shown": _shown,
    "stops": _stops,
    "told": _told,
}
