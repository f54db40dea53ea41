"""Who was erased stays erased: in files, write-ahead logs and backups, and after any restore."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from governance.store.backup import (
    back_up,
    back_up_vault,
    expire_log_backups,
    expire_vault_backups,
    vault_copies,
)
from governance.store.errors import CannotOpen
from governance.store.paths import Paths
from governance.store.restore import restore
from governance.store.vault import MOVED
from governance.store.workspace import Workspace
from tests.store import world
from tests.store.test_pruning import fill, marks, prune
from tests.store.world import Decide, Write

AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
PERSON = "p-abcdefghij"


def decide(workspace: Workspace, iban: str, count: int = 1) -> str:
    """Decisions about somebody."""
    subject = workspace.vault.pseudonym("payee", iban)
    for _ in range(count):
        values = (("args.iban", iban.encode(), subject), ("args.note", b"x" * 6_000, subject))
        workspace.ledger.submit(Decide(values=values)).result(10)
    return subject


def erase(workspace: Workspace, subject: str) -> int:
    """An erasure with its entry; its index."""
    workspace.vault.erase(subject)
    made = Write((("data.erased", {"subject": subject, "ground": "asked", "values": 1}),))
    return workspace.ledger.submit(made).result(10).receipts[0].index


def secrets_of(root: Path, subject: str) -> list[bytes]:
    """Everything in the vault that could open what is known about somebody, or is it."""
    with sqlite3.connect(root / "vault.db") as db:
        found = [
            row[0]
            for row in db.execute(
                "SELECT wrapped FROM subjects WHERE pseudonym = ? AND wrapped IS NOT NULL",
                (subject,),
            )
        ]
        found += [
            row[0]
            for row in db.execute("SELECT sealed FROM vault_values WHERE subject = ?", (subject,))
        ]
        found += [
            row[0] for row in db.execute("SELECT sealed FROM people WHERE person = ?", (subject,))
        ]
    db.close()
    return found


def holding(root: Path, secrets: list[bytes]) -> set[str]:
    """The files that hold any part of them."""
    parts = [secret[at : at + 40] for secret in secrets for at in range(0, len(secret) - 39, 40)]
    return {
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and any(part in path.read_bytes() for part in parts)
    }


def test_an_erased_key_and_its_values_are_in_no_file(root: Path, workspace: Workspace) -> None:
    """Whoever copies the disk afterwards could open what everybody was told is gone."""
    others = [decide(workspace, f"DE{n:02}", 3) for n in range(20)]
    subject = decide(workspace, "NL00", 5)
    decide(workspace, "DE99", 3)
    secrets = secrets_of(root, subject)
    assert len(secrets) == 11
    assert holding(root, secrets)
    erase(workspace, subject)
    assert holding(root, secrets) == set()
    assert holding(root, secrets_of(root, others[7]))


def test_an_erased_person_is_in_no_file(root: Path, workspace: Workspace) -> None:
    """The name behind a pseudonym would be found in what the disk still holds."""
    for n in range(30):
        workspace.vault.put_person(f"p-aaaaaaaa{n:02}", f"Somebody {n}" * 20, "x@corp.example")
    workspace.vault.put_person(PERSON, "Grace Example" * 30, "grace@corp.example")
    secrets = secrets_of(root, PERSON)
    assert holding(root, secrets)
    erase(workspace, PERSON)
    assert holding(root, secrets) == set()
    assert workspace.vault.person("p-aaaaaaaa07") is not None


def test_backups_forget_as_they_expire(root: Path, workspace: Workspace) -> None:
    """The erased would be kept in backups for ever, or one would be deleted before its time."""
    subject = decide(workspace, "NL00", 3)
    secrets = secrets_of(root, subject)
    kept = back_up_vault(workspace.paths, AT, timedelta(days=30))
    erase(workspace, subject)
    later = back_up_vault(workspace.paths, AT + timedelta(days=1), timedelta(days=30))
    assert holding(root, secrets) == {str(kept.relative_to(root))}
    assert vault_copies(workspace.paths)[kept] == AT + timedelta(days=30)
    assert expire_vault_backups(workspace.paths, AT + timedelta(days=29)) == []
    assert expire_vault_backups(workspace.paths, AT + timedelta(days=30)) == [kept]
    assert holding(root, secrets) == set()
    assert later.exists()


def test_what_was_pruned_leaves_the_backups_of_the_log(root: Path, workspace: Workspace) -> None:
    """A cut would be undone by whoever keeps a copy of last year's backup folder."""
    fill(workspace, 700)
    before = back_up(workspace.paths, AT)
    prune(workspace)
    assert marks(before.folder) == set(range(700))
    kept = timedelta(days=90)
    assert expire_log_backups(workspace.paths, AT + timedelta(days=89), 512, kept) == []
    gone = expire_log_backups(workspace.paths, AT + timedelta(days=90), 512, kept)
    assert gone == [before.folder]  # the newest there is, but it holds what was pruned
    assert not before.folder.exists()
    after = back_up(workspace.paths, AT + timedelta(days=90))
    assert marks(after.folder) == set(range(512, 700))
    assert expire_log_backups(workspace.paths, AT + timedelta(days=999), 512, kept) == []
    newer = back_up(workspace.paths, AT + timedelta(days=200))
    gone = expire_log_backups(workspace.paths, AT + timedelta(days=999), 512, kept)
    assert gone == [after.folder]
    assert newer.folder.exists()


