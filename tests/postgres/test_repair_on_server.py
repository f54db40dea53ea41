"""What follows from the entries is made again on a server, too, by its owner and by nobody else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit.entry import decode
from governance.store.errors import CannotOpen, NotOwner
from governance.store.findings import Report
from governance.store.fsck import fsck
from governance.store.paths import Paths
from governance.store.repair import repair
from tests.postgres.fixtures import database, opened, root, server, workspace
from tests.postgres.server import Cluster, TestDatabase
from tests.store import world
from tests.store.test_fsck import fill

__all__ = ["database", "opened", "root", "server", "workspace"]

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
LOG = "governance_log"


@pytest.fixture
def vkeys(root: Path) -> tuple[str, ...]:
    """The keys of a workspace on the server that holds a little of everything, and is closed."""
    with world.open_(root) as workspace:
        fill(workspace)
        return workspace.vkeys


@pytest.fixture
def alter(server: Cluster, database: TestDatabase) -> Callable[..., None]:
    """Change the log as the server's administrator can: the triggers are out of the way meanwhile."""

    def change(*statements: str) -> None:
        tables = ("log_entries", "tree_nodes", "checkpoints", "log_head", "cuts")
        for table in tables:
            server.as_superuser(f"ALTER TABLE {LOG}.{table} DISABLE TRIGGER USER", database.name)
        for statement in statements:
            server.as_superuser(f"SET search_path TO {LOG}; {statement}", database.name)
        triggers = server.as_superuser(
            "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            f"WHERE NOT t.tgisinternal AND c.relnamespace = '{LOG}'::regnamespace",
            database.name,
        )
        for table, name in triggers:
            server.as_superuser(
                f"ALTER TABLE {LOG}.{table} ENABLE ALWAYS TRIGGER {name}", database.name
            )

    return change


def look(root: Path, vkeys: tuple[str, ...]) -> Report:
    """What `fsck` says."""
    return fsck(Paths(root), vkeys, scratch=root)


def rows(root: Path, sql: str) -> list[Any]:
    """Rows of the log on the server."""
    with closing(Paths(root).log_database.reader()) as db:
        return db.execute(sql).fetchall()


DAMAGE = {
    "leaves": "UPDATE log_entries SET leaf = decode(repeat('00', 32), 'hex') WHERE idx = 4",
    "nodes": "DELETE FROM tree_nodes WHERE level = 1 AND idx = 3",
    "checkpoints": "UPDATE checkpoints SET note = substr(note, 1, length(note) - 5) || 'AAA=' "
    "|| substr(note, length(note)) WHERE size = 9",
    "totals": "UPDATE totals SET sum = '0' WHERE series = 'pay/LIM-1' AND n = 5",
    "decisions": "UPDATE decisions SET redeemed = NULL",
}


def test_a_sound_log_has_no_findings(root: Path, vkeys: tuple[str, ...]) -> None:
    """A check that cries wolf is switched off."""
    report = look(root, vkeys)
    assert (report.findings, report.vouched, report.entries) == ((), True, 22)


def test_everything_that_follows_from_entries_is_made_again(
    root: Path, vkeys: tuple[str, ...], alter: Callable[..., None], database: TestDatabase
) -> None:
    """A damaged hash on a server would mean going back to a backup though nothing recorded is lost."""
    before = rows(root, "SELECT idx, entry FROM log_entries ORDER BY idx")
    alter(*DAMAGE.values())
    found = look(root, vkeys)
    assert {finding.part.value for finding in found.findings} == set(DAMAGE)
    assert all(finding.derivable for finding in found.findings)
    with pytest.raises(CannotOpen, match="--owner"):
        repair(Paths(root), AT, vkeys)
    done = repair(Paths(root), AT, vkeys, owner=database.owner)
    assert {part: count for part, count in done.counts.items() if count} == dict.fromkeys(DAMAGE, 1)
    assert look(root, vkeys).findings == ()
    assert rows(root, "SELECT idx, entry FROM log_entries ORDER BY idx") == before
    with world.open_(root) as workspace:
        assert decode(workspace.reader.entry_bytes(22)).kind == "service.repaired"
        workspace.ledger.submit(world.Decide("more", (world.euro("5"),))).result(10)
        assert world.total(workspace, "pay/LIM-1", "payments-1", None, "EUR")[0] == 195
    assert look(root, vkeys).findings == ()


@pytest.mark.parametrize(
    "change",
    ["DELETE FROM log_head", "UPDATE log_head SET size = 9", "UPDATE log_head SET note = 'x'"],
)
def test_the_row_whose_lock_is_the_right_to_write_is_made_again(
    root: Path,
    vkeys: tuple[str, ...],
    alter: Callable[..., None],
    database: TestDatabase,
    change: str,
) -> None:
    """No service could ever write again, though the log itself is sound."""
    alter(change)
    assert [finding.where for finding in look(root, vkeys).findings] == ["the row of the head"]
    repair(Paths(root), AT, vkeys, owner=database.owner)
    assert look(root, vkeys).findings == ()
    with world.open_(root) as workspace:
        workspace.ledger.submit(world.Decide("more")).result(10)


def test_an_altered_entry_is_named_and_left_alone(
    root: Path, vkeys: tuple[str, ...], alter: Callable[..., None], database: TestDatabase
) -> None:
    """A repair that made an altered entry fit would be the attack itself."""
    alter("UPDATE log_entries SET entry = '{}'::bytea WHERE idx = 4")
    found = look(root, vkeys)
    assert ("entry 4", False) in {(f.where, f.derivable) for f in found.findings}
    with pytest.raises(CannotOpen, match="nothing can be made again"):
        repair(Paths(root), AT, vkeys, owner=database.owner)


def test_a_dropped_trigger_is_set_again(
    root: Path, vkeys: tuple[str, ...], server: Cluster, database: TestDatabase
) -> None:
    """Whoever prepared an alteration by dropping a guard would find it open for ever."""
    server.as_superuser(f"DROP TRIGGER log_entries_update ON {LOG}.log_entries", database.name)
    assert [f.where for f in look(root, vkeys).findings] == ["the trigger `log_entries_update`"]
    done = repair(Paths(root), AT, vkeys, owner=database.owner)
    assert done.counts["guards"] == 1
    assert look(root, vkeys).findings == ()


def test_a_repair_is_refused_while_any_service_is_connected(
    root: Path,
    vkeys: tuple[str, ...],
    opened: Callable[..., Any],
    alter: Callable[..., None],
    database: TestDatabase,
) -> None:
    """A service in another folder would go on with sums that were put right under it."""
    alter(DAMAGE["totals"])
    opened("two")
    with pytest.raises(NotOwner, match="stop every service"):
        repair(Paths(root), AT, vkeys, owner=database.owner)
