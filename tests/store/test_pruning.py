"""What was pruned is gone from the disk, what proves it is not, and a cut is never half true."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit.errors import Pruned
from audit.proof import verify_inclusion
from audit.tree import leaf_hash
from governance.store import pruning, readmodel
from governance.store.errors import CannotOpen, Damaged, StoreError
from governance.store.fsck import fsck
from governance.store.opening import read_log
from governance.store.paths import Paths
from governance.store.projection import QUARTER
from governance.store.pruning import Base, Cut
from governance.store.sqlite import connect_reader
from governance.store.workspace import Workspace
from tests.store import world
from tests.store.faults import Faulty
from tests.store.world import Decide, FakeClock, Write

MINIMUM = 512
MARK = "known-bytes-"


def fill(workspace: Workspace, count: int, first: int = 0) -> None:
    """So many decisions, some longer than a page, each with bytes to be looked for."""
    for start in range(first, first + count, 100):
        entries = tuple(
            ("decision", _decision(n)) for n in range(start, min(start + 100, first + count))
        )
        workspace.ledger.submit(Write(entries)).result(10)


def _decision(n: int) -> dict[str, Any]:
    long = 9_000 if n % 50 == 7 else 20
    return {
        "refs": {},
        "digest": "ab" * 32,
        "agent": "payments-1",
        "action": "payment.create",
        "effect": "allow",
        "note": f"{MARK}{n:05d}" + "." * long,
        "charges": [list(world.euro("1"))],
    }


def decide_cut(workspace: Workspace, minimum: int = MINIMUM) -> tuple[Cut, Base]:
    """The entries that decide a cut, as the service writes them."""
    state: Any = world.Count()
    kept = workspace.reader.minimum
    if kept:
        with workspace.reader.connection() as db:
            _, state = pruning_state(db, kept)
    for index in range(kept, minimum):
        state = world.apply(state, index, workspace.reader.entry(index))
    dumped = world.dump(state)
    digest = hashlib.sha256(dumped).hexdigest()
    sealed = {"size": minimum, "digest": digest, "semantics": "1"}
    made = Write(
        (("service.snapshot", sealed), ("retention.pruned", {"minimum": minimum, "n": digest}))
    )
    index = workspace.ledger.submit(made).result(10).value
    last_at = int(workspace.reader.entry(minimum - 1).at.timestamp() * 1e6)
    return Cut(minimum, index + 1, digest, last_at), Base(index, "1", dumped)


def pruning_state(db: Any, size: int) -> tuple[int, Any]:
    """The snapshot at the minimum; one that was taken since may be newer than the next cut."""
    from governance.store.snapshots import newest

    found = newest(db, world.FOLD, size)
    assert found is not None
    return found


def prune(workspace: Workspace, minimum: int = MINIMUM) -> pruning.Removed:
    """Decide and carry out a cut."""
    pruning.announce(workspace.ledger, *decide_cut(workspace, minimum))
    return pruning.carry_out(workspace.ledger, workspace.vault, workspace.paths.log)


def marks(root: Path) -> set[int]:
    """The numbers of the decisions whose bytes are anywhere in the files of the log."""
    found = set()
    for path in root.glob("log.db*"):
        parts = path.read_bytes().split(MARK.encode())[1:]
        found |= {int(part[:5]) for part in parts}
    return found


def test_pruned_bytes_are_in_no_file(root: Path, workspace: Workspace) -> None:
    """Whoever copies the disk would still read what everybody was told is gone."""
    fill(workspace, 700)
    assert marks(root) == set(range(700))
    prune(workspace)
    assert marks(root) == set(range(512, 700))


def test_every_proof_about_a_pruned_entry_can_still_be_made(workspace: Workspace) -> None:
    """A receipt handed out years ago would prove nothing after the cut."""
    fill(workspace, 700)
    before = {
        n: (workspace.reader.receipt(n), workspace.reader.entry_bytes(n)) for n in (0, 3, 511)
    }
    prune(workspace)
    size = workspace.reader.size
    root = workspace.reader.frontier(size).root()
    for index, (receipt, raw) in before.items():
        assert workspace.reader.receipt(index) == receipt
        assert leaf_hash(raw) == receipt.leaf_hash
        proof = workspace.reader.inclusion_proof(index, size)
        verify_inclusion(receipt.leaf_hash, index, size, proof, root)
    assert workspace.reader.consistency_proof(100, size)


def test_what_is_kept_reads_as_before_and_goes_on(root: Path, workspace: Workspace) -> None:
    """A cut would take more than it said, or the log would end with it."""
    fill(workspace, 700)
    kept = list(workspace.reader.entries(MINIMUM, 700))
    prune(workspace)
    assert list(workspace.reader.entries(MINIMUM, 700)) == kept
    fill(workspace, 300, 700)
    size = workspace.ledger.size
    workspace.close()
    with world.open_(root) as again:
        assert again.ledger.size == size
        assert again.ledger.state.kinds["decision"] == 1000  # type: ignore[attr-defined]
        prune(again, 768)
        assert marks(root) == set(range(766, 1000))  # two entries decided the first cut
        with pytest.raises(Pruned):
            again.reader.entry(767)


def test_values_below_the_minimum_go_and_those_in_use_stay(
    root: Path, workspace: Workspace
) -> None:
    """Names in an old decision's note would outlive the decision; a live agent's purpose would not."""
    subject = workspace.vault.pseudonym("payee", "DE00")
    for _ in range(3):
        values = (("args.note", b"a note", subject),)
        workspace.ledger.submit(Decide(values=values)).result(10)
    fill(workspace, 600)
    workspace.ledger.submit(Decide(values=(("args.note", b"newer", None),))).result(10)
    pruning.announce(workspace.ledger, *decide_cut(workspace))
    gone = pruning.carry_out(
        workspace.ledger, workspace.vault, workspace.paths.log, in_use=frozenset({1})
    )
    assert gone == (2, 1)
    assert workspace.vault.value(0, "args.note") is None
    assert workspace.vault.value(1, "args.note") is not None
    assert workspace.vault.value(603, "args.note") is not None
    with sqlite3.connect(root / "vault.db") as db:
        assert db.execute("SELECT idx FROM vault_values").fetchall() == [(1,), (603,)]


def test_windows_count_the_same_after_a_cut(opened: Callable[..., Workspace]) -> None:
    """Pruning old entries would give an agent a fresh budget, or take it."""
    clock = FakeClock()
    workspace = opened(clock=clock)
    fill(workspace, 300)
    clock.advance(1_000)
    fill(workspace, 300, 300)
    clock.advance(1_000)
    fill(workspace, 100, 600)
    series = ("pay/LIM-1", "payments-1")
    windows = [clock.wall() - seconds * 1_000_000 for seconds in (0, 10, 999)]

    def totals() -> list[Any]:
        return [world.total(workspace, *series, since, "EUR") for since in (*windows, None)]

    before = totals()
    assert [count for _, count, _ in before] == [100, 100, 100, 700]
    pruning.announce(workspace.ledger, *decide_cut(workspace, 256))
    pruning.carry_out(workspace.ledger, workspace.vault, workspace.paths.log)
    assert totals() == before
    rows = workspace.ledger.chore(
        lambda db: db.execute("SELECT MIN(n), count(*) FROM totals").fetchone()
    ).result(10)
    assert rows == (256 + 44, 401)  # all of the first 300 came in one moment; one row stands for it


def test_a_window_that_begins_before_the_cut_cannot_be_told(root: Path) -> None:
    """A new limit over two years would count one year and allow what it should refuse."""
    clock = FakeClock()
    told = replace(world.FOLD, told_from=lambda _state: (world.START + 5_000_000, 256))
    with world.open_(root, clock=clock, fold=told) as workspace:
        clock.advance(10)
        workspace.ledger.submit(Decide(charges=(world.euro("7"),))).result(10)
        early, late = world.START + 5_000_000, world.START + 5_000_001
        assert world.total(workspace, "pay/LIM-1", "payments-1", early, "EUR")[2]
        assert world.total(workspace, "pay/LIM-1", "payments-1", late, "EUR") == (7, 1, False)
        assert world.total(workspace, "pay/LIM-1", "payments-1", None, "EUR") == (7, 1, False)
        insert = "INSERT INTO series VALUES ('pay/LIM-1', 300)"  # live since after the first cut
        workspace.ledger.chore(lambda db: db.execute(insert)).result(10)
        assert world.total(workspace, "pay/LIM-1", "payments-1", None, "EUR")[2]


def test_a_cut_that_was_interrupted_anywhere_is_gone_on_with(root: Path) -> None:
    """A power cut in the middle would leave a log that neither has its entries nor says so."""
    with world.open_(root) as workspace:
        fill(workspace, 700)
        cut, base = decide_cut(workspace)
    points = 0
    for at in range(1, 200):
        faulty = Faulty(at, "persisted" if at % 2 else "error")
        workspace = world.open_(root, seams=faulty.seams())
        faulty.armed = True
        try:
            pruning.announce(workspace.ledger, cut, base)
            pruning.carry_out(workspace.ledger, workspace.vault, workspace.paths.log)
        except StoreError:
            points += 1
            faulty.armed = False
            workspace.close()
            _holds_together(root)
            continue
        workspace.close()
        break
    assert points > 3
    assert marks(root) == set(range(512, 700))
    with world.open_(root) as workspace:
        assert workspace.reader.minimum == MINIMUM
        assert workspace.ledger.state.kinds["decision"] == 700  # type: ignore[attr-defined]


def _holds_together(root: Path) -> None:
    """Whatever can be read is what it was; whatever is announced is not read."""
    with world.open_(root) as workspace:
        minimum = workspace.reader.minimum
        assert minimum in (0, MINIMUM)
        assert len(list(workspace.reader.entries(minimum, 700))) == 700 - minimum
        assert workspace.ledger.state.kinds["decision"] == 700  # type: ignore[attr-defined]


def test_a_cut_in_small_steps_lets_decisions_through(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large cut would stop every agent until it is done."""
    fill(workspace, 700)
    monkeypatch.setattr(pruning, "CHUNK", 64)
    batches = workspace.ledger.batches
    seen: list[int] = []
    workspace.ledger.after_commit(lambda position: seen.append(position.size))
    cut, base = decide_cut(workspace)
    pruning.announce(workspace.ledger, cut, base)
    waiting = [workspace.ledger.submit(Decide(str(n))) for n in range(5)]
    pruning.carry_out(workspace.ledger, workspace.vault, workspace.paths.log)
    assert [future.result(10).receipts[0].index for future in waiting] == [*range(702, 707)]
    assert workspace.ledger.batches > batches


