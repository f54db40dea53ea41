"""What the files of a proposal say differently, for its pages: the new words beside the old.

Law: everything that changed stands on the proposal's page, or is counted there and stands on the page
of its file; what cannot be read is said, never left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from governance.engine.changes import Change, FileChange, Told
from governance.service import proposed_words
from governance.service.problem import Problem
from governance.web.console.rule_views import (
    ChangesView,
    FileView,
    LineView,
    SideView,
    TextView,
    ThingView,
)
from governance.web.console.saying import sentence
from governance.web.console.views import ANSWERED, Verdict

if TYPE_CHECKING:
    from governance.service.desk import Desk

SHOWN: Final = 200
"""So many changes stand on the page of a proposal; all of a file's are on the page of the file."""
PART: Final = 1_000
"""Lines of a file on one page."""
_STRETCHES: Final = 40
HOW: Final = {
    "new": Verdict("plain", "New"),
    "changed": Verdict("plain", "Changed"),
    "gone": Verdict("plain", "Gone"),
    "same": Verdict("plain", "Same text"),
}
_KINDS: Final = {"file": "what the file is about:", "factor": "risk factor"}
_SAME_WORDS: Final = (
    "Nothing that it says in words is different: cases, comments, order or layout are. Its text shows "
    "which."
)
_ELSEWHERE: Final = "Its own text is the same; it uses something of another file that changed."


def view(desk: Desk, index: int) -> ChangesView:
    """What a proposal changes, as far as fits on its page."""
    try:
        told, found = proposed_words.changes(desk, index), proposed_words.found(desk, index)
    except Problem as problem:
        return ChangesView("", missing=sentence(problem.detail))
    room, files = SHOWN, []
    for file in found:
        if file.how != "same" or file.changes:
            shown = file.changes[:room]
            room -= len(shown)
            files.append(_file(file, shown))
    same = tuple(file.path for file in found if file.how == "same" and not file.changes)
    return ChangesView(_says(told), tuple(files), same)


def text(desk: Desk, index: int, path: str, first: int) -> TextView:
    """The page of one file."""
    told = proposed_words.text(desk, index, path)
    found = next((each for each in proposed_words.found(desk, index) if each.path == path), None)
    file = FileView(path, "", HOW[told["how"]])
    if found is not None:
        file = _file(found, found.changes)
    lines = told["lines"]
    first = min(first, max(0, len(lines) - 1)) // PART * PART
    stretches = list(_stretches(lines))
    return TextView(
        index=index,
        file=file,
        digest=told["digest"] or "",
        lines=tuple(
            LineView(now or before, mark, text)
            for mark, before, now, text in lines[first : first + PART]
        ),
        first=first,
        total=len(lines),
        stretches=tuple(stretches[:_STRETCHES]),
        more_stretches=max(0, len(stretches) - _STRETCHES),
        earlier=first - PART if first else None,
        later=first + PART if first + PART < len(lines) else None,
    )


def _stretches(lines: Sequence[Sequence[Any]]) -> Iterator[tuple[str, int, int]]:
    """Where lines are changed, one after the other: in words, the part, the place of the first."""
    if all(line[0] == lines[0][0] for line in lines):
        return  # all of it comes, goes or stays
    place = 0
    while place < len(lines):
        end = place
        while end < len(lines) and lines[end][0] != "same":
            end += 1
        if end > place:
            numbers = [line[2] or line[1] for line in lines[place:end]]
            low, high = min(numbers), max(numbers)
            said = f"line {low}" if low == high else f"lines {low} to {high}"
            yield said, place // PART * PART, place
        place = end + 1


def _says(told: dict[str, Any]) -> str:
    counts = told["counts"]
    if not told["compared"]:
        before = "It was proposed under an older version, so all of it is shown. "
    elif told["against"] is None:
        before = "Nothing was in force, so all of it is new. "
    else:
        before = f"Compared with release {told['against'][:12]}: "
    said = f"{counts['new']} new, {counts['changed']} changed, {counts['gone']} gone."
    return before + said


def _file(file: FileChange, shown: Sequence[Change]) -> FileView:
    note = ""
    if file.how == "same" and file.changes:
        note = _ELSEWHERE
    elif file.how == "changed" and not file.changes:
        note = _SAME_WORDS
    return FileView(
        file.path,
        file.title,
        HOW[file.how],
        tuple(map(_thing, shown)),
        len(file.changes) - len(shown),
        note,
    )


def _thing(change: Change) -> ThingView:
    return ThingView(
        _KINDS.get(change.kind, change.kind),
        change.id,
        HOW[change.how],
        None if change.now is None else _side(change.now),
        None if change.before is None else _side(change.before),
    )


def _side(told: Told) -> SideView:
    beside = [f"owner {told.owner}"] if told.owner else []
    beside += [f"severity {told.severity}"] if told.severity else []
    beside += [f"evidence for {', '.join(told.controls)}"] if told.controls else []
    return SideView(
        told.title,
        told.sentence,
        ANSWERED.get(told.effect),
        told.points,
        told.because,
        sentence(", ".join(beside)) if beside else "",
    )
