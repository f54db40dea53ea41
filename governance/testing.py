"""A fake service for people who write agents: answers like the real one, decides as you say.

Its law: it speaks the same wire format as the service and nothing more; it signs nothing, records
nothing and proves nothing. Use it in an agent's own tests, never to let an agent act.

    with FakeService({"payment.create": "allow", "shell.run": "deny"}) as service:
        client = Client(service.url, key="any", agent="payments-1")
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Verdict = str | Callable[[Mapping[str, Any]], str]
"""`allow`, `require_approval`, `deny`, or a function of the action's arguments that returns one."""


class FakeService:
    """A policy decision point on a free loopback port; use it as a context manager.

    `verdicts`: action name -> verdict; actions not named are denied. `approvals` is what people
    will answer: "pending", "approved", "denied", "expired". `requests` lists every request's
    (path, body) in order, `outcomes` every reported outcome.
    """

    def __init__(self, verdicts: Mapping[str, Verdict], *, approvals: str = "approved") -> None:
        self.verdicts, self.approvals = dict(verdicts), approvals
        self.requests: list[tuple[str, Any]] = []
        self.outcomes: list[dict[str, Any]] = []
        self.stopped = False
        self._granted: set[str] = set()
        self._asked: dict[str, str] = {}
        self._size = 0
        self._proofs = False
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> FakeService:
        # A short poll interval: tests start and stop many of these.
        run = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        run.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """The status and JSON answer of one request; override it to misbehave."""
        if path == "/access/v1/evaluation":
            return 200, self._evaluate(body)
        if path.startswith("/access/v1/access-requests/"):
            return 200, self._task(path.rpartition("/")[2])
        if path == "/access/v1/access-requests":
            return 201, {"task": {"id": body["denial"]["evaluation_id"], "status": "pending"}}
        if path.endswith("/redeem"):
            if self.stopped:
                return 409, {"title": "stopped", "detail": "a stop is in force"}
            return 200, {"permit": path.split("/")[3], "redeemed": self._size}
        if path == "/v1/outcomes":
            self.outcomes.append(body)
            return 200, {}
        return 404, {"title": "not found", "detail": f"no such path `{path}`"}

    def _evaluate(self, body: Mapping[str, Any]) -> dict[str, Any]:
        action = body["action"]
        arguments = action.get("properties", {}).get("arguments", {})
        verdict = self.verdicts.get(action["name"], "deny")
        effect = verdict(arguments) if callable(verdict) else verdict
        digest = json.dumps([action["name"], arguments], sort_keys=True)
        if effect == "require_approval" and digest in self._granted:
            effect = "allow"
        index = self._size
        self._size += 1
        receipt: dict[str, Any] = {"index": index, "leaf_hash": "0" * 64, "tree_size": index + 1}
        receipt["checkpoint"] = ""
        context: dict[str, Any] = {"evaluation_id": str(index), "effect": effect}
        context["reasons"] = [{"rule": f"fake/{effect}", "title": f"the fake says {effect}"}]
        context["receipt"] = receipt
        if self._proofs:
            receipt["proof"] = f"c2sp.org/tlog-proof@v1\nindex {index}\n\nthe fake proves nothing\n"
        if effect == "allow":
            context["permit"] = {"id": str(index), "valid_until": "2999-01-01T00:00:00Z"}
        if effect == "require_approval":
            self._asked[str(index)] = digest
            context["access_request"] = {
                "endpoint": "/access/v1/access-requests",
                "approval": index,
            }
        return {"decision": effect == "allow", "context": context}

    def _task(self, number: str) -> dict[str, Any]:
        if self.approvals == "approved" and number in self._asked:
            self._granted.add(self._asked[number])
        return {"task": {"id": number, "status": self.approvals}}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"null")
                with service._lock:
                    service.requests.append((self.path, body))
                    service._proofs = self.headers.get("Prefer") == "receipt=proof"
                    status, answer = service.answer(self.command, self.path, body)
                data = answer
                if not isinstance(data, bytes):
                    data = json.dumps(answer, separators=(",", ":")).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _serve

            def log_message(self, *_: object) -> None:
                """A fake keeps quiet."""

        return Handler
