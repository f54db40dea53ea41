"""From a file to a server: the same log, whatever happens on the way."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from audit.tree import leaf_hash
from governance.store import moving
from governance.store.errors import CannotOpen, Damaged, NotOwner
from governance.store.fsck import fsck
from governance.store.moving import move
from governance.store.workspace import Workspace
from tests.postgres.fixtures import database, server
from tests.postgres.server import Cluster, TestDatabase
from tests.store import world

__all__ = ["database", "server"]

AT = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A workspace in files with something of everything, closed."""
    root = tmp_path / "w"
    world.make(root)
    (root / "config.toml").write_text('[server]\nport = 9999\n\n[log]\norigin = ""\n')
    with world.open_(root) as workspace:
        subject = workspace.vault.pseudonym("payee", "IBAN 1")
        gone = workspace.vault.pseudonym("payee", "IBAN 2")
        for number in range(20):
            who = subject if number % 2 else gone
            command = world.Decide(
                str(number),
                (world.euro("1.50"), ("seen", who, "1", "")),
                values=(("args.note", f"value {number}".encode(), who),),
            )
            workspace.ledger.submit(command).result(10)
        workspace.ledger.submit(world.outcome(3, "failed", released=True)).result(10)
        workspace.vault.put_person("p-abcdefghij", "Mia Lind", "mia@corp.example")
        workspace.vault.erase(gone)
        workspace.ledger.submit(world.Write((("data.erased", {"subject": gone}),))).result(10)
        workspace.vault.recorded(gone, 21)
        workspace.blobs.put(b"a policy file")
        workspace.blobs.put_manifest("ab" * 32, b'{"files": {}}')
        assert workspace.views.wait_for(workspace.ledger.size)
    return root


def facts(workspace: Workspace) -> dict[str, Any]:
    """Everything about a log that must be the same afterwards."""
    size = workspace.ledger.size
    return {
        "origin": workspace.origin,
        "entries": list(workspace.reader.entries(0, size)),
        "checkpoints": workspace.reader.checkpoints(-1, size),
        "root": workspace.ledger.position.root,
        "state": workspace.ledger.state,
        "keys": workspace.vkeys,
        "paid": world.total(workspace, "pay/LIM-1", "payments-1", None, "EUR"),
        "decisions": [workspace.reader.decision(index) for index in range(size)],
        "values": [workspace.vault.values(index) for index in range(size)],
        "subjects": [workspace.vault.find("payee", f"IBAN {n}") for n in (1, 2, 3)],
        "person": workspace.vault.person("p-abcdefghij"),
        "erased": workspace.vault.unrecorded(),
        "blobs": dict(workspace.blobs.everything()),
    }


def test_a_moved_log_is_the_same_log(filled: Path, database: TestDatabase) -> None:
    """Receipts, proofs and limits of the old place would be worth nothing in the new one."""
    with world.open_(filled) as before:
        known = facts(before)
        found = fsck(before.paths, before.vkeys).findings  # this small world's commitments are none
    done = move(filled, database.app, world.FOLD, AT)
    assert done.size == len(known["entries"])
    with world.open_(filled) as after:
        assert after.kind == "postgresql"
        assert facts(after) == known
        assert fsck(after.paths, after.vkeys).findings == found
        answer = after.ledger.submit(world.Decide("on the server")).result(10)
        assert answer.receipts[0].index == done.size
        new = after.vault.pseudonym("payee", "IBAN 3")
        assert after.vault.erase(new) == 0, "the numbers of erasures did not go on"


def test_the_files_cannot_be_served_by_mistake(filled: Path, database: TestDatabase) -> None:
    """Two logs of one name would grow apart."""
    done = move(filled, database.app, world.FOLD, AT)
    assert not (filled / "log.db").exists()
    assert not (filled / "vault.db").exists()
    assert (done.archive / "log.db").exists()
    assert (done.archive / "blobs").is_dir()
    text = (filled / "config.toml").read_text()
    assert text.startswith("[server]\nport = 9999\n"), "what people wrote there is gone"
    world.open_(filled).close()
    shutil.copy(done.archive / "log.db", filled / "log.db")
    with pytest.raises(CannotOpen, match="names the one in"):
        world.open_(filled)


