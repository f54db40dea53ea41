"""One document, one table, one application: the three say the same."""

from __future__ import annotations

import jsonschema_rs
import orjson
import pytest

from governance.web import openapi, routes
from governance.web.routes import ROUTES


def test_the_document_and_the_table_name_the_same_routes() -> None:
    """A route would be served that nobody can read about, or promised and not there."""
    document = openapi.document()
    described = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method in ("get", "post")
    }
    assert described == {(route.method, route.path) for route in ROUTES}


def test_names_are_used_once() -> None:
    """Two routes would share a handler, and with it each other's rights."""
    assert len({route.name for route in ROUTES}) == len(ROUTES)
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_the_document_is_valid_json_with_resolvable_references() -> None:
    """A client generator would stumble over the published document."""
    document = orjson.loads(openapi.published())
    assert document["openapi"].startswith("3.1")

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                target = document
                for step in str(value["$ref"]).removeprefix("#/").split("/"):
                    target = target[step]
            for part in value.values():
                walk(part)
        elif isinstance(value, list):
            for part in value:
                walk(part)

    walk(document)
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        )


def test_every_protected_route_says_who_may_call_it() -> None:
    """A route without a security section reads as public to every tool."""
    document = openapi.document()
    for route in ROUTES:
        security = document["paths"][route.path][route.method.lower()]["security"]
        assert bool(security) != route.anyone
        named = {name for alternative in security for name in alternative}
        assert ("agentKey" in named) == route.agent
        assert ("personKey" in named) == route.person


def test_only_reading_the_service_itself_is_public() -> None:
    """Somebody without a key would read or change what belongs to the workspace."""
    assert {route.name for route in ROUTES if route.anyone} == {
        "discover",
        "readCheckpoint",
        "live",
        "ready",
        "measure",
        "readVersion",
        "readContract",
    }
    assert all(route.method == "GET" for route in ROUTES if route.anyone)


def test_agents_reach_nothing_that_people_decide() -> None:
    """A hijacked agent's key would approve, release, onboard or lift a stop."""
    reachable = {route.name for route in ROUTES if route.agent or route.gateway}
    assert reachable == {
        "evaluate",
        "evaluateMany",
        "requestAccess",
        "readAccessRequest",
        "hookClaudeCode",
        "reportOutcomes",
        "redeemPermit",
        "readReceipt",
        "openSession",
        "closeSession",
        "cancelApproval",
        "readDecision",
        "readProof",
        "refreshList",
    }
    assert not any(route.agent for route in ROUTES if route.name == "refreshList"), "connectors'"


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/access/v1/evaluation", "evaluate"),
        ("GET", "/v1/agents/payments-1", "readAgent"),
        ("HEAD", "/livez", "live"),
        ("POST", "/v1/stops/drill", "drillStop"),
        ("POST", "/v1/permits/12/redeem", "redeemPermit"),
        ("GET", "/v1/agents/a/b", None),
        ("GET", "/v1/agents/", None),
        ("DELETE", "/v1/agents", None),
        ("GET", "/v1/agents\n", None),
        ("GET", "/log/tile/0/000", "readTile"),
        ("GET", "/log/tile/0/x001/000.p/17", "readTile"),
        ("GET", "/log/tile/entries/x001/000.p/17", "readEntries"),
        ("GET", "/log/tile/entries/", None),
        ("GET", "/log/tile/0//000", None),
        ("GET", "/log/tile/0", None),
    ],
)
def test_paths_are_matched_exactly(method: str, path: str, name: str | None) -> None:
    """A crooked path would be judged by another row of the table than the one that serves it."""
    found = routes.find(method, path)
    assert (found.name if found else None) == name


def test_stops_have_threads_that_reports_cannot_take() -> None:
    """A stop would wait behind somebody's report."""
    threads = {route.name: routes.threads(route) for route in routes.ROUTES}
    assert threads["raiseStop"] == "act"
    assert threads["grantApproval"] == "act"
    assert threads["makeReport"] == "page"
    assert threads["checkPolicies"] == "page"
    assert threads["drawSample"] == "page"
    forms = {path: routes.console_threads("POST", path) for path in (
        "/stops/new", "/approvals/7/answer", "/decisions/7/review",
        "/reviews", "/decisions/7/what-if", "/policies/proposals/7/sign", "/policies/back/4f1a",
        "/retention/cut",
    )}  # fmt: skip
    assert list(forms.values()) == ["act"] * 3 + ["page"] * 5, forms
    assert routes.console_threads("GET", "/stops/new") == "page"
