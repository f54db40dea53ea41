"""Section 3, its last part: how long entries are kept, what is held, what was cut."""

from __future__ import annotations

from reports.evidence import CutRow, Evidence
from reports.pdf.paper import Columns, Paper
from reports.pdf.style import CONTENT, safe
from reports.pdf.words import People, number, short, stamp
from reports.words import plural


def kept(paper: Paper, e: Evidence) -> None:
    """Classes with their times, legal holds in force in the period, and its cuts."""
    k = e.kept
    paper.text(_rules(e))
    columns = Columns(
        (160.0, CONTENT - 160), ("Retention class", "Kept for"), frozenset(), frozenset({0})
    )
    rows = [(safe(name), plural(days, "day")) for name, days in k.classes]
    rows.append(("every other class" if rows else "every class", "ever"))
    paper.table("How long entries are kept", columns, rows)
    paper.y -= 6
    columns = Columns(
        (60.0, 90.0, 200.0, CONTENT - 350),
        ("Entry", "Since (UTC)", "Legal hold on", "Lifted"),
        frozenset(),
        frozenset({0}),
    )
    holds = [
        (
            f"#{number(h.index)}",
            stamp(h.at),
            short(h.scope, 80),
            "<b>in force</b>" if h.lifted is None else f"#{number(h.lifted)}, {stamp(h.lifted_at)}",
        )
        for h in k.holds
    ]
    paper.table("Legal holds", columns, holds or [("<i>none</i>", "", "", "")])
    paper.y -= 6
    widths = (52.0, 86.0, 70.0, 110.0, 90.0)
    columns = Columns(
        (*widths, CONTENT - sum(widths)),
        ("Entry", "When (UTC)", "Kept from", "What went", "Decided by", "Bytes gone; copies until"),
        frozenset(),
        frozenset({0}),
    )
    people = People(e)
    cuts = [_cut(cut, people) for cut in k.cuts]
    paper.table("Cuts", columns, cuts or [("<i>none</i>", "", "", "", "", "")])
    if k.cuts:
        paper.rests("; ".join(f"#{number(c.index)}" for c in k.cuts))


def _rules(e: Evidence) -> str:
    k = e.kept
    said = (
        f"The floor is six months ({k.floor_days} days; AI Act, Articles 19 and 26(6)); the law of a "
        "sector may ask for longer. "
    )
    if k.duty is not None:
        said += f"Recorded as such: {safe(k.duty)}, {plural(k.duty_days or 0, 'day')}. "
    if k.rules is None:
        said += "Nobody has set a time, so nothing is given up. "
    else:
        said += f"The times below were set by entry #{number(k.rules)}. "
        said += "A daily job cuts by them. " if k.schedule else "Each cut takes two people. "
    if k.minimum and k.pruned_until is not None:
        said += (
            f"<b>Entries before #{number(k.minimum)}, the last of {stamp(k.pruned_until)}, were "
            "pruned and are not counted in this report.</b>"
        )
    return said.strip()


def _cut(cut: CutRow, people: People) -> tuple[str, ...]:
    went = ", ".join(f"{number(n)} {safe(name)}" for name, n in cut.counts)
    gone = "<b>not yet recorded</b>"
    if cut.overwritten is not None:
        gone = f"#{number(cut.overwritten)}, {stamp(cut.overwritten_at)}; "
        gone += stamp(cut.copies_until) if cut.copies_until else "no copy"
    return (
        f"#{number(cut.index)}",
        stamp(cut.at),
        f"#{number(cut.minimum)}",
        went,
        ", ".join(people(person) for person in cut.people),
        gone,
    )
