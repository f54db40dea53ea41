"""A past that was decided with every clause of the language in use, and what is told about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from past_world import GRADUAL, RISK, live
from service_world import CATALOGUE, POLICY, World

from governance.engine.compile import compile_release
from governance.oversight.times import micros
from governance.service import backtesting, exporting, releasing
from governance.service.beside import Beside
from governance.service.trial import Openings, Trial

EXCEPTIONS = b"""
exceptions:
  - id: EXC-1
    title: The first agent pays mid-size sums at once
    lifts: PAY-2
    for: {agent.id: {is: payments-1}, args.amount: {at_most: 3000 EUR}}
    instead: allow
    reason: It ran well for a month.
    ticket: T-1
    from: 2026-11-18
    expires: 2026-11-21
  - id: EXC-2
    title: The second agent asks another person for one payee
    lifts: LIM-1
    for: {agent.id: {is: payments-2}}
    instead: require_approval
    approval: {needs: [1 cfo], answer_within: 4h}
    reason: The treasurer is away.
    ticket: T-2
    from: 2026-11-17
    expires: 2026-11-22
"""
CHILD = b"""
policy: payments-emea
title: What holds for the second agent
owner: risk@corp.example
review_by: 2027-05-31
extends: [payments]
governs: [payment.create]
applies_to: {agents: {id: {is: payments-2}}}
mode: enforce
default: require_approval
default_approval: {needs: [1 treasurer], answer_within: 4h}
rules:
  - id: EME-1
    title: Not above 5 000 EUR without a call, but a treasurer may say yes
    effect: require_approval
    instead_of: VER-2
    when: {action: payment.create, args.amount: {above: 5000 EUR, at_most: 8000 EUR}}
    approval: {needs: [1 treasurer], answer_within: 4h}
    because: The treasurer calls.
    severity: medium
  - id: EME-2
    title: Small sums
    effect: allow
    when: {action: payment.create, args.amount: {at_most: 500 EUR}}
    because: Small.
    severity: low
cases:
  columns: [name, action, args.iban, args.amount, agent.id, expect]
  rows:
    - [x, payment.create, DE89370400440532013000, 300 EUR, payments-2, allow]
"""
LIFTABLE = (
    POLICY.replace(
        b"reason: required}\n    because: A person looks.",
        b"reason: required}\n    may_be_waived_by: [exception]\n    because: A person looks.",
    )
    .replace(
        b"severity: medium\n    may_be_waived_by: [cfo]\n  - id: WEB-1",
        b"severity: medium\n    may_be_waived_by: [cfo, child]\n  - id: WEB-1",
    )
    .replace(b"It caps what a hijacked agent can lose.\n",
             b"It caps what a hijacked agent can lose.\n    may_be_waived_by: [exception]\n")
)  # fmt: skip
NEXT = (
    POLICY.replace(b"policy: payments\n", b"policy: payments-next\n")
    .replace(b"mode: enforce", GRADUAL)
    .replace(b"at_most: 500 EUR}}", b"at_most: 5 EUR}}")
    .replace(b"10 EUR, L4, allow", b"1 EUR, L4, allow")
)
MILD = RISK.replace(
    b"{medium: 30, high: 60, critical: 85}", b"{medium: 30, high: 85, critical: 99}"
).replace(b"high: require_approval, critical: deny", b"high: require_approval")
FILES = {
    "policies/actions/payments.yaml": CATALOGUE,
    "policies/payments.yaml": LIFTABLE + EXCEPTIONS,
    "policies/emea.yaml": CHILD,
    "policies/next.yaml": NEXT,
    "policies/risk.yaml": MILD,
}


@pytest.fixture(scope="module", params=(1, 2))
def past(request: Any, founded: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Some days with exceptions, a child, a share of the sessions and risk points in force."""
    made = founded.copied(tmp_path_factory.mktemp("clauses") / "workspace")
    offer = releasing.propose(made.desk, made.maria, FILES, days=0)
    assert offer["findings"] == [], [
        (f["path"], f["line"], f["message"]) for f in offer["findings"]
    ]
    releasing.sign(made.desk, made.tom, offer["proposal"], offer["evidence"])
    live(made, request.param)
    yield made
    made.close()


def test_every_clause_was_in_use(past: World) -> None:
    """The other tests would say that nothing changes about a past in which nothing was used."""
    here = Beside(past.root)
    lifted, sides, points = set(), set(), 0
    for entry in here.entries():
        if entry.kind != "decision":
            continue
        lifted |= {f["lifted_by"] for f in entry.data["findings"] if "lifted_by" in f}
        sides |= set(entry.data.get("sides", {}).values())
        points += any(f["policy"] == "company-risk" for f in entry.data["findings"])
    assert {"payments/EXC-1", "payments/EXC-2"} <= lifted
    assert {"new", "old"} <= sides
    assert points


def test_it_replays_to_the_byte(past: World) -> None:
    """A verdict could not be shown to follow from the rules and the facts that were in force."""
    told = exporting.replay(past.root)
    assert (told["different"], told["without_release"]) == (0, 0)
    assert told["same"] > 100


@pytest.mark.parametrize("how", ["the same files", "from the middle on", "every action anew"])
def test_what_is_in_force_changes_nothing_of_it(past: World, how: str) -> None:
    """A draft would be said to change what it only found the same."""
    here = Beside(past.root)
    files = dict(FILES)
    if how == "every action anew":  # a rule that never holds, and may speak about any action
        files["policies/payments.yaml"] = files["policies/payments.yaml"].replace(
            b"rules:\n",
            b"rules:\n  - {id: PAY-9, title: Nobody, effect: deny, when: {agent.id: {is: nobody}}, "
            b"because: b, severity: low}\n",
            1,
        )
    start = micros(here.reader.entry(here.size // 2).at) if how == "from the middle on" else 0
    draft = compile_release(files)
    told = backtesting.run(
        Trial(draft, here.release, here.first, Openings(here.vault, draft), start),
        here.reader.entries(here.minimum, here.size),
        (start, backtesting.FAR),
        minimum=here.minimum,
        size=here.size,
    )
    assert told["complete"]
    assert told["reperformed"] > 50
    assert not told["by_change"], told["by_change"]
