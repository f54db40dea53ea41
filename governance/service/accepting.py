"""What a signature under a proposal accepts, and what its signer has to see before.

Law: pure, and the same for every surface; nobody is asked to sign what becomes looser unseen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from governance.service.examining import kinds_looser, no_longer_asked


def accepted(attached: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a signature accepts, each apart, by name and as the end of a sentence: looser answers,
    promises given up, what was not proved. `attached` is what was found out about the proposal."""
    diff, given_up = attached.get("diff", {}), attached.get("proofs", {}).get("given_up", ())
    if diff.get("looser"):
        yield "looser", kinds_looser(int(diff["looser"]))
    if given_up:
        yield "given_up", no_longer_asked(given_up)
    if diff and (not diff["complete"] or diff.get("outcome") == "incomplete"):
        yield "unproved", "it was not proved that nothing else becomes looser"


def shown(diff: Mapping[str, Any], most: int) -> Sequence[Mapping[str, Any]]:
    """All that becomes looser, which stands first; with the rest, at most so many."""
    rows: Sequence[Mapping[str, Any]] = diff.get("differences", ())
    return rows[: max(_looser_kept(diff), most)]


def left_out(diff: Mapping[str, Any], most: int) -> Iterator[str]:
    """What `shown` leaves out, in sentences."""
    if more := len(diff["differences"]) - len(shown(diff, most)):
        yield f"{more} more are in `governance policy proposal NUMBER -o json`."
    if lost := diff.get("more", 0):
        yield f"{lost} more were not kept; propose the files in smaller parts to see them."


def unseen(attached: Mapping[str, Any]) -> str:
    """Why nobody can be shown all that becomes looser, as a sentence, or nothing."""
    diff = attached.get("diff", {})
    looser, kept = int(diff.get("looser") or 0), _looser_kept(diff)
    if looser <= kept:
        return ""
    return (
        f"{kinds_looser(looser)}, of which only {kept} were kept: nobody can be shown what they would "
        "sign; propose the files in smaller parts."
    )


def _looser_kept(diff: Mapping[str, Any]) -> int:
    return sum(bool(each["looser"]) for each in diff.get("differences", ()))
