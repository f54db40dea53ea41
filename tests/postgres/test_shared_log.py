"""Several processes on one log: what one of them decides, all of them have decided."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from audit.checkpoint import open_checkpoint
from audit.entry import Entry, decode
from audit.head import FILE_SIZE, encode_slot
from audit.tree import leaf_hash, root_of
from governance.engine.model import FactQuery
from governance.oversight.commands import Facts, IdempotencyRow, Needs, Proposal
from governance.oversight.errors import Refused
from governance.store.errors import CannotOpen, Unavailable
from governance.store.grants import prepare
from governance.store.headfile import read_note
from governance.store.workspace import Workspace
from tests.postgres.fixtures import database, opened, root, server, workspace
from tests.postgres.server import Cluster, TestDatabase
from tests.store import world

__all__ = ["database", "opened", "root", "server", "workspace"]

Open = Callable[..., Workspace]


def follows(one: Workspace, size: int, patience: float = 5.0) -> None:
    """Wait until a process has read `size` entries by itself."""
    until = threading.Event()
    for _ in range(int(patience / 0.02)):
        if one.ledger.size >= size:
            return
        until.wait(0.02)
    raise AssertionError(f"it has {one.ledger.size} entries, not {size}")


def whole(*workspaces: Workspace) -> list[Entry]:
    """Every entry, once what all of them hold and sign is the same tree."""
    first = workspaces[0]
    size = max(each.ledger.size for each in workspaces)
    data = list(first.reader.entries(0, size))
    root_hash = root_of([leaf_hash(entry) for entry in data])
    for each in workspaces:
        follows(each, size)
        assert each.ledger.position.root == root_hash
        assert each.ledger.position.frontier.root() == root_hash
        assert each.ledger.state == first.ledger.state
    head = open_checkpoint(first.reader.checkpoint(), first.ring.verifiers, world.ORIGIN)
    assert (head.size, head.root) == (size, root_hash)
    entries = [decode(entry) for entry in data]
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    return entries


@dataclass(frozen=True)
class Once:
    """Redeems the permit of a decision; refused if somebody did."""

    decision: int
    lane: Any = "agent"
    key: str = "k-abcdefgh"

    def needs(self, _state: Any, _at: datetime) -> Needs:
        """The decision."""
        return Needs(decisions=(self.decision,))

    def run(self, _state: Any, facts: Facts, at: datetime, _index: int) -> Proposal:
        """One entry, or none."""
        if facts.decisions[self.decision].redeemed is not None:
            raise Refused("conflict", "it was redeemed already")
        data = {"refs": {"decision": self.decision}}
        return Proposal((Entry("permit.redeemed", at, world.AGENT, data),), None)


@dataclass(frozen=True)
class Within:
    """A payment, unless it would go over ten euro in all."""

    amount: str
    lane: Any = "agent"
    key: str = "k-abcdefgh"

    def needs(self, _state: Any, _at: datetime) -> Needs:
        """What was paid so far."""
        return Needs(totals=(FactQuery("pay/LIM-1", "payments-1", None, "EUR"),))

    def run(self, _state: Any, facts: Facts, at: datetime, _index: int) -> Proposal:
        """One decision, or none."""
        (paid,) = facts.totals.values()
        if paid.sum + world.decimal(self.amount) > 10:
            raise Refused("limit", "over the limit")
        return Proposal(
            (world.decision(at, note="", charges=[list(world.euro(self.amount))]),), None
        )


@dataclass(frozen=True)
class Idempotent:
    """One decision for one key; the second time, its index."""

    idem: str
    lane: Any = "agent"
    key: str = "k-abcdefgh"

    def needs(self, _state: Any, _at: datetime) -> Needs:
        """The key."""
        return Needs(idempotency=(self.key, self.idem))

    def run(self, _state: Any, facts: Facts, at: datetime, index: int) -> Proposal:
        """A decision, or what there is."""
        if facts.idempotency is not None:
            return Proposal((), facts.idempotency.index)
        rows = (IdempotencyRow(self.key, self.idem, "body", index),)
        return Proposal((world.decision(at, note=""),), index, rows)


def race(workspaces: list[Workspace], command: Any, times: int = 1) -> list[Any]:
    """Every process gets the command at the same moment; answers and errors."""
    barrier = threading.Barrier(len(workspaces) * times)
    found: list[Any] = []

    def ask(one: Workspace) -> None:
        barrier.wait()
        try:
            found.append(one.ledger.submit(command).result(20).value)
        except Refused as refused:
            found.append(refused)

    threads = [threading.Thread(target=ask, args=(w,)) for w in workspaces for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_what_one_process_records_the_other_reads_by_itself(opened: Open) -> None:
    """A page of the other process would be stale for ever, or its next entry would take a number twice."""
    one, two = opened(), opened("two")
    one.ledger.submit(world.Decide("a", (world.euro("1.50"),))).result(10)
    follows(two, 1)
    assert two.ledger.state.kinds == {"decision": 1}
    assert two.views.wait_for(1)
    answer = two.ledger.submit(world.Decide("b", (world.euro("2.00"),))).result(10)
    assert answer.receipts[0].index == 1
    assert world.total(one, "pay/LIM-1", "payments-1", None, "EUR") == (
        world.decimal("3.50"),
        2,
        False,
    )
    whole(one, two)


def test_one_permit_is_redeemed_once(opened: Open) -> None:
    """Two executions would carry the same permit out."""
    all_of_them = [opened(), opened("two")]
    for _ in range(5):
        answer = all_of_them[0].ledger.submit(world.Decide("pay")).result(10)
        found = race(all_of_them, Once(answer.receipts[0].index), times=2)
        assert sum(isinstance(each, Refused) for each in found) == 3
    entries = whole(*all_of_them)
    assert sum(entry.kind == "permit.redeemed" for entry in entries) == 5


def test_a_limit_holds_across_processes(opened: Open) -> None:
    """Each process would have a budget of its own."""
    all_of_them = [opened(), opened("two"), opened("three")]
    found = race(all_of_them, Within("3.00"), times=3)
    assert sum(isinstance(each, Refused) for each in found) == 6
    for each in all_of_them:
        assert world.total(each, "pay/LIM-1", "payments-1", None, "EUR")[0] == world.decimal("9.00")


def test_what_is_given_back_in_one_process_is_free_in_the_other(opened: Open) -> None:
    """A payment that failed would block the budget in every process but one."""
    one, two = opened(), opened("two")
    paid = one.ledger.submit(Within("9.00")).result(10).receipts[0].index
    assert world.total(two, "pay/LIM-1", "payments-1", None, "EUR")[0] == 9
    one.ledger.submit(world.outcome(paid, "failed", released=True)).result(10)
    assert world.total(two, "pay/LIM-1", "payments-1", None, "EUR")[0] == 0
    two.ledger.submit(Within("8.00")).result(10)
    with pytest.raises(Refused):
        one.ledger.submit(Within("8.00")).result(10)


def test_one_idempotency_key_is_one_decision(opened: Open) -> None:
    """A retry that reaches the other process would pay twice."""
    all_of_them = [opened(), opened("two")]
    found = race(all_of_them, Idempotent("again"), times=3)
    assert len(set(found)) == 1
    assert [entry.kind for entry in whole(*all_of_them)] == ["decision"]


def test_a_stop_holds_in_every_process_at_once(opened: Open) -> None:
    """An agent would go on through the other process after people stopped it."""
    one, two = opened(), opened("two")
    one.ledger.submit(world.stop()).result(10)
    with pytest.raises(Refused, match="stopped"):
        two.ledger.submit(world.Decide("late")).result(10)


def test_four_processes_under_load_make_one_log(opened: Open) -> None:
    """Two entries would have one number, or two checkpoints of one size would disagree."""
    all_of_them = [opened(name) for name in ("", "two", "three", "four")]

    def many(one: Workspace, first: int) -> None:
        for number in range(15):
            subject = one.vault.pseudonym("payee", f"IBAN {number}")
            one.ledger.submit(
                world.Decide(
                    f"{first + number}",
                    (world.euro("1.00"), ("seen", subject, "1", "")),
                    values=(("args.note", b'"v"', subject),),
                )
            ).result(20)

    threads = [
        threading.Thread(target=many, args=(each, 100 * number))
        for number, each in enumerate(all_of_them)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = whole(*all_of_them)
    assert len({entry.data["note"] for entry in entries}) == 60
    subjects = {entry.data["charges"][1][1] for entry in entries}
    assert len(subjects) == 15, "one payee has two pseudonyms"
    for each in all_of_them:
        for subject in subjects:
            assert world.total(each, "seen", subject, None)[0] == 4


def test_a_head_that_is_older_than_ours_is_not_continued(
    opened: Open, server: Cluster, database: TestDatabase
) -> None:
    """A standby that lacks entries would take over, and its log would be signed as if nothing were missing."""
    one = opened()
    for number in range(3):
        one.ledger.submit(world.Decide(str(number))).result(10)
    _cut(server, database, 1)
    with pytest.raises(Unavailable, match="has 1 entries, but this service has seen 3"):
        one.ledger.submit(world.Decide("more")).result(10)
    assert one.ledger.failure is not None
    root = one.paths.root
    one.close()
    with pytest.raises(CannotOpen, match="head file remembers 3"):
        world.open_(root)


def test_a_fork_is_not_followed(opened: Open, server: Cluster, database: TestDatabase) -> None:
    """Somebody with the key and the database could replace what this process has answered."""
    one, two = opened(), opened("two")
    one.ledger.submit(world.Decide("seen by two")).result(10)
    follows(two, 1)
    two_root = two.paths.root
    two.close()
    one.close()
    _cut(server, database, 0)
    (one.paths.root / "head").write_bytes(_empty_head(one))
    with world.open_(one.paths.root) as again:
        for text in ("other", "history"):
            again.ledger.submit(world.Decide(text)).result(10)
    with pytest.raises(CannotOpen, match="a fork"):
        world.open_(two_root)


def behind(one: Workspace, monkeypatch: pytest.MonkeyPatch, *, crowded: bool) -> None:
    """From now on `one` reads what others write only when it takes its turn."""
    monkeypatch.setattr(one.ledger.writer, "follow", lambda: None)
    assert one.ledger.writer._turns is not None
    one.ledger.writer._turns.crowded = crowded


def test_what_was_read_with_the_turn_is_in_the_head_file_soon(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries that a service has answered from could be cut off before it starts again, unnoticed."""
    one, two = opened(), opened("two")
    with monkeypatch.context() as patch:
        behind(two, patch, crowded=False)
        one.ledger.submit(world.Decide("by one")).result(10)
        two.ledger.submit(world.Ask(Needs())).result(10)
        assert two.ledger.size == 1
    until = threading.Event()
    for _ in range(100):
        note = read_note(two.paths.head)
        if note is not None and open_checkpoint(note, two.ring.verifiers, world.ORIGIN).size == 1:
            return
        until.wait(0.05)
    raise AssertionError("its head file never heard of the entry")


