"""A cut of a log on a server: decided by a service, its bytes taken out by the database's owner."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from audit.errors import Pruned
from audit.proof import verify_inclusion
from governance.store import pruning
from governance.store.database import LOG_SCHEMA
from governance.store.database import server as server_at
from governance.store.errors import StoreError
from governance.store.lanes import limits
from governance.store.workspace import Workspace
from tests.postgres.fixtures import database, opened, root, server, workspace
from tests.postgres.server import TestDatabase
from tests.store.test_pruning import MARK, decide_cut, fill
from tests.store.world import Decide

__all__ = ["database", "opened", "root", "server", "workspace"]

MANY = limits(agent_per_second=1e6, person_per_second=1e6)


def test_a_cut_is_decided_by_a_service_and_carried_out_by_the_owner(
    opened: Callable[..., Workspace], database: TestDatabase, root: Path
) -> None:
    """A log on a server could never be pruned, or any service could empty it by itself."""
    one = opened(limits=MANY)
    other = opened("two", limits=MANY)
    subject = one.vault.pseudonym("payee", "DE00")
    one.ledger.submit(Decide(values=(("args.note", b"a note", subject),))).result(10)
    fill(one, 600)
    before = one.reader.receipt(3)
    cut, base = decide_cut(one, 512)
    pruning.announce(one.ledger, cut, base)
    with pytest.raises(StoreError, match="only its owner may take them out"):
        pruning.carry_out(one.ledger, one.vault, one.paths.log)
    for each in (one, other):  # given up for everybody from the announcement on
        assert each.reader.minimum == 512
        with pytest.raises(Pruned):
            each.reader.entry(3)
    assert pruning.empty_on_server(server_at(database.owner, LOG_SCHEMA)) == 512
    assert pruning.empty_on_server(server_at(database.owner, LOG_SCHEMA)) == 0
    assert pruning.carry_out(one.ledger, one.vault, one.paths.log) == (1, 0)
    size = one.reader.size
    proof = one.reader.inclusion_proof(3, size)
    verify_inclusion(before.leaf_hash, 3, size, proof, one.reader.frontier(size).root())
    assert one.reader.receipt(3) == before
    assert one.vault.value(0, "args.note") is None
    with psycopg.connect(database.owner) as db:
        sql = f"SELECT count(*), min(idx) FROM {LOG_SCHEMA}.log_entries WHERE position(%s in entry) > 0"
        assert db.execute(sql, (MARK.encode(),)).fetchone() == (89, 512)  # type: ignore[arg-type]
        empty = f"UPDATE {LOG_SCHEMA}.log_entries SET entry = '' WHERE idx = 512"
        with pytest.raises(psycopg.Error):
            db.execute(empty)  # type: ignore[arg-type]
    fill(one, 10, 601)
    one.close()
    again = opened(limits=MANY)
    assert again.ledger.state.kinds["decision"] == 611  # type: ignore[attr-defined]
