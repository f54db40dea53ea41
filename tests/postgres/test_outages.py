"""A server that fails: nothing acknowledged is lost, nothing is there twice, no two heads of one size."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from audit.checkpoint import open_checkpoint
from audit.entry import decode
from audit.tree import Frontier, leaf_hash
from governance.oversight.errors import Refused
from governance.store import postgres
from governance.store.blobs import BlobTable
from governance.store.database import LOG_SCHEMA, Database
from governance.store.errors import CannotOpen, ServerError, StoreError, Unavailable
from governance.store.postgres import Server
from governance.store.workspace import Seams, Workspace
from tests.postgres.fixtures import database, opened, root, server, workspace
from tests.postgres.in_front import InFront
from tests.postgres.server import Cluster, TestDatabase
from tests.store import world

__all__ = ["database", "opened", "root", "server", "workspace"]

Open = Callable[..., Workspace]


class Failing(InFront):
    """In front of a connection: at the `at`-th statement of a kind, the session is lost.

    `when`: `before` the statement reaches the server, or `after` it was done there.
    """

    def __init__(self, inner: Any, needle: str, when: str, cut: Callable[[], Any]) -> None:
        super().__init__(inner)
        self.needle, self.when, self.cut = needle, when, cut
        self.armed = False
        self.hits = 0

    def _around(self, sql: str, do: Callable[[], Any]) -> Any:
        if not self.armed or not sql.startswith(self.needle):
            return do()
        self.armed = False
        self.hits += 1
        if self.when == "before":
            self.cut()
            return do()
        do()
        self.cut()
        raise ServerError("the connection was lost (injected)", "08006", lost=True)


def settled(one: Workspace, patience: float = 15.0) -> None:
    """Wait until the service has found out what the server has."""
    end = time.monotonic() + patience
    while one.ledger.outage is not None or one.ledger.ready is not None:
        assert one.ledger.failure is None, one.ledger.failure
        assert time.monotonic() < end, one.ledger.outage
        time.sleep(0.02)


def sound(*workspaces: Workspace) -> list[str]:
    """Every checkpoint signs what there is; the notes of the entries, each once."""
    first = workspaces[0]
    size = first.reader.size
    data = list(first.reader.entries(0, size))
    heads = {
        head.size: head.root
        for note in first.reader.checkpoints(0, size)
        for head in [open_checkpoint(note, first.ring.verifiers, world.ORIGIN)]
    }
    frontier = Frontier()
    for entry in data:
        frontier.append(leaf_hash(entry))
        if frontier.size in heads:
            assert heads[frontier.size] == frontier.root()
    assert size in heads
    notes = [decode(entry).data.get("note") for entry in data]
    told = [note for note in notes if note is not None]
    assert len(told) == len(set(told)), "a command was recorded twice"
    return told


STATEMENTS = [
    "BEGIN",
    "SELECT size, note FROM log_head WHERE id = 1 FOR UPDATE",
    "INSERT INTO log_entries",
    "INSERT INTO decisions",
    "INSERT INTO totals",
    "INSERT INTO tree_nodes",
    "INSERT INTO vault_values",
    "SELECT entry FROM log_entries WHERE idx >= ?",
    "INSERT INTO checkpoints",
    "UPDATE log_head",
    "SELECT forgotten",
    "COMMIT",
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_connection_lost_at_any_statement(
    opened: Open, server: Cluster, database: TestDatabase, statement: str, when: str
) -> None:
    """A network that fails at the wrong moment would lose an answer, double it, or stop the service for good."""
    made: list[Failing] = []

    def seam(connection: Any) -> Any:
        made.append(Failing(connection, statement, when, lambda: server.cut_off(database)))
        return made[-1]

    one = opened(seams=Seams(log=seam))
    subject = one.vault.pseudonym("payee", "IBAN 1")

    def decide(text: str) -> world.Decide:
        return world.Decide(text, (world.euro("1.00"),), values=(("args.note", b"v", subject),))

    acknowledged = []
    for number in range(3):
        one.ledger.submit(decide(f"before {number}")).result(10)
        acknowledged.append(f"before {number}")
    made[0].armed = True
    with suppress(Unavailable):
        one.ledger.submit(decide("during")).result(10)
        acknowledged.append("during")
    settled(one)
    assert made[0].hits == 1, "the fault was never met"
    for number in range(3):
        one.ledger.submit(decide(f"after {number}")).result(10)
        acknowledged.append(f"after {number}")
    told = sound(one)
    assert set(acknowledged) <= set(told)
    if statement == "COMMIT":
        assert ("during" in told) == (when == "after")
    total = world.total(one, "pay/LIM-1", "payments-1", None, "EUR")
    assert total == (world.decimal(len(told)), len(told), False)
    for index in range(len(told)):
        if index < one.ledger.size and one.reader.decision(index) is not None:
            assert one.vault.value(index, "args.note") is not None


def test_no_tree_is_signed_twice_at_one_size(
    opened: Open, server: Cluster, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A head that was signed in vain would disagree with another one of the same size: a fork of our own making."""
    signed: dict[int, set[bytes]] = {}

    import governance.store.batch as batch

    real = batch.sign_checkpoint

    def sign(checkpoint: Any, *signers: Any) -> str:
        signed.setdefault(checkpoint.size, set()).add(checkpoint.root)
        return real(checkpoint, *signers)

    monkeypatch.setattr(batch, "sign_checkpoint", sign)
    made: list[Failing] = []

    def seam(connection: Any) -> Any:
        made.append(Failing(connection, "COMMIT", "before", lambda: server.cut_off(database)))
        return made[-1]

    one = opened(seams=Seams(log=seam))
    one.ledger.submit(world.Decide("first")).result(10)
    for number in range(3):
        made[0].armed = True
        with pytest.raises(Unavailable):
            one.ledger.submit(world.Decide(f"lost {number}")).result(10)
        settled(one)
        one.ledger.submit(world.Decide(f"kept {number}")).result(10)
    assert all(len(roots) == 1 for roots in signed.values()), signed
    assert sound(one)[:2] == ["first", "kept 0"]
    kinds = [decode(entry).kind for entry in one.reader.entries(0, one.ledger.size)]
    assert kinds.count("service.started") == 3


