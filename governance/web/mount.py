"""The slow side: Flask in threads, so that no page and no slow reader makes a decision wait.

Law: what waits is bounded and what is urgent has room of its own. A request's body is read on the
event loop before a thread is taken and its answer is sent by the event loop after the thread is
free, so that a caller who dribbles bytes holds no thread; human acts (a stop, a grant) have threads
that reports and lists can never fill; beyond the bound the answer is 503 with Retry-After.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from a2wsgi import WSGIMiddleware

from governance.config import Config
from governance.service.desk import Desk
from governance.service.problem import Problem
from governance.web import auth, http, problems, routes
from governance.web.http import Headers, Message, Receive, Scope, Send
from governance.web.log import defect
from governance.web.routes import Route

WAITING = 64
"""Requests that may wait for a thread of one pool before others are turned away."""


class Mount:
    """An ASGI application around a WSGI one."""

    def __init__(self, wsgi: Any, config: Config, desk: Desk) -> None:
        self._config = config
        self._desk = desk
        server = config.server
        self._apps = {
            "act": WSGIMiddleware(wsgi, workers=server.act_threads),
            "page": WSGIMiddleware(wsgi, workers=server.page_threads),
        }
        self._room = {
            "act": asyncio.Semaphore(server.act_threads + WAITING),
            "page": asyncio.Semaphore(server.page_threads + WAITING),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            return
        headers = http.headers_of(scope)
        method, path = scope["method"], scope["path"]
        route = routes.find(method, path)
        api = route is not None or routes.is_api(path)
        pool = routes.threads(route) if api else routes.console_threads(method, path)
        try:
            body = await http.read_body(headers, receive, self._most(route, headers))
            if self._room[pool].locked():
                raise problems.busy()
            async with self._room[pool]:
                answer = await self._run(pool, scope, body)
        except http.Disconnected:
            return
        except Problem as problem:
            await http.send_problem(send, problem, request_id=headers.request_id)
            return
        except Exception as error:
            request_id = headers.request_id or http.new_request_id()
            defect(
                "defect", error, operation=route.name if route else "page", request_id=request_id
            )
            await http.send_problem(send, problems.defect(), request_id=request_id)
            return
        await answer.send(send, head=scope["method"] == "HEAD", request_id=headers.request_id)

    def _most(self, route: Route | None, headers: Headers) -> int:
        """How large a body may be. Policy files are large, so whoever may not send them is not
        read so far: the refusal follows when the request is looked at."""
        limits = self._config.limits
        if route is None or route.size == "single":
            return limits.single_bytes
        if route.size == "batch":
            return limits.batch_bytes
        try:
            caller = auth.authenticate(self._desk, headers.authorization)
            auth.authorize(self._desk, caller, route)
        except Problem:
            return limits.single_bytes
        return limits.files_bytes

    async def _run(self, pool: str, scope: Scope, body: bytes) -> _Answer:
        answer = _Answer()

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await self._apps[pool](scope, replay, answer.collect)  # type: ignore[arg-type]
        return answer

    def close(self) -> None:
        """Let the threads finish what they do and take nothing more."""
        for app in self._apps.values():
            app.executor.shutdown(wait=True, cancel_futures=True)


class _Answer:
    """A whole answer, collected from the thread's pieces."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: Iterable[tuple[bytes, bytes]] = ()
        self.parts: list[bytes] = []

    async def collect(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = message["headers"]
        else:
            self.parts.append(message.get("body", b""))

    async def send(self, send: Send, *, head: bool, request_id: str | None) -> None:
        body = b"".join(self.parts)
        headers = [
            (name, value)
            for name, value in self.headers
            if name not in (b"content-length", b"x-request-id")
        ]
        # 204 and 304 have no body and no length (RFC 9110 §8.6); to HEAD the length of GET's.
        if self.status >= 200 and self.status not in (204, 304):
            length = str(len(body)).encode("ascii")
            if head:
                known = [v for n, v in self.headers if n == b"content-length"]
                length = known[0] if known else length
            headers.append((b"content-length", length))
        if request_id is not None:
            headers.append((b"x-request-id", request_id[:200].encode("latin-1")))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head else body})
