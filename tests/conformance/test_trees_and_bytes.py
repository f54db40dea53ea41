"""The tree, its proofs, tiles and canonical JSON, against the vectors of other implementations."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from audit.canonical import MAX_INT, canonical, parse
from audit.errors import BadTile, LogError, Malformed
from audit.proof import verify_consistency, verify_inclusion
from audit.tiles import TILE_WIDTH, Tile, parse_path, tile_of, tile_path, tiles_of
from audit.tree import MemoryNodes, empty_root, leaf_hash, node_hash, root_of


def decoded(text: str | None) -> bytes:
    """A hash of the vectors; some are empty or absent on purpose."""
    return base64.b64decode(text or "")


def holds(check: Any, *arguments: Any) -> bool:
    """Whether a verification returned rather than raised."""
    try:
        check(*arguments)
    except LogError:
        return False
    return True


@pytest.mark.vectors("merkle_proofs.json", "inclusion")
def test_inclusion_proofs_are_judged_as_elsewhere(case: dict[str, Any]) -> None:
    """Otherwise a false proof would convince us, or a true one not."""
    proof = [decoded(hash_) for hash_ in case["proof"] or ()]
    leaf, root = decoded(case["leafHash"]), decoded(case["root"])
    proper = all(len(h) == 32 for h in (leaf, root, *proof))
    found = holds(verify_inclusion, leaf, case["leafIdx"], case["treeSize"], proof, root)
    assert found == (not case["wantErr"] and proper)


@pytest.mark.vectors("merkle_proofs.json", "consistency")
def test_consistency_proofs_are_judged_as_elsewhere(case: dict[str, Any]) -> None:
    """Otherwise a forked log would convince us, or an honest one not."""
    proof = [decoded(hash_) for hash_ in case["proof"] or ()]
    old, new = decoded(case["root1"]), decoded(case["root2"])
    proper = all(len(h) == 32 for h in (old, new, *proof)) and case["size1"] > 0
    found = holds(verify_consistency, case["size1"], old, case["size2"], new, proof)
    assert found == (not case["wantErr"] and proper)


@pytest.mark.vectors("rfc6962_hashes.json")
def test_roots_and_nodes_are_those_of_rfc_6962(case: dict[str, Any]) -> None:
    """Otherwise no other log's tree would be ours."""
    leaves = [leaf_hash(bytes.fromhex(data)) for data in case["leaf_inputs_hex"]]
    for size, root in enumerate(case["root_by_size"]):
        assert root_of(leaves[:size]).hex() == root
        assert MemoryNodes(leaves[:size]).root().hex() == root
    nodes = MemoryNodes(leaves)
    for level, hashes in enumerate(case["nodes"].values()):
        assert [nodes(level, index).hex() for index in range(len(hashes))] == hashes


@pytest.mark.vectors("rfc6962_hashes.json", "hasher")
def test_hashes_are_those_of_rfc_6962(case: dict[str, Any]) -> None:
    """Otherwise a leaf could be passed off as a node."""
    if case["what"] == "empty root":
        found = empty_root()
    elif case["what"] == "leaf":
        found = leaf_hash(case["data_utf8"].encode())
    else:
        found = node_hash(case["left_utf8"].encode(), case["right_utf8"].encode())
    assert found.hex() == case["want"]


@pytest.mark.vectors("tile_paths.json", "entries_path_for_index", "tile_path")
def test_tiles_lie_where_others_look(section: str, case: list[Any]) -> None:
    """Otherwise a client of tlog-tiles would not find our tiles."""
    if section == "tile_path":
        level, number, width, path = case
        assert tile_path(level, number, width) == path
    else:
        index, size, path = case
        number = index // TILE_WIDTH
        assert Tile(-1, number, min(size - number * TILE_WIDTH, TILE_WIDTH)).path == path


@pytest.mark.vectors("tile_paths.json", "parse_ok", "parse_err")
def test_tile_paths_parse_as_elsewhere(section: str, case: list[Any]) -> None:
    """Otherwise two paths would name one tile, or one path two."""
    path = f"tile/{case[0]}/{case[1]}"
    if section == "parse_ok":
        level, number, width = case[2:]
        assert parse_path(path) == Tile(level, number, width or 256)
    else:
        with pytest.raises(BadTile):
            parse_path(path)


@pytest.mark.vectors("tile_paths.json", "node_to_tile")
def test_nodes_lie_in_the_tile_where_others_look(case: list[int]) -> None:
    """Otherwise a proof put together from tiles would use other hashes."""
    level, index, tile_level, number, node_level, node_index = case
    found_level, found_number, first = tile_of(level, index)
    assert (found_level, found_number) == (tile_level, number)
    assert (level % 8, first >> level % 8) == (node_level, node_index)


@pytest.mark.vectors("tile_paths.json", "tile_census")
def test_a_log_has_the_tiles_it_should(case: dict[str, Any]) -> None:
    """Otherwise an export would lack a tile, or have one too many."""
    full: dict[str, int] = {}
    partial: dict[str, int] = {}
    for tile in tiles_of(case["size"]):
        if tile.width == 256:
            full[str(tile.level)] = full.get(str(tile.level), 0) + 1
        else:
            partial[str(tile.level)] = tile.width
    assert (full, partial) == (case["full"], case["partial_width"])


def exact(value: Any) -> bool:
    """Whether a value is in the part of JSON that entries may use."""
    if isinstance(value, dict):
        names = all(ord(c) <= 0xFFFF for name in value for c in name)
        return names and all(map(exact, value.values()))
    if isinstance(value, list):
        return all(map(exact, value))
    if isinstance(value, float):
        return False
    return not isinstance(value, int) or abs(value) <= MAX_INT


@pytest.mark.vectors("jcs_rfc8785.json", "cases")
def test_canonical_json_is_rfc_8785_or_refused(case: dict[str, Any]) -> None:
    """Otherwise the bytes we hash would be others than those an auditor's library makes."""
    value = json.loads(base64.b64decode(case["input_b64"]))
    output = base64.b64decode(case["output_b64"])
    if exact(value):
        assert canonical(value) == output
        assert parse(output) == value
    else:
        with pytest.raises(Malformed):
            canonical(value)
