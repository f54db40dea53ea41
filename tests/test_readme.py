"""What the README tells people to type is typed here, line by line, in an empty directory.

A line of a `sh` or `console` block that no pattern below expects fails the test: whoever adds a
command to the README adds how it is run.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from governance.cli import root

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md"])
DOCUMENTS += sorted((ROOT / "docs").rglob("*.md")) + sorted(ROOT.glob("*/README.md"))
TAMPERED = 10


class Line(NamedTuple):
    """One command as the README writes it, continuation lines joined."""

    block: int
    text: str


def blocks(*languages: str) -> list[str]:
    """The fenced blocks of the README in these languages."""
    fence = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
    return [text for language, text in fence.findall(README) if language in languages]


def commands() -> list[Line]:
    """Every command of the README in its order; of console blocks only what follows `$ `."""
    found: list[Line] = []
    for number, block in enumerate(blocks("sh", "console")):
        console = block.startswith("$ ")
        open_quote = ""
        for line in block.splitlines():
            if open_quote:
                open_quote += "\n" + line
            elif console and not line.startswith("$ "):
                continue
            elif line.strip() and not line.lstrip().startswith("#"):
                open_quote = line.removeprefix("$ ")
            if open_quote and _whole(open_quote):
                found.append(Line(number, open_quote))
                open_quote = ""
        assert not open_quote, f"a quote stays open in: {open_quote}"
    return found


def _whole(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return not text.endswith("\\")


@dataclass
class Desk:
    """A directory in which a reader types, with `governance` and `python` on the path."""

    place: Path
    port: int
    variables: dict[str, str] = field(default_factory=dict)
    serving: subprocess.Popen[bytes] | None = None

    def type(self, line: str, *, within: str = ".") -> subprocess.CompletedProcess[str]:
        """Type a line; the addresses and places of the README become ones of this run."""
        line = line.replace("8321", str(self.port)).replace("/mnt/other", str(self.place / "other"))
        return subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=self.place / within,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=600,
        )

    def environment(self) -> dict[str, str]:
        """What a fresh shell has."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("GOVERNANCE_")}
        path = f"{self.place / 'bin'}:{os.environ['PATH']}"
        return {**kept, "PATH": path, "PYTHONPATH": str(ROOT), **self.variables}

    def serve(self, line: str) -> None:
        """Type the line that serves and wait until it answers."""
        with (self.place / "serve.log").open("wb") as log:
            self.serving = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {line}"],
                cwd=self.place,
                env=self.environment(),
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + 60
        while time.monotonic() < until and self.serving.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.1)
        raise AssertionError((self.place / "serve.log").read_text())

    def close(self) -> None:
        """End what serves."""
        if self.serving is not None:
            self.serving.terminate()
            self.serving.wait(30)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An empty directory of a reader who has installed the product."""
    place = tmp_path_factory.mktemp("readme")
    (place / "bin").mkdir()
    (place / "other").mkdir()
    for name, words in (("governance", "-m governance"), ("python", "")):
        shim = place / "bin" / name
        shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words} "$@"\n')
        shim.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    made = Desk(place, port)
    yield made
    made.close()


def test_the_commands_of_the_readme_do_what_it_says(desk: Desk) -> None:
    """A stranger's first half hour would end at a line that does not work."""
    demo = desk.type("governance demo demo-workspace")
    assert demo.returncode == 0, demo.stderr[-2000:]
    last = 0
    typed = 0
    for _, line in commands():
        typed += 1
        if line == "echo $?":
            assert last == TAMPERED
            continue
        last = run(desk, line)
    assert typed >= 15


def run(desk: Desk, line: str) -> int:
    """Run one line as its pattern wants it; an unknown line fails."""
    for pattern, how in HOW.items():
        if re.match(pattern, line):
            return how(desk, line)
    raise AssertionError(f"no test runs this line of the README; add it to HOW: {line}")


def good(desk: Desk, line: str, within: str = ".") -> int:
    """A line that must succeed."""
    done = desk.type(line, within=within)
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.returncode


