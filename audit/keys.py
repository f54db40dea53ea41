"""Verifier keys: text that pins who may sign, C2SP signed-note v1.0.0 and tlog-cosignature.

    <name>+<key id, 8 hex digits>+<base64(type ‖ public key)>

The law: a key's id is a hash of its name, type and public key, and a `vkey` whose id is not its
own is refused, so a vkey altered in one character never becomes another key.

Known types: 0x01 Ed25519 over the text, 0x02 ECDSA with SHA-256 (P-256, P-384, P-521), 0x04
Ed25519 cosignature with a time, 0x06 ML-DSA-44 cosignature with a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from audit.encoding import MAX_SIZE, b64, decimal, unb64
from audit.errors import BadCheckpoint, BadKey, BadNote, UnknownKey

ED25519 = 0x01
ECDSA = 0x02
ED25519_COSIGNATURE = 0x04
MLDSA44_COSIGNATURE = 0x06

COSIGNATURES = frozenset({ED25519_COSIGNATURE, MLDSA44_COSIGNATURE})
_LENGTHS = {ED25519: 32, ED25519_COSIGNATURE: 32, MLDSA44_COSIGNATURE: 1312}

_COSIGNATURE_LENGTHS = {ED25519_COSIGNATURE: 8 + 64, MLDSA44_COSIGNATURE: 8 + 2420}

_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)

NEEDS_48 = (
    "a key of type 0x06 (ML-DSA-44) needs version 48 of the package `cryptography`, which is not "
    "installed here"
)

_Check = Callable[[bytes, bytes], None]


@dataclass(frozen=True, slots=True)
class Verifier:
    """A pinned public key. Make one with `from_vkey` or `from_public_key`."""

    name: str
    key_id: bytes
    algorithm: int
    public_key: bytes
    _check: _Check = field(repr=False, compare=False)

    @classmethod
    def from_vkey(cls, vkey: str) -> Verifier:
        """Parse a vkey. Raises `BadKey` for anything but the one spelling of a known key."""
        if "PRIVATE+KEY+" in vkey:  # whatever else is wrong with it: it is not repeated
            raise BadKey(
                "this is the private half of a key, with which anybody could sign: keep it where it "
                "was, and give the verifier key, `name+id+key` (of a log, the line in `log.vkey`)"
            )
        parts = vkey.split("+", 2)
        if len(parts) != 3:
            raise BadKey(f"`{vkey[:80]}` is not a verifier key: expected `name+id+key`")
        name, key_id, encoded = parts
        try:
            material = unb64(encoded)
        except ValueError as error:
            raise BadKey(f"verifier key `{vkey[:80]}`: {error}") from error
        verifier = cls.from_public_key(name, material[1:], material[0] if material else 0)
        if verifier.key_id.hex() != key_id:
            raise BadKey(
                f"verifier key `{vkey[:80]}`: the id `{key_id[:20]}` is not that of its key; a "
                "character was lost or changed on the way"
            )
        return verifier

    @classmethod
    def from_public_key(cls, name: str, public_key: bytes, algorithm: int = ED25519) -> Verifier:
        """A verifier for `public_key` (raw bytes; SPKI DER for type 0x02). Raises `BadKey`."""
        check_name(name)
        check = _checker(algorithm, public_key)
        return cls(name, key_id(name, algorithm, public_key), algorithm, public_key, check)

    @property
    def checkable(self) -> bool:
        """Whether the `cryptography` that is installed here can check its signatures.

        A key is a key either way: what a log says of its keys must not depend on who reads it.
        """
        return self._check is not _cannot

    @property
    def vkey(self) -> str:
        """The text form, to be handed to whoever verifies."""
        return f"{self.name}+{self.key_id.hex()}+{b64(bytes([self.algorithm]) + self.public_key)}"

    def checked(self) -> Verifier:
        """This key, for whoever pins it. Raises `BadKey` if it is not `checkable`."""
        if not self.checkable:
            raise BadKey(NEEDS_48)
        return self

    def verify(self, text: bytes, signature: bytes) -> int | None:
        """Check `signature` over the note text; return its time (Unix seconds) if it bears one.

        Raises `UnknownKey` if the signature does not hold.
        """
        time, message = None, text
        if self.algorithm in COSIGNATURES:
            time, message, signature = _timestamped(self, text, signature)
        try:
            self._check(signature, message)
        except (InvalidSignature, ValueError):
            raise UnknownKey(f"the signature by `{self.name}` does not hold") from None
        return time


def key_id(name: str, algorithm: int, public_key: bytes) -> bytes:
    """SHA-256(name ‖ newline ‖ type ‖ public key)[:4]; for ECDSA SHA-256(SPKI DER)[:4]."""
    if algorithm == ECDSA:
        return hashlib.sha256(public_key).digest()[:4]
    return hashlib.sha256(name.encode() + b"\n" + bytes([algorithm]) + public_key).digest()[:4]


@lru_cache(maxsize=256)
def check_name(name: str) -> None:
    """Raises `BadKey` unless `name` is non-empty, without spaces, `+` and control characters."""
    if (
        not name
        or "+" in name
        or any(c.isspace() or c < " " or "\ud800" <= c <= "\udfff" for c in name)
    ):
        raise BadKey(
            f"`{ascii(name[:80])[1:-1]}` cannot name a key: expected characters other than spaces and "
            "`+`"
        )


def read_skey(skey: str) -> tuple[str, str, bytes]:
    """Name, key id (hex) and `type ‖ seed` of `PRIVATE+KEY+<name>+<id>+<base64(type ‖ seed)>`.

    Raises `BadKey`; the message never repeats the key.
    """
    parts = skey.split("+", 4)
    if len(parts) != 5 or parts[:2] != ["PRIVATE", "KEY"]:
        raise BadKey("not a signing key: expected `PRIVATE+KEY+name+id+key`")
    _, _, name, key_id, encoded = parts
    try:
        return name, key_id, unb64(encoded)
    except ValueError:
        raise BadKey("the signing key's last part is not base64") from None


def cosignature_message(text: bytes, time: int) -> bytes:
    """What an Ed25519 cosigner signs: the checkpoint's text with its time, tlog-cosignature."""
    return b"cosignature/v1\ntime %d\n" % time + text


