"""The scripts of the verification page in an engine that is not Chromium's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from audit.errors import NotVerified
from audit.verify import verify
from governance.web import verifypage
from tests.optional import absent

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "audit"))
from attacked_packages import attacked, browsable, zipped  # noqa: E402
from log_world import World  # noqa: E402

sys.path.remove(str(HERE.parent / "audit"))
STATIC = Path(verifypage.__file__).parent / "static" / "verify"


def scripts() -> str:
    """Everything the page runs but what touches its elements, and the harness after it."""
    names = [name for name in verifypage._SCRIPTS if name != "page"]
    parts = [(STATIC / f"{name}.js").read_text(encoding="utf-8") for name in names]
    harness = (HERE / "other_engine.js").read_text(encoding="utf-8")
    return '"use strict";\n' + "\n".join([*parts, harness])


def cases(folder: Path) -> list[dict[str, Any]]:
    """Every package of the log's own tests that a key is given for, and what Python says of it."""
    world = World(folder)
    found = []
    every = attacked(world) | browsable(world)
    for number, (name, (path, options, _)) in enumerate(sorted(every.items())):
        given = list(zip(options[::2], options[1::2], strict=True))
        keys = [value for option, value in given if option == "--key"]
        kept = [
            Path(value).read_bytes() for option, value in given if option in ("--head", "--receipt")
        ]
        if not keys:
            continue
        package = zipped(world, path, number)
        found.append(
            {
                "name": name,
                "zip": b64encode(package.read_bytes()).decode(),
                "keys": keys,
                "kept": [b64encode(each).decode() for each in kept],
                "told": stated(package, keys, kept),
            }
        )
    return found


def stated(package: Path, keys: list[str], kept: list[bytes]) -> dict[str, Any]:
    """What the Python verifier says of it."""
    try:
        verify(package, keys, None, kept)
    except NotVerified as error:
        index, file = getattr(error, "index", None), getattr(error, "file", None)
        entry = "" if index is None else str(index)
        return {"exit": error.exit_code, "entry": entry, "file": file or ""}
    return {"exit": 0, "entry": "", "file": ""}


def in_node(folder: Path, made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What Node says: its WebCrypto is OpenSSL's."""
    node = shutil.which("node") or absent("sigstore", "`apt-get install nodejs`")
    (folder / "cases.json").write_text(json.dumps(made))
    run = (
        "\nconst cases = JSON.parse(require('fs').readFileSync(process.argv[2], 'utf8'));"
        "\nask({ verify, importKey, openZip, Refusal }, cases)"
        ".then((told) => console.log(JSON.stringify(told)));\n"
    )
    program = folder / "engine.js"
    program.write_text(scripts() + run, encoding="utf-8")
    done = subprocess.run(
        [node, str(program), str(folder / "cases.json")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return list(json.loads(done.stdout))


def in_firefox(folder: Path, made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What Firefox says of cases that it fetches from here, where it sends what it says, too."""
    run = (
        "\nfetch('/cases').then((given) => given.json())"
        ".then((cases) => ask({ verify, importKey, openZip, Refusal }, cases))"
        ".catch((error) => ({ trouble: String(error) }))"
        ".then((told) => fetch('/told', { method: 'POST', body: JSON.stringify(told) }));\n"
    )
    page = f"<!doctype html><meta charset=utf-8><script>{scripts()}{run}</script>"
    answers: Queue[Any] = Queue()

    class Here(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            self.reply(json.dumps(made) if self.path == "/cases" else page)

        def do_POST(self) -> None:
            answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.reply("")

        def reply(self, text: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Here)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    browser = subprocess.Popen(
        ["firefox-esr", "--headless", "--no-remote", "--profile", str(folder), address],
        env={**os.environ, "HOME": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        told = answers.get(timeout=120)
    finally:
        browser.terminate()
        browser.wait(20)
        server.shutdown()
        server.server_close()
    assert type(told) is list, told
    return told


ENGINES = {"node": in_node}
if shutil.which("firefox-esr"):  # nothing here installs it; where it is, it has to agree
    ENGINES["firefox"] = in_firefox


@pytest.mark.parametrize("engine", ENGINES)
def test_another_engine_says_what_python_says(tmp_path: Path, engine: str) -> None:
    """The page would prove what is false in every browser but the one it was tested in."""
    made = cases(tmp_path)
    (tmp_path / "engine").mkdir()
    answers = ENGINES[engine](tmp_path / "engine", made)
    for case, told in zip(made, answers, strict=True):
        expected = case["told"]
        assert (told["exit"], told["entry"]) == (expected["exit"], expected["entry"]), case["name"]
        if expected["file"] and not case["kept"]:
            assert told["file"] == expected["file"], case["name"]
    assert {case["told"]["exit"] for case in made} == {0, 10, 11, 12, 13}
    assert len(made) > 45
