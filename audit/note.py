"""Signed notes, C2SP signed-note v1.0.0: a text, a blank line, signature lines.

    This is an example message.

    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mF…

The law: the text is worth nothing until a pinned key has signed it. `open_note` ignores
signatures by unknown keys, refuses the note if a known key's signature does not hold, and refuses
it if no known key has signed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.cosigner import Ed25519Cosigner
from audit.encoding import b64, unb64
from audit.errors import BadKey, BadNote, UnknownKey
from audit.keys import (
    ED25519,
    OfVerifier,
    Verifier,
    check_name,
    read_skey,
)

__all__ = [
    "Ed25519Cosigner",
    "Ed25519Signer",
    "OpenedNote",
    "Signature",
    "Signer",
    "Verifier",
    "check_characters",
    "countersign",
    "open_note",
    "sign",
    "split",
]

MAX_SIGNATURES = 100
_DASH = "\u2014 "
_FORBIDDEN = re.compile("[\\x00-\\x09\\x0b-\\x1f\\ud800-\\udfff]")


class Signer(Protocol):
    """Whoever can sign a note: a key in memory, in a file, in a hardware module."""

    @property
    def name(self) -> str:
        """The key name; for a log its origin."""

    @property
    def key_id(self) -> bytes:
        """Four bytes, as in the verifier key."""

    @property
    def verifier(self) -> Verifier:
        """The public half, to be pinned by whoever verifies."""

    def sign(self, message: bytes) -> bytes:
        """The signature bytes over the note text, without the key id."""


class Ed25519Signer(OfVerifier):
    """Signature type 0x01 with a private key held in memory."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        """Raises `BadKey` if `name` cannot name a key."""
        public = key.public_key().public_bytes_raw()
        super().__init__(Verifier.from_public_key(name, public, ED25519))
        self._key = key

    @classmethod
    def generate(cls, name: str) -> Ed25519Signer:
        """A new key from the operating system's randomness."""
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> Ed25519Signer:
        """The key with this 32-byte RFC 8032 seed."""
        if len(seed) != 32:
            raise BadKey(f"an Ed25519 seed has 32 bytes, not {len(seed)}")
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def from_skey(cls, skey: str) -> Ed25519Signer:
        """Parse `PRIVATE+KEY+<name>+<id>+<base64(0x01 ‖ seed)>`; the message never repeats it."""
        name, key_id, material = read_skey(skey)
        if len(material) != 33 or material[0] != ED25519:
            raise BadKey("the signer key is not an Ed25519 key (0x01 and 32 bytes)")
        signer = cls.from_seed(name, material[1:])
        if signer.key_id.hex() != key_id:
            raise BadKey(f"the signer key's id `{key_id[:20]}` is not that of its key")
        return signer

    @property
    def skey(self) -> str:
        """The signer key as text. Whoever has it can sign."""
        material = bytes([ED25519]) + self._key.private_bytes_raw()
        return f"PRIVATE+KEY+{self.name}+{self.key_id.hex()}+{b64(material)}"

    def sign(self, message: bytes) -> bytes:
        """64 bytes, RFC 8032."""
        return self._key.sign(message)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who claims to have signed, and (once verified) its time if it has one."""

    name: str
    key_id: bytes
    signature: bytes
    time: int | None = None


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A note at least one pinned key has signed."""

    text: str
    verified: tuple[Signature, ...]
    unverified: tuple[Signature, ...]


def sign(text: str, *signers: Signer) -> str:
    """The note over `text` (which must end in a newline) with a line for each signer."""
    if not signers:
        raise BadNote("a note needs at least one signer")
    if not text.endswith("\n"):
        raise BadNote("a note's text must end in a newline")
    check_characters(text)
    return text + "\n" + _lines(text, signers)


def countersign(note: str, *signers: Signer) -> str:
    """`note` with a further line for each signer. Verifies nothing: open the note first."""
    text, _ = split(note)
    return note + _lines(text, signers)


def open_note(note: str | bytes, verifiers: Iterable[Verifier]) -> OpenedNote:
    """The text of `note` and who signed it.

    Raises `BadNote` if it is malformed or `verifiers` names one key twice, `UnknownKey` if a
    known key's signature does not hold or no known key has signed.
    """
    text, signatures = split(note)
    known: dict[tuple[str, bytes], list[Verifier]] = {}
    for verifier in verifiers:
        known.setdefault((verifier.name, verifier.key_id), []).append(verifier)
    verified: dict[tuple[str, bytes], Signature] = {}
    unverified: dict[Signature, None] = {}
    for line in signatures:
        key = (line.name, line.key_id)
        if key not in known:
            unverified[line] = None
            continue
        if len(known[key]) > 1:
            raise BadNote(f"the key `{line.name}` was given more than once; which is meant?")
        time = known[key][0].verify(text.encode(), line.signature)
        verified.setdefault(key, Signature(line.name, line.key_id, line.signature, time))
    if not verified:
        raise UnknownKey(_nobody(signatures, known))
    return OpenedNote(text, tuple(verified.values()), tuple(unverified))


def split(note: str | bytes) -> tuple[str, list[Signature]]:
    """The text and the signature lines of `note`, **unverified**. Raises `BadNote`."""
    if isinstance(note, bytes):
        try:
            note = note.decode()
        except UnicodeDecodeError as error:
            raise BadNote(f"byte {error.start} of the note is not UTF-8") from error
    check_characters(note)
    end = note.rfind("\n\n")
    if end < 0:
        raise BadNote("the note has no blank line between its text and its signatures")
    text, lines = note[: end + 1], note[end + 2 :]
    if not lines.endswith("\n"):
        raise BadNote("the note does not end in a signature line and a newline")
    rows = lines[:-1].split("\n")
    if len(rows) > MAX_SIGNATURES:
        raise BadNote(f"the note has more than {MAX_SIGNATURES} signatures")
    return text, [_signature(row) for row in rows]


def _signature(row: str) -> Signature:
    name, _, encoded = row.removeprefix(_DASH).partition(" ")
    if not row.startswith(_DASH):
        raise BadNote(f"`{row[:80]}` is not a signature line: expected an em dash and a space")
    try:
        check_name(name)
        data = unb64(encoded)
    except ValueError as error:
        raise BadNote(f"`{row[:80]}` is not a signature line: {error}") from error
    if len(data) < 5:
        raise BadNote(f"the signature by `{name}` is too short to be one")
    return Signature(name, data[:4], data[4:])


def _lines(text: str, signers: Iterable[Signer]) -> str:
    lines = []
    for signer in signers:
        check_name(signer.name)
        lines.append(f"{_DASH}{signer.name} {b64(signer.key_id + signer.sign(text.encode()))}\n")
    return "".join(lines)


def check_characters(text: str) -> None:
    """Raises `BadNote` for control characters other than the newline and for half surrogates."""
    found = _FORBIDDEN.search(text)
    if found is not None:
        raise BadNote(f"a note must not hold the character U+{ord(found[0]):04X}")


def _nobody(signatures: list[Signature], known: Iterable[tuple[str, bytes]]) -> str:
    signed = ", ".join(f"`{s.name}+{s.key_id.hex()}`" for s in signatures)
    pinned = ", ".join(f"`{name}+{key_id.hex()}`" for name, key_id in known)
    return f"no pinned key has signed it: signed by {signed}; pinned {pinned or 'none'}"
