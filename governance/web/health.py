"""Whether decisions can be taken and recorded now.

Law: ready means that an allow could be given and proven this moment. Each failing check is named
with a sentence that says what to do, and no failing check is hidden by another. Degraded is what an
operator must see to while answers go on: a log that nobody outside has seen, a promise that does not
hold, policy files that are no longer where they were kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from governance.service import anchors, proposals
from governance.service.desk import Desk

Check = Callable[[Desk], str | None]


def failing(desk: Desk) -> Mapping[str, str]:
    """The failing checks by name, empty when ready. A check that breaks counts as failing."""
    return _complaints(desk, CHECKS)


def degraded(desk: Desk) -> Mapping[str, str]:
    """What is not as it should be although answers can be given, by name."""
    return _complaints(desk, WORRIES)


def _complaints(desk: Desk, checks: Mapping[str, Check]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, check in checks.items():
        try:
            complaint = check(desk)
        except Exception as error:
            complaint = f"the check itself failed ({type(error).__name__}); see the service's log"
        if complaint is not None:
            found[name] = complaint
    return found


def _policy(desk: Desk) -> str | None:
    if desk.state.release is None:
        return "no policy release is in force; `governance policy release` proposes and signs one"
    return None


def _log(desk: Desk) -> str | None:
    complaint: str | None = desk.ledger.ready
    return complaint


def _files(desk: Desk) -> str | None:
    release, shared = desk.state.release, desk.workspace.paths.log_database.shared
    if release is None or shared or desk.releases.kept(release):
        return None
    return (
        f"the files of the policy release in force are not in {desk.blobs.place}, so the service "
        "could not start again; copy the folder back from a backup before it is stopped"
    )


ANCHORS = "anchors"


def _invariants(desk: Desk) -> str | None:
    names = proposals.refuted(desk)
    if not names:
        return None
    said = ", ".join(f"`{name}`" for name in names)
    return (
        f"what must never be allowed can happen under the release in force: {said}; see `governance "
        "policy prove in-force`, and release rules under which it holds"
    )


CHECKS: Mapping[str, Check] = {"log": _log, "policy": _policy, ANCHORS: anchors.contradicted}
WORRIES: Mapping[str, Check] = {
    ANCHORS: anchors.degraded,
    "invariants": _invariants,
    "policy files": _files,
    "lists": lambda desk: desk.workspace.views.trouble,
}
