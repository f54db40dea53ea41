"""One write for one answer.

Law: head and body of an answer reach the network together. The server writes them in two calls,
which its event loop may send as two packets; with Nagle's algorithm and delayed acknowledgements
the second one can wait 40 ms for the caller. Here what is written is held until the answer is
complete, which it always is at once, because the application hands over whole answers only.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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

    def connection_made(self, transport: Any) -> None:
        """A caller connected."""
        self._held = Held(transport)
        super().connection_made(self._held)  # type: ignore[arg-type]

    def on_response_complete(self) -> None:
        """An answer is complete: send it, then look at the next request."""
        self._held.flush()
        super().on_response_complete()
