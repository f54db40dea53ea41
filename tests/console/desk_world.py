"""The console over a real desk: a founded workspace, five people, two agents, real entries.

Nothing here is pretended: agents ask through `service.deciding`, people answer in the browser, and
what came of it is read from the log.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from console_world import PASSWORD, sign_in
from flask import Flask
from flask.testing import FlaskClient
from paper_views import HOSTILE

from governance.anchoring.station import Anchors, Station
from governance.app import create_app
from governance.config import Config
from governance.service import deciding, founding, keys, onboarding, outcomes, people
from governance.service.desk import FOLD, Caller, Desk, Settings
from governance.store.accounts import AccountStore
from governance.store.workspace import Workspace
from governance.web.accounts import Accounts
from governance.web.console import blueprint

POLICY = """
policy: payments
title: What agents may pay
owner: risk@corp.example
review_by: 2099-01-01
governs: [payment.create]
applies_to: {agents: all}
mode: enforce
default: deny
rules:
  - id: PAY-1
    title: Payments up to 100 000 EUR are the agent's work
    effect: allow
    when: {action: payment.create, args.amount: {at_most: 100000 EUR}}
    because: It was taken on for that; the rules below ask people.
    severity: low
  - id: PAY-2
    title: Larger payments a treasurer decides
    effect: require_approval
    when: {action: payment.create, args.amount: {between: [500.01 EUR, 10000 EUR]}}
    approval: {needs: [1 treasurer], answer_within: 4h, not_by: [requester, agent.owner], reason: required}
    because: Somebody looks at the payee first.
    severity: high
  - id: PAY-3
    title: Large payments a treasurer and the CFO decide
    effect: require_approval
    when: {action: payment.create, args.amount: {between: [10000.01 EUR, 50000 EUR]}}
    approval:
      needs: [1 treasurer, 1 cfo]
      answer_within: 4h
      not_by: [requester, agent.owner]
      reason: required
      checklist: [the payee was called back, the invoice is in the books]
    because: Four eyes before money that cannot come back.
    severity: critical
  - id: PAY-4
    title: Above 50 000 EUR no agent pays
    effect: deny
    when: {action: payment.create, args.amount: {above: 50000 EUR}}
    because: The board said so.
    severity: critical
    may_be_waived_by: [cfo]
cases:
  columns: [name, args.amount, expect, by]
  always: {action: payment.create, args.payee: DE89370400440532013000}
  rows:
    - [small, 120 EUR, allow, PAY-1]
    - [larger, 900 EUR, require_approval, PAY-2]
    - [large, 18400 EUR, require_approval, PAY-3]
    - [huge, 90000 EUR, deny, PAY-4]
"""
CATALOGUE = """
catalogue: payments
title: Payments
owner: risk@corp.example
actions:
  payment.create:
    title: Pay money out of a company account
    labels: [moves_money]
    risk: high
    args:
      amount: {type: money, currencies: [EUR], class: quantity}
      payee: {type: iban, class: identity, about: payee}
      reference: {type: text, class: private, required: false, max_length: 600}
"""
FILES = {
    "policies/payments.yaml": POLICY.encode(),
    "policies/actions/payments.yaml": CATALOGUE.encode(),
}
PEOPLE = {
    "ada": ("Ada Berg", ("administrator", "agent_manager", "risk_editor", "compliance_officer")),
    "maria": ("Maria Lindqvist", ("treasurer",)),
    "jonas": ("Jonas Weber", ("cfo", "agent_manager")),
    "rita": ("Rita Sand", ("compliance_officer",)),
    "otto": (f"Otto {HOSTILE[:60]}", ("auditor",)),
}


@dataclass
class DeskWorld:
    """A real workspace and its console. `ids` are pseudonyms by first name."""

    desk: Desk
    app: Flask
    accounts: Accounts
    ids: dict[str, str]
    agent: Caller

    def ask(self, amount: str = "18400", *, note: str | None = None, **more: Any) -> dict[str, Any]:
        """The agent wants to pay; gives the answer, with an approval opened where one is needed."""
        request = {
            "subject": {"type": "agent", "id": "pay-runner"},
            "action": {
                "name": "payment.create",
                "properties": {
                    "arguments": {
                        "amount": {"amount": amount, "currency": "EUR"},
                        "payee": more.pop("payee", "NO9386011117947"),
                        "reference": more.pop("reference", "Invoice H-20931"),
                    }
                },
            },
            "context": {"request_approval": {"note": note} if note else True, **more},
        }
        return deciding.decide(self.desk, self.agent, request)

    def approval(self) -> int:
        """Number of the newest open approval."""
        return max(self.desk.state.approvals)

    def done(self, decision: int) -> None:
        """The agent reports that it carried out what was allowed."""
        outcomes.report(self.desk, self.agent, {"decision": decision, "status": "executed"})

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the whole application as in production, on a free port; gives the address."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        application = create_app(self.desk, Config())
        server = uvicorn.Server(
            uvicorn.Config(
                application, host="127.0.0.1", port=port, lifespan="off", log_level="warning"
            )
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "the server did not start"
                thread.join(0.01)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join()
            application.close()

    def browser(self, name: str) -> FlaskClient:
        """A browser in which this person is signed in."""
        client = self.app.test_client()
        assert sign_in(client, f"{name}@corp.example").status_code == 303
        return client

    def kinds(self, first: int = 0) -> list[str]:
        """Kinds of the entries from `first` on."""
        return [self.desk.reader.entry(i).kind for i in range(first, self.desk.state.size)]


@contextmanager
def make_desk_world(directory: Path, *given: Station) -> Iterator[DeskWorld]:
    """Found a workspace in `directory` and put the console before it; `given` are its anchors."""
    Workspace.create(directory, "corp.example/governance")
    workspace = Workspace.open(directory, FOLD, version="0.0.0")
    try:
        outside = Anchors(given)
        desk = Desk.over(workspace, Settings(time_zone="Europe/Berlin"), anchors=outside)
        store = AccountStore(workspace.vault_engine)
        accounts = Accounts(store, PasswordHasher.from_parameters(CHEAPEST))
        ids, agent = _populate(desk)
        for name, person in ids.items():
            sign_in_name = f"{name}@corp.example"
            accounts.enrol(person=person, sign_in=sign_in_name, password=PASSWORD, at=desk.now())
        app = Flask("desk-world")
        app.register_blueprint(blueprint(desk, accounts))
        yield DeskWorld(desk, app, accounts, ids, agent)
    finally:
        workspace.close()


def _populate(desk: Desk) -> tuple[dict[str, str], Caller]:
    made = founding.found(desk, name="Ada Berg", email="ada@corp.example", files=FILES, agent=None)
    ada = Caller("person", made["person"])
    ids = {"ada": ada.id}
    onboarding.propose(
        desk,
        ada,
        agent="pay-runner",
        team="treasury",
        owner=ada.id,
        purpose="Pays supplier invoices",
        tools=("payment.create",),
        autonomy="L3",
    )
    onboarding.confirm(desk, ada, "pay-runner")
    onboarding.set_autonomy(
        desk,
        ada,
        "pay-runner",
        level="L4",
        until="2099-01-01T00:00:00Z",
        why="test",
        evidence={"decisions": 0},
    )
    issued = keys.issue(desk, ada, holder_type="agent", holder_id="pay-runner")
    agent = keys.caller_of(desk, issued["secret"])
    assert agent is not None
    for name, (full, roles) in list(PEOPLE.items())[1:]:
        email = f"{name}@corp.example"
        ids[name] = people.add(desk, ada, name=full, email=email, roles=roles)["person"]
    return ids, agent
