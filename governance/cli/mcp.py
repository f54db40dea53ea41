"""Asks an MCP server for its tools over streamable HTTP (MCP 2025-06-18, `tools/list`).

Law: only the address that a person gave is asked, nothing is called, and what comes back is bounded.
A redirect is followed nowhere, because headers with secrets would go along.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from governance.cli.transport import Failed

VERSION: Final = "2025-06-18"
MOST_BYTES: Final = 8 * 1024 * 1024
MOST_PAGES: Final = 200
TIMEOUT: Final = 30.0


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_Stay)


def tools(url: str, headers: Mapping[str, str] | None = None) -> bytes:
    """All tools of the server at `url` as the JSON of one `tools/list` result. Raises Failed."""
    session = _Session(url, dict(headers or {}))
    hello = {
        "protocolVersion": VERSION,
        "capabilities": {},
        "clientInfo": {"name": "governance", "version": "1"},
    }
    greeted = session.call("initialize", hello)
    if "tools" not in (greeted.get("capabilities") or {}):
        raise Failed(f"`{url}` says that it has no tools", 1)
    session.version = str(greeted.get("protocolVersion") or VERSION)
    session.tell("notifications/initialized")
    found: list[Any] = []
    cursor: Any = None
    for _ in range(MOST_PAGES):
        page = session.call("tools/list", {"cursor": cursor} if cursor else {})
        found += page.get("tools") or []
        cursor = page.get("nextCursor")
        if not cursor:
            return json.dumps({"tools": found}).encode()
    raise Failed(f"the tool list of `{url}` does not end after {MOST_PAGES} pages", 1)


class _Session:
    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.url = url
        self.headers = headers
        self.number = 0
        self.id = ""
        self.version = ""

    def call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self.number += 1
        asked = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}
        for message in self._send(asked):
            if message.get("id") != self.number:
                continue
            if "error" in message:
                error = message["error"]
                why = error.get("message") if isinstance(error, dict) else error
                raise Failed(f"`{self.url}` answered {method} with: {str(why)[:200]}", 1)
            result = message.get("result")
            if isinstance(result, dict):
                return result
        raise Failed(f"`{self.url}` did not answer {method}; is it an MCP server?", 1)

    def tell(self, method: str) -> None:
        self._send({"jsonrpc": "2.0", "method": method})

    def _send(self, message: Mapping[str, Any]) -> list[dict[str, Any]]:
        headers = {
            **self.headers,
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        headers |= {"Mcp-Session-Id": self.id} if self.id else {}
        headers |= {"MCP-Protocol-Version": self.version} if self.version else {}
        request = urllib.request.Request(  # noqa: S310 - the caller lets http(s) through only
            self.url, json.dumps(message).encode(), headers, method="POST"
        )
        try:
            with _OPENER.open(request, timeout=TIMEOUT) as answer:
                self.id = answer.headers.get("Mcp-Session-Id") or self.id
                body = answer.read(MOST_BYTES + 1)
                kind = answer.headers.get_content_type()
        except urllib.error.HTTPError as error:
            raise Failed(f"`{self.url}` answered {error.code}", 1) from None
        except (OSError, ValueError) as error:
            raise Failed(f"`{self.url}` cannot be asked: {error}", 1) from None
        if len(body) > MOST_BYTES:
            raise Failed(f"`{self.url}` answered with more than {MOST_BYTES} bytes", 1)
        return _messages(body, kind)


def _messages(body: bytes, kind: str) -> list[dict[str, Any]]:
    """The JSON-RPC messages of an answer: one document, or the data of server-sent events."""
    text = body.decode("utf-8", "replace")
    if kind == "text/event-stream":
        events = text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n")
        parts = [
            "\n".join(line[5:].lstrip(" ") for line in event.split("\n") if line[:5] == "data:")
            for event in events
        ]
    else:
        parts = [text]
    out: list[dict[str, Any]] = []
    for part in parts:
        try:
            found = json.loads(part) if part.strip() else []
        except ValueError:
            continue
        out += [each for each in (found if isinstance(found, list) else [found])
                if isinstance(each, dict)]  # fmt: skip
    return out
