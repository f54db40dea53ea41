"""Routes of the service itself: health, metrics, version, contract, discovery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from governance.engine.model import SEMANTICS
from governance.service.version import version
from governance.web import authzen, openapi
from governance.web.api.call import Call, Handler, Reply
from governance.web.health import degraded
from governance.web.metrics import CONTENT_TYPE


def live(call: Call) -> Mapping[str, Any]:
    """The process answers."""
    return {"status": "ok"}


def ready(call: Call) -> Reply:
    """200 when decisions can be taken and recorded, else 503 with what is wrong."""
    failing, worries = call.surface.ready(), degraded(call.desk)
    status = "failing" if failing else "degraded" if worries else "ok"
    body = {
        "status": status,
        "checks": dict(failing),
        "degraded": dict(worries),
        "database": call.desk.workspace.kind,
    }
    return Reply(orjson.dumps(body), "application/json", status=503 if failing else 200)


def measure(call: Call) -> Reply:
    """Prometheus' text."""
    return Reply(call.surface.meters.page(), CONTENT_TYPE)


def read_version(call: Call) -> Mapping[str, Any]:
    """Which program and which meaning of decisions this is, which log, and who signs it."""
    workspace = call.desk.workspace
    return {
        "version": version(),
        "semantics": SEMANTICS,
        "origin": workspace.origin,
        "log_keys": list(workspace.vkeys),
    }


def read_contract(call: Call) -> Reply:
    """The OpenAPI document."""
    return Reply(openapi.published(), "application/json")


def discover(call: Call) -> Mapping[str, Any]:
    """AuthZEN's metadata."""
    return authzen.discovery(call.surface.config.url)


HANDLERS: Mapping[str, Handler] = {
    "live": live,
    "ready": ready,
    "measure": measure,
    "readVersion": read_version,
    "readContract": read_contract,
    "discover": discover,
}
