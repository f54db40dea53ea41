"""Whether decisions can be taken and recorded now.

Law: ready means that an allow could be given and proven this moment. Each failing check is named
with a sentence that says what to do, and no failing check is hidden by another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from governance.service.desk import Desk

Check = Callable[[Desk], str | None]


def failing(desk: Desk) -> Mapping[str, str]:
    """The failing checks by name, empty when ready. A check that breaks counts as failing."""
    found: dict[str, str] = {}
    for name, check in CHECKS.items():
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


CHECKS: Mapping[str, Check] = {"log": _log, "policy": _policy}