def test_an_erasure_after_the_backups_is_carried_out_again(root: Path) -> None:
    """Who asked to be forgotten on Tuesday would be back with Monday's backups."""
    with world.open_(root) as workspace:
        subject = decide(workspace, "NL00", 2)
        other = decide(workspace, "DE00", 1)
        values, log = back_up_vault(workspace.paths, AT), back_up(workspace.paths, AT)
        erase(workspace, subject)
    done = restore(root, log.folder, world.FOLD, AT, acknowledge=True, vault=values)
    assert done.restored == 3
    with world.open_(root) as workspace:
        assert workspace.vault.value(-MOVED, "args.note") is None
        assert workspace.vault.value(2 - MOVED, "args.iban") is not None
        assert workspace.vault.find("payee", "NL00") == subject
        left = workspace.vault.unrecorded()  # which the new log has yet to tell
        assert [(erasure.subject, erasure.values) for erasure in left] == [(subject, 4)]
        assert workspace.vault.find("payee", "DE00") == other


def test_an_erasure_that_only_the_replaced_vault_knows_is_carried_out_again(root: Path) -> None:
    """A crash before the entry, then a restore: nobody would know that somebody was erased."""
    with world.open_(root) as workspace:
        subject = decide(workspace, "NL00", 2)
        values, log = back_up_vault(workspace.paths, AT), back_up(workspace.paths, AT)
        workspace.vault.erase(subject)
    for path in root.glob("log.db*"):
        path.unlink()
    restore(root, log.folder, world.FOLD, AT, acknowledge=True, vault=values)
    with world.open_(root) as workspace:
        assert workspace.vault.value(-MOVED, "args.note") is None
        assert [erasure.subject for erasure in workspace.vault.unrecorded()] == [subject]


def test_an_erasure_that_only_a_log_put_aside_tells_of_is_carried_out_again(root: Path) -> None:
    """Two restores, and the vault lost in between, would bring somebody back."""
    with world.open_(root) as workspace:
        subject = decide(workspace, "NL00", 2)
        values, log = back_up_vault(workspace.paths, AT), back_up(workspace.paths, AT)
        erase(workspace, subject)
    restore(root, log.folder, world.FOLD, AT, acknowledge=True)
    for path in root.glob("vault.db*"):
        path.unlink()
    later = AT + timedelta(hours=1)
    restore(root, log.folder, world.FOLD, later, acknowledge=True, vault=values)
    with world.open_(root) as workspace:
        assert workspace.vault.value(-MOVED, "args.note") is None
        assert [erasure.subject for erasure in workspace.vault.unrecorded()] == [subject]


def test_who_came_again_after_an_erasure_is_not_erased_twice(root: Path) -> None:
    """A restore would delete what a customer gave us after they had been forgotten."""
    with world.open_(root) as workspace:
        subject = decide(workspace, "NL00", 1)
        erase(workspace, subject)
        decide(workspace, "NL00", 1)
        values, log = back_up_vault(workspace.paths, AT), back_up(workspace.paths, AT)
    restore(root, log.folder, world.FOLD, AT, acknowledge=True, vault=values)
    with world.open_(root) as workspace:
        assert workspace.vault.value(-MOVED, "args.note") is None
        assert workspace.vault.value(2 - MOVED, "args.note") is not None
        assert workspace.vault.unrecorded() == []


def test_a_vault_from_before_the_cut_is_refused(root: Path) -> None:
    """Erasures that were pruned from the log would be undone by a vault that never knew them."""
    with world.open_(root) as workspace:
        decide(workspace, "NL00", 1)
        values = back_up_vault(workspace.paths, AT)
        fill(workspace, 700)
        prune(workspace)
        log = back_up(workspace.paths, AT + timedelta(days=1))
    before = (root / "vault.db").read_bytes()
    with pytest.raises(CannotOpen, match="who was erased since cannot be told"):
        restore(root, log.folder, world.FOLD, AT, acknowledge=True, vault=values)
    assert (root / "vault.db").read_bytes() == before


def test_what_a_restore_put_aside_expires_too(root: Path) -> None:
    """The replaced vault would lie in the archive for ever, with everybody in it."""
    with world.open_(root) as workspace:
        subject = decide(workspace, "NL00", 2)
        secrets = secrets_of(root, subject)
        values, log = back_up_vault(workspace.paths, AT), back_up(workspace.paths, AT)
    done = restore(root, log.folder, world.FOLD, AT, acknowledge=True, vault=values)
    with world.open_(root) as workspace:
        erase(workspace, subject)
    put_aside = {str(path.relative_to(root)) for path in done.archive.glob("vault.db*")}
    kept = {str(values.relative_to(root))} | put_aside
    found = holding(root, secrets)
    assert found <= kept
    assert found & put_aside
    assert expire_vault_backups(Paths(root), AT + timedelta(days=29)) == []
    gone = expire_vault_backups(Paths(root), AT + timedelta(days=30))
    assert {str(path.relative_to(root)) for path in gone} >= found
    assert holding(root, secrets) == set()
