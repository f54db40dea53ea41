"""What can be erased is erased, and nothing else is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from governance.oversight.commands import VaultRow
from governance.store.clock import to_datetime
from governance.store.errors import Damaged, StoreError
from governance.store.workspace import Workspace
from tests.store import world
from tests.store.world import Decide

IBAN = "DE89370400440532013000"
SECRET = b"the invoice of Ms Ada Example, 12 Example Street"


def _files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def _decide(workspace: Workspace, iban: str = IBAN) -> str:
    subject = workspace.vault.pseudonym("payee", iban)
    values = (("args.iban", iban.encode(), subject), ("args.note", SECRET, subject))
    workspace.ledger.submit(Decide(charges=(world.euro("10", key=subject),), values=values)).result(
        10
    )
    return subject


def test_no_file_ever_holds_a_value_in_clear(root: Path, workspace: Workspace) -> None:
    """Whoever copies the log's database would have everybody's bank account."""
    _decide(workspace)
    workspace.vault.put_person("p-abcdefghij", "Grace Example", "grace@corp.example")
    for name, data in _files(root).items():
        for raw in (IBAN.encode(), SECRET, b"Grace", b"corp.example", b"payee"):
            assert raw not in data, name


def test_what_was_kept_opens_again_after_a_restart(root: Path) -> None:
    """An approver would be shown a commitment instead of an amount's payee."""
    with world.open_(root) as workspace:
        subject = _decide(workspace)
        secret = workspace.vault.session_secret("17")
        _decide(workspace)
    with world.open_(root) as workspace:
        assert workspace.vault.pseudonym("payee", IBAN) == subject
        assert workspace.vault.find("payee", IBAN) == subject
        assert workspace.vault.find("payee", "DE00") is None
        assert workspace.vault.session_secret("17") == secret
        opened = workspace.vault.value(0, "args.note")
        assert opened is not None
        assert (opened.value, opened.salt) == (SECRET, b"s" * 16)
        assert set(workspace.vault.values(1)) == {"args.iban", "args.note"}
        assert workspace.vault.value(0, "args.other") is None


def test_one_value_in_flight_twice_is_one_subject(workspace: Workspace) -> None:
    """Two payments to one account at once would count as payments to two people."""
    found: list[str] = []
    go = threading.Barrier(8)

    def ask() -> None:
        go.wait()
        found.extend(workspace.vault.pseudonym("payee", f"IBAN {n}") for n in range(200))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for n in range(20):
        workspace.ledger.submit(Decide(str(n))).result(10)
    for thread in threads:
        thread.join()
    workspace.ledger.submit(Decide("last")).result(10)
    assert len(set(found)) == 200
    with workspace.vault_engine.connect() as db:
        assert db.execute(text("SELECT count(*) FROM subjects")).scalar() == 200


def test_the_same_value_of_two_classes_is_two_subjects(workspace: Workspace) -> None:
    """A customer number that happens to be a payee's would join two people's histories."""
    assert workspace.vault.pseudonym("payee", "17") != workspace.vault.pseudonym("customer", "17")
    assert workspace.vault.pseudonym("a", "bc") != workspace.vault.pseudonym("ab", "c")


def test_erasing_removes_every_byte_and_no_count(root: Path, workspace: Workspace) -> None:
    """A person's data would survive its erasure in a file, or erasure would reset a limit."""
    subject = _decide(workspace)
    sealed = [
        row[0]
        for row in workspace.vault_engine.connect().execute(text("SELECT sealed FROM vault_values"))
    ]
    with workspace.vault_engine.connect() as db:
        wrapped = db.execute(text("SELECT wrapped FROM subjects")).scalar()
    other = _decide(workspace, "DE00")
    before = workspace.reader.checkpoint()
    assert workspace.vault.erase(subject) == 2
    for name, data in _files(root).items():
        for raw in (*sealed, wrapped):
            assert raw not in data, name
    assert workspace.vault.value(0, "args.iban") is None
    assert workspace.vault.values(0) == {}
    assert workspace.vault.value(1, "args.iban") is not None
    assert workspace.reader.checkpoint() == before
    assert world.total(workspace, "pay/LIM-1", subject, None, "EUR") == (10, 1, False)
    assert workspace.vault.pseudonym("payee", IBAN) == subject
    assert workspace.vault.find("payee", "DE00") == other


