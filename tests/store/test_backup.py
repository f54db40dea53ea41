"""Backups, and going on after the log was lost."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from governance.engine.model import FactQuery
from governance.oversight.errors import Refused
from governance.oversight.times import micros
from governance.store.backup import (
    back_up,
    back_up_vault,
    backups,
    expire_vault_backups,
    read_backup,
)
from governance.store.errors import CannotOpen
from governance.store.fsck import fsck
from governance.store.restore import newest, restore
from governance.store.workspace import Workspace
from tests.store import world
from tests.store.world import Decide, Write

AT = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def _decide(workspace: Workspace, count: int, text: str = "") -> None:
    for n in range(count):
        subject = workspace.vault.pseudonym("payee", "DE00")
        command = Decide(
            f"{text}{n}", (world.euro("10"),), values=(("args.note", b'"a note"', subject),)
        )
        workspace.ledger.submit(command).result(10)


def _lost(root: Path) -> Path:
    """A workspace with a backup at 10 entries, that then went on and lost its database."""
    (root / "blobs").mkdir(exist_ok=True)
    (root / "blobs" / "ab").write_bytes(b"a policy file")
    with world.open_(root) as workspace:
        _decide(workspace, 10)
        backup = back_up(workspace.paths, AT, workspace.ledger)
        _decide(workspace, 5, "after ")
    (root / "log.db").write_bytes(b"rubbish")
    return backup.folder


def test_a_backup_holds_the_log_as_it_was_and_is_recorded(root: Path) -> None:
    """The day it is needed, the backup would turn out to be torn or altered."""
    with world.open_(root) as workspace:
        _decide(workspace, 10)
        backup = back_up(workspace.paths, AT, workspace.ledger)
        entry = workspace.reader.entry(10)
    assert read_backup(backup.folder) == backup
    assert backup.size == 10
    assert entry.kind == "service.backup"
    assert entry.data == {"size": 10, "digest": backup.digest}
    with (backup.folder / "log.db").open("r+b") as file:
        file.seek(5000)
        file.write(b"x")
    with pytest.raises(CannotOpen, match="altered"):
        read_backup(backup.folder)


def test_backups_of_values_lie_apart_and_expire(root: Path) -> None:
    """An erased person would live on in a backup for ever."""
    with world.open_(root) as workspace:
        _decide(workspace, 1)
        back_up(workspace.paths, AT)
        kept = back_up_vault(workspace.paths, AT, timedelta(days=30))
        paths = workspace.paths
    assert b'"a note"' not in kept.read_bytes()
    (folder,) = backups(paths)
    assert not any("vault" in path.name or "key" in path.name for path in folder.rglob("*"))
    assert expire_vault_backups(paths, AT + timedelta(days=29)) == []
    assert expire_vault_backups(paths, AT + timedelta(days=31)) == [kept]
    assert not kept.exists()


def test_a_restore_must_be_acknowledged(root: Path) -> None:
    """Somebody would lose entries by a command typed in haste."""
    folder = _lost(root)
    before = sorted(path.name for path in root.iterdir())
    with pytest.raises(CannotOpen, match=r"opens a new log.*--acknowledge"):
        restore(root, folder, world.FOLD, AT, acknowledge=False)
    assert sorted(path.name for path in root.iterdir()) == before


def test_a_restored_log_is_a_new_one_that_names_the_old(root: Path) -> None:
    """A restore would pass for the log that was lost, and hide the entries after the backup."""
    folder = _lost(root)
    shutil.rmtree(root / "blobs")
    old_key = (root / "keys" / "log.key").read_text()
    done = restore(root, folder, world.FOLD, AT, acknowledge=True)
    assert (done.old_origin, done.known, done.restored) == (world.ORIGIN, 16, 10)
    assert done.origin != world.ORIGIN
    assert (root / "keys" / "log.key").read_text() != old_key
    assert (root / "blobs" / "ab").read_bytes() == b"a policy file"
    assert (done.archive / "restored-from.db").exists()
    assert (done.archive / "log.db").read_bytes() == b"rubbish"
    with world.open_(root) as workspace:
        assert workspace.ledger.size == 1
        entry = workspace.reader.entry(0)
        assert entry.kind == "service.restored"
        assert entry.data["origin"] == world.ORIGIN
        assert entry.data["size"] == 16
        assert entry.data["backup"] == read_backup(folder).digest
        assert workspace.origin == done.origin


def test_a_restored_log_is_stopped_and_its_windows_cannot_tell(root: Path) -> None:
    """A restore would be a way to lift a stop, or to get a fresh budget."""
    folder = _lost(root)
    restore(root, folder, world.FOLD, AT, acknowledge=True)
    with world.open_(root) as workspace:
        with pytest.raises(Refused):
            workspace.ledger.submit(Decide()).result(10)
        assert world.total(workspace, "pay/LIM-1", "payments-1", None, "EUR")[2] is True
        workspace.ledger.submit(world.lift()).result(10)
        assert world.total(workspace, "pay/LIM-1", "payments-1", None, "EUR") == (100, 10, False)
        _decide(workspace, 2)
        assert world.total(workspace, "pay/LIM-1", "payments-1", None, "EUR") == (120, 12, False)
    with world.open_(root) as workspace:
        assert workspace.ledger.size == 4


def test_values_of_the_old_log_stay_erasable_and_never_open_under_new_entries(root: Path) -> None:
    """An approver would see another payment's payee; or erasing would miss the old values."""
    folder = _lost(root)
    restore(root, folder, world.FOLD, AT, acknowledge=True)
    with world.open_(root) as workspace:
        assert workspace.vault.value(0, "args.note") is None
        opened = workspace.vault.value(-(1 << 40), "args.note")
        assert opened is not None
        assert opened.value == b'"a note"'
        subject = workspace.vault.find("payee", "DE00")
        assert subject is not None
        assert workspace.vault.erase(subject) == 15


