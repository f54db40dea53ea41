"""Forks and back-dating by somebody who has the key, the database and everything but the witness.

The column "a witness" of the detector table: what a running witness program and a verifier with
its key find, and what they say when they cannot.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from witness_world import LOG, ORIGIN, AWitness

from audit.entry import decode, encode
from audit.errors import Tampered, UnknownKey
from audit.package import Anchored
from audit.tree import consistency_proof
from audit.trust import TrustPolicy
from audit.verify import Proven, verify
from audit.witness import Answer
from audit.witness_request import AddCheckpoint
from audit.witness_state import origin_hash
from tests.memory_log import MemoryLog

SIZE = 300
HOUR = timedelta(hours=1)


class Operator:
    """Whoever runs the log: signs what he likes and shows it to whom he likes."""

    def __init__(self, world, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.honest: MemoryLog = world.log(SIZE)
        self.first_at = decode(self.bytes(self.honest)[0]).at

    def bytes(self, log: MemoryLog) -> list[bytes]:
        """All entries of a log."""
        return list(log.entries(0, log.size))

    def show(self, witness: AWitness, log: MemoryLog, size: int, old: int | None = None) -> Answer:
        """Ask for a cosignature, a minute after the last entry, with the best proof there is."""
        witness.now = int((decode(self.bytes(log)[size - 1]).at + HOUR / 60).timestamp())
        old = (witness.size or 0) if old is None else old
        proof = consistency_proof(old, size, log.node) if 0 < old <= size else []
        note = self.world.checkpoint(log, size)
        return witness.add(AddCheckpoint(old, tuple(proof), note).encode())

    def cosigned(self, witness: AWitness, log: MemoryLog, size: int) -> str:
        """A checkpoint that the witness did cosign."""
        answer = self.show(witness, log, size)
        assert answer.status == 200, answer
        return self.world.checkpoint(log, size) + answer.body

    def package(
        self, log: MemoryLog, note: str | None = None, anchors: Sequence[Anchored] = ()
    ) -> Path:
        """An export for an auditor."""
        if anchors:
            return self.world.anchored_package(log, *anchors)
        return self.world.package(log, note)

    def rewritten(self, index: int = 100) -> MemoryLog:
        """The same log with one decision's verdict turned round, everything else consistent."""
        first = index - index % 4
        return self.world.changed(self.honest, first, verdict="allow")


@pytest.fixture
def operator(world, tmp_path: Path) -> Operator:
    """The attacker."""
    assert world.signer.verifier == LOG.verifier
    return Operator(world, tmp_path)


@pytest.fixture
def witness(tmp_path: Path) -> AWitness:
    """A department that the attacker does not administer."""
    return AWitness(tmp_path / "witness")


def policy(*witnesses: AWitness, wanted: str = "all") -> TrustPolicy:
    """What an auditor pins."""
    lines = [f"log {LOG.vkey}"]
    lines += [f"witness w{n} {witness.key.vkey}" for n, witness in enumerate(witnesses)]
    names = " ".join(f"w{n}" for n in range(len(witnesses)))
    lines += [f"group all-of-them {wanted} {names}", "quorum all-of-them", ""]
    return TrustPolicy.parse("\n".join(lines))


def test_a_forked_log_gets_no_cosignature_and_no_verifier(operator, witness) -> None:
    """Otherwise whoever has the key could show an auditor another history than the witness."""
    good = operator.cosigned(witness, operator.honest, SIZE)
    fork = operator.rewritten()
    for size, status in ((SIZE, 422), (200, 400), (100, 400)):
        assert operator.show(witness, fork, size).status == status
    for old in (0, 100, 200):
        assert operator.show(witness, fork, SIZE, old).status == 409
    trust = policy(witness)
    assert isinstance(verify(operator.package(operator.honest, good), [], policy=trust), Proven)
    with pytest.raises(UnknownKey, match="did not cosign"):
        verify(operator.package(fork), [], policy=trust)
    (conflict,) = witness.state.conflicts(ORIGIN)
    assert conflict.why == "fork"


def test_a_fork_that_grows_faster_is_not_cosigned_either(operator, witness) -> None:
    """Otherwise appending to the rewritten history would make it acceptable."""
    operator.cosigned(witness, operator.honest, 200)
    fork = operator.rewritten()
    assert operator.show(witness, fork, 250).status == 422
    assert operator.show(witness, fork, SIZE).status == 422
    assert [c.why for c in witness.state.conflicts(ORIGIN)] == ["unproven", "unproven"]
    after = operator.rewritten(index=240)
    assert operator.show(witness, after, SIZE).status == 200
    assert operator.show(witness, operator.honest, SIZE).status == 422


def test_cosignatures_of_the_honest_log_do_not_fit_the_fork(operator, witness) -> None:
    """Otherwise the attacker would just paste the witness's lines under his own checkpoint."""
    good = operator.cosigned(witness, operator.honest, SIZE)
    line = good.rpartition("\n\u2014 ")[2]
    fork = operator.rewritten()
    pasted = f"{operator.world.checkpoint(fork)}\u2014 {line}"
    with pytest.raises((Tampered, UnknownKey), match="does not hold"):
        verify(operator.package(fork, pasted), [], policy=policy(witness))


def test_a_cosigned_checkpoint_beside_the_fork_gives_it_away(operator, witness) -> None:
    """Otherwise an auditor who has a cosigned checkpoint would not see that it is of another log."""
    good = operator.cosigned(witness, operator.honest, 200)
    path = operator.package(operator.honest, anchors=[Anchored(200, good, ())])
    verify(path, [], policy=policy(witness))
    fork = operator.package(operator.rewritten())
    with pytest.raises(Tampered, match="rewritten"):
        verify(fork, [LOG.verifier, witness.key], receipts=[good])