def test_a_second_move_says_that_the_log_was_moved_and_where(
    filled: Path, database: TestDatabase
) -> None:
    """Whoever repeats a move would think that the log is lost."""
    done = move(filled, database.app, world.FOLD, AT)
    with pytest.raises(CannotOpen) as refused:
        move(filled, database.app, world.FOLD, AT)
    said = str(refused.value)
    assert f"was moved to `{done.database}` already; its files are in `{done.archive}`" in said
    shutil.rmtree(done.archive)
    with pytest.raises(CannotOpen, match=r"is on `.*` already"):
        move(filled, database.app, world.FOLD, AT)


def test_a_database_with_a_log_is_not_overwritten(
    filled: Path, database: TestDatabase, tmp_path: Path
) -> None:
    """One company's log would disappear under another's."""
    other = Workspace.create(tmp_path / "other", "other.example/log", database=database.app)
    assert other.founded
    with pytest.raises(CannotOpen, match=r"holds the log `other\.example/log` already"):
        move(filled, database.app, world.FOLD, AT)
    world.open_(filled).close()


def test_a_workspace_that_is_served_is_not_moved(filled: Path, database: TestDatabase) -> None:
    """What is recorded meanwhile would stay behind."""
    with world.open_(filled), pytest.raises(NotOwner):
        move(filled, database.app, world.FOLD, AT)


def test_an_altered_log_is_not_moved(filled: Path, database: TestDatabase) -> None:
    """An alteration would be carried to the new place and forgotten in the old one."""
    import sqlite3

    with closing(sqlite3.connect(filled / "log.db")) as db:
        db.execute("DROP TRIGGER log_entries_no_update")
        db.execute("UPDATE log_entries SET entry = x'7b7d' WHERE idx = 4")
        db.commit()
    with pytest.raises(CannotOpen):
        move(filled, database.app, world.FOLD, AT)


STEPS = ("_entries", "_prove", "_mark", "_carry", "_configure")
BEFORE = {("_entries", False), ("_entries", True), ("_prove", False), ("_prove", True)}
BEFORE |= {("_mark", False), ("_carry", False)}
"""Until here nothing has happened; the workspace is where it was."""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_a_move_that_is_interrupted_is_finished_by_the_next(
    filled: Path,
    database: TestDatabase,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    after: bool,
) -> None:
    """A crash on the way would leave two logs, or none."""
    with world.open_(filled) as before:
        known = facts(before)
    real: Callable[..., Any] = getattr(moving, step)

    def crash(*arguments: Any) -> Any:
        if after:
            real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(moving, step, crash)
    with pytest.raises(KeyboardInterrupt):
        move(filled, database.app, world.FOLD, AT)
    monkeypatch.setattr(moving, step, real)
    if (step, after) in BEFORE:
        with world.open_(filled) as still_here:
            assert facts(still_here) == known
    else:
        with pytest.raises(CannotOpen, match="run `governance move` again"):
            world.open_(filled)
    move(filled, database.app, world.FOLD, AT)
    with world.open_(filled) as moved:
        assert facts(moved) == known


