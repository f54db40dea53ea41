"""The tree and its proofs, against the definition in RFC 9162 written down as it stands."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import tree
from audit.errors import BadProof, LogError, Tampered
from audit.proof import verify_consistency, verify_inclusion

SIZES = st.integers(1, 300)


def reference_root(entries: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162 §2.1.1."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = reference_split(len(entries))
    left, right = reference_root(entries[:k]), reference_root(entries[k:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def reference_path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 9162 §2.1.3.1."""
    if len(entries) == 1:
        return []
    k = reference_split(len(entries))
    if m < k:
        return [*reference_path(m, entries[:k]), reference_root(entries[k:])]
    return [*reference_path(m - k, entries[k:]), reference_root(entries[:k])]


def reference_proof(m: int, entries: Sequence[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 9162 §2.1.4.1."""
    if m == len(entries):
        return [] if whole else [reference_root(entries)]
    k = reference_split(len(entries))
    if m <= k:
        return [*reference_proof(m, entries[:k], whole), reference_root(entries[k:])]
    return [*reference_proof(m - k, entries[k:], False), reference_root(entries[:k])]


def reference_split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def entries(size: int) -> list[bytes]:
    """`size` different entries."""
    return [b"entry %d" % index for index in range(size)]


def nodes(size: int) -> tree.MemoryNodes:
    """The tree over them."""
    return tree.MemoryNodes(map(tree.leaf_hash, entries(size)))


@given(st.integers(0, 300))
def test_every_way_to_a_root_is_the_definition(size: int) -> None:
    """Otherwise the sequencer, the exporter and the verifier would sign different trees."""
    leaves = [tree.leaf_hash(entry) for entry in entries(size)]
    frontier = tree.Frontier()
    frontier.extend(leaves)
    wanted = reference_root(entries(size))
    assert tree.root_of(leaves) == wanted
    assert frontier.root() == wanted
    assert tree.Frontier(size, frontier.hashes).root() == wanted
    assert nodes(size).root() == wanted


@given(SIZES, st.data())
def test_inclusion_proofs_are_the_definition_and_verify(size: int, data: st.DataObject) -> None:
    """Otherwise a receipt we hand out would not convince anybody else's verifier."""
    index = data.draw(st.integers(0, size - 1))
    path = tree.inclusion_proof(index, size, nodes(size))
    assert path == reference_path(index, entries(size))
    leaf, root = tree.leaf_hash(entries(size)[index]), nodes(size).root()
    verify_inclusion(leaf, index, size, path, root)


@given(SIZES, st.data())
def test_consistency_proofs_are_the_definition_and_verify(size: int, data: st.DataObject) -> None:
    """Otherwise a witness would refuse an honest log, or we would accept a forked one."""
    old = data.draw(st.integers(1, size))
    path = tree.consistency_proof(old, size, nodes(size))
    assert path == reference_proof(old, entries(size))
    verify_consistency(old, nodes(old).root(), size, nodes(size).root(), path)


@given(SIZES, st.data())
def test_a_wrong_inclusion_proof_never_verifies(size: int, data: st.DataObject) -> None:
    """Otherwise an entry that was never logged could be shown with a proof."""
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size).filter(lambda i: i != index))
    path = tree.inclusion_proof(index, size, nodes(size))
    leaf, root = tree.leaf_hash(entries(size)[index]), nodes(size).root()
    wrong = [
        (tree.leaf_hash(b"another"), index, size, path, root),
        (leaf, other, size, path, root),
        (leaf, index, size, [*path, root], root),
        (leaf, index, size, [tree.empty_root(), *path], root),
        (leaf, index, size, path, tree.empty_root()),
        (leaf, index, size, path, root[:31]),
        (leaf[:31], index, size, path, root),
    ]
    if path:
        wrong.append((leaf, index, size, path[1:], root))
        wrong.append((leaf, index, size, path[:-1], root))
    for case in wrong:
        with pytest.raises(LogError):
            verify_inclusion(*case)


