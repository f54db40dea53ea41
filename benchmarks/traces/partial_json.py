"""Reads JSON that was cut off. The law: only what is complete comes out, never half a value."""

from __future__ import annotations

import json
from typing import Any


def read(text: str, cut: bool) -> Any:
    """The value of a JSON text; of a cut one, the value up to its last complete member.

    A cut text (a lone string) keeps its words up to the last blank. Anything that is not JSON comes
    back as the text it is.
    """
    try:
        return json.loads(text)
    except ValueError:
        pass
    if not cut:
        return text
    if text[:1] == '"':
        return _string(text)
    closed = _closed(text)
    return text if closed is None else json.loads(closed)


def _string(text: str) -> str:
    for end in range(len(text), max(1, len(text) - 12), -1):
        try:
            return str(json.loads(text[:end] + '"')).rpartition(" ")[0]
        except ValueError:
            continue
    return ""


def _closed(text: str) -> str | None:
    """The text up to the last comma after a complete member, with every bracket closed; None if
    nothing is complete."""
    stack: list[str] = []
    best: str | None = None
    inside = escaped = False
    for i, letter in enumerate(text):
        if inside:
            if escaped:
                escaped = False
            elif letter == "\\":
                escaped = True
            elif letter == '"':
                inside = False
        elif letter == '"':
            inside = True
        elif letter in "[{":
            stack.append("]" if letter == "[" else "}")
        elif letter in "]}":
            if stack:
                stack.pop()
        elif letter == "," and stack:
            best = text[:i] + "".join(reversed(stack))
    return best
