"""Every parser of things that come from outside, what it must refuse, and how it prints again.

The law that `judge` holds for any bytes: a parser returns or raises `LogError`; what it returned
prints as the very bytes it was read from; and what a key or a hash vouches for is never accepted
with another content. Used by the suite (hypothesis) and by `make fuzz-parsers` (atheris).
"""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audit import checkpoint as checkpoints
from audit import cosigner, witness_request
from audit.archive import open_reader, open_writer
from audit.canonical import canonical, parse
from audit.checkpoint import Checkpoint, sign_checkpoint
from audit.encoding import b64
from audit.entry import Entry, decode, encode
from audit.errors import LogError
from audit.head import SLOT_SIZE, decode_slot, encode_slot
from audit.keys import Verifier
from audit.note import Ed25519Signer, OpenedNote, countersign, open_note, split
from audit.package import Anchored, Package
from audit.packing import write_package
from audit.proof import TlogProof
from audit.retained import read_retained
from audit.tiles import (
    Tile,
    decode_bundle,
    encode_bundle,
    entries_path,
    parse_path,
    tile_bytes,
    tile_hashes,
    tile_path,
)
from audit.tree import consistency_proof, frontier_at, inclusion_proof, leaf_hash, root_of
from audit.trust import TrustPolicy
from audit.verify import verify
from tests.memory_log import MemoryLog

SIGNER = Ed25519Signer.from_seed("example.com/fuzz", bytes(range(32)))
WITNESS = cosigner.from_seed("witness.example/w1", 4, bytes([9] * 32), lambda: 1_795_168_800)
_AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
_BY = {"id": "k1", "type": "agent"}


def _entry(number: int) -> bytes:
    return encode(Entry("note", _AT, _BY, {"n": number, "text": 'ü\u2028\\"' * (number % 3)}))


LOG = MemoryLog(map(_entry, range(300)))
NOTE = countersign(sign_checkpoint(Checkpoint(SIGNER.name, 300, LOG.root()), SIGNER), WITNESS)
PROOF = TlogProof(7, tuple(inclusion_proof(7, 300, LOG.node)), NOTE)
_LEAF = leaf_hash(_entry(7))
_BUNDLE = list(LOG.entries(256, 300))
_POLICY = f"""# ours
log {SIGNER.vkey} https://log.example/
witness w1 {WITNESS.vkey} https://w1.example/
group g 1 w1
quorum g
"""


@dataclass(frozen=True)
class Parser:
    """One parser: `examples` it accepts, how to `read`, how to `show` again (None: it cannot).

    `truth` is what keys or hashes vouch for in what was read: it must be that of an example.
    """

    examples: Sequence[bytes]
    read: Callable[[bytes], Any]
    show: Callable[[Any], bytes] | None = None
    truth: Callable[[Any], Any] | None = None


def _note(data: bytes) -> tuple[str, list[Any]]:
    return split(data)


def _print_note(value: tuple[str, list[Any]]) -> bytes:
    text, lines = value
    rows = [f"— {line.name} {b64(line.key_id + line.signature)}\n" for line in lines]
    return f"{text}\n{''.join(rows)}".encode()


def _opened(data: bytes) -> OpenedNote:
    return open_note(data, [SIGNER.verifier, Verifier.from_vkey(WITNESS.vkey)])


def _text(read: Callable[[str], Any]) -> Callable[[bytes], Any]:
    """A parser of text: bytes that are no UTF-8 never reach it."""

    def run(data: bytes) -> Any:
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise LogError("it is not UTF-8") from error
        return read(text)

    return run


def _proven(data: bytes) -> tuple[int, Checkpoint]:
    proof = _text(TlogProof.parse)(data)
    return proof.index, proof.verify(_LEAF, [SIGNER.verifier], SIGNER.name)


