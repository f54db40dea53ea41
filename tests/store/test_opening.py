"""What may be opened, and what is refused with a sentence that helps."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from governance.store.errors import CannotOpen, NotOwner
from governance.store.workspace import Workspace
from tests.store import world
from tests.store.world import Decide


def test_a_second_owner_is_refused_and_told_about_postgresql(
    root: Path, workspace: Workspace
) -> None:
    """Two writers would sign two different logs."""
    with pytest.raises(NotOwner, match="PostgreSQL"):
        world.open_(root)
    code = "import sys; from pathlib import Path; from tests.store import world\n"
    code += "world.open_(Path(sys.argv[1]))"
    other = subprocess.run(
        [sys.executable, "-c", code, str(root)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert "PostgreSQL" in other.stderr
    workspace.ledger.submit(Decide()).result(10)


def test_a_lock_is_gone_with_its_process(root: Path) -> None:
    """After a crash the workspace would stay locked for ever."""
    for _ in range(2):
        with world.open_(root) as workspace:
            workspace.ledger.submit(Decide()).result(10)


def test_a_log_goes_on_where_it_ended(root: Path) -> None:
    """A restart would lose the state, or begin another log."""
    for start in range(0, 30, 10):
        with world.open_(root) as workspace:
            assert workspace.ledger.size == start
            for n in range(10):
                workspace.ledger.submit(Decide(str(n))).result(10)
            assert workspace.ledger.state.kinds == {"decision": start + 10}


def test_the_start_is_recorded(root: Path) -> None:
    """Nobody could tell from the log when the service was down, or which version decided."""
    with Workspace.open(root, world.FOLD, version="1.2.3") as workspace:
        entry = workspace.reader.entry(0)
    assert entry.kind == "service.started"
    assert entry.data == {
        "version": "1.2.3",
        "semantics": "1",
        "origin": world.ORIGIN,
        "after_size": 0,
    }


def test_a_database_that_is_ahead_of_the_head_is_accepted_silently(root: Path) -> None:
    """A crash between commit and head file would be taken for tampering."""
    _write(root, 3)
    shutil.copy(root / "head", root / "old-head")
    _write(root, 3)
    shutil.copy(root / "old-head", root / "head")
    with world.open_(root) as workspace:
        assert workspace.ledger.size == 6
    newer = _write(root, 1)
    assert newer == 7


def test_an_older_copy_of_the_database_is_refused(root: Path) -> None:
    """Putting back yesterday's database would silently erase today's decisions."""
    _write(root, 3)
    shutil.copy(root / "log.db", root / "yesterday.db")
    _write(root, 3)
    shutil.copy(root / "yesterday.db", root / "log.db")
    with pytest.raises(CannotOpen, match=r"has 3 entries.*remembers 6.*restore"):
        world.open_(root)


def test_a_fork_is_refused(root: Path, tmp_path: Path) -> None:
    """Whoever has the key could show another history to the next auditor."""
    shutil.copytree(root, tmp_path / "fork")
    _write(root, 3)
    _write(tmp_path / "fork", 5, "other")
    shutil.copy(tmp_path / "fork" / "log.db", root / "log.db")
    with pytest.raises(CannotOpen, match="fork"):
        world.open_(root)


@pytest.mark.parametrize("spoil", ["removed", "emptied", "garbage"])
def test_a_missing_head_is_refused_while_entries_exist(root: Path, spoil: str) -> None:
    """Deleting the head file would make cutting off entries unnoticeable."""
    _write(root, 3)
    head = root / "head"
    if spoil == "removed":
        head.unlink()
    else:
        head.write_bytes(b"" if spoil == "emptied" else b"x" * 8192)
    with pytest.raises(CannotOpen, match=r"head file.*missing or unreadable.*restore"):
        world.open_(root)


def test_a_torn_head_slot_is_no_alarm(root: Path) -> None:
    """A power cut while the head was written would look like tampering."""
    _write(root, 4)
    data = bytearray((root / "head").read_bytes())
    from audit.head import last_slot, slot_offset

    newest = slot_offset(last_slot(bytes(data)).sequence)
    data[newest + 100 : newest + 4096] = bytes(3996)
    (root / "head").write_bytes(data)
    with world.open_(root) as workspace:
        assert workspace.ledger.size == 4


def test_a_head_signed_by_another_key_is_refused(root: Path, tmp_path: Path) -> None:
    """Somebody else's head would vouch for our log."""
    Workspace.create(tmp_path / "other", world.ORIGIN)
    shutil.copy(tmp_path / "other" / "head", root / "head")
    with pytest.raises(CannotOpen, match="not signed by this workspace's log key"):
        world.open_(root)


def test_a_missing_or_open_key_is_refused(root: Path) -> None:
    """Without the key nothing can be signed; a readable key is everybody's key."""
    key = root / "keys" / "log.key"
    key.chmod(0o644)
    with pytest.raises(CannotOpen, match=r"can be read by others.*chmod 600"):
        world.open_(root)
    key.chmod(0o600)
    text = key.read_text()
    key.write_text(text.replace("+", "-", 1))
    with pytest.raises(CannotOpen, match="damaged"):
        world.open_(root)
    key.unlink()
    with pytest.raises(CannotOpen, match=r"log key .* is missing.*Put it back"):
        world.open_(root)


def test_a_missing_vault_key_is_refused(root: Path) -> None:
    """A new vault key would make every recorded value unreadable, silently."""
    (root / "keys" / "vault.key").unlink()
    with pytest.raises(CannotOpen, match="vault key"):
        world.open_(root)


