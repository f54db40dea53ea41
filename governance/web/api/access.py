"""The AuthZEN Access Request & Approval profile: asking for an approval and following it.

Law: a request is bound to one recorded denial. The decision named by `denial.evaluation_id` must be
this caller's, must have required approval, must be fresh, and must be about exactly the submitted
action; the caller's own copy of the denial is believed in nothing. Errors are the profile's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from governance.oversight.errors import Refused
from governance.service import asking, deciding
from governance.service.problem import Problem
from governance.web.api.call import Call, Handler
from governance.web.authzen import check_evaluation
from governance.web.parsing import bad_request

_URN: Final = "urn:openid:authzen:access-request:error:"
_TITLES: Final = {
    "not_requestable": (400, "this denial cannot be appealed"),
    "expired_denial": (410, "the denial is too old to be appealed"),
    "invalid_denial_binding": (400, "the request does not belong to that denial"),
    "unknown_task": (404, "there is no such access request"),
}
# what our verbs say -> what the profile calls it
_ON_REQUEST: Final = {
    "unknown": "invalid_denial_binding",
    "wrong-subject": "invalid_denial_binding",
    "conflict": "not_requestable",
    "expired": "expired_denial",
}
_ON_READ: Final = {"unknown": "unknown_task", "wrong-subject": "unknown_task"}
_STATUS: Final = {
    "open": "pending",
    "granted": "approved",
    "used": "approved",
    "refused": "denied",
    "expired": "expired",
    "cancelled": "cancelled",
}


def request_access(call: Call) -> Mapping[str, Any]:
    """Open the approval request for a denied evaluation; 201 with the task."""
    for name, instead in (
        ("items", "send one access request for each action"),
        ("callback", "read the task's status instead"),
    ):
        if name in call.body:
            raise bad_request(f"`{name}` is not taken here; {instead}", name)
    request = {name: call.body[name] for name in ("subject", "action", "resource")}
    if "context" in call.body:
        request["context"] = call.body["context"]
    check_evaluation(request)
    decision = int(call.body["denial"]["evaluation_id"])
    try:
        if not deciding.matches(call.desk, call.who, request, decision):
            raise _error(
                "invalid_denial_binding",
                f"decision `{decision}` was about another subject, action, resource or arguments;"
                " send those of the denied evaluation unchanged",
                "denial.evaluation_id",
            )
        asked = asking.ask(call.desk, call.who, decision=decision, note=_note(call.body))
        status = asking.status(call.desk, call.who, asked["approval"])
    except Refused as refused:
        raise _translated(refused, _ON_REQUEST) from refused
    return task(call, {**status, "receipt": asked.get("receipt")})


def read_access_request(call: Call) -> Mapping[str, Any]:
    """The task and, once approved, what to send at `context.approval`."""
    try:
        status = asking.status(call.desk, call.who, call.given["id"])
    except Refused as refused:
        raise _translated(refused, _ON_READ) from refused
    return task(call, status)


def task(call: Call, status: Mapping[str, Any]) -> dict[str, Any]:
    """The profile's task (and result) for the status of an approval."""
    url = call.surface.config.url
    number = str(status["approval"])
    found = _STATUS[status["state"]]
    handle: dict[str, Any] = {
        "id": number,
        "status": found,
        "status_endpoint": f"{url}/access/v1/access-requests/{number}",
        "evaluation_id": str(status["decision"]),
    }
    if status.get("answer_by"):
        handle["expires_at"] = status["answer_by"]
    if found == "pending":
        handle["links"] = {
            "cancel": f"{url}/v1/approvals/{number}/cancel",
            "review": f"{url}/approvals/{number}",
        }
        if status.get("missing"):
            handle["progress"] = {"awaiting_roles": status["missing"]}
    answer: dict[str, Any] = {"task": handle}
    if found == "approved":
        answer["result"] = {
            "mode": "reevaluate",
            "approval": {
                "id": number,
                "approved_until": status.get("usable_until") or status["answer_by"],
            },
        }
    if status.get("receipt"):
        answer["receipt"] = status["receipt"]
    return answer


def _note(body: Mapping[str, Any]) -> str | None:
    """What the requester says: claimed, shown last, committed to and erasable."""
    said = (body.get("requested_access") or {}).get("note") or (body.get("context") or {}).get(
        "business_justification"
    )
    return said[:2000] if isinstance(said, str) and said else None


def _error(name: str, detail: str, field: str | None = None) -> Problem:
    status, title = _TITLES[name]
    return Problem(_URN + name, detail, field=field, status=status, title=title)


def _translated(refused: Refused, names: Mapping[str, str]) -> Refused:
    name = names.get(refused.type)
    return refused if name is None else _error(name, refused.detail, refused.field)


HANDLERS: Mapping[str, Handler] = {
    "requestAccess": request_access,
    "readAccessRequest": read_access_request,
}
