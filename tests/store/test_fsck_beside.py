"""Values and blobs cannot be made again: what is wrong with them is named, and erasures are not accused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from governance.store.blobs import Blobs
from governance.store.fsck import fsck
from governance.store.paths import Paths
from governance.store.repair import repair
from tests.store import world
from tests.store.test_repair import AT
from tests.store.world import Decide, Write


@pytest.fixture
def vkeys(root: Path) -> tuple[str, ...]:
    """A workspace with values about two payees and one about nobody, and with a policy file."""
    with world.open_(root) as workspace:
        for number in range(6):
            subject = workspace.vault.pseudonym("payee", f"DE{number % 2}")
            values = (("args.iban", b'"DE89"', subject), ("args.note", b'"x"', None))
            workspace.ledger.submit(Decide(str(number), values=values)).result(10)
        digest = Blobs(workspace.paths.blobs).put(b"rules: []\n")
        files = {"policies/a.yaml": digest}
        workspace.ledger.submit(Write((("policy.proposed", {"files": files}),))).result(10)
        workspace.views.wait_for(workspace.ledger.size)
        return workspace.vkeys


def in_vault(root: Path, change: str) -> None:
    """Change the vault as somebody with the file can."""
    with closing(sqlite3.connect(root / "vault.db")) as db:
        db.execute(change)
        db.commit()


def test_sound_values_and_blobs_are_silent(root: Path, vkeys: tuple[str, ...]) -> None:
    """A check that cries wolf is switched off."""
    report = fsck(Paths(root), vkeys)
    assert (report.findings, report.unchecked) == ((), ())


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (
            "DELETE FROM vault_values WHERE idx = 3 AND field = 'args.note'",
            "`args.note` of entry 3",
        ),
        ("UPDATE vault_values SET sealed = zeroblob(40) WHERE idx = 3", "the values of entry 3"),
        (
            "UPDATE vault_values SET field = 'args.no' WHERE idx = 3 AND field = 'args.note'",
            "entry 3",
        ),
    ],
)
def test_a_value_that_is_gone_or_altered_is_named_and_left_alone(
    root: Path, vkeys: tuple[str, ...], change: str, where: str
) -> None:
    """An auditor would be shown nothing, or something else than was decided on, and nobody told."""
    in_vault(root, change)
    report = fsck(Paths(root), vkeys)
    assert any(where in found.where for found in report.findings), report.findings
    assert report.vouched
    assert not any(found.derivable for found in report.findings)
    assert all("backups/vault" in found.cure for found in report.findings)
    assert repair(Paths(root), AT, vkeys).counts == {}


def test_an_erasure_is_not_accused(root: Path, vkeys: tuple[str, ...]) -> None:
    """Whoever keeps the law and erases would be told that the vault is damaged."""
    with world.open_(root) as workspace:
        subject = workspace.vault.find("payee", "DE1")
        assert subject is not None
        workspace.vault.erase(subject)
        early = fsck(workspace.paths, vkeys)
        assert early.findings == ()
        entry = ("data.erased", {"subject": subject})
        index = workspace.ledger.submit(Write((entry,))).result(10).value
        workspace.vault.recorded(subject, index)
        report = fsck(workspace.paths, vkeys)
    assert report.findings == ()
    assert any("3 values that are not in the vault" in line for line in report.unchecked)


def test_a_vault_that_cannot_be_read_is_said(root: Path, vkeys: tuple[str, ...]) -> None:
    """A check without the key would seem to have checked everything."""
    Paths(root).vault_key.unlink()
    report = fsck(Paths(root), vkeys)
    assert report.findings == ()
    assert any("values that entries commit to" in line for line in report.unchecked)


@pytest.mark.parametrize("change", ["gone", "altered"])
def test_a_blob_that_is_gone_or_altered_is_named(
    root: Path, vkeys: tuple[str, ...], change: str
) -> None:
    """The policy a decision was taken under could not be shown, and nobody would know before a trial."""
    (blob,) = [path for path in Paths(root).blobs.rglob("*") if path.is_file()]
    if change == "gone":
        blob.unlink()
    else:
        blob.write_bytes(b"rules: [allow]\n")
    (found,) = fsck(Paths(root), vkeys).findings
    assert found.where == "the file `policies/a.yaml` of entry 6"
    assert not found.derivable
    assert "backup" in found.cure
