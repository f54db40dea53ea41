"""Proofs that an entry is in a tree, and that a tree contains an older one.

The law: a proof is a list of 32-byte hashes; verification follows RFC 9162 §2.1.3.2 and §2.1.4.2
step for step and returns nothing or raises. A proof of a wrong shape is `BadProof`; one that
leads to another root is `Tampered`.

`TlogProof` is the text form of an inclusion proof with its checkpoint, C2SP tlog-proof; the checkpoint
travels verbatim, with whatever signatures it bears.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from audit import checkpoint as checkpoints
from audit import note as notes
from audit.encoding import b64, decimal, unb64
from audit.errors import BadProof, Malformed, Tampered
from audit.keys import Verifier
from audit.tree import HASH_SIZE, node_hash

HEADER = "c2sp.org/tlog-proof@v1"
SUFFIX = ".tlog-proof"
MOST_HASHES = 63
"""The longest way from a leaf to a root: sizes are below 2^63."""


def path_length(index: int, size: int) -> int:
    """How many hashes lead from the leaf at `index` to the root of `size`. Raises `BadProof`."""
    if not 0 <= index < size:
        raise BadProof(f"there is no entry {index} in a tree of {size}")
    below = (index ^ (size - 1)).bit_length()
    return below + (index >> below).bit_count()


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Return if `proof` leads from the leaf hash at `index` to the `root` of `size` leaves.

    RFC 9162 §2.1.3.2. Raises `BadProof` or `Tampered`.
    """
    _check_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        raise BadProof(f"there is no entry {index} in a tree of {size}")
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            raise BadProof("the inclusion proof is longer than the path to the root")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise BadProof("the inclusion proof is shorter than the path to the root")
    if r != root:
        raise Tampered(
            f"the inclusion proof for entry {index} does not lead to the root of {size} entries",
            index=index,
        )


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Return if the tree of `new_size` leaves begins with the tree of `old_size` leaves.

    RFC 9162 §2.1.4.2, defined for 0 < old_size <= new_size. Raises `BadProof` or `Tampered`.
    """
    _check_hashes(old_root, new_root, *proof)
    if not 0 < old_size <= new_size:
        raise BadProof(f"there is no consistency proof from a tree of {old_size} to {new_size}")
    if old_size == new_size:
        _check_equal(old_size, old_root, new_root, proof)
        return
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise BadProof("the consistency proof is empty")
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            raise BadProof("the consistency proof is longer than the path to the root")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise BadProof("the consistency proof is shorter than the path to the root")
    if fr != old_root or sr != new_root:
        raise Tampered(
            f"the tree of {new_size} entries does not begin with the tree of {old_size} entries"
        )


def _check_equal(size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise BadProof("a consistency proof between trees of equal size is empty")
    if old_root != new_root:
        raise Tampered(f"two trees of {size} entries have different roots")


def _check_hashes(*hashes: bytes) -> None:
    if any(len(h) != HASH_SIZE for h in hashes):
        raise BadProof(f"a hash or root is not {HASH_SIZE} bytes long")


@dataclass(frozen=True, slots=True)
class TlogProof:
    """An inclusion proof that travels with its checkpoint. `extra` is not authenticated."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    def encode(self) -> str:
        """The text of a `.tlog-proof` file. Extra data that is empty is left out, as none is."""
        lines = [HEADER]
        if self.extra:
            lines.append("extra " + b64(self.extra))
        lines.append(f"index {self.index}")
        lines += map(b64, self.hashes)
        return "\n".join(lines) + "\n\n" + self.checkpoint

    @classmethod
    def parse(cls, text: str) -> TlogProof:
        """Read a `.tlog-proof` file: its form only. `verify` looks whether it proves anything.

        What is read is what `encode` writes, character by character. Raises `BadProof`.
        """
        head, blank, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if not blank or lines[0] != HEADER:
            raise BadProof(f"not a proof: expected a first line `{HEADER}` and a blank line")
        try:
            extra = None
            if len(lines) > 1 and lines[1].startswith("extra "):
                extra = unb64(lines.pop(1)[len("extra ") :])
                if not extra:
                    raise BadProof("the proof's line `extra` is empty: without data it is left out")
            if len(lines) < 2 or not lines[1].startswith("index "):
                raise BadProof("the proof lacks the line `index <n>`")
            index = decimal(lines[1][len("index ") :])
            hashes = tuple(unb64(line) for line in lines[2:])
            checkpoints.parse(notes.split(checkpoint)[0])
        except BadProof:
            raise
        except (ValueError, Malformed) as error:
            raise BadProof(f"the proof: {error}") from error
        if any(len(h) != HASH_SIZE for h in hashes) or len(hashes) > MOST_HASHES:
            raise BadProof(
                f"the proof has a hash that is not {HASH_SIZE} bytes long, or more than {MOST_HASHES}"
            )
        return cls(index, hashes, checkpoint, extra)

    def verify(
        self, leaf: bytes, verifiers: Iterable[Verifier], origin: str | None = None
    ) -> checkpoints.Checkpoint:
        """The checkpoint, once it is signed by a pinned key and contains `leaf` (a leaf hash).

        Raises as `open_checkpoint` and `verify_inclusion` do.
        """
        checkpoint = checkpoints.open_checkpoint(self.checkpoint, verifiers, origin)
        verify_inclusion(leaf, self.index, checkpoint.size, self.hashes, checkpoint.root)
        return checkpoint
