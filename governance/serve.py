"""One process that owns a workspace and answers: over TCP, and over a Unix socket on the same host.

Law: the process dies as one. There is one event loop and no worker; when the log cannot be written
any more, or a signal comes, the listening sockets close first, what is in flight is answered, then
the jobs, the threads and the ledger end and the lock is given back. The sockets are made here, so
that the Unix socket never exists with more rights than its owner's (mode 0600), and nothing
listens before the workspace is open and proven. Ending takes at most twice `shutdown_seconds`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from governance import config as settings
from governance import jobs
from governance.app import Application, create_app, open_desk
from governance.config import Config
from governance.service import anchoring
from governance.web import log
from governance.web.callers import Callers, room
from governance.web.http import Message
from governance.web.transport import WholeAnswers

SOCKET = "governance.sock"
BACKLOG = 1024
SWITCH_SECONDS = 0.001
"""How long one thread may keep the interpreter while another waits. The ledger lets go of it at each
statement of the database; with the usual 5 ms a busy event loop would make every batch wait."""


def serve(
    directory: Path,
    host: str | None = None,
    port: int | None = None,
    database: str | None = None,
) -> int:
    """Own `directory` and answer until SIGTERM or SIGINT; the process's exit code.

    `database` is the address of a server, instead of what the settings say. 0 after a signal, 1
    when the log could not be written. Raises ConfigError and CannotOpen.
    """
    if database is not None:  # for the processes that are started beside this one, too
        os.environ[settings.DATABASE] = database
    config = settings.load(directory)
    server = replace(
        config.server,
        host=config.server.host if host is None else host,
        port=config.server.port if port is None else port,
    )
    config = replace(config, server=server)
    settings.check(config)
    log.configure()
    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(_tcp(config))
        config = replace(config, server=replace(config.server, port=tcp.getsockname()[1]))
        desk = stack.enter_context(open_desk(directory, config, record_start=True))
        stack.callback(anchoring.last_head, desk)
        app = create_app(desk, config)
        stack.callback(app.close)
        running = jobs.start(desk, config)
        stack.callback(running.stop)
        app.meters.watch(
            "governance_job_failures",
            "Runs of the service's own jobs that failed since the start",
            lambda: sum(job.failures for job in running.jobs.values()),
        )
        unix = stack.enter_context(_unix(directory / SOCKET))
        app.start()
        tune()
        code = uvloop.run(_run(app, config, tcp, unix))
        last = _no_later_than(config.server.shutdown_seconds)
    last.cancel()
    return code


def tune() -> None:
    """Set the interpreter up to answer: threads take turns more often, and what was built at the start
    is kept out of the garbage collector, which runs less often.

    Collections were a quarter of the time of a decision: they went through every compiled rule.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _no_later_than(seconds: int) -> threading.Timer:
    """End the process the hard way if what is still running (a report, a backup) does not stop.

    The log loses nothing by it: what was answered is on disk, what was not is told as unknown.
    """

    def end() -> None:
        log.log.error("forced", reason=f"work did not stop within {seconds} s")
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    return timer


