"""A package read and hashed in stretches: the work that is done in parallel.

The law: a stretch begins at a multiple of 256 entries, so its groups of leaves are complete subtrees
and stretches can be checked apart from one another, by as many processes as there are. They are
short, so that no process waits long for the last one of another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

from audit.entryreader import EntryReader
from audit.errors import Tampered
from audit.package import Disclosure, Package
from audit.stretch import Stretch, Unreadable
from audit.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, read_bundle, tile_hashes
from audit.tree import HASH_SIZE, MemoryNodes, next_level

STRETCH = 1 << 13
_WORTH = 1 << 16
"""Entries from which on it pays to start another process."""


def scan(
    package: Package | Path,
    start: int,
    stop: int,
    disclosures: Sequence[Disclosure] = (),
    *,
    minimum: int = 0,
    envelopes: bool = True,
) -> Stretch:
    """Read and check the entries `start` (a multiple of 256) to `stop`.

    `disclosures` are those of these entries. Below `minimum` there are only leaf hashes. Without
    `envelopes` only hashes are computed and compared.
    Raises `Gap` for a missing file; everything else that is wrong is in what is returned.
    """
    if isinstance(package, Path):
        package = _opened(package)
    result = Stretch(start, stop, first=min(max(start, minimum), stop))
    reader = EntryReader(result, disclosures, minimum) if envelopes else None
    for first in range(start, stop, TILE_WIDTH):
        width = min(TILE_WIDTH, stop - first)
        leaves = Tile(0, first // TILE_WIDTH, width)
        tile = package.tile(leaves)
        files = {leaves.path: tile}
        if first < minimum:
            hashes = _stored_leaves(tile, width)
            if len(tile) != width * HASH_SIZE and result.mismatch is None:
                result.mismatch = first
        else:
            bundle = Tile(-1, first // TILE_WIDTH, width)
            files[bundle.path] = data = package.tile(bundle)
            entries, rest = read_bundle(data)
            hashes = leaf_hashes(entries)
            if rest or len(entries) != width:
                same = _first_difference(hashes, tile)
                missing = not rest and same == len(entries) < width
                found = len(entries)
                result.unreadable = Unreadable(bundle.path, first + same, found, width, missing)
                return result
            if result.mismatch is None and b"".join(hashes) != tile:
                result.mismatch = first + _first_difference(hashes, tile)
            if reader is not None and result.wrong is None:
                reader.read(first, entries)
        if width == TILE_WIDTH:
            result.groups.append(group_root(hashes))
        else:
            result.tail = hashes
        if envelopes and result.unsealed is None:
            result.unsealed = _unsealed(package, files)
    if reader is not None:
        reader.finish()
    return result


def _unsealed(package: Package, files: Mapping[str, bytes]) -> str | None:
    try:
        for name, data in files.items():
            package.files.seal(name, data)
    except Tampered as error:
        return str(error)
    return None


@lru_cache(maxsize=1)
def _opened(path: Path) -> Package:
    """One opening for each worker process."""
    return Package.open(path)


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """The leaf hash of each entry."""
    begun = hashlib.sha256(b"\x00")
    hashes = []
    for entry in entries:
        leaf = begun.copy()  # cheaper than a copy of the entry with a byte before it
        leaf.update(entry)
        hashes.append(leaf.digest())
    return hashes


def _stored_leaves(tile: bytes, width: int) -> list[bytes]:
    """The `width` hashes in a leaf tile, whatever its length: the root will tell."""
    wanted = width * HASH_SIZE
    return tile_hashes(tile[:wanted].ljust(wanted, b"\0"))


def group_root(hashes: list[bytes]) -> bytes:
    """The root over 256 hashes."""
    while len(hashes) > 1:
        hashes = next_level(hashes)
    return hashes[0]


def _first_difference(hashes: Sequence[bytes], tile: bytes) -> int:
    """The position of the first hash that the tile's bytes do not repeat."""
    for position, hash_ in enumerate(hashes):
        if tile[position * 32 : position * 32 + 32] != hash_:
            return position
    return len(hashes)


def scan_all(
    package: Package,
    size: int,
    disclosures: Sequence[Disclosure] = (),
    *,
    workers: int = 1,
    minimum: int = 0,
    envelopes: bool = True,
) -> list[Stretch]:
    """Scan all `size` entries in stretches of 8,192, by `workers` processes if that pays.

    This process is one of them: it takes from the end what no other has begun.
    """
    jobs = [(start, min(start + STRETCH, size)) for start in range(0, size, STRETCH)]
    parts: dict[int, list[Disclosure]] = {}
    for disclosure in disclosures:
        parts.setdefault(disclosure.index // STRETCH * STRETCH, []).append(disclosure)

    def here(start: int, stop: int) -> Stretch:
        shown = parts.get(start, ())
        return scan(package, start, stop, shown, minimum=minimum, envelopes=envelopes)

    others = min(workers, len(jobs)) - 1 if size > _WORTH else 0
    if others < 1:
        return [here(*job) for job in jobs]
    with ProcessPoolExecutor(others, get_context("spawn")) as pool:
        futures = [
            pool.submit(
                scan,
                package.path,
                *job,
                parts.get(job[0], ()),
                minimum=minimum,
                envelopes=envelopes,
            )
            for job in jobs
        ]
        try:
            found = {
                job: here(*job)
                for job, future in zip(reversed(jobs), reversed(futures), strict=True)
                if future.cancel()
            }
            return [
                found[job] if job in found else future.result()
                for job, future in zip(jobs, futures, strict=True)
            ]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class Computed:
    """The tree nodes that follow from the entries themselves, not from any stored tile.

    Below the minimum of a pruned log the leaf tiles stand for the entries.
    """

    def __init__(
        self, package: Package, size: int, stretches: Sequence[Stretch], minimum: int = 0
    ) -> None:
        groups = [group for stretch in stretches for group in stretch.groups]
        self._package, self._size, self._count = package, size, len(groups)
        self._pruned = minimum // TILE_WIDTH
        self._upper = MemoryNodes(groups)
        self._tail = MemoryNodes(stretches[-1].tail if stretches else ())
        self._last: tuple[int, MemoryNodes] = (-1, self._tail)

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree (`level`, `index`)."""
        if level >= TILE_HEIGHT:
            return self._upper(level - TILE_HEIGHT, index)
        below = TILE_HEIGHT - level
        number = index >> below
        return self._group(number)(level, index - (number << below))

    def _group(self, number: int) -> MemoryNodes:
        if number == self._count:
            return self._tail
        if self._last[0] != number:
            if number < self._pruned:
                tile = self._package.tile(Tile(0, number, TILE_WIDTH))
                leaves = _stored_leaves(tile, TILE_WIDTH)
            else:
                entries, _ = read_bundle(self._package.tile(Tile(-1, number, TILE_WIDTH)))
                leaves = leaf_hashes(entries)
            self._last = (number, MemoryNodes(leaves))
        return self._last[1]
