"""Routes of decisions: reading them, and what people do to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.proof import SUFFIX
from governance.service import explaining, overriding, reviews, tiling
from governance.service.reading import entry_of
from governance.service.sessions import require_speaks_for
from governance.web.api.call import Call, Handler, Reply, download
from governance.web.api.policies import files_given


def list_decisions(call: Call) -> Mapping[str, Any]:
    """Decisions, newest first; `next_before` continues the list."""
    given = call.given
    return explaining.decisions(
        call.desk,
        call.who,
        agent=given.get("agent"),
        effect=given.get("effect"),
        before=given.get("before"),
        limit=given.get("limit", 100),
    )


def read_decision(call: Call) -> Mapping[str, Any]:
    """One decision explained: what was asked, which rules said what, what would have been enough."""
    number = call.given["id"]
    if call.who.type != "person":
        agent = entry_of(call.desk, number, "decision").data["agent"]
        require_speaks_for(call.desk.state, call.who, agent)
    return explaining.decision(call.desk, call.who, number, everything=call.given.get("all") == "1")


def suppose_decision(call: Call) -> Mapping[str, Any]:
    """The same decision with other facts, or under other rules; nothing is recorded."""
    body = call.body
    files = None if body.get("files") is None else files_given(call)
    return explaining.what_if(call.desk, call.who, call.given["id"], body.get("given", {}), files)


def read_proof(call: Call) -> Reply:
    """The proof that a decision is in the log, as a file to keep."""
    number = call.given["id"]
    if call.who.type != "person" or number >= call.desk.reader.minimum:
        agent = entry_of(call.desk, number, "decision").data["agent"]
        if call.who.type != "person":
            require_speaks_for(call.desk.state, call.who, agent)
    given = call.given
    witnessed = given.get("witnessed") == "1"
    text = tiling.proof(call.desk.reader, number, given.get("size"), witnessed=witnessed)
    return download(text.encode(), "text/plain; charset=utf-8", f"decision-{number}{SUFFIX}")


def override_decision(call: Call) -> Mapping[str, Any]:
    """Let one denied action through, once."""
    body = call.body
    lifts = body.get("lifts")
    return overriding.override(
        call.desk,
        call.who,
        call.given["id"],
        lifts=None if lifts is None else tuple(lifts),
        reason=body["reason"],
        seconds=body.get("seconds", 3600),
    )


def disregard_decision(call: Call) -> Mapping[str, Any]:
    """Record that a decision was not followed."""
    return overriding.disregard(call.desk, call.who, call.given["id"], reason=call.body["reason"])


def reverse_decision(call: Call) -> Mapping[str, Any]:
    """Record that what was executed was taken back."""
    return overriding.reverse(
        call.desk,
        call.who,
        call.given["id"],
        reason=call.body["reason"],
        outcome=call.body.get("outcome", "undone"),
    )


def review_decision(call: Call) -> Mapping[str, Any]:
    """Judge what the rules said of a past action."""
    body = call.body
    return reviews.review(
        call.desk,
        call.who,
        call.given["id"],
        verdict=body["verdict"],
        reason=body["reason"],
        should_be=body.get("should_be"),
    )


def draw_sample(call: Call) -> Mapping[str, Any]:
    """Draw decisions to be reviewed."""
    return reviews.draw(call.desk, call.who, **call.body)


def read_sample(call: Call) -> Mapping[str, Any]:
    """The newest sample, and what of it nobody has reviewed."""
    return reviews.sample(call.desk)


HANDLERS: Mapping[str, Handler] = {
    "listDecisions": list_decisions,
    "readDecision": read_decision,
    "supposeDecision": suppose_decision,
    "readProof": read_proof,
    "overrideDecision": override_decision,
    "disregardDecision": disregard_decision,
    "reverseDecision": reverse_decision,
    "reviewDecision": review_decision,
    "drawSample": draw_sample,
    "readSample": read_sample,
}
