"""The page for a board: what the log shows and what needs attention, in plain words.

The law: a sentence here repeats a figure of the report with its entries; it has no adjective that
the log does not carry, and names no cause where the log shows only a time.
"""

from __future__ import annotations

from reports.counts import Cite
from reports.evidence import DutyRow, Evidence, ExceptionRow, Statement
from reports.tally.exceptions import KINDS
from reports.words import percent, plural

_ALARMING = ("stopped", "no-decision", "quorum", "unread", "ownerless", "unconfirmed", "alone")
"""Kinds of exception that belong before a board even if there is only one."""

QUICK = 5.0
"""Seconds: whoever answers faster than this cannot have read even one sentence about the action."""


def shows(evidence: Evidence) -> tuple[Statement, ...]:
    """What was counted, one sentence each."""
    if not evidence.decisions.total.n:
        cite = evidence.decisions.total.cite
        return (Statement("Decisions.", "No decision is recorded in the period.", (cite,)),)
    return (
        _decisions(evidence),
        _people(evidence),
        _acts(evidence),
        _record(evidence),
    )


def attention(evidence: Evidence) -> tuple[Statement, ...]:
    """What a person should look at first; empty if the log names nothing."""
    found = [_control(row) for row in evidence.controls if row.status == "not evidenced"]
    for kind in KINDS:
        rows = [row for row in evidence.exceptions if row.kind == kind]
        if rows and kind in _ALARMING:
            found.append(_exception(kind, rows))
    found += _weak(evidence)
    return tuple(found)


def _decisions(e: Evidence) -> Statement:
    d = e.decisions
    agents = plural(len(d.agents), "agent")
    text = (
        f"{agents} asked {d.total.n:,} times before acting. The rules allowed {d.allow.n:,}, "
        f"required approval for {d.require_approval.n:,} and denied {d.deny.n:,}."
    )
    return Statement("Decisions.", text, (d.total.cite, d.allow.cite, d.deny.cite))


def _people(e: Evidence) -> Statement:
    o = e.oversight
    text = (
        f"{plural(o.asked.n, 'request')} for approval reached people: {o.granted.k:,} granted, "
        f"{o.refused.k:,} refused, {o.expired.k:,} expired, which is a no, "
        f"{o.cancelled.k:,} cancelled, {o.open.n:,} open."
    )
    return Statement("People.", text, (o.asked.cite, o.granted.cite, o.refused.cite))


def _acts(e: Evidence) -> Statement:
    lifted = [a for a in e.acts if a.kind == "override.granted"]
    undone = [a for a in e.acts if a.kind == "decision.reversed"]
    drills = sum(s.drill for s in e.stops)
    passed = sum(s.passed.n for s in e.stops)
    text = (
        f"People lifted {plural(len(lifted), 'denial')} and reversed "
        f"{plural(len(undone), 'action')}. {plural(len(e.stops) - drills, 'stop')} and "
        f"{plural(drills, 'drill')} are recorded; {passed:,} actions passed after them."
    )
    cites = tuple(a.cite for a in e.acts) + tuple(s.cite for s in e.stops)
    return Statement("Stepping in.", text, cites)


def _record(e: Evidence) -> Statement:
    p = e.population
    root = {
        "same": "and their root is the one signed",
        "differs": "and their root is not the one signed",
        "not done": "and their root was not computed again",
    }[e.head.recomputed]
    text = (
        f"{p.present:,} of {e.head.size:,} entries under the head were read, {root}. "
        f"{p.with_outcome.k:,} of {p.allowed.n:,} allowed actions have an outcome."
    )
    if e.header.made_at < e.header.period.end:
        text += f" The period had not ended when this was made, {e.header.made_at:%Y-%m-%d %H:%M}."
    last = e.head.size - 1 if p.present else None
    cite = Cite(("any",), (), p.present, 0 if p.present else None, last)
    return Statement("The record.", text, (cite, p.with_outcome.cite))


def _control(row: DutyRow) -> Statement:
    text = f"Not evidenced: {row.shows}." if row.n else "Not evidenced: nothing is recorded."
    return Statement(f"{row.duty}.", text, row.cites)


def _exception(kind: str, rows: list[ExceptionRow]) -> Statement:
    n = sum(row.cite.count for row in rows)
    named = sorted({row.agent for row in rows if row.agent})
    who = f" ({', '.join(named[:3])}{' and others' if len(named) > 3 else ''})" if named else ""
    causes = sorted({row.cause for row in rows if row.cause})
    why = f": {', '.join(causes[:3])}{' and others' if len(causes) > 3 else ''}" if causes else ""
    text = f"{plural(n, 'entry', 'entries')}{who}{why}."
    return Statement(f"{KINDS[kind].capitalize()}.", text, tuple(row.cite for row in rows))


def _weak(e: Evidence) -> list[Statement]:
    found = []
    fast = e.oversight.too_fast
    if fast.k:
        text = f"{fast.k:,} of {fast.n:,} grants, {percent(fast.low)} to {percent(fast.high)}."
        found.append(Statement("Granted faster than the text can be read.", text, (fast.cite,)))
    untimed = e.oversight.shown_first.k - fast.n
    spread = e.oversight.to_decide
    if untimed and spread and spread.median < QUICK:
        text = (
            f"{untimed:,} of {e.oversight.shown_first.n:,} grants under rules without a reading "
            f"time; half of all answers came within {spread.median:g} s of being shown."
        )
        found.append(Statement("Granted within seconds.", text, (spread.cite,)))
    missing = e.population.without_outcome
    if missing.n:
        text = f"{missing.n:,} of {e.population.allowed.n:,} allowed actions."
        found.append(Statement("Nobody reported what came of it.", text, (missing.cite,)))
    observed = e.decisions.observed
    if observed.n:
        text = f"{observed.n:,} decisions could not have stopped anything."
        found.append(Statement("Rules in observe mode.", text, (observed.cite,)))
    return found
