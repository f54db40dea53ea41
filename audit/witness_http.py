"""A witness on HTTP, with the standard library's server: two addresses, nothing else.

    POST <prefix>/add-checkpoint             C2SP tlog-witness
    GET  <prefix>/<sha256 of origin>/checkpoint

The law: whoever can reach it can make it work, never for long: bodies, headers, connections, waiting
and a connection's life are bounded. It speaks plain HTTP; a proxy in front of it speaks TLS (what
it answers is signed, so TLS keeps others from listening and from standing in the way, no more).
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from contextlib import suppress
from http.client import LineTooLong
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from socketserver import TCPServer
from typing import Any, Final, cast

from audit.witness import TEXT, Answer, Witness
from audit.witness_request import MAX_BODY

CONNECTIONS: Final = 64
IDLE: Final = 15.0
"""Seconds a connection may send nothing."""
LIFE: Final = 120.0
"""Seconds a connection may last; a client opens another one."""
HEADERS: Final = 96 * 1024
"""Bytes of a request before its body."""
_OVERLOADED = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness. `serve_forever` until `shutdown`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        witness: Witness,
        prefix: str = "",
        *,
        connections: int = CONNECTIONS,
        idle: float = IDLE,
        life: float = LIFE,
    ) -> None:
        """Raises `OSError` if the address cannot be listened on."""
        self.witness, self.prefix = witness, prefix
        self.idle, self._life = idle, life
        self._free = threading.BoundedSemaphore(connections)
        self._open: dict[socket.socket, float] = {}
        self._open_lock = threading.Lock()
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Listen, without asking a name server who we are."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand a connection to a thread of its own, or turn it away if there are too many."""
        if not self._free.acquire(blocking=False):
            request.settimeout(1.0)
            with suppress(OSError):
                request.sendall(_OVERLOADED)
            self.shutdown_request(request)
            return
        with self._open_lock:
            self._open[request] = time.monotonic()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._forget(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection, in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._forget(request)

    def _forget(self, request: socket.socket) -> None:
        with self._open_lock:
            self._open.pop(request, None)
        self._free.release()

    def service_actions(self) -> None:
        """Called twice a second: end connections that have lasted too long."""
        now = time.monotonic()
        with self._open_lock:
            late = [request for request, since in self._open.items() if now - since > self._life]
        for request in late:
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that broke is the client's affair; anything else is told in one line."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            print(f"a request could not be handled: {error!r}", file=sys.stderr, flush=True)


class _Frugal:
    """What a client sends; lines are read until there were too many bytes of them."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file, self.left = file, HEADERS
        self.close, self.read = file.close, file.read

    @property
    def closed(self) -> bool:
        return self._file.closed

    def readline(self, limit: int = -1) -> bytes:
        """One line. Raises `LineTooLong`, to which the server answers 431."""
        line = self._file.readline(limit)
        self.left -= len(line)
        if self.left < 0:
            raise LineTooLong("headers")
        return line


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    protocol_version = "HTTP/1.1"
    # One packet for an answer: two would wait for each other (Nagle against delayed ACK).
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.idle)
        self._frugal = _Frugal(self.rfile)
        self.rfile = cast(Any, self._frugal)

    def handle_one_request(self) -> None:
        """One request of a connection, whose headers are counted anew."""
        self._frugal.left = HEADERS
        super().handle_one_request()

    def version_string(self) -> str:
        """What the program calls itself."""
        return "audit-witness"

    def do_POST(self) -> None:
        """`add-checkpoint`."""
        body = self._body()
        if body is None:
            return
        if self.path != f"{self.server.prefix}/add-checkpoint":
            self._answer(Answer(404, "there is nothing at this address\n"))
            return
        self._answer(self.server.witness.add_checkpoint(body))

    def do_GET(self) -> None:
        """The newest cosigned checkpoint of a log."""
        if self._body() is None:
            return
        digest = self.path.removeprefix(f"{self.server.prefix}/").removesuffix("/checkpoint")
        if self.path != f"{self.server.prefix}/{digest}/checkpoint":
            self._answer(Answer(404, "there is nothing at this address\n"))
            return
        self._answer(self.server.witness.checkpoint(digest))

    do_HEAD = do_GET

    def handle_expect_100(self) -> bool:
        """`100 Continue`, sent at once: a client that asks for it waits for it."""
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def _body(self) -> bytes | None:
        """The request's body; None if it was refused, and the connection ends."""
        lengths = self.headers.get_all("Content-Length") or []
        encoded = self.headers.get("Transfer-Encoding") is not None
        if encoded or (self.command == "POST" and not lengths):
            self._refuse(411, "send the body with a Content-Length")
            return None
        if len(lengths) > 1 or not all(each.isascii() and each.isdigit() for each in lengths):
            self._refuse(400, "the Content-Length is not one number")
            return None
        # Digits are counted before they are believed: `int` of a long line of them costs time.
        length = 0 if not lengths else int(lengths[0]) if len(lengths[0]) < 10 else MAX_BODY + 1
        if length > MAX_BODY:
            self._refuse(413, f"a request has at most {MAX_BODY:,} bytes")
            return None
        body = self.rfile.read(length)
        if len(body) < length:
            self._refuse(400, "the body ended early")
            return None
        return body

    def _refuse(self, status: int, message: str) -> None:
        self.close_connection = True
        self._answer(Answer(status, message + "\n"))

    def _answer(self, answer: Answer) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the server itself refuses, as text like everything else."""
        self.close_connection = True
        if not hasattr(self, "command"):
            self.command = ""
        self.request_version = self.protocol_version
        self._answer(Answer(code, f"{message or 'the request cannot be read'}\n", TEXT))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        """One line for each request, without control characters."""
        line = (format % args).encode("ascii", "backslashreplace").decode()
        clean = "".join(c if c.isprintable() else "?" for c in line)
        print(f"{self.log_date_time_string()} {self.client_address[0]} {clean}", file=sys.stderr)
