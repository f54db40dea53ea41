"""A package -> what is proven, or an error that says what is wrong.

The law: nothing in the package is believed that a key pinned from outside does not vouch for, and
verification returns `Proven` or raises; there is no third outcome. In order: the checkpoint's
signature and origin; that exactly the files are there that a log of that size has; every entry
against its leaf, every leaf against the root; every entry's form, order and references; what is
disclosed against its commitments; the other files; what witnesses and time-stamp authorities saw;
and last what the verifier kept from earlier.

The first wrong entry is named by its index, or the smallest range in which it must lie, or the
file. What cannot be known from a package alone is said in `Proven.not_proven`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import SpooledTemporaryFile

from audit import note as notes
from audit.checkpoint import Checkpoint, open_named_checkpoint
from audit.contents import check_names, check_small_files
from audit.errors import Gap, Malformed, NothingToVerify, Tampered, UnknownKey
from audit.joined import Joined
from audit.keys import Verifier
from audit.locate import altered_tile, locate
from audit.outside import Authorities, check_outside
from audit.package import CHECKPOINT, DISCLOSURES, MANIFEST, VERIFIER, Disclosure, Package
from audit.retained import Retained, check_retained, read_retained
from audit.scan import Computed, scan_all
from audit.statement import Proven
from audit.succession import advice, check_signers, sentences
from audit.tiles import TILE_WIDTH, Tile, tile_bytes, tiles_of
from audit.tree import MemoryNodes, empty_root, frontier_at
from audit.trust import TrustPolicy

__all__ = ["Proven", "verify"]

_IN_MEMORY = 1 << 20
"""Bytes from which on what is noted while reading goes to a file."""


def verify(
    package: Package | Path | str,
    keys: Iterable[str | Verifier] = (),
    head: str | bytes | None = None,
    receipts: Iterable[str | bytes] = (),
    *,
    policy: TrustPolicy | None = None,
    authorities: Authorities | None = None,
    workers: int = 1,
) -> Proven:
    """Verify `package` against pinned `keys` (vkeys) and what was retained from earlier.

    `head` is the content of a head file or a signed checkpoint; `receipts` are checkpoints,
    `.tlog-proof` texts or JSON receipts. `policy` pins the keys it names and asks for its quorum;
    `authorities` are the time-stamp authorities to be trusted. With `workers` above 1, logs of
    more than 65,536 entries are read by that many processes (the caller's main module must then be
    importable).

    Raises `BadKey` for an unusable key, else a `NotVerified`: `Tampered`, `UnknownKey`, `Gap`,
    `NothingToVerify`.
    """
    pinned = [key if isinstance(key, Verifier) else Verifier.from_vkey(key) for key in keys]
    if policy is not None:
        pinned += policy.verifiers()
    verifiers = list(dict.fromkeys(key.checked() for key in pinned))
    stamps = authorities or Authorities(())
    try:
        package = package if isinstance(package, Package) else Package.open(package)
        return _verify(package, verifiers, head, list(receipts), policy, stamps, workers)
    except Malformed as error:
        raise Tampered(f"the package holds what no log writes: {error}") from error


def _verify(
    package: Package,
    verifiers: Sequence[Verifier],
    head: str | bytes | None,
    receipts: Sequence[str | bytes],
    policy: TrustPolicy | None,
    authorities: Authorities,
    workers: int,
) -> Proven:
    here = package.path
    if here.is_dir() and not any((here / name).exists() for name in (CHECKPOINT, MANIFEST)):
        raise NothingToVerify(
            f"`{here}` is no package: it holds neither `{CHECKPOINT}` nor `{MANIFEST}`"
        )
    if not sum(1 for _ in package.files.names()):  # all of them: what is no file is refused first
        raise NothingToVerify(f"there is no package at `{package.path}`: it is empty")
    tree, signatures = _checkpoint(package, verifiers)
    retained = [read_retained("the retained head", head, verifiers)] if head is not None else []
    retained += [
        read_retained(f"receipt {number}", data, verifiers)
        for number, data in enumerate(receipts, 1)
    ]
    layout = package.layout()
    check_names(package, tree.size, layout)
    if tree.size == 0:
        _check_empty(tree, retained, verifiers)
    joined = _read(package, tree.size, layout.minimum, workers)
    computed = joined.computed
    _check_hashes(package, tree, layout.minimum, joined)
    _check_entries(joined)
    _check_pruned(layout.minimum, joined.pruned)
    check_signers(package.note(), joined.changes)
    outside = check_outside(package, tree, layout.minimum, computed, verifiers, policy, authorities)
    present = check_small_files(package, tree, layout, joined.commitments, joined.disclosed)
    check_retained(retained, tree, computed, verifiers)
    return Proven(
        origin=tree.origin,
        size=tree.size,
        minimum=layout.minimum,
        root=tree.root,
        signed_by=tuple(f"{s.name}+{s.key_id.hex()}" for s in signatures if s.name == tree.origin),
        outside=outside,
        first_at=joined.first_at,
        last_at=joined.last_at,
        kinds=dict(sorted(joined.kinds.items())),
        references=joined.references,
        references_unseen=joined.unseen,
        commitments=joined.commitments,
        disclosed=joined.disclosed,
        blobs=len(present),
        blobs_missing=len(joined.blobs - present),
        blobs_unnamed=len(present - joined.blobs),
        head=None if head is None else retained[0].checkpoint.size,
        receipts=len(receipts),
        keys=sentences(joined.changes),
        verifier=_digest_of(package, VERIFIER) if VERIFIER in package.others else None,
    )


def _checkpoint(
    package: Package, verifiers: Sequence[Verifier]
) -> tuple[Checkpoint, tuple[notes.Signature, ...]]:
    note = package.note()
    try:
        tree = open_named_checkpoint(note, verifiers)
        signatures = notes.open_note(note, verifiers).verified
    except Malformed as error:
        raise Tampered(f"the file `{CHECKPOINT}` was altered: {error}", file=CHECKPOINT) from error
    except UnknownKey as error:
        more = advice(package, verifiers)
        raise UnknownKey(f"the file `{CHECKPOINT}`: {error}{more}") from error
    return tree, signatures


def _check_empty(
    tree: Checkpoint, retained: Sequence[Retained], verifiers: Sequence[Verifier]
) -> None:
    if tree.root != empty_root():
        raise Tampered("the checkpoint covers no entry, but its root is not that of an empty log")
    check_retained(retained, tree, MemoryNodes(), verifiers)
    raise NothingToVerify(f"the log `{tree.origin}` has no entries: there is nothing to verify")


def _read(package: Package, size: int, minimum: int, workers: int) -> Joined:
    """Every entry, read and checked."""
    shown = _disclosed(package, size, minimum)
    with SpooledTemporaryFile(_IN_MEMORY) as scratch:
        joined = Joined(package, minimum, scratch)
        for stretch in scan_all(package, size, shown, workers=workers, minimum=minimum):
            joined.add(stretch)
    return joined


def _disclosed(package: Package, size: int, minimum: int) -> Iterator[Disclosure]:
    for disclosure in package.disclosures():
        if not minimum <= disclosure.index < size:
            raise Tampered(
                f"`{DISCLOSURES}` shows a value of entry {disclosure.index}, which is not here",
                file=DISCLOSURES,
            )
        yield disclosure


def _check_hashes(package: Package, tree: Checkpoint, minimum: int, joined: Joined) -> None:
    """Raises unless entries, tiles and signed root say the same."""
    computed = joined.computed
    if frontier_at(tree.size, computed).root() != tree.root:
        raise _altered(package, tree, minimum, computed, joined.mismatches)
    for tile in tiles_of(tree.size):
        if tile.level > 0:
            data = package.tile(tile)
            if data != tile_bytes(tile, computed):
                raise _bad_tile(tile)
            package.files.seal(tile.path, (data,))
    if joined.mismatches:
        bad = altered_tile(package, tree.size, computed)
        raise _bad_tile(bad if bad is not None else Tile(0, 0, TILE_WIDTH))
    if joined.unsealed is not None:
        raise Tampered(joined.unsealed)


def _altered(
    package: Package,
    tree: Checkpoint,
    minimum: int,
    computed: Computed,
    mismatches: Sequence[int],
) -> Tampered:
    faults = locate(package, tree.size, tree.root, computed)
    first = faults[0]
    if first.stop <= minimum:
        return Tampered(
            f"the hashes of the entries {first.start} to {first.stop - 1}, which were pruned, were "
            "altered: they do not lead to the signed root",
            span=(first.start, first.stop),
            file=Tile(0, first.start // TILE_WIDTH, TILE_WIDTH).path,
        )
    more = f"; {len(faults) - 1} more were altered after it" if len(faults) > 1 else ""
    if first.leaf:
        number = first.start // TILE_WIDTH
        tile = Tile(0, number, min(tree.size - number * TILE_WIDTH, TILE_WIDTH))
        return Tampered(
            f"entry {first.start} was altered: its bytes do not hash to its leaf in "
            f"`{tile.path}`, and the signed root vouches for that leaf{more}",
            index=first.start,
        )
    hint = ""
    for mismatch in mismatches:
        if first.start <= mismatch < first.stop:
            hint = f"; entry {mismatch} is the first that is not the leaf stored for it"
            break
    return Tampered(
        f"among the entries {first.start} to {first.stop - 1} something was altered: entries and "
        "tiles together, so that no single entry can be named, but the signed root is not theirs"
        f"{hint}{more}",
        span=(first.start, first.stop),
    )


def _bad_tile(tile: Tile) -> Tampered:
    start, stop = tile.span
    return Tampered(
        f"the file `{tile.path}` was altered: the entries {start} to {stop - 1} are as they were "
        "signed, but it holds other hashes for them",
        file=tile.path,
    )


def _check_pruned(minimum: int, announced: int) -> None:
    """Raises unless the log itself says that what is missing was pruned."""
    if minimum > announced:
        raise Gap(
            f"the entries {announced} to {minimum - 1} are missing, and no entry of the log says "
            "that they were pruned (`retention.pruned`)",
            index=announced,
        )


def _digest_of(package: Package, name: str) -> str:
    return hashlib.sha256(package.files.read(name)).hexdigest()


def _check_entries(joined: Joined) -> None:
    """Raises for the first entry that is signed and yet not as an entry must be."""
    first = joined.wrong
    if first is None:
        return
    if first.shown:
        raise Tampered(
            f"`{DISCLOSURES}`, entry {first.index}: {first.why}",
            index=first.index,
            file=DISCLOSURES,
        )
    raise Tampered(
        f"entry {first.index} is not as an entry must be, though it was signed: {first.why}",
        index=first.index,
    )
