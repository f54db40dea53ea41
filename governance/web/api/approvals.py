"""Routes of approvals."""

from __future__ import annotations

from collections.abc import Mapping
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


def grant_approval(call: Call) -> Mapping[str, Any]:
    """Yes, with each point of the checklist confirmed."""
    checklist = tuple(call.body.get("checklist", ()))
    return asking.grant(call.desk, call.who, call.given["id"], **_said(call), checklist=checklist)


def refuse_approval(call: Call) -> Mapping[str, Any]:
    """No; one is enough."""
    return asking.refuse(call.desk, call.who, call.given["id"], **_said(call))


def _said(call: Call) -> dict[str, Any]:
    body = call.body
    return {
        "digest": body["digest"],
        "evidence": body["evidence"],
        "reason": body.get("reason"),
        "role": body.get("role"),
    }


def cancel_approval(call: Call) -> Mapping[str, Any]:
    """Withdraw a request."""
    return asking.cancel(call.desk, call.who, call.given["id"])


HANDLERS: Mapping[str, Handler] = {
    "listApprovals": list_approvals,
    "showApproval": show_approval,
    "grantApproval": grant_approval,
    "refuseApproval": refuse_approval,
    "cancelApproval": cancel_approval,
}
