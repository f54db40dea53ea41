"""What follows from the entries is made again; nothing else is, and no entry is touched."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.entry import decode
from audit.note import Ed25519Signer
from governance.store.errors import CannotOpen, NotOwner, StoreError
from governance.store.findings import Report
from governance.store.fsck import fsck
from governance.store.paths import Paths
from governance.store.repair import Repaired, repair
from governance.store.sqlite import SqliteFile
from governance.store.workspace import Workspace
from tests.store import crashes, world
from tests.store.faults import Faulty
from tests.store.test_fsck import filled

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def vkeys(root: Path) -> tuple[str, ...]:
    """The keys of a workspace that holds a little of everything, and is closed."""
    with filled(root) as workspace:
        workspace.views.wait_for(workspace.ledger.size)
        return workspace.vkeys


def alter(path: Path, *changes: str) -> None:
    """Change a database as somebody with the file can: first the triggers go."""
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in found:
            db.execute(f"DROP TRIGGER {name}")
        for change in changes:
            db.execute(change)
        for _, sql in found:
            db.execute(sql)
        db.commit()


def entries(root: Path) -> list[tuple[int, bytes]]:
    """Index and bytes of every entry, as stored."""
    with closing(sqlite3.connect(root / "log.db")) as db:
        return db.execute("SELECT idx, entry FROM log_entries ORDER BY idx").fetchall()


def made_again(root: Path, vkeys: tuple[str, ...]) -> Repaired:
    """Repair, then open once as the command does."""
    done = repair(Paths(root), AT, vkeys)
    with world.open_(root) as workspace:
        workspace.views.wait_for(workspace.ledger.size)
    return done


def look(root: Path, vkeys: tuple[str, ...]) -> Report:
    """What `fsck` says."""
    return fsck(Paths(root), vkeys)


DERIVABLE = {
    "leaf": ("leaves", 1, ["UPDATE log_entries SET leaf = zeroblob(32) WHERE idx = 4"]),
    "short leaf": ("leaves", 1, ["UPDATE log_entries SET leaf = x'00' WHERE idx = 4"]),
    "node": (
        "nodes",
        1,
        ["UPDATE tree_nodes SET hash = zeroblob(32) WHERE level = 2 AND idx = 1"],
    ),
    "nodes gone": ("nodes", 11, ["DELETE FROM tree_nodes WHERE level = 1"]),
    "stranger": ("nodes", 2, ["INSERT INTO tree_nodes VALUES (1, 99, x'00'), (7, 0, x'00')"]),
    "forged head": (
        "checkpoints",
        1,
        [
            "UPDATE checkpoints SET note = substr(note, 1, length(note) - 5) || 'AAA=' "
            "|| substr(note, length(note)) WHERE size = 9"
        ],
    ),
    "newest head gone": (
        "checkpoints",
        1,
        ["DELETE FROM checkpoints WHERE size = (SELECT MAX(size) FROM checkpoints)"],
    ),
    "totals": ("totals", 1, ["UPDATE totals SET sum = '0' WHERE series = 'pay/LIM-1' AND n = 5"]),
    "other unit": (
        "totals",
        1,
        ["UPDATE totals SET other_at = 5 WHERE series = 'pay/LIM-1' AND n = 5"],
    ),
    "totals gone": ("totals", 4, ["DELETE FROM totals"]),
    "totals too many": (
        "totals",
        1,
        ["INSERT INTO totals VALUES ('seen', 'nobody', 5, 1, '', '1', NULL)"],
    ),
    "given back": ("totals", 2, ["UPDATE given_back SET sum = '999' WHERE node > 0"]),
    "decision": ("decisions", 1, ["UPDATE decisions SET redeemed = NULL"]),
    "charges": (
        "decisions",
        1,
        ["UPDATE decisions SET charges = replace(charges, '10', '1000') WHERE idx = 7"],
    ),
    "charges that are none": (
        "decisions",
        3,
        [
            "UPDATE decisions SET charges = 'x' WHERE idx = 7",
            "UPDATE decisions SET charges = '5' WHERE idx = 8",
            "UPDATE decisions SET charges = '[[1]]' WHERE idx = 9",
        ],
    ),
    "decisions gone": ("decisions", 20, ["DELETE FROM decisions"]),
    "decision too many": (
        "decisions",
        1,
        [
            "INSERT INTO decisions (idx, digest, agent, effect, at, attested, released, charges) "
            "VALUES (900, '', '', '', 0, 0, 0, '[]')"
        ],
    ),
    "snapshot": ("snapshots", 1, ["INSERT INTO snapshots VALUES (5, 3, 'aa', '1', x'00')"]),
}


@pytest.mark.parametrize("name", sorted(DERIVABLE))
def test_what_follows_from_entries_is_made_again(
    root: Path, vkeys: tuple[str, ...], name: str
) -> None:
    """A damaged hash or sum would mean going back to a backup though nothing recorded is lost."""
    part, count, changes = DERIVABLE[name]
    with closing(sqlite3.connect(root / "log.db")) as db:
        sound = {
            table: db.execute(f"SELECT * FROM {table}").fetchall()
            for table in ("tree_nodes", "log_entries", "totals", "given_back", "decisions")
        }
    alter(root / "log.db", *changes)
    found = look(root, vkeys)
    assert found.findings
    assert found.vouched
    assert all(finding.derivable and finding.meaning for finding in found.findings)
    before = entries(root)
    done = made_again(root, vkeys)
    assert done.counts[part] == count
    assert sum(done.counts.values()) == count
    assert look(root, vkeys).findings == ()
    assert entries(root)[:-1] == before
    with closing(sqlite3.connect(root / "log.db")) as db:
        for table, rows in sound.items():
            now = set(db.execute(f"SELECT * FROM {table}").fetchall())
            assert now >= set(rows), table
            assert len(now) == len(rows) or table in {"tree_nodes", "log_entries"}, table
    last = decode(before and entries(root)[-1][1])
    assert last.kind == "service.repaired"
    assert last.data["counts"] == done.counts
    assert done.kept is not None
    assert (done.kept / "log.db").exists()


def test_read_models_are_made_again(root: Path, vkeys: tuple[str, ...]) -> None:
    """A list altered by hand would go on hiding a decision."""
    alter(root / "views.db", "DELETE FROM decision_list WHERE idx = 7")
    assert [f.derivable for f in look(root, vkeys).findings] == [True]
    assert made_again(root, vkeys).counts["views"] == 1
    assert look(root, vkeys).findings == ()


def test_a_trigger_that_was_dropped_is_set_again(root: Path, vkeys: tuple[str, ...]) -> None:
    """Whoever prepared an alteration by dropping a guard would find it open for ever."""
    with closing(sqlite3.connect(root / "log.db")) as db:
        db.execute("DROP TRIGGER log_entries_no_update")
    assert [f.where for f in look(root, vkeys).findings] == ["the trigger `log_entries_no_update`"]
    assert made_again(root, vkeys).counts["guards"] == 1
    assert look(root, vkeys).findings == ()
    with closing(sqlite3.connect(root / "log.db")) as db, pytest.raises(sqlite3.DatabaseError):
        db.execute("UPDATE log_entries SET entry = x'7b7d' WHERE idx = 4")


LASTING = {
    "entry 4": ["UPDATE log_entries SET entry = x'7b7d' WHERE idx = 4"],
    "entry 5": ["UPDATE log_entries SET entry = x'7b7d', leaf = zeroblob(32) WHERE idx = 5"],
    "entry 7": ["DELETE FROM log_entries WHERE idx = 7"],
    "entries 20 to 21": ["DELETE FROM log_entries WHERE idx >= 20"],
    "entry 22": ["INSERT INTO log_entries SELECT 22, entry, leaf FROM log_entries LIMIT 1"],
    "checkpoints": ["UPDATE checkpoints SET note = 'x'", "DELETE FROM checkpoints WHERE size = 0"],
}


@pytest.mark.parametrize("where", sorted(LASTING))
def test_what_was_recorded_and_is_gone_is_named_and_left_alone(
    root: Path, vkeys: tuple[str, ...], where: str
) -> None:
    """A repair that made an altered entry fit would be the attack itself."""
    alter(root / "log.db", *LASTING[where])
    if where == "checkpoints":
        Paths(root).head.write_bytes(b"")
    found = look(root, vkeys)
    assert not found.vouched
    assert where in {finding.where for finding in found.findings}, found.findings
    lasting = next(finding for finding in found.findings if finding.where == where)
    assert not lasting.derivable
    assert "backup" in lasting.cure
    before = (root / "log.db").read_bytes()
    with pytest.raises(CannotOpen, match="nothing can be made again"):
        repair(Paths(root), AT, vkeys)
    assert (root / "log.db").read_bytes() == before


def test_an_altered_leaf_and_an_altered_entry_are_told_apart(
    root: Path, vkeys: tuple[str, ...]
) -> None:
    """Suspicion would fall on an entry that is exactly what was signed, or not on one that is not."""
    alter(root / "log.db", "UPDATE log_entries SET leaf = zeroblob(32) WHERE idx = 4")
    (leaf,) = look(root, vkeys).findings
    assert (leaf.where, leaf.part.value) == ("entry 4", "leaves")
    alter(
        root / "log.db",
        "UPDATE log_entries SET leaf = (SELECT leaf FROM log_entries WHERE idx = 5) WHERE idx = 4",
        "UPDATE log_entries SET entry = x'7b7d' WHERE idx = 6",
    )
    found = [(f.where, f.what, f.derivable) for f in look(root, vkeys).findings]
    for where in ("entry 4", "entry 6"):
        assert any(w == where and "cannot be told" in what for w, what, _ in found)
    assert ("entry 6", "the root they give is not the one that was signed", False) in found
    assert not any(derivable for _, _, derivable in found)


def test_a_second_history_that_was_signed_is_named_and_kept(
    root: Path, vkeys: tuple[str, ...]
) -> None:
    """The proof that the log's key signed two histories would be cleaned away."""
    signer = Ed25519Signer.from_skey(Paths(root).log_key.read_text().strip())
    note = sign_checkpoint(Checkpoint(signer.name, 9, bytes(32)), signer)
    alter(root / "log.db", f"UPDATE checkpoints SET note = '{note}' WHERE size = 9")
    (fork,) = look(root, vkeys).findings
    assert "two histories" in fork.what
    assert not fork.derivable
    repair(Paths(root), AT, vkeys)
    with closing(sqlite3.connect(root / "log.db")) as db:
        row = db.execute("SELECT note FROM checkpoints WHERE size = 9").fetchone()
    assert row == (note,)


