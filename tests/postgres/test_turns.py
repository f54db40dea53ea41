"""Waiting for the turn: who comes in the meantime is not left behind, and rows arrive as they were."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest

from governance.store import postgres
from governance.store.arrays import Packed, PackedDumper, packed
from governance.store.database import LOG_SCHEMA, meanwhile
from governance.store.errors import BadParameter, Damaged, ServerError
from governance.store.postgres import Server, ServerConnection
from governance.store.turns import _READ_ON, _TAKE
from governance.store.workspace import Workspace
from tests.postgres.fixtures import database, opened, root, server, workspace
from tests.postgres.server import TestDatabase
from tests.store import world

__all__ = ["database", "opened", "root", "server", "workspace"]

Open = Callable[..., Workspace]

COLUMNS: list[tuple[str, list[Any]]] = [
    ("BIGINT", [0, -1, None, 2**63 - 1, -(2**63)]),
    ("INTEGER", [0, None, -(2**31), 2**31 - 1]),
    ("TEXT", ["", None, "é — 漢字 \U0001f600", 'a"b\\c{,}', "NULL"]),
    ("BYTEA", [b"", None, b"\x00\xff" * 40]),
]


def test_a_stop_that_comes_while_the_turn_is_anothers_is_the_first_of_the_next_batch(
    opened: Open, database: TestDatabase
) -> None:
    """A stop would wait for its service's turn twice, and agents would be allowed before it."""
    one = opened()
    with closing(psycopg.connect(database.owner)) as other:
        other.execute("SELECT size FROM governance_log.log_head FOR UPDATE")
        early = one.ledger.submit(world.Decide("early"))
        until = time.monotonic() + 10
        while one.ledger.depth()["agent"]:
            assert time.monotonic() < until
            time.sleep(0.01)
        late, stop = one.ledger.submit(world.Decide("late")), one.ledger.submit(world.stop())
        other.rollback()
    (receipt,) = stop.result(10).receipts
    assert receipt.index == 0
    for each in (early, late):
        with pytest.raises(Exception, match="everything is stopped"):
            each.result(10)
    assert one.ledger.batches == 1


def test_what_is_asked_for_with_the_lock_is_what_was_committed_before_it_was_given(
    database: TestDatabase,
) -> None:
    """Whoever waited would miss the entries of who had the lock before, and call the log a fork."""
    there = Server(database.app, LOG_SCHEMA)
    with closing(there.writer()) as db, closing(psycopg.connect(database.owner)) as other:
        db.execute("INSERT INTO log_head (id, size, note) VALUES (1, 0, ?)", ("",))
        other.execute("SELECT size FROM governance_log.log_head FOR UPDATE")
        waited = threading.Event()

        def ask() -> None:
            db.execute(there.begin)
            head = db.execute(_TAKE)
            rows = db.execute(_READ_ON, (0, 10)).fetchall()
            found.extend([head.fetchone(), rows])
            waited.set()

        found: list[Any] = []
        asking = threading.Thread(target=ask)
        asking.start()
        assert not waited.wait(0.3)
        other.execute("INSERT INTO governance_log.log_entries VALUES (0, 'entry', 'leaf')")
        other.execute("UPDATE governance_log.log_head SET size = 1, note = 'next'")
        other.commit()
        asking.join(10)
        assert found == [(1, "next"), [(b"entry",)]]


def test_an_error_leaves_no_statement_that_the_server_does_not_know(database: TestDatabase) -> None:
    """A service that lost one race would fail at every turn from then on."""
    there = Server(database.app, LOG_SCHEMA)
    with closing(there.writer()) as db, closing(psycopg.connect(database.owner)) as other:

        def ask() -> list[Any]:
            db.execute(there.begin)
            db.execute(_TAKE)
            try:
                return list(db.execute(_READ_ON, (0, 10)).fetchall())
            finally:
                db.execute("ROLLBACK")

        db.execute("INSERT INTO log_head (id, size, note) VALUES (1, 0, ?)", ("",))
        db.execute("SET lock_timeout TO 100")
        assert [ask(), ask()] == [[], []]
        other.execute("SELECT size FROM governance_log.log_head FOR UPDATE")
        with pytest.raises(ServerError, match="lock timeout"):
            ask()  # the third time a statement is prepared: this one never was
        other.rollback()
        assert [ask(), ask()] == [[], []]


def test_a_value_that_cannot_be_sent_disturbs_no_other_command(database: TestDatabase) -> None:
    """One command's odd value would end the turn for all who are in the batch with it."""
    there = Server(database.app, LOG_SCHEMA)
    with closing(there.writer()) as db:
        db.execute(there.begin)
        db.execute("INSERT INTO log_head (id, size, note) VALUES (1, 0, ?)", ("",))
        with pytest.raises(BadParameter):
            db.execute("SELECT size FROM log_head WHERE note = ?", ("\0",)).fetchone()
        db.execute("COMMIT")
        assert db.execute("SELECT size FROM log_head").fetchone() == (0,)


LOCK = "SELECT size FROM governance_log.log_head FOR UPDATE"
BUSY = {
    "with the lock, at a long statement": (LOCK, "SELECT pg_sleep(1.5)"),
    "with the lock, at short statements": (LOCK, *["SELECT 1"] * 15),
    "waiting for the lock": (LOCK,),
    "waiting for another program": (LOCK,),
    "with nothing locked": ("SELECT size FROM governance_log.log_head",),
}


