"""What a proposal changes, for a terminal: each thing in words beside what is said now, and files line
by line.

Law: the short form names everything that changes; the long one says all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from governance.cli.transport import Api, Failed
from governance.engine.book import EFFECTS

_SIGNS: Final = {"same": " ", "new": "+", "gone": "-"}


def changes_of(api: Api, number: int) -> dict[str, Any] | None:
    """What a proposal changes, or None where its files cannot be read any more."""
    try:
        found: dict[str, Any] = api.get(f"/v1/policies/proposals/{number}/changes")
    except Failed:
        return None
    return found


def text_of(api: Api, number: int, path: str) -> Any:
    """One file of a proposal, line by line."""
    return api.get(f"/v1/policies/proposals/{number}/text?path={quote(path, safe='/')}")


def lines(found: Mapping[str, Any] | None, *, full: bool = False) -> Iterator[str]:
    """What changes, file by file; `full`: in words, the new and the old."""
    if found is None:
        yield "changes: NOT SHOWN: the files cannot be read"
        return
    counts = found["counts"]
    yield f"changes: {counts['new']} new, {counts['changed']} changed, {counts['gone']} gone"
    for file in found["files"]:
        if file["how"] == "same" and not file["changes"]:
            continue
        yield f"  {file['how']} file {file['path']}"
        if not file["changes"]:
            yield "    the same in words: its cases, comments or layout are other ones"
        for change in file["changes"]:
            told = change["now"] or change["before"]
            yield f"    {change['how']} {change['kind']} {change['id']}: {told['title']}"
            if full:
                yield from _sides(change)


def _sides(change: Mapping[str, Any]) -> Iterator[str]:
    for head, side in (("would be", change["now"]), ("is now", change["before"])):
        if side is None:
            continue
        does = ", ".join(each for each in (EFFECTS[side["effect"]], side["severity"]) if each)
        yield f"      {head}: {side['title']}{f' ({does})' if does else ''}"
        yield f"        {side['sentence']}"
        for point in side["points"]:
            yield f"          - {point}"
        if side["because"]:
            yield f"        Why: {side['because']}"
        if side["owner"]:
            yield f"        Owner: {side['owner']}"
        if side["controls"]:
            yield f"        Evidence for: {', '.join(side['controls'])}"


def text_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """A file with its numbers; `+` comes, `-` goes."""
    yield f"{found['path']}: {found['how']}" + (
        f", sha256:{found['digest']}" if found["digest"] else ""
    )
    for mark, before, now, text in found["lines"]:
        yield f"{now or before:>6} {_SIGNS[mark]} {text}".rstrip()
