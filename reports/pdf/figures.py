"""The figures: each has a finding as its head, a table's worth of words for those who cannot see,
and the entries it rests on below.

The law: no area without a scale, no colour without a shape or word, no rate without its n. Limits
are drawn and named; nothing is smoothed, stacked or tilted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from reportlab.graphics.barcode.qr import QrCodeWidget

from reports.evidence import Evidence, Oversight, Population, Verdicts
from reports.pdf.paper import Paper
from reports.pdf.style import (
    BLUE,
    BLUE2,
    BLUE3,
    BLUE25,
    BOLD,
    CONTENT,
    GREY3,
    GREY5,
    GREY7,
    GUTTER,
    HALF,
    INK,
    ITALIC,
    LEFT,
    RUST,
    SANS,
    WHITE,
)
from reports.pdf.words import agrees, duration, number, span, step
from reports.words import plural

LEVELS = ("L5", "L4", "L3", "L2", "L1", "L0")
RISKS = ("low", "medium", "high", "critical")


def coverage(paper: Paper, evidence: Evidence) -> None:
    """The sequence of indexes over the period, and every irregularity the service disclosed."""
    p, period = evidence.population, evidence.header.period
    finding = _coverage_finding(p, evidence.head.size)
    gaps = [g for g in p.gaps if g.kind != "service.started"]
    detail = (
        f"{number(p.present)} of {number(evidence.head.size)} indexes of the log present, "
        f"{f'{number(evidence.kept.minimum)} pruned, ' if evidence.kept.minimum else ''}"
        f"{number(p.repeated)} repeated; {number(p.entries.n)} of them lie in the period. "
        f"{plural(len(gaps), 'disclosed irregularity', 'disclosed irregularities')}."
    )
    paper.need(120)
    y = paper.figure_head(finding, detail)
    height, bar = 46.0, 15.0
    alt = f"A bar over the period {span(period)}. {finding} {detail}"
    with paper.figure(alt, LEFT, y, CONTENT, height):
        base = y - 12 - bar
        first, last = p.entries.cite.first, p.entries.cite.last
        if first is not None and last is not None:
            paper.label(LEFT, y - 8, f"#{number(first)}", 8, SANS, GREY7)
            paper.label(LEFT + CONTENT, y - 8, f"#{number(last)}", 8, SANS, GREY7, "r")
        paper.box(LEFT, base, CONTENT, bar, None, GREY3, 0.6)
        start = _place(p.log_began or period.end, evidence)
        end = _place(evidence.header.made_at, evidence)
        if end > start and p.log_began:
            paper.box(start, base, end - start, bar, BLUE2)
        for gap in gaps[:200]:
            x = _place(gap.at, evidence)
            paper.line([(x, base - 5), (x, base + bar + 5)], RUST, 1.6)
        paper.label(LEFT, base - 14, f"{period.start:%Y-%m-%d %H:%M}", 8, SANS, GREY7)
        paper.label(LEFT + CONTENT, base - 14, f"{period.end:%Y-%m-%d %H:%M}", 8, SANS, GREY7, "r")
    paper.y = y - height - 2


def _coverage_finding(p: Population, size: int) -> str:
    if not size:
        return "The log is empty."
    if p.missing or p.repeated:
        lost = sum(last - first + 1 for first, last in p.missing)
        return f"{plural(lost, 'index is', 'indexes are')} missing, {number(p.repeated)} repeated."
    if p.covered_seconds < p.period_seconds:
        return "No index is missing, but the log covers only part of the period."
    return "No index is missing from the log."


def _place(at: datetime, evidence: Evidence) -> float:
    period = evidence.header.period
    share = (at - period.start) / (period.end - period.start)
    return LEFT + CONTENT * min(max(share, 0.0), 1.0)


def over_time(paper: Paper, evidence: Evidence) -> None:
    """Decisions by effect over the period, one row of bars for each effect."""
    d = evidence.decisions
    paper.need(235)
    finding = f"{plural(d.total.n, 'decision')}, by {step(d.series_seconds)}."
    detail = "Complete counts, not samples: no interval. The three scales differ."
    top = paper.y
    y = paper.figure_head(finding, detail, LEFT, HALF)
    alt = (
        f"Three rows of bars. {number(d.allow.n)} allowed, {number(d.require_approval.n)} "
        f"approval required, {number(d.deny.n)} denied; the table of agents has the same sums."
    )
    with paper.figure(alt, LEFT, y, HALF, 172):
        for row, (word, total, values) in enumerate(
            (
                ("allowed", d.allow.n, [v.allow for v in d.series]),
                ("approval required", d.require_approval.n, [v.require_approval for v in d.series]),
                ("denied", d.deny.n, [v.deny for v in d.series]),
            )
        ):
            _bars(paper, y - 55 * row, word, total, values)
        starts = [datetime.fromisoformat(v.key[0]) for v in d.series]
        _ends(paper, y - 168, starts, d.series_seconds)
    bottom_left = y - 176
    paper.y = top
    bottom_right = heat_map(paper, evidence)
    paper.y = min(bottom_left, bottom_right)


def _bars(paper: Paper, y: float, word: str, total: int, values: Sequence[int]) -> None:
    plot, base = 36.0, y - 12 - 36.0
    paper.label(LEFT, y - 8, word, 8.4, BOLD)
    paper.label(LEFT + HALF, y - 8, f"{number(total)} in all", 8, SANS, GREY7, "r")
    most = max(values, default=0)
    left, width = LEFT + 34, (HALF - 34) / max(1, len(values))
    paper.label(left - 4, base - 2, "0", 7.6, SANS, GREY7, "r")
    if most:
        paper.label(left - 4, base + plot - 6, number(most), 7.6, SANS, GREY7, "r", 32)
        paper.rule(left, base + plot - 3, HALF - 34, GREY3, 0.4)
    for i, n in enumerate(values):
        if n:
            bar = max(0.6, (plot - 3) * n / most)
            paper.box(left + i * width, base, max(0.8, width - 1.2), bar, BLUE2)
    paper.rule(left, base, HALF - 34, GREY7, 0.6)


def _ends(paper: Paper, y: float, starts: list[datetime], seconds: int) -> None:
    if not starts:
        return
    form = "%Y-%m-%d" if seconds >= 86_400 else "%m-%d %H:%M"
    if seconds < 60:
        form = "%H:%M:%S"
    last = starts[-1] + timedelta(seconds=seconds)
    paper.label(LEFT + 34, y, starts[0].strftime(form), 7.6, SANS, GREY7)
    paper.label(LEFT + HALF, y, last.strftime(form), 7.6, SANS, GREY7, "r")


def heat_map(paper: Paper, evidence: Evidence) -> float:
    """Autonomy against risk: decisions, and how many of them were asked or denied."""
    d = evidence.decisions
    x = LEFT + HALF + GUTTER
    cells = {v.key: v for v in d.matrix}
    risks = [*RISKS, *sorted({k[1] for k in cells} - set(RISKS))][:6]
    levels = [level for level in (*LEVELS, "none") if any(k[0] == level for k in cells)]
    critical = [v for v in d.matrix if v.key[1] == "critical"]
    finding = _critical(critical)
    detail = "Cell: decisions, below it approval required + denied. Shade: share of these two."
    y = paper.figure_head(finding, detail, x, HALF)
    left = 26.0
    width, height = (HALF - left) / len(risks), 25.0
    alt = (
        "; ".join(
            f"level {v.key[0]}, risk {v.key[1]}: {number(v.total)} decisions, "
            f"{number(v.require_approval + v.deny)} asked or denied"
            for v in d.matrix[:40]
        )
        or "No decision is recorded."
    )
    total = 14 + height * max(1, len(levels)) + 14
    with paper.figure(alt, x, y, HALF, total):
        for j, risk in enumerate(risks):
            centre = x + left + (j + 0.5) * width
            paper.label(centre, y - 9, risk, 8.2, BOLD, GREY7, "c", width - 2)
        top = y - 13
        for level in levels:
            paper.label(x, top - height / 2 - 3, level, 8.6, BOLD, INK, "l", left - 2)
            for j, risk in enumerate(risks):
                corner = (x + left + j * width, top - height)
                _cell(paper, corner, (width, height), cells.get((level, risk)))
            top -= height
        if not levels:
            paper.label(x, top - 14, "no decision is recorded", 8, ITALIC, GREY7)
            top -= height
        _shades(paper, x + left, top - 11)
    return y - total - 2


def _critical(critical: Sequence[Verdicts]) -> str:
    n = sum(v.total for v in critical)
    allowed = sum(v.allow for v in critical)
    if not n:
        return "No action of critical risk was asked for."
    return f"{number(allowed)} of {plural(n, 'action')} of critical risk {agrees(allowed)} allowed."


_STEPS = (
    (0.03, WHITE, "< 3%"),
    (0.1, BLUE3, "3–10"),
    (0.4, BLUE25, "10–40"),
    (0.9, BLUE2, "40–90"),
)


def _cell(
    paper: Paper, corner: tuple[float, float], size: tuple[float, float], v: Verdicts | None
) -> None:
    (x, y), (width, height) = corner, size
    if v is None or not v.total:
        paper.box(x, y, width, height, WHITE, GREY3, 0.4)
        return
    share = (v.require_approval + v.deny) / v.total
    shade = next((colour for limit, colour, _ in _STEPS if share < limit), BLUE)
    paper.box(x, y, width, height, shade, WHITE if shade is not WHITE else GREY3, 0.8)
    ink, middle = WHITE if shade is BLUE else INK, x + width / 2
    paper.label(middle, y + height - 11, number(v.total), 8.8, BOLD, ink, "c", width - 2)
    below = f"{number(v.require_approval)} + {number(v.deny)}"
    paper.label(middle, y + height - 20.4, below, 7.5, SANS, ink, "c", width - 2)


def _shades(paper: Paper, x: float, y: float) -> None:
    for _, colour, word in (*_STEPS, (1.0, BLUE, "≥ 90%")):
        paper.box(x, y, 8, 8, colour, GREY5, 0.4)
        paper.label(x + 11, y + 1, word, 7.6, SANS, GREY7)
        x += 42


def time_to_decide(paper: Paper, o: Oversight) -> None:
    """How long people looked, against the time it takes to read."""
    if o.to_decide is None:
        return
    paper.need(205)
    fast, spread = o.too_fast, o.to_decide
    floors = " and ".join(f"{f:g} s" for f in o.floor_seconds)
    finding = (
        f"{number(fast.k)} of {plural(fast.n, 'grant')} came faster than the reading time "
        f"the rule sets ({floors})."
        if fast.n
        else "No rule sets a reading time, so none was missed."
    )
    detail = (
        f"From first shown to answered, {plural(spread.n, 'answer')}: 5% within "
        f"{duration(spread.p5)}, half within {duration(spread.median)}, 95% within "
        f"{duration(spread.p95)}. Each class is twice as wide as the one before."
    )
    if fast.n:
        detail = f"95% interval {100 * fast.low:.1f}–{100 * fast.high:.1f}%. {detail}"
        if fast.small:
            detail = f"n &lt; 30. {detail}"
    y = paper.figure_head(finding, detail)
    plot = 104.0
    alt = "; ".join(
        f"{duration(b.low)} to {duration(b.high) if b.high else 'longer'}: {number(b.n)}"
        for b in o.histogram
    )
    with paper.figure(alt, LEFT, y, CONTENT, plot + 16):
        _histogram(paper, y - plot, plot, o)
    paper.y = y - plot - 18


def _histogram(paper: Paper, base: float, plot: float, o: Oversight) -> None:
    width = CONTENT / len(o.histogram)
    most = max(b.n for b in o.histogram) or 1
    floor = max(o.floor_seconds, default=0.0)
    for i, b in enumerate(o.histogram):
        x, height = LEFT + i * width, (plot - 14) * b.n / most
        below = b.high is not None and b.high <= floor
        if b.n:
            paper.box(x + 1, base, width - 2, height, WHITE if below else BLUE2, None)
            if below:
                _hatch(paper, x + 1, base, width - 2, height)
        ink, font = (RUST, BOLD) if below and b.n else (INK, SANS)
        paper.label(x + width / 2, base + height + 3, number(b.n), 7.8, font, ink, "c", width)
        if b.high is not None:
            paper.label(x + width, base - 10, duration(b.high), 7.6, SANS, GREY7, "c", width)
    paper.rule(LEFT, base, CONTENT, GREY7, 0.7)
    edge = next((i for i, b in enumerate(o.histogram) if floor and b.low == floor), None)
    if edge is not None and len(o.floor_seconds) == 1:
        x = LEFT + edge * width
        paper.line([(x, base - 3), (x, base + plot - 2)], RUST, 1.2)
        paper.label(x - 4, base + plot - 9, f"reading time {floor:g} s", 8, BOLD, RUST, "r")


def _hatch(paper: Paper, x: float, y: float, width: float, height: float) -> None:
    """Diagonal lines inside a box: the sign beside the colour."""
    canvas = paper.canvas
    canvas.saveState()
    path = canvas.beginPath()
    path.rect(x, y, width, height)
    canvas.clipPath(path, stroke=0)
    canvas.setStrokeColor(RUST)
    canvas.setLineWidth(0.9)
    step = x - height
    while step < x + width:
        canvas.line(step, y, step + height, y + height)
        step += 3
    canvas.restoreState()
    paper.box(x, y, width, height, None, RUST, 0.8)


def status_mark(paper: Paper, x: float, y: float, status: str) -> None:
    """A sign of seven points whose shape alone tells the statuses apart; the word stands beside."""
    side = 7.0
    if status == "evidenced":
        paper.box(x, y, side, side, BLUE, BLUE, 1)
    elif status == "partly":
        paper.box(x, y, side, side, None, RUST, 1)
        path = paper.canvas.beginPath()
        path.moveTo(x, y)
        path.lineTo(x + side, y)
        path.lineTo(x, y + side)
        path.close()
        paper.canvas.setFillColor(RUST)
        paper.canvas.drawPath(path, stroke=0, fill=1)
    elif status == "not evidenced":
        paper.box(x, y, side, side, None, RUST, 1.4)
        near, far = 1.6, side - 1.6
        paper.line([(x + near, y + near), (x + far, y + far)], RUST, 1.2)
        paper.line([(x + near, y + far), (x + far, y + near)], RUST, 1.2)
    elif status == "not applicable":
        paper.line([(x, y + side / 2), (x + side, y + side / 2)], GREY5, 1.4)
    else:
        paper.canvas.setDash([1.5, 1.2])
        paper.box(x, y, side, side, None, GREY7, 0.9)
        paper.canvas.setDash([])


def qr(paper: Paper, content: str, x: float, y: float, size: float) -> None:
    """A QR code, level M, as one path of runs; its lower left corner is (x, y)."""
    code = QrCodeWidget(content, barLevel="M").qr
    code.make()
    count = code.getModuleCount()
    module = size / count
    path = paper.canvas.beginPath()
    for row in range(count):
        column = 0
        while column < count:
            run = column
            while run < count and code.isDark(row, run):
                run += 1
            if run > column:
                place = (x + column * module, y + size - (row + 1) * module)
                path.rect(*place, (run - column) * module, module + 0.02)
            column = run + 1
    paper.canvas.setFillColor(INK)
    paper.canvas.drawPath(path, fill=1, stroke=0)
