"""One stretch of a package, read, hashed and checked: the work that is done in parallel.

The law: a stretch begins at a multiple of 65,536 entries, so its tree hashes are complete
subtrees and stretches can be checked apart from one another. What needs other stretches (times
across their border, references backwards) is handed back, small, for `audit.verify` to join.
Nothing here decides who is right when an entry and its leaf disagree; `audit.locate` does.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

from audit.commit import opens
from audit.entry import Entry, decode, role_of
from audit.errors import LogError, Tampered
from audit.package import Disclosure, Package
from audit.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, read_bundle
from audit.tree import MemoryNodes, next_level

STRETCH = 1 << 16


@dataclass(slots=True)
class Unreadable:
    """A bundle that does not hold as many entries as its name says."""

    file: str
    index: int
    found: int
    expected: int
    missing: bool
    """All that is there is right, and the rest is not there."""


@dataclass(slots=True, order=True)
class Wrong:
    """An entry that is hashed and signed as it is, and is not as an entry must be."""

    index: int
    why: str
    shown: bool = False
    """It is not the entry that is wrong but what `disclosures.jsonl` shows of it."""


@dataclass(slots=True)
class Stretch:
    """What one stretch holds."""

    start: int
    stop: int
    groups: list[bytes] = field(default_factory=list)
    """The root of each complete group of 256 leaves."""
    tail: list[bytes] = field(default_factory=list)
    """The leaf hashes after the last complete group."""
    mismatch: int | None = None
    """The first entry whose hash is not the one in its leaf tile."""
    unreadable: Unreadable | None = None
    unsealed: str | None = None
    """The first file for which the container holds another checksum, in words."""
    wrong: Wrong | None = None
    """The first entry that is not as an entry must be."""
    first_at: str = ""
    last_at: str = ""
    kinds: Counter[str] = field(default_factory=Counter)
    roles: list[str] = field(default_factory=list)
    """The roles of this stretch, numbered by position."""
    role_of: array[int] = field(default_factory=lambda: array("H"))
    """For each entry the number of its role."""
    references: int = 0
    backward: list[tuple[int, str, int]] = field(default_factory=list)
    """References to before the stretch: entry, role, target."""
    commitments: int = 0
    blobs: set[str] = field(default_factory=set)


def scan(
    package: Package | Path,
    start: int,
    stop: int,
    disclosures: Sequence[Disclosure] = (),
    *,
    envelopes: bool = True,
) -> Stretch:
    """Read and check the entries `start` (a multiple of 65,536) to `stop`.

    `disclosures` are those of these entries. Without `envelopes` only hashes are computed and compared.
    Raises `Gap` for a missing file; everything else that is wrong is in what is returned.
    """
    if isinstance(package, Path):
        package = _opened(package)
    result = Stretch(start, stop)
    reader = _Reader(result, disclosures) if envelopes else None
    for first in range(start, stop, TILE_WIDTH):
        width = min(TILE_WIDTH, stop - first)
        bundle = Tile(-1, first // TILE_WIDTH, width)
        leaves = Tile(0, first // TILE_WIDTH, width)
        data, tile = package.tile(bundle), package.tile(leaves)
        entries, rest = read_bundle(data)
        hashes = leaf_hashes(entries)
        if rest or len(entries) != width:
            same = _first_difference(hashes, tile)
            missing = not rest and same == len(entries) < width
            result.unreadable = Unreadable(bundle.path, first + same, len(entries), width, missing)
            return result
        if result.mismatch is None and b"".join(hashes) != tile:
            result.mismatch = first + _first_difference(hashes, tile)
        if width == TILE_WIDTH:
            result.groups.append(group_root(hashes))
        else:
            result.tail = hashes
        if reader is not None and result.wrong is None:
            reader.read(first, entries)
        if envelopes and result.unsealed is None:
            result.unsealed = _unsealed(package, {bundle.path: data, leaves.path: tile})
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
    sha256 = hashlib.sha256
    return [sha256(b"\x00" + entry).digest() for entry in entries]


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
    envelopes: bool = True,
) -> list[Stretch]:
    """Scan all `size` entries in stretches of 65,536, by several processes if that pays."""
    starts = range(0, size, STRETCH)
    parts = [[d for d in disclosures if start <= d.index < start + STRETCH] for start in starts]
    stops = [min(start + STRETCH, size) for start in starts]
    if workers <= 1 or len(starts) == 1:
        return [
            scan(package, start, stop, part, envelopes=envelopes)
            for start, stop, part in zip(starts, stops, parts, strict=True)
        ]
    with ProcessPoolExecutor(min(workers, len(starts)), get_context("spawn")) as pool:
        futures = [
            pool.submit(scan, package.path, start, stop, part, envelopes=envelopes)
            for start, stop, part in zip(starts, stops, parts, strict=True)
        ]
        return [future.result() for future in futures]


class Computed:
    """The tree nodes that follow from the entries themselves, not from any stored tile."""

    def __init__(self, package: Package, size: int, stretches: Sequence[Stretch]) -> None:
        groups = [group for stretch in stretches for group in stretch.groups]
        self._package, self._size, self._count = package, size, len(groups)
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
            entries, _ = read_bundle(self._package.tile(Tile(-1, number, TILE_WIDTH)))
            self._last = (number, MemoryNodes(leaf_hashes(entries)))
        return self._last[1]


class _Reader:
    """Checks entry after entry of one stretch; stops at the first that is wrong."""

    def __init__(self, result: Stretch, disclosures: Sequence[Disclosure]) -> None:
        self._result = result
        self._numbers: dict[str, int] = {}
        self._shown: dict[int, list[Disclosure]] = {}
        for disclosure in disclosures:
            self._shown.setdefault(disclosure.index, []).append(disclosure)

    def read(self, first: int, entries: Sequence[bytes]) -> None:
        for index, data in enumerate(entries, first):
            try:
                entry = decode(data)
                self._check(index, data, entry)
            except LogError as error:
                self._result.wrong = Wrong(index, str(error))
                return
            try:
                self._check_shown(index, entry)
            except LogError as error:
                self._result.wrong = Wrong(index, str(error), shown=True)
                return

    def _check(self, index: int, data: bytes, entry: Entry) -> None:
        result = self._result
        at = data[7:34].decode()
        if at < result.last_at:
            raise LogError(f"its time {at} is before that of the entry before it")
        result.first_at = result.first_at or at
        result.last_at = at
        result.kinds[entry.kind] += 1
        role = role_of(entry.kind)
        number = self._numbers.setdefault(role, len(self._numbers))
        if number == len(result.roles):
            result.roles.append(role)
        result.role_of.append(number)
        refs = entry.data.get("refs")
        if refs:
            self._check_refs(index, refs)
        result.commitments += len(entry.data.get("commitments", ()))
        result.blobs.update(entry.data.get("files", {}).values())

    def _check_shown(self, index: int, entry: Entry) -> None:
        if index not in self._shown:
            return
        commitments = entry.data.get("commitments", {})
        for shown in self._shown[index]:
            if shown.name not in commitments:
                raise LogError(f"a value is shown for `{shown.name}`, to which it does not commit")
            opens(commitments[shown.name], shown.salt, shown.name, shown.value)

    def _check_refs(self, index: int, refs: Mapping[str, int]) -> None:
        result = self._result
        for role, target in refs.items():
            result.references += 1
            check_order(index, role, target)
            if target < result.start:
                result.backward.append((index, role, target))
            else:
                found = result.roles[result.role_of[target - result.start]]
                check_role(role, target, found)


def check_order(index: int, role: str, target: int) -> None:
    """Raises `LogError` unless a reference points backwards."""
    if target >= index:
        raise LogError(f"`refs.{role}` points to entry {target}, which is not before it")


def check_role(role: str, target: int, found: str) -> None:
    """Raises `LogError` unless the entry referred to has the role."""
    if found != role:
        raise LogError(f"`refs.{role}` points to entry {target}, which is a `{found}`")
