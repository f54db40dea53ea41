"""An anchor that contradicts the log: both heads, what that can mean, and what two people do about it.

Law: the page never says which of two histories is the true one. It shows what the anchor showed, byte
for byte, beside what this log is, and leaves the judgement to people; settling changes neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit import checkpoint as checkpoints
from audit import note as notes
from audit.encoding import b64
from audit.errors import LogError
from governance.service import anchoring, anchors
from governance.service.people import name_of
from governance.service.problem import Problem
from governance.web.console.framing import allowed
from governance.web.console.outside import KINDS
from governance.web.console.present import number
from governance.web.console.views import ContradictionView, May

if TYPE_CHECKING:
    from governance.service.anchors import Conflict, Known
    from governance.service.desk import Desk

RIGHT = "settle a conflict of an anchor"
_AHEAD = (
    "It knows more entries than this log has. Either another copy of this log runs somewhere and goes "
    "on writing, or this log was put back to an older state, a restored backup for instance."
)
_FORKED = (
    "It knows another history of the same length. Either another copy of this log runs somewhere, or "
    "entries were changed after their head had been handed out: here, or in what the anchor holds."
)
_REFUSED = (
    "It refused a head of this log and did not show the one it holds. Ask whoever runs it what it "
    "holds; until then it cannot be told which of the two histories has changed."
)


def view(desk: Desk, person: str, name: str) -> ContradictionView:
    """What is known of the contradiction of one anchor. Raises `Problem` where there is none."""
    known = next((each for each in anchors.outside(desk).anchors if each.name == name), None)
    if known is None or known.conflict is None:
        raise Problem("unknown", f"no anchor `{name[:60]}` contradicts this log: nothing to settle")
    found = known.conflict
    shown = anchoring.evidence_of(desk, name)
    root, signed = _read(desk, shown)
    size = desk.reader.size
    ours = None
    if found.shown is not None and 0 < found.shown <= size:
        ours = b64(desk.reader.frontier(found.shown).root())
    alone = desk.state.single_person
    looked = found.looked_by if found.looked_by in desk.state.people else None
    return ContradictionView(
        name=name,
        kind=KINDS[known.kind],
        where=known.target,
        index=found.entry,
        at=desk.reader.entry(found.entry).at,
        size=found.shown,
        root=root,
        signed=signed,
        held=found.held,
        now=size,
        our_root=ours,
        means=_meaning(known, found, size, root is not None and root == ours),
        shown=shown.decode("utf-8", "replace"),
        looked_by="" if looked is None else name_of(desk, looked),
        settles=looked is not None or alone,
        may=_may(desk, person, looked),
    )


def _read(desk: Desk, shown: bytes) -> tuple[str | None, str]:
    """The root in what was shown, and who signed it, in words."""
    try:
        tree = checkpoints.parse(notes.split(shown)[0])
    except LogError:
        return None, "It shows no head that can be read."
    try:
        notes.open_note(shown, anchors.verifiers(desk))
    except LogError:
        return b64(tree.root), "No key of this log signed it."
    return b64(tree.root), "It is signed with this log's key."


def _meaning(known: Known, found: Conflict, size: int, same: bool) -> str:
    if found.shown is None:
        return _REFUSED
    if found.shown > size:
        return _AHEAD
    if same:
        return (
            f"When it was found, this log had {number(found.held)} entries, fewer than were shown. By "
            "now the log has grown to the head that was shown, and agrees with it: it was a copy or "
            "a process of this log that was ahead."
        )
    return _FORKED


def _may(desk: Desk, person: str, looked: str | None) -> May:
    may = allowed(desk.state, person, RIGHT)
    if may.yes and looked == person and not desk.state.single_person:
        return May(False, "You have said what you found; it takes another person.")
    return may