def test_after_an_erasure_no_salt_can_be_derived_again(root: Path, workspace: Workspace) -> None:
    """With the session's secret a guessed value could be held against the commitment for ever."""
    secret = workspace.vault.session_secret("17")
    subject = _decide(workspace)
    workspace.vault.erase(subject)
    assert workspace.vault.session_secret("17") != secret
    workspace.close()
    with world.open_(root) as again:
        assert again.vault.session_secret("17") != secret


def test_an_erased_person_who_comes_again_gets_a_new_key(workspace: Workspace) -> None:
    """After an erasure the same customer could never be served again."""
    subject = _decide(workspace)
    workspace.vault.erase(subject)
    workspace.ledger.submit(_recorded(subject)).result(10)
    assert _decide(workspace) == subject
    assert workspace.vault.value(0, "args.note") is None
    opened = workspace.vault.value(2, "args.note")
    assert opened is not None
    assert opened.value == SECRET
    assert workspace.vault.erase(subject) == 2


def test_an_erasure_without_its_entry_is_remembered(root: Path) -> None:
    """After a crash the log would never say that something was erased."""
    with world.open_(root) as workspace:
        subject = _decide(workspace)
        workspace.vault.erase(subject)
    with world.open_(root) as workspace:
        (erasure,) = workspace.vault.unrecorded()
        assert (erasure.subject, erasure.values) == (subject, 2)
        workspace.vault.recorded(subject, 7)
        assert workspace.vault.unrecorded() == []


def test_look_ups_go_when_no_window_needs_them(opened: Callable[..., Workspace]) -> None:
    """A keyed digest of an erased person would be kept for ever."""
    clock = world.FakeClock()
    workspace = opened(clock=clock)
    subject = _decide(workspace)
    workspace.vault.erase(subject)
    assert (
        workspace.vault.drop_lookups(clock.wall() - int(timedelta(days=30).total_seconds() * 1e6))
        == 0
    )
    clock.advance(86400)
    assert workspace.vault.drop_lookups(clock.wall()) == 1
    assert workspace.vault.find("payee", IBAN) is None
    assert workspace.vault.pseudonym("payee", IBAN) != subject


def test_a_person_is_a_name_only_here(root: Path, workspace: Workspace) -> None:
    """Names of people would be in the log for ever."""
    workspace.vault.put_person("p-abcdefghij", "Grace Example", "grace@corp.example")
    found = workspace.vault.person("p-abcdefghij")
    assert found is not None
    assert (found.name, found.email) == ("Grace Example", "grace@corp.example")
    with workspace.vault_engine.begin() as db:
        db.execute(
            text("INSERT INTO accounts VALUES ('p-abcdefghij', 'grace.signs.in', 'hash', 0)")
        )
        db.execute(text("INSERT INTO web_sessions VALUES (x'00', 'p-abcdefghij', 0, 0)"))
        db.execute(text("INSERT INTO sign_in_failures VALUES ('account:grace.signs.in', 1, 0, 0)"))
    assert workspace.vault.erase("p-abcdefghij") == 1
    assert workspace.vault.person("p-abcdefghij") is None
    with workspace.vault_engine.connect() as db:
        for table in ("accounts", "web_sessions", "sign_in_failures"):
            assert db.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 0
    for name, data in _files(root).items():
        assert b"grace.signs.in" not in data, name


def test_values_of_entries_that_never_were_are_swept(root: Path) -> None:
    """After a crash a value could open under another entry that got the same index."""
    with world.open_(root) as workspace:
        _decide(workspace)
        workspace.vault.commit_with([VaultRow(1, "args.note", b"never", b"s" * 16)])
    with world.open_(root) as workspace:
        assert workspace.vault.value(1, "args.note") is None
        assert workspace.vault.value(0, "args.note") is not None


