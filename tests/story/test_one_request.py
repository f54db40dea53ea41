"""One request, from the agent's question to the stranger's check: the product in one page.

Read this first. Everything happens through the real ledger; nothing is mocked but the clock.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from service_world import DE, FILES, POLICY, World, payment

from audit.errors import Tampered
from audit.verify import verify
from governance.service import asking, backtesting, deciding, exporting, outcomes, stopping


def test_one_request(tmp_path: Path) -> None:
    """If any step of this broke, the sentence on the first page of the README would be untrue."""
    world = World(tmp_path / "workspace")
    desk, agent, anna = world.desk, world.agent_key, world.anna

    # The agent asks before it pays. The policy holds the payment back for a treasurer, and that
    # answer is a signed entry before it leaves.
    pay = payment(amount="600 EUR", iban=DE, arguments={"note": "invoice 4711"})
    held = deciding.decide(desk, agent, pay, ask=True)
    assert held["decision"] is False
    assert held["context"]["effect"] == "require_approval"
    assert held["context"]["reasons"][0]["because"] == "A person looks."
    assert held["context"]["receipt"]["index"] < held["context"]["receipt"]["tree_size"]

    # Anna sees exactly this payment, and says yes to exactly this payment.
    approval = held["context"]["access_request"]["approval"]
    page = asking.show(desk, anna, approval)
    seen = {fact["field"]: fact["value"] for fact in page["facts"]}
    assert seen["args.iban"] == DE
    assert seen["args.note"] == "invoice 4711"
    asking.grant(
        desk, anna, approval,
        digest=page["digest"], evidence=page["evidence"], reason="matches the order",
    )  # fmt: skip

    # The agent repeats the very same request, and may carry it out: once, within a minute.
    allowed = deciding.decide(desk, agent, pay)
    assert allowed["decision"] is True
    number = int(allowed["context"]["evaluation_id"])
    assert outcomes.redeem(desk, agent, number)["action_digest"] == page["digest"]
    outcomes.report(desk, world.gateway, {"decision": number, "status": "executed"})
    assert deciding.decide(desk, agent, pay)["decision"] is False

    # Tom does not like what he sees and stops the agent. Nothing goes through any more.
    stopping.raise_stop(desk, world.tom, scope="agent", scope_id="payments-1", reason="looks odd")
    assert deciding.decide(desk, agent, payment(amount="1 EUR"))["decision"] is False

    # A stranger takes one file and our public key, checks every byte, and performs every verdict
    # again. What a stricter rule would have changed is named in the same way.
    package = exporting.export(desk, world.tom, tmp_path / "package")
    verify(tmp_path / "package", package["vkeys"])
    again = exporting.replay(tmp_path / "package")
    assert again["same"] == again["decisions"] == 4
    strict = POLICY.replace(b"at_most: 10000 EUR", b"at_most: 550 EUR")
    tried = backtesting.backtest(desk, {**FILES, "policies/payments.yaml": strict})
    assert tried["by_change"] == {"allow -> deny": 1, "require_approval -> deny": 2}

    # One altered byte, and the check names the entry.
    bundle = next((tmp_path / "package" / "tile" / "entries").rglob("*.p/*"))
    raw = bundle.read_bytes()
    bundle.write_bytes(raw.replace(b'"600.00 EUR"', b'"609.00 EUR"', 1))
    with pytest.raises(Tampered) as caught:
        verify(tmp_path / "package", package["vkeys"])
    assert caught.value.index == int(held["context"]["evaluation_id"])
    world.close()
