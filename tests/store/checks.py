"""What must hold after a crash: nothing acknowledged is lost, nothing is there twice, no false alarm."""

from __future__ import annotations

from pathlib import Path

from audit.checkpoint import open_checkpoint
from audit.entry import decode
from audit.keys import Verifier
from audit.tree import leaf_hash, root_of
from governance.store.fsck import fsck
from governance.store.workspace import Workspace
from tests.store import world


def holds_after_crash(root: Path, acks: Path, *, thorough: bool = True) -> int:
    """Open the workspace and check everything; returns how many entries it has."""
    acknowledged = (
        dict(tuple(map(int, line.split())) for line in acks.read_text().splitlines())
        if acks.exists()
        else {}
    )
    with world.open_(root) as workspace:
        entries = list(workspace.reader.entries(0, workspace.ledger.size))
        _signed(workspace, entries)
        numbers: dict[int, int] = {}
        for index, data in enumerate(entries):
            entry = decode(data)
            if entry.kind == "decision":
                number = int(entry.data["note"])
                assert number not in numbers, f"command {number} was recorded twice"
                numbers[number] = index
                opened = workspace.vault.value(index, "args.note")
                assert opened is not None
                assert opened.value == f"value {number}".encode()
        for number, index in acknowledged.items():
            assert numbers.get(number) == index, f"acknowledged command {number} is not in the log"
        answer = workspace.ledger.submit(world.Write((("person.changed", {}),))).result(10)
        assert answer.receipts[0].index == len(entries)
        if thorough:
            assert workspace.views.wait_for(workspace.ledger.size)
            report = fsck(workspace.paths, workspace.vkeys)
            assert report.findings == ()
        return len(entries)


def _signed(workspace: Workspace, entries: list[bytes]) -> None:
    head = open_checkpoint(
        workspace.reader.checkpoint(), [Verifier.from_vkey(workspace.vkeys[0])], world.ORIGIN
    )
    assert head.size == len(entries)
    assert head.root == root_of([leaf_hash(data) for data in entries])