def test_a_restore_works_without_the_old_key_and_with_a_head_from_a_receipt(root: Path) -> None:
    """After losing the whole disk but the backup there would be no way on."""
    with world.open_(root) as workspace:
        _decide(workspace, 10)
        backup = back_up(workspace.paths, AT)
        _decide(workspace, 7)
        head = workspace.reader.checkpoint()
    kept = root.parent / "backup"
    shutil.copytree(backup.folder, kept)
    for path in (root / "log.db", root / "head", root / "keys" / "log.key"):
        path.unlink()
    done = restore(root, kept, world.FOLD, AT, acknowledge=True, known_heads=[head])
    assert (done.known, done.restored) == (17, 10)


def test_a_vault_from_a_backup_forgets_again_what_was_erased(root: Path) -> None:
    """An erased person would come back with the backup."""
    with world.open_(root) as workspace:
        _decide(workspace, 3)
        other = workspace.vault.pseudonym("payee", "NL00")
        workspace.ledger.submit(Decide("x", values=(("f", b"kept", other),))).result(10)
        kept = back_up_vault(workspace.paths, AT)
        subject = workspace.vault.find("payee", "DE00")
        assert subject is not None
        workspace.vault.erase(subject)
        erased = Write((("data.erased", {"subject": subject, "ground": "asked", "values": 3}),))
        workspace.ledger.submit(erased).result(10)
        backup = back_up(workspace.paths, AT)
    (root / "vault.db").write_bytes(b"rubbish" * 1000)
    with pytest.raises(CannotOpen, match="--vault FILE"):
        restore(root, backup.folder, world.FOLD, AT, acknowledge=True)
    later = AT + timedelta(minutes=1)
    done = restore(root, backup.folder, world.FOLD, later, acknowledge=True, vault=kept)
    with world.open_(root) as workspace:
        assert workspace.vault.value(-(1 << 40), "args.note") is None
        opened = workspace.vault.value(3 - (1 << 40), "f")
        assert opened is not None
        assert opened.value == b"kept"
        assert workspace.vault.find("payee", "DE00") == subject
    assert (done.archive / "vault.db").exists()


def test_with_nothing_but_the_backup_a_workspace_can_be_made(root: Path, tmp_path: Path) -> None:
    """After a fire there would be evidence, and no way to go on."""
    folder = _lost(root)
    done = restore(tmp_path / "new", folder, world.FOLD, AT, acknowledge=True)
    assert (done.known, done.restored) == (10, 10)
    with world.open_(tmp_path / "new") as workspace:
        workspace.ledger.submit(world.lift()).result(10)
        _decide(workspace, 1)


def test_a_forged_head_is_not_believed(root: Path, tmp_path: Path) -> None:
    """The new log would begin by vouching for a head nobody signed."""
    folder = _lost(root)
    Workspace.create(tmp_path / "forger", world.ORIGIN)
    with world.open_(tmp_path / "forger") as forger:
        _decide(forger, 30)
        head = forger.reader.checkpoint()
    with pytest.raises(CannotOpen, match="not genuine"):
        restore(root, folder, world.FOLD, AT, acknowledge=True, known_heads=[head])


