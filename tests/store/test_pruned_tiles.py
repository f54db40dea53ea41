"""A pruned log as others read it: bundles below the cut are gone, everything else is as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audit.keys import Verifier
from audit.proof import TlogProof
from audit.tiles import bundles_of, served, tiles_of
from audit.tree import leaf_hash
from governance.service import tiling
from governance.service.problem import Problem
from governance.store.workspace import Workspace
from tests.store.test_pruning import MINIMUM, fill, prune


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a published folder but its checkpoint."""
    found = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name != "checkpoint"}


@pytest.fixture
def cut(workspace: Workspace, tmp_path: Path) -> tuple[Workspace, Path, dict[str, bytes], Any]:
    """A log that was published, pruned and has grown; what was served, and a leaf, before."""
    fill(workspace, 600)
    folder = tmp_path / "public"
    tiling.publish(workspace.paths.root, folder)
    size = workspace.reader.size
    before = {t.path: served(t, workspace.reader) for t in (*tiles_of(size), *bundles_of(size))}
    leaf = leaf_hash(workspace.reader.entry_bytes(3))
    prune(workspace)
    fill(workspace, 300, first=600)
    return workspace, folder, before, leaf


def test_pruned_bundles_are_gone_and_hashes_are_served_as_before(cut: Any) -> None:
    """An auditor would be shown what was given up, or could prove nothing about it any more."""
    workspace, _, before, leaf = cut
    for path, data in before.items():
        if path.startswith("tile/entries/") and int(path[13:16]) * 256 < MINIMUM:
            with pytest.raises(Problem) as caught:
                tiling.tile(workspace.reader, path)
            assert (caught.value.status, caught.value.type) == (410, "pruned")
        else:
            assert tiling.tile(workspace.reader, path) == data
    proof = TlogProof.parse(tiling.proof(workspace.reader, 3))
    proof.verify(leaf, [Verifier.from_vkey(workspace.vkeys[0])])
    text, entry, _ = tiling.proof_of(workspace.paths.root, 3)
    assert (text, entry) == (proof.encode(), None)


def test_a_folder_follows_a_cut(cut: Any, tmp_path: Path) -> None:
    """What had to be given up would live on in every mirror."""
    workspace, folder, _, _ = cut
    assert (folder / "tile/entries/000").exists()
    done = tiling.publish(workspace.paths.root, folder)
    assert done["removed"] == MINIMUM // 256
    fresh = tiling.publish(workspace.paths.root, tmp_path / "fresh")
    assert fresh["removed"] == 0
    made, kept = files(tmp_path / "fresh"), files(folder)
    assert {name: kept.get(name) for name in made} == made
    assert not [name for name in kept if name.startswith(("tile/entries/000", "tile/entries/001"))]
    assert "tile/0/000" in kept
