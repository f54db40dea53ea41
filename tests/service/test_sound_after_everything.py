"""A service that did everything a service does passes its own check, and a repair does not unmake it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

from service_world import DE, World
from test_log_keys import added, anything

from governance.oversight import log_keys as rules
from governance.service import erasing, log_keys, outcomes
from governance.store.findings import Report
from governance.store.fsck import fsck
from governance.store.keyring import public_keys
from governance.store.paths import Paths
from governance.store.repair import repair

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def look(world: World) -> Report:
    """What `fsck` says about the workspace, with the keys that lie in it."""
    paths = Paths(world.root)
    return fsck(paths, [verifier.vkey for verifier in public_keys(paths)])


def rotated(world: World) -> None:
    """A key took over from another, which was then retired."""
    (old,) = world.desk.workspace.vkeys
    added(world)
    anything(world)
    wish = log_keys.retire(world.desk, world.tom, rules.key_id(old), why="replaced")
    log_keys.confirm(world.desk, world.maria, wish["entry"])
    anything(world)


def test_payments_rotation_and_an_erasure_leave_nothing_to_find(world: World) -> None:
    """The operator's own check would accuse a service that did what it should."""
    for number in range(4):
        paid = world.pay(amount=f"{number + 1} EUR")
        index = int(paid["context"]["evaluation_id"])
        outcomes.redeem(world.desk, world.agent_key, index)
        item = {"decision": str(index), "status": "executed"}
        outcomes.report(world.desk, world.agent_key, item)
    rotated(world)
    world.pay(amount="900 EUR")
    erasing.erase(
        world.desk, world.tom, subject_type="payee", value=DE, ground="gdpr-17-1-b", note="asked"
    )
    world.pay(amount="5 EUR")
    assert world.workspace.views.wait_for(world.workspace.ledger.size)
    report = look(world)
    assert report.findings == ()
    assert report.vouched


def test_a_repair_after_a_rotation_keeps_what_the_old_key_signed(world: World) -> None:
    """Heads signed by a key that was retired would be taken for forgeries and thrown away."""
    rotated(world)
    world.close()
    with closing(sqlite3.connect(world.root / "log.db")) as db:
        before = db.execute("SELECT size, note FROM checkpoints ORDER BY size").fetchall()
        db.execute("DROP TRIGGER tree_nodes_no_delete")
        db.execute("DELETE FROM tree_nodes WHERE level = 1 AND idx = 0")
        db.commit()
    paths = Paths(world.root)
    done = repair(paths, AT, [verifier.vkey for verifier in public_keys(paths)])
    assert (done.counts["nodes"], done.counts["checkpoints"]) == (1, 0)
    with closing(sqlite3.connect(world.root / "log.db")) as db:
        after = db.execute("SELECT size, note FROM checkpoints ORDER BY size").fetchall()
    assert after == before
    world.open()
    assert look(world).findings == ()


def test_what_a_real_policy_charged_is_checked_and_made_again(world: World) -> None:
    """A budget of a real policy could be edited, and the check would call it out of reach."""
    for number in range(5):
        world.pay(amount=f"{number + 1} EUR")
    assert world.workspace.views.wait_for(world.workspace.ledger.size)
    assert look(world).unchecked == ()
    world.close()
    with closing(sqlite3.connect(world.root / "log.db")) as db:
        (totals, decisions) = (
            db.execute(f"SELECT * FROM {t}").fetchall() for t in ("totals", "decisions")
        )
        assert totals
        db.execute("UPDATE totals SET sum = '0'")
        db.execute("UPDATE decisions SET charges = 'no charges'")
        db.commit()
    paths = Paths(world.root)
    found = look(world)
    assert found.derivable == len(found.findings) > 5
    assert found.lasting == 0
    repair(paths, AT, [verifier.vkey for verifier in public_keys(paths)])
    with closing(sqlite3.connect(world.root / "log.db")) as db:
        assert sorted(db.execute("SELECT * FROM totals").fetchall(), key=str) == sorted(
            totals, key=str
        )
        assert db.execute("SELECT * FROM decisions").fetchall() == decisions
    world.open()
    assert look(world).findings == ()