@given(st.integers(2, 200), st.data())
def test_a_proof_for_one_size_says_nothing_of_a_larger(size: int, data: st.DataObject) -> None:
    """Otherwise a log could claim more entries than the root it shows ever had."""
    index = data.draw(st.integers(0, size - 1))
    larger = data.draw(st.integers(2 * size, 5 * size))
    leaf, root = tree.leaf_hash(entries(size)[index]), nodes(size).root()
    with pytest.raises(BadProof):
        verify_inclusion(leaf, index, larger, tree.inclusion_proof(index, size, nodes(size)), root)
    old = data.draw(st.integers(1, size - 1))
    path = tree.consistency_proof(old, size, nodes(size))
    with pytest.raises(LogError):
        verify_consistency(old, nodes(old).root(), larger, root, path)


def test_a_consistency_proof_that_stops_early_is_refused() -> None:
    """Otherwise a tree of four could be shown as the head of a log of eight."""
    path = tree.consistency_proof(3, 4, nodes(4))
    with pytest.raises(BadProof, match="shorter"):
        verify_consistency(3, nodes(3).root(), 8, nodes(4).root(), path)


@given(st.integers(2, 300), st.data())
def test_a_forked_tree_never_proves_consistent(size: int, data: st.DataObject) -> None:
    """Otherwise the past could be rewritten under the eyes of whoever kept a checkpoint."""
    old = data.draw(st.integers(1, size - 1))
    changed = data.draw(st.integers(0, old - 1))
    before = entries(old)
    before[changed] = b"what was really said"
    path = tree.consistency_proof(old, size, nodes(size))
    with pytest.raises(Tampered):
        verify_consistency(old, reference_root(before), size, nodes(size).root(), path)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 5), (5, 4), (-1, 3)])
def test_nothing_follows_from_nothing(old: int, new: int) -> None:
    """Otherwise a proof from an empty log would seem to say something."""
    with pytest.raises(BadProof):
        tree.consistency_proof(old, new, nodes(8))
    with pytest.raises(BadProof):
        verify_consistency(old, tree.empty_root(), new, tree.empty_root(), [])


@given(st.integers(0, 200))
def test_appending_hands_over_each_node_once(size: int) -> None:
    """Otherwise a store that keeps tree nodes would lack one and could not prove an entry."""
    frontier, kept = tree.Frontier(), {}
    for entry in entries(size):
        for level, index, node in frontier.append(tree.leaf_hash(entry)):
            assert (level, index) not in kept
            kept[level, index] = node
    assert kept.keys() == {(level, index) for level in range(9) for index in range(size >> level)}
    if size:
        assert tree.frontier_at(size, lambda *at: kept[at]).hashes == frontier.hashes


def test_a_copy_of_the_frontier_is_independent() -> None:
    """Otherwise a batch that failed would leave its entries in the next signed tree."""
    frontier = tree.Frontier()
    frontier.extend(map(tree.leaf_hash, entries(5)))
    trial = frontier.copy()
    trial.append(tree.leaf_hash(b"never committed"))
    assert (frontier.size, frontier.root()) == (5, nodes(5).root())


@pytest.mark.parametrize("hashes", [[], [b"x" * 32], [b"x" * 31, b"y" * 32]])
def test_a_frontier_that_does_not_fit_its_size_is_refused(hashes: list[bytes]) -> None:
    """Otherwise a damaged row would be signed as the log's new root."""
    with pytest.raises(BadProof):
        tree.Frontier(3, hashes)


@given(st.integers(0, 200), st.integers(1, 40))
def test_the_newest_leaves_are_proven_without_a_store(before: int, added: int) -> None:
    """Otherwise a proof in an answer would cost reads of the database, or lead to another root."""
    frontier = tree.Frontier()
    hashes = [tree.leaf_hash(data) for data in entries(before + added)]
    frontier.extend(hashes[:before])
    edge = tree.Edge(frontier.copy(), frontier.extend(hashes[before:]))
    size, root = before + added, reference_root(entries(before + added))
    for index in range(before, size):
        proof = tree.inclusion_proof(index, size, edge)
        assert proof == reference_path(index, entries(size))
        verify_inclusion(hashes[index], index, size, proof, root)
