"""Raw ASGI: reading a request and sending an answer, the same way in both lanes.

Law: one answer is one body with its length, handed over at once (headers and body in two small
packets cost 40 ms with Nagle and delayed acknowledgements); a body is never read beyond its limit;
a request id that came in goes out again.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from governance.service.problem import Problem
from governance.web import problems

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON = "application/json"
_KEPT = {
    b"authorization": "authorization",
    b"content-type": "content_type",
    b"content-length": "content_length",
    b"x-request-id": "request_id",
    b"idempotency-key": "idempotency_key",
    b"prefer": "prefer",
}


class Disconnected(Exception):
    """The caller went away before the whole request had arrived."""


@dataclass(slots=True)
class Headers:
    """The request headers that matter; None where absent. The hot lane has no use for the last two."""

    authorization: str | None = None
    content_type: str | None = None
    content_length: str | None = None
    request_id: str | None = None
    idempotency_key: str | None = None
    prefer: str | None = None
    accept_encoding: str | None = None
    if_none_match: str | None = None


def headers_of(scope: Scope) -> Headers:
    """The headers of a request. A header given twice keeps its last value; `Prefer` is a list."""
    found = Headers()
    for name, value in scope["headers"]:
        kept = _KEPT.get(name)
        if kept is not None:
            text = value.decode("latin-1")
            if kept == "prefer" and found.prefer is not None:
                text = f"{found.prefer}, {text}"
            setattr(found, kept, text)
    return found


def prefers_proof(headers: Headers) -> bool:
    """Whether the caller asked for `receipt=proof` (RFC 7240).

    Names ignore case, a value may be quoted, the first mention of a preference counts; what is not
    understood is no error.
    """
    if headers.prefer is None:
        return False
    for each in headers.prefer.split(","):
        name, _, value = each.partition(";")[0].partition("=")
        if name.strip().lower() == "receipt":
            return value.strip().strip('"') == "proof"
    return False


def check_json(headers: Headers) -> None:
    """Raises Problem (400, as AuthZEN wants it) unless the body is declared as JSON."""
    kind = (headers.content_type or "").partition(";")[0].strip().lower()
    if kind != JSON:
        shown = f"`{kind[:80]}`" if kind else "missing"
        raise Problem("bad-request", f"the content type is {shown}; send `{JSON}`")


def idempotency_key(headers: Headers) -> str | None:
    """The Idempotency-Key, 1 to 200 visible characters. Raises Problem (400)."""
    key = headers.idempotency_key
    if key is None:
        return None
    if not 0 < len(key) <= 200 or not key.isascii() or not key.isprintable():
        raise Problem(
            "bad-field",
            "`Idempotency-Key` must be 1 to 200 visible ASCII characters, such as a UUID",
            field="Idempotency-Key",
        )
    return key


async def read_body(headers: Headers, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises Problem (413) beyond `limit` bytes, without reading on."""
    declared = headers.content_length
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise problems.too_large(limit)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        parts = [body]
        size = len(body)
        while message.get("more_body"):
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                raise problems.too_large(limit)
        body = b"".join(parts)
    if len(body) > limit:
        raise problems.too_large(limit)
    return body


async def send_answer(
    send: Send,
    status: int,
    body: bytes,
    *,
    content_type: str = JSON,
    request_id: str | None = None,
    extra: Iterable[tuple[bytes, bytes]] = (),
    head: bool = False,
) -> None:
    """Send a whole answer. `head` leaves the body away, as the method HEAD wants it."""
    headers = [
        (b"content-type", content_type.encode("latin-1")),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"cache-control", b"no-store"),
        *extra,
    ]
    if request_id is not None:
        headers.append((b"x-request-id", request_id[:200].encode("latin-1")))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})


async def send_problem(send: Send, problem: Problem, *, request_id: str | None = None) -> None:
    """Send problem details (RFC 9457)."""
    status, body, headers = problems.render(problem)
    await send_answer(
        send,
        status,
        body,
        content_type=problems.MEDIA_TYPE,
        request_id=request_id,
        extra=encoded(headers),
    )


def encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI wants them."""
    return [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]


def new_request_id() -> str:
    """An id for a request that came without one and has to be found in the operator's log."""
    return secrets.token_hex(8)
