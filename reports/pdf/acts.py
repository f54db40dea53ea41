"""Sections 6 and 7: what people did to decisions and agents, and every exception."""

from __future__ import annotations

from collections.abc import Iterator

from reports.counts import Cite
from reports.evidence import Act, Evidence, ExceptionRow, StopRow
from reports.pdf.paper import Columns, Paper
from reports.pdf.style import CONTENT, SMALL, safe
from reports.pdf.words import People, cites, number, short, stamp
from reports.tally.exceptions import KINDS
from reports.words import plural

MOST_RUNS = 600
"""Runs of indexes printed for one exception; the rest are in the attachment, and it is said."""

_RUNS_A_LINE = 60


def acts(paper: Paper, e: Evidence) -> None:
    """Section 6: overrides, disregards, reversals, stops, drills, erasures; all, none sampled."""
    people = People(e)
    paper.heading("Overrides, reversals, stops", "acts", "6")
    overrides = [a for a in e.acts if a.kind == "override.granted"]
    others = [a for a in e.acts if a.kind != "override.granted"]
    drills = sum(s.drill for s in e.stops)
    paper.text(
        f"All of them, none sampled: {plural(len(overrides), 'override')}, "
        f"{plural(len(others), 'reversal or disregard', 'reversals and disregards')}, "
        f"{plural(len(e.stops) - drills, 'stop')}, {plural(drills, 'drill')}, "
        f"{plural(len(e.erasures), 'erasure')}."
    )
    _overrides(paper, overrides, people)
    _others(paper, others, people)
    _stops(paper, e, people)
    _erasures(paper, e)


def _overrides(paper: Paper, rows: list[Act], people: People) -> None:
    widths = (44.0, 78.0, 62.0, 44.0, 98.0, 76.0)
    columns = Columns(
        (*widths, CONTENT - sum(widths)),
        (
            "Entry",
            "When (UTC)",
            "Agent",
            "Decision",
            "Rule lifted",
            "By",
            "Reason, what came of it",
        ),
        frozenset(),
        frozenset({0}),
    )
    lines = (
        (
            f"#{number(a.index)}",
            stamp(a.at),
            short(a.agent, 40),
            f"#{number(a.decision)}",
            ", ".join(short(t, 40) for t in a.lifts[:4])
            + (f" and {len(a.lifts) - 4} more" if len(a.lifts) > 4 else ""),
            ", ".join(people(p) for p in a.by) + (" <b>alone</b>" if a.alone else ""),
            f"{_reason(a.reason)} {safe(a.came_of_it.capitalize())}.",
        )
        for a in rows
    )
    title = "Overrides: a denial lifted for one action, once"
    paper.table(title, columns, lines if rows else [_none(7)])
    paper.rests(cites([a.cite for a in rows], 4) or "no entry of override.granted")


def _others(paper: Paper, rows: list[Act], people: People) -> None:
    widths = (44.0, 78.0, 66.0, 100.0, 44.0, 76.0)
    columns = Columns(
        (*widths, CONTENT - sum(widths)),
        ("Entry", "When (UTC)", "Act", "Agent", "Decision", "By", "Reason, result"),
        frozenset(),
        frozenset({0}),
    )
    lines = (
        (
            f"#{number(a.index)}",
            stamp(a.at),
            safe(a.kind.partition(".")[2]),
            short(a.agent, 48),
            f"#{number(a.decision)}",
            ", ".join(people(p) for p in a.by),
            f"{_reason(a.reason)} {safe(a.came_of_it.capitalize())}.",
        )
        for a in rows
    )
    paper.table("Reversals and disregards", columns, lines if rows else [_none(7)])
    paper.rests(
        cites([a.cite for a in rows], 4) or "no entry of decision.reversed or decision.disregarded"
    )


def _stops(paper: Paper, e: Evidence, people: People) -> None:
    widths = (44.0, 78.0, 34.0, 96.0, 62.0, 46.0, 50.0)
    columns = Columns(
        (*widths, CONTENT - sum(widths)),
        (
            "Entry",
            "Raised (UTC)",
            "",
            "Scope",
            "By",
            "Refused",
            "Passed after",
            "Trigger to last, lifted",
        ),
        frozenset({5, 6}),
        frozenset({0}),
    )
    lines = (_stop(s, people) for s in e.stops)
    paper.table("Stops and drills", columns, lines if e.stops else [_none(8)])
    paper.text(
        "<i>Passed after</i>: allowed or redeemed within the scope between the stop and its lifting; "
        "counted again here from the entries. <i>Trigger to last</i>: measured by the drill.",
        SMALL,
    )
    paper.rests(cites([s.cite for s in e.stops], 4) or "no entry of stop.raised")


