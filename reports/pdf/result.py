"""The page for a board, and the tables of controls and duties."""

from __future__ import annotations

from collections.abc import Sequence

from reportlab.platypus import Flowable, Paragraph

from reports.articles import DISPUTED
from reports.evidence import STATUSES, DutyRow, Evidence, Head, Statement
from reports.outside import Outside
from reports.pdf.figures import qr, status_mark
from reports.pdf.paper import Paper
from reports.pdf.style import (
    BLUE,
    BOLD,
    BOTTOM,
    CELL,
    CONTENT,
    GREY1,
    GREY3,
    GREY7,
    HEAD,
    HEAD_RIGHT,
    HEIGHT,
    INK,
    LEAD,
    LEFT,
    MONO,
    RIGHT,
    RUST,
    RUST3,
    SANS,
    SMALL,
    WIDTH,
    safe,
)
from reports.pdf.tags import Element, scope
from reports.pdf.words import cites, day, number, short, span, stamp
from reports.words import plural

GROUPS = {
    "not evidenced": ("Not evidenced", "nothing recorded shows it"),
    "partly": ("Partly", "with what is lacking"),
    "evidenced": ("Evidenced", "whole period covered, recent, control seen working"),
    "not applicable": ("Not applicable", "with the reason"),
    "not yet in force": ("Not yet in force", "recorded already, not judged"),
}
ANCHORS = {
    "2": "scope",
    "3": "population",
    "4": "decisions",
    "5": "oversight",
    "6": "acts",
    "7": "exceptions",
    "8": "duties",
}
_WIDTHS = (136.0, 82.0, 60.0, 50.0, 145.28, 26.0)


def cover(paper: Paper, evidence: Evidence) -> None:
    """The first page: what this is, what the log shows, what needs attention, the controls."""
    paper.start_page()
    _title(paper, evidence)
    _facts(paper, evidence)
    paper.y -= 5
    _lead(paper, "What the log shows.", evidence.shows)
    if evidence.attention:
        paper.y -= 4
        _needs(paper, evidence)
    else:
        paper.y -= 2
        paper.text("<b>No matter that needs attention is named by the log.</b>", LEAD)
    paper.y -= 8
    result_table(paper, evidence.controls, evidence)
    paper.y -= 4
    paper.text(
        "<i>Not evidenced</i> means that nothing recorded shows it, not that it failed. <i>Last on"
        "</i>: the control last seen working. There is no score: the rows do not add up. Duties in "
        f"law: section 8, {paper.see('duties')}. What this report does not show: section 9, "
        f"{paper.see('limits')}.",
        SMALL,
    )


def duties(paper: Paper, evidence: Evidence) -> None:
    """Every duty of the catalogue with its source, date and status."""
    paper.heading("Duties in law", "duties", "8")
    paper.text(
        f"Dates and articles as of {evidence.header.catalogue_as_of}, judged on "
        f"{day(evidence.header.made_at)}. AI Act: Regulation (EU) 2024/1689 as changed by Regulation "
        "(EU) 2026/1744, which moved Chapter III Sections 1 to 3 to 2027-12-02 for Annex III "
        "systems (2028-08-02 for Annex I products). GDPR: Regulation (EU) 2016/679. The words are "
        "this report's own. A duty attached to high-risk systems is judged by the class the "
        f"organisation recorded for each agent. Articles {', '.join(DISPUTED)}: date disputed, "
        "see section 9."
    )
    paper.y -= 8
    result_table(paper, evidence.duties, evidence)


def result_table(paper: Paper, rows: Sequence[DutyRow], evidence: Evidence) -> None:
    """Duties grouped by status, what needs a person first; each with its entries."""
    table = paper.canvas.root.add("Table")
    _heads(paper, table)
    body = table.add("TBody")
    for status in STATUSES:
        group = [row for row in rows if row.status == status]
        if group:
            _group(paper, body, status, len(group))
            for row in group:
                _row(paper, body, row)


def _title(paper: Paper, e: Evidence) -> None:
    right = WIDTH - RIGHT
    root, canvas = paper.canvas.root, paper.canvas
    with canvas.tagged(root.add("P")):
        paper.label(LEFT, HEIGHT - 46, e.header.workspace, 9.6, SANS, GREY7, "l", 300)
        paper.label(right, HEIGHT - 46, f"Report {e.header.id}", 9.6, SANS, GREY7, "r", 190)
    with canvas.tagged(root.add("H1")):
        paper.label(LEFT, HEIGHT - 76, "Oversight report", 27, BOLD)
    with canvas.tagged(root.add("P")):
        label = f"AI agents, {e.header.period.label}"
        paper.label(LEFT + 216, HEIGHT - 76, label, 15, SANS, GREY7, "l", CONTENT - 216)
    with canvas.artifact():
        paper.rule(LEFT, HEIGHT - 88, CONTENT, INK, 1.2)
    paper.y = HEIGHT - 94
    canvas.bookmarkPage("cover")
    canvas.addOutlineEntry("1  Result", "cover", 0)
    paper.anchors["cover"] = 1


