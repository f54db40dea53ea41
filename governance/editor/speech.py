"""Findings, offers and places in the words of the Language Server Protocol.

Law: columns are counted as the editor counts them (UTF-16 unless it asked otherwise), never as we do.
"""

from __future__ import annotations

from collections.abc import Sequence

from lsprotocol import types
from pygls.workspace import PositionCodec

from governance.editor.answers import Symbol
from governance.editor.findings import span
from governance.editor.offers import Offer
from governance.engine.model import Fix, LoadFinding

SOURCE = "governance"
_SEVERITIES = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "note": types.DiagnosticSeverity.Information,
}
_OFFERS = {
    "key": types.CompletionItemKind.Property,
    "value": types.CompletionItemKind.EnumMember,
    "list": types.CompletionItemKind.Variable,
    "rule": types.CompletionItemKind.Reference,
}
_SYMBOLS = {
    "key": types.SymbolKind.Key,
    "rule": types.SymbolKind.Function,
    "limit": types.SymbolKind.Number,
    "exception": types.SymbolKind.Event,
    "factor": types.SymbolKind.Constant,
    "table": types.SymbolKind.Array,
    "name": types.SymbolKind.Method,
}


def a_range(
    codec: PositionCodec, lines: Sequence[str], line: int, start: int, end: int
) -> types.Range:
    """A stretch of one line, in the editor's units."""
    return codec.range_to_client_units(
        lines, types.Range(types.Position(line, start), types.Position(line, end))
    )


def diagnostic(
    codec: PositionCodec, lines: Sequence[str], finding: LoadFinding, page: str | None
) -> types.Diagnostic:
    """A finding; its code leads to its section of the page of findings."""
    hint = f"\n{finding.hint}" if finding.hint else ""
    link = f"{page}#{finding.code}" if page else None
    return types.Diagnostic(
        range=a_range(codec, lines, *span(finding, lines)),
        message=f"{finding.message}{hint}",
        severity=_SEVERITIES[finding.severity],
        code=finding.code,
        code_description=types.CodeDescription(link) if link else None,
        source=SOURCE,
    )


def edit(codec: PositionCodec, lines: Sequence[str], fix: Fix) -> types.TextEdit:
    """A repair."""
    start = types.Position(fix.start_line - 1, fix.start_column - 1)
    end = types.Position(fix.end_line - 1, fix.end_column - 1)
    return types.TextEdit(codec.range_to_client_units(lines, types.Range(start, end)), fix.text)


def whole(codec: PositionCodec, lines: Sequence[str], text: str) -> types.TextEdit:
    """All of a file replaced."""
    end = types.Position(len(lines) - 1, len(lines[-1]))
    last = codec.position_to_client_units(lines, end)
    return types.TextEdit(types.Range(types.Position(0, 0), last), text)


def item(where: types.Range, offer: Offer, number: int, colon: bool) -> types.CompletionItem:
    """An offer; `colon`: one stands behind the word already."""
    text = offer.text.rstrip(": ") if colon and offer.kind == "key" else offer.text
    return types.CompletionItem(
        label=offer.label,
        kind=_OFFERS[offer.kind],
        documentation=offer.detail or None,
        sort_text=f"{number:04}",
        filter_text=offer.label,
        text_edit=types.TextEdit(where, text),
    )


def symbol(
    codec: PositionCodec, text: str, lines: Sequence[str], part: Symbol
) -> types.DocumentSymbol:
    """A part of a file's outline."""

    def place(index: int) -> types.Position:
        before = text[:index]
        line = before.count("\n")
        column = index - (before.rfind("\n") + 1)
        return codec.position_to_client_units(lines, types.Position(line, column))

    return types.DocumentSymbol(
        name=part.name or "(no name)",
        detail=part.detail,
        kind=_SYMBOLS[part.kind],
        range=types.Range(place(part.start), place(max(part.end, part.start))),
        selection_range=types.Range(place(part.at), place(part.at)),
        children=[symbol(codec, text, lines, each) for each in part.inner],
    )