def test_files_that_cannot_be_asked_for_are_not_called_missing() -> None:
    """Somebody would restore a backup because a server was restarted, or a replay go on without a release."""
    away = BlobTable(Server("postgresql://nobody@127.0.0.1:1/none", LOG_SCHEMA))
    for ask in (away.get, away.manifest):
        with pytest.raises(Unavailable, match="cannot be reached"):
            ask("0" * 64)
    with pytest.raises(Unavailable):
        away.put(b"policy")


class Hanging(InFront):
    """In front of a connection: once armed, the process hangs as soon as it has the log's lock."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.armed, self.hangs, self.goes_on = False, threading.Event(), threading.Event()

    def _around(self, sql: str, do: Callable[[], Any]) -> Any:
        made = do()
        if self.armed and sql.endswith("FOR UPDATE"):
            self.armed = False
            self.hangs.set()
            self.goes_on.wait(60)
        return made


def test_who_hangs_with_the_lock_holds_up_nobody_for_long(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One service that is frozen (a paused machine) would stop all others until somebody ends it by hand."""
    monkeypatch.setattr(postgres, "LOCK_MS", 1_000)
    made: list[Hanging] = []

    def seam(connection: Any) -> Any:
        made.append(Hanging(connection))
        return made[-1]

    one, two = opened(), opened("two", seams=Seams(log=seam))
    one.ledger.submit(world.Decide("before")).result(10)
    made[0].armed = True
    hung = two.ledger.submit(world.Decide("hung"))
    try:
        assert made[0].hangs.wait(10)
        one.ledger.submit(world.Decide("meanwhile")).result(10)
    finally:
        made[0].goes_on.set()
    with suppress(Unavailable):
        hung.result(20)
    settled(two)
    two.ledger.submit(world.Decide("after")).result(10)
    told = sound(one, two)
    assert [each for each in told if each != "hung"] == ["before", "meanwhile", "after"]