def _stop(s: StopRow, people: People) -> tuple[str, ...]:
    parts = []
    if s.seconds is not None:
        last = f", last allowed #{number(s.last_allowed)}" if s.last_allowed is not None else ""
        parts.append(f"{safe(s.seconds)} s{last}")
    if s.lifted is not None:
        parts.append(f"lifted #{number(s.lifted)}, {stamp(s.lifted_at)}, {people(s.lifted_by)}")
    else:
        parts.append("<b>in force</b>")
    return (
        f"#{number(s.index)}",
        stamp(s.at),
        "drill" if s.drill else "<b>stop</b>",
        short(s.scope, 48),
        people(s.by),
        number(s.refused),
        f"<b>{number(s.passed.n)}</b>" if s.passed.n else "0",
        "; ".join(parts),
    )


def _erasures(paper: Paper, e: Evidence) -> None:
    columns = Columns(
        (52.0, 86.0, 150.0, 86.0, 44.0, CONTENT - 418),
        ("Entry", "When (UTC)", "Subject (pseudonym)", "Ground", "Values", "Copies until"),
        frozenset({4}),
        frozenset({0}),
    )
    rows = (
        (
            f"#{number(r.index)}",
            stamp(r.at),
            safe(r.subject),
            short(r.ground, 40),
            number(r.values),
            stamp(r.copies_until) if r.copies_until else "no copy",
        )
        for r in e.erasures
    )
    paper.table("Erasures", columns, rows if e.erasures else [_none(6)])
    paper.y -= 6


def exceptions(paper: Paper, e: Evidence) -> None:
    """Section 7: every exception, each of its entries named."""
    paper.heading("Exceptions", "exceptions", "7")
    total = sum(row.cite.count for row in e.exceptions)
    paper.text(
        f"{plural(total, 'entry', 'entries')} in {plural(len(e.exceptions), 'group')}. All are "
        "listed, none is sampled. An exception is what a person should know of; it need not be a "
        "fault."
    )
    paper.y -= 2
    for kind, meaning in KINDS.items():
        rows = [row for row in e.exceptions if row.kind == kind]
        if rows:
            n = sum(row.cite.count for row in rows)
            _exception_table(paper, f"{meaning.capitalize()}: {number(n)}", rows)
    unknown = {"trust-claim"} if e.decisions.never_fired is None else set()
    seen = {row.kind for row in e.exceptions} | unknown
    absent = [meaning for kind, meaning in KINDS.items() if kind not in seen]
    if absent:
        paper.y -= 8
        paper.text(f"<b>None recorded:</b> {safe('; '.join(absent))}.", SMALL)


def _exception_table(paper: Paper, title: str, rows: list[ExceptionRow]) -> None:
    """One kind of exception; a column that is empty in all its rows leaves its room to the entries."""
    empty = set()
    if not any(row.cause for row in rows):
        empty.add(1)
    if not any(row.first_at for row in rows):
        empty.add(3)
    kept = [place for place in range(5) if place not in empty]
    widths = [(104.0, 150.0, 44.0, 86.0, 0.0)[place] for place in kept]
    widths[-1] = CONTENT - sum(widths)
    columns = Columns(
        tuple(widths),
        tuple(("Agent", "Cause", "Entries", "First to last", "Which")[place] for place in kept),
        frozenset({kept.index(2)}),
        frozenset({0}),
    )
    cells = (tuple(row[place] for place in kept) for row in _exception_rows(rows))
    paper.table(title, columns, cells)


def _exception_rows(rows: list[ExceptionRow]) -> Iterator[tuple[str, ...]]:
    for row in rows:
        chunks = list(_chunks(row.cite))
        times = stamp(row.first_at)
        if row.last_at != row.first_at:
            times += f"<br/>{stamp(row.last_at)}"
        agent, cause = short(row.agent or "all", 60), short(row.cause or "", 300)
        yield (agent, cause, number(row.cite.count), times, chunks[0])
        for chunk in chunks[1:]:
            yield (f"{agent}, continued", "", "", "", chunk)


def _chunks(cite: Cite) -> Iterator[str]:
    """The runs of a citation, so many at a time that a row always fits a page."""
    kinds, shown = safe(" or ".join(cite.kinds)), cite.ranges[:MOST_RUNS]
    for start in range(0, len(shown), _RUNS_A_LINE):
        runs = shown[start : start + _RUNS_A_LINE]
        text = ", ".join(f"#{a:,}" if a == b else f"#{a:,}–{b:,}" for a, b in runs)
        yield f'<font size="7.9">{kinds + " " if not start else ""}{text}</font>'
    rest = cite.ranges[MOST_RUNS:]
    if rest:
        n = sum(b - a + 1 for a, b in rest)
        yield f"<i>and {n:,} more, named in the attached report.json under `exceptions`</i>"


def _reason(reason: str | None) -> str:
    return f"“{short(reason, 160)}”" if reason else "<i>Reason committed, not opened here.</i>"


def _none(columns: int) -> tuple[str, ...]:
    return ("<i>none</i>", *[""] * (columns - 1))