@pytest.mark.parametrize("files", range(8))
def test_a_move_that_is_killed_while_it_puts_files_aside_is_finished_by_the_next(
    filled: Path, database: TestDatabase, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    """A log whose file was aside already would be called lost, or an empty one made in its place."""
    with world.open_(filled) as before:
        known = facts(before)
    real, left = shutil.move, files

    def killed(*arguments: Any) -> Any:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        return real(*arguments)

    monkeypatch.setattr("governance.store.moving.shutil.move", killed)
    with suppress(KeyboardInterrupt):  # of few files, the last
        move(filled, database.app, world.FOLD, AT)
    monkeypatch.undo()
    if left == 0 and (filled / "moving.json").exists():
        with pytest.raises(CannotOpen, match="run `governance move` again"):
            world.open_(filled)
        done = move(filled, database.app, world.FOLD, AT + timedelta(hours=1))
        assert {each.name for each in done.archive.iterdir()} >= {"blobs", "log.db", "vault.db"}
        assert (done.size, len(list(done.archive.parent.iterdir()))) == (len(known["entries"]), 1)
    assert not any((filled / name).exists() for name in ("log.db", "vault.db", "moving.json"))
    with world.open_(filled) as moved:
        assert facts(moved) == known


def test_a_move_that_was_begun_goes_nowhere_else(
    filled: Path, database: TestDatabase, server: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log would be on two servers, each of them ready to go on with it."""

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(moving, "_leave", crash)
    with pytest.raises(KeyboardInterrupt):
        move(filled, database.app, world.FOLD, AT)
    monkeypatch.undo()
    other = server.database()
    try:
        with pytest.raises(CannotOpen, match="give that address again"):
            move(filled, other.app, world.FOLD, AT)
    finally:
        server.drop(other)
    move(filled, database.app, world.FOLD, AT)


def test_what_does_not_arrive_whole_does_not_count(
    filled: Path, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fact that is lost on the way would be a limit that begins at zero."""
    real = moving.copy_tables

    def lossy(*arguments: Any, **options: Any) -> int:
        done = real(*arguments, **options)
        if options:  # the log's own tables
            arguments[1].execute("DELETE FROM totals WHERE n = 2")
        return done

    monkeypatch.setattr(moving, "copy_tables", lossy)
    with pytest.raises(Damaged, match="not every row of `totals`"):
        move(filled, database.app, world.FOLD, AT)
    monkeypatch.undo()
    move(filled, database.app, world.FOLD, AT)


def test_entries_that_arrive_as_others_are_not_moved(
    filled: Path, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many rows as there were, each with its hash, could be another log under the same head."""
    real = moving.insert_rows

    def other(db: Any, table: str, columns: Any, rows: Any) -> None:
        changed = [(index, data.replace(b'"7"', b'"8"')) for index, data, _ in rows]
        real(db, table, columns, [(index, data, leaf_hash(data)) for index, data in changed])

    monkeypatch.setattr(moving, "insert_rows", other)
    with pytest.raises(Damaged, match="not what the head signs"):
        move(filled, database.app, world.FOLD, AT)
    monkeypatch.undo()
    move(filled, database.app, world.FOLD, AT)


def test_settings_keep_what_people_wrote(tmp_path: Path) -> None:
    """A comment, or a setting of somebody else, would be lost with the move."""
    config = tmp_path / "config.toml"
    for before, expected in (
        ("", '\n[store]\ndatabase = "postgresql://x"\n'),
        ("[log]\norigin = 'a'", "[log]\norigin = 'a'\n\n[store]\ndatabase = \"postgresql://x\"\n"),
        (
            '# mine\n[store]\ndatabase = ""\n\n[log]\nhead = "h"\n',
            '# mine\n[store]\ndatabase = "postgresql://x"\n\n[log]\nhead = "h"\n',
        ),
    ):
        config.write_text(before)
        moving._configure(config, "postgresql://x")
        assert config.read_text() == expected


def test_backups_of_a_server_are_files_that_restore(
    filled: Path, database: TestDatabase, server: Cluster, tmp_path: Path
) -> None:
    """A backup nobody can go back to is none."""
    from governance.store.backup import back_up, back_up_vault, read_backup
    from governance.store.restore import restore

    move(filled, database.app, world.FOLD, AT)
    with world.open_(filled) as moved:
        made = back_up(moved.paths, AT, moved.ledger)
        values = back_up_vault(moved.paths, AT)
        known = facts(moved)
    assert read_backup(made.folder).size == made.size
    with pytest.raises(CannotOpen, match="restore into a new folder"):
        restore(filled, made.folder, world.FOLD, AT, acknowledge=True)
    fresh = tmp_path / "fresh"
    (fresh / "keys").mkdir(parents=True)
    shutil.copy(filled / "keys" / "vault.key", fresh / "keys" / "vault.key")
    restore(fresh, made.folder, world.FOLD, AT, acknowledge=True, vault=values)
    with world.open_(fresh) as restored:
        assert restored.ledger.state.stopped
        assert restored.vault.find("payee", "IBAN 1") == known["subjects"][0]
        assert dict(restored.blobs.everything()) == known["blobs"]
    second = server.database()
    try:
        assert move(fresh, second.app, world.FOLD, AT).size > 0
        with world.open_(fresh) as again:
            assert again.ledger.state.stopped
    finally:
        server.drop(second)
    assert json.loads((made.folder / "backup.json").read_text())["size"] == made.size
