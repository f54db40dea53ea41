"""A founded workspace with two people, agents, a gateway, keys and a small release, and its API."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance import config as settings
from governance.anchoring.settings import Anchoring, AnchorSettings
from governance.app import open_desk
from governance.config import Config, Limits, Server
from governance.serve import InProcess, create_app
from governance.service import founding, keys, onboarding, people
from governance.service.desk import Desk
from governance.store.workspace import Workspace
from tests.store.references import require_good

URL = "https://gov.example"

POLICY = """
policy: payments
title: What the test's agents may do with money
owner: risk@corp.example
review_by: 2099-01-01
governs: [payment.create, payment.read]
applies_to: {agents: all}
mode: enforce
default: deny
rules:
  - id: PAY-1
    title: Small payments go through
    effect: allow
    when: {action: payment.create, args.amount: {at_most: 500 EUR}}
    because: They are small.
    severity: low
  - id: PAY-2
    title: Larger ones a treasurer decides
    effect: require_approval
    when: {action: payment.create, args.amount: {between: [500.01 EUR, 10000 EUR]}}
    approval: {needs: [1 treasurer], answer_within: 4h, not_by: [requester], reason: required}
    because: Somebody looks first.
    severity: high
  - id: PAY-3
    title: Reading is free
    effect: allow
    when: {action: payment.read}
    because: Nothing moves.
    severity: low
cases:
  columns: [name, args.amount, expect, by]
  always: {action: payment.create, args.payee: DE89370400440532013000}
  rows:
    - [small, 120 EUR, allow, PAY-1]
    - [larger, 900 EUR, require_approval, PAY-2]
    - [huge, 90000 EUR, deny, default]
"""
CATALOGUE = """
catalogue: payments
title: Payments
owner: risk@corp.example
actions:
  payment.create:
    title: Pay money out
    labels: [moves_money]
    risk: low
    args:
      amount: {type: money, currencies: [EUR], class: quantity}
      payee: {type: iban, class: identity, about: payee}
      note: {type: text, class: private, required: false}
  payment.read:
    title: Read a payment
    labels: []
    risk: low
    args: {}
"""
CODING = """
policy: coding
title: What coding agents may run
owner: risk@corp.example
review_by: 2099-01-01
governs: [shell.run, file.read]
applies_to: {agents: all}
mode: enforce
default: deny
rules:
  - id: SH-1
    title: Reading a file is free
    effect: allow
    when: {action: file.read, args.path: {under: ["workspace:/"]}}
    because: It is only read.
    severity: low
  - id: SH-2
    title: Commands need a developer
    effect: require_approval
    when: {action: shell.run}
    approval: {needs: [1 developer], answer_within: 4h, reason: optional}
    because: Somebody looks first.
    severity: high
cases:
  columns: [name, args.path, expect]
  always: {action: file.read, session.workspace: /work}
  rows:
    - [inside, /work/a, allow]
    - [outside, /etc/passwd, deny]
"""
CODING_CATALOGUE = """
catalogue: coding
title: Shell and files
owner: risk@corp.example
actions:
  shell.run:
    title: Run a command line
    labels: [runs_code]
    risk: low
    args:
      command: {type: command, class: private}
      description: {type: text, class: private, required: false}
  file.read:
    title: Read a file
    labels: []
    risk: low
    args:
      path: {type: path, class: category}
"""
FILES = {
    "policies/payments.yaml": POLICY.encode(),
    "policies/actions/payments.yaml": CATALOGUE.encode(),
    "policies/coding.yaml": CODING.encode(),
    "policies/actions/coding.yaml": CODING_CATALOGUE.encode(),
}


@dataclass
class World:
    """The API of one workspace. `keys` are secrets by name: ada, bob, agent, other, gateway."""

    desk: Desk
    http: InProcess
    keys: dict[str, str]
    ids: dict[str, str]
    directory: Path

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = "agent",
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and parsed body of one request; `key` is a name of `keys` or None."""
        sent = {"content-type": "application/json", **(headers or {})}
        if key is not None:
            sent["authorization"] = f"Bearer {self.keys.get(key, key)}"
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        status, got, content = self.http.call(method, path, data, sent)
        kind = got.get("content-type", "")
        answer = json.loads(content) if "json" in kind and content else content
        return status, got, answer

    def decisions(self) -> int:
        """How many decisions the log holds."""
        size = self.desk.state.size
        return sum(self.desk.reader.entry(index).kind == "decision" for index in range(size))


