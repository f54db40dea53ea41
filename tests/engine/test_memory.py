"""Loading nearly the same files again: faster, and never another answer."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from random import Random

import pytest

from governance.engine.load import Bundle, load
from governance.engine.memory import Memory
from governance.engine.model import LoadFinding, PolicyErrors

POLICIES = Path(__file__).parents[2] / "policies"
FILES = {
    f"policies/{path.relative_to(POLICIES).as_posix()}": path.read_bytes()
    for path in sorted(POLICIES.rglob("*.yaml"))
}
DAY = date(2026, 11, 20)
SPOILT = [
    (b"deny", b"dney"), (b"EUR", b"km"), (b"allow", b"deny"), (b": ", b":"), (b"payment", b"pay"),
    (b"\n  - id", b"\n  - ids"), (b"args.", b"arg."), (b"require_approval", b"allow"), (b"[", b""),
]  # fmt: skip


def outcome(files: dict[str, bytes], memory: Memory | None) -> Bundle | tuple[LoadFinding, ...]:
    """The bundle, or what is wrong."""
    try:
        return load(files, DAY, memory=memory)
    except PolicyErrors as errors:
        return errors.findings


@pytest.mark.parametrize("seed", range(6))
def test_memory_changes_nothing_but_the_time(seed: int) -> None:
    """An editor would show what was wrong a minute ago, or that nothing is."""
    chance, memory, files = Random(seed), Memory(), dict(FILES)
    for _ in range(8):
        path = chance.choice(sorted(files))
        before, after = chance.choice(SPOILT)
        spoilt = files[path].replace(before, after, chance.randint(1, 2))
        files = {**files, path: FILES[path] if chance.random() < 0.5 else spoilt}
        assert outcome(files, memory) == outcome(files, None)


GRADUAL = b"""policy: payments-next
title: Payments, next
owner: x@corp.example
review_by: 2027-05-31
governs: [payment.create, payment.cancel, payee.add, payee.change, balance.read]
applies_to: {agents: {labels: {contains_any: [payments]}}}
mode: gradual
gradual:
  replaces: payments
  share: 10 %
  of: agents
  by: m.keller@corp.example
  from: 2026-11-20
  until: 2026-12-10
  stop_if: {denied: 20 %, out_of: 20, in_last: 1h}
default: deny
cases:
  columns: [name, args.account, expect, by]
  always: {action: balance.read}
  rows: [[a look, main, deny, default]]
"""


def test_a_file_that_stands_on_another_is_read_again_when_that_changes() -> None:
    """What replaces a policy would be right for a policy that is there no more."""
    memory = Memory()
    files = {**FILES, "policies/next.yaml": GRADUAL}
    outcome(files, memory)
    for spoilt in (b"mode: draft", b"mode: enforce"):
        changed = FILES["policies/payments.yaml"].replace(b"mode: enforce", spoilt)
        files = {**files, "policies/payments.yaml": changed}
        told = outcome(files, memory)
        assert told == outcome(files, None)
        assert outcome(files, memory) == told


def test_a_second_load_costs_what_changed() -> None:
    """An editor would lag behind every keystroke in a folder of many files."""
    memory = Memory()
    outcome(FILES, memory)
    files = {**FILES, "policies/payments.yaml": FILES["policies/payments.yaml"] + b"# x\n"}

    def took(memory: Memory | None) -> float:
        start = time.process_time()
        outcome(files, memory)
        return time.process_time() - start

    whole = min(took(None) for _ in range(3))
    assert min(took(memory) for _ in range(3)) < whole / 2
