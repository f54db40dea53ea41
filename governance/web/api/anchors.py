"""Routes of the log's outside anchors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.service import anchoring, anchors
from governance.web.api.call import Call, Handler, Reply


def list_anchors(call: Call) -> Mapping[str, Any]:
    """How far the log is known outside."""
    return anchors.as_json(anchors.outside(call.desk))


def anchor_now(call: Call) -> Mapping[str, Any]:
    """Hand the head to every anchor, whether it is due or not."""
    return anchors.as_json(anchoring.now(call.desk, call.who))


def check_anchors(call: Call) -> Mapping[str, Any]:
    """Ask every anchor what it holds and hold that against the log; nothing is handed over."""
    return anchors.as_json(anchoring.now(call.desk, call.who, hand_over=False))


def read_conflict(call: Call) -> Reply:
    """What an anchor showed that is not in this log, byte for byte."""
    found = anchoring.evidence_of(call.desk, call.given["name"])
    return Reply(found, "text/plain; charset=utf-8")


def settle_anchor(call: Call) -> Mapping[str, Any]:
    """Say what was found about a conflict; a second person's call settles it."""
    body = call.body
    return anchoring.settle(
        call.desk, call.who, call.given["name"], body["conflict"], reason=body["reason"]
    )


HANDLERS: Mapping[str, Handler] = {
    "listAnchors": list_anchors,
    "anchorNow": anchor_now,
    "checkAnchors": check_anchors,
    "readConflict": read_conflict,
    "settleAnchor": settle_anchor,
}
