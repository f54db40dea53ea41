"""Which entry is wrong: finding the smallest part of a log that a signed root disproves.

The law: start from what is signed and go down. The root vouches for the hashes along the tree's
right edge, each hash in a tile vouches for the tile below it, a leaf hash for its entry. Where a
tile still agrees with what vouches for it and an entry does not, the entry was altered; where the
tile does not agree either, everything below the last hash that is vouched for is the smallest
part that can be named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

from audit.package import Package
from audit.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, tile_hashes, tiles_of
from audit.tree import HASH_SIZE, Frontier, NodeSource, fold, root_of

_Hashes = Callable[[Tile], list[bytes]]


@dataclass(frozen=True, slots=True)
class Fault:
    """Entries `start` to `stop` do not hash to what is signed; `leaf` if one entry is meant and
    its stored leaf hash is vouched for."""

    start: int
    stop: int
    leaf: bool


def locate(package: Package, size: int, root: bytes, computed: NodeSource) -> list[Fault]:
    """The parts of the log that differ from the signed `root`, leftmost first; empty if none.

    `computed` gives the hashes that follow from the entries themselves. If nothing that is stored
    leads to the root, the answer is the whole log.
    """

    def stored(tile: Tile) -> list[bytes]:
        data = package.tile(tile)
        return tile_hashes(data) if len(data) == tile.width * HASH_SIZE else []

    def derived(tile: Tile) -> list[bytes]:
        height, first = tile.level * TILE_HEIGHT, tile.number * TILE_WIDTH
        return [computed(height, first + i) for i in range(tile.width)]

    edge = [tile for tile in tiles_of(size) if tile.width < TILE_WIDTH]
    edge.sort(key=lambda tile: -tile.level)
    for sources in product((derived, stored), repeat=len(edge)):
        vouched = [source(tile) for source, tile in zip(sources, edge, strict=True)]
        if _edge_root(vouched) == root:
            faults = [
                fault
                for tile, hashes in zip(edge, vouched, strict=True)
                for fault in _below(tile, hashes, stored, derived)
            ]
            return sorted(faults, key=lambda fault: fault.start)
    return [Fault(0, size, leaf=False)]


def altered_tile(package: Package, size: int, computed: NodeSource) -> Tile | None:
    """The first stored tile that is not what the entries hash to."""
    for tile in tiles_of(size):
        height, first = tile.level * TILE_HEIGHT, tile.number * TILE_WIDTH
        hashes = b"".join(computed(height, first + i) for i in range(tile.width))
        if package.tile(tile) != hashes:
            return tile
    return None


def _edge_root(levels: list[list[bytes]]) -> bytes:
    """The root of a tree from the hashes in its partial tiles, highest level first."""
    peaks: list[bytes] = []
    for hashes in levels:
        frontier = Frontier()
        frontier.extend(hashes)
        peaks += frontier.hashes
    return fold(peaks)


def _below(tile: Tile, vouched: list[bytes], stored: _Hashes, derived: _Hashes) -> Iterator[Fault]:
    """The faults under a tile whose hashes are vouched for."""
    each = TILE_WIDTH**tile.level
    for position, (right, found) in enumerate(zip(vouched, derived(tile), strict=False)):
        if right == found:
            continue
        number = tile.number * TILE_WIDTH + position
        if tile.level == 0:
            yield Fault(number, number + 1, leaf=True)
            continue
        child = Tile(tile.level - 1, number, TILE_WIDTH)
        hashes = stored(child)
        if len(hashes) == TILE_WIDTH and root_of(hashes) == right:
            yield from _below(child, hashes, stored, derived)
        else:
            yield Fault(number * each, (number + 1) * each, leaf=False)
