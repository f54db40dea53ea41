"""What the verifier kept from earlier: a head, receipts. The only defence against whoever has
the key.

The law: a package is believed only if it contains everything that was once signed. A retained
checkpoint of m entries must be the tree over the package's first m entries; an entry for which
somebody holds a receipt must still be at its place, unchanged.

Read here are the two-slot head file (`audit.head`), a signed checkpoint as text, a `.tlog-proof`,
and the JSON receipt that an answer carried (`index`, `leaf_hash` in hex, `tree_size`,
`checkpoint`, perhaps `proof`), alone or still in its answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from audit import checkpoint as checkpoints
from audit.checkpoint import Checkpoint
from audit.errors import Gap, Malformed, Tampered, UnknownKey
from audit.head import FILE_SIZE, read_head
from audit.keys import Verifier
from audit.proof import TlogProof
from audit.tree import NodeSource, frontier_at

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Retained:
    """A retained checkpoint, and an entry it was retained for if it came with a receipt."""

    label: str
    checkpoint: Checkpoint
    index: int | None = None
    leaf_hash: bytes | None = None
    proof: TlogProof | None = None


def read_retained(label: str, data: str | bytes, verifiers: Sequence[Verifier]) -> Retained:
    """What is retained in `data`. `label` names it in messages: "the retained head".

    Raises `Gap` if it cannot be read, `UnknownKey` if no pinned key signed it.
    """
    raw = data.encode() if isinstance(data, str) else data
    try:
        if (len(raw) == FILE_SIZE and b"\0" in raw) or raw.startswith(b"audit-head/v1\n"):
            raw = read_head(raw).encode()
        text = raw.decode()
        if text.startswith("{"):
            return _receipt(label, text, verifiers)
        if text.startswith("c2sp.org/tlog-proof@v1\n"):
            proof = TlogProof.parse(text)
            checkpoint = checkpoints.open_named_checkpoint(proof.checkpoint, verifiers)
            return Retained(label, checkpoint, proof.index, proof=proof)
        return Retained(label, checkpoints.open_named_checkpoint(text, verifiers))
    except UnknownKey as error:
        raise UnknownKey(f"{label}: {error}") from error
    except (Malformed, UnicodeDecodeError) as error:
        raise Gap(f"{label} cannot be used: {error}", file=label) from error


def _receipt(label: str, text: str, verifiers: Sequence[Verifier]) -> Retained:
    try:
        value = json.loads(text)
        value = value.get("context") or value
        value = value.get("receipt") or value
        note, proof = value["checkpoint"], value.get("proof")
        index, size, leaf = value["index"], value["tree_size"], value["leaf_hash"]
        texts = all(type(item) is str for item in (note, leaf)) and type(proof or "") is str
        if type(index) is not int or type(size) is not int or not texts:
            raise KeyError("a member of another type")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise Malformed(
            "expected a receipt with `index`, `leaf_hash`, `tree_size` and `checkpoint`"
        ) from error
    if not _HASH.fullmatch(leaf):
        raise Malformed("its leaf hash is not 64 hex digits")
    from_text = TlogProof.parse(proof) if proof else None
    checkpoint = checkpoints.open_named_checkpoint(note, verifiers)
    if checkpoint.size != size or not 0 <= index < size:
        raise Malformed("its index and tree size do not fit its checkpoint")
    if from_text is not None and from_text.index != index:
        raise Malformed("its proof is for another entry")
    return Retained(label, checkpoint, index, bytes.fromhex(leaf), from_text)


def check_retained(
    retained: Sequence[Retained],
    tree: Checkpoint,
    hashes: NodeSource,
    verifiers: Sequence[Verifier],
) -> None:
    """Return if the package's tree contains everything they remember.

    Raises `Gap` for a tail that is missing, `Tampered` for entries that were rewritten, naming
    them as closely as they allow.
    """
    for kept in retained:
        if kept.checkpoint.origin != tree.origin:
            raise Gap(
                f"{kept.label} is of the log `{kept.checkpoint.origin}`, the package of "
                f"`{tree.origin}`: one does not continue the other"
            )
    for kept in sorted(retained, key=lambda a: a.checkpoint.size):
        _check_length(kept, tree)
    for kept in retained:
        if kept.index is not None:
            _check_entry(kept, kept.index, hashes, verifiers)
    good = 0
    for kept in sorted(retained, key=lambda a: a.checkpoint.size):
        size = kept.checkpoint.size
        if frontier_at(size, hashes).root() != kept.checkpoint.root:
            raise Tampered(
                f"the log was rewritten: {kept.label} was signed over {size} entries that are "
                f"not the package's first {size}; the first difference lies among the entries "
                f"{good} to {size - 1}",
                span=(good, size),
            )
        good = size


def _check_length(kept: Retained, tree: Checkpoint) -> None:
    size = kept.checkpoint.size
    if size > tree.size:
        raise Gap(
            f"the package ends after {tree.size} entries, but {kept.label} was signed over "
            f"{size}: the entries {tree.size} to {size - 1} are missing. The tail was cut off, an "
            "older state was restored, or this is an older export",
            index=tree.size,
        )


def _check_entry(
    kept: Retained, index: int, hashes: NodeSource, verifiers: Sequence[Verifier]
) -> None:
    if index >= kept.checkpoint.size:
        raise Gap(f"{kept.label} is for entry {index}, which its own checkpoint does not cover")
    leaf = hashes(0, index)
    if kept.leaf_hash is not None and leaf != kept.leaf_hash:
        raise _not_the_receipted(kept, index, leaf)
    if kept.proof is not None:
        try:
            kept.proof.verify(leaf, verifiers)
        except (Tampered, Malformed):
            raise _not_the_receipted(kept, index, leaf) from None


def _not_the_receipted(kept: Retained, index: int, leaf: bytes) -> Tampered:
    return Tampered(
        f"entry {index} was rewritten: {kept.label} is a signed receipt for another entry at "
        f"this place than the package holds (leaf hash `{leaf.hex()}`)",
        index=index,
    )
