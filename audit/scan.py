"""A package read and hashed in stretches: the work that is done in parallel.

The law: a stretch begins at a multiple of 256 entries, so its groups of leaves are complete subtrees
and stretches can be checked apart from one another, by as many processes as there are. They are
short, so that no process waits long for the last one of another; and they are handed on in order, no
more of them read before their turn than `_AHEAD` and what others have to do, so that a long log takes
no more memory.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import NamedTuple

from audit.entryreader import EntryReader
from audit.errors import LogError, Tampered
from audit.package import Disclosure, Package
from audit.stretch import Stretch, Unreadable
from audit.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, read_bundle, tile_hashes
from audit.tree import HASH_SIZE, MemoryNodes, next_level

STRETCH = 1 << 13
_WORTH = 1 << 16
"""Entries from which on it pays to start another process."""
_EACH = 3
"""Stretches that are given to a process before it asks for them."""
_AHEAD = 32
"""Stretches that are kept until it is their turn, beside those that others have to do."""


class Job(NamedTuple):
    """A stretch to be read: entries `start` to `stop`, and what is disclosed of them."""

    start: int
    stop: int
    disclosures: Sequence[Disclosure] = ()


def scan(package: Package, job: Job, *, minimum: int = 0, envelopes: bool = True) -> Stretch:
    """Read and check the entries of `job`, which begins at a multiple of 256.

    Below `minimum` there are only leaf hashes. Without `envelopes` only hashes are computed and
    compared.
    Raises `Gap` for a missing file; everything else that is wrong is in what is returned.
    """
    start, stop, disclosures = job
    result = Stretch(start, stop, first=min(max(start, minimum), stop))
    result.disclosed = len(disclosures)
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
            package.files.seal(name, (data,))
    except Tampered as error:
        return str(error)
    return None


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


def _jobs(size: int, disclosures: Iterable[Disclosure]) -> Iterator[Job]:
    """The stretches of a log of `size` entries, each with what is disclosed of it, both in order."""
    shown = iter(disclosures)
    following = next(shown, None)
    for start in range(0, size, STRETCH):
        stop, here = min(start + STRETCH, size), []
        while following is not None and following.index < stop:
            here.append(following)
            following = next(shown, None)
        yield Job(start, stop, here)


def scan_all(
    package: Package,
    size: int,
    disclosures: Iterable[Disclosure] = (),
    *,
    workers: int = 1,
    minimum: int = 0,
    envelopes: bool = True,
) -> Iterator[Stretch]:
    """Scan all `size` entries in stretches of 8,192, in order, by `workers` processes if that pays.

    This process is one of them, and at the end takes what no other has begun.
    """
    here = partial(scan, package, minimum=minimum, envelopes=envelopes)
    jobs = _jobs(size, disclosures)
    others = min(workers, -(-size // STRETCH)) - 1 if size > _WORTH else 0
    if others < 1:
        yield from map(here, jobs)
        return
    held = (package, minimum, envelopes)
    with ProcessPoolExecutor(others, get_context("spawn"), _hold, held) as pool:
        try:
            yield from _in_order(pool, jobs, here, others * _EACH)
        except BrokenProcessPool as error:
            raise LogError(
                "a process that read beside this one was ended, perhaps for want of memory: verify "
                "with `--workers 1`"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _in_order(
    pool: ProcessPoolExecutor, jobs: Iterator[Job], here: Callable[[Job], Stretch], given: int
) -> Iterator[Stretch]:
    """What is read of the jobs, in order: here, and in the pool, which has `given` of them to do."""
    turns: deque[tuple[Job | None, Future[Stretch]]] = deque()
    """Each with its job as long as it may have to be done here after all."""
    most = _AHEAD + given
    while True:
        idle = min(given - sum(not turn.done() for _, turn in turns), most - len(turns))
        turns.extend((job, pool.submit(_read_held, job)) for job in islice(jobs, max(idle, 0)))
        job = next(jobs, None) if len(turns) < most else None
        if job is not None:
            turns.append((None, _done(here(job))))
        elif not turns:
            return
        else:
            for place in reversed(range(len(turns))):
                job, turn = turns[place]
                if job is not None and turn.cancel():  # no other had begun it
                    turns[place] = None, _done(here(job))
                    break
            else:
                wait([turns[0][1]])
        while turns and turns[0][1].done():
            yield turns.popleft()[1].result()


def _done(stretch: Stretch) -> Future[Stretch]:
    turn: Future[Stretch] = Future()
    turn.set_result(stretch)
    return turn


_held: Callable[[Job], Stretch]
"""How another process reads a job: set once, when it begins."""


def _hold(package: Package, minimum: int, envelopes: bool) -> None:
    global _held
    _held = partial(scan, package, minimum=minimum, envelopes=envelopes)


def _read_held(job: Job) -> Stretch:
    return _held(job)


class Computed:
    """The tree nodes that follow from the entries themselves, not from any stored tile.

    Below the minimum of a pruned log the leaf tiles stand for the entries.
    """

    def __init__(
        self, package: Package, stretches: Iterable[Stretch] = (), *, minimum: int = 0
    ) -> None:
        self._package, self._pruned = package, minimum // TILE_WIDTH
        self._upper, self._tail = MemoryNodes(), MemoryNodes()
        self._last: tuple[int, MemoryNodes] = (-1, self._tail)
        for stretch in stretches:
            self.add(stretch)

    def add(self, stretch: Stretch) -> None:
        """The next stretch."""
        for group in stretch.groups:
            self._upper.append(group)
        self._tail = MemoryNodes(stretch.tail)

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree (`level`, `index`)."""
        if level >= TILE_HEIGHT:
            return self._upper(level - TILE_HEIGHT, index)
        below = TILE_HEIGHT - level
        number = index >> below
        return self._group(number)(level, index - (number << below))

    def _group(self, number: int) -> MemoryNodes:
        if number == self._upper.size:
            return self._tail
        if self._last[0] != number:
            if number < self._pruned:
                tile = self._package.tile(Tile(0, number, TILE_WIDTH))
                leaves = _stored_leaves(tile, TILE_WIDTH)
            else:
                entries, _ = read_bundle(self._package.tile(Tile(-1, number, TILE_WIDTH)))
                leaves = leaf_hashes(entries)
            if len(leaves) != TILE_WIDTH or group_root(leaves) != self._upper(0, number):
                start = number * TILE_WIDTH
                raise Tampered(
                    f"the entries {start} to {start + TILE_WIDTH - 1} were changed while they were read",
                    span=(start, start + TILE_WIDTH),
                )
            self._last = (number, MemoryNodes(leaves))
        return self._last[1]