class Load:
    """Callers on several processes that go on whatever happens, and what they were told."""

    def __init__(self, *workspaces: Workspace) -> None:
        self.acknowledged: dict[str, int] = {}
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._call, args=(each, f"{number}-{caller}"), daemon=True)
            for number, each in enumerate(workspaces)
            for caller in range(2)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def until(self, more: int, patience: float = 20.0) -> None:
        """Wait until so many more were acknowledged."""
        want, end = len(self.acknowledged) + more, time.monotonic() + patience
        while len(self.acknowledged) < want:
            assert time.monotonic() < end, f"{len(self.acknowledged)} of {want}"
            time.sleep(0.02)

    def _call(self, one: Workspace, name: str) -> None:
        number = 0
        while not self._stop.is_set():
            text = f"{name} {number}"
            try:
                answer = one.ledger.submit(world.Decide(text, (world.euro("1.00"),))).result(30)
            except (StoreError, Refused):
                time.sleep(0.02)
            else:
                self.acknowledged[text] = answer.receipts[0].index
            number += 1


def test_a_server_that_is_restarted_under_load(opened: Open, server: Cluster) -> None:
    """A failover would lose answers that were given, or leave services behind that never come back."""
    one, two = opened(), opened("two")
    with Load(one, two) as load:
        load.until(20)
        server.restart(immediate=True)
        load.until(20)
        server.restart(immediate=False)
        load.until(20)
    for each in (one, two):
        settled(each)
    told = sound(one, two)
    at = {text: index for index, text in enumerate(_notes(one))}
    for text, index in load.acknowledged.items():
        assert at.get(text) == index, f"{text} was acknowledged as entry {index}"
    total = world.total(one, "pay/LIM-1", "payments-1", None, "EUR")
    assert total == world.total(two, "pay/LIM-1", "payments-1", None, "EUR")
    assert total[1] == len(told)


def _notes(one: Workspace) -> list[Any]:
    size = one.reader.size
    return [decode(entry).data.get("note") for entry in one.reader.entries(0, size)]


def test_while_the_server_is_away_everybody_is_told_at_once(opened: Open, server: Cluster) -> None:
    """Agents would wait for minutes instead of being told to come back, and health would show nothing."""
    one = opened()
    one.ledger.submit(world.Decide("first")).result(10)
    server.stop("immediate")
    try:
        with pytest.raises(Unavailable):
            one.ledger.submit(world.Decide("second")).result(10)
        begun = time.monotonic()
        with pytest.raises(Unavailable) as told:
            one.ledger.submit(world.stop()).result(10)
        assert time.monotonic() - begun < 3
        assert told.value.retry_after == 1
        assert "cannot be reached" in str(one.ledger.ready)
        with pytest.raises(StoreError, match="cannot be reached"):
            one.vault.find("payee", "IBAN never seen")
    finally:
        server.start()
    settled(one)
    one.ledger.submit(world.Decide("third")).result(10)
    assert sound(one) == ["first", "third"]
    assert one.vault.pseudonym("payee", "IBAN 1").startswith("s-")


def test_a_standby_that_lacks_entries_ends_the_service(
    opened: Open, server: Cluster, database: TestDatabase
) -> None:
    """After a failover to a copy that is behind, the service would sign another history of what it has answered."""
    one = opened()
    one.ledger.submit(world.Decide("first")).result(10)
    copy = server.database(template="template0")
    server.cut_off(database)
    settled(one)
    server.drop(copy)
    copy_name = f"{database.name}_behind"
    server.cut_off(database)
    _copied(server, database, copy_name)
    settled(one)
    one.ledger.submit(world.Decide("second")).result(10)
    _swap(server, database, copy_name)
    with suppress(Unavailable):
        one.ledger.submit(world.Decide("third")).result(20)
    end = time.monotonic() + 10
    while one.ledger.failure is None and time.monotonic() < end:
        time.sleep(0.02)
    assert one.ledger.failure is not None
    assert "did not have everything" in one.ledger.failure
    folder = one.paths.root
    one.close()
    with pytest.raises(CannotOpen, match="head file remembers 2"):
        world.open_(folder)
    server.as_superuser(f"DROP DATABASE IF EXISTS {database.name}_ahead WITH (FORCE)")


def _copied(server: Cluster, database: TestDatabase, name: str) -> None:
    """A copy of a database as it is now."""
    for _ in range(50):
        with suppress(Exception):
            server.cut_off(database)
            server.as_superuser(f"CREATE DATABASE {name} TEMPLATE {database.name}")
            return
    raise AssertionError("the database could not be copied")


