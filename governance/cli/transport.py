"""How a command reaches the service: over the owner's socket, or by opening the workspace itself.

Law: there is one way to change a workspace, the HTTP API, whoever owns the log. If a process serves
the workspace, a command talks to its Unix socket; if none does, the command takes the log's lock,
answers its own requests in process, and lets go. Nothing is ever written past the API.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

SOCKET = "governance.sock"
ADMIN_KEY = Path("keys") / "admin.key"


class Exchange(Protocol):
    """One request and its answer: status, media type and body."""

    def __call__(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], /
    ) -> tuple[int, str, bytes]: ...


class Failed(Exception):
    """A command could not be done; `exit_code` is the process's, the text is for a person."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Api:
    """The HTTP API of one workspace, with one key."""

    exchange: Exchange
    key: str

    def get(self, path: str, **query: object) -> Any:
        """The JSON answer of a GET; `query` leaves out what is None."""
        return self.call("GET", _with_query(path, query))

    def post(self, path: str, **body: object) -> Any:
        """The JSON answer of a POST; members that are None are left out."""
        return self.call("POST", path, {k: v for k, v in body.items() if v is not None})

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer of any request; raises `Failed` with the problem's sentence."""
        return json.loads(self.raw(method, path, body))

    def raw(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        """The answer's bytes; raises `Failed` with the problem's sentence."""
        headers = {"Accept": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        data = None
        if body is not None:
            data = json.dumps(body, ensure_ascii=False).encode("utf-8")
            headers["Content-Type"] = "application/json"
        status, _, answer = self.exchange(method, path, data, headers)
        if status >= 400:
            raise Failed(*_problem(status, answer))
        return answer


def over_socket(path: Path, timeout: float = 900.0) -> Exchange | None:
    """An exchange over the owner's Unix socket, or None when nobody listens there."""
    try:
        _dial(path, timeout).close()
    except OSError:
        return None

    def exchange(
        method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = _dial(path, timeout)
        try:
            connection.request(method, target, body=body, headers=dict(headers))
            response = connection.getresponse()
            return response.status, response.getheader("Content-Type", ""), response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Failed(
                f"the service stopped answering ({error}); look whether it was done, then try again"
            ) from error
        finally:
            connection.close()

    return exchange


def find_key(directory: Path, given: str | None) -> str:
    """The person's key: given, from GOVERNANCE_KEY, or the administrator's of this workspace."""
    if given or (given := os.environ.get("GOVERNANCE_KEY")):
        return given.strip()
    path = directory / ADMIN_KEY
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise Failed(f"`{path}` cannot be read ({error.strerror}); give --key") from error


def _dial(path: Path, timeout: float) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(timeout)
    try:
        made.connect(str(path))
    except OSError:
        made.close()
        raise
    return made


def _with_query(path: str, query: Mapping[str, object]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def _problem(status: int, answer: bytes) -> tuple[str, int]:
    """A problem's sentence, and the exit code it deserves: 2 for what was typed wrong, 3 for files."""
    try:
        problem = json.loads(answer)
        said = str(problem.get("detail") or problem.get("title"))
        field, kind = problem.get("field"), str(problem.get("type"))
    except (ValueError, AttributeError):
        return f"the service answered {status}", 1
    if status == 401:
        said += "; give --key, set GOVERNANCE_KEY, or run the command as the workspace's owner"
    elif field and f"`{field}`" not in said:
        said += f" (`{field}`)"
    return said, 3 if kind.endswith(":bad-policy") else 2 if status == 400 else 1