@pytest.mark.parametrize("crowded", [False, True], ids=["asked after", "asked with the lock"])
def test_a_service_signs_over_nothing_it_has_not_hashed(
    opened: Open,
    server: Cluster,
    database: TestDatabase,
    monkeypatch: pytest.MonkeyPatch,
    crowded: bool,
) -> None:
    """Who has the database could alter an entry before the others read it, and have them sign for it."""
    one, two = opened(), opened("two")
    one.ledger.submit(world.Decide("seen by both")).result(10)
    follows(two, 1)
    behind(two, monkeypatch, crowded=crowded)
    one.ledger.submit(world.Decide("as one signed it")).result(10)
    server.as_superuser("ALTER TABLE governance_log.log_entries DISABLE TRIGGER ALL", database.name)
    altered = "replace(convert_from(entry, 'UTF8'), 'as one', 'as two')"
    server.as_superuser(
        f"UPDATE governance_log.log_entries SET entry = convert_to({altered}, 'UTF8') WHERE idx = 1",
        database.name,
    )
    with pytest.raises(Unavailable, match="a fork"):
        two.ledger.submit(world.Decide("after it")).result(10)
    assert two.ledger.failure is not None
    assert one.reader.size == 2


def test_a_running_service_follows_no_fork(
    opened: Open, server: Cluster, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database put back and written again would be signed on by whoever had answered otherwise."""
    one, two = opened(), opened("two")
    one.ledger.submit(world.Decide("seen by two")).result(10)
    follows(two, 1)
    behind(two, monkeypatch, crowded=True)
    one.close()
    _cut(server, database, 0)
    (one.paths.root / "head").write_bytes(_empty_head(one))
    with world.open_(one.paths.root) as again:
        for text in ("other", "history"):
            again.ledger.submit(world.Decide(text)).result(10)
        with pytest.raises(Unavailable, match="a fork"):
            two.ledger.submit(world.Decide("after it")).result(10)
        assert again.reader.size == 2
        assert two.ledger.writer.tail.take(1, 2) is None


def _empty_head(one: Workspace) -> bytes:
    """A head file as it was before anything was written."""
    with closing(one.paths.log_database.reader()) as db:
        note = db.execute("SELECT note FROM checkpoints WHERE size = 0").fetchone()[0]
    return encode_slot(note, 0).ljust(FILE_SIZE, b"\0")


def _cut(server: Cluster, database: TestDatabase, size: int) -> None:
    """What restoring an older state of the database amounts to; triggers are out of the way."""
    for sql in (
        "ALTER TABLE governance_log.log_entries DISABLE TRIGGER ALL",
        "ALTER TABLE governance_log.checkpoints DISABLE TRIGGER ALL",
        "ALTER TABLE governance_log.tree_nodes DISABLE TRIGGER ALL",
        "ALTER TABLE governance_log.log_head DISABLE TRIGGER ALL",
        f"DELETE FROM governance_log.log_entries WHERE idx >= {size}",
        f"DELETE FROM governance_log.checkpoints WHERE size > {size}",
        f"DELETE FROM governance_log.decisions WHERE idx >= {size}",
        "DELETE FROM governance_log.tree_nodes WHERE level > 0 AND (idx + 1) * (1 << level) > "
        f"{size}",
        f"UPDATE governance_log.log_head SET size = {size}, note = "
        f"(SELECT note FROM governance_log.checkpoints WHERE size = {size})",
    ):
        server.as_superuser(sql, database.name)
    prepare(database.owner, database.app)


def test_a_folder_serves_one_process(opened: Open, root: Path) -> None:
    """Two processes would write one head file."""
    opened()
    with pytest.raises(CannotOpen, match="already open in process"):
        world.open_(root)