def _facts(paper: Paper, e: Evidence) -> None:
    h, head, p = e.header, e.head, e.population
    agents = f"agent {short(h.agent)} only" if h.agent else plural(len(e.agents), "agent")
    first, last = p.entries.cite.first, p.entries.cite.last
    place = (
        f", #{number(first)} to #{number(last)}" if first is not None and last is not None else ""
    )
    root = {
        "same": "computed again from the entries: the same",
        "differs": '<font color="#A8480C"><b>computed again from the entries: NOT the same</b></font>',
        "not done": '<font color="#A8480C"><b>not computed again</b></font>',
    }[head.recomputed]
    facts = (
        ("Scope", f"{agents}; every action submitted before acting"),
        ("Period", span(h.period)),
        ("Made", f"{stamp(h.made_at)} UTC, service version {safe(h.software or 'not given')}"),
        (
            "Population",
            f"{plural(e.decisions.total.n, 'decision')} in "
            f"{plural(p.entries.n, 'log entry', 'log entries')}{place}",
        ),
        (
            "Log head",
            f"{safe(head.origin)}, size {number(head.size)}, root "
            f'<font name="{MONO}" size="7.2">{safe(head.root)}</font>, {root}',
        ),
        ("Keys", _keys(head)),
        ("Witnesses", _witnesses(head)),
        ("Anchors", _anchors(head.outside)),
    )
    top, size, name = paper.y, 98.0, 62.0
    y = top
    for key, value in facts:
        paper.put(key, LEFT, y - 1, name, HEAD)
        y = paper.put(value, LEFT + name, y, CONTENT - name - size - 14, CELL) - 3
    content = "\n".join(head.checkpoint.split("\n")[:3])
    place_x, place_y = WIDTH - RIGHT - size, top - 3 - size
    alt = "QR code of the checkpoint: " + content.replace("\n", ", ")
    with paper.figure(alt, place_x, top - 3, size, size):
        qr(paper, content, place_x, place_y, size)
    paper.y = min(y, place_y) - 4
    with paper.canvas.artifact():
        paper.rule(LEFT, paper.y, CONTENT)


def _keys(head: Head) -> str:
    """The log's keys in force, to be compared with those that somebody was given elsewhere."""
    if not head.keys:
        return '<font color="#A8480C"><b>no key of the log signed this head</b></font>'
    ids = ", ".join(safe(key, MONO) for key in head.keys)
    return f"signed under {ids}: compare with the verifier keys you were given otherwise"


def _witnesses(head: Head) -> str:
    if head.witnesses:
        names = ", ".join(short(name, 50) for name in head.witnesses[:4])
        return f"{names}; their signatures are printed in section 10, not verified here"
    return "none signed this head: times are the operator's claim"


def _anchors(outside: Outside) -> str:
    """Who outside confirmed which head, or that nobody did."""
    said = [
        f"{safe(each.name)} ({safe(each.kind)}{'' if each.apart else ', on the same disk'}): "
        f"the first {number(each.size)} entries, {stamp(each.at)} UTC"
        for each in outside.anchors
        if each.size is not None
    ]
    if outside.contradicted:
        names = ", ".join(safe(name) for name in outside.contradicted)
        said.insert(0, f"<b>{names} showed another log under this name; not settled</b>")
    if outside.unanchored:
        said.insert(0, "<b>unanchored</b>: no outside anchor confirms the newest entries")
    return "; ".join(said[:5])


def _lead(paper: Paper, title: str, statements: Sequence[Statement]) -> None:
    texts = " ".join(safe(s.text) for s in statements)
    paper.text(f"<b>{title}</b> {texts}", LEAD)


def _needs(paper: Paper, e: Evidence) -> None:
    paper.text(
        f"<b>{plural(len(e.attention), 'matter needs', 'matters need')} attention.</b>", LEAD
    )
    for statement in e.attention:
        title, text = safe(statement.title), safe(statement.text)
        paper.text(
            f'<font color="#A8480C"><b>·</b></font> <b>{title}</b> {text} '
            f'<font size="8.2" color="#46525E">{cites(statement.cites, 1, brief=True)}</font>',
            CELL,
        )


