"""The program of docs/reading-the-log.md, run as an auditor would, over HTTP and on the files."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from web_world import World, payment

from governance.service import tiling

DOCUMENT = (Path(__file__).parents[2] / "docs" / "reading-the-log.md").read_text("utf-8")


@contextmanager
def listening(handler: Any) -> Iterator[str]:
    """A server on loopback; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def door(world: World) -> type[BaseHTTPRequestHandler]:
    """The service's API behind a real socket."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Hand the request on."""
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, got, body = world.http.call("GET", self.path, b"", headers)
            self.send_response(status)
            for name, value in got.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Door


class Files(SimpleHTTPRequestHandler):
    """A web server that knows nothing of logs."""

    def log_message(self, *_: object) -> None:
        """Quiet."""


def run(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the document's program."""
    return subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, timeout=60
    )


def test_the_documents_reader_follows_the_log(world: World, tmp_path: Path) -> None:
    """An auditor who copies the program from our own page could not read our log with it."""
    found = re.search(r"^```python\n(.*?)^```$", DOCUMENT, re.M | re.S)
    assert found is not None
    script = tmp_path / "follow.py"
    script.write_text(found[1])
    world.call("POST", "/access/v1/evaluations", {**payment(), "evaluations": [{}] * 200})
    world.call("POST", "/access/v1/evaluations", {**payment(), "evaluations": [{}] * 100})
    size, vkey = world.desk.state.size, world.desk.workspace.vkeys[0]
    assert size > 300
    said = f"{size} entries of {world.desk.workspace.origin} are what was signed\n"
    with listening(door(world)) as address:
        done = run(script, f"{address}/log", vkey, world.keys["bob"])
        assert (done.stdout, done.stderr) == (said, "")
        assert "HTTP Error 401" in run(script, f"{address}/log", vkey).stderr
        assert "HTTP Error 403" in run(script, f"{address}/log", vkey, world.keys["agent"]).stderr
    folder = tmp_path / "public" / "log"
    tiling.publish(world.directory, folder)
    with listening(functools.partial(Files, directory=str(folder.parent))) as address:
        done = run(script, f"{address}/log", vkey)
        assert (done.stdout, done.stderr) == (said, "")
        bundle = folder / "tile" / "entries" / "000"
        bundle.write_bytes(bundle.read_bytes().replace(b'"effect":"allow"', b'"effect":"never"', 1))
        assert run(script, f"{address}/log", vkey).returncode != 0


def test_the_addresses_and_answers_of_the_document_are_the_services(world: World) -> None:
    """Somebody would write a monitor against addresses that are not there."""
    for path in re.findall(r"^\| `(/log/[^`]+)` \|", DOCUMENT, re.M):
        real = path.replace("<L>", "0").replace("<N>[.p/<W>]", "000.p/1")
        assert world.call("GET", real, key="bob")[0] == 200, real
    assert "governance audit tiles" in DOCUMENT
    assert "limits.person_per_second`)" in DOCUMENT
    rate = re.search(r"more than (\d+) requests a second", DOCUMENT)
    assert rate is not None
    assert int(rate[1]) == world.http.app.config.limits.person_per_second
