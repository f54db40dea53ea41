"""The report on paper: the only room that knows ReportLab.

The law: the PDF says what the `Evidence` says and nothing else; the same evidence gives the same
bytes. It is set twice, because page numbers are known only at the end.
"""

from __future__ import annotations

from reports.evidence import Evidence, to_json
from reports.pdf import acts, closing, result, sections
from reports.pdf.kept import kept
from reports.pdf.paper import Furniture, Paper
from reports.pdf.tags import Meta


def render(evidence: Evidence) -> bytes:
    """The periodic report as PDF/A-3a and PDF/UA-1, with its JSON attached as `report.json`."""
    meta = _meta(evidence)
    draft = _set(evidence, Paper(_furniture(evidence), meta))
    final = _set(evidence, Paper(_furniture(evidence), meta, draft.page, draft.anchors))
    return final.finish()


def _set(evidence: Evidence, paper: Paper) -> Paper:
    result.cover(paper, evidence)
    sections.scope(paper, evidence)
    sections.population(paper, evidence)
    kept(paper, evidence)
    sections.decisions(paper, evidence)
    sections.oversight(paper, evidence)
    acts.acts(paper, evidence)
    acts.exceptions(paper, evidence)
    result.duties(paper, evidence)
    closing.limits(paper, evidence)
    closing.verify(paper, evidence)
    return paper


def _meta(evidence: Evidence) -> Meta:
    header = evidence.header
    return Meta(
        f"Oversight report {header.id}",
        f"AI agents of {header.workspace}, {header.period.label}",
        f"governance {header.software}".strip(),
        header.made_at,
        to_json(evidence),
        "report.json",
    )


def _furniture(evidence: Evidence) -> Furniture:
    header, head = evidence.header, evidence.head
    period = f"{header.period.start:%Y-%m-%d} to {header.period.end:%Y-%m-%d}"
    return Furniture(
        f"{header.workspace} · Oversight report",
        f"{header.id} · period {period} · head {head.size:,} · root {head.root[:8]}…",
    )