def test_a_head_that_is_ahead_means_entries_are_missing(
    root: Path, vkeys: tuple[str, ...], tmp_path: Path
) -> None:
    """A rollback to an older database would pass, because the old database is sound in itself."""
    (tmp_path / "old.db").write_bytes((root / "log.db").read_bytes())
    with filled_again(root):
        pass
    (root / "log.db").write_bytes((tmp_path / "old.db").read_bytes())
    found = look(root, vkeys)
    assert any("a head signs 23 entries" in finding.what for finding in found.findings)
    with pytest.raises(CannotOpen):
        repair(Paths(root), AT, vkeys)


def filled_again(root: Path) -> Workspace:
    """The workspace with one entry more."""
    workspace = world.open_(root)
    workspace.ledger.submit(world.Decide("one more")).result(10)
    return workspace


def test_a_repair_is_refused_beside_an_owner(root: Path, vkeys: tuple[str, ...]) -> None:
    """Two processes would write one log, or nobody would know which to stop and what to do then."""
    said = f"process {os.getpid()} serves .* Stop it, run this again, start it; without `--repair`"
    with world.open_(root):
        assert look(root, vkeys).findings == (), "a check may run beside it"
        with pytest.raises(NotOwner, match=said):
            repair(Paths(root), AT, vkeys)
    assert repair(Paths(root), AT, vkeys).counts == {}