@pytest.mark.parametrize("busy", BUSY)
def test_only_who_hangs_with_the_lock_is_ended(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch, busy: str
) -> None:
    """Services that wait for one another, or for a slow server, would end each other in turn."""
    monkeypatch.setattr(postgres, "LOCK_MS", 700)
    there = Server(database.app, LOG_SCHEMA)
    with closing(there.writer()) as db:
        db.execute("INSERT INTO log_head (id, size, note) VALUES (1, 0, ?)", ("",))
    whose = "psql" if busy == "waiting for another program" else "governance"
    # neither has a time limit of its own
    with (
        closing(psycopg.connect(database.app, application_name=whose)) as hangs,
        closing(psycopg.connect(database.app, application_name="governance")) as works,
    ):
        if busy.startswith("waiting"):
            hangs.execute(LOCK)

        def work() -> None:
            for sql in BUSY[busy]:
                works.execute(sql)
                time.sleep(0.1)

        doing = threading.Thread(target=work)
        doing.start()
        time.sleep(1)
        ended = there.end_who_hangs()
        if not ended:
            hangs.rollback()
        doing.join(10)
        assert works.execute("SELECT 1").fetchone() == (1,)
        assert ended is (busy == "waiting for the lock")
        if ended:
            with pytest.raises(psycopg.OperationalError):
                hangs.execute("SELECT 1")


def test_a_batch_is_three_journeys(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every service would wait for each journey more, for the lock is held all the while."""
    one, journeys = opened(), []
    writer = one.ledger.writer
    values = (("args.note", b'"v"', one.vault.pseudonym("payee", "IBAN 1")),)
    pay = world.Decide("pay", (world.euro("1.00"),), values=values)
    one.ledger.submit(pay).result(10)  # what is asked once is remembered
    for name in ("_together", "_once"):
        real = getattr(ServerConnection, name)

        def counted(connection: Any, *arguments: Any, real: Any = real) -> Any:
            if connection is writer._db and connection._inside:
                journeys.append(arguments[-2])
            return real(connection, *arguments)

        monkeypatch.setattr(ServerConnection, name, counted)
    one.ledger.submit(pay).result(10)
    assert len(journeys) == 3, journeys


def test_values_are_sealed_while_the_server_writes(opened: Open) -> None:
    """Every service would wait for the sealing, too, for the lock is held all the while."""
    with closing(opened().paths.log_database.writer()) as db:
        db.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        done: list[float] = []
        meanwhile(db, lambda: done.append(time.monotonic()))
        begun = time.monotonic()
        db.execute("SELECT pg_sleep(0.5)")
        assert len(done) == 1
        assert done[0] - begun < 0.4
        db.execute("SELECT 1")
        assert len(done) == 1
        meanwhile(db, lambda: done.append(0))
        db.execute("ROLLBACK")
        db.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        db.execute("SELECT 1")
        assert len(done) == 1, "what a transaction put off ends with it"
        db.execute("ROLLBACK")


def test_what_fails_meanwhile_fails_the_batch_and_nothing_else(opened: Open) -> None:
    """A batch whose values could not be sealed would be signed, or the next one lost with it."""

    def fails() -> None:
        raise Damaged("the value cannot be sealed")

    one = opened()
    with closing(one.paths.log_database.writer()) as db:
        db.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        meanwhile(db, fails)
        with pytest.raises(Damaged, match="cannot be sealed"):
            db.execute("SELECT size FROM log_head WHERE id = 1 FOR UPDATE").fetchone()
        db.execute("ROLLBACK")
        assert db.execute("SELECT 1").fetchone() == (1,)
    assert one.ledger.submit(world.Decide()).result(10).receipts  # its lock is not held any more


@pytest.mark.parametrize(("kind", "values"), COLUMNS)
def test_a_packed_column_is_what_was_in_it(
    database: TestDatabase, kind: str, values: list[Any]
) -> None:
    """The server would store other entries than the ones whose leaf hashes are signed."""
    with closing(psycopg.connect(database.app)) as db:
        db.adapters.register_dumper(Packed, PackedDumper)
        for column in (values, values[:1]):
            sent = packed(kind, column)
            rows = psycopg.RawCursor(db).execute(
                f"SELECT * FROM unnest($1::{kind}[])", (sent,), binary=True
            )
            assert [value for (value,) in rows.fetchall()] == column


@pytest.mark.parametrize(
    ("columns", "row"),
    [(("level", "idx", "hash"), (1, "one", b"")), (("level", "idx", "hash"), (2**31, 1, b""))],
)
def test_a_value_of_another_type_is_refused_before_it_is_sent(
    opened: Open, columns: tuple[str, ...], row: tuple[Any, ...]
) -> None:
    """What a command does wrong would look like a server that failed, and stop everybody."""
    with (
        closing(opened().paths.log_database.writer()) as db,
        pytest.raises(BadParameter, match="a value that is no"),
    ):
        db.insert_rows("tree_nodes", columns, [row])  # type: ignore[attr-defined]
