"""Sections 2 to 5: who is governed, whether anything is missing, what was decided, who looked."""

from __future__ import annotations

from collections.abc import Iterator

from reports.counts import Rate, Spread
from reports.evidence import AgentRow, Evidence, Verdicts
from reports.pdf.figures import coverage, over_time, time_to_decide
from reports.pdf.paper import Columns, Paper
from reports.pdf.style import BODY, CONTENT, SMALL, safe
from reports.pdf.words import (
    People,
    cited,
    cites,
    day,
    duration,
    ends,
    interval,
    number,
    rate,
    short,
    span,
    stamp,
)
from reports.words import plural


def scope(paper: Paper, e: Evidence) -> None:
    """Section 2: agents, people, releases."""
    people = People(e)
    paper.heading("Who and what is governed", "scope", "2")
    paper.text(
        "As the log has it at the end of the period. Class and purpose are what the organisation "
        "recorded for the agent, not a finding of this report."
    )
    widths: tuple[float, ...] = (126.0, 56.0, 72.0, 70.0, 32.0, 50.0, 46.0)
    columns = Columns(
        (*widths, CONTENT - sum(widths)),
        ("Agent", "Team", "Owner", "AI Act class", "Level", "State", "Decisions", "Brief of"),
        frozenset({6}),
        frozenset({0}),
    )
    paper.table(
        "Agents", columns, (_agent(a, people) for a in e.agents) if e.agents else [_none(8)]
    )
    acted = sum(a.decisions > 0 for a in e.agents)
    rests = cites([a.cite for a in e.agents], 3) or "no entry of agent.proposed"
    paper.rests(f"{plural(len(e.agents), 'agent')}, {acted} of which acted; {rests}")
    widths = (52.0, 84.0, 130.0, 90.0, 90.0)
    columns = Columns(
        (*widths, CONTENT - sum(widths)),
        ("Entry", "When (UTC)", "Release", "Proposed by", "Signed by", "Alone"),
        frozenset(),
        frozenset({0}),
    )
    rows = (
        (
            f"#{number(r.index)}",
            stamp(r.at),
            safe(f"{r.release[:16]}…"),
            people(r.proposed_by),
            people(r.signed_by),
            "<b>yes</b>" if r.alone else "proved not looser" if r.proved else "no",
        )
        for r in e.releases
    )
    paper.table("Policy releases of the period", columns, rows if e.releases else [_none(6)])
    roles = ", ".join(f"{safe(c.cite.where[0][1])} {number(c.n)}" for c in e.roles) or "none"
    paper.text(
        f"People by role at the end of the period (one person may hold several): {roles}.", SMALL
    )
    if people.legend():
        paper.text(f"Names opened for this report: {people.legend()}.", SMALL)
    paper.rests(cites([c.cite for c in e.roles], 3) or "no entry of person.added")


def _agent(a: AgentRow, people: People) -> tuple[str, ...]:
    annex = f", {short(a.annex, 20)}" if a.annex else ""
    state = safe(a.state) + (
        "" if a.confirmed or a.state == "draft" else ", <b>not confirmed by two</b>"
    )
    return (
        short(a.agent, 60),
        short(a.team, 30),
        people(a.owner) if a.owner else "<b>none</b>",
        safe(a.ai_act_class.replace("_", " ")) + annex,
        safe(a.autonomy),
        state,
        number(a.decisions),
        day(a.brief_as_of) if a.brief_as_of else "none",
    )


def _none(columns: int) -> tuple[str, ...]:
    return ("<i>none</i>", *[""] * (columns - 1))


def population(paper: Paper, e: Evidence) -> None:
    """Section 3: coverage, disclosed irregularities, what came of what was allowed."""
    p = e.population
    paper.heading("Population and completeness", "population", "3")
    paper.text(
        f"Everything is counted from the {plural(p.entries.n, 'entry', 'entries')} written "
        f"{span(e.header.period)}. {number(p.before)} earlier and {number(p.after)} later entries "
        "are read for what they say about these. Before any rate: is anything missing?"
    )
    paper.y -= 8
    coverage(paper, e)
    paper.rests(f"the checkpoint of size {number(e.head.size)}; {cited(p.entries.cite)}")
    _reconciled(paper, e)
    if p.gaps:
        columns = Columns(
            (60.0, 90.0, 110.0, CONTENT - 260),
            ("Entry", "When (UTC)", "Kind", "What the service disclosed"),
            frozenset(),
            frozenset({0}),
        )
        rows = (
            (f"#{number(g.index)}", stamp(g.at), safe(g.kind), short(g.says, 160)) for g in p.gaps
        )
        paper.table("Starts and irregularities the service disclosed", columns, rows)
        paper.y -= 8
    columns = Columns(
        (160.0, 80.0, 110.0, CONTENT - 350),
        ("Kind of entry", "In the period", "First", "Last"),
        frozenset({1, 2, 3}),
        frozenset({0}),
    )
    kinds = (
        (
            safe(c.cite.kinds[0]),
            number(c.n),
            f"#{number(c.cite.first or 0)}",
            f"#{number(c.cite.last or 0)}",
        )
        for c in p.kinds
    )
    paper.table("Every kind of entry", columns, kinds if p.kinds else [_none(4)])


