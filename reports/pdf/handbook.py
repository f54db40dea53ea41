"""The rules of a release on paper: a title page, contents, a section for each file.

The law: as for every print here, the PDF says what the `Handbook` says and nothing else, and the same
book gives the same bytes.
"""

from __future__ import annotations

import re
from typing import Final

from reports.handbook import Chapter, Handbook, NamedList, Rule, to_json
from reports.pdf.paper import Columns, Furniture, Paper
from reports.pdf.style import (
    BODY,
    BOLD,
    CELL,
    CONTENT,
    FINDING,
    GREY7,
    HEAD,
    HEIGHT,
    INK,
    LEAD,
    LEFT,
    MONO,
    POINT,
    RIGHT,
    SANS,
    SMALL,
    WIDTH,
    safe,
)
from reports.pdf.tags import Meta
from reports.words import plural

_NARROW = "~.~"
_TICKS = re.compile(r"`([^`]*)`")


def render_handbook(book: Handbook) -> bytes:
    """The book as PDF/A-3a and PDF/UA-1, with its JSON attached as `policies.json`."""
    draft = _set(book, Paper(_furniture(book), _meta(book)))
    return _set(book, Paper(_furniture(book), _meta(book), draft.page, draft.anchors)).finish()


def _set(book: Handbook, paper: Paper) -> Paper:
    _cover(paper, book)
    for number, chapter in enumerate(book.chapters, 1):
        _chapter(paper, chapter, number, book.in_force)
    _actions(paper, book, len(book.chapters) + 1)
    return paper


def _meta(book: Handbook) -> Meta:
    return Meta(
        f"Policies {book.release[:12]}",
        f"Rules for the AI agents of {book.workspace}",
        f"governance {book.software}".strip(),
        book.made_at,
        to_json(book),
        "policies.json",
        "every rule of this book with its owner and its reason",
    )


def _furniture(book: Handbook) -> Furniture:
    return Furniture(
        f"{book.workspace} · Policies",
        f"release {book.release[:16]}… · {len(book.chapters)} files, {book.rules} rules",
    )


def _cover(paper: Paper, book: Handbook) -> None:
    paper.start_page()
    right, root, canvas = WIDTH - RIGHT, paper.canvas.root, paper.canvas
    with canvas.tagged(root.add("P")):
        paper.label(LEFT, HEIGHT - 46, book.workspace, 9.6, SANS, GREY7, "l", 300)
        paper.label(right, HEIGHT - 46, f"{book.made_at:%Y-%m-%d}", 9.6, SANS, GREY7, "r", 190)
    with canvas.tagged(root.add("H1")):
        paper.label(LEFT, HEIGHT - 76, "Policies", 27, BOLD)
    with canvas.tagged(root.add("P")):
        paper.label(
            LEFT + 118, HEIGHT - 76, "what AI agents may do, in sentences", 15, SANS, GREY7, "l",
            CONTENT - 118,
        )  # fmt: skip
    with canvas.artifact():
        paper.rule(LEFT, HEIGHT - 88, CONTENT, INK, 1.2)
    paper.y = HEIGHT - 96
    canvas.bookmarkPage("cover")
    canvas.addOutlineEntry("Release and contents", "cover", 0)
    facts = [
        ("Release", f'<font name="{MONO}" size="7.6">{safe(book.release)}</font>'),
        ("Standing", _said(book.standing)),
        *((what, f"{safe(who)}{f', {safe(when)}' if when else ''}") for what, who, when in book.people),
        ("Contents", f"{plural(len(book.chapters), 'file')}, {plural(book.rules, 'rule')}, "
                     f"{plural(len(book.actions), 'action')}"),
        ("Made", f"{book.made_at:%Y-%m-%d %H:%M} UTC, service version {safe(book.software or 'not given')}"),
    ]  # fmt: skip
    for key, value in facts:
        paper.put(key, LEFT, paper.y - 1, 74, HEAD)
        paper.y = paper.put(value, LEFT + 74, paper.y, CONTENT - 74, CELL) - 3
    paper.y -= 4
    with paper.canvas.artifact():
        paper.rule(LEFT, paper.y, CONTENT)
    paper.y -= 8
    paper.text(
        "Everything below is the rules themselves, said in sentences by the service that enforces them; "
        "nobody wrote it beside them. What cannot be told (a missing field, another currency, a stale "
        "list) counts where a rule refuses or asks, and does not count where it allows. Of all rules "
        "that speak about an action the strictest holds; an action that no file speaks for is refused.",
        LEAD,
    )
    paper.y -= 6
    _contents(paper, book)


