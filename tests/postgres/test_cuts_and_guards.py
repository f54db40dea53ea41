"""A cut on a server: the service decides it, only the owner carries it out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit.errors import Pruned
from audit.proof import verify_inclusion
from governance.store import pruning
from governance.store.database import LOG_SCHEMA
from governance.store.database import server as server_at
from governance.store.errors import StoreError
from governance.store.moving import move
from governance.store.workspace import Workspace
from tests.postgres.fixtures import database, opened, root, server, workspace
from tests.postgres.server import Cluster, TestDatabase
from tests.postgres.test_shared_log import follows
from tests.store import world
from tests.store.test_pruning import MINIMUM, decide_cut, fill, prune

__all__ = ["database", "opened", "root", "server", "workspace"]


def test_only_the_owner_takes_out_what_was_given_up(
    opened: Callable[..., Workspace], database: TestDatabase
) -> None:
    """A service that was taken over could empty the log; or what was pruned would stay for ever."""
    one, two = opened(), opened("two")
    fill(one, 600)
    paid = world.total(one, "pay/LIM-1", "payments-1", None, "EUR")
    pruning.announce(one.ledger, *decide_cut(one))
    with pytest.raises(StoreError, match="governance database prune"):
        pruning.carry_out(one.ledger, one.vault, one.paths.log)
    follows(two, one.ledger.size)
    owner = server_at(database.owner, LOG_SCHEMA)
    assert pruning.empty_on_server(owner) == MINIMUM
    assert pruning.empty_on_server(owner) == 0
    pruning.carry_out(one.ledger, one.vault, one.paths.log)
    for each in (one, two):
        assert each.reader.minimum == MINIMUM
        with pytest.raises(Pruned):
            each.reader.entry_bytes(MINIMUM - 1)
        size = each.reader.size
        proof = each.reader.inclusion_proof(3, size)
        root_hash = each.reader.frontier(size).root()
        verify_inclusion(each.reader.node(0, 3), 3, size, proof, root_hash)
    assert world.total(two, "pay/LIM-1", "payments-1", None, "EUR") == paid
    folder = two.paths.root
    two.close()
    with world.open_(folder) as again:
        answer = again.ledger.submit(world.Decide("after the cut")).result(10)
        assert answer.receipts[0].index == 602


def test_a_pruned_log_moves_as_it_is(database: TestDatabase, tmp_path: Path) -> None:
    """A log that was pruned in its file could never go to a server."""
    folder = tmp_path / "w"
    world.make(folder)
    with world.open_(folder) as in_files:
        fill(in_files, 600)
        prune(in_files)
        size, root_hash = in_files.reader.size, in_files.ledger.position.root
    shutil.rmtree(folder / "blobs", ignore_errors=True)
    move(folder, database.app, world.FOLD, datetime(2026, 11, 20, tzinfo=UTC))
    with world.open_(folder) as moved:
        assert (moved.reader.size, moved.ledger.position.root) == (size, root_hash)
        assert moved.reader.minimum == MINIMUM
        with pytest.raises(Pruned):
            moved.reader.entry_bytes(0)


def test_nothing_that_was_not_announced_is_emptied(
    opened: Callable[..., Workspace], server: Cluster, database: TestDatabase
) -> None:
    """A slip of the owner's would empty entries that nobody gave up."""
    import psycopg

    one = opened()
    fill(one, 300)
    with psycopg.connect(database.owner, autocommit=True) as owner:
        owner.execute(f"SET search_path TO {LOG_SCHEMA}")
        with pytest.raises(psycopg.errors.RaiseException, match="nothing but what was pruned"):
            owner.execute("UPDATE log_entries SET entry = ''::bytea WHERE idx = 3")
        with pytest.raises(psycopg.errors.RaiseException, match="no entry of the log announces"):
            owner.execute("INSERT INTO cuts VALUES (256, 299, 'digest', 0, 0)")
    assert one.reader.entry(3).kind == "decision"
