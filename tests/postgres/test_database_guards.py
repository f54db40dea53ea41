"""What the service's role may do to the log on a server, and what the owner stumbles over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pytest

from governance.store import migrations
from governance.store.database import LOG_SCHEMA, VAULT_SCHEMA, resolved
from governance.store.database import server as server_at
from governance.store.errors import CannotOpen, ServerError, Unavailable
from governance.store.fsck import fsck
from governance.store.grants import prepare
from governance.store.guards import GUARDED
from governance.store.tables import LogTable, SharedLogTable, SharedVaultTable, VaultTable
from governance.store.workspace import Workspace
from tests.postgres.fixtures import database, opened, root, server, workspace
from tests.postgres.server import APP, Cluster, TestDatabase
from tests.store import world

__all__ = ["database", "opened", "root", "server", "workspace"]

CHANGES = [
    sql.format(table=table)
    for table in sorted(GUARDED)
    for sql in (
        "UPDATE {table} SET {table}.x = 1",
        "DELETE FROM {table}",
        "TRUNCATE {table} CASCADE",
        "ALTER TABLE {table} DISABLE TRIGGER ALL",
        "DROP TABLE {table}",
    )
]
COLUMN = {
    "log_entries": "entry = ''::bytea",
    "tree_nodes": "idx = idx + 1",
    "checkpoints": "at = 0",
}


def change(sql: str) -> str:
    """The update of a table by a column it has."""
    table = sql.split()[1]
    return f"UPDATE {table} SET {COLUMN[table]}" if sql.startswith("UPDATE") else sql


@pytest.fixture
def filled(opened: Callable[..., Workspace]) -> Workspace:
    """A log with something in every guarded table."""
    made = opened()
    for number in range(3):
        made.ledger.submit(world.Decide(str(number))).result(10)
    return made


@pytest.fixture
def as_service(filled: Workspace, database: TestDatabase) -> Iterator[psycopg.Connection]:
    """A session with the service's own rights."""
    with psycopg.connect(database.app, autocommit=True) as connection:
        connection.execute(f"SET search_path TO {LOG_SCHEMA}")
        yield connection


@pytest.fixture
def as_owner(filled: Workspace, database: TestDatabase) -> Iterator[psycopg.Connection]:
    """A session of the owner's, who did not mean to."""
    with psycopg.connect(database.owner, autocommit=True) as connection:
        connection.execute(f"SET search_path TO {LOG_SCHEMA}")
        yield connection


@pytest.mark.parametrize("sql", CHANGES)
def test_the_service_cannot_change_what_is_recorded(
    as_service: psycopg.Connection, sql: str
) -> None:
    """Whoever takes over the service could rewrite the log's rows before a copy is made."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_service.execute(change(sql))


@pytest.mark.parametrize(
    "sql",
    [
        "SET session_replication_role = replica",
        f"SET ROLE {APP}_owner",
        "CREATE TABLE governance_log.mine (x int)",
        "CREATE OR REPLACE FUNCTION governance_log.refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN NULL; END $$",
        "UPDATE alembic_version SET version_num = 'x'",
        "DELETE FROM log_head",
        "COPY log_entries FROM PROGRAM 'true'",
    ],
)
def test_the_service_cannot_get_around_the_guards(as_service: psycopg.Connection, sql: str) -> None:
    """A guard that the guarded can switch off guards nothing."""
    with pytest.raises(
        (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue)
    ):
        as_service.execute(sql)


@pytest.mark.parametrize(
    "sql", [each for each in CHANGES if each[:5] in ("UPDAT", "DELET", "TRUNC")]
)
@pytest.mark.parametrize("replica", [False, True])
def test_the_owner_stumbles_over_the_triggers(
    as_owner: psycopg.Connection,
    server: Cluster,
    database: TestDatabase,
    sql: str,
    replica: bool,
) -> None:
    """A slip of an administrator, or replication, would change the log without anybody noticing."""
    if replica:  # only a superuser may say so; triggers that are `ENABLE ALWAYS` fire all the same
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            _as_replica(server, database, change(sql))
    else:
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            as_owner.execute(change(sql))


def _as_replica(server: Cluster, database: TestDatabase, sql: str) -> None:
    where = f"host={server.folder} port={server.port} dbname={database.name} user=admin"
    with psycopg.connect(where, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(f"SET search_path TO {LOG_SCHEMA}")
        connection.execute(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO checkpoints VALUES (5, 0, 'a size that is not the log''s')",
        "INSERT INTO checkpoints VALUES (2, 0, 'an old size')",
        "INSERT INTO log_entries VALUES (9, 'x', 'y'); INSERT INTO checkpoints VALUES (10, 0, 'n')",
        "UPDATE log_head SET size = 1",
        "INSERT INTO cuts VALUES (256, 1, 's', 0, 0)",
    ],
)
def test_what_does_not_fit_the_log_is_not_added(as_service: psycopg.Connection, sql: str) -> None:
    """The log could get a hole, a second head of one size, or a cut that no entry announces."""
    with pytest.raises(psycopg.errors.RaiseException):
        as_service.execute(sql)


@pytest.mark.parametrize("looked", [True, False])
def test_a_guard_looks_at_what_is_new_only(
    filled: Workspace, server: Cluster, database: TestDatabase, looked: bool
) -> None:
    """Once the server has looked how large the log is, or as long as it has not, each batch would read a
    third of it, or start processes to do so."""
    many, plans = 100_000, list[str]()
    where = f"host={server.folder} port={server.port} dbname={database.name} user=admin"
    with psycopg.connect(where, autocommit=True) as connection:
        connection.execute(f"SET search_path TO {LOG_SCHEMA}")
        connection.execute(
            "INSERT INTO log_entries SELECT n, 'entry', 'leaf' "
            f"FROM generate_series(3, {many - 1}) n"
        )
        connection.execute(f"INSERT INTO checkpoints VALUES ({many}, 0, 'n')")
        if looked:
            connection.execute("ANALYZE log_entries")
        connection.execute("SET parallel_setup_cost TO 100")  # as if the log were longer
        connection.execute("LOAD 'auto_explain'")
        connection.execute("SET auto_explain.log_min_duration TO 0")
        connection.execute("SET auto_explain.log_nested_statements TO on")
        connection.execute("SET client_min_messages TO log")
        connection.add_notice_handler(lambda said: plans.append(said.message_primary or ""))
        for size in range(many + 1, many + 9):  # often enough for a plan that is made to be kept
            connection.execute(f"INSERT INTO log_entries VALUES ({size - 1}, 'x', 'y')")
            connection.execute(f"INSERT INTO checkpoints VALUES ({size}, 0, 'n')")
    guarding = [plan for plan in plans if "log_entries" in plan and "NEW.size" in plan]
    assert len(guarding) == 8
    for plan in guarding:
        assert "Index Only Scan" in plan
        assert "Seq Scan on log_entries" not in plan
        assert "Gather" not in plan, plan


def test_a_number_is_given_once(as_service: psycopg.Connection) -> None:
    """`INSERT … ON CONFLICT DO UPDATE` would replace an entry without an update anybody forbids."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_service.execute(
            "INSERT INTO log_entries VALUES (1, 'x', 'y') "
            "ON CONFLICT (idx) DO UPDATE SET entry = excluded.entry"
        )
    with pytest.raises(psycopg.errors.UniqueViolation):
        as_service.execute("INSERT INTO log_entries VALUES (1, 'x', 'y')")


