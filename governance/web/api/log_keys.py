"""Routes of the keys that sign the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.service import log_keys
from governance.web.api.call import Call, Handler


def list_log_keys(call: Call) -> Mapping[str, Any]:
    """Every key of the log with what it does now, and the change that waits."""
    return log_keys.listed(call.desk)


def add_log_key(call: Call) -> Mapping[str, Any]:
    """Prepare a key and announce it; with a second administrator it waits for them."""
    body = call.body
    return log_keys.add(
        call.desk,
        call.who,
        algorithm=body.get("algorithm", "ed25519"),
        custody=body.get("custody", "file"),
        at=body.get("at", ""),
        public_key=body.get("public_key"),
        reason=body.get("reason"),
    )


def retire_log_key(call: Call) -> Mapping[str, Any]:
    """Let a key sign no later entry."""
    body = call.body
    return log_keys.retire(
        call.desk, call.who, call.given["key"], why=body["why"], reason=body.get("reason")
    )


def confirm_log_key(call: Call) -> Mapping[str, Any]:
    """Confirm a proposed change, as another administrator."""
    return log_keys.confirm(call.desk, call.who, call.body["entry"])


HANDLERS: Mapping[str, Handler] = {
    "listLogKeys": list_log_keys,
    "addLogKey": add_log_key,
    "retireLogKey": retire_log_key,
    "confirmLogKey": confirm_log_key,
}
