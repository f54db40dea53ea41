"""A company in miniature, through the real ledger: people, two agents, a gateway, one policy.

Maria founds the workspace and is risk editor; Tom is the second agent manager and compliance
officer; Anna is treasurer, Carl is CFO, Owen owns the agents.
"""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

from governance.service import deciding, keys, onboarding, people, releasing, sessions
from governance.service.desk import FOLD, Caller, Desk, Settings
from governance.store.lanes import limits
from governance.store.workspace import Workspace
from tests.store.references import require_good

ORIGIN = "acme.example/governance"
START = 1_795_000_000_000_000
DE = "DE89370400440532013000"
GB = "GB82WEST12345698765432"
NL = "NL91ABNA0417164300"

CATALOGUE = b"""
catalogue: payments
title: Payments
owner: risk@corp.example
actions:
  payment.create:
    title: Pay money out
    labels: [moves_money]
    risk: medium
    args:
      amount: {type: money, currencies: [EUR, USD], class: quantity}
      iban: {type: iban, class: identity, about: payee}
      note: {type: text, class: private, required: false, max_length: 140}
  payee.verify:
    title: Call the payee back
    labels: []
    risk: low
    args:
      iban: {type: iban, class: identity, about: payee}
  mail.read:
    title: Read mail from outside
    labels: [reads_private]
    attaches: [private]
    risk: low
    args: {}
  web.post:
    title: Send something out
    labels: [sends_external]
    risk: low
    args: {}
"""

POLICY = b"""
policy: payments
title: What payment agents may do
owner: risk@corp.example
review_by: 2027-05-31
governs: [payment.create, payee.verify, mail.read, web.post]
applies_to: {agents: all}
mode: enforce
default: deny
lists:
  known: [DE89370400440532013000, NL91ABNA0417164300, GB82WEST12345698765432]
rules:
  - id: PAY-1
    title: Small payments to known payees go through
    effect: allow
    when: {action: payment.create, args.iban: {one_of: $known}, args.amount: {at_most: 500 EUR}}
    because: The loss is small.
    severity: low
  - id: PAY-2
    title: Above 500 EUR a treasurer decides
    effect: require_approval
    when: {action: payment.create, args.iban: {one_of: $known}, args.amount: {above: 500 EUR, at_most: 10000 EUR}}
    approval: {needs: [1 treasurer], answer_within: 4h, not_by: [agent.owner, requester], reason: required}
    because: A person looks.
    severity: medium
  - id: PAY-3
    title: Above 10 000 EUR a treasurer and the CFO decide
    effect: require_approval
    when: {action: payment.create, args.amount: {above: 10000 EUR}}
    approval:
      needs: [1 treasurer, 1 cfo]
      answer_within: 1d
      not_by: [agent.owner, requester]
      reason: required
      review_time: 30s
      checklist: [I called the payee]
    because: Four eyes.
    severity: medium
  - id: PAY-4
    title: Never pay this account
    effect: deny
    when: {action: payment.create, args.iban: {one_of: [GB82WEST12345698765432]}}
    because: It was used for fraud.
    severity: medium
    may_be_waived_by: [cfo]
  - id: VER-1
    title: Calling back is fine
    effect: allow
    when: {action: payee.verify}
    because: It is how payees are known.
    severity: low
  - id: VER-2
    title: Unusual sums only to payees that were called back
    effect: deny
    when:
      action: payment.create
      args.amount: {above: 5000 EUR}
      history: {did_not: payee.verify, same: args.iban, in_last: 24h, by: any_agent}
    because: Somebody has to have heard the payee.
    severity: medium
    may_be_waived_by: [cfo]
  - id: WEB-1
    title: Reading mail is fine
    effect: allow
    when: {action: mail.read}
    because: It is the agent's job.
    severity: low
  - id: WEB-2
    title: Sending is fine
    effect: allow
    when: {action: web.post}
    because: It is the agent's job.
    severity: low
  - id: WEB-3
    title: Nothing leaves once something private was read in an untrusted session
    effect: deny
    when: {action: web.post, session.labels: {contains_all: [untrusted, private]}}
    because: That is how secrets get out.
    severity: high
    may_be_waived_by: nobody
limits:
  - id: LIM-1
    title: At most 1 000 EUR a day to one payee without a person
    measure: sum args.amount
    of: {action: payment.create}
    per: [args.iban]
    in_last: 24h
    at_most: 1000 EUR
    otherwise: require_approval
    approval: {needs: [1 treasurer], answer_within: 4h, reason: required}
    because: It caps what a hijacked agent can lose.
    severity: medium
cases:
  columns: [name, action, args.iban, args.amount, agent.autonomy, expect, by]
  rows:
    - [small, payment.create, DE89370400440532013000, 10 EUR, L4, allow, PAY-1]
    - [unknown payee, payment.create, FR1420041010050500013M02606, 10 EUR, L4, deny, default]
    - [fraud, payment.create, GB82WEST12345698765432, 10 EUR, L4, deny, PAY-4]
    - [large, payment.create, DE89370400440532013000, 600 EUR, L4, require_approval, PAY-2]
"""

FILES = {"policies/actions/payments.yaml": CATALOGUE, "policies/payments.yaml": POLICY}


