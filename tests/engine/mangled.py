"""Texts as tired hands and broken editors leave them: a few seeded edits of a policy file."""

from __future__ import annotations

from random import Random

_PIECES = (
    ": ", "- ", "[", "]", "{", "}", ",", "#", " # why", "\n# why\n", "'", '"', "&a ", "*a", "<<: ",
    "!!str ", "|", ">-", "|2\n", "? ", "~", "null", "yes", "1e3", "0x1F", "1_000", ".5", "\t", " ",
    "\n", "\r\n", "\r", "\x85", "\u2028", "\ufeff", "\x00", "\x7f", "ä", "\U0001f600", "---\n",
    "...\n", "%YAML 1.1\n", "2026-11-20", "12:30:00", "\\", "@", "`", "=", "$", "a: b: c",
)  # fmt: skip
"""What YAML reads in more than one way, or not at all."""


def mangled(text: str, chance: Random, edits: int) -> str:
    """The text after so many edits: pieces put in or taken out, lines moved, doubled or indented."""
    for _ in range(edits):
        text = chance.choice((_put, _cut, _line))(text, chance)
    return text


def _put(text: str, chance: Random) -> str:
    at = chance.randrange(len(text) + 1)
    if chance.random() < 0.5:  # where a token begins or ends is where most goes wrong
        at = next((i for i in range(at, len(text)) if text[i] in " :,[]{}\n"), at)
    return text[:at] + chance.choice(_PIECES) + text[at:]


def _cut(text: str, chance: Random) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + text[at + chance.randint(1, 4) :]


def _line(text: str, chance: Random) -> str:
    lines = text.split("\n")
    at, to = chance.randrange(len(lines)), chance.randrange(len(lines))
    way = chance.randrange(5)
    if way == 0:
        lines.insert(to, lines[at])
    elif way == 1:
        lines.insert(to, lines.pop(at))
    elif way == 2:
        lines[at] = " " * chance.randint(1, 3) + lines[at]
    elif way == 3:
        lines[at] = lines[at][1:]
    else:
        lines[at] += "  # note: [so]"
    return "\n".join(lines)