def test_nothing_to_repair_changes_nothing(root: Path, vkeys: tuple[str, ...]) -> None:
    """Every check with `--repair` would grow the log and the archive."""
    before = entries(root)
    done = repair(Paths(root), AT, vkeys)
    assert (done.counts, done.kept, done.found.findings) == ({}, None, ())
    with world.open_(root):
        pass
    assert entries(root) == before
    assert not Paths(root).archive.exists()


def test_a_repair_is_recorded_even_if_the_process_died_after_it(
    root: Path, vkeys: tuple[str, ...]
) -> None:
    """A repair that nobody records looks like an alteration to whoever kept the old bytes."""
    alter(root / "log.db", "DELETE FROM tree_nodes")
    repair(Paths(root), AT, vkeys)  # and here the process dies: nobody opens the workspace
    for _ in range(2):
        with world.open_(root) as workspace:
            kinds = [decode(data).kind for data in workspace.reader.entries(22, 23)]
    assert kinds == ["service.repaired"]
    assert len(entries(root)) == 23


def test_a_repaired_log_goes_on(root: Path, vkeys: tuple[str, ...]) -> None:
    """A repair could leave sums that the next decision cannot go on from."""
    alter(root / "log.db", "DELETE FROM totals", "DELETE FROM decisions", "DELETE FROM given_back")
    made_again(root, vkeys)
    with world.open_(root) as workspace:
        assert world.total(workspace, "pay/LIM-1", "payments-1", None, "EUR") == (190, 19, False)
        workspace.ledger.submit(world.Decide("more", (world.euro("5"),))).result(10)
        assert world.total(workspace, "pay/LIM-1", "payments-1", None, "EUR") == (195, 20, False)
        workspace.ledger.submit(world.outcome(4, "failed", released=True)).result(10)
        assert world.total(workspace, "pay/LIM-1", "payments-1", None, "EUR") == (185, 19, False)
    assert look(root, vkeys).findings == ()


