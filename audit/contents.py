"""Which files a package must hold, and those that are not the log itself.

The law: the size in the checkpoint decides which files there are, to the last name, and every
byte of the small ones follows from something else: a blob from its name, a claimed key from its
own id, the manifest from everything. A file too many is tampering, a file too few a gap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence, Set
from itertools import chain
from typing import Any

from audit.canonical import canonical
from audit.checkpoint import Checkpoint
from audit.encoding import b64
from audit.errors import Gap, Malformed, Tampered
from audit.keys import Verifier
from audit.package import (
    ANCHOR,
    BLOB,
    CHECKPOINT,
    DISCLOSURES,
    FIRST_FORMAT,
    FORMAT,
    KEYS,
    MANIFEST,
    VERIFIER,
    Disclosure,
    Layout,
    Package,
)
from audit.tiles import TILE_WIDTH, bundles_of, parse_path, tiles_of


def check_names(names: Set[str], size: int, layout: Layout) -> None:
    """Raises unless exactly the files are there that a package of `size` entries has."""
    held = max((_bundle_end(name) for name in names), default=0)
    if held > size:
        raise Tampered(
            f"the checkpoint covers {size} entries, but the package holds {held}: an older "
            "checkpoint was put in the place of the right one",
            file=CHECKPOINT,
        )
    if layout.minimum >= max(size, 1):
        raise Tampered(
            f"the file `{MANIFEST}` was altered: of {size} entries, the first kept cannot be "
            f"entry {layout.minimum}",
            file=MANIFEST,
        )
    if held < size:
        raise Gap(
            f"the checkpoint covers {size} entries, but the package holds only {held}: entry "
            f"{held} and what follows is missing",
            index=held,
        )
    fixed = {CHECKPOINT, MANIFEST, DISCLOSURES, KEYS}
    missing, found = sorted(fixed - names), 0
    for tile in chain(bundles_of(size, layout.minimum // TILE_WIDTH), tiles_of(size)):
        if tile.path not in names:  # the size is a claim: never expect more than is there
            missing.append(tile.path)
            break
        found += 1
    tiles = sum(name.startswith("tile/") for name in names)
    if tiles != found:
        _check_tiles(names, size, layout)
    for name in sorted(name for name in names if not name.startswith("tile/")):
        if name not in fixed and not _may_be_there(name, size, layout):
            raise _stranger(name)
    for name in missing:
        raise Gap(f"the package lacks the file `{name}`", file=name)


def _check_tiles(names: Set[str], size: int, layout: Layout) -> None:
    for name in sorted(name for name in names if name.startswith("tile/")):
        if not _tile_of(name, size, layout):
            raise _stranger(name)


def _stranger(name: str) -> Tampered:
    return Tampered(f"the file `{name}` does not belong into this package", file=name)


def _may_be_there(name: str, size: int, layout: Layout) -> bool:
    """Whether a file is one of those that a package can have or lack."""
    if layout.format == FIRST_FORMAT:
        return BLOB.fullmatch(name) is not None
    anchor = ANCHOR.fullmatch(name)
    if anchor is not None:
        return int(anchor[1]) <= size
    return name == VERIFIER or BLOB.fullmatch(name) is not None


def _tile_of(name: str, size: int, layout: Layout) -> bool:
    """Whether a package of `size` entries has this tile or bundle."""
    try:
        tile = parse_path(name)
    except Malformed:
        return False
    if tile.level < 0 and tile.span[0] < layout.minimum:
        return False
    hashes: int = size // TILE_WIDTH ** max(tile.level, 0)
    first = tile.number * TILE_WIDTH
    width = min(hashes - first, TILE_WIDTH)
    return 0 < width == tile.width


def _bundle_end(name: str) -> int:
    """One more than the last entry a file of this name would hold; 0 if it holds none."""
    try:
        tile = parse_path(name)
    except Malformed:
        return 0
    return tile.span[1] if tile.level < 0 else 0


def check_small_files(
    package: Package,
    names: Set[str],
    tree: Checkpoint,
    layout: Layout,
    commitments: int,
    disclosures: Sequence[Disclosure],
) -> set[str]:
    """Check blobs, keys and manifest; return the digests of the blobs. Raises `Tampered`."""
    sizes: dict[str, int] = {}
    for digest in package.blobs():
        blob = package.blob(digest)
        sizes[digest] = len(blob)
        if hashlib.sha256(blob).hexdigest() != digest:
            name = f"blobs/{digest}"
            raise Tampered(f"the file `{name}` was altered: its digest is not its name", file=name)
    _check_claimed_keys(package)
    files = {
        name: package.files.read(name)
        for name in sorted(names)
        if name != MANIFEST and not name.startswith(("tile/", "blobs/"))
    }
    expected = manifest_of(layout, tree, files, sizes, commitments, len(disclosures))
    stored = package.files.read(MANIFEST)
    if stored != canonical(expected):
        raise _bad_manifest(expected, package.manifest(), names)
    for name in names:
        if not name.startswith("tile/"):
            package.files.seal(name, package.files.read(name))
    return set(sizes)


def manifest_of(
    layout: Layout,
    tree: Checkpoint,
    files: Mapping[str, bytes],
    blobs: Mapping[str, int],
    commitments: int,
    disclosed: int,
) -> dict[str, Any]:
    """The only manifest that a package with these contents can have. `files` are its files other
    than tiles, bundles and blobs; `blobs` are sizes by digest."""
    manifest = {
        "blobs": dict(blobs),
        "commitments": commitments,
        "disclosed": disclosed,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "form": "re-performable" if disclosed == commitments else "redacted",
        "format": layout.format,
        "origin": tree.origin,
        "root": b64(tree.root),
        "size": tree.size,
    }
    if layout.format == FORMAT:
        manifest["minimum"] = layout.minimum
    return manifest


def _bad_manifest(
    expected: Mapping[str, Any], claimed: Mapping[str, Any], names: Set[str]
) -> Tampered | Gap:
    for member, folder in (("files", ""), ("blobs", "blobs/")):
        listed = claimed.get(member)
        for name in sorted(listed if type(listed) is dict else ()):
            if folder + name not in names:
                return Gap(f"the package lacks the file `{folder}{name}`", file=folder + name)
    differing = sorted(
        name for name in expected.keys() | claimed if expected.get(name) != claimed.get(name)
    )
    return Tampered(
        f"the file `{MANIFEST}` does not fit the package: {', '.join(differing)} differ; it or "
        "a file it describes was altered",
        file=MANIFEST,
    )


def _check_claimed_keys(package: Package) -> None:
    data = package.files.read(KEYS)
    try:
        again = "".join(
            Verifier.from_vkey(key).vkey + "\n" for key in package.claimed_keys()
        ).encode()
    except Malformed as error:
        raise Tampered(f"the file `{KEYS}` was altered: {error}", file=KEYS) from error
    if again != data:
        raise Tampered(f"the file `{KEYS}` was altered: not one key on each line", file=KEYS)
