"""A workspace and its command line, as a person at a terminal has them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from governance.cli import root
from governance.cli.frame import Frame
from governance.wiring import App

POLICIES = Path(__file__).parents[2] / "policies"
PROGRAM = [sys.executable, "-m", "governance"]
DE = "DE89370400440532013000"


def environment(**more: str) -> dict[str, str]:
    """This process's environment without anything that speaks to the command line."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GOVERNANCE_")}
    return {**kept, "PYTHONPATH": str(POLICIES.parent), "COLUMNS": "100", **more}


def process(*args: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process of its own."""
    return subprocess.run(
        [*PROGRAM, *args],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(**env),
    )


def cli(*args: str | Path, stdin: str = "", env: Mapping[str, str] | None = None) -> Result:
    """Run the command line in this process, wired as it is installed."""
    words = [str(arg) for arg in args]
    return CliRunner().invoke(root, words, obj=Frame(App()), input=stdin, env=env)


def document(result: Result) -> Any:
    """The one JSON document on stdout of a command that succeeded."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


class Served:
    """A workspace served by a process of its own, and people with keys."""

    def __init__(self, directory: Path, made: dict[str, Any]) -> None:
        self.directory, self.made = directory, made
        self.log = directory.parent / f"{directory.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Serve; returns when the socket answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*PROGRAM, "serve", "-w", str(self.directory), "--port", "0"],
                stdout=log,
                stderr=log,
                env=environment(),
            )
        until = time.monotonic() + 30
        while time.monotonic() < until:
            assert self.process.poll() is None, self.log.read_text()
            with contextlib.suppress(OSError):
                self._dial().close()
                return
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; the process's exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)

    def run(self, *args: str | Path, key: str | None = None, stdin: str = "") -> Result:
        """A command to this workspace, as the administrator or with another key."""
        more = ["--key", key] if key else []
        return cli(*args, "-w", self.directory, *more, stdin=stdin)

    def json(self, *args: str | Path, key: str | None = None) -> Any:
        """What a command says as its one JSON document."""
        return document(self.run(*args, "-o", "json", key=key))

    def person(self, name: str, *roles: str) -> tuple[str, str]:
        """Add a person: pseudonym and key."""
        wanted = [part for role in roles for part in ("--role", role)]
        email = f"{name.lower()}@corp.example"
        made = self.json("person", "add", "--name", name, "--email", email, *wanted)
        return made["person"], made["secret"]

    def ask(self, key: str, **arguments: str) -> Any:
        """An agent's payment, asked over the socket, with an approval when one is needed."""
        return self.evaluate(key, "payments-1", "payment.create", arguments)

    def evaluate(self, key: str, agent: str, action: str, arguments: dict[str, Any]) -> Any:
        """Any agent's request and its answer."""
        body = {
            "subject": {"type": "agent", "id": agent},
            "resource": {"type": "account", "id": "operating"},
            "action": {"name": action, "properties": {"arguments": arguments}},
            "context": {"request_approval": True},
        }
        connection = http.client.HTTPConnection("localhost")
        connection.sock = self._dial()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", "/access/v1/evaluation", json.dumps(body), headers)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        connection.close()
        assert answer.status == 200, said
        return said

    def _dial(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.settimeout(30)
        try:
            made.connect(str(self.directory / "governance.sock"))
        except OSError:
            made.close()
            raise
        return made


@dataclass
class Company:
    """The served workspace with a second person and a payment agent."""

    served: Served
    mia: str
    tom: str
    tom_key: str
    agent_key: str
