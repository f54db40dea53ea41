"""Proving what must never be allowed: of a folder of files, or of a release that is kept.

Law: nothing here touches the log. The search runs in a process of its own, within a budget of steps
for each invariant; *proved* is said of what was searched to the end, and *refuted* with a request
that was decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from governance.engine import prove as proving
from governance.engine.compile import Release
from governance.engine.refreshed import refreshed, too_old
from governance.service import child, drafts
from governance.service.comparing import named
from governance.service.desk import Desk

BUDGET: Final = proving.BUDGET
_WORSE: Final = frozenset(
    [("proved", "refuted"), ("not proved", "refuted"), ("proved", "not proved")]
)


def prove(
    files: Mapping[str, bytes],
    at: datetime | None = None,
    *,
    budget: int = BUDGET,
    released: bool = False,
) -> dict[str, Any]:
    """The invariants of files, for every request from `at` on (now).

    `{ok, proved, refuted, not_proved, budget, proofs}`: `ok` = every invariant is proved. A proof is
    `{name, title, result, steps, why, action, effect, by, witness}`; `result` is `proved`, `refuted`
    (then a request by field is the `witness`, and `by` what decides it) or `not proved` (then
    `why`). The files are a draft unless they were `released`. Raises `Problem` for files that do not
    load.
    """
    moment = at or datetime.now(UTC)  # noqa: TID251 - what lapses is proved from today on
    return child.run(proved, dict(files), moment, budget, released)


def proved(files: Mapping[str, bytes], at: datetime, budget: int, released: bool) -> dict[str, Any]:
    """As `prove`, here and now."""
    return of_release(drafts.compiled(files, released=released), at, budget)


def of_release(release: Release, at: datetime, budget: int = BUDGET) -> dict[str, Any]:
    """As `prove`, for a release that is compiled.

    Where a list is too old, what it opens once it is refreshed is refuted, too: nobody signs that.
    """
    proofs = proving.prove(release, None, at, budget)
    lists = too_old(release, at)
    if lists:
        fresh = proving.prove(refreshed(release, at), None, at, budget)
        why = f"once {', '.join(f'`{name}`' for name in lists)} is refreshed, for it is too old now"
        proofs = tuple(
            replace(later, why=why) if (now.result, later.result) in _WORSE else now
            for now, later in zip(proofs, fresh, strict=True)
        )
    counts = {
        result: sum(each.result == result for each in proofs)
        for result in ("proved", "refuted", "not proved")
    }
    return {
        "ok": counts["proved"] == len(proofs),
        "proved": counts["proved"],
        "refuted": counts["refuted"],
        "not_proved": counts["not proved"],
        "budget": budget,
        "proofs": [plain(each) for each in proofs],
    }


def plain(proof: proving.Proof) -> dict[str, Any]:
    """A proof as plain values."""
    return {
        "name": proof.name,
        "title": proof.title,
        "result": proof.result,
        "steps": proof.steps,
        "why": proof.why,
        "action": proof.action,
        "effect": proof.effect,
        "by": proof.by,
        "witness": dict(proof.witness),
    }


def of(desk: Desk, side: str | Mapping[str, bytes], *, budget: int = BUDGET) -> dict[str, Any]:
    """As `prove`, of files or of a release by name: `in-force`, or its digest."""
    files = named(desk, side) if isinstance(side, str) else side
    return prove(files, desk.now(), budget=budget, released=isinstance(side, str))
