"""The answer to an evaluation request, made from what the log holds about it.

Law: an answer says nothing that its entry does not say, so that the same answer can be given again.
Source: OpenID AuthZEN Authorization API 1.0 (section 5.5), Obligations profile draft 1 and Access
Request and Approval profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from governance.engine.reasons import doubts, recorded
from governance.oversight.errors import Refused
from governance.oversight.times import write
from governance.service.problem import Problem

Texts = Mapping[str, tuple[str, str]]
"""`policy/rule` -> (title, because)."""

ACCESS_REQUESTS: Final = "/access/v1/access-requests"
ASK_WITHIN: Final = timedelta(hours=1)
"""How long after a decision people may be asked about it."""


def answer(data: Mapping[str, Any], index: int, at: datetime, texts: Texts) -> dict[str, Any]:
    """The evaluation response for decision `index`, made at `at`, with the entry's `data`; no
    receipt yet."""
    allowed = data["effect"] == "allow"
    context: dict[str, Any] = {
        "evaluation_id": str(index),
        "effect": data["effect"],
        "reasons": reasons(data, texts),
        "obligations": data.get("obligations", []),
        "policy_release": data["release"],
        "session": data["refs"].get("session"),
    }
    if data["observed"]:
        context["observed"] = True
        context["would_be"] = data["would_be"]
    if "sides" in data:
        context["sides"] = data["sides"]
    if allowed:
        context["permit"] = {
            "id": str(index),
            "action_digest": data["digest"],
            "valid_until": data["valid_until"],
        }
    elif data["effect"] == "require_approval":
        context["access_request"] = {
            "endpoint": ACCESS_REQUESTS,
            "evaluation_id": str(index),
            "evaluated_at": write(at),
            "expires_at": write(at + ASK_WITHIN),
            "action_digest": data["digest"],
            "needs": [seat for clause in data["clauses"] for seat in clause["needs"]],
        }
    return {"decision": allowed, "context": context}


def advisory(data: Mapping[str, Any], texts: Texts) -> dict[str, Any]:
    """The response to `intent: ask`: nothing was recorded, so there is nothing to refer to."""
    context: dict[str, Any] = {
        "effect": data["effect"],
        "advisory": True,
        "reasons": reasons(data, texts),
        "obligations": data.get("obligations", []),
        "policy_release": data["release"],
    }
    return {"decision": data["effect"] == "allow", "context": context}


def refused(error: Refused) -> dict[str, Any]:
    """The response for one request of a batch that could not be decided: no, and why."""
    problem = Problem.of(error)
    said = {"status": problem.status, "type": problem.type, "message": problem.detail}
    if problem.field is not None:
        said["field"] = problem.field
    return {"decision": False, "context": {"reason": "invalid_request", "error": said}}


def reasons(data: Mapping[str, Any], texts: Texts) -> list[dict[str, Any]]:
    """Why: one object per finding, what certainly decided first.

    What would have allowed is left out when something stricter spoke: it is no reason for a no.
    """
    out = []
    for finding in recorded(data):
        if data["effect"] != "allow" and finding["effect"] == "allow":
            continue
        name = f"{finding['policy']}/{finding['rule']}"
        title, because = texts.get(name, (name, ""))
        reason = {
            "rule": name,
            "title": title,
            "because": because,
            "effect": finding["effect"],
            "missing": finding["unknown"],
        }
        if finding["unknown"]:
            reason["doubts"] = doubts(data, finding)
        if "lifted" in finding:
            reason["lifted"] = True
        if "lifted_by" in finding:
            reason["lifted_by"] = finding["lifted_by"]
        if finding["effect"] == "deny" and "waivable_by" in finding:
            reason["waivable_by"] = finding["waivable_by"]
        out.append(reason)
    return out
