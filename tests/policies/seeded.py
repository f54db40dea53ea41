"""A thousand seeded mistakes in the shipped policy files, and what becomes of each.

A mistake is one edit such as a tired person makes: a typo in a key, an operator, a field, an action or
a number of a rule, a wrong unit, one space too many or too few, a key twice or not at all, an effect
or an operator swapped, a constant changed, a bracket lost. What an edit does not change in meaning
(by the digest of meaning, or because the difference of the two was proved to be none) is no mistake:
it is left out, whatever was edited.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from shipped import files

from governance.engine import cases, difference, load, meaning
from governance.engine.compile import Release, compile_bundle, compile_release
from governance.engine.memory import Memory
from governance.engine.model import LoadFinding, PolicyErrors
from governance.engine.vocabulary import OPERATORS

TODAY = date(2026, 11, 20)
PROSE = re.compile(
    r"^\s*(?:- )?(?:title|because|owner|review_by|controls|reason|ticket|policy|risk)\s*:"
    r"|\b(?:tell_user|checklist):"
)
"""Lines that hold sentences, which nothing but a reader can judge."""
_KEY = re.compile(r"(?<![\w.$])([A-Za-z_][\w.]*)(?=:(?:\s|$))")
_VALUE = re.compile(r"(?<=[\s\[{,])([A-Za-z][\w./@-]*)(?=\s*[\],}]|$)")
_AMOUNT = re.compile(r"\b(\d+(?:\.\d+)?) ([A-Z]{3})\b")
_SPAN = re.compile(r"(?<=[\s{,:])(\d+)([smhdw])\b")
_NUMBER = re.compile(r"(?<=[\s\[{,:])(\d+)(?=[\s\],}]|$)")
_DAY = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")
_SWAPS: Mapping[str, tuple[str, ...]] = {
    "at_most": ("at_least", "above", "below"),
    "at_least": ("at_most", "above"),
    "above": ("below", "at_least", "at_most"),
    "below": ("above", "at_most"),
    "one_of": ("none_of",),
    "none_of": ("one_of",),
    "is": ("is_not",),
    "is_not": ("is",),
    "contains_any": ("contains_all", "contains_none"),
    "contains_all": ("contains_any",),
    "contains_none": ("contains_any",),
    "in_domain": ("not_in_domain",),
    "not_in_domain": ("in_domain",),
    "under": ("not_under",),
    "not_under": ("under",),
    "did": ("did_not",),
    "did_not": ("did",),
    "count_at_most": ("count_above",),
    "count_above": ("count_at_most",),
    "any": ("not",),
}
_EFFECTS = ("allow", "require_approval", "deny")


@dataclass(frozen=True)
class Mistake:
    """One edit: of which kind, in which file and line (from 1), what it was and what it became."""

    kind: str
    path: str
    line: int
    was: str
    became: str
    data: bytes
    top: bool


@dataclass(frozen=True)
class Fate:
    """What became of a mistake: `found` (at its line), `elsewhere` (found, but on another line),
    `cases` (its own cases fail), `silent`, or `none` (it changes no meaning: it is no mistake)."""

    mistake: Mistake
    fate: str
    said: str = ""


def typo(rng: random.Random, word: str) -> str:
    """A word with one letter lost, doubled, swapped with the next, or replaced."""
    at = rng.randrange(len(word))
    way = rng.randrange(4)
    if way == 0 and len(word) > 2:
        return word[:at] + word[at + 1 :]
    if way == 1:
        return word[:at] + word[at] + word[at:]
    if way == 2 and at + 1 < len(word) and word[at] != word[at + 1]:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    other = rng.choice("abcdefghijklmnopqrstuvwxyz")
    return word[:at] + other + word[at + 1 :]


def _subbed(
    rng: random.Random, line: str, pattern: re.Pattern[str],
    change: Callable[[re.Match[str]], str | None],
) -> str | None:  # fmt: skip
    found = list(pattern.finditer(line))
    rng.shuffle(found)
    for match in found:
        new = change(match)
        if new is not None and new != match[0]:
            return line[: match.start()] + new + line[match.end() :]
    return None


def _key(rng: random.Random, line: str, wanted: Callable[[str], bool]) -> str | None:
    return _subbed(rng, line, _KEY, lambda m: typo(rng, m[1]) if wanted(m[1]) else None)


def _unit(rng: random.Random, line: str) -> str | None:
    changes: list[Callable[[], str | None]] = [
        lambda: _subbed(rng, line, _AMOUNT, lambda m: rng.choice(
            [f"{m[1]} {m[2][:2]}", m[1], f"{m[1]} USD", f"{m[1]} {m[2].lower()}", f"{m[2]} {m[1]}x"])),
        lambda: _subbed(rng, line, _SPAN, lambda m: rng.choice(
            [m[1], f"{m[1]} {m[2]}", f"{m[1]}{rng.choice('smhdw')}", f"{m[1]}y", f"{m[1]}min"])),
    ]  # fmt: skip
    rng.shuffle(changes)
    return next((made for change in changes if (made := change()) is not None), None)


def _swap_operator(rng: random.Random, line: str) -> str | None:
    return _subbed(rng, line, _KEY, lambda m: rng.choice(_SWAPS[m[1]]) if m[1] in _SWAPS else None)


def _effect(rng: random.Random, line: str) -> str | None:
    if not re.match(r"\s*(?:- )?(?:effect|otherwise|default|instead):", line):
        return None
    return _subbed(rng, line, re.compile(r"\b(?:allow|require_approval|deny)\b"),
                   lambda m: rng.choice([e for e in _EFFECTS if e != m[0]]))  # fmt: skip


def _constant(rng: random.Random, line: str) -> str | None:
    """A number with a digit more or less or another, a word with a typo, a member that is lost."""

    def number(match: re.Match[str]) -> str:
        text = match[1]
        return (
            rng.choice([f"{text}0", str(int(float(text)) + 1), text[:-1] or "0"])
            + match[0][len(text) :]
        )

    changes: list[Callable[[], str | None]] = [
        lambda: _subbed(rng, line, _AMOUNT, number),
        lambda: _subbed(rng, line, _SPAN, number),
        lambda: _subbed(rng, line, _NUMBER, number),
        lambda: _subbed(rng, line, _VALUE, lambda m: typo(rng, m[1])),
        lambda: _subbed(rng, line, re.compile(r"(?<=\[)[\w./@-]+, "), lambda m: ""),
        lambda: _subbed(rng, line, re.compile(r", [\w./@-]+(?=\])"), lambda m: ""),
        lambda: _subbed(rng, line, _DAY, lambda m: f"{m[1]}-{m[2]}-{int(m[3]) % 28 + 1:02d}"),
        lambda: _subbed(rng, line, re.compile(r"\b(?:true|false)\b"),
                        lambda m: "false" if m[0] == "true" else "true"),
    ]  # fmt: skip
    rng.shuffle(changes)
    return next((made for change in changes if (made := change()) is not None), None)


def _indent(rng: random.Random, line: str) -> str | None:
    if line.startswith(" ") and rng.random() < 0.5:
        return line[1:]
    return rng.choice([" ", "  ", "\t"]) + line


def _punctuation(rng: random.Random, line: str) -> str | None:
    return _subbed(rng, line, re.compile(r"[\[\]{},:\"']"), lambda m: "")


Edit = Callable[[random.Random, str], str | None]
EDITS: Mapping[str, Edit] = {
    "a typo in a key": lambda rng, line: _key(
        rng, line, lambda w: w not in OPERATORS and "." not in w
    ),
    "a typo in an operator": lambda rng, line: _key(rng, line, lambda w: w in OPERATORS),
    "a typo in a field": lambda rng, line: _key(rng, line, lambda w: "." in w),
    "a wrong unit": _unit,
    "one space too many or too few": _indent,
    "a swapped effect": _effect,
    "a swapped operator": _swap_operator,
    "a wrong constant": _constant,
    "a lost sign": _punctuation,
    "a key twice": lambda rng, line: f"{line}\n{line}" if _KEY.match(line.strip(" -")) else None,
    "a missing line": lambda rng, line: "" if line.strip() else None,
}


def mistakes(count: int) -> Iterator[Mistake]:
    """So many different edits, spread evenly over kinds and over the lines of all files; case tables
    are left alone, for they are what must notice.

    Each edit is drawn from its own line and kind only, so that changing a file elsewhere leaves the
    others as they were.
    """
    texts = {
        path: data.decode()
        for path, data in files().items()
        if path.count("/") == 1 and "invariants" not in path
    }
    drawn: dict[str, list[tuple[str, str, int]]] = {kind: [] for kind in EDITS}
    for path, text in texts.items():
        seen: Counter[str] = Counter()
        for at, line in enumerate(_before_cases(text)):
            if not line.strip() or line.strip().startswith("#") or PROSE.search(line):
                continue
            seen[line] += 1
            for kind in EDITS:
                for turn in range(4):
                    name = f"{path} {line} {seen[line]} {kind} {turn}"
                    drawn[kind].append((hashlib.sha256(name.encode()).hexdigest(), path, at))
    for kind in drawn:
        drawn[kind].sort()
    known: set[tuple[str, bytes]] = set()

    def of_kind(kind: str) -> Iterator[Mistake]:
        for digest, path, at in drawn[kind]:
            made = _mistake(kind, path, at, texts[path].split("\n"), random.Random(digest))
            if made is not None and (path, made.data) not in known:
                known.add((path, made.data))
                yield made

    kinds = [of_kind(kind) for kind in drawn]
    left = count
    while kinds and left:
        for each in tuple(kinds):
            mistake = next(each, None)
            if mistake is None:
                kinds.remove(each)
            elif left:
                left -= 1
                yield mistake


def _mistake(kind: str, path: str, at: int, lines: list[str], rng: random.Random) -> Mistake | None:
    line = lines[at]
    new = EDITS[kind](rng, line)
    if new is None or new == line:
        return None
    whole = lines[:at] + ([] if new == "" else [new]) + lines[at + 1 :]
    data = "\n".join(whole).encode()
    return Mistake(kind, path, at + 1, line.strip(), new.strip(), data, line[0] not in " -")


def _before_cases(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[: next((i for i, line in enumerate(lines) if line.startswith("cases:")), None)]


class Judge:
    """Says what becomes of mistakes. What did not change is read and compiled once."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.release = compile_release(files())
        self.meaning = meaning.of_bundle(self._load(files()))

    def of(self, mistake: Mistake) -> Fate:
        try:
            bundle = self._load({**files(), mistake.path: mistake.data})
        except PolicyErrors as errors:
            return self._found(mistake, errors.findings)
        if meaning.of_bundle(bundle) == self.meaning:
            return Fate(mistake, "none")
        failed = self._failed(bundle, mistake.path)
        if failed:
            return Fate(mistake, "cases", failed)
        new = compile_bundle(bundle, {}, "")
        found = difference.diff(self.release, new, cases.AT)
        proved = found.complete and not found.found  # other words for the same
        proved = proved or _implied(mistake)
        return Fate(mistake, "none" if proved else "silent")

    def _found(self, mistake: Mistake, found: tuple[LoadFinding, ...]) -> Fate:
        """`found` when something is said at the line of the mistake, or at what it belongs to: a
        key that is missing is said at the block it is missing from, a lost bracket may be noticed
        one line later."""
        own = [one for one in found if one.path == mistake.path]
        tables = mistake.data.count(b"\n", 0, mistake.data.find(b"\ncases:")) + 1
        if all("/cases/" in one.path or one.line > tables for one in found):
            return Fate(mistake, "cases", str(found[0]))  # a table names what is no longer there
        gone = 2 if mistake.kind == "a missing line" else 1
        near = [one for one in own if abs(one.line - mistake.line) <= gone]
        if near:
            return Fate(mistake, "found", str(near[0]))
        block = _block(mistake)
        if any(one.line in block for one in own):
            return Fate(mistake, "found", str(own[0]))
        if mistake.kind == "a lost sign" and own and own[0].code == "not-yaml":
            return Fate(
                mistake, "found", str(own[0])
            )  # a quote is missed where the next one stands
        words = {word for word in re.findall(r"[\w-]+", mistake.was) if len(word) > 2}
        for one in found:  # a name that is gone is missed where it is used
            if one.code.startswith("unknown-") and words & set(re.findall(r"[\w-]+", one.message)):
                return Fate(mistake, "found", str(one))
        return Fate(mistake, "elsewhere", str(found[0]))

    def _failed(self, bundle: load.Bundle, path: str) -> str:
        made = replace(self.release, bundle=bundle)  # each case compiles what it needs
        variants: dict[str, Release] = {}
        for file in cases.tested(made):
            if file.path == path:
                for case in file.cases:
                    result = cases.ask(made, file, case, variants)
                    if result.problem:
                        return f"{case.name}: {result.problem}"
        return ""

    def _load(self, whole: Mapping[str, bytes]) -> load.Bundle:
        return load.load(whole, TODAY, memory=self.memory)


