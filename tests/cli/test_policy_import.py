"""`governance policy import`: files, addresses, and what is kept when it is done again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from governance.cli import root
from governance.cli.frame import Frame

TOOL = {"name": "read_file", "description": "Read a file.", "inputSchema": {"type": "object"}}


def cli(*args: str) -> Result:
    """Run the command line as a person would."""
    return CliRunner().invoke(root, list(args), obj=Frame(None))  # type: ignore[arg-type]


class Server(BaseHTTPRequestHandler):
    """An MCP server over streamable HTTP: two pages of tools, the second as events."""

    asked: list[tuple[str, dict[str, str]]]
    way = "good"

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).asked.append((message["method"], dict(self.headers)))
        if type(self).way == "redirect":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/")
            self.end_headers()
            return
        if "id" not in message:
            self.send_response(202)
            self.end_headers()
            return
        self.answer(message)

    def answer(self, message: dict[str, Any]) -> None:
        """The result of one request, as JSON or as server-sent events."""
        number = message["id"]
        events = False
        if message["method"] == "initialize":
            result: dict[str, Any] = {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
            }
        elif message["params"].get("cursor") == "two":
            events, result = True, {"tools": [{**TOOL, "name": "write_file"}]}
        else:
            result = {"tools": [TOOL], "nextCursor": "two"}
        body = json.dumps({"jsonrpc": "2.0", "id": number, "result": result})
        if type(self).way == "error":
            body = json.dumps({"jsonrpc": "2.0", "id": number, "error": {"message": "no such key"}})
        if events:
            log = json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
            body = f"event: message\r\ndata: {log}\r\n\r\nevent: message\r\ndata: {body}\r\n\r\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if events else "application/json")
        self.send_header("Mcp-Session-Id", "s-1")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def server() -> Iterator[str]:
    """The address of an MCP server."""
    Server.asked, Server.way = [], "good"
    http = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}/mcp"
    http.shutdown()
    http.server_close()
    thread.join()


def test_a_server_is_asked_for_all_its_tools(server: str, tmp_path: Path) -> None:
    """The tools of the second page would be unknown, and denied without anybody knowing why."""
    target = tmp_path / "files.yaml"
    done = cli("policy", "import", "mcp", server, "--server", "files", "--header",
               "Authorization=Bearer x", "--to", str(target))  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "2 added" in done.stderr
    text = target.read_text()
    assert "mcp.files.read_file:" in text
    assert "mcp.files.write_file:" in text
    assert [method for method, _ in Server.asked] == [
        "initialize", "notifications/initialized", "tools/list", "tools/list"
    ]  # fmt: skip
    assert {headers["Authorization"] for _, headers in Server.asked} == {"Bearer x"}
    assert Server.asked[2][1]["Mcp-Session-Id"] == "s-1"


@pytest.mark.parametrize(("way", "says"), [("redirect", "answered 302"), ("error", "no such key")])
def test_what_is_no_answer_is_said(server: str, way: str, says: str) -> None:
    """A secret header would follow a redirect, or an error look like a server without tools."""
    Server.way = way
    done = cli("policy", "import", "mcp", server, "--server", "files")
    assert done.exit_code != 0
    assert says in done.stderr


def test_an_import_is_merged_and_its_digests_wait(tmp_path: Path) -> None:
    """A second import would overwrite the review, or let an unread description count as read."""
    source, target, digests = tmp_path / "t.json", tmp_path / "a.yaml", tmp_path / "d.yaml"
    source.write_text(json.dumps({"tools": [TOOL]}))
    args = ["policy", "import", "mcp", str(source), "--server", "files", "--to", str(target)]
    assert cli(*args, "--digests", str(digests)).exit_code == 0
    target.write_text(target.read_text().replace("risk: high  # decide", "risk: low"))
    source.write_text(json.dumps({"tools": [{**TOOL, "description": "Read and tell."}]}))
    done = cli(*args, "--digests", str(digests), "-o", "json")
    assert json.loads(done.stdout)["changed"] == ["mcp.files.read_file"]
    assert "risk: low" in target.read_text()
    assert digests.read_text().count('# - "sha256:') == 2
    assert "members: []" in digests.read_text()


def test_a_catalogue_that_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    """A typing mistake would cost the whole file."""
    source, target = tmp_path / "t.json", tmp_path / "a.yaml"
    source.write_text(json.dumps([TOOL]))
    target.write_text("actions: [\n")
    done = cli("policy", "import", "mcp", str(source), "--server", "f", "--to", str(target))
    assert done.exit_code == 3
    assert target.read_text() == "actions: [\n"


def test_yaml_and_json_documents_are_read(tmp_path: Path) -> None:
    """Most OpenAPI documents are YAML and could not be imported."""
    source = tmp_path / "api.yaml"
    source.write_text(
        "openapi: 3.0.3\npaths:\n  /x:\n    get: {operationId: x, responses: {200: {}}}\n"
    )
    done = cli("policy", "import", "openapi", str(source), "--name", "shop")
    assert done.exit_code == 0, done.output
    assert "  shop.x:\n" in done.stdout
    schema = tmp_path / "s.json"
    schema.write_text('{"properties": {"n": {"type": "integer", "minimum": 1}}}')
    done = cli("policy", "import", "json-schema", str(schema), "--action", "crm.export")
    assert "  crm.export:\n" in done.stdout
    assert "n: {type: integer, at_least: 1, class: quantity" in done.stdout


@pytest.mark.parametrize("data", ["{", "[NaN]", '{"openapi": "2.0"}', "[" * 100_000])
def test_a_document_that_is_none_is_one_sentence(data: str, tmp_path: Path) -> None:
    """Somebody would see a traceback instead of what was expected."""
    source = tmp_path / "x.json"
    source.write_text(data)
    done = cli("policy", "import", "openapi", str(source), "--name", "x")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.output