def _contents(paper: Paper, book: Handbook) -> None:
    columns = Columns(
        (24.0, 214.0, 150.0, 64.0, CONTENT - 452),
        ("", "File", "Answers for it", "Review by", "Page"),
        frozenset({4}),
        frozenset({1}),
    )
    rows = [
        (
            str(number),
            f"{safe(chapter.title)} <font color='#46525E'>({safe(chapter.name)})</font>",
            safe(chapter.owner),
            chapter.review_by.isoformat(),
            paper.see(_anchor(number)).removeprefix("p. "),
        )
        for number, chapter in enumerate(book.chapters, 1)
    ]
    last = len(book.chapters) + 1
    rows.append((str(last), "The actions", "", "", paper.see(_anchor(last)).removeprefix("p. ")))
    paper.table("", columns, rows)


def _anchor(number: int) -> str:
    return f"chapter-{number}"


ALWAYS: Final = {"draft": "a draft: checked, never enforced", "proved": "proved of every release"}
IN_FORCE: Final = {
    "enforce": "in force",
    "observe": "watches only",
    "gradual": "in force for a share",
}
"""What a mode comes to; of files that nobody released only the mode itself is said."""


def _chapter(paper: Paper, chapter: Chapter, number: int, in_force: bool) -> None:
    paper.heading(safe(chapter.title), _anchor(number), str(number))
    modes = IN_FORCE if in_force else {}
    mode = {**ALWAYS, **modes}.get(chapter.mode, f"mode: {safe(chapter.mode)}")
    paper.text(
        f"<b>{safe(chapter.name)}</b> · {mode} · {safe(chapter.owner)} answers for it · to be read again "
        f"by {chapter.review_by.isoformat()}",
        SMALL,
    )
    paper.y -= 4
    paper.text(_said(chapter.about))
    if chapter.controls:
        paper.y -= 2
        paper.text(f"<i>Serves:</i> {safe(', '.join(chapter.controls))}", SMALL)
    paper.y -= 6
    for rule in chapter.rules:
        _rule(paper, rule)
    for line in chapter.more:
        paper.text(_said(line))
        paper.y -= 3
    if chapter.lists:
        _lists(paper, chapter.lists)


def _rule(paper: Paper, rule: Rule) -> None:
    """One rule, kept together: number and title, what it does, why, who answers."""
    does = " · ".join(part for part in (rule.kind, rule.does, rule.severity) if part)
    parts = (
        (f"{safe(rule.id)}&nbsp;&nbsp;{safe(rule.title)}", FINDING, "H3"),
        (f"<font color='#46525E'>{safe(does)} · {safe(rule.owner)}</font>", SMALL, "P"),
        (_said(rule.sentence), BODY, "P"),
        *((f"·&nbsp;&nbsp;{_said(point)}", POINT, "P") for point in rule.points),
        (f"<i>Why:</i> {safe(rule.because)}", BODY, "P"),
        *(
            [(f"<i>Serves:</i> {safe(', '.join(rule.controls))}", SMALL, "P")]
            if rule.controls
            else []
        ),
    )
    paper.need(sum(paper.height(text, style) for text, style, _ in parts) + 8)
    with paper.canvas.artifact():
        paper.rule(LEFT, paper.y, CONTENT)
    paper.y -= 5
    for text, style, tag in parts:
        paper.text(text, style, tag)
        paper.y -= 1
    paper.y -= 7


def _lists(paper: Paper, lists: tuple[NamedList, ...]) -> None:
    """Every list with where it is kept, how old it may be, and its members."""
    paper.subheading("Lists")
    for each in lists:
        facts = [_said(each.source), plural(each.members, "member")]
        if each.as_of:
            facts.append(f"as of {safe(each.as_of[:16].replace('T', ' '))} UTC")
        if each.max_age:
            facts.append(f"at most {safe(each.max_age)} old, else nothing can be told")
        parts = [(f"<b>{safe(each.name)}</b> · {' · '.join(facts)}", SMALL)]
        if each.shown:
            members = ", ".join(safe(item, MONO) for item in each.shown)
            parts.append((f'<font name="{MONO}" size="7.2">{members}</font>', CELL))
        paper.need(sum(paper.height(*part) for part in parts) + 5)
        for text, style in parts:
            paper.text(text, style)
            paper.y -= 1
        paper.y -= 5


def _actions(paper: Paper, book: Handbook, number: int) -> None:
    paper.heading("The actions", _anchor(number), str(number))
    paper.text("What the catalogue knows that agents can ask for. What is not here is refused.")
    paper.y -= 4
    columns = Columns(
        (120.0, 190.0, CONTENT - 370, 60.0),
        ("Action", "What it does", "Labels", "Base risk"),
        frozenset(),
        frozenset({0}),
    )
    rows = [
        (safe(name), safe(title), safe(labels), safe(risk))
        for name, title, labels, risk in book.actions
    ]
    paper.table("", columns, rows)


def _said(text: str) -> str:
    """A sentence, whose names in backticks are set in another type."""
    text = text.replace("\u202f", _NARROW)  # which few fonts have
    out, end = "", 0
    for found in _TICKS.finditer(text):
        out += safe(text[end : found.start()])
        out += f'<font name="{MONO}" size="8">{safe(found[1], MONO)}</font>'
        end = found.end()
    return (out + safe(text[end:])).replace(_NARROW, "&nbsp;")
