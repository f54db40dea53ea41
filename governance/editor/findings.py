"""The findings of a folder while it is being typed in: at once without its cases, then with them.

Law: what is shown is what a check said. The whole check takes longer than a keystroke, so what only
it finds stays shown meanwhile, moved with its line, and goes when that line is changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from governance.editor.answers import Target
from governance.editor.folder import Folder
from governance.engine.model import Fix, LoadFinding

_TOKEN = re.compile(r"\"[^\"]*\"?|'[^']*'?|[^\s,\[\]{}]+")
_SUGGESTION = re.compile(r"did you mean `([^`]+)`\?")
_NAMED = re.compile(r"`([^`]+)`")


def lines_of(text: str) -> list[str]:
    """Lines as editors and YAML count them."""
    return re.split(r"\r\n|\n|\r", text)


@dataclass(slots=True)
class Findings:
    """What is known about a folder. `texts` are the files as the whole check saw them."""

    quick: tuple[LoadFinding, ...] = ()
    whole: tuple[LoadFinding, ...] = ()
    texts: dict[str, list[str]] = field(default_factory=dict)
    shown: dict[str, tuple[LoadFinding, ...]] = field(default_factory=dict)

    def checked(self, found: Iterable[LoadFinding], files: dict[str, bytes]) -> None:
        """The whole check is done, of these files."""
        self.whole = tuple(found)
        touched = {each.path for each in self.whole}
        self.texts = {
            name: lines_of(data.decode("utf-8-sig", "replace"))
            for name, data in files.items()
            if name in touched
        }

    def now(self, folder: Folder) -> dict[str, tuple[LoadFinding, ...]]:
        """Everything to show, by file."""
        out: dict[str, list[LoadFinding]] = {}
        for each in self.quick:
            out.setdefault(each.path, []).append(each)
        said = {(each.path, each.code, each.line) for each in self.quick}
        broken = {each.path for each in self.quick if each.severity == "error"}
        for each in self.whole:
            text = folder.texts.get(each.path)
            moved = (
                each
                if text is None
                else _moved(each, self.texts.get(each.path, []), lines_of(text))
            )
            if moved is None or (moved.path, moved.code, moved.line) in said:
                continue
            if moved.severity == "error" and (broken or moved.code != "case-failed"):
                continue  # the quick check is the newer one about what does not load
            out.setdefault(moved.path, []).append(moved)
        return {name: tuple(found) for name, found in out.items()}


def _moved(finding: LoadFinding, old: Sequence[str], new: Sequence[str]) -> LoadFinding | None:
    """A finding where its line is now; None if that line was changed."""
    if old == new:
        return finding
    at, shorter = finding.line - 1, min(len(old), len(new))
    same = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    if at < same:
        return finding
    tail = next((i for i in range(shorter - same) if old[-1 - i] != new[-1 - i]), shorter - same)
    if at >= len(old) - tail:
        by = len(new) - len(old)
        fix = finding.fix
        if fix is not None:
            fix = replace(fix, start_line=fix.start_line + by, end_line=fix.end_line + by)
        return replace(finding, line=finding.line + by, fix=fix)
    return None


def span(finding: LoadFinding, lines: Sequence[str]) -> tuple[int, int, int]:
    """The line and the first and last column (from 0) to underline."""
    line = min(max(finding.line - 1, 0), max(len(lines) - 1, 0))
    text = lines[line] if lines else ""
    start = min(max(finding.column - 1, 0), len(text))
    found = _TOKEN.match(text, start)
    end = found.end() if found is not None else min(start + 1, len(text))
    return line, start, max(end, start)


def fix_of(finding: LoadFinding, lines: Sequence[str]) -> Fix | None:
    """The repair of a finding: its own, else what its hint proposes instead of the word there."""
    if finding.fix is not None:
        return finding.fix
    hint, wrong = _SUGGESTION.search(finding.hint), _NAMED.search(finding.message)
    if hint is None or wrong is None:
        return None
    line, start, _ = span(finding, lines)
    text = lines[line] if lines else ""
    word = wrong[1]
    at = text.find(word, start, start + len(word) + 2)
    if at < 0:
        return None
    return Fix(line + 1, at + 1, line + 1, at + 1 + len(word), hint[1])


def related(finding: LoadFinding, folder: Folder) -> list[tuple[Target, str]]:
    """The rules and files that a finding speaks of, with what they are."""
    out: list[tuple[Target, str]] = []
    known = folder.learn()
    document = folder.documents.get(finding.path)
    policy = str(document.data.get("policy", "")) if document is not None else ""
    for word in _NAMED.findall(finding.message):
        of, _, bare = word.rpartition("/")
        for each in known.named:
            here = (each.path, each.place[0]) == (finding.path, finding.line)
            if each.id == bare and each.policy == (of or policy) and not here:
                out.append((Target(each.path, each.place, len(each.id)), each.title))
    for name in re.findall(r"already (?:in|declared in) (\S+\.yaml)", finding.message):
        words = _NAMED.findall(finding.message)
        if name in folder.documents:
            out.append((_place_in(folder, name, words), "it is there already"))
    return out[:5]


def _place_in(folder: Folder, name: str, words: Sequence[str]) -> Target:
    """Where a file has the thing that a message names; its beginning for anything but an action."""
    for word in words:
        action = folder.learn().catalogue.actions.get(word)
        if action is not None and action.path == name:
            return Target(name, (action.line, action.column), len(word))
    return Target(name, (1, 1))