IMPLIED: Final = {"changes_remote": "sends"}
"""Effects of commands that never come without another: a test looks at every program for it."""


def _implied(mistake: Mistake) -> bool:
    """True where only an effect is lost whose companion still stands in the same list."""
    was, became = (set(re.findall(r"\w+", text)) for text in (mistake.was, mistake.became))
    lost = was - became
    return "effects" in became and any(
        lost == {word} and other in became and len(became - was) <= 1
        for word, other in IMPLIED.items()
    )


def _block(mistake: Mistake) -> set[int]:
    """The lines of the block (rule, limit, mapping) that a line belongs to, in the edited file."""
    lines = mistake.data.decode().split("\n")
    if mistake.top:
        return {1, 2, 3}  # the file itself, which begins there
    at = min(mistake.line - 1, len(lines) - 1)
    if mistake.kind == "a missing line" and not lines[at].startswith("   "):
        at -= 1
    start = at
    while start > 0 and (lines[start].startswith(("   ", "\t")) or not lines[start].strip()):
        start -= 1
        if re.match(r"  - id:", lines[start]):
            break
    end = at
    while end + 1 < len(lines) and (
        lines[end + 1].startswith("    ") or not lines[end + 1].strip()
    ):
        end += 1
    return set(range(start + 1, end + 3))


def judged(count: int) -> list[Fate]:
    """What becomes of so many mistakes (those that change no meaning are not counted)."""
    judge = Judge()
    out: list[Fate] = []
    for mistake in mistakes(4 * count):
        fate = judge.of(mistake)
        if fate.fate != "none":
            out.append(fate)
        if len(out) == count:
            break
    return out
