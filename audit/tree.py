"""The Merkle tree of RFC 6962 §2.1 and RFC 9162 §2.1, over SHA-256; pure.

The law: a leaf hashes with the prefix 0x00 and an inner node with 0x01, so that neither can be
passed off as the other; a tree of n leaves splits at the largest power of two below n; and a
hash, once complete, never changes when the tree grows.

That last point is what makes storing cheap. `Frontier` holds the at most log2(n) complete
subtrees at the tree's right edge and is all that is needed to append; the nodes it completes can
be kept by anybody, and `inclusion_proof` and `consistency_proof` find what they need through a
callable `(level, index) -> hash`, where level 0 are the leaves and (level, index) is the root of
the leaves [index · 2^level, (index + 1) · 2^level).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from audit.errors import BadProof

HASH_SIZE = 32
NodeSource: TypeAlias = Callable[[int, int], bytes]
Node: TypeAlias = tuple[int, int, bytes]
"""A complete subtree: its level, its index within the level, its hash."""

_sha256 = hashlib.sha256
_EMPTY = _sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 ‖ data), RFC 9162 §2.1.1."""
    return _sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right), RFC 9162 §2.1.1."""
    return _sha256(b"\x01" + left + right).digest()


def empty_root() -> bytes:
    """The root of the tree without leaves: SHA-256 of nothing."""
    return _EMPTY


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of `leaf_hashes`, RFC 9162 §2.1.1, computed level by level."""
    hashes = list(leaf_hashes)
    if not hashes:
        return _EMPTY
    while len(hashes) > 1:
        odd = hashes[-1:] if len(hashes) % 2 else []
        hashes = next_level(hashes) + odd
    return hashes[0]


def next_level(hashes: Sequence[bytes]) -> list[bytes]:
    """The hashes of each complete pair; a last odd hash is left out."""
    pairs = iter(hashes)
    sha256 = _sha256
    return [
        sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)
    ]


