"""The demo's stage: a fresh workspace, the service in a process of its own, people and agents with keys.

Law: everything happens through the service's public HTTP API, as any other caller's would.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from governance.cli.demo import cast
from governance.cli.transport import SOCKET, Api, Failed, over_socket
from governance.client import Client

# Alone it takes two seconds or three; on a machine with other work it may take a minute.
START_SECONDS = 180
ORIGIN = "log.corp.example/demo"
# What the demo's runtimes carry out when a rule obliges them to.
FULFILS = ("redact", "notify", "log", "tell_user")
# One more policy file, so that a request can expire while somebody watches.
QUICK = """\
policy: status-page
title: What agents say to the public
owner: press@corp.example
review_by: 2099-01-01
governs: [status.post]
applies_to: {agents: all}
mode: enforce
default: deny
rules:
  - id: STA-001
    title: Whatever is said in public is decided by a manager, quickly or not at all
    effect: require_approval
    when: {action: status.post}
    approval: {needs: [1 agent_manager], answer_within: 2s, reason: required}
    because: An old message about an incident is worse than none.
    severity: medium
cases:
  columns: [name, args.text, expect, by]
  always: {action: status.post}
  rows:
    - [a message, all is well, require_approval, STA-001]
    - [no message, ~, require_approval, STA-001]
"""
QUICK_ACTION = """\
catalogue: status-page
title: The public status page
owner: press@corp.example
actions:
  status.post:
    title: Post a message on the status page
    labels: [sends_external]
    risk: medium
    args:
      text: {type: text, class: private, max_length: 500}
"""


@dataclass
class Stage:
    """The running service and everybody's way to it."""

    directory: Path
    url: str
    log_key: str
    say: Callable[[str], None]
    process: subprocess.Popen[bytes] | None = None
    people: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)

    def api(self, who: cast.Role) -> Api:
        """The API with a person's key."""
        exchange = over_socket(self.directory / SOCKET)
        if exchange is None:
            raise Failed("the demo's service has stopped; see service.log in its workspace")
        return Api(exchange, self.keys[who.email])

    def client(self, agent: str) -> Client:
        """The SDK with an agent's (or its gateway's) key."""
        return Client(self.url, self.keys[agent], agent=agent, timeout=20, fulfils=FULFILS)

    def serve(self) -> None:
        """Start the service in its own process and wait until it can take decisions."""
        log = (self.directory / "service.log").open("ab")
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "governance", "serve", "-w", str(self.directory)],
            stdout=log, stderr=log,
        )  # fmt: skip
        log.close()
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            code = self.process.poll()
            if code is not None:
                raise Failed(f"the service ended by itself (exit {code}); see {log.name}")
            exchange = over_socket(self.directory / SOCKET)
            if exchange and exchange("GET", "/readyz", None, {})[0] == 200:
                return
            time.sleep(0.05)
        raise Failed(
            f"the service was still not ready after {START_SECONDS} s, so it was ended; was this "
            f"machine busy? What it said is in {log.name}. Try again with --fresh"
        )

    def close(self) -> None:
        """Stop the service as an operator would."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def free_port() -> int:
    """A TCP port that nobody uses right now."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def build(app: Any, directory: Path, say: Callable[[str], None]) -> Stage:
    """A fresh workspace with its service running; the first person is the demo's manager."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    outside = directory.parent / f"{directory.name}-head.txt"
    outside.unlink(missing_ok=True)
    first = cast.MANAGER
    made = app.initialise(
        directory,
        {
            "name": first.name, "email": first.email, "title": "Corp Example (demo)",
            "origin": ORIGIN, "policies": None, "agent": None,
            "anchors": (f"file:{outside}",), "port": free_port(),
        },
    )  # fmt: skip
    (directory / "policies" / "status-page.yaml").write_text(QUICK, encoding="utf-8")
    action = directory / "policies" / "actions" / "status-page.yaml"
    action.write_text(QUICK_ACTION, encoding="utf-8")
    stage = Stage(directory, made["url"], made["log_key"], say)
    stage.people[first.email] = made["person"]
    stage.keys[first.email] = made["person_key"]
    stage.passwords[first.email] = made["password"]
    try:
        stage.serve()
    except BaseException:
        stage.close()
        raise
    return stage


def left_over(directory: Path) -> bool:
    """Whether a directory holds an earlier demo, be it one that never got to its end."""
    config = directory / "config.toml"
    return (directory / "demo").is_dir() or (config.is_file() and ORIGIN in config.read_text())


def hire(stage: Stage) -> None:
    """People get roles and keys; from the second one on, four eyes rule: also over roles."""
    manager = stage.api(cast.MANAGER)
    for who in cast.PEOPLE[1:]:
        made = manager.post(
            "/v1/people", name=who.name, email=who.email, roles=list(who.roles), sign_in=True
        )
        if made["waiting"]:
            second = stage.api(cast.SECOND)
            second.post(f"/v1/people/{made['person']}/confirm", entry=made["entry"])
        key = manager.post("/v1/keys", holder_type="person", holder_id=made["person"])
        stage.people[who.email] = made["person"]
        stage.passwords[who.email] = made["password"]
        stage.keys[who.email] = key["secret"]


def release(stage: Stage, files: Mapping[str, bytes]) -> str:
    """One person proposes the policy files, another signs them off."""
    texts = {path: data.decode("utf-8") for path, data in files.items()}
    proposal = stage.api(cast.RISK).post("/v1/policies/proposals", files=texts)
    signed = stage.api(cast.COMPLIANCE).post(
        f"/v1/policies/proposals/{proposal['proposal']}/sign", evidence=proposal["evidence"]
    )
    return str(signed["release"])


def onboard(stage: Stage) -> None:
    """Each agent is proposed by one manager, confirmed by another, briefed, and given a key."""
    manager, second = stage.api(cast.MANAGER), stage.api(cast.SECOND)
    owner, deputy = stage.people[cast.MANAGER.email], stage.people[cast.SECOND.email]
    now = datetime.now(UTC)  # noqa: TID251 - a surface
    for part in cast.AGENTS:
        body: dict[str, Any] = {
            "agent": part.agent, "team": part.team, "owner": owner, "deputy": deputy,
            "purpose": part.purpose, "class": part.agent_class, "annex": part.annex,
            "reasoning": part.reasoning, "tools": list(part.tools), "labels": list(part.labels),
            "model": "example-model-2026-09", "autonomy": part.autonomy,
            "autonomy_until": _instant(now + timedelta(days=90)),
        }  # fmt: skip
        if part.team == "engineering":
            body["workspace"] = "/srv/shop"
        proposed = manager.post("/v1/agents", **body)
        second.post(f"/v1/agents/{part.agent}/confirm", entry=proposed["entry"])
        manager.post(
            f"/v1/agents/{part.agent}/brief", text=f"{part.purpose}, by this week's priorities.",
            as_of=_instant(now), valid_until=_instant(now + timedelta(days=30)),
            sources=["wiki/priorities, read today"],
        )  # fmt: skip
        holder = {"holder_type": "agent", "holder_id": part.agent}
        if part.agent in ("refunds-1", "tickets-1"):
            # These two sit behind gateways, which vouch for what the order system and the MCP
            # servers say, and report what was really done.
            holder = {"holder_type": "gateway", "holder_id": f"{part.team}-gateway"}
            holder |= {"agents": [part.agent]}  # type: ignore[dict-item]
        stage.keys[part.agent] = manager.post("/v1/keys", **holder)["secret"]


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