def test_a_value_moved_to_another_place_does_not_open(workspace: Workspace) -> None:
    """Whoever can write the vault could show an approver one payment's payee for another's."""
    _decide(workspace)
    _decide(workspace, "DE00")
    with workspace.vault_engine.begin() as db:
        db.execute(text("DELETE FROM vault_values WHERE idx = 1 AND field = 'args.note'"))
        db.execute(text("UPDATE vault_values SET idx = 1 WHERE idx = 0 AND field = 'args.note'"))
    with pytest.raises(Damaged, match="cannot be opened"):
        workspace.vault.value(1, "args.note")


def test_erasing_while_another_program_reads_says_so(root: Path, workspace: Workspace) -> None:
    """Erased bytes would stay in the write-ahead log, and nobody would know."""
    subject = _decide(workspace)
    with workspace.vault_engine.connect() as db:
        db.execute(text("BEGIN"))
        db.execute(text("SELECT * FROM vault_values")).fetchall()
        with pytest.raises(StoreError, match="erase again"):
            workspace.vault.erase(subject)
    workspace.vault.erase(subject)
    assert (root / "vault.db-wal").stat().st_size == 0


def test_times_are_exact() -> None:
    """A window's edge would be off by a microsecond, and a charge fall out of it."""
    from governance.store.clock import to_microseconds

    for value in (0, 1, 1_790_000_000_123_457, 4_102_444_799_999_999):
        assert to_microseconds(to_datetime(value)) == value


def _recorded(subject: str) -> world.Write:
    return world.Write((("data.erased", {"subject": subject, "ground": "asked", "values": 1}),))


def test_nobody_gets_a_new_key_between_an_erasure_and_its_entry(
    root: Path, workspace: Workspace
) -> None:
    """A decision in that moment would keep a value that the entry after it says is gone."""
    subject = _decide(workspace)
    workspace.vault.erase(subject)
    between = workspace.ledger.size
    assert _decide(workspace) == subject
    assert workspace.vault.values(between) == {}
    index = workspace.ledger.submit(_recorded(subject)).result(10).receipts[0].index
    assert workspace.vault.unrecorded() == []  # the entry's own batch says so
    _decide(workspace)
    assert set(workspace.vault.values(index + 1)) == {"args.iban", "args.note"}
    assert workspace.vault.values(between) == {}


def test_decisions_around_the_entry_of_an_erasure_in_one_batch(
    workspace: Workspace,
) -> None:
    """What came before the entry would be kept, or what came after it lost, if they met in a batch."""
    subject = _decide(workspace)
    workspace.vault.erase(subject)
    hold = threading.Event()
    workspace.ledger.chore(lambda _db: hold.wait(10))
    decide = Decide(values=(("args.note", SECRET, subject),), lane="human")
    waiting = [workspace.ledger.submit(c) for c in (decide, _recorded(subject), decide)]
    hold.set()
    before, _, after = [future.result(10).receipts[0] for future in waiting]
    assert before.tree_size == after.tree_size  # one batch
    assert workspace.vault.values(before.index) == {}
    assert set(workspace.vault.values(after.index)) == {"args.note"}


def test_an_erasure_whose_entry_was_lost_is_recorded_again(root: Path) -> None:
    """A crash between vault and log would leave an erasure that no entry ever tells of."""
    with world.open_(root) as workspace:
        subject = _decide(workspace)
        workspace.vault.erase(subject)
        size = workspace.ledger.size
        sealed = workspace.vault.seal((), {subject: size})
        workspace.vault.commit(sealed)  # and then the process dies before the log is committed
        assert workspace.vault.unrecorded() == []
    with world.open_(root) as workspace:
        assert [erasure.subject for erasure in workspace.vault.unrecorded()] == [subject]
        _decide(workspace)
        assert workspace.vault.values(size) == {}
