"""The package: a log, or its beginning, as files that a stranger can verify.

    checkpoint              the signed checkpoint, verbatim
    tile/<level>/<n>        the tree's hashes        } exactly the bytes of C2SP tlog-tiles
    tile/entries/<n>        the entries              }
    blobs/<sha256>          large things that entries name by digest
    disclosures.jsonl       opened commitments: index, name, salt, value; one per line
    keys/log.vkey           the keys the operator claims; a verifier pins its own
    manifest.json           what is inside; every byte follows from the other files

The law: the same log, checkpoint, blobs, disclosures and keys give the same bytes, and no file is
there that this page does not name. What a package says is worth nothing until `audit.verify` has
looked at it; reading it here verifies nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit import checkpoint as checkpoints
from audit import note as notes
from audit.archive import Reader, Writer, open_reader, open_writer
from audit.canonical import canonical, parse
from audit.checkpoint import Checkpoint
from audit.encoding import b64
from audit.entry import decode
from audit.errors import Gap, LogError, Malformed, Tampered
from audit.keys import Verifier
from audit.storage import Log
from audit.tiles import (
    TILE_WIDTH,
    Tile,
    bundles_of,
    decode_bundle,
    encode_bundle,
    tile_bytes,
    tiles_of,
)
from audit.tree import frontier_at

FORMAT = "audit-package/v1"
CHECKPOINT = "checkpoint"
MANIFEST = "manifest.json"
DISCLOSURES = "disclosures.jsonl"
KEYS = "keys/log.vkey"
BLOB = re.compile(r"blobs/([0-9a-f]{64})", re.ASCII)

_DISCLOSURE = {"index", "name", "salt", "value"}


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One opened commitment: the value of field `name` of entry `index`, and its salt."""

    index: int
    name: str
    salt: str
    value: Any

    def line(self) -> bytes:
        """Its line in `disclosures.jsonl`: canonical JSON and a newline."""
        members = {"index": self.index, "name": self.name, "salt": self.salt, "value": self.value}
        return canonical(members) + b"\n"


