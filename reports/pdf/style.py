"""Fonts, colours, type and grid of the printed report, and text that fits them.

The law: every font is embedded and comes with this package; rust means an exception and nothing
else; what a font cannot draw is spelt out, never dropped.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

WIDTH, HEIGHT = 595.28, 841.89
LEFT, RIGHT, TOP_MARGIN, BOTTOM = 48.0, 48.0, 62.0, 54.0
CONTENT: Final = WIDTH - LEFT - RIGHT
TOP: Final = HEIGHT - TOP_MARGIN
GUTTER: Final = 12.0
HALF: Final = (CONTENT - GUTTER) / 2
"""Points, A4; twelve columns with a gutter of twelve, figures take six or twelve."""

INK, GREY7, GREY5, GREY3, GREY1 = (
    HexColor(c) for c in ("#15202B", "#46525E", "#6B7680", "#C2C9CF", "#F0F2F4")
)
BLUE, BLUE2, BLUE3 = (HexColor(c) for c in ("#1D4B77", "#7FA3C4", "#D5E1EC"))
BLUE25 = HexColor("#A9C2D9")
RUST, RUST3, WHITE = HexColor("#A8480C"), HexColor("#F6E3D5"), HexColor("#FFFFFF")

SANS, BOLD, ITALIC, MONO = "GovSans", "GovSans-Bold", "GovSans-Italic", "GovMono"
_FILES = {
    SANS: "Carlito-Regular.ttf",
    BOLD: "Carlito-Bold.ttf",
    ITALIC: "Carlito-Italic.ttf",
    MONO: "NotoSansMono-Regular.ttf",
}


def register() -> None:
    """Make the fonts known; once for each process."""
    if SANS in pdfmetrics.getRegisteredFontNames():
        return
    for name, file in _FILES.items():
        with as_file(files("reports") / "fonts" / file) as path:
            pdfmetrics.registerFont(TTFont(name, str(path)))
    pdfmetrics.registerFontFamily(SANS, normal=SANS, bold=BOLD, italic=ITALIC, boldItalic=BOLD)
    pdfmetrics.registerFontFamily(MONO, normal=MONO, bold=MONO, italic=MONO, boldItalic=MONO)


def _style(name: str, font: str, size: float, leading: float, **more: Any) -> ParagraphStyle:
    more.setdefault("textColor", INK)
    return ParagraphStyle(
        name, fontName=font, fontSize=size, leading=leading, splitLongWords=1, **more
    )


BODY = _style("body", SANS, 9.6, 12.4)
POINT = _style("point", SANS, 9.2, 11.6, leftIndent=14, firstLineIndent=-9)
LEAD = _style("lead", SANS, 10.2, 13.2)
SMALL = _style("small", SANS, 8.2, 10.2, textColor=GREY7)
H1 = _style("h1", BOLD, 17, 20)
H2 = _style("h2", BOLD, 11.4, 14)
FINDING = _style("finding", BOLD, 9.9, 12.2)
CAPTION = _style("caption", SANS, 8.4, 10.4, textColor=GREY7)
CELL = _style("cell", SANS, 8.7, 10.4)
CELL_BOLD = _style("cell-bold", BOLD, 8.7, 10.4)
CELL_RIGHT = _style("cell-right", SANS, 8.7, 10.4, alignment=2)
HEAD = _style("head", BOLD, 7.9, 9.6, textColor=GREY7)
HEAD_RIGHT = _style("head-right", BOLD, 7.9, 9.6, textColor=GREY7, alignment=2)
CODE = _style("code", MONO, 7.3, 10.4)


_BLANKS = str.maketrans("\t\r\n\v\f", "     ")


def safe(text: object, font: str = SANS) -> str:
    """`text` as paragraph markup: escaped, and characters the font lacks spelt `\\u{4E2D}`."""
    return escape(drawable(str(text), font))


def drawable(text: str, font: str = SANS) -> str:
    """`text` with every character the font cannot draw spelt out; line breaks become spaces."""
    glyphs = pdfmetrics.getFont(font).face.charToGlyph
    text = text.translate(_BLANKS)
    return "".join(
        c if ord(c) in glyphs and c.isprintable() else f"\\u{{{ord(c):04X}}}" for c in text
    )


def fit(text: str, font: str, size: float, width: float) -> str:
    """`text` cut with an ellipsis so that it is at most `width` points wide."""
    text = drawable(text, font)
    if pdfmetrics.stringWidth(text, font, size) <= width:
        return text
    while text and pdfmetrics.stringWidth(text + "…", font, size) > width:
        text = text[:-1]
    return text + "…"
