"""What two sets of policy files answer differently: folders, drafts, releases by digest.

Law: nothing here touches the log. Comparing runs in a process of its own, within a budget of steps;
what was not searched is said, and *same* is said only when it was proved. Every difference was
decided by both sides before it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from governance.engine import difference, meaning
from governance.engine.compile import Release
from governance.engine.refreshed import refreshed, too_old
from governance.service import child, drafts
from governance.service.desk import Desk
from governance.service.problem import Problem
from governance.store.blobs import BlobError

IN_FORCE: Final = "in-force"
BUDGET: Final = difference.BUDGET
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")

Files = Mapping[str, bytes]


def compare(
    old: Files,
    new: Files,
    at: datetime | None = None,
    *,
    budget: int = BUDGET,
    released: bool = False,
) -> dict[str, Any]:
    """Which requests the new files answer differently from `at` on (now), each kind with a witness.

    `{outcome, complete, open, steps, budget, looser, tighter, differences, meaning}`: `outcome` is `same`,
    `looser`, `tighter`, `changed` (some looser, some tighter) or `incomplete`; `open` names actions
    that were not searched to the end, with the reason; `looser` and `tighter` are counts. A
    difference is `{action, kind, looser, before, after, was, by, witness, note}`; `kind` is
    `verdict`, `approval`, `waiver`, `obligation` or `catalogue`, `witness` a request by field.
    `meaning` holds the digest of meaning of either side (hex SHA-256): equal ones decide equally.
    The new files are a draft unless they were `released`; what has lapsed in the old ones is what the
    new ones may put right. Raises `Problem` for files that do not load.
    """
    moment = at or datetime.now(UTC)  # noqa: TID251 - what lapses is compared from today on
    return child.run(compared, dict(old), dict(new), moment, budget, released)


def compared(old: Files, new: Files, at: datetime, budget: int, released: bool) -> dict[str, Any]:
    """As `compare`, here and now."""
    before = drafts.compiled(old, released=True, cannot="the old files cannot be compared")
    after = drafts.compiled(new, released=released, cannot="the new files cannot be compared")
    found = differences(before, after, at, budget)
    return {
        "outcome": found.outcome,
        "complete": found.complete,
        "open": dict(found.open),
        "steps": found.steps,
        "budget": budget,
        "looser": sum(each.looser for each in found.found),
        "tighter": sum(not each.looser for each in found.found),
        "differences": [plain(each) for each in found.found],
        "meaning": [meaning.of_bundle(before.bundle), meaning.of_bundle(after.bundle)],
    }


def differences(
    old: Release, new: Release, at: datetime, budget: int = BUDGET
) -> difference.Differences:
    """What the new release answers differently, also once lists that are too old are refreshed: a
    member that nobody can be paid for today counts from the next newer date on."""
    return also_refreshed(lambda one, other: difference.diff(one, other, at, budget), at, old, new)


def also_refreshed(
    search: Callable[..., difference.Differences], at: datetime, *releases: Release
) -> difference.Differences:
    """What `search` finds in releases as they are, and once their lists that are too old are refreshed."""
    found = search(*releases)
    lists = sorted({name for each in releases for name in too_old(each, at)})
    if not lists:
        return found
    fresh = search(*(refreshed(each, at) for each in releases))
    note = f"once {', '.join(f'`{name}`' for name in lists)} is refreshed, for it is too old now"
    known = {_told(each) for each in found.found}
    later = [
        replace(each, note=f"{each.note}; {note}" if each.note else note, situation=None)
        for each in fresh.found
        if _told(each) not in known
    ]
    both = sorted([*found.found, *later], key=lambda each: not each.looser)
    return difference.Differences(
        tuple(both), {**fresh.open, **found.open}, found.steps + fresh.steps
    )


KIND: Final = ("action", "kind", "looser", "before", "after", "was", "by")
"""What makes two differences one kind of requests."""


def _told(each: difference.Difference) -> tuple[object, ...]:
    return tuple(getattr(each, name) for name in KIND)


def plain(each: difference.Difference) -> dict[str, Any]:
    """A difference as plain values."""
    bare = replace(each, situation=None)
    return {
        "action": bare.action,
        "kind": bare.kind,
        "looser": bare.looser,
        "before": bare.before,
        "after": bare.after,
        "was": bare.was,
        "by": bare.by,
        "witness": dict(bare.witness),
        "note": bare.note,
    }


def named(desk: Desk, name: str) -> dict[str, bytes]:
    """The files of a release that is kept: `in-force`, or a digest (64 hexadecimal digits).

    Raises `Problem` for a name that is neither, and for a release that is not kept here.
    """
    digest = desk.state.release if name == IN_FORCE else name
    if digest is None:
        raise Problem("unknown", "no release is in force yet")
    if not _DIGEST.fullmatch(digest):
        raise Problem(
            "bad-field", f"`{name}` is neither `{IN_FORCE}` nor the digest of a release (64 digits)"
        )
    try:
        return desk.releases.files(digest)
    except BlobError:
        raise Problem("unknown", f"release `{digest}` is not kept here") from None


def between(
    desk: Desk, old: str | Files, new: str | Files, *, budget: int = BUDGET
) -> dict[str, Any]:
    """As `compare`, with releases by name (see `named`) or files on either side."""
    one = named(desk, old) if isinstance(old, str) else old
    other = named(desk, new) if isinstance(new, str) else new
    return compare(one, other, desk.now(), budget=budget, released=isinstance(new, str))