class Package:
    """A package that was opened for reading. Nothing it returns is verified."""

    def __init__(self, files: Reader, path: Path) -> None:
        self.files, self.path = files, path

    @classmethod
    def open(cls, path: Path | str) -> Package:
        """The package at `path`. Raises `NothingToVerify` or `Tampered`, as `open_reader`."""
        path = Path(path)
        return cls(open_reader(path), path)

    def note(self) -> bytes:
        """The signed checkpoint, verbatim."""
        return self.files.read(CHECKPOINT)

    def checkpoint(self) -> Checkpoint:
        """The checkpoint, without looking at its signatures. Raises `Tampered`."""
        try:
            return checkpoints.parse(notes.split(self.note())[0])
        except Malformed as error:
            raise Tampered(
                f"the file `{CHECKPOINT}` was altered: {error}", file=CHECKPOINT
            ) from error

    def tile(self, tile: Tile) -> bytes:
        """The bytes of a tile or an entry bundle."""
        return self.files.read(tile.path)

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes of the entries `start` to `stop`, by default all."""
        size = self.checkpoint().size
        stop = size if stop is None else min(stop, size)
        for tile in bundles_of(size):
            first, end = tile.span
            if first < stop and start < end:
                bundle = decode_bundle(self.tile(tile))
                yield from bundle[max(start - first, 0) : stop - first]

    def blob(self, digest: str) -> bytes:
        """The blob with this SHA-256 in hex. Raises `Gap` if it is not here."""
        return self.files.read(f"blobs/{digest}")

    def blobs(self) -> list[str]:
        """The digests of all blobs, sorted."""
        return sorted(m[1] for m in map(BLOB.fullmatch, self.files.names()) if m)

    def claimed_keys(self) -> list[str]:
        """The verifier keys the operator claims. Never pin them from here."""
        return self.files.read(KEYS).decode("utf-8", "replace").splitlines()

    def manifest(self) -> dict[str, Any]:
        """What the package says it is. Raises `Tampered` if it is not canonical JSON."""
        try:
            value = parse(self.files.read(MANIFEST))
        except Malformed as error:
            raise Tampered(f"the file `{MANIFEST}` was altered: {error}", file=MANIFEST) from error
        if type(value) is not dict:
            raise Tampered(f"the file `{MANIFEST}` was altered: not an object", file=MANIFEST)
        return value

    def disclosures(self) -> list[Disclosure]:
        """The opened commitments, in order of entry and name. Raises `Tampered`."""
        data = self.files.read(DISCLOSURES)
        found: list[Disclosure] = []
        for number, line in enumerate(data.splitlines(keepends=True), 1):
            disclosure = _read_disclosure(line, number)
            if found and (found[-1].index, found[-1].name) >= (disclosure.index, disclosure.name):
                raise _bad_disclosure(number, "lines are sorted by index and name, without repeats")
            found.append(disclosure)
        return found


def write_package(
    target: Path | str,
    log: Log,
    checkpoint: str,
    *,
    keys: Iterable[str] = (),
    blobs: Iterable[bytes] = (),
    disclosures: Iterable[Disclosure] = (),
) -> dict[str, Any]:
    """Write the log up to the signed `checkpoint` to `target`; return the manifest.

    `target` becomes a zip if its name ends in `.zip`, else a directory; it must not exist, and
    appears only when complete. `keys` are vkeys. Raises `LogError` if the log's own tree is not
    the one in the checkpoint, or an entry or key is malformed.
    """
    tree = checkpoints.parse(notes.split(checkpoint)[0])
    if log.size < tree.size or frontier_at(tree.size, log.node).root() != tree.root:
        raise LogError(
            f"the log's own tree of {tree.size} entries is not the one in the checkpoint; nothing "
            "was exported"
        )
    shown = sorted(disclosures, key=lambda d: (d.index, d.name))
    small = {
        DISCLOSURES: b"".join(disclosure.line() for disclosure in shown),
        KEYS: "".join(Verifier.from_vkey(key).vkey + "\n" for key in keys).encode(),
        CHECKPOINT: checkpoint.encode(),
    }
    large = {hashlib.sha256(blob).hexdigest(): blob for blob in blobs}
    writer = open_writer(Path(target))
    try:
        commitments = _write_log(writer, log, tree.size)
        for digest, blob in sorted(large.items()):
            writer.add(f"blobs/{digest}", blob)
        for name, data in small.items():
            writer.add(name, data)
        sizes = {digest: len(blob) for digest, blob in large.items()}
        manifest = manifest_of(tree, small, sizes, commitments, len(shown))
        writer.add(MANIFEST, canonical(manifest))
        writer.close()
    except BaseException:
        writer.abandon()
        raise
    return manifest


def manifest_of(
    tree: Checkpoint,
    files: dict[str, bytes],
    blobs: dict[str, int],
    commitments: int,
    disclosed: int,
) -> dict[str, Any]:
    """The only manifest that a package with these contents can have."""
    return {
        "blobs": blobs,
        "commitments": commitments,
        "disclosed": disclosed,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "form": "re-performable" if disclosed == commitments else "redacted",
        "format": FORMAT,
        "origin": tree.origin,
        "root": b64(tree.root),
        "size": tree.size,
    }


def _write_log(writer: Writer, log: Log, size: int) -> int:
    """Write bundles and tiles; return how many commitments the entries hold."""
    commitments = 0
    for tile in bundles_of(size):
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


def _read_disclosure(line: bytes, number: int) -> Disclosure:
    try:
        members = parse(line.removesuffix(b"\n"))
    except Malformed as error:
        raise _bad_disclosure(number, str(error)) from error
    if not line.endswith(b"\n") or type(members) is not dict or members.keys() != _DISCLOSURE:
        raise _bad_disclosure(number, "expected one object with index, name, salt and value")
    index, name, salt = members["index"], members["name"], members["salt"]
    if type(index) is not int or index < 0 or type(name) is not str or type(salt) is not str:
        raise _bad_disclosure(number, "expected a number, two texts and a value")
    return Disclosure(index, name, salt, members["value"])


def _bad_disclosure(number: int, why: str) -> Tampered:
    return Tampered(f"line {number} of `{DISCLOSURES}` was altered: {why}", file=DISCLOSURES)
