"""What must hold after a crash: nothing acknowledged is lost, nothing is there twice, no false alarm."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from audit.checkpoint import open_checkpoint
from audit.entry import decode
from audit.errors import BadHead
from audit.head import SLOT_SIZE, decode_slot
from audit.keys import Verifier
from audit.tree import MemoryNodes, frontier_at, leaf_hash, root_of
from governance.store.fsck import fsck
from governance.store.workspace import Workspace
from tests.store import world
from tests.store.acknowledged import remembered


def holds_after_crash(root: Path, acks: Path, *, thorough: bool = True) -> int:
    """Open the workspace and check everything; returns how many entries it has."""
    acknowledged, shown = remembered(acks)
    shown += heads_in(root / "head")
    with world.open_(root) as workspace:
        entries = list(workspace.reader.entries(0, workspace.ledger.size))
        _signed(workspace, entries)
        _agree(workspace, entries, shown)
        numbers: dict[int, int] = {}
        for index, data in enumerate(entries):
            entry = decode(data)
            if entry.kind == "decision":
                number = int(entry.data["note"])
                assert number not in numbers, f"command {number} was recorded twice"
                numbers[number] = index
                opened = workspace.vault.value(index, "args.note")
                assert opened is not None
                assert opened.value == f'"value {number}"'.encode()
        for number, index in acknowledged.items():
            assert numbers.get(number) == index, f"acknowledged command {number} is not in the log"
        answer = workspace.ledger.submit(world.Write((("person.changed", {}),))).result(10)
        assert answer.receipts[0].index == len(entries)
        if thorough:
            assert workspace.views.wait_for(workspace.ledger.size)
            report = fsck(workspace.paths, workspace.vkeys, scratch=root)
            assert report.findings == ()
        return len(entries)


def heads_in(path: Path) -> list[str]:
    """Every head that can be read in a head file, the older one included."""
    data, found = path.read_bytes(), []
    for start in (0, SLOT_SIZE):
        with suppress(BadHead):
            found.append(decode_slot(data[start : start + SLOT_SIZE]).note)
    return found


def _agree(workspace: Workspace, entries: list[bytes], shown: list[str]) -> None:
    """No two heads of one size disagree, whoever was shown them, and all are of this log."""
    nodes = MemoryNodes(map(leaf_hash, entries))
    verifiers = [Verifier.from_vkey(vkey) for vkey in workspace.vkeys]
    for note in [*shown, *workspace.reader.checkpoints(0, len(entries))]:
        head = open_checkpoint(note, verifiers, world.ORIGIN)
        assert head.size <= len(entries), "a head was shown that the log does not reach"
        assert frontier_at(head.size, nodes).root() == head.root, "two heads disagree"


def _signed(workspace: Workspace, entries: list[bytes]) -> None:
    head = open_checkpoint(
        workspace.reader.checkpoint(), [Verifier.from_vkey(workspace.vkeys[0])], world.ORIGIN
    )
    assert head.size == len(entries)
    assert head.root == root_of([leaf_hash(data) for data in entries])