def test_a_restore_cut_short_can_be_run_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut during a restore would leave a workspace that nothing can open."""
    folder = _lost(root)
    with sqlite3.connect(root / "vault.db") as db:
        values = db.execute("SELECT count(*) FROM vault_values").fetchone()

    def dies(*_arguments: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr("governance.store.restore._move_in", dies)
        with pytest.raises(RuntimeError):
            restore(root, folder, world.FOLD, AT, acknowledge=True)
    with pytest.raises(CannotOpen):
        world.open_(root)
    later = AT + timedelta(minutes=1)
    restore(root, folder, world.FOLD, later, acknowledge=True)
    with world.open_(root) as workspace:
        assert workspace.ledger.size == 1
    with sqlite3.connect(root / "vault.db") as db:
        assert db.execute("SELECT count(*) FROM vault_values").fetchone() == values


def test_a_restored_log_passes_fsck(root: Path) -> None:
    """Every check after a restore would raise a false alarm."""
    folder = _lost(root)
    restore(root, folder, world.FOLD, AT, acknowledge=True)
    with world.open_(root) as workspace:
        workspace.ledger.submit(world.lift()).result(10)
        _decide(workspace, 3)
        assert workspace.views.wait_for(workspace.ledger.size)
        report = fsck(workspace.paths, workspace.vkeys)
    assert report.findings == ()
    assert "restored" in report.unchecked[0]


def test_an_older_vault_is_refused(root: Path) -> None:
    """A limit for each payee would begin at zero, by putting yesterday's values back."""
    with world.open_(root) as workspace:
        _decide(workspace, 2)
        kept = back_up_vault(workspace.paths, AT)
        other = workspace.vault.pseudonym("payee", "NL00")
        workspace.ledger.submit(Decide("x", values=(("args.note", b"kept", other),))).result(10)
    newer = {path.name: path.read_bytes() for path in root.glob("vault.db*")}
    _put(root, kept.read_bytes())
    with pytest.raises(CannotOpen, match=r"older than the log.*--vault FILE"):
        world.open_(root)
    _put(root, None)
    for name, data in newer.items():
        (root / name).write_bytes(data)
    world.open_(root).close()


def test_a_vault_from_before_an_erasure_is_refused(root: Path) -> None:
    """Somebody who was erased would come back with yesterday's values."""
    with world.open_(root) as workspace:
        _decide(workspace, 2)
        kept = back_up_vault(workspace.paths, AT)
        subject = workspace.vault.find("payee", "DE00")
        assert subject is not None
        workspace.vault.erase(subject)
        erased = Write((("data.erased", {"subject": subject, "ground": "asked", "values": 2}),))
        workspace.ledger.submit(erased).result(10)
    world.open_(root).close()
    _put(root, kept.read_bytes())
    with pytest.raises(CannotOpen, match="older than the log"):
        world.open_(root)


def test_a_missing_vault_is_not_made_anew(root: Path) -> None:
    """Deleting one file would forget every name and reset every payee's limit, without a word."""
    with world.open_(root) as workspace:
        _decide(workspace, 1)
    _put(root, None)
    with pytest.raises(CannotOpen, match=r"`vault\.db` is missing"):
        world.open_(root)
    assert not (root / "vault.db").exists()


def test_a_missing_log_names_the_way_on(root: Path) -> None:
    """`init` refuses the folder and `serve` says to run `init`: nobody would get out again."""
    world.open_(root).close()
    (root / "log.db").unlink()
    with pytest.raises(CannotOpen, match=r"`log\.db` is missing.*governance restore --ack"):
        world.open_(root)


def test_without_a_name_least_is_lost(root: Path) -> None:
    """Who lost only the values would be sent back to the log of last week."""
    with world.open_(root) as workspace:
        _decide(workspace, 3)
        back_up(workspace.paths, AT)
        _decide(workspace, 4)
    later = AT + timedelta(minutes=1)
    assert read_backup(newest(workspace.paths, world.FOLD, later)).size == 7
    (root / "log.db").write_bytes(b"rubbish")
    later = AT + timedelta(minutes=2)
    assert read_backup(newest(workspace.paths, world.FOLD, later)).size == 7
    for folder in list(backups(workspace.paths))[:-1]:
        shutil.rmtree(folder)
    assert read_backup(newest(workspace.paths, world.FOLD, later)).size == 3


def _put(root: Path, vault: bytes | None) -> None:
    """Put another `vault.db` in the workspace, or none."""
    for name in ("vault.db", "vault.db-wal", "vault.db-shm"):
        (root / name).unlink(missing_ok=True)
    if vault is not None:
        (root / "vault.db").write_bytes(vault)


def test_without_the_vault_windows_of_people_cannot_be_told(root: Path) -> None:
    """Whoever loses the values and acknowledges it would give every payee a fresh limit."""
    folder = _lost(root)
    _put(root, None)
    restore(root, folder, world.FOLD, AT, acknowledge=True)
    payee, agent = '["s-uh33tujkki4476nvhkxg5xt2le"]', '["payments-1"]'
    before, after = micros(AT) - 1, micros(AT)
    queries = [
        FactQuery("limit", key, since, "EUR")
        for key in (payee, agent)
        for since in (None, before, after)
    ]
    with world.open_(root) as workspace:
        workspace.ledger.submit(world.lift()).result(10)
        totals = workspace.ledger.submit(Decide(queries=tuple(queries))).result(10).value
    assert [totals[query].mixed for query in queries] == [True, True, False] + [False] * 3


def test_with_its_vault_a_restore_can_still_tell(root: Path) -> None:
    """Every restore would stop payments for as long as the longest window."""
    folder = _lost(root)
    restore(root, folder, world.FOLD, AT, acknowledge=True)
    query = FactQuery("limit", '["s-uh33tujkki4476nvhkxg5xt2le"]', None, "EUR")
    with world.open_(root) as workspace:
        workspace.ledger.submit(world.lift()).result(10)
        totals = workspace.ledger.submit(Decide(queries=(query,))).result(10).value
    assert not totals[query].mixed
