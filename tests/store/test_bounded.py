"""What is kept in memory has an end, and randomness is never given out twice."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from governance.store import subjects
from governance.store.errors import Busy
from governance.store.recent import Recent
from governance.store.sealing import Randomness
from governance.store.workspace import Workspace
from tests.store import world
from tests.store.world import Decide


def test_what_was_used_longest_ago_is_forgotten_first() -> None:
    """Memory would grow with every customer ever seen."""
    recent: Recent[int, str] = Recent(3)
    for n in range(3):
        recent.put(n, str(n))
    assert recent.get(0) == "0"
    recent.put(3, "3")
    assert recent.get(1) is None
    assert [recent.get(n) for n in (0, 2, 3)] == ["0", "2", "3"]
    assert len(recent) == 3
    recent.drop(0)
    recent.drop(0)
    assert len(recent) == 2


def test_no_random_piece_is_given_out_twice() -> None:
    """Two values sealed with one key and one nonce would open each other."""
    pool = Randomness(12, 16)
    taken: list[list[bytes]] = [[] for _ in range(8)]
    threads = [
        threading.Thread(target=lambda mine=mine: mine.extend(pool.take() for _ in range(2_000)))
        for mine in taken
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pieces = [piece for mine in taken for piece in mine]
    assert len(set(pieces)) == 16_000
    assert {len(piece) for piece in pieces} == {12}


def test_small_caches_change_no_answer(
    opened: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A total or a pseudonym that fell out of memory would be read wrong from the disk."""
    monkeypatch.setattr(subjects, "_REMEMBERED", 2)
    monkeypatch.setattr("governance.store.totals._REMEMBERED", 2)
    monkeypatch.setattr("governance.store.totals._EDGES", 1)
    workspace = opened()
    names = [f"IBAN {n}" for n in range(7)]
    given = {name: workspace.vault.pseudonym("payee", name) for name in names}
    for turn in range(3):
        for name in names:
            subject = workspace.vault.pseudonym("payee", name)
            assert subject == given[name]
            values = (("f", name.encode(), subject),)
            charges = (world.euro("2", key=subject),)
            workspace.ledger.submit(Decide(str(turn), charges, values=values)).result(10)
    for n, name in enumerate(names):
        assert world.total(workspace, "pay/LIM-1", given[name], None, "EUR") == (6, 3, False)
        opened_value = workspace.vault.value(n, "f")
        assert opened_value is not None
        assert opened_value.value == name.encode()


def test_subjects_that_nobody_writes_do_not_pile_up(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that asks and is refused could fill the memory with invented customers."""
    monkeypatch.setattr(subjects, "_ROOM", 50)
    for n in range(50):
        workspace.vault.pseudonym("payee", str(n))
    with pytest.raises(Busy):
        workspace.vault.pseudonym("payee", "one too many")
    workspace.ledger.submit(Decide()).result(10)
    workspace.vault.pseudonym("payee", "there is room again")
