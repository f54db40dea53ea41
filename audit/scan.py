"""One stretch of a package, read, hashed and checked: the work that is done in parallel.

The law: a stretch begins at a multiple of 65,536 entries, so its tree hashes are complete
subtrees and stretches can be checked apart from one another. What needs other stretches (times
across their border, references backwards) is handed back, small, for `audit.verify` to join.
Nothing here decides who is right when an entry and its leaf disagree; `audit.locate` does.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, defaultdict
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
from audit.shapes import Shape, Shapes, plain
from audit.succession import ADDED, RETIRED, KeyChange, change_of
from audit.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, read_bundle, tile_hashes
from audit.tree import HASH_SIZE, MemoryNodes, next_level

STRETCH = 1 << 16
PRUNED = "retention.pruned"
"""A kind that is understood here: its `minimum` says what may be missing."""

_READ_IN_FULL = frozenset({PRUNED, ADDED, RETIRED})


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
    first: int
    """The first entry that is here: `start`, unless entries were pruned."""
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
    """For each entry from `first` on the number of its role."""
    references: int = 0
    backward: dict[tuple[str, int], int] = field(default_factory=dict)
    """References to before the stretch: role and target, and the first entry that has it."""
    unseen: int = 0
    """References to entries that were pruned, whose kind nobody can look up."""
    pruned: int = 0
    """The greatest minimum that an entry announces (`retention.pruned`)."""
    changes: list[KeyChange] = field(default_factory=list)
    """What the entries say of the keys that sign the log."""
    commitments: int = 0
    blobs: set[str] = field(default_factory=set)

    def role(self, index: int) -> str:
        """The role of an entry of this stretch, which has been read."""
        return self.roles[self.role_of[index - self.first]]


def scan(
    package: Package | Path,
    start: int,
    stop: int,
    disclosures: Sequence[Disclosure] = (),
    *,
    minimum: int = 0,
    envelopes: bool = True,
) -> Stretch:
    """Read and check the entries `start` (a multiple of 65,536) to `stop`.

    `disclosures` are those of these entries. Below `minimum` there are only leaf hashes. Without
    `envelopes` only hashes are computed and compared.
    Raises `Gap` for a missing file; everything else that is wrong is in what is returned.
    """
    if isinstance(package, Path):
        package = _opened(package)
    result = Stretch(start, stop, first=min(max(start, minimum), stop))
    reader = _Reader(result, disclosures, minimum) if envelopes else None
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
    sha256 = hashlib.sha256
    return [sha256(b"\x00" + entry).digest() for entry in entries]


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
    """Scan all `size` entries in stretches of 65,536, by `workers` processes if that pays.

    This process is one of them: it takes from the end what no other has begun.
    """
    jobs = [(start, min(start + STRETCH, size)) for start in range(0, size, STRETCH)]
    parts: dict[int, list[Disclosure]] = {}
    for disclosure in disclosures:
        parts.setdefault(disclosure.index // STRETCH * STRETCH, []).append(disclosure)

    def here(start: int, stop: int) -> Stretch:
        shown = parts.get(start, ())
        return scan(package, start, stop, shown, minimum=minimum, envelopes=envelopes)

    others = min(workers, len(jobs)) - 1
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


_shapes = Shapes()


class _Reader:
    """Checks entry after entry of one stretch; stops at the first that is wrong."""

    def __init__(self, result: Stretch, disclosures: Sequence[Disclosure], minimum: int) -> None:
        self._result, self._minimum = result, minimum
        self._numbers: dict[str, int] = {}
        self._last = b""
        self._counts: Counter[Shape] = Counter()
        self._good: defaultdict[tuple[str, ...], set[tuple[bytes, ...]]] = defaultdict(set)
        """References (and files) that were found good, by their roles."""
        self._shown: dict[int, list[Disclosure]] = {}
        for disclosure in disclosures:
            self._shown.setdefault(disclosure.index, []).append(disclosure)

    def read(self, first: int, entries: Sequence[bytes]) -> None:
        """Check the entries that begin at index `first`."""
        stop, index = first + len(entries), first
        known = plain(entries)
        while index < stop:
            try:
                if known and self._last:
                    index += self._recognised(index, entries[index - first :])
                    if index == stop:
                        return
                data = entries[index - first]
                entry = decode(data)
                self._check(index, data, entry)
            except LogError as error:
                self._result.wrong = Wrong(index, str(error))
                return
            if known and entry.kind not in _READ_IN_FULL:
                _shapes.learn(data, entry)
            try:
                self._check_shown(index, entry)
            except LogError as error:
                self._result.wrong = Wrong(index, str(error), shown=True)
                return
            index += 1

    def finish(self) -> None:
        """Put into the result what was only counted."""
        result = self._result
        for shape, count in self._counts.items():
            result.kinds[shape.kind] += count
            result.commitments += count * shape.commitments
            result.references += count * len(shape.roles)
        result.last_at = self._last.decode()

    def _recognised(self, first: int, entries: Sequence[bytes]) -> int:
        """How many entries at the front are of known forms and good: the hot path of it all.

        What is not known, and what is not as it must be, is left to `_check` to judge.
        """
        last, end_of_day = (
            self._last,
            self._last[:10] + b"U",
        )  # "T" comes before, any other day after
        shapes_of, number_of = _shapes.find, self._numbers.get
        role_of, good, shown = self._result.role_of, self._good, self._shown
        found: list[Shape] = []
        index = first
        for data in entries:
            shapes = shapes_of(data)
            for shape in shapes:
                match = shape.match(data)
                if match is not None:
                    break
            else:
                break
            if shape is not shapes[0]:
                shapes.remove(shape)
                shapes.insert(0, shape)
            captured = match.groups()
            number = number_of(shape.role)
            if not last <= captured[0] < end_of_day or number is None or index in shown:
                break
            if (
                shape.more
                and captured[1:] not in good[shape.roles]
                and not self._refers_well(index, shape, captured[1:])
            ):
                break
            last = captured[0]
            role_of.append(number)
            found.append(shape)
            index += 1
        self._last = last
        self._counts.update(found)
        return index - first

    def _refers_well(self, index: int, shape: Shape, captured: tuple[bytes, ...]) -> bool:
        """Whether the references of a recognised entry are good; if so, they and files are noted.

        What is good for an entry is good for every later one. It is remembered if it is likely to
        come again (a session, not the decision just before) and need not be counted.
        """
        result, nearest = self._result, index
        first, roles, role_of = result.first, result.roles, result.role_of
        targets = list(map(int, captured[shape.files :]))
        for role, target in zip(shape.roles, targets, strict=True):
            if target < nearest:
                nearest = target
            elif target >= index:
                return False
            if target >= first and roles[role_of[target - first]] != role:
                return False
        if nearest < first:
            for role, target in zip(shape.roles, targets, strict=True):
                if target < first:
                    self._before(index, role, target)
        if shape.files:
            result.blobs.update(digest.decode() for digest in captured[: shape.files])
        if self._minimum <= nearest < index - 8:
            self._good[shape.roles].add(captured)
        return True

    def _check(self, index: int, data: bytes, entry: Entry) -> None:
        result = self._result
        at = data[7:34]
        if at < self._last:
            raise LogError(f"its time {at.decode()} is before that of the entry before it")
        self._last = at
        result.first_at = result.first_at or at.decode()
        result.kinds[entry.kind] += 1
        self._place(role_of(entry.kind))
        for role, target in entry.data.get("refs", {}).items():
            self._check_ref(index, role, target)
        result.commitments += len(entry.data.get("commitments", ()))
        result.blobs.update(entry.data.get("files", {}).values())
        if entry.kind == PRUNED and type(entry.data.get("minimum")) is int:
            result.pruned = max(result.pruned, entry.data["minimum"])
        change = change_of(index, entry)
        if change is not None:
            result.changes.append(change)

    def _place(self, role: str) -> None:
        """Remember the role of the next entry."""
        result = self._result
        number = self._numbers.setdefault(role, len(self._numbers))
        if number == len(result.roles):
            result.roles.append(role)
            if number > 0xFFFF:
                result.role_of = array("L", result.role_of)
        result.role_of.append(number)

    def _check_shown(self, index: int, entry: Entry) -> None:
        if index not in self._shown:
            return
        commitments = entry.data.get("commitments", {})
        for shown in self._shown[index]:
            if shown.name not in commitments:
                raise LogError(f"a value is shown for `{shown.name}`, to which it does not commit")
            opens(commitments[shown.name], shown.salt, shown.name, shown.value)

    def _check_ref(self, index: int, role: str, target: int) -> None:
        result = self._result
        result.references += 1
        check_order(index, role, target)
        if target < result.first:
            self._before(index, role, target)
        else:
            check_role(role, target, result.role(target))

    def _before(self, index: int, role: str, target: int) -> None:
        """Remember a reference to before this stretch, or to what was pruned."""
        if target < self._minimum:
            self._result.unseen += 1
        else:
            self._result.backward.setdefault((role, target), index)


def check_order(index: int, role: str, target: int) -> None:
    """Raises `LogError` unless a reference points backwards."""
    if target >= index:
        raise LogError(f"`refs.{role}` points to entry {target}, which is not before it")


def check_role(role: str, target: int, found: str) -> None:
    """Raises `LogError` unless the entry referred to has the role."""
    if found != role:
        raise LogError(f"`refs.{role}` points to entry {target}, which is a `{found}`")
