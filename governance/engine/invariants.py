"""Reads what must never be allowed, whatever the policies say. The law: it is as exact as a rule.

Invariants are written in the language of the rules and decide nothing: every release is proved
against them (`prove`). What could match no action, or contradicts itself, is an error, because it
would be proved of anything.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from governance.engine import conditions, rules
from governance.engine.common import numbered, reaches, review
from governance.engine.model import Seat
from governance.engine.reading import Way

if TYPE_CHECKING:
    from governance.engine.policyfile import Reader


def read_invariants(reader: Reader, at: date | None) -> rules.Invariants | None:
    """The invariants of a document whose shape was checked, or None after findings were added.

    `at` is the day of the check; None skips what lapses with time.
    """
    data, before = reader.document.data, len(reader.findings.items)
    review_by = review(reader, at)
    numbered(reader, "never")
    made = [_invariant(reader, one, ("never", i)) for i, one in enumerate(data["never"])]
    reader.book.check_unused()
    if len(reader.findings.items) > before or review_by is None:
        return None
    return rules.Invariants(
        name=data["invariants"],
        title=data["title"],
        owner=data["owner"],
        review_by=review_by,
        never=tuple(one for one in made if one is not None),
        lists=dict(reader.book.used),
        path=reader.document.path,
    )


def _invariant(reader: Reader, data: dict[str, Any], way: Way) -> rules.Invariant | None:
    scope = reader.scope(reader.everything)
    when = conditions.read(scope, data["when"], (*way, "when"))
    if when is None:
        return None
    reaches(reader, scope, when, (*way, "when"), hint="so it would always be proved")
    without = data.get("without") or {}
    seats = [Seat(role, int(count)) for count, role in
             (seat.split() for seat in without.get("needs") or ())]  # fmt: skip
    if len({seat.role for seat in seats}) < len(seats):
        reader.wrong((*way, "without", "needs"), "duplicate-role", "a role is named twice",
                     "write `2 treasurer`")  # fmt: skip
    line, column = reader.document.place(way)
    return rules.Invariant(
        id=data["id"],
        title=data["title"],
        when=when,
        because=data["because"],
        people=without.get("people", 0),
        needs=tuple(seats),
        waivable_by=_waivers(reader, data, way),
        controls=tuple(data.get("controls") or ()),
        line=line,
        column=column,
    )


def _waivers(reader: Reader, data: dict[str, Any], way: Way) -> tuple[str, ...]:
    given = data.get("may_be_waived_by", "nobody")
    roles = given if isinstance(given, list) else [given]
    if roles == ["nobody"]:
        return ()
    if "nobody" in roles or not roles:
        reader.wrong((*way, "may_be_waived_by"), "wrong-form", "write `nobody`, or roles")
    return tuple(roles)