class Frontier:
    """The right edge of a growing tree: the roots of its complete subtrees, largest first.

    One 32-byte hash for each bit set in `size`. Not shared between writers: take a `copy` to try
    something and throw it away.
    """

    __slots__ = ("_hashes", "_size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """The frontier of a tree of `size` leaves, from what `hashes` gave for it.

        Raises `BadProof` unless there is one hash of 32 bytes for each bit set in `size`.
        """
        self._size = size
        self._hashes = list(hashes)
        if size < 0 or len(self._hashes) != size.bit_count():
            raise BadProof(
                f"a tree of {size} leaves has {max(size, 0).bit_count()} frontier hashes, "
                f"not {len(self._hashes)}"
            )
        if any(len(h) != HASH_SIZE for h in self._hashes):
            raise BadProof(f"a frontier hash is not {HASH_SIZE} bytes long")

    @property
    def size(self) -> int:
        """Leaves so far."""
        return self._size

    @property
    def hashes(self) -> list[bytes]:
        """The hashes, largest subtree first; with `size` they restore the frontier."""
        return list(self._hashes)

    def copy(self) -> Frontier:
        """An independent frontier of the same tree."""
        twin = Frontier.__new__(Frontier)
        twin._size = self._size
        twin._hashes = self._hashes.copy()
        return twin

    def append(self, leaf: bytes) -> list[Node]:
        """Add one leaf hash; return the nodes this completes, the leaf itself first."""
        index, level, size = self._size, 0, self._size
        hashes = self._hashes
        done: list[Node] = [(0, index, leaf)]
        while size & 1:
            leaf = _sha256(b"\x01" + hashes.pop() + leaf).digest()
            level += 1
            index >>= 1
            size >>= 1
            done.append((level, index, leaf))
        hashes.append(leaf)
        self._size += 1
        return done

    def extend(self, leaves: Iterable[bytes]) -> list[Node]:
        """Add leaf hashes in order; return the nodes they complete."""
        done: list[Node] = []
        for leaf in leaves:
            done += self.append(leaf)
        return done

    def root(self) -> bytes:
        """The tree's root: the frontier folded from its smallest subtree up."""
        return fold(self._hashes)


class Edge:
    """The nodes that a proof of the newest leaves needs: a `NodeSource` without a store.

    Whatever lies to the left of a new leaf is a peak of the tree as it was, or was completed since;
    so the old frontier and the nodes completed since are enough for the inclusion proof of every
    leaf added since, in the tree as it is now.
    """

    __slots__ = ("_before", "_found", "_nodes")

    def __init__(self, before: Frontier, nodes: Sequence[Node]) -> None:
        """`before`: the frontier before the leaves were added; `nodes`: what adding completed."""
        self._before, self._nodes = before, nodes
        self._found: dict[tuple[int, int], bytes] | None = None

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of (`level`, `index`). Raises `KeyError` for a node farther to the left."""
        found = self._found
        if found is None:
            found = {(lv, at): value for lv, at, value in self._nodes}
            start = 0
            size = self._before.size
            for peak in self._before.hashes:
                height = (size - start).bit_length() - 1
                found[height, start >> height] = peak
                start += 1 << height
            self._found = found
        return found[level, index]


def fold(peaks: Sequence[bytes]) -> bytes:
    """The root over complete subtrees given largest first."""
    if not peaks:
        return _EMPTY
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


class MemoryNodes:
    """Complete subtree hashes held in memory, 64 bytes for each leaf: the plainest `NodeSource`."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[bytearray] = []
        self._frontier = Frontier()
        for leaf in leaves:
            self.append(leaf)

    @property
    def size(self) -> int:
        """Leaves so far."""
        return self._frontier.size

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash and every node it completes."""
        for level, _, done in self._frontier.append(leaf):
            if level == len(self._levels):
                self._levels.append(bytearray())
            self._levels[level] += done

    def root(self) -> bytes:
        """The root of all leaves so far."""
        return self._frontier.root()

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree (`level`, `index`); `IndexError` if it is not."""
        found = self._levels[level][index * HASH_SIZE : (index + 1) * HASH_SIZE]
        if not found:
            raise IndexError(f"there is no complete subtree ({level}, {index})")
        return bytes(found)


def subtree_root(start: int, stop: int, hashes: NodeSource) -> bytes:
    """MTH(D[start:stop]), where `start` is a multiple of every power of two below the width."""
    width = stop - start
    if width == 0:
        return _EMPTY
    peaks = []
    while width:
        level = width.bit_length() - 1
        peaks.append(hashes(level, start >> level))
        start += 1 << level
        width -= 1 << level
    return fold(peaks)


def frontier_at(size: int, hashes: NodeSource) -> Frontier:
    """The frontier of the first `size` leaves of a larger or equal tree."""
    peaks, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            peaks.append(hashes(level, start >> level))
            start += 1 << level
    return Frontier(size, peaks)


def inclusion_proof(index: int, size: int, hashes: NodeSource) -> list[bytes]:
    """PATH(index, D[0:size]), RFC 9162 §2.1.3.1: the leaf's sibling first, the root's child last.

    Asks for O(log² n) hashes at most. Raises `BadProof` unless 0 <= index < size.
    """
    if not 0 <= index < size:
        raise BadProof(f"there is no entry {index} in a tree of {size}")
    path, start, stop = [], 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(subtree_root(middle, stop, hashes))
            stop = middle
        else:
            path.append(subtree_root(start, middle, hashes))
            start = middle
    path.reverse()
    return path


def consistency_proof(old: int, new: int, hashes: NodeSource) -> list[bytes]:
    """PROOF(old, D[0:new]), RFC 9162 §2.1.4.1; empty if `old` equals `new`.

    Raises `BadProof` unless 0 < old <= new: from nothing, nothing can be proven.
    """
    if not 0 < old <= new:
        raise BadProof(f"there is no consistency proof from a tree of {old} to one of {new}")
    path, start, stop, whole = [], 0, new, True
    while old != stop:
        middle = start + _split(stop - start)
        if old <= middle:
            path.append(subtree_root(middle, stop, hashes))
            stop = middle
        else:
            path.append(subtree_root(start, middle, hashes))
            start, whole = middle, False
    if not whole:
        path.append(subtree_root(start, stop, hashes))
    path.reverse()
    return path


def _split(width: int) -> int:
    """The largest power of two smaller than `width`."""
    return 1 << (width - 1).bit_length() - 1
