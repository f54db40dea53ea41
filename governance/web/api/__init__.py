"""The `/v1` routes and the routes of the service itself: one Flask application around verbs.

Law: a handler turns a checked call into one verb and its answer into JSON. Authentication, rights,
sizes, shapes, repetition and errors are done once, here, for every route of the table; a route of
the table without a handler stops the start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from flask import Flask, Response, request

from governance.service.desk import Caller
from governance.service.problem import Problem
from governance.web import auth, http, openapi, parsing, problems, routes
from governance.web.api import (
    access,
    agents,
    anchors,
    approvals,
    decisions,
    evidence,
    itself,
    log_keys,
    people,
    policies,
    retention,
    stops,
    tiles,
    trying,
)
from governance.web.api.call import Call, Handler, Reply, Surface
from governance.web.errors import problem_of
from governance.web.log import defect, log
from governance.web.openapi import body_checks, parameter_checks
from governance.web.routes import Route

_MODULES = (
    access,
    agents,
    anchors,
    approvals,
    decisions,
    evidence,
    itself,
    log_keys,
    people,
    policies,
    retention,
    stops,
    tiles,
    trying,
)
HANDLERS: Mapping[str, Handler] = {
    name: handler for module in _MODULES for name, handler in module.HANDLERS.items()
}

# Operations that answer 201, as the contract says.
CREATES = frozenset(
    operation["operationId"]
    for item in openapi.source()["paths"].values()
    for operation in item.values()
    if isinstance(operation, dict) and "201" in operation["responses"]
)


def register(app: Flask, surface: Surface) -> None:
    """Add every route of the table that is not hot. Raises LookupError if a handler is missing."""
    cold = {route.name: route for route in routes.ROUTES if route.lane != "hot"}
    if HANDLERS.keys() != cold.keys():
        raise LookupError(f"routes and handlers differ: {HANDLERS.keys() ^ cold.keys()}")
    for route in cold.values():
        app.add_url_rule(
            route.rule,
            endpoint=f"api.{route.name}",
            view_func=_view(surface, route),
            methods=[route.method],
        )


def _view(surface: Surface, route: Route) -> Callable[..., Response]:
    def view(**parameters: str) -> Response:
        started = time.perf_counter()
        caller: Caller | None = None
        try:
            headers = http.Headers(
                authorization=request.headers.get("Authorization"),
                content_type=request.headers.get("Content-Type"),
                request_id=request.headers.get("X-Request-ID"),
                idempotency_key=request.headers.get("Idempotency-Key"),
                prefer=request.headers.get("Prefer"),
                accept_encoding=request.headers.get("Accept-Encoding"),
                if_none_match=request.headers.get("If-None-Match"),
            )
            if not route.anyone:
                caller = auth.authenticate(surface.desk, headers.authorization)
                auth.authorize(surface.desk, caller, route)
                surface.quotas.take(caller)
            response = _answer(surface, route, caller, headers, parameters)
        except Exception as error:
            response = _problem(route, error)
        surface.meters.requested(route.name, response.status_code)
        log.info(
            "request",
            operation=route.name,
            status=response.status_code,
            ms=round((time.perf_counter() - started) * 1000, 1),
            caller=caller.type if caller else None,
            key=caller.key if caller else None,
        )
        return response

    return view


def _answer(
    surface: Surface,
    route: Route,
    caller: Caller | None,
    headers: http.Headers,
    parameters: Mapping[str, str],
) -> Response:
    given = _given(route, parameters)
    raw = request.get_data(cache=False) if route.writes else b""
    call = Call(surface, caller, given, _body(surface, route, headers, raw), headers)
    key = http.idempotency_key(headers) if route.writes and caller else None
    if key is None or caller is None:
        return _render(route, HANDLERS[route.name](call))
    with surface.repeats.once(f"{caller.key}/{caller.id}", route.name, key, raw, given) as earlier:
        if earlier.answer is None:
            first = _render(route, HANDLERS[route.name](call))
            earlier.answer = first.get_data(), first.status_code
        body, status = earlier.answer
        return Response(body, status=status, content_type=http.JSON)


def _render(route: Route, answer: Mapping[str, Any] | Reply) -> Response:
    if isinstance(answer, Reply):
        response = Response(answer.body, status=answer.status, content_type=answer.content_type)
        response.headers.update(answer.headers)
    else:
        status = 201 if route.name in CREATES else 200
        response = Response(orjson.dumps(answer), status=status, content_type=http.JSON)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _problem(route: Route, error: Exception) -> Response:
    problem = problem_of(error)
    extra: dict[str, str] = {}
    if problem is None:
        request_id = http.new_request_id()
        defect("defect", error, operation=route.name, request_id=request_id)
        problem, extra = problems.defect(), {"X-Request-ID": request_id}
    status, body, headers = problems.render(problem)
    response = Response(body, status=status, content_type=problems.MEDIA_TYPE)
    response.headers.update({**headers, **extra, "Cache-Control": "no-store"})
    return response


def _given(route: Route, parameters: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of path and query, checked and typed. Unknown query parameters are refused."""
    checks = parameter_checks()[route.name]
    found: dict[str, Any] = {}
    in_query = {name for name, (where, _, _) in checks.items() if where == "query"}
    for name in request.args:
        if name not in in_query:
            known = ", ".join(f"`{n}`" for n in sorted(in_query)) or "none"
            raise parsing.bad_request(
                f"`{parsing.printable(name)}` is not a parameter here; there are {known}",
                parsing.printable(name),
            )
    for name, (where, check, kind) in checks.items():
        text = parameters.get(name) if where == "path" else request.args.get(name)
        if where == "header" or text is None:
            continue
        value: Any = text
        if kind == "integer":
            value = int(text) if text.isascii() and text.isdigit() and len(text) < 17 else text
        check(value, name)
        found[name] = value
    return found


def _body(surface: Surface, route: Route, headers: http.Headers, raw: bytes) -> Mapping[str, Any]:
    checked = body_checks().get(route.name)
    if checked is None:
        return {}
    check, required = checked
    if not raw and not required:
        return {}
    http.check_json(headers)
    body = parsing.parse_object(raw, depth=surface.config.limits.depth)
    check(body, "")
    return body


def unknown_path(path: str, method: str) -> Problem:
    """404 or 405 for a path of the API that is not served."""
    allowed = routes.methods(path)
    if allowed and method not in allowed:
        return problems.wrong_method(path, allowed)
    return problems.not_found(parsing.printable(path))