def _swap(server: Cluster, database: TestDatabase, name: str) -> None:
    """The copy takes the database's place."""
    for _ in range(50):
        with suppress(Exception):
            server.cut_off(database)
            server.as_superuser(f"ALTER DATABASE {database.name} RENAME TO {database.name}_ahead")
            break
    server.as_superuser(f"ALTER DATABASE {name} RENAME TO {database.name}")


@pytest.fixture(params=["repeatable read", "serializable"])
def stricter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A server that gives transactions more isolation than was asked for, as some engines do."""
    real = Server.writer

    def writer(self: Server, **options: Any) -> Any:
        connection = real(self, **options)
        connection._begin_with = f"BEGIN ISOLATION LEVEL {request.param}"
        return connection

    def execute(self: Any, sql: str, parameters: Any = (), /) -> Any:
        stricter_sql = getattr(self, "_begin_with", None)
        if stricter_sql and sql == "BEGIN ISOLATION LEVEL READ COMMITTED":
            sql = stricter_sql
        return plain(self, sql, parameters)

    from governance.store.postgres import ServerConnection

    plain = ServerConnection.execute
    monkeypatch.setattr(ServerConnection, "execute", execute)
    monkeypatch.setattr(Server, "writer", writer)
    return str(request.param)


def test_a_stricter_isolation_loses_no_race(opened: Open, stricter: str) -> None:
    """On an engine that serialises, two services would fail each other's transactions for ever, or skip entries."""
    one, two = opened(), opened("two")
    with Load(one, two) as load:
        load.until(40)
    told = sound(one, two)
    assert set(load.acknowledged) <= set(told)
    at = {text: index for index, text in enumerate(_notes(one))}
    assert all(at[text] == index for text, index in load.acknowledged.items())
    for each in (one, two):  # who was begun again must not have counted twice
        settled(each)
        total = world.total(each, "pay/LIM-1", "payments-1", None, "EUR")
        assert total == (world.decimal(len(told)), len(told), False)


def test_a_transaction_begun_again_counts_nothing_twice(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit would be used up by other services' payments counted double after a lost race."""
    one, two = opened(), opened("two")
    for number in range(4):
        two.ledger.submit(world.Decide(f"{number}", (world.euro("1.00"),))).result(10)
        assert world.total(one, "pay/LIM-1", "payments-1", None, "EUR")[1] == number + 1
    turns = one.ledger.writer._turns
    assert turns is not None
    real, failed = turns.take, []

    def once(*arguments: Any) -> Any:
        if not failed:
            failed.append(True)
            raise ServerError("could not serialize access (injected)", "40001")
        return real(*arguments)

    two.ledger.submit(world.Decide("more", (world.euro("1.00"),))).result(10)
    turns.crowded = True
    monkeypatch.setattr(turns, "take", once)
    total = world.total(one, "pay/LIM-1", "payments-1", None, "EUR")
    assert failed
    assert total == (world.decimal(5), 5, False)


def test_a_deadlock_costs_one_answer_and_not_the_service(
    opened: Open, database: TestDatabase, server: Cluster
) -> None:
    """Another program's transaction on the same rows would end the service."""
    import psycopg

    one = opened()
    one.ledger.submit(world.Decide("first")).result(10)
    database_of: Database = one.paths.log_database
    assert database_of.shared
    with psycopg.connect(database.owner) as other:
        other.execute("LOCK TABLE governance_log.checkpoints IN SHARE MODE")
        waiting = one.ledger.submit(world.Decide("second"))
        _until_waiting(server, database)
        with suppress(psycopg.errors.DeadlockDetected):
            other.execute("SELECT * FROM governance_log.log_head FOR UPDATE")
        other.rollback()
    with suppress(Unavailable):
        waiting.result(20)
    settled(one)
    one.ledger.submit(world.Decide("third")).result(10)
    told = sound(one)
    assert told[0] == "first"
    assert told[-1] == "third"


def _until_waiting(server: Cluster, database: TestDatabase) -> None:
    for _ in range(200):
        rows = server.as_superuser(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            f"AND datname = '{database.name}'"
        )
        if rows:
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits")