def _reconciled(paper: Paper, e: Evidence) -> None:
    p = e.population
    widths = (150.0, 62.0, 56.0, 76.0, 76.0)
    columns = Columns(
        (*widths, CONTENT - sum(widths)),
        ("Agent", "Decisions", "Allowed", "Outcome known", "of these attested", "No outcome known"),
        frozenset({1, 2, 3, 4, 5}),
        frozenset({0}),
    )

    def rows() -> Iterator[tuple[str, ...]]:
        for a in e.agents:
            figures = (a.decisions, a.allowed, a.outcomes, a.attested)
            missing = f"<b>{number(a.missing)}</b>" if a.missing else "0"
            yield (short(a.agent, 60), *(number(f) for f in figures), missing)
        totals = (
            e.decisions.total.n,
            p.allowed.n,
            p.with_outcome.k,
            sum(a.attested for a in e.agents),
            p.without_outcome.n,
        )
        yield ("All", *(f"<b>{number(t)}</b>" for t in totals))

    paper.table("What was allowed, and what came of it", columns, rows())
    r, a = p.with_outcome, p.attested
    paper.text(
        f"Allowed actions with a known outcome: {rate(r)} ({interval(r)}). Outcomes of the period "
        f"attested by a gateway or person rather than by the agent itself: {rate(a)} "
        f"({interval(a)}). Outcomes that rest on no allowed decision: "
        f"{number(p.outcomes_without_allow.n)}. Permits redeemed: {number(p.redeemed.n)}.",
        SMALL,
    )
    paper.rests(cites([r.cite, p.without_outcome.cite, p.outcomes.cite, p.redeemed.cite], 4))


def decisions(paper: Paper, e: Evidence) -> None:
    """Section 4: decisions by time, level and risk, agent, action and rule."""
    d = e.decisions
    paper.heading("Decisions", "decisions", "4")
    paper.text(
        f"{plural(d.total.n, 'decision')}: {number(d.allow.n)} allowed, "
        f"{number(d.require_approval.n)} approval required, {number(d.deny.n)} denied. "
        f"{number(d.observed.n)} were taken in observe mode and could stop nothing."
    )
    paper.y -= 8
    over_time(paper, e)
    paper.rests(f"{cited(d.total.cite)}; time, level and risk as written in each of them")
    _verdicts(paper, "Decisions by agent", "Agent", d.agents)
    _verdicts(paper, "Decisions by action", "Action", d.actions)
    widths = (82.0, 56.0, 192.0, 48.0, 46.0)
    columns = Columns(
        (*widths, CONTENT - sum(widths)),
        ("Policy", "Rule", "Title", "Findings", "Decided", "Rests on decision entries"),
        frozenset({3, 4, 5}),
        frozenset({1}),
    )
    rows = (
        (
            short(r.policy, 44),
            short(r.rule, 30),
            short(r.title, 200) + (f" ({safe(r.mode)})" if r.mode not in ("", "enforce") else ""),
            number(r.found),
            number(r.decided),
            ends(r.cite.first or 0, r.cite.last or 0),
        )
        for r in d.rules
    )
    paper.table("Rules that had a finding", columns, rows if d.rules else [_none(6)])
    if d.never_fired is None:
        paper.text("Rules that never had a finding: not known to this report.", SMALL)
    else:
        names = ", ".join(short(n, 80) for n in d.never_fired[:80]) or "none"
        more = f" and {len(d.never_fired) - 80:,} more" if len(d.never_fired) > 80 else ""
        paper.text(f"Rules in force that never had a finding: {names}{more}.", SMALL)
    paper.y -= 9


