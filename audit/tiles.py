"""Tiles and entry bundles, C2SP tlog-tiles: how a log lies in files.

    tile/<level>/<index>[.p/<width>]     up to 256 hashes of one tree level, 32 bytes each
    tile/entries/<index>[.p/<width>]     up to 256 entries, each after its 16-bit length

The law: a full tile never changes; only the rightmost of each level may be partial, and then its
width is part of its name. A hash in a tile of level l is the root of 256^l leaves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from audit.encoding import decimal
from audit.entry import MAX_ENTRY
from audit.errors import BadTile
from audit.storage import Log
from audit.tree import HASH_SIZE, NodeSource

TILE_WIDTH: Final = 256
TILE_HEIGHT: Final = 8
MAX_LEVEL = 63

_INDEX = re.compile(r"(?:x[0-9]{3}/)*[0-9]{3}", re.ASCII)


class Tile(NamedTuple):
    """A tile's place: `level` (-1 for an entry bundle), index in its level, width 1 to 256."""

    level: int
    number: int
    width: int

    @property
    def path(self) -> str:
        """Where the tile lies, below the log's prefix."""
        width = self.width % TILE_WIDTH
        if self.level < 0:
            return entries_path(self.number, width)
        return tile_path(self.level, self.number, width)

    def fits(self, size: int) -> bool:
        """Whether a log of `size` entries has it: every hash or entry it holds is complete."""
        hashes = size >> TILE_HEIGHT * max(self.level, 0)
        return self.number * TILE_WIDTH + self.width <= hashes

    @property
    def span(self) -> tuple[int, int]:
        """The half-open range of entries below the tile's hashes."""
        each = TILE_WIDTH ** max(self.level, 0)
        first = self.number * TILE_WIDTH
        return first * each, (first + self.width) * each


def tile_path(level: int, number: int, width: int = 0) -> str:
    """The path of a tile; `width` 0 (or 256) means full. Raises `BadTile`."""
    if not 0 <= level <= MAX_LEVEL:
        raise BadTile(f"there is no tile level {level}; levels are 0 to {MAX_LEVEL}")
    return f"tile/{level}/{_index_path(number, width)}"


def entries_path(number: int, width: int = 0) -> str:
    """The path of an entry bundle; `width` 0 (or 256) means full. Raises `BadTile`."""
    return f"tile/entries/{_index_path(number, width)}"


def parse_path(path: str) -> Tile:
    """The tile that lies at `path`. Raises `BadTile` for any path `Tile.path` would not write."""
    parts = path.split("/", 2)
    if len(parts) != 3 or parts[0] != "tile":
        raise BadTile(f"`{path[:120]}` is not the path of a tile")
    index, dot, width = parts[2].partition(".p/")
    try:
        level = -1 if parts[1] == "entries" else decimal(parts[1])
        if level > MAX_LEVEL or not _INDEX.fullmatch(index):
            raise ValueError
        number = int(index.replace("x", "").replace("/", ""))
        tile = Tile(level, number, decimal(width) if dot else TILE_WIDTH)
        if dot and not 1 <= tile.width < TILE_WIDTH:
            raise ValueError
        if number >= 2**63 or tile.path != path:
            raise ValueError
    except ValueError:
        raise BadTile(f"`{path[:120]}` is not the path of a tile") from None
    return tile


def tile_of(level: int, index: int) -> tuple[int, int, int]:
    """Where the tree node (`level`, `index`) is found: tile level, tile number, first hash.

    A node between tile levels is the root over several hashes; the first of them is named.
    """
    tile_level, below = divmod(level, TILE_HEIGHT)
    first = index << below
    return tile_level, first // TILE_WIDTH, first % TILE_WIDTH


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile of a log of `size` entries: level by level, left to right."""
    level, hashes = 0, size
    while hashes:
        full, rest = divmod(hashes, TILE_WIDTH)
        for number in range(full):
            yield Tile(level, number, TILE_WIDTH)
        if rest:
            yield Tile(level, full, rest)
        level, hashes = level + 1, full


def bundles_of(size: int, first: int = 0) -> Iterator[Tile]:
    """The entry bundles of a log of `size` entries, left to right, from the one numbered `first`."""
    full, rest = divmod(size, TILE_WIDTH)
    for number in range(first, full):
        yield Tile(-1, number, TILE_WIDTH)
    if rest and first <= full:
        yield Tile(-1, full, rest)


def tiles_since(old: int, new: int) -> Iterator[Tile]:
    """The tiles of a log of `new` entries that are not those of its first `old`: what grew."""
    level = 0
    while new:
        yield from _grown(level, old, new)
        level, old, new = level + 1, old // TILE_WIDTH, new // TILE_WIDTH


def bundles_since(old: int, new: int) -> Iterator[Tile]:
    """The entry bundles of a log of `new` entries that are not those of its first `old`."""
    return _grown(-1, old, new)


def _grown(level: int, old: int, new: int) -> Iterator[Tile]:
    """The tiles of one level that hold hashes (or entries) from `old` on, of `new` there are."""
    if old < new:
        for number in range(old // TILE_WIDTH, -(-new // TILE_WIDTH)):
            yield Tile(level, number, min(new - number * TILE_WIDTH, TILE_WIDTH))


def tile_bytes(tile: Tile, hashes: NodeSource) -> bytes:
    """The bytes of `tile`: `width` hashes of tree level 8 · `tile.level`."""
    first = tile.number * TILE_WIDTH
    height = tile.level * TILE_HEIGHT
    return b"".join(hashes(height, first + i) for i in range(tile.width))


def served(tile: Tile, log: Log) -> bytes:
    """The bytes of a tile or an entry bundle of `log`, which has it (`Tile.fits`).

    Raises what the log raises for entries it keeps no longer, and `BadTile` if it lacks some.
    """
    first, stop = tile.span
    if tile.level > 0:
        return tile_bytes(tile, log.node)
    found = list(log.entries(first, stop) if tile.level < 0 else log.leaves(first, stop))
    if len(found) != tile.width:
        raise BadTile(f"the log lacks entry {first + len(found)}, though it has more than that")
    return encode_bundle(found) if tile.level < 0 else b"".join(found)


def tile_hashes(data: bytes) -> list[bytes]:
    """The hashes in a tile's bytes. Raises `BadTile` if they do not divide by 32."""
    if len(data) % HASH_SIZE:
        raise BadTile(f"a tile of {len(data)} bytes is not a sequence of {HASH_SIZE}-byte hashes")
    return [data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE)]


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """The entries, each after its length as a 16-bit big-endian number."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY:
            raise BadTile(f"an entry of {len(entry)} bytes does not fit a bundle")
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def decode_bundle(data: bytes) -> list[bytes]:
    """The entries of a bundle. Raises `BadTile` if the last one is cut; see `read_bundle`."""
    entries, rest = read_bundle(data)
    if rest:
        raise BadTile(f"the bundle is cut within its entry number {len(entries)}")
    return entries


def read_bundle(data: bytes) -> tuple[list[bytes], int]:
    """The entries that can be read from the front of `data`, and the bytes that are left over."""
    entries, position, end = [], 0, len(data)
    while position + 2 <= end:
        start = position + 2
        stop = start + (data[position] << 8 | data[position + 1])
        if stop > end:
            break
        entries.append(data[start:stop])
        position = stop
    return entries, end - position


def _index_path(number: int, width: int) -> str:
    if number < 0 or not 0 <= width <= TILE_WIDTH:
        raise BadTile(f"there is no tile number {number} of width {width}")
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03d}")
    suffix = f".p/{width}" if width % TILE_WIDTH else ""
    return "/".join(reversed(groups)) + suffix
