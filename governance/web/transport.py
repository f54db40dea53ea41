"""One write for one answer.

Law: head and body of an answer reach the network together. The server writes them in two calls,
which its event loop may send as two packets; with Nagle's algorithm and delayed acknowledgements
the second one can wait 40 ms for the caller. Here what is written is held until the answer is
complete, which it always is at once, because the application hands over whole answers only. What
comes in is bounded before anybody looks at it: the head of a request in bytes, and its arrival in
time (`callers`).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from governance.web import problems
from governance.web.callers import Callers

MOST_HEAD: Final = 64 * 1024
"""Bytes of a request's address and headers together."""
_CONTINUE = b"HTTP/1.1 100 "


class Held:
    """A transport that collects writes until `flush` or the end."""

    __slots__ = ("_parts", "_transport")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Keep `data`; only the invitation to send a body goes out by itself."""
        if data.startswith(_CONTINUE):
            self._transport.write(data)
        else:
            self._parts.append(data)

    def flush(self) -> None:
        """Send what was kept in one call."""
        if self._parts:
            whole = b"".join(self._parts)
            self._parts.clear()
            self._transport.write(whole)

    def close(self) -> None:
        """Send what was kept, then close."""
        self.flush()
        self._transport.close()


class WholeAnswers(HttpToolsProtocol):
    """The server's HTTP/1.1 protocol over a held transport."""

    def __init__(self, *given: Any, callers: Callers, **named: Any) -> None:
        super().__init__(*given, **named)
        self._callers = callers
        self._unread = 0
        """Bytes since the parser last had something whole."""
        self._too_long = False

    def connection_made(self, transport: Any) -> None:
        """A caller connected."""
        self._held = Held(transport)
        super().connection_made(self._held)  # type: ignore[arg-type]
        if not self._callers.came(self):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone."""
        self._callers.left(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes came; the parser itself would keep a line without end."""
        self._unread += len(data)
        super().data_received(data)
        if self._unread > MOST_HEAD and not self.transport.is_closing():
            self._too_long = True
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """A request begins; what it waits for the caller is counted from here."""
        if self._idle():
            self._callers.wait(self)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head of a request is here."""
        if self._unread > MOST_HEAD and self._head_size() > MOST_HEAD:
            self._too_long = True
            raise ValueError("the head is too long")
        self._unread = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body came."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is here as a whole."""
        self._unread = 0
        super().on_message_complete()
        if self._idle():  # it was answered before
            self._callers.wait(self)
        else:
            self._callers.work(self)

    def on_response_complete(self) -> None:
        """An answer is complete: send it, then look at the next request."""
        self._held.flush()
        super().on_response_complete()
        if self._idle():
            self._callers.wait(self)

    def send_400_response(self, msg: str) -> None:
        """What no request can be made of is told as every problem is, and the connection ends."""
        problem = problems.head_too_long(MOST_HEAD) if self._too_long else problems.no_http()
        status, body, _ = problems.render(problem)
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {problems.MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _idle(self) -> bool:
        """Whether no request that was begun waits for its answer."""
        return self.cycle is None or bool(self.cycle.response_complete)