def test_the_state_at_the_cut_must_be_the_one_that_was_sealed(workspace: Workspace) -> None:
    """The log would be folded on from a state that nobody signed."""
    fill(workspace, 600)
    cut, base = decide_cut(workspace)
    with pytest.raises(Damaged, match="not the one that was sealed"):
        pruning.announce(workspace.ledger, cut, base._replace(state=b"[{},false,false,false]"))
    assert workspace.reader.minimum == 0


def test_a_version_that_cannot_read_the_snapshot_says_so(root: Path) -> None:
    """An update would begin from nothing where the log says that thousands of entries came before."""
    with world.open_(root) as workspace:
        fill(workspace, 600)
        prune(workspace)
    with pytest.raises(CannotOpen, match=r"were pruned, and no snapshot .* start the version"):
        world.open_(root, fold=replace(world.FOLD, semantics="2"))


def test_the_snapshot_at_the_cut_outlives_newer_ones(root: Path) -> None:
    """Were the newest one damaged, a pruned log could not be opened at all."""
    with world.open_(root, snapshot_every=50) as workspace:
        fill(workspace, 600)
        prune(workspace)
        for n in range(5):
            fill(workspace, 60, 700 + 100 * n)
    with sqlite3.connect(root / "log.db") as db:
        db.execute("DELETE FROM snapshots WHERE size > ?", (MINIMUM,))
    with world.open_(root) as workspace:
        assert workspace.ledger.state.kinds["decision"] == 900  # type: ignore[attr-defined]


