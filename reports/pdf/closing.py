"""Sections 9 and 10: where the figures end, and how a stranger checks them."""

from __future__ import annotations

from reports.evidence import Evidence
from reports.pdf.paper import Columns, Paper
from reports.pdf.style import BODY, CODE, CONTENT, GREY1, LEFT, MONO, SMALL, safe
from reports.pdf.words import cites, number

LONGEST_LINE = 400

COMMANDS = (
    (
        "Take the log out of the workspace, with the proofs.",
        "governance audit export PACKAGE",
        "writes entries, checkpoint, proofs and policies to a folder",
    ),
    (
        "Is the log complete and unaltered?",
        "python -m audit verify PACKAGE --key log.vkey",
        "exit 0 proven, 10 tampered, 11 key unknown, 12 gap, 13 nothing to verify",
    ),
    (
        "Would the rules decide the same again?",
        "governance audit replay PACKAGE",
        "counts the decisions whose values were erased or not disclosed",
    ),
    (
        "Is this report the one recorded?",
        "pdfdetach -save 1 -o report.json REPORT.pdf && sha256sum REPORT.pdf report.json",
        "the digest of the JSON is in the log's entry report.issued",
    ),
)

GLOSSARY = (
    ("Allow, approval required, deny", "the three answers; the strictest rule wins."),
    ("Attested outcome", "reported by a gateway or person, not by the agent that acted."),
    ("Cannot tell", "a fact was missing or spoiled; the answer is then never looser."),
    ("Decision", "the recorded answer to one proposed action, with its reasons."),
    ("Entry, index", "one line of the signed log and its place in the sequence, from 0."),
    ("Head, checkpoint", "size and root hash of the log; signing it fixes everything before."),
    ("Interval", "exact (Clopper-Pearson) 95% range for the share behind k of n."),
    ("Level L0 to L5", "how far an agent may go alone; raised only by a named person."),
    ("Observe mode", "rules are looked at and recorded, and stop nothing."),
    ("Override, reversal", "a denial lifted by people; an action undone afterwards."),
    ("Reading time", "the least time a rule gives people to read before granting."),
    ("Reason committed", "its text is bound by a hash in the entry and kept apart, erasable."),
)


def limits(paper: Paper, e: Evidence) -> None:
    """Section 9, never empty."""
    paper.heading("What this report does not show", "limits", "9")
    for n, statement in enumerate(e.not_shown, 1):
        rest = f" <font size='8.2' color='#46525E'>{cites(statement.cites, 2)}</font>"
        text = f"<b>{n}  {safe(statement.title)}</b> {safe(statement.text)}"
        paper.text(text + (rest if statement.cites else ""), BODY)
        paper.y -= 4


def verify(paper: Paper, e: Evidence) -> None:
    """Section 10: commands, checkpoint, words."""
    paper.heading("How to verify, without trusting this report", "verify", "10")
    paper.text(
        "You need the package, Python 3.11 or later with the <i>cryptography</i> library, and the "
        "log's public key from a source other than this report. Every figure is also in the file "
        "report.json attached to this PDF, with the kinds, conditions and indexes of the entries "
        "it was counted from."
    )
    paper.y -= 6
    for question, command, note in COMMANDS:
        _command(paper, question, command, note)
    paper.subheading("Checkpoint under which everything was counted", 40)
    lines = [_line(line) for line in e.head.checkpoint.split("\n") if line]
    paper.text("<br/>".join(safe(line, MONO) for line in lines) or "none", CODE)
    paper.y -= 3
    paper.text(
        f"The QR code on the first page holds its first three lines: origin, size "
        f"({number(e.head.size)}) and root. Compare them with a checkpoint you were given earlier "
        "or by somebody else.",
        SMALL,
    )
    paper.y -= 4
    columns = Columns((150.0, CONTENT - 150), ("Word", "Meaning here"), frozenset(), frozenset({0}))
    paper.table("Words", columns, ((safe(a), safe(b)) for a, b in GLOSSARY))
    paper.y -= 4
    paper.text(
        "This PDF carries no signature of its own: the log does. It is tagged (PDF/UA-1, PDF/A-3a) "
        "and the same log and parameters give the same bytes.",
        SMALL,
    )


def _line(line: str) -> str:
    """A line of the checkpoint; an ML-DSA-44 signature would take two pages."""
    if len(line) <= LONGEST_LINE:
        return line
    return f"{line[:80]}… ({len(line):,} characters; report.json has all of them)"


def _command(paper: Paper, question: str, command: str, note: str) -> None:
    paper.need(42)
    paper.text(
        f"<b>{safe(question)}</b> <font size='8.2' color='#46525E'>{safe(note)}</font>", BODY
    )
    with paper.canvas.artifact():
        paper.box(LEFT, paper.y - 17, CONTENT, 15.5, GREY1)
    paper.put(safe(command, MONO), LEFT + 6, paper.y - 3.4, CONTENT - 12, CODE)
    paper.y -= 23