def test_a_row_that_no_head_covers_stops_the_log(
    as_service: psycopg.Connection, filled: Workspace
) -> None:
    """Somebody with the service's rights would have an entry of theirs signed, or the service would try for ever."""
    as_service.execute("INSERT INTO log_entries VALUES (3, '{}', 'leaf')")
    with pytest.raises(Unavailable, match="another program has written"):
        filled.ledger.submit(world.Decide("next")).result(10)
    assert filled.ledger.failure is not None
    root = filled.paths.root
    filled.close()
    with pytest.raises(CannotOpen, match="rows were added or removed by another program"):
        world.open_(root)


def test_a_guard_of_another_version_is_named_and_said_at_the_start(
    as_owner: psycopg.Connection,
    filled: Workspace,
    database: TestDatabase,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A trigger that calls a function which lets everything pass would count as a guard, and one that an
    older version made would stay slow for ever."""
    as_owner.execute(
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN NEW; END $$"
    )
    (found,) = fsck(filled.paths, filled.vkeys).findings
    assert found.where == "the function `refuse`"
    root = filled.paths.root
    filled.close()
    world.open_(root).close()
    assert "`governance database prepare`" in caplog.text
    caplog.clear()
    prepare(database.owner, database.app)
    with world.open_(root) as again:
        assert fsck(again.paths, again.vkeys).findings == ()
    assert "database prepare" not in caplog.text


def test_a_guard_that_is_gone_is_named_and_made_again(
    as_owner: psycopg.Connection, filled: Workspace, database: TestDatabase
) -> None:
    """Nobody would notice that the speed bumps were taken away, or could put them back."""
    as_owner.execute("DROP TRIGGER log_entries_delete ON log_entries")
    as_owner.execute("ALTER TABLE checkpoints ENABLE TRIGGER checkpoints_update")
    (found,) = fsck(filled.paths, filled.vkeys).findings
    assert "`checkpoints_update`, `log_entries_delete`" in found.where
    prepare(database.owner, database.app)
    assert fsck(filled.paths, filled.vkeys).findings == ()


def test_migrations_make_the_tables_that_are_described(database: TestDatabase) -> None:
    """A column added to the tables but to no migration would be missing on every server."""
    for schema, bases in (
        (LOG_SCHEMA, (LogTable, SharedLogTable)),
        (VAULT_SCHEMA, (VaultTable, SharedVaultTable)),
    ):
        described = {
            (table.name, column.name, column.nullable)
            for base in bases
            for table in base.metadata.sorted_tables
            for column in table.columns
        }
        with psycopg.connect(database.owner) as connection:
            rows = connection.execute(
                "SELECT table_name, column_name, is_nullable = 'YES' FROM "
                "information_schema.columns WHERE table_schema = %s "
                "AND table_name <> 'alembic_version'",
                (schema,),
            ).fetchall()
        assert set(rows) == described
        name = "log" if schema == LOG_SCHEMA else "vault"
        assert migrations.revision_of(server_at(database.app, schema)) == migrations.HEADS[name]


def test_an_older_schema_is_brought_up_to_date_by_the_owner_only(
    filled: Workspace, database: TestDatabase
) -> None:
    """A service with few rights would fail in the middle of an upgrade, or silently go without."""
    root = filled.paths.root
    filled.close()
    with psycopg.connect(database.owner, autocommit=True) as connection:
        connection.execute(f"UPDATE {LOG_SCHEMA}.alembic_version SET version_num = '0003_cuts'")
        for table in ("log_head", "blobs", "manifests"):
            connection.execute(f"ALTER TABLE {LOG_SCHEMA}.{table} RENAME TO old_{table}")
    with pytest.raises(CannotOpen, match="governance database prepare"):
        world.open_(root)


def test_a_newer_schema_is_refused(filled: Workspace, database: TestDatabase) -> None:
    """An old version would write into tables it does not understand."""
    root = filled.paths.root
    filled.close()
    with psycopg.connect(database.owner, autocommit=True) as connection:
        connection.execute(f"UPDATE {LOG_SCHEMA}.alembic_version SET version_num = '9999_later'")
    with pytest.raises(CannotOpen, match="newer version"):
        world.open_(root)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("mysql://host/name", "no address of a database"),
        ("env:NOT_SET_ANYWHERE", "`NOT_SET_ANYWHERE` is not set"),
        ("postgresql://app@db.corp.example/governance", "sslmode=verify-full"),
        ("postgresql://app@127.0.0.1:1/governance?nonsense=1", "cannot be read"),
    ],
)
def test_an_address_that_cannot_be_used_is_a_sentence(address: str, said: str) -> None:
    """A person would get a traceback, or their data would cross a network in the clear."""
    with pytest.raises(CannotOpen, match=said):
        server_at(address, LOG_SCHEMA)


def test_an_address_may_be_a_secret(
    monkeypatch: pytest.MonkeyPatch, database: TestDatabase
) -> None:
    """The password would have to be in a file that everybody may read, or in error messages."""
    monkeypatch.setenv("THE_DATABASE", database.app)
    assert resolved("env:THE_DATABASE") == database.app
    there = server_at("env:THE_DATABASE", LOG_SCHEMA)
    password = database.app.split(":")[2].split("@")[0]
    assert password not in str(there)
    assert password not in repr(there)


def test_a_server_that_is_not_there_is_a_sentence(root: object) -> None:
    """A person would get a traceback of the library."""
    with pytest.raises(CannotOpen, match="cannot be reached"):
        server_at("postgresql://app@127.0.0.1:1/governance", LOG_SCHEMA).reader()


def test_a_commit_of_nothing_is_an_error(filled: Workspace) -> None:
    """The server says yes to a COMMIT outside a transaction, and an answer would go out for nothing."""
    with closing(filled.paths.log_database.writer()) as db, pytest.raises(ServerError):
        db.execute("COMMIT")


def test_a_failed_transaction_is_not_committed(filled: Workspace) -> None:
    """The server answers COMMIT of a failed transaction with a polite ROLLBACK, not with an error."""
    with closing(filled.paths.log_database.writer()) as db:
        db.execute("BEGIN")
        with pytest.raises(ServerError):
            db.execute("SELECT no_such_column FROM meta")
        with pytest.raises(ServerError):
            db.execute("COMMIT")
        db.execute("BEGIN")
        assert db.execute("SELECT 1").fetchone() == (1,)
        db.execute("ROLLBACK")


def test_a_server_that_forgets_is_not_used(server: Cluster, root: object) -> None:
    """Answers would be given for entries that a power failure takes back."""
    from pathlib import Path

    assert isinstance(root, Path)
    try:
        server.as_superuser("ALTER SYSTEM SET fsync = off")
        server.as_superuser("SELECT pg_reload_conf()")
        _until_off(server)
        with pytest.raises(CannotOpen, match="`fsync` off"):
            world.open_(root)
    finally:
        server.as_superuser("ALTER SYSTEM RESET fsync")
        server.as_superuser("SELECT pg_reload_conf()")


def _until_off(server: Cluster) -> None:
    for _ in range(100):
        if server.as_superuser("SHOW fsync") == [("off",)]:
            return
    raise AssertionError("the server does not change its settings")


def test_a_role_that_commits_early_is_made_to_wait(
    server: Cluster, database: TestDatabase, opened: Callable[..., Workspace]
) -> None:
    """An administrator's default of `synchronous_commit = off` would let answers out too early."""
    server.as_superuser(f"ALTER DATABASE {database.name} SET synchronous_commit = off")
    made = opened()
    seen = made.ledger.chore(lambda db: db.execute("SHOW synchronous_commit").fetchone()).result(10)
    assert seen == ("on",)
