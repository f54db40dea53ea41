"""What is known of the log's head outside, in words.

Law: a head counts as kept outside as far as an anchor confirmed it, and no further; a copy on the
workspace's own disk is called that. That somebody watches what an anchor holds is not claimed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from governance.service import anchors
from governance.service.anchors import Known
from governance.web.console.present import number, span
from governance.web.console.views import AnchorView, Verdict

UNANCHORED = anchors.UNANCHORED
SAME_DISK = "copied to a file on the same disk"
ANCHORED = anchors.ANCHORED
KINDS = {
    "file": "a file",
    "git": "a git repository",
    "webhook": "a webhook",
    "mail": "a mailbox",
    "witness": "a witness",
    "timestamp": "a time-stamping authority",
}


@dataclass(frozen=True, slots=True)
class Outside:
    """How far the log is known outside: the first `size` entries; `said` in a sentence or two, `kept`
    in a few words. `is_fresh`: an anchor apart from this disk confirms heads in time, and none
    contradicts the log.
    """

    size: int
    is_fresh: bool
    said: str
    kept: str = UNANCHORED
    is_apart: bool = False
    anchors: tuple[AnchorView, ...] = ()
    quorum: str = ""

    def covers(self, index: int) -> bool:
        """Whether entry `index` is in a head that somebody outside confirmed."""
        return self.is_apart and index < self.size


def told(found: anchors.Outside, at: datetime) -> Outside:
    """What the service knows of its anchors, for pages made at `at`."""
    best = max(
        (each for each in found.anchors if each.size is not None),
        key=lambda each: (each.apart, each.size or 0),
        default=None,
    )
    return Outside(
        size=0 if best is None else best.size or 0,
        is_fresh=found.state == anchors.ANCHORED,
        said=_sentence(found, best, at),
        kept=SAME_DISK if found.state == anchors.SAME_DISK else found.state,
        is_apart=best is not None and best.apart and not found.conflicts,
        anchors=tuple(_view(each) for each in found.anchors),
        quorum=_quorum(found),
    )


def _sentence(found: anchors.Outside, best: Known | None, at: datetime) -> str:
    if not found.anchors:
        return (
            "Nothing outside has seen this head: whoever holds the key and the disk could still"
            " rewrite the log unnoticed."
        )
    if best is None or best.at is None:
        return "No anchor has confirmed a head yet; tell the operator."
    ago = span(max(at - best.at, timedelta(seconds=1)))
    first = (
        f"The first {number(best.size or 0)} entries are in a head that {_named(best)} confirmed"
    )
    said = f"{first} {ago} ago"
    if not best.apart:
        said += ", on the same disk: whoever can rewrite the log can rewrite the copy, too"
    said += "."
    for each in found.conflicts:
        said += f" {_capital(_named(each).rstrip(','))}, showed a head that is not in this log."
    if found.kept == UNANCHORED:
        said += " No anchor has confirmed what came since in time: it could still be rewritten."
    return said


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _named(best: Known) -> str:
    kind = KINDS[best.kind]
    return kind if kind.endswith(f" {best.name}") else f"{best.name}, {kind},"


def _view(known: Known) -> AnchorView:
    verdict, said = Verdict("plain", "Confirms"), ""
    if known.conflict is not None:
        verdict = Verdict("deny", "Contradicts the log")
        said = f"It showed a head that is not in this log; see entry {known.conflict.entry}."
    elif known.error:
        verdict, said = Verdict("unknown", "Not reached"), known.error
    elif known.size is None:
        verdict = Verdict("unknown", "Nothing yet")
    elif not known.apart:
        said = "On the same disk as the log."
    return AnchorView(
        known.name, KINDS[known.kind], known.target, known.size, known.at, verdict, said
    )


def _quorum(found: anchors.Outside) -> str:
    if found.quorum is None:
        return ""
    met = "is met" if found.quorum.met else "is not met"
    size = "" if found.quorum.size is None else f" at {number(found.quorum.size)} entries"
    return f"The quorum of the trust policy {met}{size}: {'; '.join(found.quorum.said)}."