async def _run(app: Application, config: Config, tcp: socket.socket, unix: socket.socket) -> int:
    loop = asyncio.get_running_loop()
    most = room()
    servers = (
        _Server(_uvicorn(app, config, Callers(most), tls=bool(config.server.tls_cert))),
        _Server(_uvicorn(app, config, Callers(most // 4), tls=False)),  # its room is its own
    )
    failures: list[str] = []

    def stop(failure: str | None = None) -> None:
        if failure is not None:
            failures.append(failure)
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)

    def failed(reason: str) -> None:
        loop.call_soon_threadsafe(stop, reason)

    app.desk.ledger.on_failure = failed
    if app.desk.ledger.failure is not None:
        stop(app.desk.ledger.failure)
    await app.desk.ledger.drive()
    try:
        await asyncio.gather(
            servers[0].serve(sockets=[tcp]),
            servers[1].serve(sockets=[unix]),
            _announce(servers, config.url),
        )
    finally:
        await app.desk.ledger.release()
    if failures:
        log.log.error("stopped", reason=failures[0])
        return 1
    log.log.info("stopped", reason="signal")
    return 0


async def _announce(servers: tuple[_Server, ...], url: str) -> None:
    """Say that the service listens, once it does."""
    while not all(server.started for server in servers):
        if any(server.should_exit for server in servers):
            return
        await asyncio.sleep(0.01)
    log.log.info("listening", url=url, pid=os.getpid())
    if sys.stderr.isatty():
        print(f"Open {url} in a browser; end with Ctrl-C.", file=sys.stderr, flush=True)


class _Server(uvicorn.Server):
    """A server that leaves signals to its process, because two of them share one loop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _uvicorn(app: Application, config: Config, callers: Callers, *, tls: bool) -> uvicorn.Config:
    server = config.server
    return uvicorn.Config(
        app,
        http=partial(WholeAnswers, callers=callers),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=server.behind_tls_proxy,
        forwarded_allow_ips="127.0.0.1",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=server.shutdown_seconds,
        backlog=BACKLOG,
        ssl_certfile=server.tls_cert if tls else None,
        ssl_keyfile=server.tls_key if tls else None,
    )


@contextmanager
def _tcp(config: Config) -> Iterator[socket.socket]:
    server = config.server
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((server.host, server.port))
        except OSError as error:
            raise settings.ConfigError(
                f"cannot listen on `{server.host}:{server.port}`: {error.strerror}; choose another"
                " port (`--port`, or `port` under `[server]` in config.toml), or stop what uses it"
            ) from error
        bound.setblocking(False)
        yield bound
    finally:
        bound.close()


@contextmanager
def _unix(path: Path) -> Iterator[socket.socket]:
    """The socket for programs of the same user. Whoever holds the workspace's lock may replace it."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise settings.ConfigError(f"`{path}` is no socket; move it away")
        path.unlink()
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The file must never be open to others, not even between bind and chmod.
    before = os.umask(0o177)
    try:
        bound.bind(str(path))
    except OSError as error:
        bound.close()
        raise settings.ConfigError(
            f"cannot make the socket `{path}`: {error}; a shorter path to the workspace may help"
        ) from error
    finally:
        os.umask(before)
    bound.setblocking(False)
    try:
        yield bound
    finally:
        bound.close()
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


class InProcess:
    """The application without a network: one request and its answer at a time, from any thread."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loop", daemon=True)
        self._thread.start()

    def __call__(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, str, bytes]:
        """Status, media type and body of one request."""
        status, answered, content = self.call(method, path, body, headers)
        return status, answered.get("content-type", ""), content

    def call(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, all headers and body of one request."""
        asked = asyncio.run_coroutine_threadsafe(
            exchange(self.app, method, path, body, headers), self._loop
        )
        return asked.result()

    def close(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def exchange(
    app: Application, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
) -> tuple[int, dict[str, str], bytes]:
    """Send one request to the application on the running loop."""
    path, _, query = target.partition("?")
    raw = body or b""
    sent = {**{k.lower(): v for k, v in headers.items()}, "content-length": str(len(raw))}
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in sent.items()],
        "client": None,
        "server": ("localhost", 80),
    }
    answered: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: Message) -> None:
        answered.append(message)

    await app(scope, receive, send)
    start = answered[0]
    found = {k.decode("latin-1"): v.decode("latin-1") for k, v in start["headers"]}
    return int(start["status"]), found, b"".join(m.get("body", b"") for m in answered[1:])


@contextmanager
def in_process(directory: Path, *, without_log_keys: Collection[str] = ()) -> Iterator[InProcess]:
    """The API of a workspace that no process serves; this one owns it until the block ends.

    `without_log_keys`: ids of log keys that are lost, and do not sign.

    Raises ConfigError and CannotOpen (NotOwner when another process has it).
    """
    config = settings.load(directory)
    with contextlib.ExitStack() as stack:
        opening = open_desk(
            directory, config, record_start=False, without_log_keys=without_log_keys
        )
        desk = stack.enter_context(opening)
        app = create_app(desk, config)
        stack.callback(app.close)
        called = InProcess(app)
        stack.callback(called.close)
        yield called