def _checker(algorithm: int, public_key: bytes) -> _Check:
    wanted = _LENGTHS.get(algorithm)
    if wanted is not None and len(public_key) != wanted:
        raise BadKey(f"a key of type 0x{algorithm:02x} has {wanted} bytes, not {len(public_key)}")
    try:
        if algorithm in (ED25519, ED25519_COSIGNATURE):
            return Ed25519PublicKey.from_public_bytes(public_key).verify
        if algorithm == MLDSA44_COSIGNATURE:
            return _mldsa44(public_key)
        if algorithm == ECDSA:
            return _ecdsa(public_key)
    except ValueError as error:
        raise BadKey(f"not a public key of type 0x{algorithm:02x}: {error}") from error
    raise BadKey(f"signature type 0x{algorithm:02x} is not known here; 0x01, 0x02, 0x04, 0x06 are")


def _mldsa44(public_key: bytes) -> _Check:
    try:  # so that a verifier with an older `cryptography` can check everything else
        from cryptography.hazmat.primitives.asymmetric import mldsa
    except ImportError:
        return _cannot
    return mldsa.MLDSA44PublicKey.from_public_bytes(public_key).verify


def _cannot(signature: bytes, message: bytes) -> None:
    raise UnknownKey(NEEDS_48)


def _ecdsa(spki: bytes) -> _Check:
    key = load_der_public_key(spki)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, _CURVES):
        raise BadKey("a key of type 0x02 must be on the curve P-256, P-384 or P-521")
    if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != spki:
        raise BadKey("a key of type 0x02 must be in its only spelling: DER, an uncompressed point")

    def check(signature: bytes, message: bytes) -> None:
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))

    return check


def cosignature_time(signature: bytes) -> int:
    """The Unix seconds in a cosignature of either type, **unverified**. Raises `BadNote`."""
    if len(signature) not in _COSIGNATURE_LENGTHS.values():
        raise BadNote(f"a cosignature has 72 or 2,428 bytes, not {len(signature)}")
    time = int.from_bytes(signature[:8], "big")
    if time > MAX_SIZE:
        raise BadNote("a cosignature's time is below 2^63")
    return time


def _timestamped(key: Verifier, text: bytes, signature: bytes) -> tuple[int, bytes, bytes]:
    if len(signature) != _COSIGNATURE_LENGTHS[key.algorithm]:
        raise UnknownKey(f"the cosignature by `{key.name}` is not of its key's length")
    try:
        time = cosignature_time(signature)
    except BadNote as error:
        raise UnknownKey(f"the cosignature by `{key.name}`: {error}") from error
    if key.algorithm == ED25519_COSIGNATURE:
        return time, cosignature_message(text, time), signature[8:]
    try:
        return time, subtree_message(key.name, text, time), signature[8:]
    except BadCheckpoint as error:
        raise UnknownKey(f"the cosignature by `{key.name}`: {error}") from error


def subtree_message(cosigner: str, text: bytes, time: int) -> bytes:
    """What an ML-DSA-44 cosigner signs over a checkpoint, tlog-cosignature; start is 0.

    Extension lines are not in it. Raises `BadCheckpoint` if `text` is none, or if the origin or
    the cosigner's name has more than 255 bytes.
    """
    try:
        origin, size, root = text.split(b"\n")[:3]
        end, digest = decimal(size.decode()), unb64(root.decode())
    except ValueError as error:
        raise BadCheckpoint("what is cosigned is not a checkpoint") from error
    name = cosigner.encode()
    if len(name) > 255 or not 0 < len(origin) <= 255 or len(digest) != 32:
        raise BadCheckpoint("what is cosigned has a name, an origin or a root of a wrong length")
    return b"".join(
        (
            b"subtree/v1\n\0",
            bytes([len(name)]) + name,
            time.to_bytes(8, "big"),
            bytes([len(origin)]) + origin,
            bytes(8),
            end.to_bytes(8, "big"),
            digest,
        )
    )


class OfVerifier:
    """Somebody who holds the private half of `verifier`, whatever it signs and wherever it is."""

    def __init__(self, verifier: Verifier) -> None:
        self.verifier = verifier

    @property
    def name(self) -> str:
        """The key name: a log's origin, a witness's name."""
        return self.verifier.name

    @property
    def key_id(self) -> bytes:
        """Four bytes, as in the verifier key."""
        return self.verifier.key_id

    @property
    def vkey(self) -> str:
        """The verifier key, to be handed out."""
        return self.verifier.vkey
