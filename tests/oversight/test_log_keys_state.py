"""What entries about the log's keys add up to: who signs the next entry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.cosigner import generate
from audit.entry import Entry
from audit.keys import MLDSA44_COSIGNATURE
from audit.note import Ed25519Signer
from governance.oversight import entries, log_keys, snapshot
from governance.oversight.errors import Refused
from governance.oversight.shapes import IllFormed
from governance.oversight.state import State, apply, genesis

AT = datetime(2026, 11, 20, 8, tzinfo=UTC)
MARIA = {"type": "person", "id": "p-maria22222"}
ORIGIN = "acme.example/log"
VKEYS = [Ed25519Signer.from_seed(ORIGIN, bytes([n] * 32)).vkey for n in range(12)]
LARGE = generate(ORIGIN, MLDSA44_COSIGNATURE, lambda: 1).vkey
FIRST = VKEYS[0]


def after(state: State, kind: str, **data: Any) -> State:
    """The state after one entry, whose shape is checked."""
    entries.check(kind, MARIA, data)
    return apply(state, state.size, Entry(kind, AT, MARIA, data))


def announced(state: State, vkey: str) -> State:
    """A further key, beside those that sign."""
    beside = list(log_keys.in_force(state) or (FIRST,))
    data = {"vkey": vkey, "custody": "file", "beside": beside, "alone": True}
    return after(state, "log_key.added", **data)


def retired(state: State, vkey: str, why: str = "replaced") -> State:
    """A key less."""
    rest = [each for each in log_keys.in_force(state) or (FIRST,) if each != vkey]
    return after(state, "log_key.retired", vkey=vkey, why=why, remaining=rest, alone=True)


def test_the_newest_signs_first_and_ml_dsa_last() -> None:
    """Programs that look at the first line only would look at one they do not know."""
    state = announced(announced(announced(genesis(), VKEYS[1]), LARGE), VKEYS[2])
    assert log_keys.in_force(state) == (VKEYS[2], VKEYS[1], FIRST, LARGE)
    state = retired(state, FIRST)
    assert log_keys.in_force(state) == (VKEYS[2], VKEYS[1], LARGE)
    assert state.log_keys[log_keys.key_id(FIRST)].retired == 3


def test_before_another_key_comes_the_log_says_nothing_of_its_keys() -> None:
    """Logs from before this could not be read, or their bytes would change."""
    assert log_keys.in_force(genesis()) == ()
    assert b"log_key" not in snapshot.dump(genesis())


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 11)), max_size=30))
def test_whatever_happens_a_key_that_everybody_knows_signs(steps: list[tuple[bool, int]]) -> None:
    """Somebody could talk the service into a log that nobody signs."""
    state = announced(genesis(), LARGE)
    for adds, number in steps:
        now = log_keys.in_force(state)
        try:
            if adds:
                log_keys.require_addable(now, VKEYS[number], state.log_keys)
                state = announced(state, VKEYS[number])
            else:
                vkey = log_keys.require_retirable(now, log_keys.key_id(VKEYS[number]))
                state = retired(state, vkey)
        except Refused:
            continue
        signing = log_keys.in_force(state)
        assert any(not log_keys.post_quantum(vkey) for vkey in signing)
        assert 0 < len(signing) <= log_keys.MOST
        assert snapshot.load(snapshot.dump(state)) == state


def test_a_key_that_was_retired_does_not_come_back() -> None:
    """A stolen key would be announced once more, under an id that somebody trusts."""
    state = retired(announced(genesis(), VKEYS[1]), FIRST, "compromised")
    with pytest.raises(Refused, match="announced already"):
        log_keys.require_addable(log_keys.in_force(state), FIRST, state.log_keys)
    with pytest.raises(Refused, match="no log key"):
        log_keys.require_retirable(log_keys.in_force(state), log_keys.key_id(FIRST))


def test_a_proposal_waits_until_it_is_done_or_another_takes_its_place() -> None:
    """A second administrator would confirm something that was done, or given up, long ago."""
    change = {"change": "add", "vkey": VKEYS[1], "custody": "file"}
    state = after(genesis(), "log_key.proposed", **change)
    assert state.log_key_wish is not None
    assert log_keys.in_force(state) == ()
    newer = after(state, "log_key.proposed", change="retire", vkey=FIRST, why="replaced")
    assert newer.log_key_wish is not None
    assert (newer.log_key_wish.change, newer.log_key_wish.index) == ("retire", 1)
    assert announced(state, VKEYS[1]).log_key_wish is None
    assert announced(state, VKEYS[2]).log_key_wish == state.log_key_wish


@pytest.mark.parametrize("vkey", ["", "x", FIRST[:-1], FIRST.replace("acme", "evil"), 7, None])
def test_what_is_no_verifier_key_is_not_announced(vkey: Any) -> None:
    """The log would promise a line that nobody can verify."""
    data = {"vkey": vkey, "custody": "file", "beside": [FIRST], "alone": True}
    with pytest.raises(IllFormed, match="verifier key"):
        entries.check("log_key.added", MARIA, data)