def make(desk: Desk, line: str) -> int:
    """A target of the Makefile: what it would do, without installing anything."""
    done = subprocess.run(
        ["make", "-n", *shlex.split(line, comments=True)[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert {"demo": "governance demo", "test": "-m pytest"}[line.split()[1]] in done.stdout
    return 0


def init(desk: Desk, line: str) -> int:
    """Make the reader's workspace, at a port that is free here."""
    done = desk.type(line)
    assert done.returncode == 0, done.stderr
    for name, label in (("KEY", "agent key"), ("ME", "person")):
        shown = re.search(rf"^{label} +(\S+)$", done.stdout, re.M)
        assert shown is not None, done.stdout
        desk.variables[name] = shown[1]
    config = desk.place / "my-workspace" / "config.toml"
    config.write_text(config.read_text().replace("port = 8321", f"port = {desk.port}"))
    return 0


def serve(desk: Desk, line: str) -> int:
    """Serve it, for all lines that follow."""
    desk.serve(line)
    return 0


def install(desk: Desk, line: str) -> int:
    """Install the hook at this run's address."""
    address = f"http://127.0.0.1:{desk.port}"
    return good(desk, line if "--url" in line else f"{line.split('#')[0].rstrip()} --url {address}")


def ask(desk: Desk, line: str) -> int:
    """An agent asks over HTTP and is answered."""
    done = desk.type(line)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["context"]["effect"] == "require_approval", answer
    assert isinstance(answer["context"]["access_request"]["approval"], int), answer
    return 0


def bring(desk: Desk, line: str) -> int:
    """Take the tools of an MCP server into the catalogue, from a file as it answers."""
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    tool = {"name": "edit_page", "description": "Change a page", "inputSchema": schema}
    (desk.place / "tools.json").write_text(json.dumps({"tools": [tool]}))
    return good(desk, line)


def suppose(desk: Desk, line: str) -> int:
    """The refund that the demo overrode is a refused one, and would not have been."""
    done = desk.type(line)
    assert done.returncode == 0, done.stderr
    assert "Allowed: Refunds up to 50 EUR" in done.stdout
    return 0


def verify(desk: Desk, line: str) -> int:
    """Verify a package: the altered one is found out, the other proven."""
    done = desk.type(line)
    wanted = TAMPERED if "altered" in line else 0
    assert done.returncode == wanted, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.returncode


HOW = {
    r"make (demo|test)\b": make,
    r"governance init my-workspace ": init,
    r"governance serve -w my-workspace": serve,
    r"governance install claude-code ": install,
    r"governance doctor claude-code ": good,
    r"curl -s http://127\.0\.0\.1:8321/access/v1/evaluation ": ask,
    r"governance policy import mcp tools\.json ": bring,
    r"governance policy (check|test|fmt|prove|backtest|release) my-workspace/policies\b": good,
    r"governance policy words my-workspace/policies --pdf rules\.pdf": good,
    r"governance policy diff in-force my-workspace/policies -w my-workspace": good,
    r"governance policy rollback -w my-workspace": good,
    r"governance policy explain --decision 53 --given ": suppose,
    r"governance policy learn -w demo-workspace": good,
    r"governance approval list -w my-workspace": good,
    r"governance agent (add|confirm) coder-1 ": good,
    r"governance key issue agent coder-1 --to coder.key ": good,
    r"governance policy backtest demo-workspace": good,
    r"governance report periodic -w demo-workspace": good,
    r"governance audit export package -w demo-workspace": good,
    r"python -m audit verify ": verify,
    r"governance audit proof 3 --to decision-3 ": good,
    r"python -m audit proof decision-3.tlog-proof ": good,
    r"governance audit replay package": good,
}


def test_python_in_the_readme_is_python() -> None:
    """A reader would copy an example that does not even parse."""
    for block in blocks("python"):
        ast.parse(block)


def mentioned() -> list[tuple[str, str]]:
    """Every `governance …` command line that a document shows: (document, command)."""
    found: list[tuple[str, str]] = []
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        name = str(path.relative_to(ROOT))
        lines = re.findall(r"`(governance [a-z][^`\n]*)`", text)
        for block in re.findall(r"^```(?:sh|console)\n(.*?)^```$", text, re.M | re.S):
            lines += re.findall(r"^(?:\$ )?(governance [a-z].*)$", block, re.M)
        lines += re.findall(r"^    (governance [a-z].*)$", text, re.M)
        found += [(name, line) for line in lines]
    return found


@pytest.mark.parametrize(("document", "line"), mentioned())
def test_documented_commands_exist(document: str, line: str) -> None:
    """A reader would be sent to a command or an option that is not there."""
    command: click.Command = root
    known = {"-h", "--help"}
    for word in line.split("#")[0].split()[1:]:
        word = word.strip(".,;:()…")
        if isinstance(command, click.Group) and not word.startswith("-"):
            for choice in word.split("|"):
                if re.fullmatch(r"[a-z-]+", choice):
                    assert choice in command.commands, f"{document}: `{line}` (`{choice}`)"
            command = command.commands.get(word.split("|")[0], click.Command(None))
            known |= {text for option in command.params for text in option.opts}
            known |= {text for option in command.params for text in option.secondary_opts}
        elif word.startswith("--") and word != "--":
            assert word.split("=")[0] in known, f"{document}: `{line}` ({word})"
