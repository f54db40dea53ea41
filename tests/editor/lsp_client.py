"""An editor: starts the language server as a program and speaks the protocol with it."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

PATIENCE = 30.0


class Editor:
    """One editor with its server. Positions are (line, column) as the editor counts: UTF-16."""

    def __init__(self, root: Path, **capabilities: Any) -> None:
        self.program = subprocess.Popen(
            [sys.executable, "-m", "governance", "policy", "language-server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.diagnostics: dict[str, list[list[dict[str, Any]]]] = {}
        self.logs: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.number = 0
        self.versions: dict[str, int] = {}
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.told = self.ask(
            "initialize",
            {
                "processId": None,
                "rootUri": root.as_uri(),
                "workspaceFolders": [{"uri": root.as_uri(), "name": "policies"}],
                "capabilities": capabilities,
            },
        )
        self.tell("initialized", {})

    def _read(self) -> None:
        out = self.program.stdout
        assert out is not None
        while True:
            length = 0
            while line := out.readline().strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            if not length:
                self.messages.put(None)
                return
            self.messages.put(json.loads(out.read(length)))

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.program.stdin is not None
        self.program.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.program.stdin.flush()

    def _next(self, patience: float = PATIENCE) -> dict[str, Any]:
        message = self.messages.get(timeout=patience)
        assert message is not None, self.program.stderr and self.program.stderr.read().decode()
        if message.get("method") == "textDocument/publishDiagnostics":
            told = message["params"]
            self.diagnostics.setdefault(told["uri"], []).append(told["diagnostics"])
        if "method" in message and "id" in message:  # the server asks for something: granted
            self.asked.append(message)
            self._send({"id": message["id"], "result": None})
        if message.get("method") == "window/logMessage":
            self.logs.append(message["params"]["message"])
        return message

    def ask(self, method: str, params: Any) -> Any:
        """A request's result."""
        self.number += 1
        number = self.number
        self._send({"id": number, "method": method, "params": params})
        while True:
            message = self._next()
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def tell(self, method: str, params: Any) -> None:
        """A notification."""
        self._send({"method": method, "params": params})

    def open(self, uri: str, text: str) -> None:
        """Open a file."""
        self.versions[uri] = 1
        item = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": item})

    def type(self, uri: str, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
        """Replace a stretch, as a keystroke does."""
        self.versions[uri] += 1
        span = {"start": _position(start), "end": _position(end)}
        self.tell(
            "textDocument/didChange",
            {
                "textDocument": {"uri": uri, "version": self.versions[uri]},
                "contentChanges": [{"range": span, "text": text}],
            },
        )

    def at(self, method: str, uri: str, place: tuple[int, int]) -> Any:
        """A request about a position."""
        return self.ask(
            f"textDocument/{method}",
            {"textDocument": {"uri": uri}, "position": _position(place)},
        )

    def offered(self, uri: str, place: tuple[int, int]) -> list[str]:
        """The labels that are offered at a position."""
        return [each["label"] for each in self.at("completion", uri, place)["items"]]

    def wait_for(self, uri: str, count: int) -> list[dict[str, Any]]:
        """The findings of a file, once there were so many publications of them."""
        while len(self.diagnostics.get(uri, [])) < count:
            self._next()
        return self.diagnostics[uri][-1]

    def until(self, uri: str, code: str) -> dict[str, Any]:
        """The first finding of a file with this code; waits for it."""
        while True:
            for told in self.diagnostics.get(uri, [])[-1:]:
                for each in told:
                    if each["code"] == code:
                        return each
            self._next()

    def leave(self) -> int:
        """Say goodbye; the exit code."""
        self.ask("shutdown", None)
        self.tell("exit", None)
        code = self.program.wait(PATIENCE)
        for pipe in (self.program.stdin, self.program.stdout, self.program.stderr):
            if pipe is not None:
                pipe.close()
        self.reader.join(PATIENCE)
        return code

    def kill(self) -> None:
        """End the server, whatever it does."""
        self.program.kill()
        self.program.wait(PATIENCE)


def _position(place: tuple[int, int]) -> dict[str, int]:
    return {"line": place[0], "character": place[1]}


def find(text: str, part: str, offset: int = 0) -> tuple[int, int]:
    """Where a part of a text is, in lines and UTF-16 columns; `offset` characters into it."""
    before = text[: text.index(part) + offset]
    line = before.count("\n")
    column = before[before.rfind("\n") + 1 :]
    return line, len(column.encode("utf-16-le")) // 2
