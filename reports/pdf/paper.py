"""Paper: a canvas with a cursor that runs down the page and starts the next one by itself.

The law: nothing is drawn below the bottom margin, and nothing is drawn outside a tag or an
artifact. Tables are set row by row, so that a long one costs as much per page as a short one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Paragraph

from reports.pdf import tags
from reports.pdf.style import (
    BODY,
    BOTTOM,
    CAPTION,
    CELL,
    CELL_BOLD,
    CELL_RIGHT,
    CONTENT,
    FINDING,
    GREY3,
    GREY7,
    H1,
    H2,
    HEAD,
    HEAD_RIGHT,
    HEIGHT,
    INK,
    LEFT,
    RIGHT,
    SANS,
    SMALL,
    TOP,
    WIDTH,
    fit,
    register,
)


@dataclass(frozen=True, slots=True)
class Furniture:
    """What stands on every page: left and right of the head, and the foot."""

    head: str
    foot: str


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table: widths in points, heads, and which are right-aligned or bold."""

    widths: tuple[float, ...]
    heads: tuple[str, ...]
    right: frozenset[int] = frozenset()
    bold: frozenset[int] = frozenset()


class Paper:
    """One document being set; `pages` and `anchors` are those of an earlier, equal run."""

    def __init__(
        self,
        furniture: Furniture,
        meta: tags.Meta,
        pages: int = 0,
        anchors: dict[str, int] | None = None,
    ) -> None:
        register()
        self.out = BytesIO()
        self.canvas = tags.TaggedCanvas(self.out, meta, SANS, (WIDTH, HEIGHT))
        self.furniture, self.pages, self.known = furniture, pages, anchors or {}
        self.anchors: dict[str, int] = {}
        self.page, self.y = 0, TOP
        self.section = ""
        self._figures = self._tables = 0

    def see(self, anchor: str) -> str:
        """The page on which `anchor` stands."""
        page = self.known.get(anchor)
        return f"p. {page}" if page else ""

    def start_page(self) -> None:
        """End the page, if there is one, and begin the next."""
        if self.page:
            self.canvas.showPage()
        self.page += 1
        self.y = TOP
        with self.canvas.artifact("Pagination"):
            self._furnish()

    def finish(self) -> bytes:
        """The document's bytes."""
        self.canvas.finish()
        return self.out.getvalue()

    def need(self, height: float) -> None:
        """Begin a page unless `height` points are left on this one."""
        if self.y - height < BOTTOM:
            self.start_page()

    # text

    def heading(self, text: str, anchor: str, number: str) -> None:
        """A section's heading, on a page of its own unless half of this one is free."""
        self.section = f"{number}  {text}"
        if self.page < 2 or self.y < HEIGHT / 2 + 60:
            self.start_page()
        else:
            self.y -= 16
        self.anchors[anchor] = self.page
        self.canvas.bookmarkPage(anchor)
        self.canvas.addOutlineEntry(self.section, anchor, 0)
        self.text(text, H1, tag="H1")
        self.y -= 3

    def subheading(self, text: str, keep: float = 60) -> None:
        """A heading within a section, kept with `keep` points of what follows."""
        self.need(14 + keep)
        self.y -= 6
        self.text(text, H2, tag="H2")
        self.y -= 2

    def text(self, markup: str, style: ParagraphStyle = BODY, tag: str = "P") -> None:
        """A paragraph over the full width; it moves to the next page as a whole."""
        paragraph = Paragraph(markup, style)
        _, height = paragraph.wrap(CONTENT, 10_000)
        self.need(height)
        with self.canvas.tagged(self.canvas.root.add(tag)):
            paragraph.drawOn(self.canvas, LEFT, self.y - height)
        self.y -= height

    def height(self, markup: str, style: ParagraphStyle = BODY) -> float:
        """How high a paragraph over the full width would be."""
        return float(Paragraph(markup, style).wrap(CONTENT, 10_000)[1])

    def put(
        self,
        markup: str,
        x: float,
        y: float,
        width: float,
        style: ParagraphStyle = BODY,
        element: tags.Element | None = None,
    ) -> float:
        """A paragraph with its top at `y`; answers the y below it. The caller sees to the room."""
        paragraph = Paragraph(markup, style)
        _, height = paragraph.wrap(width, 10_000)
        with self.canvas.tagged(element or self.canvas.root.add("P")):
            paragraph.drawOn(self.canvas, x, y - height)
        return float(y - height)

    def rests(self, markup: str) -> None:
        """The line that names the entries."""
        self.text(f"<i>Rests on:</i> {markup}", SMALL)
        self.y -= 9

    # figures

    def figure_head(
        self, finding: str, detail: str, x: float = LEFT, width: float = CONTENT
    ) -> float:
        """Number, finding as a sentence, detail; answers the y at which the plot may begin."""
        self._figures += 1
        with self.canvas.artifact():
            self.rule(x, self.y, width, INK, 0.8)
        label = f'<font name="{SANS}" color="#46525E">Figure {self._figures}.</font> {finding}'
        y = self.put(label, x, self.y - 4, width, FINDING)
        return self.put(detail, x, y - 1, width, CAPTION) - 6

    @contextmanager
    def figure(self, alt: str, x: float, y: float, width: float, height: float) -> Iterator[None]:
        """Everything drawn inside is one figure, whose words for those who cannot see are `alt`."""
        box = tags.numbers([x, y - height, x + width, y])
        attributes = {"Alt": tags.text(alt), "A": tags.layout(BBox=box)}
        with self.canvas.tagged(self.canvas.root.add("Figure", **attributes)):
            yield

    # tables

    def table(self, title: str, columns: Columns, rows: Iterable[Sequence[str]]) -> None:
        """A numbered table; `rows` may be lazy."""
        self._tables += 1
        if title:
            self.subheading(f"Table {self._tables}. {title}")
        table = self.canvas.root.add("Table")
        self._head(columns, table)
        body = table.add("TBody")
        for row in rows:
            self._row(columns, body, row)
        self.y -= 3

    def _head(self, columns: Columns, table: tags.Element | None) -> None:
        paragraphs = [
            Paragraph(text, HEAD_RIGHT if i in columns.right else HEAD)
            for i, text in enumerate(columns.heads)
        ]
        heights = self._measure(paragraphs, columns.widths)
        height = max(heights) + 5
        if table is not None:
            self.need(height + 26)
        with self.canvas.artifact():
            self.rule(LEFT, self.y, CONTENT, INK, 0.8)
            self.rule(LEFT, self.y - height, CONTENT, GREY7, 0.5)
        if table is None:
            with self.canvas.artifact("Pagination"):
                self._draw(paragraphs, heights, columns.widths, 2.5, None)
        else:
            row = table.add("THead").add("TR")
            cells = [row.add("TH", A=tags.scope("Column")) for _ in paragraphs]
            self._draw(paragraphs, heights, columns.widths, 2.5, cells)
        self.y -= height

    def _row(self, columns: Columns, body: tags.Element, cells: Sequence[str]) -> None:
        paragraphs = [Paragraph(cell, _cell_style(columns, i)) for i, cell in enumerate(cells)]
        heights = self._measure(paragraphs, columns.widths)
        height = max(heights) + 4
        if self.y - height < BOTTOM:
            self.start_page()
            self._head(columns, None)
        row = body.add("TR")
        elements = [row.add("TD") for _ in paragraphs]
        self._draw(paragraphs, heights, columns.widths, 2, elements)
        self.y -= height
        with self.canvas.artifact():
            self.rule(LEFT, self.y, CONTENT, GREY3, 0.4)

    def _measure(self, paragraphs: list[Paragraph], widths: Sequence[float]) -> list[float]:
        return [p.wrap(w - 6, 10_000)[1] for p, w in zip(paragraphs, widths, strict=True)]

    def _draw(
        self,
        paragraphs: list[Paragraph],
        heights: list[float],
        widths: Sequence[float],
        pad: float,
        elements: list[tags.Element] | None,
    ) -> None:
        x = LEFT
        for i, (paragraph, height) in enumerate(zip(paragraphs, heights, strict=True)):
            place = (self.canvas, x + (3 if i else 0), self.y - pad - height)
            if elements is None:
                paragraph.drawOn(*place)
            else:
                with self.canvas.tagged(elements[i]):
                    paragraph.drawOn(*place)
            x += widths[i]

    # ink

    def rule(self, x: float, y: float, width: float, colour: Any = GREY3, t: float = 0.5) -> None:
        """A hairline to the right of (x, y)."""
        self.canvas.setStrokeColor(colour)
        self.canvas.setLineWidth(t)
        self.canvas.line(x, y, x + width, y)

    def line(
        self, points: Sequence[tuple[float, float]], colour: Any = INK, t: float = 1.0
    ) -> None:
        """A line through `points`."""
        self.canvas.setStrokeColor(colour)
        self.canvas.setLineWidth(t)
        path = self.canvas.beginPath()
        path.moveTo(*points[0])
        for point in points[1:]:
            path.lineTo(*point)
        self.canvas.drawPath(path)

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: Any = None,
        stroke: Any = None,
        t: float = 0.5,
    ) -> None:
        """A rectangle whose lower left corner is (x, y)."""
        if fill is not None:
            self.canvas.setFillColor(fill)
        if stroke is not None:
            self.canvas.setStrokeColor(stroke)
            self.canvas.setLineWidth(t)
        self.canvas.rect(x, y, width, height, int(stroke is not None), int(fill is not None))

    def label(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 8,
        font: str = SANS,
        colour: Any = INK,
        align: str = "l",
        width: float = CONTENT,
    ) -> None:
        """A single line of text at (x, y), cut to `width`; `align` is l, r or c."""
        self.canvas.setFillColor(colour)
        self.canvas.setFont(font, size)
        draw = {
            "l": self.canvas.drawString,
            "r": self.canvas.drawRightString,
            "c": self.canvas.drawCentredString,
        }[align]
        draw(x, y, fit(text, font, size, width))

    def _furnish(self) -> None:
        right = WIDTH - RIGHT
        if self.page > 1:
            self.label(LEFT, HEIGHT - 36, self.furniture.head, 8, SANS, GREY7, "l", 300)
            self.label(right, HEIGHT - 36, self.section, 8, SANS, GREY7, "r", 190)
            self.rule(LEFT, HEIGHT - 42, CONTENT)
        self.rule(LEFT, 40, CONTENT)
        self.label(LEFT, 29, self.furniture.foot, 8, SANS, GREY7, "l", CONTENT - 70)
        self.label(right, 29, f"page {self.page} of {self.pages}", 8, SANS, GREY7, "r")


def _cell_style(columns: Columns, i: int) -> ParagraphStyle:
    if i in columns.right:
        return CELL_RIGHT
    return CELL_BOLD if i in columns.bold else CELL
