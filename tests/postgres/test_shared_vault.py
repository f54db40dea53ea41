"""Values and pseudonyms that several processes keep: one person is one person, and gone is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from audit.entry import Entry
from governance.store.errors import UnknownSubject
from governance.store.workspace import Workspace
from tests.postgres.fixtures import database, opened, root, server, workspace
from tests.postgres.test_shared_log import follows
from tests.store import world

__all__ = ["database", "opened", "root", "server", "workspace"]

Open = Callable[..., Workspace]


def at_once(*work: Callable[[], Any]) -> list[Any]:
    """What each thread found, all begun at the same moment."""
    barrier, found = threading.Barrier(len(work)), [None] * len(work)

    def run(number: int) -> None:
        barrier.wait()
        found[number] = work[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def keeps(subject: str, text: str) -> world.Decide:
    """A decision with one value about somebody."""
    return world.Decide(text, values=(("args.note", text.encode(), subject),))


def test_a_payee_has_one_pseudonym_in_all_processes(opened: Open) -> None:
    """Every process would count the same payee by itself."""
    processes = [opened(), opened("two"), opened("three")]
    for number in range(10):
        text = f"IBAN {number}"
        found = at_once(*(partial(each.vault.pseudonym, "payee", text) for each in processes))
        assert len(set(found)) == 1
        secrets = at_once(*(partial(each.vault.session_secret, text) for each in processes))
        assert len(set(secrets)) == 1


def erased(one: Workspace, subject: str) -> int:
    """Erase somebody as the service does: the vault first, then the entry."""
    count = one.vault.erase(subject)
    entry = one.ledger.submit(world.Write((("data.erased", {"subject": subject}),))).result(10)
    one.vault.recorded(subject, entry.receipts[0].index)
    return count


def test_who_is_erased_in_one_process_is_gone_in_all(opened: Open) -> None:
    """Another process would still show what was erased, or seal new values under a key that is gone."""
    one, two = opened(), opened("two")
    subject = one.vault.pseudonym("payee", "IBAN 1")
    first = one.ledger.submit(keeps(subject, "first")).result(10).receipts[0].index
    second = two.ledger.submit(keeps(subject, "second")).result(10).receipts[0].index
    assert two.vault.value(first, "args.note") is not None
    secret = two.vault.session_secret("s")
    assert erased(one, subject) == 2
    follows(two, one.ledger.size)
    assert [two.vault.value(index, "args.note") for index in (first, second)] == [None, None]
    assert two.vault.session_secret("s") != secret, "salts could be derived again"
    assert two.vault.pseudonym("payee", "IBAN 1") == subject, "being erased resets a limit"
    third = two.ledger.submit(keeps(subject, "third")).result(10).receipts[0].index
    for each in (one, two):
        opened_value = each.vault.value(third, "args.note")
        assert opened_value is not None
        assert opened_value.value == b"third"


def test_an_erasure_beside_a_batch_leaves_nothing_that_cannot_be_opened(opened: Open) -> None:
    """A value sealed under the old key would be found by the new one: an error on a page, for ever."""
    one, two = opened(), opened("two")
    subject = one.vault.pseudonym("payee", "IBAN 1")

    def decide() -> list[int]:
        return [
            two.ledger.submit(keeps(subject, f"value {number}")).result(10).receipts[0].index
            for number in range(30)
        ]

    def erase() -> None:
        for _ in range(5):
            erased(one, subject)

    indexes, _ = at_once(decide, erase)
    erased(one, subject)
    last = two.ledger.submit(keeps(subject, "last")).result(10).receipts[0].index
    for each in (one, two):
        assert all(each.vault.value(index, "args.note") is None for index in indexes)
        assert each.vault.value(last, "args.note") is not None


def test_what_nobody_knows_is_no_subject(opened: Open) -> None:
    """A value would be kept under a pseudonym that belongs to nobody and can never be erased."""
    one = opened()
    with pytest.raises(UnknownSubject):
        one.ledger.submit(keeps("s-unknown", "x")).result(10)
    assert one.ledger.submit(world.Decide("fine")).result(10).receipts[0].index == 0


def test_a_lookup_that_is_dropped_is_dropped_everywhere(opened: Open) -> None:
    """A person who was erased long ago would be recognised by one process and not by the other."""
    one, two = opened(), opened("two")
    subject = one.vault.pseudonym("payee", "IBAN 1")
    assert two.vault.pseudonym("payee", "IBAN 1") == subject
    erased(one, subject)
    assert one.vault.drop_lookups(2**62) == 1
    again = one.vault.pseudonym("payee", "IBAN 1")
    assert again != subject
    two.ledger.submit(keeps(again, "x")).result(10)
    assert two.vault.pseudonym("payee", "IBAN 1") == again


def test_values_are_committed_with_their_entry(opened: Open) -> None:
    """A crash between the two would leave an entry nobody can open, or a value of no entry."""
    one, two = opened(), opened("two")
    subject = one.vault.pseudonym("payee", "IBAN 1")

    class Dies(Exception):
        pass

    real = one.ledger.writer._check_written

    def dies(*_: object) -> bytes:
        one.ledger.writer._check_written = real  # type: ignore[method-assign]
        raise Dies("in the middle of a batch")

    one.ledger.writer._check_written = dies  # type: ignore[method-assign]
    with pytest.raises(Exception, match="in the middle"):
        one.ledger.submit(keeps(subject, "lost")).result(10)
    index = two.ledger.submit(keeps(subject, "kept")).result(10).receipts[0].index
    assert index == 0
    found = two.vault.values(0)
    assert {name: value.value for name, value in found.items()} == {"args.note": b"kept"}


def test_news_reach_those_who_ask_for_them(opened: Open) -> None:
    """What a surface remembers would be out of date in every process but the one that changed it."""
    one, two = opened(), opened("two")
    heard: list[tuple[int, Entry]] = []
    two.on_news(lambda index, entry: heard.append((index, entry)))
    one.ledger.submit(world.stop()).result(10)
    follows(two, 1)
    two.ledger.submit(world.lift()).result(10)
    assert [(index, entry.kind) for index, entry in heard] == [(0, "stop.raised")]
