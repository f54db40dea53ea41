"""The published contract: `openapi.yaml` with what the table of routes and the house rules add.

Law: one document says the shapes, one table says who may call; they are joined here and nowhere
else, and a route that is in one of them only stops the start.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import yaml

from governance.web.routes import ROUTES, Route
from governance.web.schema import Check, compile_schema

FILE = Path(__file__).with_name("openapi.yaml")

_SECURITY_SCHEMES = {
    "agentKey": "A key of an agent: it speaks for that agent only.",
    "gatewayKey": "A key of a gateway: it speaks for the agents in its list.",
    "personKey": "A key of a person: the roles named may call.",
}
_COMMON = {
    "400": "the request does not fit; `field` names the place",
    "401": "no valid key",
    "403": "the caller has no right to this",
    "404": "there is no such thing here",
    "409": "this is not possible now",
    "410": "too late, already used, or no longer kept",
    "413": "the body is too large",
    "422": "the idempotency key was used for another request",
    "429": "this key asks too much; wait for `Retry-After`",
    "500": "the service failed; take it as a deny",
    "503": "the service cannot answer now; take it as a deny and wait for `Retry-After`",
}
_PUBLIC_ANSWERS = ("500", "503")
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


@lru_cache(maxsize=1)
def source() -> Mapping[str, Any]:
    """`openapi.yaml` as it is on disk."""
    document: Mapping[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return document


@lru_cache(maxsize=1)
def published() -> bytes:
    """The document as served at `/openapi.json`."""
    return orjson.dumps(document())


def document() -> dict[str, Any]:
    """The joined document.

    Raises LookupError where the document and the table of routes disagree.
    """
    whole: dict[str, Any] = copy.deepcopy(dict(source()))
    whole["components"]["securitySchemes"] = {
        name: {"type": "http", "scheme": "bearer", "description": about}
        for name, about in _SECURITY_SCHEMES.items()
    }
    described = {
        (method.upper(), path): operation
        for path, item in whole["paths"].items()
        for method, operation in item.items()
        if method in ("get", "post")
    }
    known = {(route.method, route.path): route for route in ROUTES}
    if described.keys() != known.keys():
        raise LookupError(
            f"the contract and the table of routes differ in {described.keys() ^ known.keys()}"
        )
    for place, operation in described.items():
        _complete(operation, known[place])
    return whole


def _complete(operation: dict[str, Any], route: Route) -> None:
    if operation["operationId"] != route.name:
        raise LookupError(f"`{route.name}` is called {operation['operationId']} in the contract")
    operation["security"] = _security(route)
    codes = _PUBLIC_ANSWERS if route.anyone else tuple(_COMMON)
    for code in codes:
        operation["responses"].setdefault(code, {"description": _COMMON[code], "content": _PROBLEM})
    if route.writes and not route.anyone:
        operation.setdefault("parameters", []).append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key and body give the same answer again",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            }
        )


def _security(route: Route) -> list[dict[str, list[str]]]:
    """Who may call, as OpenAPI says it: one alternative each; for people with the roles (§4.8.30)."""
    if route.anyone:
        return []
    found: list[dict[str, list[str]]] = []
    if route.agent:
        found.append({"agentKey": []})
    if route.gateway:
        found.append({"gatewayKey": []})
    if route.person:
        found.append({"personKey": sorted(route.roles)})
    return found


@lru_cache(maxsize=1)
def body_checks() -> Mapping[str, tuple[Check, bool]]:
    """Operation name to (check of the body, whether a body is required), where one is taken."""
    checks: dict[str, tuple[Check, bool]] = {}
    for item in source()["paths"].values():
        for operation in item.values():
            if not isinstance(operation, dict) or "requestBody" not in operation:
                continue
            body = operation["requestBody"]
            schema = body["content"]["application/json"]["schema"]
            checks[operation["operationId"]] = (
                compile_schema(schema, source()),
                bool(body.get("required", False)),
            )
    return checks


@lru_cache(maxsize=1)
def parameter_checks() -> Mapping[str, Mapping[str, tuple[str, Check, str]]]:
    """Operation name to its parameters: name to (in path or query, check, JSON type)."""
    found: dict[str, dict[str, tuple[str, Check, str]]] = {}
    for item in source()["paths"].values():
        shared = item.get("parameters", [])
        for operation in item.values():
            if not isinstance(operation, dict):
                continue
            parameters = [_part(each) for each in (*shared, *operation.get("parameters", []))]
            found[operation["operationId"]] = {
                p["name"]: (p["in"], compile_schema(p["schema"], source()), _kind(p["schema"]))
                for p in parameters
            }
    return found


def _part(parameter: Mapping[str, Any]) -> Mapping[str, Any]:
    """A parameter, or the shared one that it refers to."""
    if "$ref" not in parameter:
        return parameter
    name = parameter["$ref"].rsplit("/", 1)[1]
    found: Mapping[str, Any] = source()["components"]["parameters"][name]
    return found


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _kind(source()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    return str(schema.get("type", "string"))