def _vouched_bundle(data: bytes) -> list[bytes]:
    """A bundle held against its leaf hashes, as every reader of bundles does."""
    entries = decode_bundle(data)
    if root_of([leaf_hash(each) for each in entries]) != root_of([leaf_hash(e) for e in _BUNDLE]):
        raise LogError("it is not the bundle that was signed")
    return entries


def _zip(data: bytes) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.zip"
        path.write_bytes(data)
        reader = open_reader(path)
        return {name: reader.read(name) for name in sorted(reader.names())}


def _zipped(names: Mapping[str, bytes]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        writer = open_writer(Path(folder) / "x.zip")
        for name, data in names.items():
            writer.add(name, data)
        writer.close()
        return (Path(folder) / "x.zip").read_bytes()


def _package() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.zip"
        log = MemoryLog(map(_entry, range(20)))
        note = sign_checkpoint(Checkpoint(SIGNER.name, 20, log.root()), SIGNER)
        write_package(path, log, note, keys=[SIGNER.vkey], blobs=[b"rules: []\n"])
        return path.read_bytes()


def _anchored() -> bytes:
    """A package with everything a package can hold."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.zip"
        log = MemoryLog(map(_entry, range(20)))
        notes = {
            n: sign_checkpoint(Checkpoint(SIGNER.name, n, frontier_at(n, log.node).root()), SIGNER)
            for n in (9, 20)
        }
        stamp = hashlib.sha256(split(notes[9])[0].encode()).digest()
        anchor = Anchored(9, countersign(notes[9], WITNESS), (b"no real token over " + stamp,))
        write_package(
            path, log, notes[20], keys=[SIGNER.vkey], anchors=[anchor], verifier=b"# a verifier\n"
        )
        return path.read_bytes()


def _seen(data: bytes) -> tuple[int, bytes, list[bytes], Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.zip"
        path.write_bytes(data)
        proven = verify(path, [SIGNER.vkey, WITNESS.vkey])
        return proven.size, proven.root, list(Package.open(path).entries()), proven.outside.seen


def _verified(data: bytes) -> tuple[int, bytes, list[bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.zip"
        path.write_bytes(data)
        proven = verify(path, [SIGNER.vkey])
        return proven.size, proven.root, list(Package.open(path).entries())


_RECEIPT = json.dumps(
    {
        "index": 7,
        "leaf_hash": _LEAF.hex(),
        "tree_size": 300,
        "checkpoint": NOTE,
        "proof": PROOF.encode(),
    }
).encode()

PARSERS: dict[str, Parser] = {
    "note": Parser([NOTE.encode()], _note, _print_note),
    "signed note": Parser([NOTE.encode()], _opened, truth=lambda opened: opened.text),
    "checkpoint": Parser(
        [
            NOTE.partition("\n\n")[0].encode() + b"\n",
            b"a\n0\n" + b64(bytes(32)).encode() + b"\nx\n",
        ],
        _text(checkpoints.parse),
        lambda tree: checkpoints.encode(tree).encode(),
    ),
    "verifier key": Parser(
        [SIGNER.vkey.encode(), WITNESS.vkey.encode()],
        _text(Verifier.from_vkey),
        lambda key: key.vkey.encode(),
    ),
    "signer key": Parser(
        [SIGNER.skey.encode()], _text(Ed25519Signer.from_skey), lambda key: key.skey.encode()
    ),
    "cosigner key": Parser(
        [WITNESS.skey.encode()],
        _text(lambda text: cosigner.from_skey(text, lambda: 0)),
        lambda key: key.skey.encode(),
    ),
    "proof": Parser(
        [PROOF.encode().encode(), TlogProof(0, (), NOTE, b"extra").encode().encode()],
        _text(TlogProof.parse),
        lambda proof: proof.encode().encode(),
    ),
    "proof that is verified": Parser(
        [PROOF.encode().encode()], _proven, truth=lambda proven: proven
    ),
    "tile path": Parser(
        [
            path.encode()
            for path in (tile_path(0, 1234067), tile_path(2, 9, 17), entries_path(5, 200))
        ],
        _text(parse_path),
        lambda tile: tile.path.encode(),
    ),
    "tile": Parser(
        [tile_bytes(Tile(0, 1, 44), LOG.node)], tile_hashes, lambda hashes: b"".join(hashes)
    ),
    "bundle": Parser(
        [encode_bundle(_BUNDLE), encode_bundle([b"", b"x"])], decode_bundle, encode_bundle
    ),
    "bundle that is verified": Parser(
        [encode_bundle(_BUNDLE)], _vouched_bundle, truth=lambda entries: entries
    ),
    "entry": Parser([_entry(1), _entry(2)], decode, encode),
    "canonical json": Parser(
        [canonical({"a": [1, None, True, "ü"], "": {"b": -(2**53) + 1}})], parse, canonical
    ),
    "head slot": Parser(
        [encode_slot(NOTE, 3)],
        lambda data: decode_slot(data[:SLOT_SIZE].ljust(SLOT_SIZE, b"\0")),
        truth=lambda slot: (slot.note, slot.sequence),
    ),
    "trust policy": Parser([_POLICY.encode()], TrustPolicy.parse),
    "add-checkpoint": Parser(
        [
            witness_request.AddCheckpoint(
                256, tuple(consistency_proof(256, 300, LOG.node)), NOTE
            ).encode()
        ],
        witness_request.parse,
        lambda request: request.encode(),
    ),
    "witness's size": Parser([b"300\n"], witness_request.parse_size, lambda size: b"%d\n" % size),
    "anchor": Parser(
        [NOTE.encode(), _RECEIPT, PROOF.encode().encode(), encode_slot(NOTE, 0)],
        lambda data: read_retained("it", data, [SIGNER.verifier]),
        truth=lambda anchor: anchor.checkpoint,
    ),
    "archive": Parser([_zipped({"a": b"1" * 40, "b/c": b""})], _zip),
    "anchored package": Parser([_anchored()], _seen, truth=lambda proven: proven),
    "package": Parser([_package()], _verified, truth=lambda proven: proven),
}
"""By name. An example is text or bytes as they come from a file or a stranger."""


def judge(name: str, data: bytes) -> bool:
    """Give `data` to a parser; whether it was accepted. Raises AssertionError if the law is broken."""
    parser = PARSERS[name]
    try:
        value = parser.read(data)
    except LogError:
        return False
    if parser.show is not None:
        printed = parser.show(value)
        assert printed == data, f"{name}: read {data!r}, prints {printed!r}"
    if parser.truth is not None:
        known = [parser.truth(parser.read(example)) for example in parser.examples]
        assert parser.truth(value) in known, f"{name}: accepted {data!r}"
    if name == "trust policy":
        assert TrustPolicy.parse(value.encode()).encode() == value.encode()
    return True


def spoil(data: bytes, chance: random.Random, other: bytes = b"") -> bytes:
    """`data` with one to three alterations such as accidents and attackers make."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(data) + 1)
        stop = min(len(data), at + chance.choice((1, 1, 2, 8, 32)))
        kind = chance.randrange(8)
        if kind == 0 and at < len(data):
            data = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + data[stop:]
        elif kind == 2:
            data = data[:at] + data[at:stop] + data[at:]
        elif kind == 3:
            data = (
                data[:at]
                + bytes(chance.choices(b'\n\0 +/=0123456789Az"{}x\x80\xff', k=2))
                + data[at:]
            )
        elif kind == 4:
            data = data[:at]
        elif kind == 5 and other:
            data = data[:at] + other[chance.randrange(len(other)) :]
        elif kind == 6:
            lines = data.split(b"\n")
            chance.shuffle(lines)
            data = b"\n".join(lines)
        else:
            number = str(chance.choice((0, 1, 255, 256, 2**31, 2**53, 2**63, 2**64))).encode()
            data = data[:at] + number + data[stop:]
    return data