def test_a_rolled_back_log_is_told_the_size_it_once_had(operator, witness) -> None:
    """Otherwise a backup put back over the log would hide the decisions since."""
    operator.cosigned(witness, operator.honest, SIZE)
    assert operator.show(witness, operator.honest, 250, old=SIZE).status == 400
    for old in (0, 200, 250):
        answer = operator.show(witness, operator.honest, 250, old=old)
        assert (answer.status, answer.body) == (409, f"{SIZE}\n")
    seen = witness.witness.checkpoint(origin_hash(ORIGIN)).body
    assert f"\n{SIZE}\n" in seen


def test_two_views_cannot_both_have_a_majority(operator, tmp_path: Path) -> None:
    """Otherwise showing each witness another log would get both logs accepted."""
    three = [AWitness(tmp_path / f"w{n}", seed=n + 20) for n in range(3)]
    fork = operator.rewritten()
    views = {"honest": operator.honest, "fork": fork}
    lines = {"honest": "", "fork": ""}
    for view, shown in (
        ("honest", three[:2]),
        ("fork", three[2:]),
        ("fork", three),
        ("honest", three),
    ):
        for each in shown:
            answer = operator.show(each, views[view], SIZE, old=each.size or 0)
            if answer.status == 200 and answer.body not in lines[view]:
                lines[view] += answer.body
    majority, anybody = policy(*three, wanted="2"), policy(*three, wanted="any")
    accepted = []
    for view, log in views.items():
        note = operator.world.checkpoint(log) + lines[view]
        path = operator.package(log, note)
        # With one of three the fork passes, too: a quorum has to be more than half.
        verify(path, [], policy=anybody)
        try:
            verify(path, [], policy=majority)
        except UnknownKey:
            continue
        accepted.append(view)
    assert accepted == ["honest"]
    assert sum(len(each.state.conflicts(ORIGIN)) for each in three) == 3


def shifted(log: MemoryLog, start: int, by: timedelta) -> MemoryLog:
    """The log with the times from entry `start` on moved."""
    entries = list(log.entries(0, log.size))
    for index in range(start, len(entries)):
        entry = decode(entries[index])
        entries[index] = encode(replace(entry, at=entry.at + by))
    return MemoryLog(entries)


def test_an_entry_dated_before_a_cosignature_that_does_not_hold_it_is_named(
    operator, witness
) -> None:
    """Otherwise an approval could be written today with a time of last month."""
    note = operator.cosigned(witness, operator.honest, 200)
    day_later = shifted(operator.honest, 200, timedelta(days=1))
    verify(
        operator.package(day_later, anchors=[Anchored(200, note, ())]), [], policy=policy(witness)
    )
    # The witness saw 200 entries a day after the last of them; entry 200 claims to be older.
    late = shifted(operator.honest, 200, timedelta(0))
    note = operator.world.checkpoint(late, 200)
    witness.now += 86_400
    answer = witness.add(AddCheckpoint(200, (), note).encode())
    anchor = Anchored(200, note + answer.body, ())
    with pytest.raises(Tampered, match="its time is false") as caught:
        verify(operator.package(late, anchors=[anchor]), [LOG.verifier, witness.key])
    assert caught.value.index == 200


def test_an_entry_dated_after_a_cosignature_that_holds_it_is_named(operator, witness) -> None:
    """Otherwise a permit could be dated into the future and cosigned before that."""
    future = shifted(operator.honest, 199, timedelta(days=3))
    operator.show(witness, future, 1)
    note = operator.world.checkpoint(future, 200)
    proof = tuple(consistency_proof(1, 200, future.node))
    answer = witness.add(AddCheckpoint(1, proof, note).encode())
    assert answer.status == 200
    anchor = Anchored(200, note + answer.body, ())
    with pytest.raises(Tampered, match="already held it: its time is false") as caught:
        verify(operator.package(future, anchors=[anchor]), [LOG.verifier, witness.key])
    assert caught.value.index == 199


def test_the_bounds_that_a_cosignature_gives_are_printed(operator, witness) -> None:
    """Otherwise nobody would learn which times are more than the operator's word."""
    note = operator.cosigned(witness, operator.honest, 200)
    proven = verify(
        operator.package(operator.honest, anchors=[Anchored(200, note, ())]),
        [],
        policy=policy(witness),
    )
    seen = datetime.fromtimestamp(witness.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    (line,) = [line for line in proven.proven if seen in line]
    assert re.search(r"\b200\b", line)
    assert witness.key.name in line
    assert any("200 to 299" in line for line in proven.not_proven)
    alone = verify(operator.package(operator.honest), [LOG.verifier])
    assert any("the operator's word" in line for line in alone.not_proven)


def test_without_a_witness_a_rewrite_by_the_key_is_not_found_and_that_is_said(operator) -> None:
    """Otherwise a result would seem to exclude what it cannot exclude."""
    proven = verify(operator.package(operator.rewritten()), [LOG.verifier])
    assert any("rewritten by whoever has the key" in line for line in proven.not_proven)
    assert any("others were shown the same log" in line for line in proven.not_proven)


def test_a_fork_before_the_first_cosignature_is_not_found_by_that_witness(
    operator, witness
) -> None:
    """Otherwise the page about witnesses would promise what none can keep: it believes its first sight."""
    fork = operator.rewritten()
    note = operator.cosigned(witness, fork, SIZE)
    assert verify(operator.package(fork, note), [], policy=policy(witness)).size == SIZE
    assert operator.show(witness, operator.honest, SIZE).status == 422
