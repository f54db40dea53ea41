"""Tiles, bundles and their paths, as C2SP tlog-tiles has them."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audit.errors import BadTile
from audit.tiles import (
    Tile,
    bundles_of,
    decode_bundle,
    encode_bundle,
    parse_path,
    read_bundle,
    served,
    tile_bytes,
    tile_hashes,
    tile_of,
    tile_path,
    tiles_of,
)
from audit.tree import MemoryNodes, leaf_hash, root_of
from tests.memory_log import MemoryLog

ENTRIES = [b"entry %d" % index for index in range(66_200)]


def mth(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 §2.1.1 over leaf hashes, as it is written there."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


@pytest.fixture(scope="module")
def grown() -> tuple[MemoryLog, list[list[bytes]]]:
    """A log with tiles of three levels, and the hashes of each level by the definition."""
    leaves = [hashlib.sha256(b"\x00" + entry).digest() for entry in ENTRIES]
    levels = [leaves]
    while len(levels[-1]) >= 256:
        below = levels[-1]
        levels.append([mth(below[n : n + 256]) for n in range(0, len(below) - 255, 256)])
    return MemoryLog(ENTRIES), levels


@pytest.mark.parametrize(
    ("size", "full", "partial"),
    [
        (70_000, {0: 273, 1: 1}, {0: 112, 1: 17, 2: 1}),
        (256, {0: 1}, {1: 1}),
        (1, {}, {0: 1}),
        (0, {}, {}),
    ],
)
def test_a_log_has_the_tiles_of_the_specification(
    size: int, full: dict[int, int], partial: dict[int, int]
) -> None:
    """Otherwise other people's clients would ask for tiles that we do not have."""
    tiles = list(tiles_of(size))
    levels = {tile.level for tile in tiles}
    counted = {n: sum(t.width == 256 for t in tiles if t.level == n) for n in levels}
    assert {level: count for level, count in counted.items() if count} == full
    assert {tile.level: tile.width for tile in tiles if tile.width < 256} == partial
    assert sum(tile.width for tile in bundles_of(size)) == size


@given(st.integers(-1, 63), st.integers(0, 10**15), st.integers(1, 256))
def test_a_path_names_one_tile(level: int, number: int, width: int) -> None:
    """Otherwise one tile could be stored over another."""
    tile = Tile(level, number, width)
    assert parse_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0",
        "tile/64/000",
        "tile/-1/000",
        "tile/00/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/001/002",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/../000",
        "tiles/0/000",
        "tile/entries/\u0661\u0661\u0661",
    ],
)
def test_any_other_path_is_refused(path: str) -> None:
    """Otherwise a package could hold a file that looks like a tile and is never checked."""
    with pytest.raises(BadTile):
        parse_path(path)


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_reads_as_it_was_written(entries: list[bytes]) -> None:
    """Otherwise an export would lose or change entries."""
    assert decode_bundle(encode_bundle(entries)) == entries


def test_a_cut_bundle_is_refused_but_its_beginning_can_be_read() -> None:
    """Otherwise a cut file could pass for a shorter log, or say nothing about where it is cut."""
    data = encode_bundle([b"one", b"two"])[:-1]
    assert read_bundle(data) == ([b"one"], 4)
    with pytest.raises(BadTile):
        decode_bundle(data)
    with pytest.raises(BadTile):
        encode_bundle([b"x" * 65_536])


def test_tiles_hold_the_hashes_of_the_tree() -> None:
    """Otherwise proofs made from tiles would not lead to the signed root."""
    leaves = [leaf_hash(b"%d" % index) for index in range(700)]
    nodes = MemoryNodes(leaves)
    stored = {tile.path: tile_hashes(tile_bytes(tile, nodes)) for tile in tiles_of(700)}
    assert stored["tile/0/002.p/188"] == leaves[512:]
    assert stored["tile/1/000.p/2"] == [root_of(leaves[:256]), root_of(leaves[256:512])]
    with pytest.raises(BadTile):
        tile_hashes(b"x" * 33)


def test_nodes_are_found_in_their_tile() -> None:
    """Otherwise a proof would be put together from hashes of other nodes."""
    assert tile_of(0, 256) == (0, 1, 0)
    assert tile_of(3, 5) == (0, 0, 40)
    assert tile_of(8, 0) == (1, 0, 0)
    assert Tile(-1, 1, 1).path == "tile/entries/001.p/1"
    with pytest.raises(BadTile):
        tile_path(64, 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, len(ENTRIES)), st.data())
@example(255, None)
@example(256, None)
@example(257, None)
@example(65_535, None)
@example(65_536, None)
@example(65_537, None)
def test_the_tiles_of_every_size_are_those_of_the_definition(
    grown: tuple[MemoryLog, list[list[bytes]]], size: int, data: st.DataObject | None
) -> None:
    """Otherwise some checkpoint of ours could not be rebuilt from the tiles of its size."""
    log, levels = grown
    for tile in tiles_of(size):
        if tile.width == 256 and tile.level == 0 and tile.number % 37:
            continue
        hashes = levels[tile.level][tile.number * 256 : tile.number * 256 + tile.width]
        assert tile.fits(size)
        assert not tile.fits(tile.span[1] - 1)
        assert served(tile, log) == b"".join(hashes)
        if data is not None:
            width = data.draw(st.integers(1, tile.width), label="an older width")
            older = Tile(tile.level, tile.number, width)
            assert older.fits(size)
            assert served(older, log) == b"".join(hashes[:width])
    last = list(bundles_of(size))[-1]
    first, stop = last.span
    assert stop == size
    assert decode_bundle(served(last, log)) == ENTRIES[first:stop]


def test_a_log_that_lacks_an_entry_serves_no_bundle_of_it() -> None:
    """Otherwise a bundle with a hole would be kept for ever by whoever fetched it."""
    with pytest.raises(BadTile):
        served(Tile(-1, 0, 4), MemoryLog(ENTRIES[:3]))
