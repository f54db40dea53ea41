"""What policies, risk points and invariants are read for alike: dates, numbers, conditions that hold.

Law: the same mistake is said in the same words in whichever file it stands.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from governance.engine.never import contradiction
from governance.engine.reach import conjuncts, reached
from governance.engine.reading import Way
from governance.engine.rules import Condition

if TYPE_CHECKING:
    from governance.engine.policyfile import Reader
    from governance.engine.scope import Scope


def day(reader: Reader, raw: str, way: Way) -> date | None:
    """A date such as 2027-05-31, or None after a finding was added."""
    try:
        return date.fromisoformat(raw)
    except ValueError:
        reader.wrong(way, "wrong-form", f"`{raw}` is not a date", "such as 2027-05-31")
        return None


def review(reader: Reader, at: date | None) -> date | None:
    """The day by which a file is reviewed, which is not over on the day of a check."""
    due = day(reader, reader.document.data["review_by"], ("review_by",))
    if at is not None and due is not None and due < at:
        reader.wrong(("review_by",), "review-overdue", f"the review was due on {due}",
                     "review the file and set a new date")  # fmt: skip
    return due


def numbered(reader: Reader, *keys: str) -> None:
    """No number is used twice in the sequences under these keys together."""
    data: dict[str, Any] = reader.document.data
    known = set[str]()
    for key in keys:
        for i, one in enumerate(data.get(key) or ()):
            if one["id"] in known:
                reader.wrong((key, i, "id"), "duplicate-id",
                             f"`{one['id']}` is used twice in this file", "number it anew")  # fmt: skip
            known.add(one["id"])


def reaches(
    reader: Reader,
    scope: Scope,
    condition: Condition,
    way: Way,
    where: str = "of the catalogue",
    hint: str = "",
) -> None:
    """A condition that holds for no action, or contradicts itself, is an error."""
    if not reached(condition, scope.actions):
        reader.wrong(way, "never-matches", f"this can match no action {where}", hint)
        return
    clash = contradiction(conjuncts(condition), scope.types)
    if clash is not None:
        at = (*way, clash[0].field)
        reader.wrong(at, "never-matches", f"this can never match: {clash[1]}", key=True)
