"""What strangers, and strange names, can make a witness do: nothing that it or the log would regret."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from witness_world import LOG, ORIGIN, START, ALog, AWitness

from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.cosigner import from_seed
from audit.keys import MLDSA44_COSIGNATURE
from audit.note import Ed25519Signer
from audit.witness_request import AddCheckpoint
from audit.witness_state import PinnedLog, State


@pytest.fixture
def witness(tmp_path: Path) -> AWitness:
    """A witness that knows the log."""
    return AWitness(tmp_path / "w")


def _signed_with_both(size: int, *extensions: str, both: bool = True) -> str:
    """The log's checkpoint as two keys sign it; without `both` the line that covers all is gone."""
    post_quantum = from_seed(ORIGIN, MLDSA44_COSIGNATURE, bytes(32), lambda: START)
    tree = replace(ALog(20).tree(size), extensions=extensions)
    return sign_checkpoint(tree, *((LOG, post_quantum) if both else (post_quantum,)))


def test_strangers_add_no_sentence_to_what_is_cosigned(witness: AWitness) -> None:
    """Otherwise anybody could have the witness put its name under lines the log never wrote."""
    post_quantum = from_seed(ORIGIN, MLDSA44_COSIGNATURE, bytes(32), lambda: START)
    witness.state.pin(PinnedLog(ORIGIN, (LOG.verifier, post_quantum.verifier)))
    for note, status in (
        (_signed_with_both(8, "the auditors agree", both=False), 403),
        (_signed_with_both(8, both=False), 200),
    ):
        assert witness.add(AddCheckpoint(0, (), note).encode()).status == status
    own = _signed_with_both(8, "a line of the log's own")
    assert witness.add(AddCheckpoint(8, (), own).encode()).status == 200


def test_one_suspicion_is_kept_once_whatever_is_written_around_it(witness: AWitness) -> None:
    """Otherwise one public checkpoint would fill the place for evidence, and hide what matters."""
    log = ALog(20)
    witness.add(log.request(0, 8))
    for extension in ("one", "two", "three"):
        note = sign_checkpoint(replace(log.tree(12), extensions=(extension,)), LOG)
        assert witness.add(AddCheckpoint(8, (), note).encode()).status == 422
    assert len(witness.state.conflicts(ORIGIN)) == 1
    assert witness.add(log.request(8, 12)).status == 200
    assert witness.state.conflicts(ORIGIN) == []


def test_what_was_cosigned_is_answered_though_a_suspicion_cannot_be_dropped(
    witness: AWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a log would be told nothing of a cosignature that the witness stands by."""

    def fails(*_: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(State, "settle", fails)
    answer = witness.add(ALog(20).request(0, 8))
    assert (answer.status, witness.size) == (200, 8)
    assert "could not be dropped" in witness.told[-1]


def test_a_name_that_a_key_cannot_sign_is_answered(tmp_path: Path) -> None:
    """Otherwise a client would be left without any answer, and the operator without a reason."""
    witness = AWitness(tmp_path / "w", kind=MLDSA44_COSIGNATURE)
    long = Ed25519Signer.from_seed("x" * 256, bytes(32))
    witness.state.pin(PinnedLog(long.name, (long.verifier,)))
    note = sign_checkpoint(Checkpoint(long.name, 1, bytes(32)), long)
    assert witness.add(AddCheckpoint(0, (), note).encode()).status == 503
    assert "can sign no such checkpoint" in witness.told[-1]
