"""The package: a log, or its beginning, as files that a stranger can verify.

    checkpoint              the signed checkpoint, verbatim
    tile/<level>/<n>        the tree's hashes        } exactly the bytes of C2SP tlog-tiles
    tile/entries/<n>        the entries              }
    blobs/<sha256>          large things that entries name by digest
    disclosures.jsonl       opened commitments: index, name, salt, value; one per line
    keys/log.vkey           the keys the operator claims; a verifier pins its own
    anchors/<size>/…        checkpoints that others cosigned or time-stamped
    verify.py               the verifier as one file, for convenience; trust your own copy
    manifest.json           what is inside; every byte follows from the other files

The law: what a package says is worth nothing until `audit.verify` has looked at it; reading it
here verifies nothing. `audit.packing` writes packages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

from audit import checkpoint as checkpoints
from audit import note as notes
from audit.archive import Reader, open_reader
from audit.canonical import canonical, parse
from audit.checkpoint import Checkpoint
from audit.errors import Malformed, Tampered
from audit.tiles import TILE_WIDTH, Tile, bundles_of, decode_bundle

FORMAT: Final = "audit-package/v2"
FIRST_FORMAT: Final = "audit-package/v1"
"""Before there were anchors, a verifier inside, and pruning; it is still verified."""
CHECKPOINT = "checkpoint"
MANIFEST = "manifest.json"
DISCLOSURES = "disclosures.jsonl"
KEYS = "keys/log.vkey"
VERIFIER = "verify.py"
BLOB = re.compile(r"blobs/([0-9a-f]{64})", re.ASCII)
ANCHOR = re.compile(
    r"anchors/([1-9][0-9]{0,18})/(?:(checkpoint)|(0|[1-9][0-9]{0,3})\.tsr)", re.ASCII
)

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


class Anchored(NamedTuple):
    """A head of the log that others vouch for: a checkpoint over the first `size` entries with
    their cosignature lines, and time-stamps (DER TimeStampResp, RFC 3161) over its text."""

    size: int
    note: str
    stamps: tuple[bytes, ...] = ()


class Layout(NamedTuple):
    """What a manifest claims that decides which files belong: its format, and the index of the
    first entry that was kept (`minimum`, 0 unless the log was pruned)."""

    format: str
    minimum: int


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
        for tile in bundles_of(size, start // TILE_WIDTH):
            if tile.span[0] >= stop:
                return
            first = tile.span[0]
            bundle = decode_bundle(self.tile(tile))
            yield from bundle[max(start - first, 0) : stop - first]

    def blob(self, digest: str) -> bytes:
        """The blob with this SHA-256 in hex. Raises `Gap` if it is not here."""
        return self.files.read(f"blobs/{digest}")

    @cached_property
    def others(self) -> frozenset[str]:
        """The names of all files that are no tiles."""
        return frozenset(name for name in self.files.names() if not name.startswith("tile/"))

    def blobs(self) -> list[str]:
        """The digests of all blobs, sorted."""
        return sorted(m[1] for m in map(BLOB.fullmatch, self.others) if m)

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

    def layout(self) -> Layout:
        """Format and minimum as the manifest claims them. Raises `Tampered` for others."""
        manifest = self.manifest()
        name = manifest.get("format")
        if name not in (FORMAT, FIRST_FORMAT):
            raise Tampered(
                f"the file `{MANIFEST}` names the format `{str(name)[:60]}`; this verifier knows "
                f"`{FIRST_FORMAT}` and `{FORMAT}`",
                file=MANIFEST,
            )
        minimum = manifest.get("minimum", 0)
        if type(minimum) is not int or minimum < 0 or minimum % TILE_WIDTH:
            raise Tampered(
                f"the file `{MANIFEST}` was altered: its minimum is a whole number of bundles of "
                f"{TILE_WIDTH} entries",
                file=MANIFEST,
            )
        return Layout(name, minimum if name == FORMAT else 0)

    def anchored(self) -> list[tuple[int, bytes, list[tuple[str, bytes]]]]:
        """For each `anchors/<size>`: the size, its checkpoint, its time-stamps by file name.

        Raises `Gap` if a checkpoint is missing, for without it the time-stamps say nothing.
        """
        stamps: dict[int, list[tuple[int, str]]] = {}
        for name in self.others:
            match = ANCHOR.fullmatch(name)
            if match:
                found = stamps.setdefault(int(match[1]), [])
                if match[3]:
                    found.append((int(match[3]), name))
        read = self.files.read
        return [
            (
                size,
                read(anchor_name(size)),
                [(name, read(name)) for _, name in sorted(stamps[size])],
            )
            for size in sorted(stamps)
        ]

    def disclosures(self) -> Iterator[Disclosure]:
        """The opened commitments, in order of entry and name. Raises `Tampered`."""
        last = (-1, "")
        for number, line in enumerate(_lines(self.files.pieces(DISCLOSURES)), 1):
            disclosure = _read_disclosure(line, number)
            if last >= (disclosure.index, disclosure.name):
                raise _bad_disclosure(number, "lines are sorted by index and name, without repeats")
            last = (disclosure.index, disclosure.name)
            yield disclosure


def anchor_name(size: int, stamp: int | None = None) -> str:
    """The file of an anchored checkpoint, or of its time-stamp with this number."""
    return f"anchors/{size}/" + ("checkpoint" if stamp is None else f"{stamp}.tsr")


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a file, each with its end; of the last there may be none."""
    begun: list[bytes] = []  # joined once: a line can be as long as the file
    for piece in pieces:
        first, *more = piece.split(b"\n")
        begun.append(first)
        if more:
            yield b"".join(begun) + b"\n"
            yield from (line + b"\n" for line in more[:-1])
            begun = more[-1:]
    if rest := b"".join(begun):
        yield rest


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