def test_a_stranger_can_fold_a_copy_of_a_pruned_log(root: Path, tmp_path: Path) -> None:
    """A backup of a pruned log would be refused at the restore."""
    from governance.store.copies import copy_database

    with world.open_(root) as workspace:
        fill(workspace, 600)
        prune(workspace)
        copy_database(workspace.paths.log, tmp_path / "copy.db")
        state = workspace.ledger.state
    db = connect_reader(tmp_path / "copy.db")
    folded, _ = read_log(tmp_path / "copy.db", db, world.FOLD, ())
    db.close()
    assert folded.state == state
    assert marks(tmp_path) == set()
    assert MARK.encode() + b"00003" not in (tmp_path / "copy.db").read_bytes()


def test_a_pruned_log_is_sound(root: Path) -> None:
    """Whoever prunes would be told ever after that rows of the log were removed."""
    with world.open_(root) as workspace:
        fill(workspace, 600)
        prune(workspace)
        fill(workspace, 100, 600)
        assert workspace.views.wait_for(workspace.ledger.size)
        lists = workspace.views
        assert {line.index for line in lists.decisions(limit=1000)} == {
            *range(512, 600),
            *range(602, 702),
        }
        at = lists.decisions(limit=1)[0].at
        counted = lists.counted(0, at + QUARTER)
        assert [(each.count, each.first, each.last) for each in counted] == [(188, 512, 701)]
        vkey = workspace.signers[0].vkey
    report = fsck(Paths(root), [vkey])
    assert report.findings == ()
    assert any("before entry 512: those entries were pruned" in what for what in report.unchecked)
    with sqlite3.connect(root / "log.db") as db:
        db.execute("DROP TRIGGER log_entries_no_update")
        db.execute("UPDATE log_entries SET leaf = x'%s' WHERE idx = 3" % ("00" * 32))
    assert fsck(Paths(root), [vkey]).findings


def test_lists_that_lag_behind_a_cut_go_on_after_it(root: Path, tmp_path: Path) -> None:
    """The console would show no decision any more once its lists were overtaken by a cut."""
    with world.open_(root) as workspace:
        fill(workspace, 600)
        with closing(sqlite3.connect(tmp_path / "behind.db", isolation_level=None)) as db:
            readmodel.create(db, workspace.origin, 0, workspace.reader.frontier(0).root())
            log = workspace.reader
            readmodel.follow(db, log.entries(0, 100), 0, 100, log.frontier(100).root())
        prune(workspace)
    for path in root.glob("views.db*"):
        path.unlink()
    shutil.copyfile(tmp_path / "behind.db", root / "views.db")
    with world.open_(root) as workspace:
        fill(workspace, 1, 600)
        assert workspace.views.wait_for(workspace.ledger.size)
        shown = [line.index for line in workspace.views.decisions(limit=1000)]
        assert sorted(shown) == [*range(512, 600), 602]
