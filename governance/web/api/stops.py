"""Routes of stops."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from governance.service import stopping
from governance.web.api.call import Call, Handler


def list_stops(call: Call) -> Mapping[str, Any]:
    """The stops in force."""
    return stopping.listed(call.desk)


def _stopping(verb: Callable[..., dict[str, Any]]) -> Handler:
    def handler(call: Call) -> Mapping[str, Any]:
        body = call.body
        return verb(
            call.desk,
            call.who,
            scope=body["scope"],
            scope_id=body.get("id"),
            reason=body["reason"],
        )

    return handler


def lift_stop(call: Call) -> Mapping[str, Any]:
    """The first call asks, a second person's lifts."""
    return stopping.lift(call.desk, call.who, call.given["id"], reason=call.body["reason"])


HANDLERS: Mapping[str, Handler] = {
    "listStops": list_stops,
    "raiseStop": _stopping(stopping.raise_stop),
    "drillStop": _stopping(stopping.drill),
    "liftStop": lift_stop,
}
