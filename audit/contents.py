"""Which files a package must hold, and those that are not the log itself.

The law: the size in the checkpoint decides which files there are, to the last name, and every
byte of the small ones follows from something else: a blob from its name, a claimed key from its
own id, the manifest from everything. A file too many is tampering, a file too few a gap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from audit.canonical import canonical
from audit.checkpoint import Checkpoint
from audit.errors import Gap, Malformed, Tampered
from audit.keys import Verifier
from audit.package import (
    BLOB,
    CHECKPOINT,
    DISCLOSURES,
    KEYS,
    MANIFEST,
    Disclosure,
    Package,
    manifest_of,
)
from audit.tiles import bundles_of, parse_path, tiles_of


def check_names(names: set[str], size: int) -> None:
    """Raises unless exactly the files are there that a package of `size` entries has."""
    held = max((_bundle_end(name) for name in names), default=0)
    if held > size:
        raise Tampered(
            f"the checkpoint covers {size} entries, but the package holds {held}: an older "
            "checkpoint was put in the place of the right one",
            file=CHECKPOINT,
        )
    if held < size:
        raise Gap(
            f"the checkpoint covers {size} entries, but the package holds only {held}: entry "
            f"{held} and what follows is missing",
            index=held,
        )
    expected = {CHECKPOINT, MANIFEST, DISCLOSURES, KEYS}
    expected.update(tile.path for tile in bundles_of(size))
    expected.update(tile.path for tile in tiles_of(size))
    for name in sorted(names - expected):
        if not BLOB.fullmatch(name):
            raise Tampered(f"the file `{name}` does not belong into this package", file=name)
    for name in sorted(expected - names):
        raise Gap(f"the package lacks the file `{name}`", file=name)


def _bundle_end(name: str) -> int:
    """One more than the last entry a file of this name would hold; 0 if it holds none."""
    try:
        tile = parse_path(name)
    except Malformed:
        return 0
    return tile.span[1] if tile.level < 0 else 0


def check_small_files(
    package: Package,
    names: set[str],
    tree: Checkpoint,
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
    files = {name: package.files.read(name) for name in (CHECKPOINT, DISCLOSURES, KEYS)}
    expected = manifest_of(tree, files, sizes, commitments, len(disclosures))
    stored = package.files.read(MANIFEST)
    if stored != canonical(expected):
        claimed = package.manifest()
        differing = sorted(
            name for name in expected | claimed if expected.get(name) != claimed.get(name)
        )
        raise Tampered(
            f"the file `{MANIFEST}` does not fit the package: {', '.join(differing)} differ; it or "
            "a file it describes was altered",
            file=MANIFEST,
        )
    for name in names:
        if not name.startswith("tile/"):
            package.files.seal(name, package.files.read(name))
    return set(sizes)


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