def _verdicts(paper: Paper, title: str, head: str, groups: tuple[Verdicts, ...]) -> None:
    widths = (170.0, 56.0, 52.0, 74.0, 52.0)
    columns = Columns(
        (*widths, CONTENT - sum(widths)),
        (head, "Decisions", "Allowed", "Appr. required", "Denied", "Rests on decision entries"),
        frozenset({1, 2, 3, 4, 5}),
        frozenset({0}),
    )
    rows = (
        (
            short(v.key[0], 70),
            number(v.total),
            number(v.allow),
            number(v.require_approval),
            number(v.deny),
            ends(v.cite.first or 0, v.cite.last or 0),
        )
        for v in groups
    )
    paper.table(title, columns, rows if groups else [_none(6)])
    paper.y -= 6


def oversight(paper: Paper, e: Evidence) -> None:
    """Section 5: what people were asked, and whether they looked."""
    o = e.oversight
    paper.heading("Human oversight", "oversight", "5")
    paper.text(
        f"{plural(o.asked.n, 'request')} for approval in the period, answered by "
        f"{plural(o.people.n, 'person', 'people')}. No answer in time is a no. "
        "Figures of single people are not shown: they would be employee monitoring.",
        BODY,
    )
    columns = Columns(
        (186.0, 72.0, 106.0, CONTENT - 364),
        ("", "k of n", "share, 95% interval", "Rests on"),
        frozenset({1, 2}),
        frozenset({0}),
    )
    paper.table("Requests for approval and their answers", columns, _rates(e))
    paper.y -= 6
    _times(paper, "From first shown to answered", o.to_decide)
    _times(paper, "From asked to settled, granted or refused", o.waited)
    paper.y -= 8
    time_to_decide(paper, o)
    if o.to_decide is not None:
        paper.rests(cites([o.to_decide.cite, o.too_fast.cite], 2))
    _reviews(paper, e)


def _reviews(paper: Paper, e: Evidence) -> None:
    """What people said of decisions afterwards; that nobody did is said, too."""
    r = e.reviews
    columns = Columns(
        (286.0, 72.0, CONTENT - 358), ("", "", "Rests on"), frozenset({1}), frozenset({0})
    )
    rows = (
        ("Reviews given, of each person the newest of a decision", r.given),
        ("the rules were right", r.right),
        ("too strict", r.too_strict),
        ("too loose", r.too_loose),
        ("Earlier reviews that these replaced", r.replaced),
        ("Decisions reviewed", r.decisions),
        ("of which people said different things", r.disputed),
        ("Decisions drawn for review", r.drawn),
        ("of which somebody had reviewed by the head", r.looked_at),
    )
    lines = (
        (name, number(c.n) if c.n else "none", cited(c.cite) if c.n else "") for name, c in rows
    )
    paper.table("Reviews of past decisions", columns, lines)
    paper.text(
        "Counts, not rates: people chose some of what they reviewed, and a sample takes as much from "
        "rare agents and verdicts as from frequent ones.",
        SMALL,
    )


def _rates(e: Evidence) -> Iterator[tuple[str, ...]]:
    o = e.oversight
    yield ("Asked", number(o.asked.n), "", cited(o.asked.cite))
    listed: tuple[tuple[str, Rate], ...] = (
        ("granted", o.granted),
        ("refused", o.refused),
        ("expired, which is a no", o.expired),
        ("cancelled", o.cancelled),
    )
    for name, r in listed:
        yield (name, rate(r), interval(r), cited(r.cite))
    yield ("still open at the head", number(o.open.n), "", cited(o.open.cite))
    more: tuple[tuple[str, Rate], ...] = (
        ("Grants after the request was shown to that person", o.shown_first),
        ("Grants faster than the reading time of the rule", o.too_fast),
        ("Approvals used that had their quorum", o.quorum),
    )
    for name, r in more:
        yield (name, rate(r), interval(r), cited(r.cite))


def _times(paper: Paper, title: str, s: Spread | None) -> None:
    if s is None:
        paper.text(f"<b>{title}:</b> nothing recorded.")
        return
    least, p5, median, p95, most = (
        duration(each).replace(" ", "&nbsp;") for each in (s.least, s.p5, s.median, s.p95, s.most)
    )
    paper.text(
        f"<b>{title}:</b> {plural(s.n, 'time')}{' (n &lt; 30)' if s.n < 30 else ''}, shortest "
        f"{least}, 5% {p5}, median {median}, 95% {p95}, longest {most}."
    )