def _heads(paper: Paper, table: Element | None) -> None:
    words = (
        "Requirement and its source",
        "Status",
        "k of n",
        "last on",
        "What the log shows",
        "see",
    )
    paper.need(70)
    cells: list[Flowable] = [Paragraph(w, HEAD_RIGHT if w == "see" else HEAD) for w in words]
    with paper.canvas.artifact():
        paper.rule(LEFT, paper.y, CONTENT, INK, 0.8)
        paper.rule(LEFT, paper.y - 14, CONTENT, GREY7, 0.5)
    row = table.add("THead").add("TR") if table is not None else None
    x = LEFT
    for i, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True)):
        _, height = cell.wrap(width - (0 if i == 5 else 3), 100)
        place = (paper.canvas, x + (3 if i and i < 5 else 0), paper.y - 2.5 - height)
        if row is None:
            with paper.canvas.artifact("Pagination"):
                cell.drawOn(*place)
        else:
            with paper.canvas.tagged(row.add("TH", A=scope("Column"))):
                cell.drawOn(*place)
        x += width
    paper.y -= 14


def _group(paper: Paper, table: Element, status: str, n: int) -> None:
    if paper.y - 52 < BOTTOM:
        paper.start_page()
        _heads(paper, None)
    name, note = GROUPS[status]
    bad = status in ("partly", "not evidenced")
    ink = RUST if bad else BLUE if status == "evidenced" else GREY7
    paper.y -= 3
    with paper.canvas.artifact():
        paper.box(LEFT, paper.y - 12.4, CONTENT, 12.4, RUST3 if bad else GREY1)
    with paper.canvas.tagged(table.add("TR").add("TH", A=scope("Row", len(_WIDTHS)))):
        paper.label(LEFT + 4, paper.y - 9.1, f"{name}: {number(n)}", 9, BOLD, ink)
        paper.label(LEFT + 118, paper.y - 9.1, note, 8, SANS, GREY7)
    paper.y -= 12.4


def _row(paper: Paper, table: Element, row: DutyRow) -> None:
    date = "" if row.applies_from == "the first entry" else f", from {row.applies_from}"
    who = "" if row.source.startswith("control") else f", {row.who}"
    what = safe(row.duty) + _grey(f"{safe(row.source)}{date}{who}")
    ink = {"evidenced": "#1D4B77", "partly": "#A8480C", "not evidenced": "#A8480C"}
    word = f'<font name="{BOLD}" color="{ink.get(row.status, "#46525E")}">{row.status.capitalize()}</font>'
    counted = f"{number(row.k)} of {number(row.n)}{_grey(safe(row.unit))}" if row.n else ""
    shown = safe(row.shows)
    lacks = [safe(t) for t in row.lacks if not t.startswith(f"{row.k:,} of {row.n:,}")]
    if row.status in ("partly", "not yet in force") and lacks and row.n:
        shown += _grey(f"Lacking: {'; '.join(lacks)}")
    if row.cites:
        shown += _grey(cites(row.cites, 1, brief=True))
    last = day(row.last) if row.n else ""
    see = paper.see(ANCHORS[row.section]) if row.section != "8" else ""
    texts = (what, word, counted, last, shown, f'<para alignment="right">{see}</para>')
    _set(paper, table, texts, row.status)


def _grey(markup: str) -> str:
    """A second line in small grey type."""
    return f'<br/><font size="7.6" color="#46525E">{markup}</font>'


def _set(paper: Paper, table: Element, texts: Sequence[str], status: str) -> None:
    widths = (_WIDTHS[0] - 6, _WIDTHS[1] - 14, *(w - 4 for w in _WIDTHS[2:5]), _WIDTHS[5])
    cells = [Paragraph(t, CELL) for t in texts]
    heights = [c.wrap(w, 10_000)[1] for c, w in zip(cells, widths, strict=True)]
    height = max(heights) + 4
    if paper.y - height < BOTTOM:
        paper.start_page()
        _heads(paper, None)
    line, x = table.add("TR"), LEFT
    with paper.canvas.artifact():
        status_mark(paper, LEFT + _WIDTHS[0] + 3, paper.y - 10.3, status)
    for i, (cell, cell_height) in enumerate(zip(cells, heights, strict=True)):
        shift = 0 if i in (0, 5) else 14 if i == 1 else 3
        with paper.canvas.tagged(line.add("TD")):
            cell.drawOn(paper.canvas, x + shift, paper.y - 2 - cell_height)
        x += _WIDTHS[i]
    paper.y -= height
    with paper.canvas.artifact():
        paper.rule(LEFT, paper.y, CONTENT, GREY3, 0.35)