def test_many_findings_of_one_kind_do_not_hide_another(
    root: Path, vkeys: tuple[str, ...], tmp_path: Path
) -> None:
    """A vault that is lost would keep a repair from seeing the hash that it could put right."""
    with world.open_(root) as workspace:
        subject = workspace.vault.pseudonym("payee", "DE00")
        for number in range(130):
            values = (("args.note", b'"x"', subject),)
            workspace.ledger.submit(world.Decide(f"v{number}", values=values)).result(10)
        workspace.views.wait_for(workspace.ledger.size)
    alter(root / "vault.db", "DELETE FROM vault_values")
    alter(root / "log.db", "UPDATE totals SET sum = '0' WHERE series = 'pay/LIM-1' AND n = 5")
    found = look(root, vkeys)
    assert (found.derivable, found.lasting) == (1, 130)
    assert len(found.findings) == 101
    assert repair(Paths(root), AT, vkeys).counts["totals"] == 1


@pytest.mark.parametrize("mode", ["error", "persisted"])
def test_a_repair_that_fails_at_any_write_changes_nothing_or_all(
    root: Path, vkeys: tuple[str, ...], mode: str, in_memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut during a repair would leave a log that is half one thing and half the other."""
    alter(root / "log.db", *(change for _, _, changes in DERIVABLE.values() for change in changes))
    writer = SqliteFile.writer
    before, at, failed = entries(root), 0, 0
    while True:
        at += 1 if at < 24 else 5
        copy = in_memory / f"{mode}-{at}"
        shutil.copytree(root, copy)
        faulty = Faulty(at, mode)
        faulty.armed = True
        with monkeypatch.context() as patch:
            wrap = faulty.seams().log
            patch.setattr(
                SqliteFile, "writer", lambda self, wrap=wrap, **o: wrap(writer(self, **o))
            )
            try:
                repair(Paths(copy), AT, vkeys)
            except StoreError:
                failed += 1
            else:
                break
        assert entries(copy) == before
        if look(copy, vkeys).findings:
            repair(Paths(copy), AT.replace(hour=13), vkeys)
        assert look(copy, vkeys).findings == ()
        with world.open_(copy) as workspace:
            assert workspace.reader.entry(22).kind == "service.repaired"
        crashes.count(f"repair, write {'failed' if mode == 'error' else 'failed but persisted'}")
        shutil.rmtree(copy)
    assert failed > 30
