"""Routes of approvals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from governance.service import asking
from governance.web.api.call import Call, Handler


def list_approvals(call: Call) -> Mapping[str, Any]:
    """Open approvals, or those in another state, newest first."""
    state = call.given.get("state", "open")
    if state == "open":
        found = asking.listed(call.desk, call.who)
        return {"approvals": found["approvals"][: call.given.get("limit", 500)]}
    return asking.found(call.desk, call.who, state=state, limit=call.given.get("limit", 100))


def show_approval(call: Call) -> Mapping[str, Any]:
    """Everything needed to decide; the log records that this person was shown it."""
    return asking.show(call.desk, call.who, call.given["id"])


def _answering(verb: Callable[..., dict[str, Any]]) -> Handler:
    def handler(call: Call) -> Mapping[str, Any]:
        body = call.body
        return verb(
            call.desk,
            call.who,
            call.given["id"],
            digest=body["digest"],
            evidence=body["evidence"],
            reason=body.get("reason"),
            role=body.get("role"),
        )

    return handler


def cancel_approval(call: Call) -> Mapping[str, Any]:
    """Withdraw a request."""
    return asking.cancel(call.desk, call.who, call.given["id"])


HANDLERS: Mapping[str, Handler] = {
    "listApprovals": list_approvals,
    "showApproval": show_approval,
    "grantApproval": _answering(asking.grant),
    "refuseApproval": _answering(asking.refuse),
    "cancelApproval": cancel_approval,
}