class FakeClock:
    """Wall and monotonic clock in microseconds, moved by hand."""

    def __init__(self) -> None:
        self.now = START

    def wall(self) -> int:
        return self.now

    def monotonic(self) -> int:
        return self.now - START

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * 1_000_000)


def caller(desk: Desk, secret: str) -> Caller:
    """The caller that presents `secret`; fails if the service does not know it."""
    found = keys.caller_of(desk, secret)
    assert found is not None
    return found


class World:
    """One open workspace with its people and keys."""

    def __init__(self, root: Path, *, policy: bytes = POLICY) -> None:
        self.root, self.clock = root, FakeClock()
        Workspace.create(root, ORIGIN)
        self.open()
        self.found(policy)

    def copied(self, root: Path) -> World:
        """The same world in another folder, open; this one must be closed."""
        shutil.copytree(self.root, root)
        new = copy.copy(self)
        new.root, new.clock = root, FakeClock()
        new.clock.now = self.clock.now
        new.open()
        return new

    def open(self, **how: Any) -> None:
        """Open the workspace (again)."""
        self.workspace = Workspace.open(
            self.root,
            FOLD,
            version="0.1.0",
            clock=self.clock,
            limits=limits(agent_per_second=1e6, person_per_second=1e6),
            **how,
        )
        self.desk = Desk.over(self.workspace, Settings(), self.clock)

    def close(self) -> None:
        """Close it; what it recorded must verify."""
        try:
            require_good(self.workspace.reader)
        finally:
            self.workspace.close()

    def found(self, policy: bytes) -> None:
        """Maria founds the workspace alone, then adds the others."""
        desk = self.desk
        first = people.first(desk, name="Maria Fischer", email="maria@corp.example")["person"]
        self.maria = caller(desk, keys.first(desk, first)["secret"])
        releasing.first(desk, self.maria, {**FILES, "policies/payments.yaml": policy})
        self.tom = self.person("Tom Berg", "agent_manager", "compliance_officer", "administrator")
        self.anna = self.person("Anna Roth", "treasurer")
        self.carl = self.person("Carl Voss", "cfo")
        self.owen = self.person("Owen Hill", "agent_owner")
        self.agent_key = self.agent("payments-1")
        self.agent_2 = self.agent("payments-2")
        made = keys.issue(
            desk, self.maria, holder_type="gateway", holder_id="bank", agents=["payments-1"]
        )
        self.gateway = caller(desk, made["secret"])

    def person(self, name: str, *roles: str) -> Caller:
        """A person with a key of their own."""
        email = name.split()[0].lower() + "@corp.example"
        added = people.add(self.desk, self.maria, name=name, email=email, roles=roles)
        who = added["person"]
        if added["waiting"]:
            people.confirm(self.desk, self.tom, who)
        made = keys.issue(self.desk, self.maria, holder_type="person", holder_id=who)
        return caller(self.desk, made["secret"])

    def agent(self, name: str, **fields: Any) -> Caller:
        """An active agent of Owen's, at L4, with a key of its own."""
        until = "2027-06-01T00:00:00Z"
        wanted = {"team": "treasury", "tools": ["*"], "autonomy": "L4", "autonomy_until": until}
        onboarding.propose(
            self.desk, self.maria, agent=name, owner=self.owen.id, purpose="Pays suppliers.",
            **{**wanted, **fields},
        )  # fmt: skip
        onboarding.confirm(self.desk, self.tom, name)
        made = keys.issue(self.desk, self.maria, holder_type="agent", holder_id=name)
        return caller(self.desk, made["secret"])

    def session(self, by: Caller, agent: str = "payments-1") -> int:
        """A session opened by somebody."""
        return int(sessions.open_session(self.desk, by, agent=agent)["session"])

    def pay(self, by: Caller | None = None, **more: Any) -> dict[str, Any]:
        """Ask for a payment and get the answer."""
        options = {k: more.pop(k) for k in ("idempotency_key", "ask") if k in more}
        return deciding.decide(self.desk, by or self.agent_key, payment(**more), **options)

    def act(self, action: str, by: Caller | None = None, **more: Any) -> dict[str, Any]:
        """Ask for any action without arguments (or with `arguments`)."""
        options = {k: more.pop(k) for k in ("idempotency_key",) if k in more}
        return deciding.decide(self.desk, by or self.agent_key, request(action, **more), **options)


def request(
    action: str,
    *,
    agent: str = "payments-1",
    arguments: dict[str, Any] | None = None,
    **context: Any,
) -> dict[str, Any]:
    """An AuthZEN evaluation request."""
    return {
        "subject": {"type": "agent", "id": agent},
        "action": {"name": action, "properties": {"arguments": arguments or {}}},
        "resource": {"type": "account", "id": "main"},
        "context": context,
    }


def payment(
    amount: str = "100 EUR",
    iban: str = DE,
    agent: str = "payments-1",
    arguments: dict[str, Any] | None = None,
    **context: Any,
) -> dict[str, Any]:
    """The evaluation request of a payment."""
    given = {"amount": amount, "iban": iban, **(arguments or {})}
    return request("payment.create", agent=agent, arguments=given, **context)