def test_no_workspace_is_a_sentence(tmp_path: Path) -> None:
    """A typing error in the folder's name would make a new, empty log."""
    with pytest.raises(CannotOpen, match="governance init"):
        world.open_(tmp_path / "nowhere")


def test_a_workspace_is_never_made_over_another(root: Path) -> None:
    """`init` in the wrong folder would destroy a log."""
    with pytest.raises(CannotOpen, match="holds a workspace already"):
        Workspace.create(root, world.ORIGIN)


def test_a_newer_schema_is_refused(root: Path) -> None:
    """An old version would write rows that the new one misreads."""
    with sqlite3.connect(root / "log.db") as db:
        db.execute("UPDATE alembic_version SET version_num = '0099_future'")
    with pytest.raises(CannotOpen, match=r"newer version.*0099_future"):
        world.open_(root)


def test_a_corrupted_page_is_a_sentence_and_no_answer(root: Path) -> None:
    """A decaying disk would end in a stack trace, or in an allow."""
    _write(root, 200)
    data = bytearray((root / "log.db").read_bytes())
    pages = range(len(data) // 4096)
    silent = []
    for page in pages:
        spoiled = data.copy()
        spoiled[page * 4096 : page * 4096 + 64] = b"\xff" * 64
        (root / "log.db").write_bytes(spoiled)
        workspace = _open_or_sentence(root)
        if workspace is None:
            continue
        silent.append(page)
        workspace.close()
        (root / "log.db-wal").unlink(missing_ok=True)
    assert len(silent) < len(data) // 4096 // 2


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("CAST(replace(entry, 'allow', 'deny!') AS BLOB)", "entry 20 .*not the one"),
        ("replace(entry, 'allow', 'deny!')", "no entry"),
        ("x'00'", "no entry"),
        ("CAST('{}' AS BLOB)", "no entry"),
    ],
)
def test_an_altered_entry_is_refused(root: Path, value: str, sentence: str) -> None:
    """An entry altered on disk would be continued as if it were ours."""
    _write(root, 50)
    _altered(root, f"UPDATE log_entries SET entry = {value} WHERE idx = 20")
    with pytest.raises(CannotOpen, match=sentence):
        world.open_(root)


def test_removed_rows_are_refused(root: Path) -> None:
    """Deleting an embarrassing entry would go unnoticed."""
    _write(root, 50)
    _altered(root, "DELETE FROM log_entries WHERE idx = 49")
    with pytest.raises(CannotOpen, match="has 49 entries, but its newest checkpoint signs 50"):
        world.open_(root)


def test_an_entry_with_its_leaf_altered_is_refused(root: Path) -> None:
    """Whoever can write the database could change entry and leaf hash together."""
    _write(root, 50)
    from audit.tree import leaf_hash

    with sqlite3.connect(root / "log.db") as db:
        (entry,) = db.execute("SELECT entry FROM log_entries WHERE idx = 20").fetchone()
    changed = entry.replace(b"allow", b"denyy")
    _altered(
        root,
        "UPDATE log_entries SET entry = ?, leaf = ? WHERE idx = 20",
        (changed, leaf_hash(changed)),
    )
    with pytest.raises(CannotOpen, match="something was altered"):
        world.open_(root)


def test_a_copy_of_a_workspace_that_is_served_is_refused(tmp_path: Path) -> None:
    """Two services with one head file would make two logs of one, and neither would notice."""
    head, one, two = tmp_path / "head", tmp_path / "one", tmp_path / "two"
    Workspace.create(one, world.ORIGIN, head=head)
    shutil.copytree(one, two)
    with world.open_(one, head=head), pytest.raises(CannotOpen, match="in use by another service"):
        world.open_(two, head=head)
    world.open_(two, head=head).close()


def test_the_head_may_lie_on_another_volume(tmp_path: Path) -> None:
    """The head would be lost together with the disk it is to vouch for."""
    head = tmp_path / "elsewhere" / "head"
    head.parent.mkdir()
    Workspace.create(tmp_path / "ws", world.ORIGIN, head=head)
    with world.open_(tmp_path / "ws", head=head) as workspace:
        workspace.ledger.submit(Decide()).result(10)
    assert not (tmp_path / "ws" / "head").exists()
    with pytest.raises(CannotOpen, match="head file"):
        world.open_(tmp_path / "ws")


def test_what_cannot_be_opened_is_left_unlocked(root: Path) -> None:
    """After putting the key back the workspace would still be locked by the failed attempt."""
    key = root / "keys" / "log.key"
    text = key.read_text()
    key.unlink()
    with pytest.raises(CannotOpen):
        world.open_(root)
    key.write_text(text)
    key.chmod(0o600)
    _write(root, 1)


def _open_or_sentence(root: Path) -> Workspace | None:
    """The workspace, or None after a refusal that names the file."""
    result = None
    try:
        result = world.open_(root)
    except CannotOpen as error:
        message = str(error)
    else:
        message = "log.db"
    assert "log.db" in message
    return result


def _write(root: Path, count: int, text: str = "") -> int:
    with world.open_(root) as workspace:
        futures = [workspace.ledger.submit(Decide(f"{text}{n}")) for n in range(count)]
        for future in futures:
            future.result(10)
        return workspace.ledger.size


def _altered(root: Path, sql: str, parameters: tuple[object, ...] = ()) -> None:
    """Change the database as somebody would who owns the file."""
    with sqlite3.connect(root / "log.db") as db:
        for (name,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute(sql, parameters)