def payment(amount: str = "120", agent: str = "payer-1", **context: Any) -> dict[str, Any]:
    """An evaluation request for a payment."""
    return {
        "subject": {"type": "agent", "id": agent},
        "action": {
            "name": "payment.create",
            "properties": {
                "arguments": {
                    "amount": {"amount": amount, "currency": "EUR"},
                    "payee": "DE89370400440532013000",
                }
            },
        },
        "resource": {"type": "account", "id": "acct-1"},
        "context": context,
    }


@functools.cache
def _template() -> tuple[Path, dict[str, str], dict[str, str]]:
    """One founded workspace, to be copied: founding takes longer than most tests."""
    directory = Path(tempfile.mkdtemp(prefix="web-world-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    Workspace.create(directory / "made", "test.example/log")
    with open_desk(directory / "made", Config(), record_start=True) as desk:
        ids, secrets = _populate(desk)
    return directory / "made", ids, secrets


@contextlib.contextmanager
def make_world(
    directory: Path,
    *,
    anchors: tuple[AnchorSettings, ...] = (),
    policy: str = "",
    fresh: bool = True,
    **limits: int,
) -> Iterator[World]:
    """A founded workspace in `directory`, its API opened without a network.

    With `fresh` false, one that was there before goes on.
    """
    config = Config(
        server=Server(url=URL),
        limits=Limits(**limits),
        anchors=anchors,
        anchoring=Anchoring(policy=policy),
    )
    template, ids, secrets = _template()
    if fresh:
        shutil.copytree(template, directory, dirs_exist_ok=True)
    (directory / settings.FILE_NAME).write_text(settings.render(config))
    with open_desk(directory, config, record_start=True) as desk:
        app = create_app(desk, config)
        http = InProcess(app)
        try:
            yield World(desk, http, dict(secrets), ids, directory)
        finally:
            http.close()
            app.close()
        require_good(desk.reader)


def _populate(desk: Desk) -> tuple[dict[str, str], dict[str, str]]:
    made = founding.found(desk, name="Ada", email="ada@corp.example", files=FILES, agent="payer-1")
    ada = keys.caller_of(desk, made["person_key"])
    assert ada is not None
    people.set_roles(
        desk,
        ada,
        ada.id,
        roles=(
            "administrator",
            "agent_manager",
            "risk_editor",
            "compliance_officer",
            "treasurer",
            "developer",
        ),
    )
    for agent in ("payer-2", "coder-1"):
        onboarding.propose(
            desk,
            ada,
            agent=agent,
            team="test",
            owner=ada.id,
            purpose="testing",
            tools=("*",),
            workspace="/work" if agent == "coder-1" else None,
        )
        onboarding.confirm(desk, ada, agent)
    for agent in ("payer-1", "payer-2", "coder-1"):
        onboarding.set_autonomy(
            desk,
            ada,
            agent,
            level="L4",
            until="2099-01-01T00:00:00Z",
            why="test",
            evidence={"decisions": 0},
        )
    secrets = {"ada": made["person_key"], "agent": made["agent_key"]}
    for name, holder in (("other", "payer-2"), ("coder", "coder-1")):
        issued = keys.issue(desk, ada, holder_type="agent", holder_id=holder)
        secrets[name] = issued["secret"]
    issued = keys.issue(
        desk, ada, holder_type="gateway", holder_id="gate-1", agents=("payer-1", "payer-2")
    )
    secrets["gateway"] = issued["secret"]
    bob = people.add(
        desk, ada, name="Bob", email="bob@corp.example", roles=("auditor", "treasurer")
    )["person"]
    issued = keys.issue(desk, ada, holder_type="person", holder_id=bob)
    secrets["bob"] = issued["secret"]
    return {"ada": ada.id, "bob": bob}, secrets
