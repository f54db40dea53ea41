"""Writing a package: a log up to a signed checkpoint, and all that a stranger needs beside it.

The law: the same log, checkpoint, blobs, disclosures, keys and anchors give the same bytes, and
no file is there that FORMAT.md does not name. Nothing is disclosed that was not handed over here,
and of a pruned log exactly what was kept is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from audit import checkpoint as checkpoints
from audit import note as notes
from audit.archive import Writer, open_writer
from audit.canonical import canonical
from audit.contents import manifest_of
from audit.entry import decode
from audit.errors import Gap, LogError
from audit.keys import Verifier
from audit.package import (
    CHECKPOINT,
    DISCLOSURES,
    FORMAT,
    KEYS,
    MANIFEST,
    VERIFIER,
    Anchored,
    Disclosure,
    Layout,
    anchor_name,
)
from audit.storage import Log
from audit.tiles import TILE_WIDTH, bundles_of, encode_bundle, tile_bytes, tiles_of
from audit.tree import frontier_at


def write_package(
    target: Path | str,
    log: Log,
    checkpoint: str,
    *,
    keys: Iterable[str] = (),
    blobs: Iterable[bytes] = (),
    disclosures: Iterable[Disclosure] = (),
    anchors: Iterable[Anchored] = (),
    verifier: bytes | None = None,
) -> dict[str, Any]:
    """Write the log up to the signed `checkpoint` to `target`; return the manifest.

    `target` becomes a zip if its name ends in `.zip`, else a directory; it must not exist, and
    appears only when complete. `keys` are vkeys, `verifier` is the text of `verify.py`
    (`audit.single`) if it shall be there. Raises `LogError` if the log's own tree is not the one in
    the checkpoint or in an anchor, or an entry, a key or a disclosure does not belong.
    """
    tree = checkpoints.parse(notes.split(checkpoint)[0])
    _check_tree(log, checkpoint, "the checkpoint")
    minimum = log.minimum
    shown = sorted(disclosures, key=lambda d: (d.index, d.name))
    if shown and not minimum <= shown[0].index <= shown[-1].index < tree.size:
        raise LogError("a value is to be shown of an entry that is not in the package")
    small = {
        DISCLOSURES: b"".join(disclosure.line() for disclosure in shown),
        KEYS: "".join(Verifier.from_vkey(key).vkey + "\n" for key in keys).encode(),
        **_anchors(log, tree.size, anchors),
        **({} if verifier is None else {VERIFIER: verifier}),
        CHECKPOINT: checkpoint.encode(),
    }
    large = {hashlib.sha256(blob).hexdigest(): blob for blob in blobs}
    writer = open_writer(Path(target))
    try:
        commitments = _write_log(writer, log, tree.size, minimum)
        for digest, blob in sorted(large.items()):
            writer.add(f"blobs/{digest}", blob)
        for name, data in small.items():
            writer.add(name, data)
        sizes = {digest: len(blob) for digest, blob in large.items()}
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in small.items()}
        layout = Layout(FORMAT, minimum)
        manifest = manifest_of(layout, tree, digests, sizes, commitments, len(shown))
        writer.add(MANIFEST, canonical(manifest))
        writer.close()
    except BaseException:
        writer.abandon()
        raise
    return manifest


def _check_tree(log: Log, note: str, what: str) -> None:
    tree = checkpoints.parse(notes.split(note)[0])
    if log.size < tree.size or frontier_at(tree.size, log.node).root() != tree.root:
        raise LogError(
            f"the log's own tree of {tree.size} entries is not the one in {what}; nothing "
            "was exported"
        )


def _anchors(log: Log, size: int, anchors: Iterable[Anchored]) -> Mapping[str, bytes]:
    files: dict[str, bytes] = {}
    for anchor in sorted(anchors):
        name = anchor_name(anchor.size)
        _check_tree(log, anchor.note, f"`{name}`")
        if name in files or not 0 < anchor.size <= size:
            raise LogError(f"`{name}` comes twice, or is of more entries than the package")
        files[name] = anchor.note.encode()
        for number, stamp in enumerate(anchor.stamps):
            files[anchor_name(anchor.size, number)] = stamp
    return files


def _write_log(writer: Writer, log: Log, size: int, minimum: int) -> int:
    """Write bundles and tiles; return how many commitments the entries hold."""
    commitments = 0
    for tile in bundles_of(size, minimum // TILE_WIDTH):
        bundle = list(log.entries(*tile.span))
        if len(bundle) != tile.width:
            raise Gap(f"the log lacks entry {tile.span[0] + len(bundle)}")
        for data in bundle:
            if b'"commitments"' in data:
                commitments += len(decode(data).data.get("commitments", ()))
        writer.add(tile.path, encode_bundle(bundle))
    for tile in tiles_of(size):
        if tile.level == 0:
            first = tile.number * TILE_WIDTH
            writer.add(tile.path, b"".join(log.leaves(first, first + tile.width)))
        else:
            writer.add(tile.path, tile_bytes(tile, log.node))
    return commitments
