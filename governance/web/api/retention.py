"""Routes of retention: rules, legal holds, plans and cuts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.service import cutting, retaining
from governance.web.api.call import Call, Handler


def read_retention(call: Call) -> Mapping[str, Any]:
    """Classes, rules, holds, the last cut, and what waits."""
    return retaining.show(call.desk, call.who)


def set_retention(call: Call) -> Mapping[str, Any]:
    """Rules; those that keep less wait for a second person."""
    body = call.body
    given: dict[str, Any] = {}
    if "duty" in body:
        given["duty"] = body["duty"]
    return retaining.set_rules(
        call.desk,
        call.who,
        classes=body["classes"],
        schedule=body.get("schedule"),
        reason=body.get("reason"),
        **given,
    )


def confirm_retention(call: Call) -> Mapping[str, Any]:
    """The second person puts waiting rules into force."""
    return retaining.confirm(call.desk, call.who, call.given["index"])


def place_hold(call: Call) -> Mapping[str, Any]:
    """Place a legal hold."""
    body = call.body
    return retaining.hold(
        call.desk,
        call.who,
        scope=body["scope"],
        scope_id=body.get("id"),
        subject_type=body.get("subject_type"),
        first=body.get("first"),
        last=body.get("last"),
        reason=body["reason"],
    )


def release_hold(call: Call) -> Mapping[str, Any]:
    """The first call asks, a second person's lifts."""
    number = call.body["hold"]
    return retaining.release(call.desk, call.who, number, reason=call.body["reason"])


def plan_cut(call: Call) -> Mapping[str, Any]:
    """What a cut would take now; changes nothing."""
    return cutting.plan(call.desk, call.who)


def prune_log(call: Call) -> Mapping[str, Any]:
    """The first call asks, a second person's cuts."""
    body = call.body
    return cutting.prune(call.desk, call.who, minimum=body.get("minimum"), reason=body["reason"])


HANDLERS: Mapping[str, Handler] = {
    "readRetention": read_retention,
    "setRetention": set_retention,
    "confirmRetention": confirm_retention,
    "placeHold": place_hold,
    "releaseHold": release_hold,
    "planCut": plan_cut,
    "pruneLog": prune_log,
}
