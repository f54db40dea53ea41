"""Problem details (RFC 9457): how every error of the API looks.

Law: an error says what was wrong, where, and what to do, in words for people; it has no `decision`
member, so that no reader can take it for an allow. What went wrong inside is told to the log of
the operator, never to the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from governance.oversight.errors import Refused
from governance.service.problem import Problem

MEDIA_TYPE = "application/problem+json"
URN = "urn:governance:problem:"


def type_uri(slug: str) -> str:
    """The `type` member for a slug; types of other standards are URIs already."""
    return slug if ":" in slug else URN + slug


def document(problem: Problem) -> dict[str, Any]:
    """The members of a problem details object; `field` is ours (RFC 9457 §3.2)."""
    members: dict[str, Any] = {
        "type": type_uri(problem.type),
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.field is not None:
        members["field"] = problem.field
    return members


def render(problem: Problem) -> tuple[int, bytes, Mapping[str, str]]:
    """Status, body and extra headers (`Retry-After`, `WWW-Authenticate`) of a problem."""
    headers = dict(problem.headers)
    if problem.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="governance"'
    return problem.status, orjson.dumps(document(problem)), headers


def of(error: BaseException) -> Problem | None:
    """The problem that an exception stands for, or None for a defect of ours (a 500)."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Refused):
        return Problem.of(error)
    return None


def defect() -> Problem:
    """The 500: something broke inside. It says that nothing may be taken as allowed."""
    return Problem(
        "defect",
        "the service failed while answering; take this as a deny and tell the operator,"
        " who finds the request's id in the service's own log",
        status=500,
        title="the service failed",
    )


def not_found(path: str) -> Problem:
    """404 for a path that is in no table."""
    return Problem("unknown", f"`{path}` is no route of this service; see `/openapi.json`")


def wrong_method(path: str, allowed: tuple[str, ...]) -> Problem:
    """405 with what the path does answer to."""
    return Problem(
        "wrong-method",
        f"`{path}` answers {' and '.join(allowed)} only",
        status=405,
        title="the route does not take this method",
    )


def too_large(limit: int) -> Problem:
    """413 with the limit in bytes."""
    return Problem(
        "too-large", f"the body is larger than {limit} bytes; send less, or send it in parts"
    )


def head_too_long(limit: int) -> Problem:
    """431: more address and headers than anybody needs."""
    return Problem(
        "too-large",
        f"the request's address and headers are longer than {limit} bytes; send less",
        status=431,
        title="the head of the request is too long",
    )


def no_http() -> Problem:
    """400 for bytes that are no request, or one that could be read in two ways."""
    return Problem("bad-request", "what came is no well-formed HTTP/1.1 request")


def busy(seconds: int = 1) -> Problem:
    """503: everything that may wait already waits."""
    return Problem(
        "not-ready",
        f"too many requests are waiting; try again in {seconds} s",
        retry_after=seconds,
    )
