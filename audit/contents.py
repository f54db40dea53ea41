"""Which files a package must hold, and those that are not the log itself.

The law: the size in the checkpoint decides which files there are, to the last name, and every
byte of the small ones follows from something else: a blob from its name, a claimed key from its
own id, the manifest from everything. A file too many is tampering, a file too few a gap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Set
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
    Layout,
    Package,
)
from audit.tiles import TILE_WIDTH, Tile, bundles_of, parse_path, tiles_of


def check_names(package: Package, size: int, layout: Layout) -> None:
    """Raises unless exactly the files are there that a package of `size` entries has."""
    held = tiles = 0
    strange: list[str] = []
    for name in package.files.names():
        if name.startswith("tile/"):
            tile = _tile(name)
            tiles += 1
            if tile is not None and tile.level < 0:
                held = max(held, tile.span[1])
            if tile is None or not _belongs(tile, size, layout):
                strange = [min([name, *strange])]
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
    for name in (*strange, *sorted(package.others - fixed)):
        if name in strange or not _may_be_there(name, size, layout):
            raise _stranger(name)
    missing = sorted(fixed - package.others)
    if tiles != _count(size, layout):
        names = set(package.files.names())
        expected = chain(bundles_of(size, layout.minimum // TILE_WIDTH), tiles_of(size))
        # the size is a claim: never expect more than is there
        missing += [next(tile.path for tile in expected if tile.path not in names)]
    for name in missing:
        raise Gap(f"the package lacks the file `{name}`", file=name)


def _count(size: int, layout: Layout) -> int:
    """How many tiles and bundles a package of `size` entries has."""
    count, hashes = -(-size // TILE_WIDTH) - layout.minimum // TILE_WIDTH, size
    while hashes:
        count, hashes = count - (-hashes // TILE_WIDTH), hashes // TILE_WIDTH
    return count


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


def _tile(name: str) -> Tile | None:
    try:
        return parse_path(name)
    except Malformed:
        return None


def _belongs(tile: Tile, size: int, layout: Layout) -> bool:
    """Whether a package of `size` entries has this tile or bundle."""
    if tile.level < 0 and tile.span[0] < layout.minimum:
        return False
    hashes: int = size // TILE_WIDTH ** max(tile.level, 0)
    return 0 < min(hashes - tile.number * TILE_WIDTH, TILE_WIDTH) == tile.width


def check_small_files(
    package: Package, tree: Checkpoint, layout: Layout, commitments: int, disclosed: int
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
        name: _digest(package.files.pieces(name))
        for name in package.others
        if name != MANIFEST and not name.startswith("blobs/")
    }
    expected = manifest_of(layout, tree, files, sizes, commitments, disclosed)
    stored = package.files.read(MANIFEST)
    if stored != canonical(expected):
        raise _bad_manifest(expected, package.manifest(), package.others)
    for name in sorted(package.others):
        package.files.seal(name, package.files.pieces(name))
    return set(sizes)


def _digest(pieces: Iterable[bytes]) -> str:
    whole = hashlib.sha256()
    for piece in pieces:
        whole.update(piece)
    return whole.hexdigest()


def manifest_of(
    layout: Layout,
    tree: Checkpoint,
    files: Mapping[str, str],
    blobs: Mapping[str, int],
    commitments: int,
    disclosed: int,
) -> dict[str, Any]:
    """The only manifest that a package with these contents can have. `files` are digests of its
    files other than tiles, bundles and blobs, by name; `blobs` are sizes by digest."""
    manifest = {
        "blobs": dict(blobs),
        "commitments": commitments,
        "disclosed": disclosed,
        "files": dict(files),
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
